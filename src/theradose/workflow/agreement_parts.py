"""Agreement of two methods as parts of a document; what cannot be estimated is ``null``."""

from __future__ import annotations

from typing import Any

from theradose.statistics.agreement import BlandAltman, Correlation
from theradose.statistics.intervals import Interval
from theradose.workflow.document_parts import finite


def bland_altman_document(item: BlandAltman) -> dict[str, Any]:
    """Return bias and limits of agreement with their intervals."""
    return {
        "bias": interval_document(item.bias),
        "sd": finite(item.sd),
        "sd_within": finite(item.sd_within),
        "lower": interval_document(item.lower),
        "upper": interval_document(item.upper),
        "slope": interval_document(item.slope),
        "normality_p": finite(item.normality_p),
        "limits_by": item.limits_by,
    }


def interval_document(item: Interval) -> dict[str, float | None]:
    """Return an estimate with the ends of its interval."""
    return {"value": finite(item.value), "low": finite(item.low), "high": finite(item.high)}


def correlation_document(item: Correlation) -> dict[str, float | None]:
    """Return a coefficient with its interval and the probability of chance."""
    return {"value": finite(item.value), "low": finite(item.low), "high": finite(item.high), "p": finite(item.p)}
