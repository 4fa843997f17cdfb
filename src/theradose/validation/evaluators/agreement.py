"""Agreement of methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.statistics.agreement import BlandAltman, bland_altman, pearson
from theradose.validation.evaluator import evaluator


@evaluator("bland-altman")
def bland_altman_number(
    *,
    number: str,
    first: Sequence[float],
    second: Sequence[float],
    subjects: Sequence[str] | None = None,
) -> float:
    """Return a number of the agreement of two methods."""
    named = None if subjects is None else [str(subject) for subject in subjects]
    return _numbers(bland_altman(first, second, subjects=named))[number]


@evaluator("bland-altman-of-a-summary")
def bland_altman_of_a_summary(*, number: str, pairs: int, mean: float, sd: float) -> float:
    """Return a number for pairs of which only mean and standard deviation of the differences are known."""
    from scipy import stats

    scores = stats.norm.ppf((np.arange(pairs) + 0.5) / pairs)
    differences = mean + sd * (scores - scores.mean()) / scores.std(ddof=1)
    second = np.linspace(100, 200, pairs)
    return _numbers(bland_altman(second + differences, second))[number]


@evaluator("correlation")
def correlation(*, first: Sequence[float], second: Sequence[float]) -> float:
    """Return Pearson's coefficient."""
    return float(pearson(first, second).value)


def _numbers(result: BlandAltman) -> dict[str, float]:
    intervals = {"bias": result.bias, "lower limit": result.lower, "upper limit": result.upper}
    numbers = {name: interval.value for name, interval in intervals.items()}
    numbers |= {f"{name}, low": interval.low for name, interval in intervals.items()}
    numbers |= {f"{name}, high": interval.high for name, interval in intervals.items()}
    return numbers | {"sd": result.sd, "variance within subjects": result.sd_within**2}
