"""Opening, extending and saving calibration records: nothing in them is ever lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from theradose.data import load_yaml
from theradose.errors import CalibrationError
from theradose.formats.calibration_record import read_calibration_record, record_text
from theradose.model.calibration import (
    CalibrationRecord,
    ConstancyCheck,
    Dated,
    HistoryEntry,
    Instrument,
    Kind,
    Section,
)
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.nuclides import canonical_nuclide
from theradose.provenance import hash_file, package_version
from theradose.store.whole_file import replace_file

_INSTRUMENT_WORDS = ("manufacturer", "model", "serial", "station")


@dataclass(frozen=True, slots=True)
class RecordTarget:
    """Which record a calibration goes to, and what it is about.

    Attributes
    ----------
    path : Path
        The file; it need not exist.
    kind : {"camera", "counter", "probe"}
        Of instrument.
    nuclide : str
        Of the calibration.
    name : str or None
        The site's name of the instrument; ``None`` takes that of the file's record, or the camera model of the image.
    equipment : Equipment or None
        What the header of an image says.
    collimator : str or None
        Stated by the user; it wins over the header.
    valid_until : date or None
        ``None`` is the packaged period after the measurement.
    """

    path: Path
    kind: Kind
    nuclide: str
    name: str | None = None
    equipment: Equipment | None = None
    collimator: str | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record before a change, with the text of its file; ``None`` if there is no file yet."""

    record: CalibrationRecord
    stored: str | None


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration command did.

    Attributes
    ----------
    path : Path
        The record's file.
    record : CalibrationRecord
        As it is stored now.
    replaced : tuple of str
        Sections that went to the history.
    findings : tuple of Finding
        What to be careful about.
    checks : tuple of ConstancyCheck
        Those that were appended.
    """

    path: Path
    record: CalibrationRecord
    replaced: tuple[str, ...]
    findings: tuple[Finding, ...]
    checks: tuple[ConstancyCheck, ...] = ()


def existing_record(path: Path) -> CalibrationRecord | None:
    """Return the record in a file; ``None`` if there is no file yet."""
    return read_calibration_record(path) if path.exists() else None


def open_record(target: RecordTarget) -> OpenRecord:
    """Return the record at the target, or a new one; refuse a record of something else.

    Raises
    ------
    CalibrationError
        ``record-other`` if the file is the record of another instrument, nuclide or collimator.
    """
    fresh = _fresh(target)
    if not target.path.exists():
        return OpenRecord(fresh, None)
    stored = target.path.read_text(encoding="utf-8")
    record = read_calibration_record(target.path)
    _check_same(record, fresh, target)
    known = record.instrument
    instrument = known.model_copy(
        update={word: getattr(known, word) or getattr(fresh.instrument, word) for word in _INSTRUMENT_WORDS}
    )
    return OpenRecord(
        record.model_copy(
            update={
                "instrument": instrument,
                "collimator": record.collimator or fresh.collimator,
                "collimator_type": record.collimator_type or fresh.collimator_type,
                "energy_windows_kev": record.energy_windows_kev or fresh.energy_windows_kev,
            }
        ),
        stored,
    )


def store_sections(
    opened: OpenRecord, path: Path, sections: Mapping[Section, Dated], findings: Iterable[Finding] = ()
) -> Calibrated:
    """Put sections into a record and save it; those that they replace go to the history.

    Raises
    ------
    CalibrationError
        ``record-changed`` if the file changed meanwhile.
    """
    old: dict[Section, Dated | None] = {name: getattr(opened.record, name) for name in sections}
    entries = tuple(
        HistoryEntry(section=name, replaced_at=now(), content=content.model_dump(mode="json"))
        for name, content in old.items()
        if content is not None
    )
    record = opened.record.model_copy(
        update={
            **{str(name): content for name, content in sections.items()},
            "history": (*opened.record.history, *entries),
        }
    )
    _save(opened, record, path)
    return Calibrated(path, record, tuple(entry.section for entry in entries), tuple(findings))


def append_check(
    opened: OpenRecord, path: Path, checks: Iterable[ConstancyCheck], findings: Iterable[Finding] = ()
) -> Calibrated:
    """Append constancy checks to a record and save it."""
    added = tuple(checks)
    record = opened.record.model_copy(update={"constancy": (*opened.record.constancy, *added)})
    _save(opened, record, path)
    return Calibrated(path, record, (), tuple(findings), added)


def reopen_record(path: Path) -> OpenRecord:
    """Return an existing record for a change."""
    record = read_calibration_record(path)
    return OpenRecord(record, path.read_text(encoding="utf-8"))


def dated(
    target: RecordTarget, measured_at: datetime, files: Iterable[Path], findings: Iterable[Finding]
) -> dict[str, Any]:
    """Return the fields that every section states."""
    valid_until = target.valid_until
    if valid_until is None:
        days = load_yaml("calibration.yaml")["validity"][target.kind]["value"]
        valid_until = measured_at.date() + timedelta(days=days)
    if valid_until < measured_at.date():
        raise CalibrationError(
            f"The calibration cannot be valid until {valid_until.isoformat()}, before it was measured on "
            f"{measured_at.date().isoformat()}: correct --valid-until.",
            code="record-validity",
        )
    return {
        "measured_at": measured_at,
        "valid_until": valid_until,
        "made_at": now(),
        "software": f"theradose {package_version()}",
        "inputs": hash_inputs(files),
        "findings": tuple(f"{f.severity}: {f.message} [{f.code}]" for f in findings if f.severity != "info"),
    }


def refuse_options(stated: Mapping[str, Any], *, reason: str) -> None:
    """Refuse options that mean nothing for what was given, so that none is ignored.

    Parameters
    ----------
    stated : mapping of str to object
        Value by name of the option; ``None`` and ``False`` were not given.
    reason : str
        What was given and why it does not go with them, as the beginning of a sentence.

    Raises
    ------
    CalibrationError
        ``option-unused``.
    """
    unused = [name for name, value in stated.items() if value is not None and value is not False]
    if unused:
        raise CalibrationError(f"{reason}, but {unused[0]} was given: leave it out.", code="option-unused")


def hash_inputs(files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, by folder and name."""
    return {f"{file.resolve().parent.name}/{file.name}": hash_file(file) for file in files}


