"""NIST StRD Lanczos1, 2 and 3: sums of three exponentials with certified parameters and standard deviations.

The data are 0.0951 exp(-x) + 0.8607 exp(-3x) + 1.5576 exp(-5x), written with 13, 6 and 5 significant digits, as the
data sets state. Certified values: NIST Statistical Reference Datasets, nonlinear regression, Lanczos1-3.
Certified standard deviations are scaled by the residuals, ours are not, so the test scales them.
"""

from dataclasses import replace

import numpy as np
import pytest

from theradose.kinetics.fit import fit_model
from theradose.kinetics.settings import default_settings
from theradose.model.curve import TimeActivityCurve

UNBOUNDED = replace(default_settings(), physical_decay_bound=False)
ORDER = [0, 3, 1, 4, 2, 5]  # ours: amplitudes, then rates; theirs: in pairs, slowest first


def lanczos(digits: str) -> tuple[np.ndarray, np.ndarray]:
    x = 0.05 * np.arange(24)
    y = 0.0951 * np.exp(-x) + 0.8607 * np.exp(-3 * x) + 1.5576 * np.exp(-5 * x)
    return x, np.array([float(format(value, digits)) for value in y])


def fit(digits: str) -> tuple[np.ndarray, np.ndarray, float]:
    x, y = lanczos(digits)
    u = 1e-5
    curve = TimeActivityCurve("data", x, y, np.full(24, u), {}, "NIST")
    result = fit_model(curve, "tri", decay_constant_per_h=0.1, settings=UNBOUNDED)
    squares = result.chi_squared * u**2
    deviations = np.sqrt(np.diag(result.covariance) / u**2 * squares / 18)
    return np.array(list(result.parameters.values()))[ORDER], deviations[ORDER], squares


CERTIFIED = {
    "Lanczos3": (
        ".4f",
        [8.6816414977e-02, 9.5498101505e-01, 8.4400777463e-01, 2.9515951832e00, 1.5825685901e00, 4.9863565084e00],
        [1.7197908859e-02, 9.7041624475e-02, 4.1488663282e-02, 1.0766312506e-01, 5.8371576281e-02, 3.4436403035e-02],
        1.6117193594e-08,
    ),
    "Lanczos2": (
        ".5e",
        [9.6251029939e-02, 1.0057332849e00, 8.6424689056e-01, 3.0078283915e00, 1.5529016879e00, 5.0028798100e00],
        [6.6770575477e-04, 3.3989646176e-03, 1.7185846685e-03, 4.1707005856e-03, 2.3744381417e-03, 1.3958787284e-03],
        2.2299428125e-11,
    ),
    "Lanczos1": (
        ".12e",
        [9.5100000027e-02, 1.0000000001e00, 8.6070000013e-01, 3.0000000002e00, 1.5575999998e00, 5.0000000001e00],
        [5.3347304234e-11, 2.7473038179e-10, 1.3576062225e-10, 3.3308253069e-10, 1.8815731448e-10, 1.1057500538e-10],
        1.4307867721e-25,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_values(name):
    """Six digits of each parameter; of the deviations four, and three for Lanczos1, whose residuals are rounding."""
    digits, certified, certified_deviations, certified_squares = CERTIFIED[name]
    parameters, deviations, squares = fit(digits)
    tolerance = 1e-3 if name == "Lanczos1" else 1e-4
    np.testing.assert_allclose(parameters, certified, rtol=1e-6)
    np.testing.assert_allclose(deviations, certified_deviations, rtol=tolerance)
    assert squares == pytest.approx(certified_squares, rel=2 * tolerance)
