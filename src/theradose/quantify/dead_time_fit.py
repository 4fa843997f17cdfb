"""Dead time from count rates: of one decaying source, of sources of known activity, or of two sources.

References
----------
[Adams1974]_ Both models, and the method of two sources.
[Uribe2017]_ Fit of the paralysable model to rates of 177Lu.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.model.calibration import DeadTimeModel
from theradose.model.counted_source import Arrangement, Counting, RateReading
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.source_factor import place
from theradose.quantify.times import hours_since

_S_PER_H = 3600.0
_PARAMETERS = 2
_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class DeadTimeFit:
    """A dead time.

    Attributes
    ----------
    value_us, u_us : float
        Dead time and its standard uncertainty, enlarged where the rates scatter more than counting explains.
    model : {"paralysable", "non-paralysable"}
        How the detector loses counts.
    readings : int
        Number of rates.
    highest_rate_cps, largest_loss : float
        Highest observed rate, and the share of its pulses that were lost.
    chi_squared, degrees_of_freedom : float or None, int
        Of the fit.
    scale : float
        True count rate at the first reading, or per MBq.
    """

    value_us: float
    u_us: float
    model: DeadTimeModel
    readings: int
    highest_rate_cps: float
    largest_loss: float
    chi_squared: float | None
    degrees_of_freedom: int
    scale: float


def fit_decaying_source(
    readings: Sequence[RateReading],
    *,
    nuclide: Nuclide,
    model: DeadTimeModel | None = None,
    usual: DeadTimeModel = "paralysable",
    timezone: str | None = None,
) -> tuple[DeadTimeFit, tuple[Finding, ...]]:
    """Fit the dead time to the rates of one source while it decays.

    Parameters
    ----------
    readings : sequence of RateReading
        Over as many half-lives as it takes to see losses come and go.
    nuclide : Nuclide
        Of the source; its decay is the known ratio of the true rates.
    model : {"paralysable", "non-paralysable"}, optional
        Without it, the usual one unless the rates say otherwise.
    usual : {"paralysable", "non-paralysable"}
        Of such detectors.
    timezone : str or None
        IANA zone of times without offset.

    Raises
    ------
    CalibrationError
        If there are too few rates, they do not resolve the dead time, or no fit is found.

    References
    ----------
    [Uribe2017]_
    """
    countings = [reading.counting for reading in readings]
    first = countings[0]
    shares = []
    noticed: list[Finding] = []
    for counting in countings:
        elapsed_h, findings = hours_since(first.measured_at, counting.measured_at, timezone=timezone)
        noticed += findings
        middle_h = elapsed_h + counting.counting_s / _S_PER_H / 2
        shares.append(math.exp(-nuclide.decay_constant_per_h * middle_h))
    fit, findings = fit_known_ratios(countings=countings, shares=np.array(shares), model=model, usual=usual)
    return fit, (*dict.fromkeys(noticed), *findings)


def fit_known_ratios(
    *,
    countings: Sequence[Counting],
    shares: Array,
    model: DeadTimeModel | None = None,
    usual: DeadTimeModel = "paralysable",
) -> tuple[DeadTimeFit, tuple[Finding, ...]]:
    """Fit the dead time to rates whose true values stand in known ratios.

    Parameters
    ----------
    countings : sequence of Counting
        Observed counts.
    shares : ndarray, shape (n,)
        Numbers to which the true rates of the sources are proportional, as their activities.
    model : {"paralysable", "non-paralysable"}, optional
        Without it, the usual one unless the rates say otherwise.
    usual : {"paralysable", "non-paralysable"}
        Of such detectors.

    Raises
    ------
    CalibrationError
        ``dead-time-too-few``, ``dead-time-not-resolved``, ``dead-time-fit-failed``.

    References
    ----------
    [Adams1974]_, [Uribe2017]_
    """
    if len(countings) < _PARAMETERS or len(np.unique(shares)) < _PARAMETERS:
        raise CalibrationError(
            f"{len(countings)} count rates of {len(np.unique(shares))} different sources do not show a dead time: "
            "measure at least two, better six, from high to low rates.",
            code="dead-time-too-few",
        )
    other: DeadTimeModel = "non-paralysable" if usual == "paralysable" else "paralysable"
    names: tuple[DeadTimeModel, ...] = (usual, other) if model is None else (model,)
    fits = {name: _fit_model(countings, shares, name) for name in names}
    findings: list[Finding] = []
    chosen = names[0]
    if model is None:
        evidence = load_yaml("calibration.yaml")["dead_time_model_evidence"]["value"]
        gain = (fits[usual].chi_squared or 0.0) - (fits[other].chi_squared or 0.0)
        if gain > evidence:
            chosen = other
        elif gain > -evidence:
            findings.append(
                Finding(
                    "dead-time-model-assumed",
                    "info",
                    f"The rates do not tell a paralysable from a non-paralysable detector; the {usual} model was taken "
                    f"(the other gives {fits[other].value_us:.3g} us).",
                )
            )
    fit = fits[chosen]
    _require_resolved(fit)
    return fit, (*findings, *_fit_findings(fit))


def solve_two_sources(
    readings: Sequence[RateReading],
    *,
    nuclide: Nuclide,
    model: DeadTimeModel = "paralysable",
    timezone: str | None = None,
) -> tuple[DeadTimeFit, tuple[Finding, ...]]:
    """Return the dead time at which the true rates of two sources add up to that of both together.

    n₁(τ) + n₂(τ) = n₁₊₂(τ), each without background and brought to one moment by decay.

    Raises
    ------
    CalibrationError
        ``dead-time-arrangement`` without all three arrangements; ``dead-time-not-resolved``.

    References
    ----------
    [Adams1974]_
    """
    groups: dict[Arrangement, list[Counting]] = {}
    for reading in readings:
        if reading.arrangement is not None:
            groups.setdefault(reading.arrangement, []).append(reading.counting)
    missing = [name for name in ("1", "2", "1+2") if name not in groups]
    if missing or any(reading.arrangement is None for reading in readings):
        raise CalibrationError(
            "The method of two sources needs readings of '1', of '2' and of '1+2' in the column 'source'"
            + (f"; there is none of '{missing[0]}'." if missing else ", in every row."),
            code="dead-time-arrangement",
        )
    first = readings[0].counting.measured_at
    means = {name: _mean_rate(items, first, nuclide, timezone) for name, items in groups.items()}
    findings = tuple(dict.fromkeys(finding for mean in means.values() for finding in mean.findings))
    background_cps = _background_cps([reading.counting for reading in readings])
    value_us = _solve(means, background_cps, model)
    variance = 0.0
    for name, mean in means.items():
        step = max(mean.u_cps, _STEP * mean.cps)
        shifted = dict(means) | {name: _MeanRate(mean.cps + step, mean.u_cps, mean.to_first, ())}
        variance += ((_solve(shifted, background_cps, model) - value_us) / step * mean.u_cps) ** 2
    highest = max(mean.cps for mean in means.values())
    true = true_count_rate(observed_cps=highest, dead_time_us=value_us, model=model)
    fit = DeadTimeFit(
        value_us=value_us,
        u_us=math.sqrt(variance),
        model=model,
        readings=len(readings),
        highest_rate_cps=highest,
        largest_loss=1 - highest / true,
        chi_squared=None,
        degrees_of_freedom=0,
        scale=true,
    )
    _require_resolved(fit)
    return fit, findings


@dataclass(frozen=True, slots=True)
class _MeanRate:
    """Mean observed rate of an arrangement, and the factor that brings its true rate to the first moment."""

    cps: float
    u_cps: float
    to_first: float
    findings: tuple[Finding, ...]


def _mean_rate(items: list[Counting], first: datetime, nuclide: Nuclide, timezone: str | None) -> _MeanRate:
    seconds = math.fsum(item.counting_s for item in items)
    counts = math.fsum(item.counts for item in items)
    factors: list[float] = []
    findings: list[Finding] = []
    for item in items:
        elapsed_h, noticed = hours_since(first, item.measured_at, timezone=timezone)
        findings += noticed
        middle_h = elapsed_h + item.counting_s / _S_PER_H / 2
        factors.append(item.counting_s / seconds * math.exp(nuclide.decay_constant_per_h * middle_h))
    return _MeanRate(counts / seconds, math.sqrt(counts) / seconds, math.fsum(factors), tuple(findings))


def _background_cps(countings: Sequence[Counting]) -> float:
    pairs = [(item.background_counts, item.background_s) for item in countings if item.background_s is not None]
    seconds = math.fsum(s for _, s in pairs if s is not None)
    return math.fsum(c for c, _ in pairs if c is not None) / seconds if seconds else 0.0


def _solve(means: dict[Arrangement, _MeanRate], background_cps: float, model: DeadTimeModel) -> float:
    """Return the dead time in us at which the true rates add up."""
    from scipy.optimize import brentq

    def excess(dead_time_us: float) -> float:
        one, two, both = (
            (true_count_rate(observed_cps=mean.cps, dead_time_us=dead_time_us, model=model) - background_cps)
            * mean.to_first
            for mean in (means["1"], means["2"], means["1+2"])
        )
        return one + two - both

    highest = max(mean.cps for mean in means.values())
    limit_us = 1e6 / highest * ((1 / math.e) if model == "paralysable" else 1.0) * (1 - 1e-9)
    if excess(0.0) <= 0:
        raise CalibrationError(
            "The rates of the two sources add up to no more than that of both together: they show no dead time. Take "
            "stronger sources and count longer, without moving the first source.",
            code="dead-time-not-resolved",
        )
    if excess(limit_us) > 0:
        raise CalibrationError(
            f"No {model} dead time makes the rates of the two sources add up to that of both together: take weaker "
            "sources, or the other model with --model.",
            code="dead-time-fit-failed",
        )
    return float(brentq(excess, 0.0, limit_us, xtol=1e-9))


def _fit_model(countings: Sequence[Counting], shares: Array, model: DeadTimeModel) -> DeadTimeFit:
    from scipy.optimize import least_squares

    observed = np.array([item.counts / item.counting_s for item in countings])
    u_observed = np.array([math.sqrt(item.counts) / item.counting_s for item in countings])
    background = np.array([_background_cps([item]) for item in countings])
    weakest, strongest = int(np.argmin(shares)), int(np.argmax(shares))
    scale = (observed[weakest] - background[weakest]) / shares[weakest]
    if not scale > 0:
        raise CalibrationError(
            f"{place(countings[weakest].origin)}: the background of {background[weakest]:.4g} cps is not below the "
            f"rate of {observed[weakest]:.4g} cps: correct one of them.",
            code="source-near-background",
        )
    largest = float(scale * shares[strongest])

    def residuals(x: Array) -> Array:
        true = scale * x[0] * shares + background
        busy = x[1] * true / largest
        expected = true * np.exp(-busy) if model == "paralysable" else true / np.maximum(1 + busy, _STEP)
        return np.asarray((expected - observed) / u_observed)

    # Parameters of order one: the scale over its first estimate, and the dead time times the largest rate.
    start_loss = max(math.log(largest / max(observed[strongest] - background[strongest], 1e-9)), 1e-3)
    fit = least_squares(residuals, [1.0, start_loss], method="lm", x_scale="jac")
    information = fit.jac.T @ fit.jac
    if not fit.success or not np.isfinite(fit.x).all() or fit.x[0] <= 0 or np.linalg.cond(information) > 1e14:
        raise CalibrationError(
            f"No {model} dead time fits the count rates: check that they belong to one source and geometry.",
            code="dead-time-fit-failed",
        )
    chi_squared, degrees = 2 * float(fit.cost), len(countings) - _PARAMETERS
    u = math.sqrt(np.linalg.inv(information)[1, 1] * (max(1.0, chi_squared / degrees) if degrees else 1.0))
    to_us = 1e6 / largest
    true = scale * fit.x[0] * shares[strongest]
    busy = float(fit.x[1] * true / largest)
    return DeadTimeFit(
        value_us=float(fit.x[1]) * to_us,
        u_us=float(u) * to_us,
        model=model,
        readings=len(countings),
        highest_rate_cps=float(observed.max()),
        largest_loss=max(-math.expm1(-busy) if model == "paralysable" else busy / (1 + busy), 0.0),
        chi_squared=chi_squared,
        degrees_of_freedom=degrees,
        scale=float(scale * fit.x[0]),
    )


def _require_resolved(fit: DeadTimeFit) -> None:
    least = load_number("calibration.yaml", "dead_time_resolution")
    if fit.value_us < least * fit.u_us or not fit.value_us > 0:
        if _is_poor(fit):
            raise CalibrationError(
                f"The count rates do not follow their expected ratios with any {fit.model} dead time (chi-squared "
                f"{fit.chi_squared:.3g} for {fit.degrees_of_freedom} degrees of freedom): check the nuclide, the times "
                "and that the source was not moved.",
                code="dead-time-fit-failed",
            )
        raise CalibrationError(
            f"The count rates do not resolve the dead time: {fit.value_us:.3g} us with a standard uncertainty of "
            f"{fit.u_us:.2g} us, at a highest rate of {fit.highest_rate_cps:.4g} cps that loses about "
            f"{max(fit.largest_loss, 0):.2%}; at least {least:g} standard uncertainties are needed: measure at higher "
            "rates and count longer.",
            code="dead-time-not-resolved",
        )


def _is_poor(fit: DeadTimeFit) -> bool:
    """Return whether the rates scatter more about the model than counting explains."""
    from scipy.stats import chi2

    if fit.chi_squared is None or fit.degrees_of_freedom == 0:
        return False
    level = load_yaml("calibration.yaml")["least_probability"]["value"]
    return bool(chi2.sf(fit.chi_squared, fit.degrees_of_freedom) < level)


def _fit_findings(fit: DeadTimeFit) -> list[Finding]:
    findings = []
    if fit.degrees_of_freedom == 0:
        message = "Two count rates are met by any dead time, so that nothing tests the model: measure more rates."
        findings.append(Finding("dead-time-fit-exact", "warning", message))
    elif _is_poor(fit):
        message = (
            f"The {fit.model} model does not describe the count rates (chi-squared {fit.chi_squared:.3g} for "
            f"{fit.degrees_of_freedom} degrees of freedom): the uncertainty was enlarged to match."
        )
        findings.append(Finding("dead-time-fit-poor", "warning", message))
    if fit.model == "paralysable" and fit.largest_loss > 1 - 1 / math.e:
        message = (
            "The highest true rate lies beyond the maximum of the observable rate, where two true rates give the same "
            "observed one: such images cannot be corrected."
        )
        findings.append(Finding("dead-time-beyond-maximum", "warning", message))
    return findings
