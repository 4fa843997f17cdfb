"""A simulated study as a hospital would deliver it: DICOM, a study file, a recovery set; and its truth."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.model.activity import ImageUnit
from theradose.model.recovery import RecoveryPoints
from theradose.simulate.camera import SPECT_CT, Camera, load_camera
from theradose.simulate.dicom import DicomWriter, outlined_regions, patient_id
from theradose.simulate.patient import DigitalPatient, make_patient
from theradose.simulate.phantom import measure_recovery
from theradose.simulate.readings import BLOOD_FILE, PROBE_FILE, draw_blood, study_keys, write_readings
from theradose.simulate.truth import TrueTimepoint, Truth, true_marrow, true_regions
from theradose.simulate.visit import Variant, Visit, plan_visits

STUDY_FILE = "study.yaml"
TRUTH_FILE = "truth.json"
RECOVERY_FILE = "recovery.csv"
DICOM_FOLDER = "dicom"
_PARTIAL_FOLDER = ".simulating"
_TIMEZONE = "Europe/Paris"
_ADMINISTERED_AT = datetime(2026, 3, 2, 10, 0)
_RESIDUAL_MBQ = 60


def simulate_study(
    out: Path,
    *,
    seed: int = 177,
    unit: Literal["counts", "Bq/mL"] = "counts",
    variant: str = Variant.STANDARD,
    progress: Callable[[str], None] | None = None,
) -> Truth:
    """Write a digital patient's treatment cycle below `out`.

    ``dicom/nm_4h/``, ``dicom/ct_4h/`` … (SPECT and CT), ``dicom/rtstruct/tp24.dcm``, ``recovery.csv``,
    ``blood.csv``, ``probe.csv``, ``study.yaml`` and ``truth.json``. The same arguments give the same bytes. The SPECT
    images are not corrected for decay: their values are means over the acquisition. Count images have lost events to
    dead time; images in Bq/mL have not.

    Parameters
    ----------
    out : Path
        Folder; an earlier simulation in it is replaced.
    seed : int
        From which patient, poses and noise are drawn.
    unit : {"counts", "Bq/mL"}
        Of the SPECT images. With counts, ``study.yaml`` states sensitivity and dead time.
    variant : str
        One of :class:`~theradose.simulate.visit.Variant`.
    progress : callable, optional
        Called with the name of each step.

    Returns
    -------
    Truth
        Also in ``truth.json``.

    Raises
    ------
    StudyError
        If `variant` is unknown, or `out` holds DICOM that no simulation wrote.
    """
    chosen = _variant(variant)
    report = progress or say_nothing
    partial = start_folder(out)
    report("patient")
    camera = load_camera()
    patient = draw_patient(seed, chosen, camera)
    administered_at = administration_time()
    visits = plan_visits(load_yaml(SPECT_CT), seed=seed, administered_at=administered_at)
    report("phantom")
    write_recovery(partial / RECOVERY_FILE, measure_recovery(camera, seed=seed))
    blood = draw_blood(patient)
    write_readings(partial, patient, blood, administered_at=administered_at)
    writer = DicomWriter(partial / DICOM_FOLDER, patient, camera, ImageUnit(unit), chosen, administered_at)
    timepoints = []
    for visit in visits:
        report(f"images at {visit.hours} h")
        images = writer.write(visit)
        timepoints.append(
            TrueTimepoint(
                visit.id,
                visit.t_h,
                visit.pose,
                float(patient.body_curve().activity_mbq(visit.t_h)),
                images.view_mbq,
                images.live_fraction,
            )
        )
    reference = next(visit.id for visit in visits if visit.is_reference)
    truth = Truth(
        seed=seed,
        variant=chosen.value,
        unit=unit,
        nuclide=patient.nuclide.name,
        administered_mbq=patient.administered_mbq,
        reference_timepoint=reference,
        regions=true_regions(patient, outlined_regions(patient)),
        marrow=true_marrow(patient),
        body=patient.body_curve(),
        blood=blood,
        timepoints=tuple(timepoints),
    )
    write_study(
        partial / STUDY_FILE,
        patient,
        camera,
        ImageUnit(unit),
        protocol="lu177-dotatate/spect-4tp",
        timepoints=[spect_timepoint(visit) for visit in visits],
        reference=reference,
    )
    truth.write(partial / TRUTH_FILE)
    publish(partial, out)
    return truth


def start_folder(out: Path) -> Path:
    """Return an empty folder inside `out` in which a simulation is made, or refuse to replace what is none."""
    if (out / DICOM_FOLDER).exists() and not (out / TRUTH_FILE).exists():
        raise StudyError(
            f"'{out.name}' holds DICOM that is not a simulation: choose another folder.", code="simulation-folder"
        )
    partial = out / _PARTIAL_FOLDER
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def administration_time() -> datetime:
    """Return when all digital patients are treated."""
    return _ADMINISTERED_AT.replace(tzinfo=ZoneInfo(_TIMEZONE))


def _variant(name: str) -> Variant:
    try:
        return Variant(name)
    except ValueError:
        raise StudyError(
            f"'{name}' is not a variant of the simulation: valid ones are {', '.join(Variant)}.",
            code="simulation-variant",
        ) from None


def say_nothing(_: str) -> None:
    """Report nothing."""


def draw_patient(seed: int, variant: Variant, camera: Camera) -> DigitalPatient:
    """Return the patient of a seed with the anatomy of a variant."""
    return make_patient(
        seed=seed,
        camera=camera,
        arms=variant is Variant.ARMS_DOWN,
        without=("right-kidney",) if variant is Variant.ONE_KIDNEY else (),
    )


def write_recovery(path: Path, points: RecoveryPoints) -> None:
    """Write a recovery set as a table."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["volume_ml", "recovery", "u_recovery"])
        for row in zip(points.volume_ml, points.recovery, points.u_recovery, strict=True):
            writer.writerow([f"{value:.4g}" for value in row])


