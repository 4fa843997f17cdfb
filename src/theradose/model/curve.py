"""Time-activity curves, their fits and their integrals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array, frozen
from theradose.uncertainty import Uncertain

# An interval says where the next one leads only if it is not much shorter.
_LONGEST_CONTINUATION = 4.0


def sudden_fall(t_h: Sequence[float], activity: Sequence[float], *, limit: float) -> int | None:
    """Return the index of the first point that lies `limit` times below the continuation of the fall before it.

    Sums of decaying exponentials fall ever slower in the logarithm, so that clearance does not explain such a point;
    another unit does. A rise or a single interval says nothing.
    """
    for index in range(2, len(activity)):
        first, second, third = activity[index - 2 : index + 1]
        lengths = t_h[index] - t_h[index - 1], t_h[index - 1] - t_h[index - 2]
        if not first >= second > 0 or lengths[0] > _LONGEST_CONTINUATION * lengths[1]:
            continue
        if second * (second / first) ** (lengths[0] / lengths[1]) > limit * third:
            return index
    return None


@dataclass(frozen=True, slots=True, eq=False)
class TimeActivityCurve:
    """Activity in a region over time.

    Attributes
    ----------
    region : str
        Name of the region.
    t_h : ndarray, shape (n,)
        Hours after the start of the administration, increasing.
    activity_mbq : ndarray, shape (n,)
        Activity present at each time, physical decay included.
    u_independent_mbq : ndarray, shape (n,)
        Standard uncertainty of each point that is independent between points (counting, repositioning).
    common : mapping of str to float or None
        Relative standard uncertainty shared by all points, signed, by source; ``None`` is not stated.
    source : str
        Where the numbers come from (``spect``, ``planar``, ``table`` …).
    counting_share : ndarray, shape (n,), or None
        Share of counting statistics in the variance of each point, where it is known.
    """

    region: str
    t_h: Array
    activity_mbq: Array
    u_independent_mbq: Array
    common: Mapping[str, float | None]
    source: str
    counting_share: Array | None = None

    def __post_init__(self) -> None:
        for name in ("t_h", "activity_mbq", "u_independent_mbq"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        if self.counting_share is not None:
            object.__setattr__(self, "counting_share", frozen(self.counting_share, float))
        counting = self.u_independent_mbq if self.counting_share is None else self.counting_share
        shapes = {values.shape for values in (self.t_h, self.activity_mbq, self.u_independent_mbq, counting)}
        if self.t_h.ndim != 1 or len(shapes) != 1:
            raise FitError("Times, activities and their uncertainties must be equally long.",
                           code="curve-shape")  # fmt: skip
        if len(self.t_h) > 1 and not (self.t_h[1:] > self.t_h[:-1]).all():
            raise FitError(f"The times of the curve of '{self.region}' must increase.", code="curve-times")

    def at(self, kept: Array) -> TimeActivityCurve:
        """Return the curve at some of its points, given by a mask of shape (n,)."""
        return replace(
            self,
            t_h=self.t_h[kept],
            activity_mbq=self.activity_mbq[kept],
            u_independent_mbq=self.u_independent_mbq[kept],
            counting_share=None if self.counting_share is None else self.counting_share[kept],
        )


@dataclass(frozen=True, slots=True, eq=False)
class CurveFit:
    """One model fitted to one curve.

    Attributes
    ----------
    model : str
        Name in the registry ``curve_models``.
    parameters : mapping of str to float
        Named parameters with the unit in the name (``amplitude_1_mbq``, ``rate_1_per_h``); all rates include
        physical decay.
    covariance : ndarray, shape (k, k)
        Covariance of the parameters in their order, from the independent uncertainties.
    tia_mbq_h : float
        Time-integrated activity from 0 to infinity.
    u_tia_mbq_h : float
        Its standard uncertainty from the fit alone.
    extrapolated_fraction, before_first_fraction : float
        Shares of the integral after the last and before the first point.
    effective_half_life_h : float
        Of the terminal phase.
    chi_squared : float
        Weighted sum of squared residuals.
    aicc : float
        Corrected Akaike criterion, infinite where undefined.
    weight : float
        Akaike weight among the models compared; 0 if the fit takes no part in the average.
    flags : tuple of str
        Codes such as ``rate-at-physical-decay``.
    sample_t_h : ndarray, shape (n,)
        Sample times to which the model was bound.
    decay_constant_per_h : float
        Physical decay constant to which the model was bound.
    infusion_h : float
        Length of the infusion to which the model was bound; 0 for a bolus.
    faster : ndarray, shape (k,) or (0,)
        Where physical decay holds the slowest rate: parameters of the best fit with faster clearance whose
        chi-squared is higher by one; empty elsewhere.
    """

    model: str
    parameters: Mapping[str, float]
    covariance: Array
    tia_mbq_h: float
    u_tia_mbq_h: float
    extrapolated_fraction: float
    before_first_fraction: float
    effective_half_life_h: float
    chi_squared: float
    aicc: float
    weight: float = 0.0
    flags: tuple[str, ...] = ()
    sample_t_h: Array = field(default_factory=partial(np.zeros, 0))
    decay_constant_per_h: float = math.nan
    infusion_h: float = 0.0
    faster: Array = field(default_factory=partial(np.zeros, 0))

    def __post_init__(self) -> None:
        for name in ("covariance", "sample_t_h", "faster"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


@dataclass(frozen=True, slots=True, eq=False)
class TimeIntegratedActivity:
    """The integral of a region's curve with every source of uncertainty.

    Attributes
    ----------
    region : str
        Name of the region.
    value : Uncertain
        MBq·h.
    effective_half_life_h : Uncertain
        Of the terminal phase.
    extrapolated_fraction, before_first_fraction : float
        Shares after the last and before the first point.
    chosen : str
        Name of the model, or ``average``.
    fits : tuple of CurveFit
        Every model tried, with its weight.
    curve : TimeActivityCurve
        The points that were fitted.
    refused : mapping of str to str
        Models that the points do not support, each with the sentence that says why.
    """

    region: str
    value: Uncertain
    effective_half_life_h: Uncertain
    extrapolated_fraction: float
    before_first_fraction: float
    chosen: str
    fits: tuple[CurveFit, ...]
    curve: TimeActivityCurve
    refused: Mapping[str, str] = field(default_factory=dict)
