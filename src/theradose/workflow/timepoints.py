"""Time points: from files to activity maps in the space of the reference time point."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from theradose.acquire.load import load_ct, load_emission
from theradose.compiled import thread_count
from theradose.errors import TheradoseError
from theradose.model.activity import ActivityMap, EmissionImage, ImageUnit
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.study import CameraCalibration, Timepoint
from theradose.model.transform import Registration, RigidTransform
from theradose.quantify.activity import ActivityRecord, to_activity_map
from theradose.quantify.calibration_use import camera_findings
from theradose.quantify.check import ActivityCheck, check_activity, check_trend
from theradose.spatial.register import RegistrationInput, register
from theradose.store.steps import StepStore
from theradose.workflow.case import Case, InputHashes

REFERENCE_METHOD = "reference"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedTimepoint:
    """A time point's images, quantified, on their own grids."""

    timepoint: Timepoint
    activity: ActivityMap
    record: ActivityRecord
    check: ActivityCheck
    ct: Volume | None


def load_timepoints(
    case: Case, steps: StepStore, hashes: InputHashes
) -> tuple[tuple[LoadedTimepoint, ...], tuple[Finding, ...]]:
    """Return all time points in order of time, each with its activity check."""
    loaded: list[LoadedTimepoint] = []
    findings: list[Finding] = []
    for timepoint in case.study.emission_timepoints:
        item, noticed = _load(case, timepoint, steps, hashes)
        loaded.append(item)
        findings += noticed
    loaded.sort(key=lambda item: item.activity.t_h)
    findings += check_trend([item.check for item in loaded], names=[item.timepoint.id for item in loaded])
    return tuple(loaded), tuple(findings)


def align_timepoints(
    case: Case, loaded: tuple[LoadedTimepoint, ...], steps: StepStore, hashes: InputHashes
) -> tuple[dict[str, Registration], tuple[Finding, ...]]:
    """Return the registration of every time point to the reference, by id."""
    reference = next(item for item in loaded if item.timepoint.id == case.reference_id)
    moving = [item for item in loaded if item is not reference]
    registrations = {case.reference_id: Registration(RigidTransform.identity(), REFERENCE_METHOD)}
    findings: list[Finding] = []
    # Each search runs in one thread, so that its result does not depend on how many run beside it.
    with ThreadPoolExecutor(max_workers=thread_count()) as pool:
        outcomes = pool.map(lambda item: _align(case, reference, item, steps, hashes), moving)
    for item, (registration, noticed) in zip(moving, outcomes, strict=True):
        registrations[item.timepoint.id] = registration
        findings += placed(noticed, item.timepoint.id)
    return registrations, tuple(findings)


def placed(findings: Iterable[Finding], where: str) -> list[Finding]:
    """Return the findings with `where` filled in where it is empty."""
    return [f if f.where else Finding(f.code, f.severity, f.message, where) for f in findings]


def _align(
    case: Case, reference: LoadedTimepoint, item: LoadedTimepoint, steps: StepStore, hashes: InputHashes
) -> tuple[Registration, tuple[Finding, ...]]:
    points = (reference.timepoint, item.timepoint)
    inputs = {
        "files": [hashes[name] for point in points for name in _image_names(point)],
        "declare": [point.declare.model_dump(mode="json") for point in points],
        "method": case.study.registration.method,
        "given": item.timepoint.transform is not None,
        **_activity_inputs(case),
    }
    images = (_registration_input(case, reference), _registration_input(case, item))
    compute = partial(register, *images, method=case.study.registration.method)
    return steps.run(f"register {item.timepoint.id}", inputs, compute)


def _load(
    case: Case, timepoint: Timepoint, steps: StepStore, hashes: InputHashes
) -> tuple[LoadedTimepoint, list[Finding]]:
    inputs = {
        "files": hashes[timepoint.activity or ""],
        "declare": timepoint.declare.model_dump(mode="json"),
        # Findings depend on all of the record, values only on what the calibration took from it.
        "record": None if case.record is None else case.record.sha256,
        **_activity_inputs(case),
    }
    try:
        activity, record, noticed = steps.run(f"activity {timepoint.id}", inputs, lambda: _quantify(case, timepoint))
        ct = None
        if timepoint.ct is not None:
            ct, ct_findings = load_ct(case.study_file.resolve(timepoint.ct))
            noticed = (*noticed, *ct_findings)
        check, check_findings = check_activity(
            activity,
            administrations=case.study.administrations,
            nuclide=case.nuclide,
            timezone=case.study.timezone,
        )
    except TheradoseError as error:
        # The sentence is the layer's own; only the place is added.
        raise type(error)(f"Time point '{timepoint.id}': {error}", code=error.code) from None
    findings = placed((*noticed, *check_findings), timepoint.id)
    return LoadedTimepoint(timepoint, activity, record, check, ct), findings


def _quantify(case: Case, timepoint: Timepoint) -> tuple[ActivityMap, ActivityRecord, tuple[Finding, ...]]:
    image, read_findings = load_emission(
        _emission_path(case, timepoint),
        declaration=timepoint.declare,
        nuclide=case.nuclide.name,
        administration_start=case.start,
        timezone=case.study.timezone,
        calibrated=case.study.calibration is not None and case.study.calibration.sensitivity is not None,
    )
    calibration, checked = _calibration_of(case, image)
    activity, record, findings = to_activity_map(
        image,
        start=case.start,
        timezone=case.study.timezone,
        nuclide=case.nuclide,
        calibration=calibration,
        sensitivity_from="study" if case.record is None else case.record.sensitivity_from,
    )
    return activity, record, (*read_findings, *checked, *findings)


def _calibration_of(case: Case, image: EmissionImage) -> tuple[CameraCalibration | None, tuple[Finding, ...]]:
    """Return the calibration that applies to an image, and how it fits the record of the camera."""
    if case.record is None:
        return case.study.calibration, ()
    findings = camera_findings(
        case.record.record, image.equipment, nuclide=case.nuclide.name, acquired_at=image.acquired_at
    )
    if image.unit is not ImageUnit.BQ_PER_ML:
        return case.study.calibration, findings
    unused = Finding(
        "calibration-factor-not-used",
        "info",
        "The image is already in Bq/mL, so that the factor and the dead time of the camera's record were not used.",
    )
    return case.record.stated, (*findings, unused)


def _activity_inputs(case: Case) -> dict[str, Any]:
    calibration = case.study.calibration
    return {
        "administrations": [item.model_dump(mode="json") for item in case.study.administrations],
        "timezone": case.study.timezone,
        "calibration": calibration.model_dump(mode="json") if calibration else None,
        "nuclear_data": case.study.dose.nuclear_data,
    }


def _registration_input(case: Case, item: LoadedTimepoint) -> RegistrationInput:
    given = item.timepoint.transform
    return RegistrationInput(
        item.timepoint.id, item.activity, item.ct, case.study_file.resolve(given) if given else None
    )


def _image_names(timepoint: Timepoint) -> list[str]:
    return [name for name in (timepoint.activity, timepoint.ct, timepoint.transform) if name is not None]


def _emission_path(case: Case, timepoint: Timepoint) -> Path:
    return case.study_file.resolve(timepoint.activity or "")