def write_study(
    path: Path,
    patient: DigitalPatient,
    camera: Camera,
    unit: ImageUnit,
    *,
    protocol: str,
    timepoints: Sequence[dict[str, str]],
    reference: str,
    further: Mapping[str, Any] | None = None,
) -> None:
    """Write the study file of a simulation."""
    import yaml

    calibration: dict[str, Any] = {"camera": camera.name, "u": f"{100 * camera.sensitivity_relative_u:g} %"}
    if unit is ImageUnit.COUNTS:
        calibration["sensitivity"] = f"{camera.sensitivity_cps_per_mbq:g} cps/MBq"
        calibration["dead_time"] = f"{camera.dead_time_us:g} us"
    calibration["recovery"] = RECOVERY_FILE
    calibration["resolution"] = f"{camera.fwhm_mm(load_yaml(SPECT_CT)['phantom']['radius_mm']):.1f} mm"
    study = {
        "schema_version": 1,
        "timezone": _TIMEZONE,
        "patient": {
            "id": patient_id(patient),
            "sex": "O",
            "weight": f"{patient.weight_kg:.1f} kg",
            "height": f"{patient.height_cm:.0f} cm",
        },
        "therapy": "lu177-dotatate",
        "protocol": protocol,
        "cycle": 1,
        "administrations": [
            {
                "nuclide": patient.nuclide.name,
                "activity": f"{patient.administered_mbq + _RESIDUAL_MBQ:g} MBq",
                "residual": f"{_RESIDUAL_MBQ} MBq",
                "start": administration_time().isoformat(),
                "duration": "0 min",
            }
        ],
        "calibration": calibration,
        **study_keys(),
        "timepoints": list(timepoints),
        "reference_timepoint": reference,
        **(further or {}),
    }
    path.write_text(yaml.safe_dump(study, sort_keys=False, allow_unicode=True), encoding="utf-8")


def spect_timepoint(visit: Visit) -> dict[str, str]:
    """Return the time point of a SPECT/CT visit in the study file."""
    entry = {
        "id": visit.id,
        "activity": f"{DICOM_FOLDER}/nm_{visit.hours}h",
        "ct": f"{DICOM_FOLDER}/ct_{visit.hours}h",
    }
    if visit.is_reference:
        entry["regions"] = f"{DICOM_FOLDER}/rtstruct/{visit.id}.dcm"
    return entry


def publish(partial: Path, out: Path) -> None:
    """Move the finished simulation to its place, the images last: if they are there, all of it is."""
    shutil.rmtree(out / DICOM_FOLDER, ignore_errors=True)
    for name in (RECOVERY_FILE, BLOOD_FILE, PROBE_FILE, STUDY_FILE, TRUTH_FILE, DICOM_FOLDER):
        (partial / name).replace(out / name)
    partial.rmdir()
