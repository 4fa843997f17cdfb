"""``result.json``: written with plain numbers only, read back strictly."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from theradose.errors import StudyError
from theradose.model.result import Result


def write_result_json(result: Result, path: Path) -> None:
    """Write the result document.

    Raises
    ------
    StudyError
        If a number is not finite (``result-not-finite``): unknown values are ``null``.
    """
    document = result.model_dump(mode="json", by_alias=True)
    try:
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise StudyError(
            f"The result holds a number that is not finite at {_first_not_finite(document)}: "
            "unknown values must be null.",
            code="result-not-finite",
        ) from None
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def read_result(path: Path) -> Result:
    """Read a result document; unknown keys, missing keys and wrong types are refused.

    Raises
    ------
    StudyError
        If the file is missing (``result-missing``) or does not follow the schema (``result-invalid``).
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StudyError(
            f"The result '{path.name}' cannot be read ({error.strerror}): give the path of a result.json.",
            code="result-missing",
        ) from error
    try:
        return Result.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top level"
        raise StudyError(
            f"'{path.name}' does not follow the schema theradose/result/1 at {where}: {first['msg']}.",
            code="result-invalid",
        ) from error


def _first_not_finite(value: object, where: str = "") -> str:
    """Return the path of the first number that JSON cannot hold, or an empty string."""
    if isinstance(value, dict):
        parts = [(f"{where}.{key}" if where else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        parts = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    else:
        finite = not isinstance(value, float) or value - value == 0.0
        return "" if finite else where
    return next((found for path, item in parts if (found := _first_not_finite(item, path))), "")
