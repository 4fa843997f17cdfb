"""What is no number in the worked example of a time-activity fit; its numbers are cases of ``theradose validate``."""

import math

import numpy as np

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


def test_mono_exponential_fit_has_no_flags():
    assert fit_model(CURVE, "mono", decay_constant_per_h=DECAY).flags == ()


def test_physical_tail_model_is_rejected():
    """A(α exp(-(λ1+λp)t) + (1-α) exp(-λp t)): a model that this package does not have, built from its parts."""
    model = ExponentialModel("tail", ((1.0, 0.0), (0.0, 1.0)), fixed_biological_rates_per_h=(0.0,), nonnegative=False)
    fit = fit_model(CURVE, model, decay_constant_per_h=DECAY)
    assert {"negative-curve", "collinear"} <= set(fit.flags)


def test_average_rests_on_the_mono_exponential():
    """The other models lie 15 above it in AICc or have none."""
    tia, findings = integrate_curve(CURVE, nuclide=LUTETIUM)
    weights = {fit.model: fit.weight for fit in tia.fits}
    assert weights["mono"] > 0.999
    assert weights["bi"] == 0.0
    assert findings == ()
