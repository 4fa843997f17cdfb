"""Virtual cohorts of time-activity curves with known integrals, from ``data/simulation/populations.yaml``.

Only the shape of a curve matters for the accuracy of a protocol, so that all curves begin with amplitude 1.

References
----------
[Hou2021]_ Effective half-lives are log-normal.
[Hardiansyah2024]_ The cohort that is drawn from activities at five times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.model.arrays import Array, frozen
from theradose.nuclides import Nuclide, load_nuclide
from theradose.simulate.blood import draw_phases
from theradose.simulate.patient import KineticCurve

POPULATIONS = "simulation/populations.yaml"


class TrueCurve(Protocol):
    """A curve whose integral is known."""

    def activity_mbq(self, t_h: Array | float) -> Array:
        """Return the activity at `t_h`, hours after the administration."""
        ...

    @property
    def tia_mbq_h(self) -> float:
        """Integral from the administration to infinity."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PiecewiseExponential:
    """A curve that is exponential between points, and beyond them continues as in the first and last segment.

    Attributes
    ----------
    t_h : ndarray, shape (n,)
        Times of the points.
    log_activity : ndarray, shape (n,)
        Natural logarithm of the activity in MBq at the points.
    """

    t_h: Array
    log_activity: Array

    def __post_init__(self) -> None:
        for name in ("t_h", "log_activity"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def rates_per_h(self) -> Array:
        """Effective rate of each segment, shape (n − 1,)."""
        return np.asarray(-np.diff(self.log_activity) / np.diff(self.t_h))

    def activity_mbq(self, t_h: Array | float) -> Array:
        """Return the activity at `t_h`, hours after the administration."""
        times = np.asarray(t_h, float)
        segment = np.clip(np.searchsorted(self.t_h, times, side="right") - 1, 0, len(self.t_h) - 2)
        return np.asarray(np.exp(self.log_activity[segment] - self.rates_per_h[segment] * (times - self.t_h[segment])))

    @property
    def tia_mbq_h(self) -> float:
        """Integral from the administration to infinity."""
        rates, edges = self.rates_per_h, np.concatenate([[0.0], self.t_h[1:-1], [np.inf]])
        starts = self.activity_mbq(edges[:-1])
        return float(np.sum(starts * -np.expm1(-rates * np.diff(edges)) / rates))


@dataclass(frozen=True, slots=True)
class Population:
    """A virtual cohort.

    Attributes
    ----------
    name : str
        As in the data file.
    nuclide : Nuclide
        Whose decay the curves hold.
    spec : mapping
        Form and parameters.
    """

    name: str
    nuclide: Nuclide
    spec: Mapping[str, Any]

    @property
    def median_half_life_h(self) -> float | None:
        """Median effective half-life, where the data state one; that of the line through the mean logarithms."""
        if self.spec["form"] == "points":
            slope, _ = np.polyfit(self.spec["t_h"], self.spec["mean_log"], 1)
            return float(-math.log(2) / slope)
        stated = self.spec.get("effective_half_life_h")
        return None if stated is None else float(stated["median"])

    def draw(self, rng: np.random.Generator) -> TrueCurve:
        """Return the curve of one patient."""
        return _FORMS[self.spec["form"]](rng, self.spec, self.nuclide)


def load_population(name: str) -> Population:
    """Return a packaged population.

    Raises
    ------
    StudyError
        ``unknown-population``.
    """
    known = load_yaml(POPULATIONS)
    if name not in known:
        raise StudyError(
            f"There is no population '{name}': packaged populations are {', '.join(known)}.", code="unknown-population"
        )
    return Population(name, load_nuclide(known[name]["nuclide"]), known[name])


def _draw_uptake(rng: np.random.Generator, spec: Mapping[str, Any], nuclide: Nuclide) -> KineticCurve:
    effective = _half_life(rng, spec["effective_half_life_h"], longest_h=nuclide.half_life_h.value)
    uptake = _half_life(rng, spec["uptake_half_life_h"], longest_h=effective)
    return KineticCurve(np.array([1.0, -1.0]), math.log(2) / np.array([effective, uptake]))


def _draw_clearance(rng: np.random.Generator, spec: Mapping[str, Any], nuclide: Nuclide) -> KineticCurve:
    effective = _half_life(rng, spec["effective_half_life_h"], longest_h=nuclide.half_life_h.value)
    return KineticCurve(np.array([1.0]), np.array([math.log(2) / effective]))


def _draw_two_phases(rng: np.random.Generator, spec: Mapping[str, Any], nuclide: Nuclide) -> KineticCurve:
    del nuclide  # the published half-lives are effective
    return draw_phases(rng, {name: entry["value"] for name, entry in load_yaml(spec["phases"]).items()})


def _draw_trapped(rng: np.random.Generator, spec: Mapping[str, Any], nuclide: Nuclide) -> KineticCurve:
    del rng, spec  # nothing varies
    return KineticCurve(np.array([1.0]), np.array([nuclide.decay_constant_per_h]))


def _draw_points(rng: np.random.Generator, spec: Mapping[str, Any], nuclide: Nuclide) -> PiecewiseExponential:
    times, sd = np.array(spec["t_h"], float), np.array(spec["sd_log"], float)
    covariance = np.array(spec["correlation"], float) * np.outer(sd, sd)
    while True:
        logs = rng.multivariate_normal(np.array(spec["mean_log"], float), covariance, method="cholesky")
        curve = PiecewiseExponential(times, logs)
        if (curve.rates_per_h >= nuclide.decay_constant_per_h).all():
            return curve


def _half_life(rng: np.random.Generator, spec: Mapping[str, float], *, longest_h: float) -> float:
    """Draw a log-normal half-life of the given median and coefficient of variation, shorter than the longest one."""
    spread = math.sqrt(math.log1p(spec["cv"] ** 2))
    while True:
        value = float(spec["median"] * math.exp(spread * rng.standard_normal()))
        if value < longest_h:
            return value


_FORMS: dict[str, Callable[[np.random.Generator, Mapping[str, Any], Nuclide], TrueCurve]] = {
    "uptake": _draw_uptake,
    "clearance": _draw_clearance,
    "two-phase": _draw_two_phases,
    "trapped": _draw_trapped,
    "points": _draw_points,
}
