"""Dose per activity of the coming cycles."""

import math

import pytest

from theradose.errors import PlanError
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.forecast import forecast_region, predicted_per_activity
from theradose.plan.inputs.prrt import FirstCycle
from unit.plan.courses import KIDNEY, U, course, cycle, dose, ledger

RECORD = {"organ": "kidneys", "intercept": 0.2, "coefficients": {"gfr": 0.004, "bsa": -0.05},
          "values": {"gfr": 90, "bsa": 1.9}, "u": "25 %", "source": "a site's own regression"}  # fmt: skip


def test_cycles_of_one_precision_have_one_weight():
    """SCIENCE §8: d = 0.72 Gy/GBq is a mean of past cycles."""
    book = ledger(cycle(1, 7000.0, left_kidney=7.0), cycle(2, 7000.0, left_kidney=3.5))
    forecast = forecast_region(book, KIDNEY, course=course(), cycles=1)
    assert forecast.per_activity[0].value * 1000 == pytest.approx(0.75)


def test_a_less_precise_cycle_counts_less():
    rough = Cycle(1, 7000.0, None, {KIDNEY: dose(KIDNEY, 7.0, {"fit:{region}": 0.4})})
    book = ledger(rough, Cycle(2, 7000.0, None, {KIDNEY: dose(KIDNEY, 3.5, {"fit:{region}": 0.1})}))
    weights = [1 / (u**2 + 0.15**2) for u in (0.4, 0.1)]
    expected = (weights[0] * 1.0 + weights[1] * 0.5) / sum(weights)
    forecast = forecast_region(book, KIDNEY, course=course(), cycles=1)
    assert forecast.per_activity[0].value * 1000 == pytest.approx(expected)


def test_a_source_that_only_some_cycles_have_counts_against_them():
    """A single time point errs alike wherever it is used, but not in the cycle that was measured in full."""
    single = Cycle(
        2, 7000.0, None, {KIDNEY: dose(KIDNEY, 3.5, {"volume:{region}": 0.05, "single-time-point:{region}": 0.2})}
    )
    full = Cycle(1, 7000.0, None, {KIDNEY: dose(KIDNEY, 7.0, {"volume:{region}": 0.05})})
    weights = [1 / (u**2 + 0.15**2) for u in (0.0, 0.2)]
    expected = (weights[0] * 1.0 + weights[1] * 0.5) / sum(weights)
    forecast = forecast_region(ledger(full, single), KIDNEY, course=course(), cycles=1)
    assert forecast.per_activity[0].value * 1000 == pytest.approx(expected)


def test_sources_of_one_measured_cycle_and_the_spread_of_both():
    book = ledger(cycle(1, left_kidney=5.0))
    (coming,) = forecast_region(book, KIDNEY, course=course(), cycles=1).per_activity
    assert coming.relative_u == pytest.approx(math.hypot(*U.values(), 0.15, 0.15), rel=1e-12)
    before, after = (coming.contributions[f"between-cycles:left-kidney@{number}"] for number in (1, 2))
    assert before < 0 < after


def test_the_trend_goes_on():
    book = ledger(cycle(1, 7000.0, left_kidney=7.0), trend={KIDNEY: {"per_cycle": "-10 %"}})
    forecast = forecast_region(book, KIDNEY, course=course(trend={KIDNEY: {"per_cycle": "-10 %"}}), cycles=3)
    assert [d.value * 1000 for d in forecast.per_activity] == pytest.approx([0.9, 0.81, 0.729])


def test_assumed_cycles_are_no_measurement():
    book = ledger(cycle(1, 7000.0, left_kidney=7.0), cycle(2, 100.0))
    (coming,) = forecast_region(book, KIDNEY, course=course(), cycles=1).per_activity
    assert coming.value * 1000 == pytest.approx(1.0)
    assert {name for name in coming.contributions if name.startswith("fit")} == {"fit:left-kidney@1"}


def test_the_quadratic_factor_is_that_of_the_measured_cycles():
    book = ledger(Cycle(1, 7000.0, None, {KIDNEY: dose(KIDNEY, 5.0, bed_factor=0.02)}))
    factor = forecast_region(book, KIDNEY, course=course(), cycles=1).quadratic_per_gy
    assert factor.value == pytest.approx(0.02)
    # k is exact here, so that what BED and D share cancels in it.
    assert factor.u == pytest.approx(0.0, abs=1e-15)


def test_a_stated_regression_predicts_the_first_cycle():
    (coming,) = predicted_per_activity(FirstCycle.model_validate(RECORD), course=course(), numbers=[1])
    assert coming.value * 1000 == pytest.approx(0.2 + 0.004 * 90 - 0.05 * 1.9)
    assert coming.relative_u == pytest.approx(math.hypot(0.25, 0.15))


def test_from_the_first_cycle_the_trend_goes_on():
    record = FirstCycle.model_validate(RECORD)
    trend = {"kidneys": {"per_cycle": "-10 %"}}
    one, three = predicted_per_activity(record, course=course(trend=trend), numbers=[1, 3])
    assert three.value / one.value == pytest.approx(0.81)


def test_a_regression_of_the_logarithm():
    record = FirstCycle.model_validate({**RECORD, "intercept": -1.0, "scale": "log"})
    (coming,) = predicted_per_activity(record, course=course(), numbers=[1])
    assert coming.value * 1000 == pytest.approx(math.exp(-1.0 + 0.004 * 90 - 0.05 * 1.9))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"values": {"gfr": 90}}, "first-cycle-values"), ({"intercept": -5.0}, "first-cycle-negative")],
)
def test_a_regression_that_cannot_be_is_refused(changes, code):
    with pytest.raises(PlanError) as refusal:
        predicted_per_activity(FirstCycle.model_validate({**RECORD, **changes}), course=course(), numbers=[1])
    assert refusal.value.code == code


def test_a_regression_without_source_is_refused():
    with pytest.raises(ValueError, match="source"):
        FirstCycle.model_validate({key: value for key, value in RECORD.items() if key != "source"})
