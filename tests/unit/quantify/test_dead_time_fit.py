from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from theradose.errors import CalibrationError
from theradose.model.counted_source import Counting, RateReading
from theradose.model.samples import CellOrigin
from theradose.nuclides import load_nuclide
from theradose.quantify.dead_time import observed_count_rate
from theradose.quantify.dead_time_fit import fit_decaying_source, fit_known_ratios, solve_two_sources

LU = load_nuclide("Lu-177")
START = datetime(2026, 1, 5, 8, tzinfo=timezone(timedelta(hours=1)))
HOURS = (0, 48, 120, 240, 360, 480, 720, 960)
BACKGROUND = 20.0
SECONDS = 60.0


def reading(true_cps, *, tau=4.0, model="paralysable", at_h=0.0, rng=None, arrangement=None):
    counts = observed_count_rate(true_cps=true_cps, dead_time_us=tau, model=model) * SECONDS
    counts = counts if rng is None else float(rng.poisson(counts))
    moment = START + timedelta(hours=at_h)
    return RateReading(
        Counting(CellOrigin("rates.csv", 2), moment, counts, SECONDS, BACKGROUND * 300, 300), arrangement
    )


def decaying(first_cps=90_000, **more):
    middle = SECONDS / 3600 / 2
    return [
        reading(first_cps * math.exp(-LU.decay_constant_per_h * (h + middle)) + BACKGROUND, at_h=h, **more)
        for h in HOURS
    ]


@pytest.mark.parametrize("model", ["paralysable", "non-paralysable"])
def test_exact_rates_give_the_dead_time_and_its_model(model):
    fit, findings = fit_decaying_source(decaying(model=model), nuclide=LU)
    assert (fit.value_us, fit.model) == (pytest.approx(4.0, rel=1e-6), model)
    assert fit.chi_squared == pytest.approx(0, abs=1e-9)
    assert fit.scale == pytest.approx(90_000, rel=1e-6)
    assert findings == ()
    lost = 1 - fit.highest_rate_cps / (90_020 * math.exp(-LU.decay_constant_per_h * SECONDS / 7200))
    assert fit.largest_loss == pytest.approx(lost, rel=1e-2)


def test_stated_uncertainty_is_that_of_repeated_measurements():
    """300 noisy measurements: z has unit variance within 4 of its standard deviations, sqrt(2/300) = 8 %."""
    rng = np.random.default_rng(5)
    fits = [fit_decaying_source(decaying(rng=rng), nuclide=LU, model="paralysable")[0] for _ in range(300)]
    # u is never less than counting explains, so that the fits whose chi-squared is small by chance are too wide.
    z = np.array([(fit.value_us - 4.0) / fit.u_us for fit in fits])
    assert abs(z.mean()) < 4 / math.sqrt(300)
    assert 0.6 < np.mean(z**2) < 1.33


def test_low_rates_that_do_not_tell_the_models_apart_take_the_usual_one():
    rng = np.random.default_rng(1)
    rates = decaying(20_000, rng=rng)
    fit, findings = fit_decaying_source(rates, nuclide=LU)
    assert fit.model == "paralysable"
    assert [finding.code for finding in findings] == ["dead-time-model-assumed"]
    assert fit_decaying_source(rates, nuclide=LU, usual="non-paralysable")[0].model == "non-paralysable"


def test_rates_that_do_not_resolve_the_dead_time_are_refused():
    with pytest.raises(CalibrationError) as caught:
        fit_decaying_source(decaying(300, rng=np.random.default_rng(3)), nuclide=LU)
    assert caught.value.code == "dead-time-not-resolved"
    assert "measure at higher rates" in str(caught.value)


def test_one_rate_is_refused():
    with pytest.raises(CalibrationError) as caught:
        fit_decaying_source(decaying()[:1], nuclide=LU)
    assert caught.value.code == "dead-time-too-few"


def test_two_rates_fit_exactly_and_say_so():
    rates = decaying()
    fit, findings = fit_decaying_source([rates[0], rates[-1]], nuclide=LU, model="paralysable")
    assert fit.value_us == pytest.approx(4.0, rel=1e-6)
    assert [finding.code for finding in findings] == ["dead-time-fit-exact"]


def test_rates_of_another_nuclide_are_refused():
    with pytest.raises(CalibrationError) as caught:
        fit_decaying_source(decaying(), nuclide=load_nuclide("I-131"), model="paralysable")
    assert caught.value.code == "dead-time-fit-failed"


