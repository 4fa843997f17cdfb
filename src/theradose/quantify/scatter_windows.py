"""Scattered photons in the photopeak window, estimated from the windows beside it.

All estimates are linear in the counts, so that they hold for a pixel and for a region alike. The variance is that of
Poisson counts.

References
----------
[Ogawa1991]_ Triple energy window: scatter as a trapezoid under the peak.
[Jaszczak1984]_ Dual energy window: scatter as a fixed part of a lower window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.model.planar import EnergyWindow


@dataclass(frozen=True, slots=True, eq=False)
class PrimaryCounts:
    """Counts of unscattered photons.

    Attributes
    ----------
    primary, scatter, variance : float or ndarray
        Unscattered counts (negative where noise exceeds them), the scattered counts taken off, and the variance of
        `primary`.
    """

    primary: Array
    scatter: Array
    variance: Array


def without_scatter(*, peak_counts: Array | float) -> PrimaryCounts:
    """Return the photopeak counts as they are.

    References
    ----------
    [Siegel1999]_: then attenuation is that of a broad beam.
    """
    peak = np.asarray(peak_counts, float)
    return PrimaryCounts(peak, np.zeros_like(peak), peak)


def triple_energy_window(
    *,
    peak_counts: Array | float,
    lower_counts: Array | float,
    upper_counts: Array | float,
    peak: EnergyWindow,
    lower: EnergyWindow,
    upper: EnergyWindow,
) -> PrimaryCounts:
    """Return the unscattered counts by S = (C_l/w_l + C_u/w_u) w_p/2.

    Parameters
    ----------
    peak_counts, lower_counts, upper_counts : float or ndarray
        Counts in the photopeak window and in the windows below and above it.
    peak, lower, upper : EnergyWindow
        Their limits.

    Raises
    ------
    CalibrationError
        ``scatter-windows`` if the windows are not one below and one above the peak.

    References
    ----------
    [Ogawa1991]_
    """
    if not lower.centre_kev < peak.centre_kev < upper.centre_kev or min(peak.width_kev, lower.width_kev,
                                                                        upper.width_kev) <= 0:  # fmt: skip
        raise CalibrationError(
            f"The windows {lower}, {peak} and {upper} are not one below, the photopeak and one above it.",
            code="scatter-windows",
        )
    below, above = (peak.width_kev / (2 * window.width_kev) for window in (lower, upper))
    counts_p, counts_l, counts_u = (np.asarray(counts, float) for counts in (peak_counts, lower_counts, upper_counts))
    scatter = below * counts_l + above * counts_u
    return PrimaryCounts(counts_p - scatter, scatter, counts_p + below**2 * counts_l + above**2 * counts_u)


def dual_energy_window(*, peak_counts: Array | float, lower_counts: Array | float, factor: float) -> PrimaryCounts:
    """Return the unscattered counts by S = k C_l.

    Parameters
    ----------
    peak_counts, lower_counts : float or ndarray
        Counts in the photopeak window and in the lower one.
    factor : float
        k of the camera, collimator and windows, measured by the site.

    Raises
    ------
    CalibrationError
        ``scatter-factor`` if the factor is not positive.

    References
    ----------
    [Jaszczak1984]_
    """
    if not factor > 0:
        raise CalibrationError(f"A scatter factor of {factor:g} is not possible: it must be positive.",
                               code="scatter-factor")  # fmt: skip
    counts_p, counts_l = np.asarray(peak_counts, float), np.asarray(lower_counts, float)
    return PrimaryCounts(counts_p - factor * counts_l, factor * counts_l, counts_p + factor**2 * counts_l)
