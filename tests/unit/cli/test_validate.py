"""``theradose validate`` on published numbers; a site's phantom is in tests/e2e."""

from __future__ import annotations

from dataclasses import replace

import pytest

from theradose.validation import suite
from theradose.validation.case import load_cases


def test_a_group_as_table_and_as_document(command):
    answer = command("validate", "--only", "nuclear data")
    assert answer.code == 0, answer.err
    assert "[EGSnrcLNHB]" in answer.out and "6.647" in answer.out and "FAIL" not in answer.out
    document = command("validate", "--only", "nuclear-data", "--json").document
    assert document["schema"] == "theradose/validation/1"
    row = document["cases"][0]
    assert row.keys() == {
        "id", "group", "what", "quantity", "inputs", "expected", "unit", "tolerance", "because", "source", "reference",
        "value", "deviation", "relative_deviation", "passed",
    }  # fmt: skip


def test_everything_passes(command):
    answer = command("validate", "--json")
    assert answer.code == 0
    assert answer.document["n_failed"] == 0 and answer.document["n_cases"] == len(load_cases())


def test_a_number_outside_its_tolerance_is_exit_code_1(command, monkeypatch, tmp_path):
    wrong = tuple(replace(case, expected=1.1 * case.expected) for case in load_cases("dose")[:2])
    monkeypatch.setattr(suite, "load_cases", lambda group=None: wrong)
    answer = command("validate", "--out", tmp_path)
    assert answer.code == 1
    assert f"FAIL {wrong[0].id}" in answer.out
    assert len(list(tmp_path.glob("validation-*.pdf"))) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "astrology"), "valid names are"),
        (("--site", "nowhere.yaml"), "There is no phantom file"),
        (("--site", "nowhere.yaml", "--only", "dose"), "give one of them"),
    ],
)
def test_refusals(command, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    answer = command("validate", *arguments)
    assert answer.code == 2
    assert words in answer.err and answer.out == ""
