"""Names that a person states for the cycles of a patient."""

from theradose.model.cycles import CyclesChoice
from theradose.plan.cycles.names import canonical_choice, name_findings

GONE = {"from_cycle": 2, "reason": "nephrectomy"}


def chosen(**keys):
    return CyclesChoice.model_validate(keys)


def test_names_are_canonical():
    choice = canonical_choice(chosen(absent={"Niere re": GONE}, trend={"Nieren": {"per_cycle": "-5 %"}}))
    assert set(choice.absent) == {"right-kidney"}
    assert set(choice.trend) == {"kidneys"}


def test_names_of_the_user_go_before():
    assert set(canonical_choice(chosen(absent={"R1": GONE}), names={"right-kidney": ("r1",)}).absent) == {
        "right-kidney"
    }


def test_where_a_pair_is_gone_each_side_is():
    absent = canonical_choice(chosen(absent={"kidneys": GONE, "left-kidney": {**GONE, "from_cycle": 1}})).absent
    assert {name: absence.from_cycle for name, absence in absent.items()} == {
        "kidneys": 2, "left-kidney": 1, "right-kidney": 2,
    }  # fmt: skip


def test_a_name_that_no_cycle_has_is_found():
    """A kidney that was gone before the first cycle is in no cycle either, and no slip."""
    regions = ("left-kidney", "lesion-1")
    trend = {"kidneys": {"per_cycle": 0.0}, "lesions": {"per_cycle": 0.0}, "liver": {"per_cycle": 0.0}}
    choice = chosen(absent={"right-kidney": GONE, "rigth-kidny": GONE}, trend=trend)
    assert [finding.where for finding in name_findings(choice, regions=regions)] == ["rigth-kidny", "liver"]
