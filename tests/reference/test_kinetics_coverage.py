"""Averaged integrals of simulated curves: how far off, and how often the stated interval holds the truth.

The project's statistics notes, paragraph 1, on curves with at least three more points than parameters, the last one
at two terminal half-lives or later, and 5 % noise. ``bench/curves.py`` makes the curves and runs 2,000 per model;
here are few with a fixed seed, and the limits are those that the number of curves allows.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from theradose.kinetics.fit import fit_model
from theradose.model.curve import TimeActivityCurve

BENCH = Path(__file__).parents[2] / "bench" / "curves.py"
CURVES = 40


@pytest.fixture(scope="module")
def bench():
    specification = importlib.util.spec_from_file_location("bench_curves", BENCH)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("model", ["mono", "uptake", "bi", "thyroid", "f4", "tri"])
def test_stated_intervals_hold(bench, model):
    """With a true coverage of 90 %, 30 or fewer of 40 have a chance of 0.5 % (binomial)."""
    deviations, inside = bench.simulate(model, curves=CURVES, seed=1000)
    assert inside.sum() > 30
    assert np.abs(deviations).max() < 0.5
    # Median of 40 with a spread of 5 %: standard error 1 %.
    assert abs(np.median(deviations)) < 0.04


def check_exact(times, activity, integral, decay):
    curve = TimeActivityCurve("blood", times, activity, 0.05 * activity, {}, "table")
    assert fit_model(curve, "bi", decay_constant_per_h=decay).tia_mbq_h == pytest.approx(integral, rel=1e-4)


def test_two_phases_converge_on_every_blood_curve(bench):
    """131 treatments: half-lives 0.2-5.8 h and 1.6-34.6 h, samples 0.5-144 h (statistics notes, paragraph 1).

    The integral from noise-free points is that of the truth: even the fastest phase is within the bound on rates, three
    half-lives in the time of the first sample.
    """
    generator = np.random.default_rng(131)
    times = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 72.0, 144.0])
    decay = bench.LUTETIUM.decay_constant_per_h
    for number in range(131):
        fast = np.exp(generator.uniform(np.log(0.2), np.log(5.8)))
        slow = max(np.exp(generator.uniform(np.log(1.6), np.log(34.6))), 2 * fast)
        amplitudes = generator.uniform(5, 30), generator.uniform(1, 6)
        truth = amplitudes[0] * 0.5 ** (times / fast) + amplitudes[1] * 0.5 ** (times / slow)
        integral = (amplitudes[0] * fast + amplitudes[1] * slow) / np.log(2)
        if number % 5 == 0:
            check_exact(times, truth, integral, decay)
        noisy = truth * (1 + 0.05 * generator.standard_normal(len(times)))
        fit = fit_model(TimeActivityCurve("blood", times, noisy, 0.05 * noisy, {}, "table"), "bi",
                        decay_constant_per_h=decay)  # fmt: skip
        assert np.isfinite([fit.tia_mbq_h, fit.u_tia_mbq_h]).all()
        assert "poor-fit" not in fit.flags
