"""Activities that were most probably stated in another unit.

References
----------
[Theradose]_ The bounds are a convention (``plan.yaml``).
"""

from __future__ import annotations

from collections.abc import Iterator

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.plan.wording import activity_words
from theradose.units import MBQ_PER_GBQ


def implausible_activity(*, name: str, activity_mbq: float, label_mbq: float | None = None) -> Iterator[Finding]:
    """Yield ``activity-implausible`` where an activity is far from that of the label, or from that of any therapy.

    Parameters
    ----------
    name : str
        What it is, in words.
    activity_mbq : float
        As it was stated or planned.
    label_mbq : float or None
        Activity of a cycle on the label; without it the bounds of all therapies hold.

    References
    ----------
    [Theradose]_
    """
    conventions = load_yaml("plan.yaml")
    if label_mbq is None:
        lowest, highest = (gbq * MBQ_PER_GBQ for gbq in conventions["possible_activity"]["value"])
        compared = f"therapies have {activity_words(lowest)} to {activity_words(highest)}"
    else:
        lowest, highest = (part * label_mbq for part in conventions["possible_of_label"]["value"])
        compared = f"the label has {activity_words(label_mbq)}"
    if not lowest <= activity_mbq <= highest:
        yield Finding(
            "activity-implausible",
            "critical",
            f"The {name} of {activity_words(activity_mbq)} cannot be right: {compared}. Check the unit, MBq or GBq.",
        )
