"""Uncertain numbers that remember where their uncertainty comes from.

An :class:`Uncertain` is a value with a map from named sources to signed standard uncertainties (k = 1).
The variance is the sum of squares over the sources; two numbers that share a source are correlated
through it. The map is therefore the uncertainty budget, and first-order propagation (GUM, JCGM 100:2008,
5.1 and 5.2) is linear algebra on it. A source whose size is unknown is listed in ``not_stated``; it never
counts as zero silently.

References
----------
[JCGM100]_ Evaluation of measurement data: guide to the expression of uncertainty in measurement.
[JCGM101]_ Propagation of distributions using a Monte Carlo method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

FloatArray = np.ndarray
ADMINISTERED_ACTIVITY = "administered-activity"
"""Source of the uncertainty of the given activity, one activity meter for all that rests on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Uncertain:
    """A value with its signed k = 1 contributions by source.

    Attributes
    ----------
    value : float
        Best estimate.
    contributions : mapping of str to float
        Source name (``calibration:NM670-A``, ``volume:left-kidney``) to signed standard uncertainty, in the
        unit of the value.
    not_stated : frozenset of str
        Sources that act on the value but whose size nobody stated.
    """

    value: float
    contributions: Mapping[str, float] = field(default_factory=dict)
    not_stated: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        kept = {name: float(u) for name, u in self.contributions.items() if u != 0.0}
        object.__setattr__(self, "value", float(self.value))
        object.__setattr__(self, "contributions", MappingProxyType(kept))
        object.__setattr__(self, "not_stated", frozenset(self.not_stated))

    def __reduce__(self) -> tuple[type[Uncertain], tuple[float, dict[str, float], frozenset[str]]]:
        # A read-only mapping cannot be copied or sent to another process; a dict can.
        return Uncertain, (self.value, dict(self.contributions), self.not_stated)

    @classmethod
    def relative(cls, value: float, contributions: Mapping[str, float | None]) -> Uncertain:
        """Build from relative contributions; ``None`` means that the source's size is not stated."""
        stated = {name: u * value for name, u in contributions.items() if u is not None}
        return cls(value, stated, frozenset(name for name, u in contributions.items() if u is None))

    @property
    def u(self) -> float:
        """Combined standard uncertainty of the stated sources."""
        return math.sqrt(math.fsum(u * u for u in self.contributions.values()))

    @property
    def relative_u(self) -> float:
        """Combined standard uncertainty divided by the magnitude of the value."""
        return self.u / abs(self.value) if self.value else math.inf

    def __add__(self, other: Uncertain | float) -> Uncertain:
        """Return the sum."""
        other = _as_uncertain(other)
        return combine(self.value + other.value, [(1.0, self), (1.0, other)])

    __radd__ = __add__

    def __neg__(self) -> Uncertain:
        """Return the negative."""
        return combine(-self.value, [(-1.0, self)])

    def __sub__(self, other: Uncertain | float) -> Uncertain:
        """Return the difference."""
        return self + (-_as_uncertain(other))

    def __rsub__(self, other: float) -> Uncertain:
        """Return the difference."""
        return (-self) + other

    def __mul__(self, other: Uncertain | float) -> Uncertain:
        """Return the product."""
        other = _as_uncertain(other)
        return combine(self.value * other.value, [(other.value, self), (self.value, other)])

    __rmul__ = __mul__

    def __truediv__(self, other: Uncertain | float) -> Uncertain:
        """Return the quotient."""
        other = _as_uncertain(other)
        quotient = self.value / other.value
        return combine(quotient, [(1 / other.value, self), (-quotient / other.value, other)])

    def __rtruediv__(self, other: float) -> Uncertain:
        """Return the quotient."""
        return _as_uncertain(other) / self

    def __pow__(self, exponent: float) -> Uncertain:
        """Return the power with an exact exponent."""
        return combine(self.value**exponent, [(exponent * self.value ** (exponent - 1), self)])

    def with_contribution(self, source: str, u: float | None) -> Uncertain:
        """Return the same value with one more source (``None``: not stated)."""
        if u is None:
            return Uncertain(self.value, self.contributions, self.not_stated | {source})
        joined = dict(self.contributions)
        joined[source] = joined.get(source, 0.0) + u
        return Uncertain(self.value, joined, self.not_stated)


