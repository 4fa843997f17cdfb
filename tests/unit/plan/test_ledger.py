"""The ledger: what cycles share, what is assumed, and what is not measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import PlanError
from theradose.plan.cycles.ledger import source_of_cycle
from theradose.plan.cycles.limits import past_against
from theradose.plan.cycles.regions import method_findings, regions_beside_limit
from theradose.plan.limits import limit_named
from unit.plan.courses import KIDNEY, U, cycle, dose, ledger

GRAYS = st.floats(0.1, 30.0)


def codes(book):
    return [finding.code for finding in book.findings]


def test_sources_are_shared_by_the_rule():
    assert source_of_cycle("calibration:A", 2) == "calibration:A"
    assert source_of_cycle("volume:liver", 2) == "volume:liver"
    assert source_of_cycle("fit:liver", 2) == "fit:liver@2"
    # A patient whose kinetics differ from what one time point assumes differs in every cycle; a table stays the same.
    assert source_of_cycle("single-time-point:liver", 3) == "single-time-point:liver"
    assert source_of_cycle("marrow-to-blood-ratio", 3) == "marrow-to-blood-ratio"
    assert source_of_cycle("s-value-statistics:liver", 3) == "s-value-statistics:liver"


def test_uncertainty_of_a_sum_by_the_rule_and_by_both_extremes():
    """Two doses of 5 and 4 Gy: shared parts add up, independent ones add in squares (JCGM 100, equation 16)."""
    total = ledger(cycle(1, left_kidney=5.0), cycle(2, left_kidney=4.0)).cumulative(KIDNEY)
    shared = math.hypot(U["calibration:A"], U["volume:{region}"])
    fit = U["fit:{region}"]
    assert total.dose_gy.value == 9.0
    assert total.dose_gy.u == pytest.approx(math.hypot(9 * shared, 5 * fit, 4 * fit), rel=1e-12)
    one = math.hypot(shared, fit)
    assert total.u_all_shared == pytest.approx(9 * one, rel=1e-12)
    assert total.u_all_independent == pytest.approx(math.hypot(5 * one, 4 * one), rel=1e-12)
    assert total.u_all_independent < total.dose_gy.u < total.u_all_shared


@given(doses=st.lists(GRAYS, min_size=1, max_size=6), split=st.integers(0, 6))
def test_cumulative_dose_is_additive(doses, split):
    """The sum of all cycles is that of the first ones plus that of the others, as an uncertain number too."""
    cycles = [cycle(number, left_kidney=gy) for number, gy in enumerate(doses, 1)]
    whole = ledger(*cycles).cumulative(KIDNEY).dose_gy
    parts = [ledger(*part).cumulative(KIDNEY).dose_gy for part in (cycles[:split], cycles[split:]) if part]
    joined = sum(parts[1:], parts[0])
    assert whole.value == pytest.approx(joined.value, rel=1e-12)
    assert whole.u == pytest.approx(joined.u, rel=1e-12)


def test_a_cycle_without_dosimetry_takes_the_nearest_dose_per_activity_with_the_trend():
    book = ledger(
        cycle(1, 7000.0, left_kidney=7.0), cycle(2, 3500.0), cycle(4, 7000.0, left_kidney=3.5), cycle(3, 7000.0),
        trend={"kidneys": {"per_cycle": "-10 %", "absolute_u": "2 %"}},
    )  # fmt: skip
    second, third = (book.cycles[place].doses[KIDNEY] for place in (1, 2))
    assert (second.basis, second.carried_from) == ("assumed", 1)
    assert second.dose_gy.value == pytest.approx(3.5 * 0.9, rel=1e-12)
    assert third.carried_from == 4
    assert third.dose_gy.value == pytest.approx(3.5 / 0.9, rel=1e-12)
    measured = math.hypot(*U.values())
    expected = math.hypot(measured, 0.15, 0.15, 0.02 / 0.9)
    assert second.dose_gy.relative_u == pytest.approx(expected, rel=1e-12)
    total = book.cumulative(KIDNEY)
    assert total.assumed == (2, 3)
    assert codes(book).count("cycle-without-dosimetry") == 2


def test_the_earlier_of_two_equally_near_cycles_is_taken():
    book = ledger(cycle(1, left_kidney=4.0), cycle(2), cycle(3, left_kidney=8.0))
    assert book.cycles[1].doses[KIDNEY].carried_from == 1


def test_assumed_cycles_of_one_measured_one_are_correlated():
    book = ledger(cycle(1, left_kidney=5.0), cycle(2), cycle(3))
    total = book.cumulative(KIDNEY).dose_gy
    # The deviation of cycle 1 from the mean acts twice, that of each assumed cycle once; the measurement three times.
    expected = 5 * math.hypot(*(3 * u for u in U.values()), 2 * 0.15, 0.15, 0.15)
    assert total.u == pytest.approx(expected, rel=1e-12)


def test_without_a_stated_spread_its_size_is_not_stated():
    from theradose.plan.cycles.ledger import build_ledger
    from unit.plan.courses import course

    book = build_ledger([cycle(1, left_kidney=5.0), cycle(2)], course=course(None), absent={})
    assert "between-cycles:left-kidney@2" in book.cumulative(KIDNEY).dose_gy.not_stated


def test_a_lost_organ_has_no_dose_and_no_finding_once_it_is_stated():
    cycles = (cycle(1, left_kidney=5.0, right_kidney=4.0), cycle(2, left_kidney=5.0))
    told = ledger(*cycles, absent={"right-kidney": {"from_cycle": 2, "reason": "nephrectomy"}})
    assert told.cumulative("right-kidney").dose_gy.value == 4.0
    assert told.cumulative("right-kidney").not_measured == (2,)
    assert not told.present("right-kidney") and told.present(KIDNEY)
    assert codes(told) == []
    silent = ledger(*cycles)
    assert silent.cycles[1].doses["right-kidney"].basis == "assumed"
    assert codes(silent) == ["organ-carried-over"]


def test_a_side_has_the_dose_of_the_pair_where_the_pair_was_measured():
    book = ledger(cycle(1, kidneys=6.0), cycle(2, left_kidney=5.0, right_kidney=4.0))
    first = book.cycles[0].doses
    assert first[KIDNEY].dose_gy.value == first["right-kidney"].dose_gy.value == 6.0
    assert (first[KIDNEY].basis, first[KIDNEY].carried_from) == ("assumed", 1)
    assert "side-of-pair:left-kidney@1" in first[KIDNEY].dose_gy.not_stated
    assert "kidneys" not in book.cycles[1].doses
    assert codes(book) == []


def test_a_dose_of_an_absent_organ_does_not_count():
    book = ledger(
        cycle(1, left_kidney=5.0, right_kidney=4.0), cycle(2, left_kidney=5.0, right_kidney=0.1),
        absent={"right-kidney": {"from_cycle": 2, "reason": "removed"}},
    )  # fmt: skip
    assert book.cumulative("right-kidney").dose_gy.value == 4.0
    assert codes(book) == ["absent-but-measured"]


def test_a_new_lesion_has_no_earlier_dose_and_a_vanished_one_no_later():
    book = ledger(
        cycle(1, lesion_old=40.0, left_kidney=5.0), cycle(2, lesion_new=30.0, left_kidney=5.0),
        cycle(3, left_kidney=5.0),
    )  # fmt: skip
    assert book.cumulative("lesion-new").not_measured == (1, 3)
    assert book.cumulative("lesion-old").not_measured == (2, 3)
    assert not book.present("lesion-old") and not book.present("lesion-new")
    assert set(codes(book)) == {"lesion-not-measured"}


def test_a_lesion_is_assumed_in_a_later_cycle_without_dosimetry_only():
    book = ledger(cycle(1, left_kidney=5.0), cycle(2, lesion_1=40.0, left_kidney=5.0), cycle(3))
    assert book.cycles[2].doses["lesion-1"].basis == "assumed"
    assert "lesion-1" not in book.cycles[0].doses
    assert book.present("lesion-1")


def test_a_cycle_given_twice_is_refused_and_a_missing_one_is_a_finding():
    with pytest.raises(PlanError, match="more than once") as refusal:
        ledger(cycle(1, left_kidney=5.0), cycle(1))
    assert refusal.value.code == "cycle-twice"
    assert codes(ledger(cycle(1, left_kidney=5.0), cycle(3, left_kidney=5.0))) == ["cycle-missing"]


def test_bed_adds_up_and_is_carried_by_its_quadratic_factor():
    from theradose.plan.cycles.cycle import Cycle
    from theradose.plan.cycles.ledger import build_ledger
    from unit.plan.courses import course

    known = Cycle(1, 7400.0, None, {KIDNEY: dose(KIDNEY, 5.0, bed_factor=0.02)})
    book = build_ledger([known, cycle(2, 3700.0)], course=course(), absent={})
    assert book.cumulative(KIDNEY).bed_gy.value == pytest.approx(5 + 0.02 * 25 + 2.5 + 0.02 * 2.5**2, rel=1e-12)


def test_one_cycle_without_bed_leaves_no_sum_of_bed():
    from theradose.plan.cycles.cycle import Cycle

    known = Cycle(1, 7400.0, None, {KIDNEY: dose(KIDNEY, 5.0, bed_factor=0.02)})
    assert ledger(known, cycle(2, left_kidney=5.0)).cumulative(KIDNEY).bed_gy is None


def test_without_cycles_the_first_comes_next():
    assert ledger().next_number == 1
    assert ledger().regions == ()


def test_a_lesion_whose_spread_nobody_states_is_told_of():
    from theradose.plan.cycles.ledger import build_ledger
    from unit.plan.courses import course

    cycles = [cycle(1, lesion_1=40.0, left_kidney=5.0), cycle(2)]
    silent = build_ledger(cycles, course=course(None), absent={})
    assert "spread-not-stated" in codes(silent)
    assert "spread-not-stated" not in codes(build_ledger(cycles, course=course(), absent={}))


@pytest.mark.parametrize(("second", "found"), [("2026-03-01T10:00", False), ("2026-01-01T10:00", True), (None, False),
                                               ("2026-01-01T10:00+01:00", False)])  # fmt: skip
def test_a_cycle_that_starts_before_an_earlier_one_is_found(second, found):
    """A time with a zone and one without cannot be compared."""
    from datetime import datetime

    from theradose.plan.cycles.cycle import Cycle

    starts = ("2026-02-01T10:00", second)
    cycles = [
        Cycle(number, 7400.0, None if start is None else datetime.fromisoformat(start), {KIDNEY: dose(KIDNEY, 5.0)})
        for number, start in enumerate(starts, 1)
    ]
    assert ("cycle-order" in codes(ledger(*cycles))) == found


@given(doses=st.lists(GRAYS, min_size=2, max_size=6), missing=st.sets(st.integers(1, 5)))
def test_the_uncertainty_by_the_rule_lies_between_both_extremes(doses, missing):
    """For measured cycles, and for assumed ones without a trend: sources act in one direction there."""
    cycles = [cycle(1, left_kidney=doses[0])]
    cycles += [cycle(n, **({} if n in missing else {"left_kidney": gy})) for n, gy in enumerate(doses[1:], 2)]
    total = ledger(*cycles).cumulative(KIDNEY)
    assert total.u_all_independent <= total.dose_gy.u * (1 + 1e-12)
    assert total.dose_gy.u <= total.u_all_shared * (1 + 1e-12)


def test_a_trend_that_acts_in_both_directions_cancels():
    """Cycle 2 is carried forward from 1, cycle 3 back from 4: what makes one larger makes the other smaller."""
    cycles = (cycle(1, left_kidney=5.0), cycle(2), cycle(3), cycle(4, left_kidney=5.0))
    total = ledger(*cycles, trend={"kidneys": {"per_cycle": 0.0, "absolute_u": 0.3}}).cumulative(KIDNEY)
    assert "trend:kidneys" not in total.dose_gy.contributions
    assert total.dose_gy.u < total.u_all_independent


def test_a_marrow_dose_by_image_has_no_limit_beside_one_by_blood():
    """In the report of a cycle too: the 2 Gy come from doses by blood."""
    marrow = limit_named("red-marrow-2")
    both = ledger(cycle(1, red_marrow_by_blood=0.3, red_marrow_by_image=0.9))
    (row,) = past_against(both, marrow)
    assert row.region == "red-marrow-by-blood" and method_findings([row]) == ()
    assert regions_beside_limit("red-marrow", both) == ("red-marrow-by-image",)
    image = ledger(cycle(1, red_marrow_by_image=0.9))
    (row,) = past_against(image, marrow)
    (finding,) = method_findings([row])
    assert row.region == "red-marrow-by-image" and finding.code == "limit-by-other-method"
    assert regions_beside_limit("red-marrow", image) == ()


def test_a_pair_beside_a_side_is_critical_in_a_report():
    """A run is not refused after hours, but nobody reads its sums without knowing."""
    book = ledger(cycle(1, kidneys=5.0, right_kidney=4.8))
    (finding,) = [finding for finding in book.findings if finding.code == "pair-beside-side"]
    assert finding.severity == "critical"
