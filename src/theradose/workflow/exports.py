"""Maps and DICOM objects of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from theradose.acquire.load import image_reference
from theradose.formats.dicom.context import DicomContext, StructureSetReference
from theradose.formats.dicom.rtdose_write import Heterogeneity, write_rtdose
from theradose.formats.dicom.rtstruct_write import write_rtstruct
from theradose.formats.dicom.seg_write import write_seg
from theradose.formats.dicom.uids import derive_uid
from theradose.formats.nifti import write_nifti
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.provenance import package_version
from theradose.spatial.contouring import contour_segmentation
from theradose.spatial.labels import label_image
from theradose.workflow.biology import bed_map
from theradose.workflow.case import Case
from theradose.workflow.engine_document import DIFFERENCE_FILE
from theradose.workflow.outcome import Outcome

BED_FILE = "bed.nii.gz"


def export_maps(case: Case, outcome: Outcome, folder: Path, *, run_id: str, created: datetime) -> tuple[Finding, ...]:
    """Write NIfTI maps, RTDOSE, SEG, and RTSTRUCT where the reference image is DICOM.

    Parameters
    ----------
    folder : Path
        The run folder.
    run_id : str
        Makes the UIDs of this run.
    created : datetime
        Date and time in the DICOM objects.
    """
    segmentation = outcome.reference.segmentation
    write_nifti(outcome.dose, folder / "dose.nii.gz")
    if outcome.dose_u is not None:
        write_nifti(outcome.dose_u, folder / "dose_u.nii.gz")
    if outcome.dose.u is not None:
        write_nifti(outcome.dose.u, folder / "dose_statistics_u.nii.gz")
    if outcome.maps.cross is not None:
        difference = outcome.maps.cross.data - outcome.dose.data
        write_nifti(Volume(difference, outcome.dose.grid), folder / DIFFERENCE_FILE)
    effective = bed_map(outcome.regions, segmentation, outcome.dose) if case.study.biology.map else None
    if effective is not None:
        write_nifti(effective, folder / BED_FILE)
    write_nifti(outcome.tia, folder / "tia.nii.gz")
    write_nifti(label_image(segmentation), folder / "regions.nii.gz")
    rates = folder / "dose_rates"
    rates.mkdir()
    for name, rate in outcome.dose_rates.items():
        write_nifti(rate, rates / f"{name}.nii.gz")
    return _export_dicom(case, outcome, effective, folder / "dicom", run_id=run_id, created=created)


def _export_dicom(
    case: Case, outcome: Outcome, effective: DoseMap | None, folder: Path, *, run_id: str, created: datetime
) -> tuple[Finding, ...]:
    folder.mkdir()
    reference = outcome.reference
    image = image_reference(case.study_file.resolve(case.timepoint(reference.id).activity or ""))
    context = _context(case, run_id=run_id, created=created, study_uid=image.study_uid if image else None)
    findings = list(write_seg(folder / "seg.dcm", reference.segmentation, context=context, image=image))
    structures: StructureSetReference | None = None
    if image is not None:
        contours, noticed = contour_segmentation(reference.segmentation, series_uid=image.series_uid)
        structures = write_rtstruct(folder / "rtstruct.dcm", contours, context=context, image=image)
        findings += noticed
    heterogeneity: Heterogeneity = "IMAGE" if outcome.ct is not None else "WATER"
    dvhs = {region.region.name: region.doses.histogram() for region in outcome.regions} if structures else None
    findings += write_rtdose(
        folder / "rtdose.dcm",
        outcome.dose,
        context=context,
        dvhs=dvhs,
        structure_set=structures,
        heterogeneity=heterogeneity,
    )
    if effective is not None:
        beds = {region.region.name: region.meaning.bed for region in outcome.regions}
        histograms = {name: of.doses.histogram() for name, of in beds.items() if of is not None and of.doses}
        # A written dose has no sign for what is not known: outside the regions it is 0.
        findings += write_rtdose(
            folder / "rtdose_bed.dcm",
            replace(effective, data=np.nan_to_num(effective.data, nan=0.0)),
            context=context,
            dvhs=histograms if structures else None,
            structure_set=structures,
            heterogeneity=heterogeneity,
            effective=True,
        )
    return tuple(findings)


def _context(case: Case, *, run_id: str, created: datetime, study_uid: str | None) -> DicomContext:
    patient = case.study.patient
    named = case.study.report.identify_patient
    return DicomContext(
        patient_id=patient.id or "",
        patient_name=(patient.name or "") if named else "",
        patient_sex=patient.sex or "",
        patient_birth_date=(patient.birth_date or "") if named else "",
        # The objects join the study of the image that they belong to, so that a viewer shows them together.
        study_uid=study_uid or derive_uid("study", run_id),
        study_at=case.start,
        content_at=created,
        patient_position="",
        software_version=package_version(),
        study_description="Dosimetry",
    )
