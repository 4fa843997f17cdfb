"""Planar quantification, scatter windows and dead time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from theradose.model.calibration import DeadTimeModel
from theradose.model.planar import EnergyWindow
from theradose.quantify.conjugate_view import (
    NetCounts,
    conjugate_view_activity,
    geometric_mean_rate,
    self_attenuation_factor,
)
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.scatter_windows import triple_energy_window
from theradose.uncertainty import Uncertain
from theradose.validation.evaluator import evaluator


@evaluator("geometric-mean")
def geometric_mean(*, anterior_cps: float, posterior_cps: float) -> float:
    """Return the geometric mean of two views, cps."""
    return _rate(anterior_cps, posterior_cps).value


@evaluator("self-attenuation")
def self_attenuation(*, attenuation_per_cm: float, thickness_cm: float) -> float:
    """Return the factor of a source of some thickness."""
    return self_attenuation_factor(attenuation_per_cm=attenuation_per_cm, thickness_cm=thickness_cm)


@evaluator("conjugate-view")
def conjugate_view(
    *,
    anterior_cps: float,
    posterior_cps: float,
    attenuation_per_cm: float,
    body_cm: float,
    thickness_cm: float,
    sensitivity_cps_per_mbq: float,
) -> float:
    """Return the activity of a region in MBq."""
    factor = self_attenuation_factor(attenuation_per_cm=attenuation_per_cm, thickness_cm=thickness_cm)
    return conjugate_view_activity(
        rate_cps=_rate(anterior_cps, posterior_cps),
        transmission=Uncertain(math.exp(-attenuation_per_cm * body_cm)),
        self_attenuation=factor,
        sensitivity_cps_per_mbq=Uncertain(sensitivity_cps_per_mbq),
    ).value


@evaluator("triple-energy-window")
def triple_energy(
    *,
    number: str,
    peak_counts: float,
    lower_counts: float,
    upper_counts: float,
    peak_kev: Sequence[float],
    lower_kev: Sequence[float],
    upper_kev: Sequence[float],
) -> float:
    """Return scattered or primary counts in the photopeak window."""
    peak, lower, upper = (EnergyWindow(*window) for window in (peak_kev, lower_kev, upper_kev))
    found = triple_energy_window(
        peak_counts=peak_counts,
        lower_counts=lower_counts,
        upper_counts=upper_counts,
        peak=peak,
        lower=lower,
        upper=upper,
    )
    return float({"scatter": found.scatter, "primary": found.primary}[number])


@evaluator("dead-time")
def dead_time(*, observed_cps: float, dead_time_us: float, model: DeadTimeModel) -> float:
    """Return the true count rate in cps."""
    return float(true_count_rate(observed_cps=observed_cps, dead_time_us=dead_time_us, model=model))


def _rate(anterior_cps: float, posterior_cps: float) -> Uncertain:
    return geometric_mean_rate(
        anterior=NetCounts(anterior_cps, anterior_cps),
        posterior=NetCounts(posterior_cps, posterior_cps),
        exposure_s=1.0,
        source="x",
    )
