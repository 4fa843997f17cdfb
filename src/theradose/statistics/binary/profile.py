"""Interval and test of a coefficient by the profile of Firth's penalised likelihood.

Under separation the likelihood is far from a parabola: an interval from the standard error then contains 0 although
the dose predicts every outcome. The profile does not.

References
----------
[HeinzeSchemper2002]_ Profile of the penalised likelihood.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.errors import StatisticsError
from theradose.statistics.binary.curve import LogitEffect
from theradose.statistics.binary.logistic import LogisticFit, maximum_penalised

_WIDENINGS = 60


def profile_effect(fit: LogisticFit, name: str, *, level: float = 0.95) -> LogitEffect:
    """Return a coefficient with the interval and p value of the penalised likelihood ratio.

    Parameters
    ----------
    fit : LogisticFit
        By Firth's method.
    name : str
        Of the coefficient.
    level : float
        Of the interval.

    Returns
    -------
    LogitEffect
        With z the signed root of twice the fall of the penalised log-likelihood at 0. An end of the interval is
        infinite if the penalised likelihood does not fall far enough on its side.

    Raises
    ------
    StatisticsError
        ``not-converged``; ``profile`` for a fit by another method or an unknown name.

    References
    ----------
    [HeinzeSchemper2002]_
    """
    from scipy import optimize, stats

    if fit.method != "firth" or name not in fit.names:
        raise StatisticsError(
            f"There is no penalised profile of {name} in a fit by {fit.method}: fit by firth and name one of "
            f"{', '.join(fit.names)}.",
            code="profile",
        )
    if not fit.converged:
        raise StatisticsError(
            "A fit that did not converge has no profile: leave out terms or add rows.", code="not-converged"
        )
    k = fit.names.index(name)
    value, u = float(fit.coefficients[k]), math.sqrt(float(fit.covariance[k, k]))
    row = fit.rows.back[k]
    # The coefficient is row · point: it is held by moving along row, and the rest is free across it.
    across = np.linalg.svd(row[None, :])[2][1:].T

    def fall(held: float) -> float:
        best = maximum_penalised(fit.rows, across, row * held / float(row @ row))
        return 2 * (fit.penalised_log_likelihood - best.value)

    limit = float(stats.chi2.ppf(level, 1))

    def end(side: int) -> float:
        reach = u
        for _ in range(_WIDENINGS):
            if fall(value + side * reach) > limit:
                inside, outside = sorted((value, value + side * reach))
                return float(optimize.brentq(lambda held: fall(held) - limit, inside, outside, xtol=1e-10 * reach))
            reach *= 2
        return side * math.inf

    ratio = max(fall(0.0), 0.0)
    return LogitEffect(
        name, value, u, end(-1), end(1), math.copysign(math.sqrt(ratio), value), float(stats.chi2.sf(ratio, 1))
    )
