"""A simulated hybrid study: one SPECT/CT and planar images at several times, with their truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from theradose.data import load_yaml
from theradose.formats.dicom.context import DicomContext
from theradose.formats.dicom.nm_write import NmAcquisition
from theradose.formats.dicom.planar_write import PlanarEncoding, write_nm_planar
from theradose.formats.dicom.uids import derive_uid
from theradose.model.activity import ImageUnit
from theradose.provenance import package_version
from theradose.simulate.camera import SPECT_CT, Camera, load_camera
from theradose.simulate.dicom import DicomWriter, outlined_regions, patient_id
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.phantom import measure_recovery
from theradose.simulate.planar import PLANAR, planar_visit
from theradose.simulate.readings import draw_blood, write_readings
from theradose.simulate.truth import TrueTimepoint, Truth, true_marrow, true_regions
from theradose.simulate.visit import Variant, Visit, plan_visits
from theradose.simulate.write import (
    DICOM_FOLDER,
    RECOVERY_FILE,
    STUDY_FILE,
    TRUTH_FILE,
    administration_time,
    draw_patient,
    publish,
    say_nothing,
    spect_timepoint,
    start_folder,
    write_recovery,
    write_study,
)

HYBRID = "hybrid"
_PROTOCOL = "lu177-dotatate/hybrid-5"
_RADIOPHARMACEUTICAL = "[177Lu]Lu-DOTATATE"


def simulate_hybrid_study(
    out: Path,
    *,
    seed: int = 177,
    encoding: PlanarEncoding | None = None,
    spec: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Truth:
    """Write a digital patient's cycle with one SPECT/CT at 24 h and planar images at 1, 24, 96 and 168 h.

    ``dicom/nm_24h/``, ``dicom/ct_24h/``, ``dicom/rtstruct/tp24.dcm``, ``dicom/planar_1h/`` …, ``recovery.csv``,
    ``study.yaml`` and ``truth.json``. The same arguments give the same bytes. All images are counts with dead time.

    Parameters
    ----------
    out : Path
        Folder; an earlier simulation in it is replaced.
    seed : int
        From which patient, poses and noise are drawn.
    encoding : PlanarEncoding, optional
        How much the planar files say about their views.
    spec : mapping, optional
        ``data/simulation/planar.yaml`` by default.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Truth
        Also in ``truth.json``.

    Raises
    ------
    StudyError
        If `out` holds DICOM that no simulation wrote.
    """
    report = progress or say_nothing
    spec = load_yaml(PLANAR) if spec is None else spec
    partial = start_folder(out)
    report("patient")
    camera, start = load_camera(), administration_time()
    patient = draw_patient(seed, Variant.STANDARD, camera)
    schedule = load_yaml(SPECT_CT) | {"reference_h": spec["spect_h"][0]}
    spects = plan_visits(schedule | {"schedule_h": spec["spect_h"]}, seed=seed, administered_at=start)
    planars = plan_visits(schedule | {"schedule_h": spec["schedule_h"]}, seed=seed, administered_at=start)
    planars = tuple(_after_spect(visit, spects, spec) for visit in planars)
    report("phantom")
    write_recovery(partial / RECOVERY_FILE, measure_recovery(camera, seed=seed))
    blood = draw_blood(patient)
    write_readings(partial, patient, blood, administered_at=start)
    outlined = tuple(name for name in outlined_regions(patient) if name not in patient.anatomy.structure_names)
    writer = DicomWriter(
        partial / DICOM_FOLDER, patient, camera, ImageUnit.COUNTS, Variant.STANDARD, start, outlined=outlined
    )
    known = []
    for visit in spects:
        report(f"SPECT/CT at {visit.hours} h")
        images = writer.write(visit)
        known.append(_true_timepoint(visit, visit.id, patient, images.view_mbq, images.live_fraction))
    for visit in planars:
        report(f"planar images at {visit.hours} h")
        simulated = planar_visit(visit, patient=patient, camera=camera, spec=spec)
        write_nm_planar(
            partial / DICOM_FOLDER / f"planar_{visit.hours}h" / "planar.dcm",
            simulated.pair,
            acquisition=_acquisition(patient, camera, visit, float(spec["exposure_s"])),
            context=_context(patient, visit),
            description="Planar, anterior and posterior",
            encoding=encoding,
        )
        body_mbq = float(patient.body_curve().activity_mbq(visit.t_h))
        known.append(_true_timepoint(visit, _planar_id(visit), patient, body_mbq, simulated.live_fraction))
    truth = Truth(
        seed=seed,
        variant=HYBRID,
        unit=ImageUnit.COUNTS.value,
        nuclide=patient.nuclide.name,
        administered_mbq=patient.administered_mbq,
        reference_timepoint=spects[0].id,
        regions=true_regions(patient, outlined),
        marrow=true_marrow(patient),
        body=patient.body_curve(),
        blood=blood,
        timepoints=tuple(sorted(known, key=lambda item: item.t_h)),
    )
    write_study(
        partial / STUDY_FILE,
        patient,
        camera,
        ImageUnit.COUNTS,
        protocol=_PROTOCOL,
        timepoints=[
            *(spect_timepoint(visit) for visit in spects),
            *({"id": _planar_id(visit), "planar": f"{DICOM_FOLDER}/planar_{visit.hours}h"} for visit in planars),
        ],
        reference=spects[0].id,
        further={"planar": {"sensitivity": f"{camera.sensitivity_cps_per_mbq / camera.heads:g} cps/MBq", "u": "3 %"}},
    )
    truth.write(partial / TRUTH_FILE)
    publish(partial, out)
    return truth


def _after_spect(visit: Visit, spects: tuple[Visit, ...], spec: Mapping[str, Any]) -> Visit:
    """Return a planar visit, moved behind the SPECT of its day, on which the patient stays as he lies."""
    for spect in spects:
        if spect.hours == visit.hours:
            waited = timedelta(minutes=spec["after_spect_min"])
            moved = spect.acquired_at + waited
            return replace(visit, t_h=spect.t_h + waited / timedelta(hours=1), acquired_at=moved, pose=spect.pose)
    return visit


def _planar_id(visit: Visit) -> str:
    return f"planar{visit.hours}"


def _true_timepoint(
    visit: Visit, name: str, patient: DigitalPatient, view_mbq: float, live_fraction: float
) -> TrueTimepoint:
    body_mbq = float(patient.body_curve().activity_mbq(visit.t_h))
    return TrueTimepoint(name, visit.t_h, visit.pose, body_mbq, view_mbq, live_fraction)


def _acquisition(patient: DigitalPatient, camera: Camera, visit: Visit, exposure_s: float) -> NmAcquisition:
    return NmAcquisition(
        nuclide=patient.nuclide.name,
        radiopharmaceutical=_RADIOPHARMACEUTICAL,
        administered_mbq=patient.administered_mbq,
        administered_at=administration_time(),
        acquired_at=visit.acquired_at,
        views=1,
        seconds_per_view=exposure_s,
        heads=camera.heads,
        energy_window_kev=camera.energy_window_kev,
        counts_accumulated=0,
        corrections=(),
        camera=camera.name,
    )


def _context(patient: DigitalPatient, visit: Visit) -> DicomContext:
    return DicomContext(
        patient_id=patient_id(patient),
        patient_name="Digital^Patient",
        patient_sex="O",
        patient_birth_date="",
        study_uid=derive_uid("simulation", str(patient.seed), HYBRID, str(visit.hours)),
        study_at=visit.acquired_at,
        content_at=visit.acquired_at,
        patient_position="HFS",
        software_version=package_version(),
        study_description=f"Planar {visit.hours} h",
    )
