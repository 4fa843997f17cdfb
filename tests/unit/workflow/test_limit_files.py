"""A site's file of limits."""

import pytest

from theradose.errors import PlanError
from theradose.workflow.limit_files import read_limits

GOOD = 'ours: {organ: kidneys, value: 25 Gy, origin: EBRT, source: "board: 2026"}\n'


def test_a_file_of_limits_is_read(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    (limit,) = read_limits(path)
    assert (limit.name, limit.organ, limit.value_gy, limit.status) == ("ours", "kidneys", 25, "stated")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("25 Gy", "25", "ours: value: '25' has no unit: add one of Gy, mGy, cGy."),
        (", origin: EBRT", "", "origin: it is needed and missing: valid values are radionuclide-therapy, EBRT, label."),
        ("EBRT", "beam", "origin: valid values are 'radionuclide-therapy', 'EBRT' or 'label', but 'beam' was given."),
        ('"board: 2026"', "board: 2026", "put text that holds a colon in quotes"),
        (GOOD, "ours: 25 Gy\n", "ours: keys are needed"),
        (GOOD, "- ours\n", "it is a mapping of names"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_write(tmp_path, old, new, words):
    path = tmp_path / "own.yaml"
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(PlanError) as refusal:
        read_limits(path)
    assert words in str(refusal.value) and ".." not in str(refusal.value)
