"""Student's t with any degrees of freedom, infinite ones included: then it is normal."""

from __future__ import annotations

import math


def two_sided(t: float, df: float) -> float:
    """Return the probability of a value further from zero than `t`."""
    from scipy import stats

    return float(2 * (stats.norm.sf(abs(t)) if math.isinf(df) else stats.t.sf(abs(t), df)))


def t_quantile(probability: float, df: float) -> float:
    """Return the quantile of t."""
    from scipy import stats

    return float(stats.norm.ppf(probability) if math.isinf(df) else stats.t.ppf(probability, df))
