"""Grades of CTCAE 5.0, with the boundary cases that the open package admiral lists for its own tables."""

import pytest

from theradose.biology.ctcae import count_grade, grade_limits
from theradose.errors import PhysicsError


@pytest.mark.parametrize(
    ("quantity", "value", "limit", "grade"),
    [
        ("platelets", 24, 100, 4), ("platelets", 25, 100, 3), ("platelets", 49, 100, 3), ("platelets", 50, 100, 2),
        ("platelets", 74, 100, 2), ("platelets", 75, 100, 1), ("platelets", 99, 100, 1), ("platelets", 100, 100, 0),
        ("neutrophils", 0.49, 2, 4), ("neutrophils", 0.5, 2, 3), ("neutrophils", 1, 2, 2), ("neutrophils", 1.5, 2, 1),
        ("neutrophils", 2, 2, 0),
        ("lymphocytes", 0.19, 1.1, 4), ("lymphocytes", 0.2, 1.1, 3), ("lymphocytes", 0.5, 1.1, 2),
        ("lymphocytes", 0.8, 1.1, 1), ("lymphocytes", 1.1, 1.1, 0),
        ("wbc", 0.99, 4, 4), ("wbc", 1.0, 4, 3), ("wbc", 2.0, 4, 2), ("wbc", 3.0, 4, 1),
        ("haemoglobin", 5.0, 12, 3), ("haemoglobin", 7.9, 12, 3), ("haemoglobin", 8.0, 12, 2),
        ("haemoglobin", 10.0, 12, 1), ("haemoglobin", 12.0, 12, 0),
        ("platelets", 74, None, 2), ("platelets", 75, None, None), ("platelets", 300, None, None),
    ],
)  # fmt: skip
def test_grades_at_their_limits(quantity, value, limit, grade):
    assert count_grade(quantity=quantity, value=value, lower_limit=limit) == grade


def test_limits_carry_that_their_text_was_not_read():
    assert {constant.status for constant in grade_limits("wbc")} == {"unverified"}
    assert [constant.value for constant in grade_limits("wbc")] == [3.0, 2.0, 1.0]


def test_an_unknown_count_is_refused():
    with pytest.raises(PhysicsError, match="basophils"):
        count_grade(quantity="basophils", value=1.0, lower_limit=None)
