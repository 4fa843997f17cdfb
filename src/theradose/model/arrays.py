"""Immutable arrays for immutable types."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def frozen(array: Any, dtype: Any = None) -> Array:
    """Return `array` as a read-only array; views of writeable memory are copied."""
    result = np.asarray(array, dtype=dtype)
    if result.flags.writeable:
        if result.base is not None:
            result = result.copy()
        elif result is array:
            result = result.view()
        result.flags.writeable = False
    return result
