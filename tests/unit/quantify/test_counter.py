from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError
from theradose.model.samples import CounterCalibration
from theradose.quantify.counter import count_sample

RATE = math.log(2) / 159.5


def count(counts=120_000.0, counting_s=60.0, background_cps=0.0, delay_h=0.0, calibration=None, amount_ml=1.0,
          dilution=1.0, rate=RATE):  # fmt: skip
    return count_sample(
        counts=counts,
        counting_s=counting_s,
        background_cps=background_cps,
        calibration=calibration or CounterCalibration("counter", 500_000.0),
        amount_ml=amount_ml,
        dilution=dilution,
        delay_h=delay_h,
        decay_constant_per_h=rate,
    )


def test_concentration_is_activity_per_volume_times_dilution():
    # 2000 cps / 500000 cps/MBq = 4 kBq in 0.5 mL of a tenfold dilution: 80 kBq/mL = 80 MBq/L.
    assert count(amount_ml=0.5, dilution=10.0, rate=1e-12).concentration_mbq_l == pytest.approx(80.0)


def test_counting_statistics_of_sample_and_background():
    result = count(counts=10_000.0, counting_s=100.0, background_cps=20.0, rate=1e-12)
    # Net 80 cps with sqrt(10000/100² + 20/100) = sqrt(1.2) cps.
    assert result.u_counting_mbq_l / result.concentration_mbq_l == pytest.approx(math.sqrt(1.2) / 80)


@given(st.floats(0, 500), st.floats(0, 500))
def test_decay_composes(first_h, second_h):
    both = count(delay_h=first_h + second_h).concentration_mbq_l
    assert both == pytest.approx(count(delay_h=first_h).concentration_mbq_l * math.exp(RATE * second_h))


def test_decay_during_a_long_count():
    short = count(counts=1.0, counting_s=1e-3)
    mean_over_frame = -math.expm1(-RATE * 10) / (RATE * 10)
    long = count(counts=mean_over_frame * 36_000 * 1e3, counting_s=36_000)
    assert long.concentration_mbq_l == pytest.approx(short.concentration_mbq_l)


@pytest.mark.parametrize("model", ["paralysable", "non-paralysable"])
def test_dead_time_is_inverted_and_stretches_the_uncertainty(model):
    true, tau = 40_000.0, 5e-6
    observed = true * math.exp(-true * tau) if model == "paralysable" else true / (1 + true * tau)
    calibration = CounterCalibration("counter", 1e6, dead_time_us=5.0, dead_time_model=model)
    result = count(counts=observed * 100, counting_s=100.0, calibration=calibration, rate=1e-12)
    assert result.activity_mbq == pytest.approx(true / 1e6)
    assert result.lost_fraction == pytest.approx(1 - observed / true)
    shifted = count(counts=observed * 100 * 1.001, counting_s=100.0, calibration=calibration, rate=1e-12)
    gradient = (shifted.concentration_mbq_l - result.concentration_mbq_l) / (observed * 100 * 0.001)
    # The derivative over a step of 0.1 % is right to about that size.
    assert result.u_counting_mbq_l == pytest.approx(gradient * np.sqrt(observed * 100), rel=2e-3)


def test_impossible_rate_is_refused():
    with pytest.raises(CalibrationError, match="impossible"):
        count(counts=1e9, calibration=CounterCalibration("counter", 1e6, dead_time_us=5.0))


def test_efficiency_must_be_positive():
    with pytest.raises(CalibrationError, match="must be positive"):
        CounterCalibration("counter", 0.0)
