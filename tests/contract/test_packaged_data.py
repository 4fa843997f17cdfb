"""Every packaged number says where it comes from and whether that was read."""

import pytest

from theradose.data import list_data, load_json, load_yaml

STATUSES = {"verified", "unverified", "choice", "illustrative"}
NAMES = [name for name in list_data() if name.endswith((".json", ".yaml"))]


def load(name):
    return load_json(name) if name.endswith(".json") else load_yaml(name)


def records(content, keys=()):
    """All mappings inside `content` that hold a value or a status, with the keys that lead to them."""
    if isinstance(content, dict):
        if "value" in content or "status" in content:
            yield ".".join(keys), content
        for key, part in content.items():
            yield from records(part, (*keys, str(key)))
    elif isinstance(content, list):
        for number, part in enumerate(content):
            yield from records(part, (*keys, str(number)))


@pytest.mark.parametrize("name", NAMES)
def test_numbers_state_source_and_status(name):
    found = list(records(load(name)))
    assert found
    for place, record in found:
        assert record.get("source", "").strip(), place
        assert record.get("status") in STATUSES, place


@pytest.mark.parametrize("name", NAMES)
def test_conventions_are_no_verified_constants(name):
    for place, record in records(load(name)):
        if record["source"].startswith("convention"):
            assert record["status"] == "choice", place


@pytest.mark.parametrize("name", [name for name in NAMES if "/" not in name])
def test_values_of_tables_state_unit_and_edition(name):
    for place, record in records(load(name)):
        if "value" in record:
            assert {"unit", "edition"} <= record.keys(), place
