"""The table of published doses."""

from __future__ import annotations

from theradose.plan.reference_ranges import reference_doses
from theradose.validation.evaluator import evaluator


@evaluator("dose-per-activity")
def dose_per_activity(*, therapy: str, organ: str, agent: str, begins: str) -> float:
    """Return the mean in Gy/GBq of the row whose agent and source are given."""
    (row,) = (
        row
        for row in reference_doses(therapy=therapy, organ=organ)
        if row.agent == agent and row.source.startswith(begins)
    )
    return (row.mean or 0.0) * (row.per_gbq or 0.0)


@evaluator("dose-of-cycles")
def dose_of_cycles(*, therapy: str, organ: str, agent: str, begins: str, cycles: int, activity_gbq: float) -> float:
    """Return the mean in Gy of some cycles."""
    return dose_per_activity(therapy=therapy, organ=organ, agent=agent, begins=begins) * cycles * activity_gbq
