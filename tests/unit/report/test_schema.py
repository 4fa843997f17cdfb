import copy
from pathlib import Path

import jsonschema
import pytest

from theradose.report.schema import result_schema, result_schema_text

PUBLISHED = Path(__file__).parents[3] / "docs" / "formats" / "result-schema.json"


def test_the_published_schema_is_current():
    assert PUBLISHED.read_text(encoding="utf-8") == result_schema_text(), (
        "write the text of theradose.report.schema.result_schema_text() to docs/formats/result-schema.json"
    )


def test_a_result_follows_the_schema(result):
    jsonschema.Draft202012Validator.check_schema(result_schema())
    jsonschema.validate(result.model_dump(mode="json", by_alias=True), result_schema())


def test_the_schema_refuses_unknown_and_missing_keys(result):
    document = result.model_dump(mode="json", by_alias=True)
    extra, missing = copy.deepcopy(document), copy.deepcopy(document)
    extra["regions"][0]["comment"] = "x"
    del missing["regions"][0]["dose_gy"]
    for broken in (extra, missing):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, result_schema())
