"""A limit, what was given so far, and what the coming cycles add for an activity.

The sum is P + Σ (A d_j + k A² d_j²): P is what was given, d_j the dose per activity of a coming cycle, and k the factor
of the quadratic term of a biologically effective dose (0 for an absorbed dose).

References
----------
[deWit2023]_ Prescribed cumulative absorbed dose, and cap of the cumulative biologically effective dose.
[Dale1985]_ The quadratic term.
[JCGM100]_ Propagation by source.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

from theradose.biology.lq import dose_for_bed
from theradose.errors import PlanError
from theradose.model.arrays import Array, frozen
from theradose.model.limit import Limit
from theradose.plan.probability import probability_above
from theradose.uncertainty import Uncertain, combine

_EXACT_MBQ = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Accumulation:
    """One limit for one region.

    Attributes
    ----------
    region : str
        Name.
    limit : Limit
        In absorbed dose or BED.
    past : Uncertain
        What was given so far, Gy in the quantity of the limit.
    coming : tuple of Uncertain
        Gy/MBq of the coming cycles.
    quadratic_per_gy : Uncertain
        Factor k, 0 for an absorbed dose.
    basis : str
        What the sum counts.
    """

    region: str
    limit: Limit
    past: Uncertain
    coming: tuple[Uncertain, ...]
    quadratic_per_gy: Uncertain
    basis: str
    _products: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Covariances of past, coming cycles and quadratic factor: an activity is searched for with many sums.
        sources = sorted({name for term in self._terms for name in term.contributions})
        rows = np.array([[term.contributions.get(name, 0.0) for name in sources] for term in self._terms])
        object.__setattr__(self, "_products", frozen(rows @ rows.T))

    def total(self, activity_mbq: float) -> Uncertain:
        """Return the sum after the coming cycles of an activity each, Gy."""
        value, sensitivities = self._linear(activity_mbq)
        return combine(value, list(zip(sensitivities, self._terms, strict=True)))

    def probability(self, activity_mbq: float) -> float:
        """Return the probability of exceeding the limit: 0 or 1 for a sum of which no uncertainty is stated."""
        value, sensitivities = self._linear(activity_mbq)
        row = np.array(sensitivities)
        u = math.sqrt(max(float(row @ self._products @ row), 0.0))
        known = probability_above(Uncertain(value, {"all": u}), self.limit.value_gy)
        return float(value > self.limit.value_gy) if known is None else known

    def best_activity(self) -> Uncertain:
        """Return the activity of each coming cycle at which the best estimate reaches the limit, MBq.

        It is 0 where the limit is reached already. Its uncertainty is that with which the sum is known.
        """
        left = self.limit.value_gy - self.past.value
        if left <= 0:
            return Uncertain(0.0)
        linear = math.fsum(term.value for term in self.coming)
        square = self.quadratic_per_gy.value * math.fsum(term.value**2 for term in self.coming)
        # The sum of the coming cycles is linear A + square A²: a BED of linear A with the factor square / linear².
        activity_mbq = dose_for_bed(bed_gy=left, alpha_beta_gy=1.0, g=square / linear**2) / linear
        _, sensitivities = self._linear(activity_mbq)
        slope = math.fsum(d.value + 2 * self.quadratic_per_gy.value * activity_mbq * d.value**2 for d in self.coming)
        terms = [(-sensitivity / slope, term) for sensitivity, term in zip(sensitivities, self._terms, strict=True)]
        return combine(activity_mbq, terms)

    @property
    def uncertain(self) -> bool:
        """Whether any uncertainty is stated, so that probabilities exist."""
        return bool(self._products.any())

    @property
    def dose_without_u(self) -> bool:
        """Whether a dose that was given is a number alone, without any uncertainty of its measurement."""
        return any(name.partition(":")[0] == "dose" for name in self.past.not_stated)

    @property
    def _terms(self) -> tuple[Uncertain, ...]:
        return (self.past, *self.coming, self.quadratic_per_gy)

    def _linear(self, activity_mbq: float) -> tuple[float, list[float]]:
        """Return the sum and its derivatives by past, coming doses per activity, and quadratic factor."""
        k = self.quadratic_per_gy.value
        doses = [activity_mbq * term.value for term in self.coming]
        squares = math.fsum(dose**2 for dose in doses)
        value = self.past.value + math.fsum(doses) + k * squares
        return value, [1.0, *(activity_mbq * (1 + 2 * k * dose) for dose in doses), squares]


def probability_of_any(accumulations: Sequence[Accumulation], activity_mbq: float) -> float:
    """Return an upper bound of the probability that any region exceeds a limit.

    Of limits on one sum, as two caps of the cumulative dose, only the lower can be exceeded alone, so that the largest
    of their probabilities counts. Different sums are added: those of other regions, a single cycle beside the course,
    and an absorbed dose beside a biologically effective one, which repair and half-life move on their own.

    References
    ----------
    [JCGM101]_ Distribution of the sums; the bound is Boole's inequality.
    """
    by_sum: dict[tuple[str, bool, bool], float] = {}
    for item in accumulations:
        limit = item.limit
        counted = (item.region, limit.quantity == "absorbed-dose", limit.span == "course")
        by_sum[counted] = max(by_sum.get(counted, 0.0), item.probability(activity_mbq))
    return min(math.fsum(by_sum.values()), 1.0)


def accepted_activity(accumulations: Sequence[Accumulation], *, probability: float) -> float:
    """Return the activity of each coming cycle at which :func:`probability_of_any` is that accepted, MBq; 0 if none is.

    Parameters
    ----------
    accumulations : sequence of Accumulation
        At least one.
    probability : float
        Between 0 and 1.

    Raises
    ------
    PlanError
        ``uncertainty-missing`` for a region without any stated uncertainty, or with a measured dose without one.

    References
    ----------
    [JCGM101]_
    """
    if silent := sorted({item.region for item in accumulations if not item.uncertain or item.dose_without_u}):
        raise PlanError(
            f"Doses to {', '.join(silent)} have no stated uncertainty, so that no probability can be accepted: "
            "state the u of the doses, or leave out 'accepted_probability'.",
            code="uncertainty-missing",
        )
    if probability_of_any(accumulations, 0.0) >= probability:
        return 0.0
    above = max(min(item.best_activity().value for item in accumulations), 1.0)
    while probability_of_any(accumulations, above) < probability:
        above *= 2
    found: float = brentq(
        lambda activity_mbq: probability_of_any(accumulations, activity_mbq) - probability, 0.0, above, xtol=_EXACT_MBQ
    )
    return found