def combine(value: float, terms: Sequence[tuple[float, Uncertain]]) -> Uncertain:
    """First-order propagation: `value` with contributions Σ sensitivity × contribution.

    Parameters
    ----------
    value : float
        The function at the input values.
    terms : sequence of (float, Uncertain)
        Sensitivity coefficient ∂f/∂x and input x.

    References
    ----------
    [JCGM100]_, equation 16, with the correlation carried by shared sources.
    """
    contributions: dict[str, float] = {}
    not_stated: frozenset[str] = frozenset()
    for sensitivity, term in terms:
        not_stated |= term.not_stated
        for source, u in term.contributions.items():
            contributions[source] = contributions.get(source, 0.0) + sensitivity * u
    return Uncertain(value, contributions, not_stated)


def covariance(first: Uncertain, second: Uncertain) -> float:
    """Return the covariance of two numbers through their shared sources."""
    shared = first.contributions.keys() & second.contributions.keys()
    return math.fsum(first.contributions[name] * second.contributions[name] for name in shared)


SOURCE_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "calibration": "calibration",
        "recovery": "recovery",
        "spill-in": "recovery",
        "volume": "volume",
        "fit": "fit",
        "counting": "counting",
        "model": "choice of model",
        "single-time-point": "single time point",
        "population": "population",
        "population-half-life": "population",
        "density": "mass",
        "mass": "mass",
        "dose-constant": "dose constant",
        "monte-carlo": "transport",
        "transport": "transport",
        "fit-half-life": "fit",
        "counting-half-life": "counting",
        "model-half-life": "choice of model",
        "alpha-beta": "radiobiology",
        "repair-half-life": "radiobiology",
        ADMINISTERED_ACTIVITY: "administered activity",
    }
)
"""Group of a source in a budget, by the part of its name before the colon; everything else is ``other``."""


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One line of an uncertainty budget; ``None`` means not stated."""

    source: str
    relative_u: float | None
    share: float | None

    @property
    def group(self) -> str:
        """Group of the source."""
        return source_group(self.source)


def source_group(source: str) -> str:
    """Return the group of a source, as ``volume`` for ``volume:liver``."""
    return SOURCE_GROUPS.get(source.partition(":")[0], "other")


def source_shares(quantity: Uncertain) -> dict[str, float]:
    """Return the share of the variance by group of sources, the largest first; they add up to one."""
    shares: dict[str, float] = {}
    for line in budget(quantity):
        if line.share is not None:
            shares[line.group] = shares.get(line.group, 0.0) + line.share
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def budget(quantity: Uncertain) -> tuple[BudgetLine, ...]:
    """Return the budget, largest share first, sources of unknown size last.

    ``share`` is the part of the variance; the shares of the stated sources add up to one.
    """
    variance = quantity.u**2
    magnitude = abs(quantity.value)
    lines = [
        BudgetLine(name, abs(u) / magnitude if magnitude else math.inf, u * u / variance)
        for name, u in sorted(quantity.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    ]
    return (*lines, *(BudgetLine(name, None, None) for name in sorted(quantity.not_stated)))


def propagate_monte_carlo(
    function: Callable[..., FloatArray], inputs: Mapping[str, Uncertain], *, samples: int = 20_000, seed: int
) -> tuple[float, float]:
    """Return mean and standard deviation of a vectorised function of correlated normal inputs.

    Parameters
    ----------
    function : callable
        Takes arrays of shape (samples,) by keyword and returns one of the same shape.
    inputs : mapping of str to Uncertain
        Keyword arguments; inputs that share a source vary together.
    samples : int
        Number of draws.
    seed : int
        Seed of the generator.

    References
    ----------
    [JCGM101]_, clause 7.
    """
    generator = np.random.default_rng(seed)
    sources = sorted({source for value in inputs.values() for source in value.contributions})
    draws = {source: generator.standard_normal(samples) for source in sources}
    arguments = {}
    for name, value in inputs.items():
        drawn = np.full(samples, value.value)
        for source, u in value.contributions.items():
            drawn += u * draws[source]
        arguments[name] = drawn
    outcome = np.asarray(function(**arguments), dtype=float)
    return float(outcome.mean()), float(outcome.std(ddof=1))


def _as_uncertain(value: Uncertain | float) -> Uncertain:
    return value if isinstance(value, Uncertain) else Uncertain(float(value))
