"""The infusion factors of the project's science notes, paragraph 2: (e^(λT) − 1)/(λT) for T = 0.5 h."""

import math

import numpy as np
import pytest

from theradose.kinetics.fit import fit_model
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

TIMES = np.array([0.5, 0.7, 1.0, 2.0, 4.0])


# Printed with three to five digits, the third one truncated: half a unit of the last digit, and a whole one there.
@pytest.mark.parametrize(
    ("half_life_h", "factor", "tolerance"),
    [(0.2, 2.687, 5e-4), (1.0, 1.195, 5e-4), (5.8, 1.0304, 1e-4), (20.0, 1.0087, 5e-5)],
)
def test_area_is_overstated_without_the_correction(half_life_h, factor, tolerance):
    activity = 100 * 0.5 ** (TIMES / half_life_h)
    curve = TimeActivityCurve("blood", TIMES, activity, 0.05 * activity, {}, "table")
    decay = load_nuclide("Lu-177").decay_constant_per_h
    without, corrected = (
        fit_model(curve, "mono", decay_constant_per_h=decay, infusion_h=infusion_h) for infusion_h in (0.0, 0.5)
    )
    assert without.tia_mbq_h == pytest.approx(100 * half_life_h / math.log(2), rel=1e-6)
    assert without.tia_mbq_h / corrected.tia_mbq_h == pytest.approx(factor, abs=tolerance)
