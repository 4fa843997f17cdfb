"""Published and independently computed numbers: the cases of ``theradose validate``, each with source and tolerance."""

import pytest

from theradose.validation.case import load_cases
from theradose.validation.suite import evaluate_case


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: f"{case.group}:{case.id}")
def test_published_number(case):
    result = evaluate_case(case)
    assert result.passed, f"{case.what}: {result.value!r} for {case.expected!r} {case.unit} ({case.because})"
