"""Counts per second and MBq of a source of known activity, with its budget.

References
----------
[Gear2018]_ Calibration factor Q = C/A and its uncertainty.
[JCGM100]_ What is common to several readings, and what is independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.model.calibration import DeadTimeModel
from theradose.model.counted_source import Counting, KnownSource
from theradose.model.finding import Finding
from theradose.model.samples import CellOrigin
from theradose.nuclides import Nuclide
from theradose.quantify.dead_time import true_count_rate, true_rate_gradient
from theradose.quantify.times import hours_since
from theradose.uncertainty import Uncertain, combine

ACTIVITY_METER = "activity-meter"
COUNTING = "counting"
DECAY = "decay"
DEAD_TIME = "dead-time"
REPEATABILITY = "repeatability"
_S_PER_H = 3600.0


@dataclass(frozen=True, slots=True)
class KnownDeadTime:
    """A dead time that is corrected; ``None`` as its uncertainty is not stated."""

    value_us: float
    u_us: float | None
    model: DeadTimeModel

    def true_over_observed(self, observed_cps: float) -> tuple[float, float]:
        """Return true over observed count rate and its relative standard uncertainty."""
        true = true_count_rate(observed_cps=observed_cps, dead_time_us=self.value_us, model=self.model)
        busy = true * self.value_us * 1e-6
        growth = true / (1 - busy) if self.model == "paralysable" else true
        return true / observed_cps, growth * (self.u_us or 0.0) * 1e-6


@dataclass(frozen=True, slots=True)
class NetRate:
    """Count rate of a source without background and dead time.

    Attributes
    ----------
    gross_cps, net_cps, u_net_cps : float
        Observed, corrected, and the standard uncertainty from counting.
    lost_fraction : float
        Share of the pulses that dead time lost.
    relative_u_dead_time : float
        Relative standard uncertainty from the dead time.
    """

    gross_cps: float
    net_cps: float
    u_net_cps: float
    lost_fraction: float
    relative_u_dead_time: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceFactor:
    """What one source says.

    Attributes
    ----------
    factor : Uncertain
        Counts per second and MBq.
    rate : NetRate
        Behind it.
    activity_mbq : float
        Activity in the source at the start of counting.
    """

    factor: Uncertain
    rate: NetRate
    activity_mbq: float


@dataclass(frozen=True, slots=True)
class MeanFactor:
    """The mean over several readings; `largest_deviation` is that of one reading, relative to the mean."""

    factor: Uncertain
    largest_deviation: float


def place(origin: CellOrigin) -> str:
    """Return where a counting stands, for messages."""
    return f"{origin.file}, line {origin.line}, column 'counts'" if origin.line else origin.file


def net_rate(*, counting: Counting, dead_time: KnownDeadTime | None = None) -> NetRate:
    """Return the count rate of a source without dead time and background.

    Raises
    ------
    CalibrationError
        If the source cannot be told from the background, or no true count rate gives the observed one.

    References
    ----------
    [JCGM100]_
    """
    gross = counting.counts / counting.counting_s
    true, stretch, u_dead_time = gross, 1.0, 0.0
    if dead_time is not None:
        factor, u_dead_time = dead_time.true_over_observed(gross)
        true = factor * gross
        stretch = true_rate_gradient(
            observed_cps=gross, true_cps=true, dead_time_us=dead_time.value_us, model=dead_time.model
        )
    background, u_background = 0.0, 0.0
    if counting.background_counts is not None and counting.background_s is not None:
        background = counting.background_counts / counting.background_s
        u_background = math.sqrt(max(counting.background_counts, 1.0)) / counting.background_s
    u_counts = math.sqrt(counting.counts) if counting.u_counts is None else counting.u_counts
    u_net = math.hypot(stretch * u_counts / counting.counting_s, u_background)
    net = true - background
    least = load_number("calibration.yaml", "least_net_significance")
    if net < least * u_net:
        raise CalibrationError(
            f"{place(counting.origin)}: the net count rate of {net:.4g} cps is less than {least:g} standard "
            f"uncertainties ({u_net:.2g} cps), which calibrates nothing: count longer or take more activity.",
            code="source-near-background",
        )
    return NetRate(gross, net, u_net, 1 - gross / true, u_dead_time * true / net)


def source_factor(
    source: KnownSource,
    *,
    nuclide: Nuclide,
    timezone: str | None = None,
    dead_time: KnownDeadTime | None = None,
) -> tuple[SourceFactor, tuple[Finding, ...]]:
    """Return counts per second and MBq at the start of counting.

    f = n λΔ/(1 − e^(−λΔ)) / (s A e^(−λ(t_counted − t_activity))), where n is the count rate without background and
    dead time, Δ the counting time, A the reading of the activity meter and s the share of A that was counted.

    Parameters
    ----------
    source : KnownSource
        What was counted, and its activity.
    nuclide : Nuclide
        Of the source.
    timezone : str or None
        IANA zone of times without offset.
    dead_time : KnownDeadTime or None
        ``None`` corrects nothing.

    Raises
    ------
    CalibrationError
        If the activity is stated so far from the measurement that its date must be wrong, or as :func:`net_rate`.

    References
    ----------
    [Gear2018]_, [JCGM100]_
    """
    counting = source.counting
    rate = net_rate(counting=counting, dead_time=dead_time)
    elapsed_h, findings = hours_since(source.activity_at, counting.measured_at, timezone=timezone)
    findings = (*findings, *_date_findings(source, elapsed_h, nuclide))
    decay_constant = nuclide.decay_constant_per_h
    activity = source.activity_mbq * decay_factor(decay_constant_per_h=decay_constant, elapsed_h=elapsed_h)
    to_start = float(frame_start_factor(decay_constant_per_h=decay_constant, duration_h=counting.counting_s / _S_PER_H))
    half_life = nuclide.half_life_h
    clock_h = load_number("calibration.yaml", "clock_u") / 60
    relative: dict[str, float | None] = {
        ACTIVITY_METER: source.relative_u_activity,
        COUNTING: rate.u_net_cps / rate.net_cps,
        DEAD_TIME: rate.relative_u_dead_time,
        DECAY: decay_constant * math.hypot(clock_h, elapsed_h * (half_life.u or 0.0) / half_life.value),
        **source.other_relative_u,
    }
    value = rate.net_cps * to_start / (activity * source.counted_share)
    return SourceFactor(Uncertain.relative(value, relative), rate, activity), findings


def mean_factor(factors: Sequence[SourceFactor]) -> tuple[MeanFactor, tuple[Finding, ...]]:
    """Return the mean of the factors of several readings, weighted by their counting uncertainties.

    What the readings share (activity meter, decay, region) does not average out. Readings that scatter more than
    counting explains add a contribution ``repeatability``.

    References
    ----------
    [JCGM100]_, clauses 4.2 and 5.2
    """
    if len(factors) == 1:
        message = "There is one reading, so that repeatability is not part of the uncertainty: measure several times."
        return MeanFactor(factors[0].factor, 0.0), (Finding("calibration-single-reading", "info", message),)
    own = [item.factor.contributions[COUNTING] for item in factors]
    weights = [1 / u**2 for u in own]
    total = math.fsum(weights)
    value = math.fsum(w * item.factor.value for w, item in zip(weights, factors, strict=True)) / total
    chi_squared = math.fsum(w * (item.factor.value - value) ** 2 for w, item in zip(weights, factors, strict=True))
    internal = 1 / math.sqrt(total)
    common = combine(
        value,
        [
            (w / total, Uncertain(item.factor.value, _without_counting(item.factor), item.factor.not_stated))
            for w, item in zip(weights, factors, strict=True)
        ],
    )
    mean = common.with_contribution(COUNTING, internal)
    degrees = len(factors) - 1
    if chi_squared > degrees:
        mean = mean.with_contribution(REPEATABILITY, internal * math.sqrt(chi_squared / degrees - 1))
    deviation = max(abs(item.factor.value / value - 1) for item in factors)
    return MeanFactor(mean, deviation), _scatter_findings(chi_squared, degrees, deviation)


def _without_counting(factor: Uncertain) -> dict[str, float]:
    return {source: u for source, u in factor.contributions.items() if source != COUNTING}


def _date_findings(source: KnownSource, elapsed_h: float, nuclide: Nuclide) -> tuple[Finding, ...]:
    limits = load_yaml("calibration.yaml")
    half_lives = abs(elapsed_h) / nuclide.half_life_h.value
    direction = "before" if elapsed_h > 0 else "after"
    apart = f"{half_lives:.3g} half-lives of {nuclide.name} {direction} the measurement"
    if half_lives > limits["largest_half_lives"]["value"]:
        raise CalibrationError(
            f"{place(source.counting.origin)}: the activity is stated for {source.activity_at.isoformat()}, {apart} at "
            f"{source.counting.measured_at.isoformat()}: correct one of the dates or the nuclide.",
            code="activity-date",
        )
    if half_lives <= limits["advised_half_lives"]["value"]:
        return ()
    message = (
        f"The activity is stated for {source.activity_at.isoformat()}, {apart}: impurities and clocks matter, so "
        "measure the activity on the same day."
    )
    return (Finding("activity-date-far", "warning", message, place(source.counting.origin)),)


def _scatter_findings(chi_squared: float, degrees: int, deviation: float) -> tuple[Finding, ...]:
    from scipy.stats import chi2

    level = load_yaml("calibration.yaml")["least_probability"]["value"]
    if float(chi2.sf(chi_squared, degrees)) >= level:
        return ()
    message = (
        f"The readings scatter more than counting explains (chi-squared {chi_squared:.3g} for {degrees} degrees of "
        f"freedom, largest deviation {deviation:.1%}): the uncertainty was enlarged; look for dead time, geometry or "
        "a wrong activity."
    )
    return (Finding("calibration-readings-scatter", "warning", message),)
