"""Levels and bounds of the curve fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from theradose.data import load_yaml


@dataclass(frozen=True, slots=True)
class KineticsSettings:
    """Levels and bounds; the defaults, with their sources, are in ``data/kinetics/settings.yaml``.

    Attributes
    ----------
    extrapolated_fraction_level : float
        Share of the integral after the last point above which ``extrapolation`` is flagged.
    parameter_cv_level : float
        Relative standard uncertainty of a parameter from which ``parameter-uncertain`` is flagged.
    correlation_level : float
        Magnitude of a correlation of two parameters from which ``collinear`` is flagged.
    half_lives_in_first_sample_time : float
        Half-lives of the fastest biological phase that fit into the time of the first sample.
    unsupported_early_fraction : float
        Share of the integral before the first point, in a phase that the points cannot show, above which
        ``integral-unsupported`` is flagged.
    half_lives_in_sampling_gap : float
        Biological half-lives of a single phase that fit between two samples.
    minimum_rate_ratio : float
        Smallest ratio of the rates of two phases.
    rejection_probability : float
        Chance of a larger chi-squared below which a fit is rejected.
    criterion_difference : float
        Difference of chi-squared + 2K beyond which a model has no support beside a better one.
    reported_weight : float
        Weight in the average from which the flags of a fit become findings.
    physical_decay_bound : bool
        Whether every rate is at least the physical decay constant. Only tests and other kinds of data than
        activity switch it off.
    """

    extrapolated_fraction_level: float
    parameter_cv_level: float
    correlation_level: float
    half_lives_in_first_sample_time: float
    unsupported_early_fraction: float
    half_lives_in_sampling_gap: float
    minimum_rate_ratio: float
    rejection_probability: float
    criterion_difference: float
    reported_weight: float
    physical_decay_bound: bool = True


@cache
def default_settings() -> KineticsSettings:
    """Return the packaged settings."""
    return KineticsSettings(**{name: entry["value"] for name, entry in load_yaml("kinetics/settings.yaml").items()})
