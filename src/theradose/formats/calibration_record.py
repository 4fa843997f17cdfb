"""Calibration records as YAML files.

References
----------
The keys are described in ``docs/formats/calibration.md``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from theradose.errors import CalibrationError
from theradose.model.calibration import SCHEMA, CalibrationRecord


def read_calibration_record(path: Path) -> CalibrationRecord:
    """Read a calibration record.

    Raises
    ------
    CalibrationError
        One sentence for the first problem: no such file, not a record, an unknown key, a value that cannot be read.
    """
    content = _content(path)
    if not _is_record(content):
        raise CalibrationError(
            f"'{path.name}' is no calibration record: it must state 'schema: {SCHEMA}'; make one with 'theradose "
            "calibrate'.",
            code="record-schema",
        )
    try:
        return CalibrationRecord.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "record"
        raise CalibrationError(
            f"The calibration record '{path.name}' cannot be used: {place}: "
            f"{str(problem['msg']).removeprefix('Value error, ').rstrip('.')}.",
            code="record-invalid",
        ) from None


def is_calibration_record(path: Path) -> bool:
    """Return whether a YAML file claims to be a calibration record.

    Raises
    ------
    CalibrationError
        If the file cannot be read: it may be a record that is damaged.
    """
    return _is_record(_content(path))


def record_text(record: CalibrationRecord) -> str:
    """Return a record as YAML, in the order of its keys."""
    content = record.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CalibrationError(
            f"There is no calibration record '{path.name}': make one with 'theradose calibrate', or correct the path.",
            code="record-missing",
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise CalibrationError(
            f"The calibration record '{path.name}' is not readable YAML ({str(error).splitlines()[0]}).",
            code="record-unreadable",
        ) from None


def _is_record(content: Any) -> bool:
    return isinstance(content, dict) and content.get("schema") == SCHEMA
