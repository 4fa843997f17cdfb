"""Records of populations: JSON, ``theradose/population/1``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from theradose.errors import StudyError
from theradose.model.population import POPULATION_SCHEMA, PopulationRecord


def read_population(path: Path) -> PopulationRecord:
    """Read a record of populations.

    Raises
    ------
    StudyError
        ``population-unreadable`` for a file that is no JSON object, ``population-schema`` for another schema than the
        one this version knows, ``population-invalid`` for a record that contradicts itself.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"The population {path.name} cannot be read: {error.strerror}.",
                         code="population-unreadable") from None  # fmt: skip
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise StudyError(
            f"The population {path.name} is not a record: name the JSON file that 'theradose cohort population' wrote.",
            code="population-unreadable",
        )
    schema = document.get("schema")
    if schema != POPULATION_SCHEMA:
        raise StudyError(
            f"The population {path.name} has the schema '{schema}', and this version knows '{POPULATION_SCHEMA}': "
            "write it with this version.",
            code="population-schema",
        )
    try:
        return PopulationRecord.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StudyError(
            f"The population {path.name} is damaged{f' at {place}' if place else ''}: "
            f"{first['msg'].removeprefix('Value error, ')}.",
            code="population-invalid",
        ) from None


def population_document(record: PopulationRecord) -> dict[str, Any]:
    """Return a record as the document that is written."""
    return record.model_dump(mode="json", by_alias=True)
