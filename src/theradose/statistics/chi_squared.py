"""Tests whose statistic has a chi-squared distribution: ratios of likelihoods, and comparisons of survival curves."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChiSquaredTest:
    """A statistic with its degrees of freedom, and the probability of a larger one by chance."""

    chi_squared: float
    df: int
    p: float


def chi_squared_test(statistic: float, df: int) -> ChiSquaredTest:
    """Return the test of a statistic; its probability is ``nan`` where the statistic is."""
    from scipy import stats

    return ChiSquaredTest(statistic, df, float(stats.chi2.sf(statistic, df)))


def without_test(df: int) -> ChiSquaredTest:
    """Return a test that could not be made."""
    return ChiSquaredTest(math.nan, df, math.nan)