def now() -> datetime:
    """Return the present moment, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _fresh(target: RecordTarget) -> CalibrationRecord:
    equipment = target.equipment or Equipment()
    existing = existing_record(target.path)
    name = target.name or (equipment.model if existing is None else existing.instrument.name)
    if not name:
        raise CalibrationError(
            f"The {target.kind} has no name: give it with --name, so that its calibration can be told from others.",
            code="record-name",
        )
    return CalibrationRecord(
        kind=target.kind,
        instrument=Instrument(name=name, **{word: getattr(equipment, word) for word in _INSTRUMENT_WORDS}),
        nuclide=canonical_nuclide(target.nuclide),
        collimator=target.collimator or equipment.collimator,
        collimator_type=equipment.collimator_type,
        energy_windows_kev=equipment.energy_windows_kev,
    )


def _check_same(record: CalibrationRecord, fresh: CalibrationRecord, target: RecordTarget) -> None:
    pairs = {
        "kind of instrument": (record.kind, fresh.kind),
        "nuclide": (record.nuclide, fresh.nuclide),
        "collimator": (record.collimator, fresh.collimator),
        "collimator type": (record.collimator_type, fresh.collimator_type),
        "name": (record.instrument.name, fresh.instrument.name),
        "serial number": (record.instrument.serial, fresh.instrument.serial),
        "model": (record.instrument.model, fresh.instrument.model),
        "energy windows": (record.energy_windows_kev, fresh.energy_windows_kev),
    }
    for noun, (ours, theirs) in pairs.items():
        if ours and theirs and ours != theirs:
            raise CalibrationError(
                f"'{target.path.name}' is the record of another {noun} ({ours}, now {theirs}): give each instrument, "
                "nuclide and collimator a file of its own.",
                code="record-other",
            )


def _save(opened: OpenRecord, record: CalibrationRecord, path: Path) -> None:
    stored = path.read_text(encoding="utf-8") if path.exists() else None
    if stored != opened.stored:
        raise CalibrationError(
            f"'{path.name}' was changed by somebody else meanwhile: run the command again.", code="record-changed"
        )
    replace_file(path, record_text(record))
