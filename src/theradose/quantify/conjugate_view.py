"""Activity from two opposite planar views.

The geometric mean of the counts from front and back hardly depends on the depth of the activity; what remains is the
attenuation of the whole body along the line and that of the source in itself.

References
----------
[Siegel1999]_, conjugate view, background subtraction and self-attenuation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from theradose.errors import CalibrationError
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """Counts in a region of interest of one view, after scatter correction.

    Attributes
    ----------
    counts, variance : float
        Sum over the pixels and its variance.
    pixels : float
        Number of pixels.
    """

    counts: float
    variance: float
    pixels: float


class NetCounts(NamedTuple):
    """Counts of one view without background.

    Attributes
    ----------
    counts, variance : float
        Counts and their variance by counting, independent between views.
    background_u : float
        Standard uncertainty by the part of the background that is taken off; the same anatomy in both views.
    """

    counts: float
    variance: float
    background_u: float = 0.0


def background_fraction(*, thickness_cm: float, body_thickness_cm: float) -> float:
    """Return the part of the background beside an organ that lies in front of and behind it, 1 − t/T.

    Parameters
    ----------
    thickness_cm, body_thickness_cm : float
        Mean thickness of the organ and of the body, along the view.

    Raises
    ------
    CalibrationError
        ``thickness-invalid`` unless 0 ≤ t ≤ T and T > 0.

    References
    ----------
    [Siegel1999]_
    """
    if not 0 <= thickness_cm <= body_thickness_cm or not body_thickness_cm > 0:
        raise CalibrationError(
            f"An organ of {thickness_cm:g} cm in a body of {body_thickness_cm:g} cm is not possible.",
            code="thickness-invalid",
        )
    return 1 - thickness_cm / body_thickness_cm


def net_counts(
    region: RegionCounts, background: RegionCounts | None, *, fraction: float, name: str, fraction_relative_u: float
) -> NetCounts:
    """Return the counts of a region without background.

    N = C − F n_C B/n_B, with the background's counts B on n_B pixels beside the region's n_C.

    Parameters
    ----------
    region, background : RegionCounts, RegionCounts or None
        What the region of interest and the background region hold.
    fraction : float
        F, the part of the background beside the region that is also in front of and behind it.
    name : str
        Name of the region, for the refusal.
    fraction_relative_u : float
        Relative standard uncertainty of F.

    Raises
    ------
    CalibrationError
        ``negative-net-counts`` if nothing remains.

    References
    ----------
    [Siegel1999]_
    """
    net, variance, background_u = region.counts, region.variance, 0.0
    if background is not None and background.pixels > 0:
        scale = fraction * region.pixels / background.pixels
        subtracted = scale * background.counts
        net -= subtracted
        variance += scale**2 * background.variance
        background_u = fraction_relative_u * subtracted
    if net <= 0:
        raise CalibrationError(
            f"'{name}' has {net:.3g} net counts after scatter and background, from which no activity follows: correct "
            "the region or its background.",
            code="negative-net-counts",
        )
    return NetCounts(net, variance, background_u)


def self_attenuation_factor(*, attenuation_per_cm: float, thickness_cm: float) -> float:
    """Return f = x/sinh(x) with x = μt/2: how a thick source raises the geometric mean above that of a thin one.

    Parameters
    ----------
    attenuation_per_cm, thickness_cm : float
        Linear attenuation of the source and its thickness along the view.

    Raises
    ------
    CalibrationError
        ``thickness-invalid`` if one is negative.

    References
    ----------
    [Siegel1999]_
    """
    half = attenuation_per_cm * thickness_cm / 2
    if not 0 <= half < math.inf:
        raise CalibrationError("Attenuation and thickness of a source must be finite and not negative.",
                               code="thickness-invalid")  # fmt: skip
    return half / math.sinh(half) if half > 0 else 1.0


def geometric_mean_rate(*, anterior: NetCounts, posterior: NetCounts, exposure_s: float, source: str) -> Uncertain:
    """Return √(I_A I_P) in cps from the net counts of both views.

    Counting is independent between the views; the background's uncertainty is common to them and adds linearly.

    Parameters
    ----------
    anterior, posterior : NetCounts
        Positive.
    exposure_s : float
        Time over which they were collected.
    source : str
        Name under which the counting uncertainty stands.

    References
    ----------
    [Siegel1999]_
    """
    front, back = anterior.counts, posterior.counts
    if min(front, back, exposure_s) <= 0:
        raise CalibrationError(
            f"Net counts of {front:.3g} and {back:.3g} over {exposure_s:g} s give no rate: all must be positive.",
            code="negative-net-counts",
        )
    counting = math.sqrt(anterior.variance / front**2 + posterior.variance / back**2) / 2
    background = (anterior.background_u / front + posterior.background_u / back) / 2
    relative = math.hypot(counting, background)
    return Uncertain.relative(math.sqrt(front * back) / exposure_s, {source: relative})


def rate_in_air(*, rate_cps: Uncertain, transmission: Uncertain, self_attenuation: float) -> Uncertain:
    """Return √(I_A I_P / e^(−μT)) · f: the rate that a thin source of the same activity would give in air.

    Parameters
    ----------
    rate_cps : Uncertain
        Geometric mean √(I_A I_P) of the net count rates.
    transmission : Uncertain
        e^(−μT) of the body along the view, measured or from CT.
    self_attenuation : float
        f of :func:`self_attenuation_factor`.

    Raises
    ------
    CalibrationError
        ``transmission-invalid`` unless 0 < e^(−μT) ≤ 1.

    References
    ----------
    [Siegel1999]_
    """
    if not 0 < transmission.value <= 1:
        raise CalibrationError(f"A transmission of {transmission.value:g} is not between 0 and 1.",
                               code="transmission-invalid")  # fmt: skip
    return rate_cps * (1 / transmission) ** 0.5 * self_attenuation


def activity_in_air(*, rate_cps: Uncertain, sensitivity_cps_per_mbq: Uncertain) -> Uncertain:
    """Return rate/C in MBq for a rate that is corrected to a source in air.

    Parameters
    ----------
    rate_cps : Uncertain
        Of :func:`rate_in_air`, or of a projected region corrected for all that it loses.
    sensitivity_cps_per_mbq : Uncertain
        C, counts per second and MBq of one view of a source in air.

    Raises
    ------
    CalibrationError
        ``sensitivity-invalid`` for one that is not positive.

    References
    ----------
    [Siegel1999]_
    """
    if not sensitivity_cps_per_mbq.value > 0:
        raise CalibrationError(
            f"A planar sensitivity of {sensitivity_cps_per_mbq.value:g} cps/MBq is not possible: it must be positive.",
            code="sensitivity-invalid",
        )
    return rate_cps / sensitivity_cps_per_mbq


def conjugate_view_activity(
    *,
    rate_cps: Uncertain,
    transmission: Uncertain,
    self_attenuation: float,
    sensitivity_cps_per_mbq: Uncertain,
) -> Uncertain:
    """Return the activity in MBq: A = √(I_A I_P / e^(−μT)) · f/C.

    Parameters
    ----------
    rate_cps : Uncertain
        Geometric mean √(I_A I_P) of the net count rates.
    transmission : Uncertain
        e^(−μT) of the body along the view, measured or from CT.
    self_attenuation : float
        f of :func:`self_attenuation_factor`.
    sensitivity_cps_per_mbq : Uncertain
        C, counts per second and MBq of one view of a source in air.

    Raises
    ------
    CalibrationError
        ``transmission-invalid`` unless 0 < e^(−μT) ≤ 1, ``sensitivity-invalid`` for one that is not positive.

    References
    ----------
    [Siegel1999]_
    """
    in_air = rate_in_air(rate_cps=rate_cps, transmission=transmission, self_attenuation=self_attenuation)
    return activity_in_air(rate_cps=in_air, sensitivity_cps_per_mbq=sensitivity_cps_per_mbq)


def source_view_rate(*, nets: Sequence[NetCounts], exposure_s: float, source: str) -> Uncertain:
    """Return the count rate of one view of a calibration source in cps; divided by its activity it is the sensitivity.

    Parameters
    ----------
    nets : sequence of NetCounts
        Of two opposite views, whose geometric mean it is, or of one view.
    exposure_s : float
        Time over which they were collected.
    source : str
        Name under which the counting uncertainty stands.

    Raises
    ------
    CalibrationError
        ``negative-net-counts``.

    References
    ----------
    [Siegel1999]_
    """
    rate = geometric_mean_rate(anterior=nets[0], posterior=nets[-1], exposure_s=exposure_s, source=source)
    if len(nets) > 1:
        return rate
    # One view counted once: its uncertainty is not averaged.
    return Uncertain.relative(rate.value, {source: math.sqrt(nets[0].variance) / nets[0].counts})


def slab_transmission(*, attenuation_per_cm: float, thickness_cm: float) -> float:
    """Return the part of the photons that leaves a slab perpendicular to it: (1 − e^(−μt))/(μt) = e^(−μt/2)/f.

    It is the same for one view and for the geometric mean of both.

    Parameters
    ----------
    attenuation_per_cm, thickness_cm : float
        Linear attenuation of the slab and its thickness along the view.

    Raises
    ------
    CalibrationError
        ``thickness-invalid`` if one is negative.

    References
    ----------
    [Siegel1999]_, factor f of :func:`self_attenuation_factor`.
    """
    shape = self_attenuation_factor(attenuation_per_cm=attenuation_per_cm, thickness_cm=thickness_cm)
    return math.exp(-attenuation_per_cm * thickness_cm / 2) / shape
