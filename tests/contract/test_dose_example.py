"""The maps of the example, and the document that the page of the format describes."""

import json
import re
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import pytest

from fake_engines import registered_engines
from theradose.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "formats" / "dose.md"
MAPS = DOCS / "formats" / "examples" / "dose"
NAMES = "1=lung,2=soft-tissue,3=cortical-bone"


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The document of the example with every map, and with two engines."""
    words = [
        word for name in ("tia", "density", "materials", "regions") for word in (f"--{name}", MAPS / f"{name}.nii.gz")
    ]
    words += ["--material-names", NAMES, "--nuclide", "Y-90", "--engine", "sampled", "--cross-check", "local", "--out",
              tmp_path_factory.mktemp("dose") / "dose.nii.gz", "--json"]  # fmt: skip
    printed = StringIO()
    with pytest.MonkeyPatch.context() as patch, registered_engines(), redirect_stdout(printed):
        patch.setattr(sys, "argv", ["theradose", "dose", *map(str, words)])
        with suppress(SystemExit):
            main()
    return json.loads(printed.getvalue())


def documented():
    """Keys of the table, and those that stand in the meaning of each."""
    table = PAGE.read_text(encoding="utf-8").partition("## Document")[2]
    rows = re.findall(r"^\| (`.+`) \| (.+) \|$", table, flags=re.MULTILINE)
    return {key: meaning for keys, meaning in rows for key in re.findall(r"`([a-z_0-9]+)`", keys)}


def test_the_page_has_the_keys_of_the_document_and_no_other(document):
    assert set(documented()) == set(document)


@pytest.mark.parametrize("key", ["statistics", "grid", "transport", "cross_check"])
def test_the_keys_below_a_key_are_in_its_meaning(document, key):
    assert set(document[key]) <= set(re.findall(r"`([a-z_0-9]+)`", documented()[key]))


@pytest.mark.parametrize("key", ["energy", "regions"])
def test_the_keys_of_each_entry_are_in_the_meaning(document, key):
    assert document[key]
    for entry in document[key]:
        assert set(entry) <= set(re.findall(r"`([a-z_0-9]+)`", documented()[key]))


def test_the_example_is_a_warm_block_beside_lung(document):
    liver, lung = document["regions"]
    assert liver["dose_gy"]["value"] > 10 and lung["dose_gy"]["value"] == 0
    # Mass of both: 1.04 and 0.26 g/mL.
    assert liver["mass_g"] / liver["volume_ml"] == pytest.approx(1.04, rel=0.05)
    assert lung["mass_g"] / lung["volume_ml"] == pytest.approx(0.26, rel=1e-3)
