import numpy as np
import pytest

from theradose.cohort.agreement import Method, agreement_findings, check_method, compare_methods
from theradose.errors import StatisticsError
from theradose.model.measured import MeasuredRegion
from theradose.statistics.agreement import bland_altman


def method(name, factor=1.0, *, patients=6, cycles=2, leave=(), noise=0.02, seed=1):
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        for cycle in range(1, cycles + 1):
            for region, typical in (("left-kidney", 4.0), ("right-kidney", 4.2), ("liver", 2.0), ("lesion-1", 30.0)):
                key = f"P{patient}", cycle, region
                own = typical * (1 + 0.1 * patient)
                value = factor * own * (1 + noise * rng.standard_normal())
                if key not in leave:
                    rows.append(MeasuredRegion(*key, {"dose_gy": value}, name, is_lesion=region == "lesion-1"))
    return Method(name, tuple(rows))


def test_rows_are_paired_by_patient_cycle_and_region_and_compared_by_organ():
    compared, unpaired = compare_methods([method("A"), method("B", 1.1, seed=2)], quantities=["dose_gy"])
    assert [(item.organ, len(item.keys), item.patients) for item in compared] == [
        ("kidneys", 24, 6), ("lesion", 12, 6), ("liver", 12, 6),
    ]  # fmt: skip
    assert unpaired == ()
    kidneys = compared[0]
    assert kidneys.ratio_of_medians == pytest.approx(1 / 1.1, rel=0.03)
    subjects = [patient for patient, _, _ in kidneys.keys]
    again = bland_altman(*kidneys.values, subjects=subjects, relative=True, exact=True)
    assert kidneys.relative == again
    # 100 (1 − 1.1) / 1.05 per cent.
    assert kidneys.relative.bias.value == pytest.approx(-9.52, abs=1.5)


def test_order_of_rows_does_not_matter():
    first, second = method("A"), method("B", seed=2)
    one = compare_methods([first, second], quantities=["dose_gy"])[0]
    other = compare_methods([first, Method("B", second.rows[::-1])], quantities=["dose_gy"])[0]
    assert all((a.values == b.values).all() for a, b in zip(one, other, strict=True))


def test_rows_without_a_partner_say_why():
    leave = [
        ("P0", cycle, region) for cycle in (1, 2) for region in ("left-kidney", "right-kidney", "liver", "lesion-1")
    ]
    leave += [("P1", 2, region) for region in ("left-kidney", "right-kidney", "liver", "lesion-1")]
    leave += [("P2", 1, "liver")]
    other = method("B", leave=leave)
    rows = (*other.rows, MeasuredRegion("P2", 1, "liver", {"mass_g": 1.0}, "B"))
    compared, unpaired = compare_methods([method("A"), Method("B", rows)], quantities=["dose_gy"])
    reasons = {(item.patient, item.cycle, item.region): item.reason for item in unpaired}
    assert reasons["P0", 1, "liver"] == "no such patient"
    assert reasons["P1", 2, "lesion-1"] == "no such cycle"
    assert reasons["P2", 1, "liver"] == "no dose_gy"
    assert len(unpaired) == 13
    assert {finding.code for finding in agreement_findings(compared, unpaired)} >= {"agreement-unpaired"}


def test_three_methods_are_compared_two_by_two():
    compared, _ = compare_methods([method("A"), method("B", seed=2), method("C", seed=3)], quantities=["dose_gy"])
    assert {(item.first, item.second) for item in compared} == {("A", "B"), ("A", "C"), ("B", "C")}


@pytest.mark.parametrize(
    ("factor", "suspect"), [(1000.0, True), (0.001, True), (24.0, True), (1.3, False), (4.0, False)]
)
def test_another_unit_is_suspected(factor, suspect):
    compared, unpaired = compare_methods([method("A", factor), method("B", seed=2)], quantities=["dose_gy"])
    codes = {finding.code for finding in agreement_findings(compared, unpaired)}
    assert ("agreement-scale" in codes) == suspect


def test_a_difference_in_proportion_is_noticed():
    """A factor of 1.3 is a slope of 0.3/1.15; 24 pairs with 2 % of noise know it to 0.04, of which 4 are allowed."""
    compared, unpaired = compare_methods([method("A", 1.3), method("B", seed=2)], quantities=["dose_gy"])
    assert "agreement-proportional" in {finding.code for finding in agreement_findings(compared, unpaired)}
    assert compared[0].absolute.slope.value == pytest.approx(0.3 / 1.15, abs=0.16)


def test_two_patients_have_medians_only():
    compared, unpaired = compare_methods(
        [method("A", patients=2), method("B", patients=2, seed=2)], quantities=["dose_gy"]
    )
    assert compared[0].absolute is None and compared[0].ratio_of_medians == pytest.approx(1, rel=0.05)
    assert {finding.code for finding in agreement_findings(compared, unpaired)} == {"agreement-few"}


def test_a_region_twice_names_both_places():
    rows = (MeasuredRegion("P", 1, "liver", {}, "a.csv, line 2"), MeasuredRegion("P", 1, "liver", {}, "a.csv, line 9"))
    with pytest.raises(StatisticsError, match=r"line 9.*stands at a.csv, line 2") as caught:
        check_method(Method("A", rows))
    assert caught.value.code == "agreement-twice"


@pytest.mark.parametrize("names", [["A"], ["A", "A"]])
def test_one_method_or_one_name_is_refused(names):
    with pytest.raises(StatisticsError) as caught:
        compare_methods([method(name) for name in names], quantities=["dose_gy"])
    assert caught.value.code == "agreement-methods"
