"""What every case of ``theradose validate`` owes its reader, and that a wrong number would be seen."""

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from theradose.validation.case import Tolerance, find_group, group_names, load_cases
from theradose.validation.evaluator import find_evaluator
from theradose.validation.suite import evaluate_case

ROOT = Path(__file__).parents[2]
REFERENCES = ROOT / "src" / "theradose" / "data" / "references.bib"
KEYS = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES.read_text(encoding="utf-8"), flags=re.MULTILINE))
CASES = load_cases()
GROUPS = {
    "nuclear_data", "kinetics", "single_time_point", "planar", "marrow", "dose", "radiation", "uncertainty",
    "agreement", "biology",
}  # fmt: skip
# The factor of a case that a wrong number must not survive: ten tolerances.
TOLERANCES = 10


def test_the_groups_of_the_contract_are_there():
    assert set(group_names()) >= GROUPS
    assert all(load_cases(group) for group in group_names())


def test_ids_are_unique():
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []


def test_every_group_is_found_by_its_written_names():
    assert find_group("single time point") == find_group("Single-time-point") == "single_time_point"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}:{case.id}")
class TestCase:
    def test_says_where_its_number_and_its_tolerance_come_from(self, case):
        assert case.reference in KEYS
        assert len(case.source) > 5 and len(case.because) > 10 and len(case.what) > 10
        assert "{" not in case.what

    def test_has_an_evaluator_of_its_group(self, case):
        module = find_evaluator(case.group, case.quantity).__module__
        assert module == f"theradose.validation.evaluators.{case.group}"

    def test_would_see_a_wrong_number(self, case):
        wrong = case.expected + TOLERANCES * case.tolerance.in_units(case.expected)
        assert not evaluate_case(replace(case, expected=wrong)).passed


def test_a_number_that_is_not_finite_never_passes():
    result = evaluate_case(CASES[0])
    assert not replace(result, value=math.nan).passed
    assert not replace(result, value=math.inf).passed


def test_a_tolerance_is_either_relative_or_absolute():
    for wrong in ({}, {"relative": 0.1, "absolute": 0.1}, {"relative": -0.1}):
        with pytest.raises(ValueError):
            Tolerance.model_validate(wrong)
