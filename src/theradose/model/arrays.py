"""Immutable arrays for immutable types."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def bounding_box(mask: Array) -> tuple[slice, slice, slice] | None:
    """Return the smallest box (z, y, x) that holds everything in `mask` that is not 0; ``None`` for nothing."""
    z, y, x = (np.flatnonzero(np.any(mask, axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    if not len(z):
        return None
    return (
        slice(int(z[0]), int(z[-1]) + 1),
        slice(int(y[0]), int(y[-1]) + 1),
        slice(int(x[0]), int(x[-1]) + 1),
    )


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
