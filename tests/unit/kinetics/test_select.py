import math

import numpy as np
import pytest

from theradose.kinetics.select import weigh_fits
from theradose.kinetics.settings import default_settings
from theradose.model.curve import CurveFit

SETTINGS = default_settings()


def made(model, *, n_parameters, chi_squared, aicc, flags=()):
    return CurveFit(
        model=model,
        parameters={f"p{i}": 1.0 for i in range(n_parameters)},
        covariance=np.zeros((n_parameters, n_parameters)),
        tia_mbq_h=1.0, u_tia_mbq_h=0.1, extrapolated_fraction=0.1, before_first_fraction=0.1,
        effective_half_life_h=50.0, chi_squared=chi_squared, aicc=aicc, flags=flags,
    )  # fmt: skip


def weights(fits, n_points):
    weighted, basis = weigh_fits(fits, n_points=n_points, settings=SETTINGS)
    return [fit.weight for fit in weighted], basis


def test_akaike_weights():
    fits = [
        made("mono", n_parameters=2, chi_squared=6, aicc=20.0),
        made("bi", n_parameters=4, chi_squared=1, aicc=22.0),
        made("uptake", n_parameters=3, chi_squared=9, aicc=math.inf),
    ]
    expected = 1 / (1 + math.exp(-1))
    found, basis = weights(fits, 6)
    assert found == pytest.approx([expected, 1 - expected, 0.0])
    assert basis == "akaike"


def test_a_model_far_above_the_best_has_no_weight():
    """AICc alone would give it all: its chi-squared + 2K is 24 against 10."""
    fits = [
        made("mono", n_parameters=2, chi_squared=20, aicc=26.0),
        made("bi", n_parameters=4, chi_squared=2, aicc=50.0),
    ]
    assert weights(fits, 7) == ([0.0, 1.0], "akaike")


def test_simplest_without_any_finite_criterion():
    fits = [
        made("uptake", n_parameters=3, chi_squared=0, aicc=math.inf),
        made("mono", n_parameters=2, chi_squared=2, aicc=math.inf),
        made("trapezoid", n_parameters=3, chi_squared=0, aicc=math.inf),
    ]
    assert weights(fits, 3) == ([0.0, 1.0, 0.0], "simplest")


def test_interpolation_and_negative_curves_have_no_weight_beside_a_model():
    fits = [
        made("trapezoid", n_parameters=2, chi_squared=0, aicc=math.inf),
        made("bi", n_parameters=4, chi_squared=0, aicc=8.0, flags=("negative-curve",)),
        made("mono", n_parameters=2, chi_squared=3, aicc=15.0),
    ]
    assert weights(fits, 9) == ([0.0, 0.0, 1.0], "akaike")


def test_interpolation_alone_is_used():
    assert weights([made("trapezoid", n_parameters=3, chi_squared=0, aicc=math.inf)], 3) == ([1.0], "simplest")


@pytest.mark.parametrize(("chi_mono", "expected"), [(80.0, "only-unrejected"), (12.0, "akaike")])
def test_a_rejected_average_gives_way(chi_mono, expected):
    """Chi-squared of 80 for two degrees of freedom is impossible by chance, 12 (probability 0.25 %) is not."""
    fits = [
        made("mono", n_parameters=2, chi_squared=chi_mono, aicc=chi_mono + 16),
        made("uptake", n_parameters=3, chi_squared=0.5, aicc=math.inf),
        made("bi", n_parameters=4, chi_squared=80.0, aicc=math.inf),
    ]
    found, basis = weights(fits, 4)
    assert basis == expected
    assert found[1] == float(expected == "only-unrejected")


def test_a_rejected_average_stays_if_nothing_is_clearly_better():
    fits = [
        made("mono", n_parameters=2, chi_squared=40.0, aicc=56.0),
        made("uptake", n_parameters=3, chi_squared=30.0, aicc=math.inf),
    ]
    assert weights(fits, 4) == ([1.0, 0.0], "akaike")