def test_the_wrong_model_is_a_finding():
    fit, findings = fit_decaying_source(decaying(), nuclide=LU, model="non-paralysable")
    assert [finding.code for finding in findings] == ["dead-time-fit-poor"]
    assert fit.u_us > fit_decaying_source(decaying(), nuclide=LU)[0].u_us


def test_rates_beyond_the_maximum_are_a_finding():
    fit, findings = fit_decaying_source(decaying(400_000), nuclide=LU)
    assert fit.value_us == pytest.approx(4.0, rel=1e-6)
    assert [finding.code for finding in findings] == ["dead-time-beyond-maximum"]


def test_known_activities_give_efficiency_and_dead_time():
    activities = np.array([0.005, 0.02, 0.08, 0.2])
    countings = [
        reading(5e5 * activity + BACKGROUND, tau=1.0, model="non-paralysable").counting for activity in activities
    ]
    fit, _ = fit_known_ratios(countings=countings, shares=activities, usual="non-paralysable")
    assert (fit.value_us, fit.scale) == (pytest.approx(1.0, rel=1e-6), pytest.approx(5e5, rel=1e-6))


def pair(model="paralysable", tau=4.0, **rates):
    """Readings of 1, 1+2, 2, one hour apart, so that decay between them matters."""
    first, second = rates.get("first", 42_000), rates.get("second", 43_000)
    middle = SECONDS / 3600 / 2

    def now(cps, h):
        return cps * math.exp(-LU.decay_constant_per_h * (h + middle)) + BACKGROUND

    return [
        reading(now(first, 0), tau=tau, model=model, at_h=0, arrangement="1"),
        reading(now(first + second, 1), tau=tau, model=model, at_h=1, arrangement="1+2"),
        reading(now(second, 2), tau=tau, model=model, at_h=2, arrangement="2"),
    ]


@pytest.mark.parametrize("model", ["paralysable", "non-paralysable"])
def test_two_sources_give_the_dead_time(model):
    fit, findings = solve_two_sources(pair(model), nuclide=LU, model=model)
    assert fit.value_us == pytest.approx(4.0, rel=1e-6)
    assert findings == ()


def test_two_equal_sources_agree_with_the_published_approximation():
    """Adams 1974 and NEMA: τ ≈ 2 m₁₂/(m₁+m₂)² ln((m₁+m₂)/m₁₂), exact to second order for equal sources."""
    readings = pair(first=30_000, second=30_000, tau=1.0)
    one, both, two = (item.counting.counts / SECONDS for item in readings)
    approximation = 2e6 * both / (one + two) ** 2 * math.log((one + two) / both)
    fit, _ = solve_two_sources(readings, nuclide=LU)
    # Losses of 3 to 6 %: the next order is a few per cent of the dead time; decay over two hours about 1 %.
    assert fit.value_us == pytest.approx(approximation, rel=0.12)


def test_uncertainty_of_two_sources_is_that_of_repeated_measurements():
    rng = np.random.default_rng(11)
    fits = []
    for _ in range(200):
        noisy = [
            RateReading(
                Counting(
                    item.counting.origin, item.counting.measured_at, float(rng.poisson(item.counting.counts)),
                    SECONDS, BACKGROUND * 300, 300,
                ),
                item.arrangement,
            )
            for item in pair()
        ]  # fmt: skip
        fits.append(solve_two_sources(noisy, nuclide=LU)[0])
    scatter = np.std([fit.value_us for fit in fits], ddof=1)
    # A standard deviation of 200 has a relative error of 5 %; 4 of these are allowed.
    assert np.mean([fit.u_us for fit in fits]) == pytest.approx(scatter, rel=0.2)


@pytest.mark.parametrize("missing", ["1", "2", "1+2"])
def test_two_sources_need_all_arrangements(missing):
    with pytest.raises(CalibrationError) as caught:
        solve_two_sources([item for item in pair() if item.arrangement != missing], nuclide=LU)
    assert caught.value.code == "dead-time-arrangement"
    assert f"'{missing}'" in str(caught.value)


def test_rates_that_add_up_show_no_dead_time():
    with pytest.raises(CalibrationError) as caught:
        solve_two_sources(pair(tau=0.0), nuclide=LU)
    assert caught.value.code == "dead-time-not-resolved"
