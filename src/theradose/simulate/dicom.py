"""The DICOM objects of a simulated treatment cycle: SPECT and CT of each visit, outlines on the reference."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from theradose.formats.dicom.context import DicomContext, ImageReference
from theradose.formats.dicom.ct_write import CtAcquisition, write_ct_series
from theradose.formats.dicom.nm_write import NmAcquisition, write_nm_volume
from theradose.formats.dicom.rtstruct_write import write_rtstruct
from theradose.formats.dicom.uids import derive_uid
from theradose.model.activity import ImageUnit
from theradose.model.grid import Grid
from theradose.model.region import RegionKind
from theradose.provenance import package_version
from theradose.simulate.camera import Camera
from theradose.simulate.outlines import outline_regions
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.visit import Variant, Visit, VisitImages, image_visit

_READER = "simulated reader"
_RADIOPHARMACEUTICAL = "[177Lu]Lu-DOTATATE"
_CT_BEFORE = timedelta(minutes=5)
_SWAPPED = {"left-kidney": "right-kidney", "right-kidney": "left-kidney"}


def patient_id(patient: DigitalPatient) -> str:
    """Return the identifier of a digital patient."""
    return f"SIM-{patient.seed:06d}"


def outlined_regions(patient: DigitalPatient) -> tuple[str, ...]:
    """Return the regions that the structure set holds: organs and lesions, then vertebrae."""
    anatomy = patient.anatomy
    regions = tuple(
        name for name in anatomy.region_names if anatomy.parts[anatomy.parts_of(name)[0]].kind is not RegionKind.OTHER
    )
    return (*regions, *anatomy.structure_names)


class DicomWriter:
    """Images the visits of one patient and writes them."""

    def __init__(
        self,
        folder: Path,
        patient: DigitalPatient,
        camera: Camera,
        unit: ImageUnit,
        variant: Variant,
        administered_at: datetime,
        *,
        outlined: tuple[str, ...] | None = None,
    ) -> None:
        self._outlined = outlined_regions(patient) if outlined is None else outlined
        self._folder = folder
        self._patient = patient
        self._camera = camera
        self._unit = unit
        self._variant = variant
        self._administered_at = administered_at

    def write(self, visit: Visit) -> VisitImages:
        """Write SPECT and CT of a visit, and the structure set if it is the reference."""
        context = self._context(visit)
        images = image_visit(
            visit,
            patient=self._patient,
            camera=self._camera,
            unit=self._unit,
            variant=self._variant,
            frame_of_reference=derive_uid(context.study_uid, "frame of reference"),
        )
        write_nm_volume(
            self._folder / f"nm_{visit.hours}h" / "nm.dcm",
            images.spect,
            unit=self._unit,
            acquisition=self._nm_acquisition(visit, images.accumulated_counts),
            context=context,
            description="SPECT, attenuation and scatter corrected",
        )
        ct = write_ct_series(
            self._folder / f"ct_{visit.hours}h",
            images.ct,
            acquisition=CtAcquisition(
                visit.acquired_at - _CT_BEFORE,
                self._camera.name,
                self._camera.ct["kvp"],
                self._camera.ct["tube_current_ma"],
            ),
            context=context,
            description="CT, low dose",
        )
        if self._variant is Variant.MISSING_SLICE and visit.is_last:
            middle = len(ct.instance_uids) // 2
            (self._folder / f"ct_{visit.hours}h" / f"ct_{middle:04d}.dcm").unlink()
        if visit.is_reference:
            self._write_regions(visit, context, ct, images.ct.grid)
        return images

    def _context(self, visit: Visit) -> DicomContext:
        patient = self._patient
        return DicomContext(
            patient_id=patient_id(patient),
            patient_name="Digital^Patient",
            patient_sex="O",
            patient_birth_date="",
            study_uid=derive_uid(
                "simulation", str(patient.seed), self._variant.value, self._unit.value, str(visit.hours)
            ),
            study_at=visit.acquired_at - _CT_BEFORE,
            content_at=visit.acquired_at,
            patient_position="HFS",
            software_version=package_version(),
            study_description=f"SPECT/CT {visit.hours} h",
        )

    def _nm_acquisition(self, visit: Visit, accumulated_counts: int) -> NmAcquisition:
        camera = self._camera
        return NmAcquisition(
            nuclide=self._patient.nuclide.name,
            radiopharmaceutical=_RADIOPHARMACEUTICAL,
            administered_mbq=self._patient.administered_mbq,
            administered_at=self._administered_at,
            acquired_at=visit.acquired_at,
            views=camera.views_per_head,
            seconds_per_view=camera.seconds_per_view,
            heads=camera.heads,
            energy_window_kev=camera.energy_window_kev,
            counts_accumulated=accumulated_counts,
            corrections=("ATTN", "SCAT"),
            camera=camera.name,
        )

    def _write_regions(self, visit: Visit, context: DicomContext, ct: ImageReference, grid: Grid) -> None:
        contours = outline_regions(
            self._patient.anatomy,
            self._outlined,
            grid,
            series_uid=ct.series_uid,
            drafted_by=_READER,
        )
        if self._variant is Variant.SWAPPED_SIDES:
            contours = replace(
                contours,
                regions=tuple(
                    replace(region, name=_SWAPPED.get(region.name, region.name)) for region in contours.regions
                ),
            )
        write_rtstruct(self._folder / "rtstruct" / f"{visit.id}.dcm", contours, context=context, image=ct)
