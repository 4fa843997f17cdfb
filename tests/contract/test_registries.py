"""What every registered plug-in owes its user."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from theradose.errors import TheradoseError
from theradose.workflow.info import all_registries

REFERENCES = Path(__file__).parents[2] / "src" / "theradose" / "data" / "references.bib"
ENTRIES = [(registry, entry) for registry in all_registries() for entry in registry]


def bibliography_keys():
    return set(re.findall(r"^@\w+\{([^,]+),", REFERENCES.read_text(encoding="utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize(("registry", "entry"), ENTRIES, ids=lambda value: getattr(value, "name", None))
def test_entry_states_what_it_is_and_where_it_comes_from(registry, entry):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.name)
    assert 10 <= len(entry.summary) <= 120 and "\n" not in entry.summary and not entry.summary.endswith(".")
    assert entry.citation in bibliography_keys()
    assert registry.get(entry.name) is entry.item


@pytest.mark.parametrize("registry", all_registries(), ids=lambda registry: registry.name)
def test_unknown_name_is_refused_with_the_valid_ones(registry):
    assert len(registry.names()) >= 1
    with pytest.raises(TheradoseError) as refusal:
        registry.get("no-such-thing")
    assert all(name in str(refusal.value) for name in registry.names())


def test_info_lists_every_registry():
    output = subprocess.run(
        [sys.executable, "-m", "theradose", "info", "--json"], capture_output=True, text=True, check=True
    ).stdout
    listed = json.loads(output)["registries"]
    for registry in all_registries():
        assert [entry["name"] for entry in listed[registry.name]] == list(registry.names())
