"""What the results of all marrow methods share."""

from __future__ import annotations

import math

import pytest

from theradose.errors import PhysicsError
from theradose.model.document import pair_document
from theradose.uncertainty import Uncertain
from theradose.workflow.document_parts import budget_document, finite
from theradose.workflow.marrow_result import with_whole_body_if_possible


def marrow_dose(code):
    """A dose that fails with the whole body."""

    def compute(whole_body):
        if whole_body and code:
            raise PhysicsError("Marrow and organs hold more than the whole body.", code=code)
        return "with" if whole_body else "without"

    return compute


def test_the_whole_body_is_used_where_it_can_be():
    assert with_whole_body_if_possible(marrow_dose(None), where="here") == ("with", ())


def test_a_negative_remainder_leaves_the_whole_body_out_and_is_said():
    result, (finding,) = with_whole_body_if_possible(marrow_dose("marrow-remainder-negative"), where="here")
    assert result == "without"
    assert (finding.code, finding.severity, finding.where) == ("marrow-remainder-negative", "critical", "here")
    assert "more than the whole body" in finding.message


def test_another_failure_is_not_hidden():
    with pytest.raises(PhysicsError) as refusal:
        with_whole_body_if_possible(marrow_dose("marrow-mass"), where="here")
    assert refusal.value.code == "marrow-mass"


def test_documents_hold_no_number_that_json_cannot():
    assert finite(math.inf) is None and finite(math.nan) is None and finite(2.5) == 2.5
    assert pair_document(None) == {"value": None, "u": None}
    assert pair_document(Uncertain(3.0)) == {"value": 3.0, "u": None}
    assert pair_document(Uncertain(3.0, {"fit:x": math.inf})) == {"value": 3.0, "u": None}
    assert pair_document(Uncertain(3.0, {"fit:x": 0.3})) == {"value": 3.0, "u": 0.3}


def test_budgets_name_the_group_of_each_source():
    lines = budget_document(Uncertain(10.0, {"fit:x": 0.3, "calibration:A": 0.4}, frozenset({"recovery:x"})))
    assert [(line["source"], line["group"]) for line in lines] == [
        ("calibration:A", "calibration"), ("fit:x", "fit"), ("recovery:x", "recovery"),
    ]  # fmt: skip
    assert lines[0]["share"] == pytest.approx(0.64) and lines[2]["share"] is None
