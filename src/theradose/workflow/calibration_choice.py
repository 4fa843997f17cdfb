"""Which calibration a study uses: what it states, completed from a record of its camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from theradose.acquire.load import find_source
from theradose.acquire.sources import Content, describe_emission
from theradose.errors import CalibrationError, TheradoseError
from theradose.formats.calibration_record import is_calibration_record, read_calibration_record
from theradose.model.calibration import CalibrationRecord
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.study import CameraCalibration, PlanarChoice, Study
from theradose.provenance import hash_file
from theradose.quantify.calibration_use import (
    differing_collimator,
    differing_instrument,
    record_recovery,
    set_findings,
)
from theradose.quantify.recovery import RecoveryCurve
from theradose.workflow.study_file import StudyFile

RECORD_FOLDER = "calibration"
_STATED = "study"


@dataclass(frozen=True, slots=True, eq=False)
class RecordUse:
    """A record that a study uses.

    Attributes
    ----------
    record : CalibrationRecord
        Of a camera.
    sha256 : str
        Of its file.
    stated : CameraCalibration or None
        What the study itself states, without the record.
    recovery : RecoveryCurve or None
        The record's, unless the study names points of its own.
    sensitivity_from : str
        Where the sensitivity comes from.
    planar : bool
        Whether the planar sensitivity is the record's.
    """

    record: CalibrationRecord
    sha256: str
    stated: CameraCalibration | None
    recovery: RecoveryCurve | None
    sensitivity_from: str
    planar: bool = False


def choose_calibration(study_file: StudyFile, nuclide: str) -> tuple[StudyFile, RecordUse | None, tuple[Finding, ...]]:
    """Return the study with the calibration that it uses, and the record behind it.

    ``calibration.record`` names a record; without it the folder ``calibration`` beside the study is searched for the
    record of the images' camera, nuclide and collimator. What the study states itself goes before the record.
    Its planar sensitivity is completed likewise.

    Raises
    ------
    CalibrationError
        ``record-kind``, ``calibration-records-several``, or what makes a record unreadable.
    """
    stated = study_file.study.calibration
    noticed: tuple[Finding, ...] = ()
    if not any(timepoint.activity for timepoint in study_file.study.timepoints):
        # Readings of samples and probes need no camera.
        return study_file, None, noticed
    if stated is not None and stated.record is not None:
        name = stated.record
    else:
        found, noticed = _record_beside(study_file, stated, nuclide)
        if found is None:
            return study_file, None, noticed
        name = found
    path = study_file.resolve(name)
    record = read_calibration_record(path)
    if record.kind != "camera":
        raise CalibrationError(
            f"'{name}' is the record of a {record.kind}, but images need that of a camera: correct "
            "'calibration.record'.",
            code="record-kind",
        )
    effective, use, overridden = _combine(record, stated)
    planar, from_record, replaced = _combine_planar(record, study_file.study)
    use = replace(use, sha256=hash_file(path), planar=from_record)
    noticed = (*noticed, *overridden, *replaced, *_record_findings(record, name))
    study = study_file.study.model_copy(
        update={"calibration": effective.model_copy(update={"record": name}), "planar": planar}
    )
    return StudyFile(study, study_file.path), use, noticed


def _combine(
    record: CalibrationRecord, stated: CameraCalibration | None
) -> tuple[CameraCalibration, RecordUse, tuple[Finding, ...]]:
    """Complete what the study states from a record; the study goes first."""
    given: dict[str, Any] = {} if stated is None else stated.model_dump(exclude_none=True, exclude_unset=True)
    values: dict[str, Any] = {"camera": record.instrument.name}
    source = _STATED
    if "sensitivity" not in given and record.factor is not None:
        source = f"calibration record of {record.instrument.name}"
        values |= {"sensitivity": record.factor.value_cps_per_mbq, "u": record.factor.relative_u}
    if record.dead_time is not None:
        values |= {"dead_time": record.dead_time.value_us, "dead_time_model": record.dead_time.model}
    else:
        # A factor holds beside the dead time that was corrected when it was measured.
        corrected = [f for f in (record.factor, record.planar_factor) if f is not None and f.dead_time_us is not None]
        if corrected:
            values |= {"dead_time": corrected[0].dead_time_us, "dead_time_model": corrected[0].dead_time_model}
    if "dead_time" in given:
        values.pop("dead_time_model", None)
    base = CameraCalibration() if stated is None else stated
    effective = base.model_copy(update={**values, **given})
    recovery = None if effective.recovery is not None else record_recovery(record)
    # A study that only names the record states no calibration of its own.
    own = stated if set(given) - {"record"} else None
    return effective, RecordUse(record, "", own, recovery, source), _overridden(record, given)


def _combine_planar(record: CalibrationRecord, study: Study) -> tuple[PlanarChoice, bool, tuple[Finding, ...]]:
    """Return the study's planar quantification with the record's sensitivity where the study states none.

    Also whether it is the record's, and a finding for each value of the record that the study replaces.
    """
    stated, factor = study.planar, record.planar_factor
    if factor is None or not study.planar_timepoints:
        return stated, False, ()
    if stated.sensitivity is not None:
        ours, theirs = f"{stated.sensitivity:g} cps/MBq", f"{factor.value_cps_per_mbq:.5g} cps/MBq"
        return stated, False, _replaced([("planar.sensitivity", ours, theirs)])
    values: dict[str, Any] = {"sensitivity": factor.value_cps_per_mbq, "u": factor.relative_u}
    if stated.u is None:
        return stated.model_copy(update=values), True, ()
    known = "not stated" if factor.relative_u is None else f"{factor.relative_u:.2%}"
    findings = _replaced([("planar.u", f"{stated.u:.2%}", known)])
    return stated.model_copy(update={**values, "u": stated.u}), True, findings


def _overridden(record: CalibrationRecord, given: dict[str, Any]) -> tuple[Finding, ...]:
    """Return a finding for each value of the record that the study replaces."""
    replaced: list[tuple[str, str, str]] = []
    factor, dead_time, recovery = record.factor, record.dead_time, record.recovery
    if factor is not None and "sensitivity" in given:
        replaced.append(("sensitivity", f"{given['sensitivity']:g} cps/MBq", f"{factor.value_cps_per_mbq:.5g} cps/MBq"))
    elif factor is not None and "u" in given:
        known = "not stated" if factor.relative_u is None else f"{factor.relative_u:.2%}"
        replaced.append(("u", f"{given['u']:.2%}", known))
    if dead_time is not None and "dead_time" in given:
        replaced.append(("dead_time", f"{given['dead_time']:g} us", f"{dead_time.value_us:.4g} us"))
    if recovery is not None and "recovery" in given:
        replaced.append(("recovery", str(given["recovery"]), f"the set '{recovery.name}'"))
    if "camera" in given and given["camera"] != record.instrument.name:
        replaced.append(("camera", str(given["camera"]), record.instrument.name))
    return _replaced([(f"calibration.{key}", ours, theirs) for key, ours, theirs in replaced])


def _replaced(values: Sequence[tuple[str, str, str]]) -> tuple[Finding, ...]:
    """Return findings for keys of the study that replace values of the record."""
    return tuple(
        Finding(
            "calibration-overridden",
            "warning",
            f"The study states '{key}' as {ours}, which was used instead of the record's {theirs}.",
        )
        for key, ours, theirs in values
    )


def _record_findings(record: CalibrationRecord, name: str) -> tuple[Finding, ...]:
    parts = [
        text
        for text, section in (
            ("factor", record.factor),
            ("planar factor", record.planar_factor),
            ("dead time", record.dead_time),
            ("recovery", record.recovery),
        )  # fmt: skip
        if section is not None
    ]
    message = f"The calibration of '{record.instrument.name}' comes from {name} ({', '.join(parts) or 'empty'})."
    return (Finding("calibration-record", "info", message), *set_findings(record))


def _record_beside(
    study_file: StudyFile, stated: CameraCalibration | None, nuclide: str
) -> tuple[str | None, tuple[Finding, ...]]:
    folder = study_file.folder / RECORD_FOLDER
    paths = sorted(path for path in folder.glob("*.y*ml") if path.is_file() and is_calibration_record(path))
    if not paths:
        return None, ()
    records = {path: read_calibration_record(path) for path in paths}
    equipment = _equipment(study_file)
    named = stated.camera if stated is not None and "camera" in stated.model_fields_set else None
    fitting = [path for path, record in records.items() if _fits(record, nuclide, named, equipment)]
    if len(fitting) > 1:
        raise CalibrationError(
            f"{len(fitting)} records of '{RECORD_FOLDER}' fit the images "
            f"({', '.join(path.name for path in fitting)}): name one with 'calibration: {{record: "
            f"{RECORD_FOLDER}/{fitting[0].name}}}'.",
            code="calibration-records-several",
        )
    if not fitting:
        listed = ", ".join(path.name for path in paths)
        message = (
            f"No record of '{RECORD_FOLDER}' ({listed}) is for {nuclide} and the camera and collimator of the images: "
            "none was used."
        )
        return None, (Finding("calibration-record-none", "warning", message),)
    (path,) = fitting
    name = f"{RECORD_FOLDER}/{path.name}"
    certain = any(differing_instrument(records[path].instrument, item) == "" for item in equipment)
    if certain or named is not None:
        return name, ()
    message = (
        f"'{name}' was taken because it is the only record for {nuclide} there; the images do not "
        "say on which camera they were acquired."
    )
    return name, (Finding("calibration-record-assumed", "warning", message),)


def _fits(record: CalibrationRecord, nuclide: str, named: str | None, equipment: Sequence[Equipment]) -> bool:
    """Return whether nothing speaks against a record."""
    if record.kind != "camera" or record.nuclide != nuclide:
        return False
    if named is not None and record.instrument.name != named:
        return False
    return not any(
        differing_instrument(record.instrument, item) or differing_collimator(record, item) for item in equipment
    )


def _equipment(study_file: StudyFile) -> tuple[Equipment, ...]:
    """Return what the headers of the emission images say; files that cannot be read are refused later, with reason."""
    found = []
    for timepoint in study_file.study.timepoints:
        if timepoint.activity is None:
            continue
        try:
            source = find_source(study_file.resolve(timepoint.activity), Content.EMISSION)
            equipment = describe_emission(source).equipment
        except TheradoseError:
            continue
        if equipment is not None:
            found.append(equipment)
    return tuple(found)
