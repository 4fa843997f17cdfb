"""Every planner has an example, and what it prints is complete: JSON by its schema, and one page."""

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest

from theradose.cli import main
from theradose.plan.planners import planners
from theradose.workflow.plan import PLANS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "plans"
SCHEMA = json.loads((ROOT / "docs" / "formats" / "plan-schema.json").read_text(encoding="utf-8"))
FORMATS = (ROOT / "docs" / "formats" / "plan.md").read_text(encoding="utf-8")
NAMES = planners.names()
# An example is named after its planner, and may say after a hyphen what is special about it.
FILES = sorted(EXAMPLES.glob("*.yaml"))


def pages(path):
    return len(re.findall(rb"/Type\s*/Page\b", path.read_bytes()))


def planner_of(path):
    return path.stem.partition("-")[0]


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def planned(request, tmp_path_factory):
    """Return the planner, document and page of one example, made by the real command."""
    page = tmp_path_factory.mktemp("plan") / "page.pdf"
    name = planner_of(request.param)
    words = ["theradose", "plan", name, str(request.param), "--json", "--out", str(page)]
    with pytest.MonkeyPatch.context() as patch, page.with_suffix(".json").open("w+", encoding="utf-8") as out:
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as ended:
            main()
        out.seek(0)
        text = out.read()
    assert not ended.value.code
    return name, json.loads(text), page


def test_planners_have_an_input_and_an_example_and_are_documented():
    assert set(PLANS) == set(NAMES) == {planner_of(path) for path in FILES}
    for name in NAMES:
        assert (EXAMPLES / f"{name}.yaml").is_file()
        assert f"## `{name}`" in FORMATS


def test_every_key_of_an_input_is_documented():
    for name in NAMES:
        section = FORMATS.partition(f"## `{name}`")[2].partition("\n## ")[0]
        missing = [key for key in PLANS[name].inputs.model_fields if f"`{key}`" not in section]
        assert missing == [], name


def test_the_document_follows_the_schema(planned):
    _, document, _ = planned
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_nothing_is_stated_without_its_source_its_interval_and_the_statement(planned):
    name, document, _ = planned
    assert document["planner"] == name
    assert document["statement"].startswith("RESEARCH USE ONLY")
    assert "%" in document["summary"]
    assert document["formula"] and document["constants"]
    for dose in document["doses"]:
        stated = dose["dose_gy"]["u"] is not None
        assert (dose["interval_gy"] is not None) == stated
        assert (dose["p_exceed"] is not None) == (stated and dose["limit"] is not None)
        assert (dose["limit_gy"] is None) == (dose["limit"] is None)
        if stated:
            low, high = dose["interval_gy"]
            assert low < dose["dose_gy"]["value"] < high


def test_the_page_is_one(planned):
    _, _, page = planned
    assert page.read_bytes().startswith(b"%PDF-")
    assert pages(page) == 1
