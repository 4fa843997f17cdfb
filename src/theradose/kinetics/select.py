"""Weights of the models that were fitted to one curve.

With known standard uncertainties the criterion is chi-squared + 2K with the small-sample correction. AICc from
log(SSE/n) is harmful with few points and is not used.

References
----------
[BurnhamAnderson2002]_ Akaike weights, and differences beyond which a model has no support.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from theradose.kinetics.flags import is_rejected
from theradose.kinetics.models import curve_models
from theradose.kinetics.settings import KineticsSettings
from theradose.model.curve import CurveFit

Basis = Literal["akaike", "simplest", "only-unrejected"]
"""How the weights came about, see :func:`weigh_fits`."""


def weigh_fits(
    fits: Sequence[CurveFit], *, n_points: int, settings: KineticsSettings
) -> tuple[tuple[CurveFit, ...], Basis]:
    """Return the fits with their weights, and how these came about.

    * ``akaike``: Akaike weights over the models whose AICc is finite. A model whose chi-squared + 2K lies far above
      the smallest has none: the small-sample term of AICc would otherwise prefer few parameters where the stated
      uncertainties exclude them, and no uncertainty would cover the difference.
    * ``simplest``: no AICc is finite (few points), so the model with the fewest parameters has weight 1.
    * ``only-unrejected``: chi-squared rejects every model that would have had weight, and one outside (its AICc is
      infinite for want of points) describes the points so much better that no number of parameters excuses the
      others. It has weight 1. Typical is uptake seen by three or four points.

    Interpolations (``trapezoid``) and curves that become negative get weight only when there is nothing else.
    """
    weights = [0.0] * len(fits)
    eligible = [
        i for i, fit in enumerate(fits) if curve_models.get(fit.model).averaged and "negative-curve" not in fit.flags
    ] or list(range(len(fits)))  # fmt: skip
    finite = [i for i in eligible if math.isfinite(fits[i].aicc)]
    lowest = min((_criterion(fits[i]) for i in finite), default=0.0)
    finite = [i for i in finite if _criterion(fits[i]) <= lowest + settings.criterion_difference]
    basis: Basis = "akaike" if finite else "simplest"
    if finite:
        aicc = np.array([fits[i].aicc for i in finite])
        likelihood = np.exp((aicc.min() - aicc) / 2)
        for i, weight in zip(finite, likelihood / likelihood.sum(), strict=True):
            weights[i] = float(weight)
    else:
        weights[min(eligible, key=lambda i: (len(fits[i].parameters), fits[i].chi_squared))] = 1.0
    members = [i for i in eligible if weights[i] > 0]
    outside = [i for i in eligible if math.isinf(fits[i].aicc) and weights[i] == 0.0]
    if outside and all(is_rejected(fits[i], n_points=n_points, settings=settings) for i in members):
        best = min(outside, key=lambda i: _criterion(fits[i]))
        rival = min(_criterion(fits[i]) for i in members)
        if _criterion(fits[best]) < rival - settings.criterion_difference:
            weights = [float(i == best) for i in range(len(fits))]
            basis = "only-unrejected"
    weighted = (replace(fit, weight=weight) for fit, weight in zip(fits, weights, strict=True))
    return tuple(weighted), basis


def support_weights(used: Sequence[CurveFit], *, basis: Basis) -> tuple[float, ...]:
    """Return how far the points support each of the fits that have weight; the sum is one.

    With known standard uncertainties chi-squared + 2K is an unbiased criterion: the small-sample term of AICc stands
    for a variance that is estimated from the residuals. That term keeps the estimate steady, but as a measure of what
    the points exclude it goes too far: they support a model with more parameters that it gives no weight. The
    uncertainty of an average must cover such a model.

    References
    ----------
    [BurnhamAnderson2002]_
    """
    if basis != "akaike":
        return tuple(fit.weight for fit in used)
    criteria = np.array([_criterion(fit) for fit in used])
    likelihood = np.exp((criteria.min() - criteria) / 2)
    return tuple((likelihood / likelihood.sum()).tolist())


def _criterion(fit: CurveFit) -> float:
    """Return χ² + 2K."""
    return fit.chi_squared + 2 * len(fit.parameters)
