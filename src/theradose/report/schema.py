"""The published JSON Schema of ``result.json``."""

from __future__ import annotations

import json
from typing import Any

from theradose.model.result import Result

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema of the result document as it is written."""
    schema = Result.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": _DIALECT, **schema, "title": "theradose result"}


def result_schema_text() -> str:
    """Return the text of ``docs/formats/result-schema.json``."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
