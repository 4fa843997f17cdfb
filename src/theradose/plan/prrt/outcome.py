"""What the planner of a therapy in cycles found, before it is put into words.

References
----------
[deWit2023]_ The rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theradose.model.finding import Finding
from theradose.plan.cycles.accumulation import Accumulation
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the planner found.

    Attributes
    ----------
    over : tuple of Accumulation
        Every limit for every region, over the cycles that the activity is planned for.
    coming : int
        Number of those cycles.
    binding : Accumulation
        The one that is reached first by the best estimate.
    activity_mbq : Uncertain or None
        Of the next cycle; ``None`` where no further cycle fits.
    best_mbq : Uncertain
        Activity of each coming cycle at which the best estimate reaches the first limit.
    accepted_mbq : float or None
        The same at the accepted probability.
    next_best_mbq, next_accepted_mbq : Uncertain, float or None
        The largest activity of the next cycle if it is the last.
    p_any : float or None
        Bound of the probability that any region exceeds a limit after the planned cycles.
    counted_mbq : float
        Activity for which the possible cycles are counted, 0 if none is known.
    possible : mapping of str to int
        Further cycles of that activity: ``best``, ``with_tolerance``, ``accepted``.
    findings : tuple of Finding
        What limits the plan.
    """

    over: tuple[Accumulation, ...]
    coming: int
    binding: Accumulation
    activity_mbq: Uncertain | None
    best_mbq: Uncertain
    accepted_mbq: float | None
    next_best_mbq: Uncertain
    next_accepted_mbq: float | None
    p_any: float | None
    counted_mbq: float
    possible: Mapping[str, int]
    findings: tuple[Finding, ...]
