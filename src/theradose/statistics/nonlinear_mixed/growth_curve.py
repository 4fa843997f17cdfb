"""Response by dose as growth towards an asymptote: Δv = a (1 − exp(−D/D₀)).

Grade, or another factor, may act on the amplitude a and on the dose D₀ at which 63 % of it is reached; patients differ
in their amplitude. The curve is linear in that effect, so that Laplace's approximation of the likelihood is the
likelihood itself; ``lindstrom-bates`` is there to compare with R's nlme, which differs because the variance of an
observation depends on the fixed effects.

References
----------
[Warfvinge2024]_ The model for tumours of the neuroendocrine system.
[PinheiroBates2000]_ ``lindstrom-bates``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.design import Design
from theradose.statistics.intervals import Band
from theradose.statistics.nonlinear_mixed.fit import Method, NonlinearMixedFit, fit_nonlinear_mixed

AMPLITUDE, LOG_DOSE = "amplitude", "log_dose"


class AsymptoticGrowth:
    """The curve, in amplitude and log D₀, of the dose."""

    parameters = (AMPLITUDE, LOG_DOSE)

    def value(self, phi: Array, x: Array) -> Array:
        """Return the response, shape (...), at doses of shape (..., 1)."""
        return np.asarray(-phi[..., 0] * np.expm1(-_doses(phi, x)))

    def gradient(self, phi: Array, x: Array) -> Array:
        """Return its derivatives, shape (..., 2)."""
        d = _doses(phi, x)
        return np.stack([-np.expm1(-d), -phi[..., 0] * d * np.exp(-d)], axis=-1)

    def hessian(self, phi: Array, x: Array) -> Array:
        """Return its second derivatives, shape (..., 2, 2)."""
        d = _doses(phi, x)
        fall = np.exp(-d)
        mixed = -d * fall
        return np.stack(
            [
                np.stack([np.zeros_like(d), mixed], axis=-1),
                np.stack([mixed, phi[..., 0] * d * fall * (1 - d)], axis=-1),
            ],
            axis=-2,
        )


def _doses(phi: Array, x: Array) -> Array:
    return np.asarray(x[..., 0] * np.exp(-phi[..., 1]))


def fit_asymptotic_growth(
    *,
    dose: Array,
    response: Array,
    patients: Sequence[Hashable],
    amplitude: Design | None = None,
    log_dose: Design | None = None,
    method: Method = "laplace",
) -> NonlinearMixedFit:
    """Fit the response of tumours by the dose.

    Parameters
    ----------
    dose, response : ndarray, shape (n,)
        Dose in Gy and response of each tumour.
    patients : sequence, length n
        Whose tumour it is.
    amplitude, log_dose : Design, optional
        Fixed effects of a (in the unit of the response) and of log D₀ (Gy); an intercept alone by default.
    method : {"laplace", "lindstrom-bates"}
        ``laplace`` is the exact likelihood here.

    Raises
    ------
    StatisticsError
        ``growth-dose`` for doses that are negative or all equal, and the refusals of :func:`fit_nonlinear_mixed`.

    References
    ----------
    [Warfvinge2024]_, [PinheiroBates2000]_
    """
    dose, response = np.asarray(dose, float), np.asarray(response, float)
    if not (dose >= 0).all() or np.ptp(dose) == 0:
        raise StatisticsError(
            "Growth with dose needs doses that are not negative and differ: check the doses.", code="growth-dose"
        )
    designs = {AMPLITUDE: amplitude, LOG_DOSE: log_dose}
    return fit_nonlinear_mixed(
        AsymptoticGrowth(),
        subjects=patients,
        x=dose,
        y=response,
        start=_start(dose, response),
        random=(AMPLITUDE,),
        designs={name: design for name, design in designs.items() if design is not None},
        method=method,
    )


def growth_band(
    fit: NonlinearMixedFit, dose: Array, *, amplitude: Array | None = None, log_dose: Array | None = None,
    level: float = 0.95,
) -> Band:  # fmt: skip
    """Return the curve at patient effect 0 with its interval, by first-order propagation.

    Parameters
    ----------
    fit : NonlinearMixedFit
        Of :func:`fit_asymptotic_growth`.
    dose : ndarray, shape (g,)
        Doses in Gy.
    amplitude, log_dose : ndarray, shape (p,), optional
        Row of the design of each parameter; that of the reference by default.
    level : float
        Of the interval.

    References
    ----------
    [Warfvinge2024]_ The interval by the covariance of the fit.
    """
    from scipy import stats

    split = sum(not name.startswith(LOG_DOSE) for name in fit.effects)
    rows = np.zeros((2, len(fit.effects)))
    for k, (row, start, stop) in enumerate(((amplitude, 0, split), (log_dose, split, len(fit.effects)))):
        rows[k, start:stop] = np.eye(stop - start)[0] if row is None else row
    curve = AsymptoticGrowth()
    points = np.asarray(dose, float)[:, None]
    phi = np.broadcast_to(rows @ fit.coefficients, (len(points), 2))
    value, slope = curve.value(phi, points), curve.gradient(phi, points) @ rows
    reach = stats.norm.ppf((1 + level) / 2) * np.sqrt(np.einsum("gp,pr,gr->g", slope, fit.covariance, slope))
    return Band(value, value - reach, value + reach)


def _start(dose: Array, response: Array) -> dict[str, float]:
    """Return the best of a few doses D₀ with the amplitude that fits it."""
    candidates = []
    for d0 in np.geomspace(max(float(np.median(dose)), 1e-6) / 10, 3 * float(dose.max()), 15):
        shape = -np.expm1(-dose / d0)
        height = float(shape @ response / (shape @ shape))
        candidates.append((float(np.sum((response - height * shape) ** 2)), height, float(np.log(d0))))
    _, height, log_dose = min(candidates)
    return {AMPLITUDE: height, LOG_DOSE: log_dose}
