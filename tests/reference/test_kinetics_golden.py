"""The worked example of a time-activity fit in the project's science notes, paragraph 5 (177Lu, 6.647 d).

The numbers there are printed to the digits asserted here; they were computed independently of this code.
"""

import math

import numpy as np
import pytest

from theradose.kinetics.exponential import ExponentialModel
from theradose.kinetics.fit import fit_model
from theradose.kinetics.integrate import integrate_curve
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
DECAY = math.log(2) / (6.647 * 24)
ACTIVITY = np.array([3.05, 2.60, 1.75, 0.78, 0.26])
CURVE = TimeActivityCurve(
    "kidney", np.array([4, 24, 48, 96, 168]), ACTIVITY, 0.05 * ACTIVITY, {"calibration:camera": 0.03}, "table"
)


def test_mono_exponential_fit():
    fit = fit_model(CURVE, "mono", decay_constant_per_h=DECAY)
    amplitude, rate = fit.parameters["amplitude_1_mbq"], fit.parameters["rate_1_per_h"]
    u_amplitude, u_rate = np.sqrt(np.diag(fit.covariance))
    assert amplitude == pytest.approx(3.49309, abs=5e-6)
    assert rate - DECAY == pytest.approx(0.0110665, abs=5e-8)
    assert fit.effective_half_life_h == pytest.approx(44.976, abs=5e-4)
    assert fit.chi_squared == pytest.approx(5.516, abs=5e-4)
    assert fit.aicc == pytest.approx(15.516, abs=5e-4)
    assert fit.tia_mbq_h == pytest.approx(226.655, abs=5e-4)
    assert fit.u_tia_mbq_h == pytest.approx(5.083, abs=5e-4)
    assert 100 * u_amplitude / amplitude == pytest.approx(3.40, abs=5e-3)
    assert 100 * u_rate / (rate - DECAY) == pytest.approx(3.39, abs=5e-3)
    assert 100 * u_rate / rate == pytest.approx(2.43, abs=5e-3)
    assert fit.covariance[0, 1] / (u_amplitude * u_rate) == pytest.approx(0.752, abs=5e-4)
    assert fit.flags == ()


def test_physical_tail_model_is_rejected_three_ways():
    """A(α exp(-(λ1+λp)t) + (1-α) exp(-λp t)): a model that this package does not have, built from its parts."""
    model = ExponentialModel("tail", ((1.0, 0.0), (0.0, 1.0)), fixed_biological_rates_per_h=(0.0,), nonnegative=False)
    fit = fit_model(CURVE, model, decay_constant_per_h=DECAY)
    first, second = fit.parameters["amplitude_1_mbq"], fit.parameters["amplitude_2_mbq"]
    assert first / (first + second) == pytest.approx(1.0376, abs=5e-5)
    assert fit.tia_mbq_h == pytest.approx(218.744, abs=5e-4)
    assert fit.chi_squared == pytest.approx(5.009, abs=5e-4)
    assert fit.aicc == pytest.approx(35.009, abs=5e-4)
    assert {"negative-curve", "collinear"} <= set(fit.flags)


def test_average_rests_on_the_mono_exponential():
    """The other models lie 15 above it in AICc or have none, so the average moves by less than its last digit."""
    tia, findings = integrate_curve(CURVE, nuclide=LUTETIUM)
    weights = {fit.model: fit.weight for fit in tia.fits}
    assert weights["mono"] > 0.999
    assert weights["bi"] == 0.0
    assert tia.value.value == pytest.approx(226.655, abs=0.01)
    assert tia.value.contributions["fit:kidney"] == pytest.approx(5.083, abs=0.005)
    assert tia.value.contributions["calibration:camera"] == pytest.approx(0.03 * tia.value.value)
    assert findings == ()
