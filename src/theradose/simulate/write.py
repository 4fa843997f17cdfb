"""A simulated study as a hospital would deliver it: DICOM, a study file, a recovery set; and its truth."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.dicom.context import DicomContext
from theradose.formats.dicom.ct_write import CtAcquisition, write_ct_series
from theradose.formats.dicom.nm_write import NmAcquisition, write_nm_volume
from theradose.formats.dicom.rtstruct_write import write_rtstruct
from theradose.formats.dicom.uids import derive_uid
from theradose.model.activity import ImageUnit
from theradose.model.grid import Grid, Volume
from theradose.model.recovery import RecoveryPoints
from theradose.model.region import RegionKind
from theradose.model.transform import RigidTransform
from theradose.provenance import package_version
from theradose.simulate.camera import Camera, load_camera
from theradose.simulate.organs import random_pose
from theradose.simulate.outlines import outline_regions
from theradose.simulate.patient import DigitalPatient, make_patient
from theradose.simulate.phantom import measure_recovery
from theradose.simulate.spect import blurred_activity, count_image, ct_image, ellipse_transmission, embed
from theradose.simulate.truth import Truth, TrueTimepoint, true_regions

STUDY_FILE = "study.yaml"
TRUTH_FILE = "truth.json"
RECOVERY_FILE = "recovery.csv"
DICOM_FOLDER = "dicom"
_PARTIAL_FOLDER = ".simulating"
_READER = "simulated reader"
_RADIOPHARMACEUTICAL = "[177Lu]Lu-DOTATATE"
_TIMEZONE = "Europe/Paris"
_ADMINISTERED_AT = datetime(2026, 3, 2, 10, 0)
_RESIDUAL_MBQ = 60.0
_CT_BEFORE = timedelta(minutes=5)
# Emission voxels beyond the field of view, and around the body, from which activity blurs in.
_MARGIN_VOXELS = 4
_CT_SHIFT_MM = (4.4, 0.0, 0.0)
_WRONG_FACTOR = 10.0
_STREAM = 3


class Variant(StrEnum):
    """Deliberate peculiarities of a simulated study."""

    STANDARD = "standard"
    ONE_KIDNEY = "one-kidney"
    """The patient lacks the right kidney."""
    ARMS_DOWN = "arms-down"
    """The arms lie beside the trunk."""
    WRONG_UNITS = "wrong-units"
    """All emission images are ten times too high."""
    SWAPPED_SIDES = "swapped-sides"
    """Left and right kidney are exchanged in the structure set."""
    MISSING_SLICE = "missing-slice"
    """The CT of the last time point lacks a slice."""
    SHIFTED_CT = "shifted-ct"
    """The CT of the last time point lies 4.4 mm beside its SPECT."""


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """One SPECT/CT appointment."""

    id: str
    hours: int
    t_h: float
    pose: RigidTransform
    context: DicomContext
    acquired_at: datetime
    frame_of_reference: str
    rng: np.random.Generator


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
    ``study.yaml`` and ``truth.json``. The same arguments give the same bytes. The SPECT images are not corrected
    for decay (their values are means over the acquisition). Count images have lost events to dead time; images
    in Bq/mL have not.

    Parameters
    ----------
    out : Path
        Folder; an earlier simulation in it is replaced.
    seed : int
        From which patient, poses and noise are drawn.
    unit : {"counts", "Bq/mL"}
        Of the SPECT images. Counts need the sensitivity in ``study.yaml``.
    variant : str
        One of :class:`Variant`.
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
    report = progress or _silent
    if (out / DICOM_FOLDER).exists() and not (out / TRUTH_FILE).exists():
        raise StudyError(
            f"'{out.name}' holds DICOM that is not a simulation: choose another folder.", code="simulation-folder"
        )
    partial = out / _PARTIAL_FOLDER
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    report("patient")
    camera = load_camera()
    patient = _patient(seed, chosen, camera)
    visits = _visits(seed, chosen, patient, ImageUnit(unit), camera)
    report("phantom")
    _write_recovery(partial / RECOVERY_FILE, measure_recovery(camera, seed=seed))
    outlined = tuple(
        name
        for name in patient.anatomy.region_names
        if patient.anatomy.parts[patient.anatomy.parts_of(name)[0]].kind is not RegionKind.OTHER
    )
    reference = _reference_visit(visits)
    timepoints = []
    for visit in visits:
        report(f"images at {visit.hours} h")
        timepoints.append(
            _write_visit(
                partial / DICOM_FOLDER,
                visit,
                patient=patient,
                camera=camera,
                unit=ImageUnit(unit),
                variant=chosen if visit is visits[-1] or chosen is Variant.WRONG_UNITS else Variant.STANDARD,
                outlined=_as_drawn(outlined, chosen) if visit is reference else {},
                to_moving=RigidTransform(visit.pose.matrix @ reference.pose.inverse().matrix),
            )
        )
    truth = Truth(
        seed=seed,
        variant=chosen.value,
        unit=unit,
        nuclide=patient.nuclide.name,
        administered_mbq=patient.administered_mbq,
        reference_timepoint=reference.id,
        regions=true_regions(patient, outlined),
        body=patient.body_curve(),
        timepoints=tuple(timepoints),
    )
    _write_study(partial / STUDY_FILE, patient, camera, visits, reference, ImageUnit(unit))
    truth.write(partial / TRUTH_FILE)
    _publish(partial, out)
    return truth


def _variant(name: str) -> Variant:
    try:
        return Variant(name)
    except ValueError:
        raise StudyError(
            f"'{name}' is not a variant of the simulation: valid ones are {', '.join(Variant)}.",
            code="simulation-variant",
        ) from None


def _silent(_: str) -> None:
    """Report nothing."""


def _patient(seed: int, variant: Variant, camera: Camera) -> DigitalPatient:
    without = ("right-kidney",) if variant is Variant.ONE_KIDNEY else ()
    half = (camera.shape[1] // 2, camera.shape[2] // 2)
    view = camera.fine_grid(half_width_voxels=half, margin_slices=0)
    return make_patient(seed=seed, view=view, arms=variant is Variant.ARMS_DOWN, without=without)


def _visits(
    seed: int, variant: Variant, patient: DigitalPatient, unit: ImageUnit, camera: Camera
) -> tuple[_Visit, ...]:
    """Plan the appointments: times a few minutes off schedule, poses a few millimetres off the reference."""
    spec = load_yaml("simulation/spect-ct.yaml")
    zone = ZoneInfo(_TIMEZONE)
    administered_at = _ADMINISTERED_AT.replace(tzinfo=zone)
    visits = []
    for hours in spec["schedule_h"]:
        rng = np.random.default_rng([seed, _STREAM, hours])
        jitter_min = int(rng.integers(-spec["start_jitter_min"], spec["start_jitter_min"] + 1))
        # Added on the clock of UTC, so that a change to summer time in between stretches nothing.
        waited = timedelta(hours=hours, minutes=jitter_min)
        acquired_at = (administered_at.astimezone(ZoneInfo("UTC")) + waited).astimezone(zone)
        pose = random_pose(rng, **spec["motion"])
        if hours == spec["reference_h"]:
            pose = RigidTransform.identity()
        study_uid = derive_uid("simulation", str(seed), variant.value, unit.value, str(hours))
        visits.append(
            _Visit(
                id=f"tp{hours}",
                hours=hours,
                t_h=waited / timedelta(hours=1),
                pose=pose,
                context=DicomContext(
                    patient_id=_patient_id(patient),
                    patient_name="Digital^Patient",
                    patient_sex="O",
                    patient_birth_date="",
                    study_uid=study_uid,
                    study_at=acquired_at - _CT_BEFORE,
                    content_at=acquired_at,
                    patient_position="HFS",
                    software_version=package_version(),
                    study_description=f"SPECT/CT {hours} h",
                ),
                acquired_at=acquired_at,
                frame_of_reference=derive_uid(study_uid, "frame of reference"),
                rng=rng,
            )
        )
    return tuple(visits)


def _reference_visit(visits: tuple[_Visit, ...]) -> _Visit:
    hours = load_yaml("simulation/spect-ct.yaml")["reference_h"]
    return next(visit for visit in visits if visit.hours == hours)


def _patient_id(patient: DigitalPatient) -> str:
    return f"SIM-{patient.seed:06d}"


def _as_drawn(outlined: tuple[str, ...], variant: Variant) -> dict[str, str]:
    """Names in the structure set by true region."""
    names = {name: name for name in outlined}
    if variant is Variant.SWAPPED_SIDES:
        names |= {"left-kidney": "right-kidney", "right-kidney": "left-kidney"}
    return names


def _write_visit(
    folder: Path,
    visit: _Visit,
    *,
    patient: DigitalPatient,
    camera: Camera,
    unit: ImageUnit,
    variant: Variant,
    outlined: dict[str, str],
    to_moving: RigidTransform,
) -> TrueTimepoint:
    raise NotImplementedError
