"""Thresholds that follow from the values of an image."""

from __future__ import annotations

import numpy as np

from theradose.data import load_yaml
from theradose.errors import GeometryError
from theradose.model.arrays import Array


def otsu_threshold(*, values: Array) -> float:
    """Return the threshold that maximises the variance between the two classes of values.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Image values in the search volume, any unit. No histogram is made: every split is tried.

    Returns
    -------
    float
        Smallest value of the upper class.

    Raises
    ------
    GeometryError
        If all values are equal.

    References
    ----------
    Used for tumours in 177Lu-DOTATATE SPECT by [PMC5323339]_.
    """
    ordered = _ordered(values)
    count = len(ordered)
    below = np.arange(1, count)
    sums = np.cumsum(ordered)
    # Between-class variance up to the constant factor 1 / count².
    separation = (sums[-1] * below / count - sums[:-1]) ** 2 / (below * (count - below))
    separation[np.diff(ordered) == 0] = -1.0
    return float(ordered[int(np.argmax(separation)) + 1])


def contrast_oriented_threshold(*, values: Array) -> float:
    """Return the threshold half-way between the hot core of an object and its background.

    The threshold is a·M + (1 - a)·B with the mean M of all values of at least 70 % of the maximum and the mean B
    of all values below the threshold. B is found by iteration, starting without background; it changes in one
    direction only, so the iteration ends. The published method fits the weights of M and B to phantom
    measurements of each scanner; here a = 0.5.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Image values in the search volume, any unit, with the object and its surroundings.

    Returns
    -------
    float
        Threshold in the unit of the values.

    Raises
    ------
    GeometryError
        If all values are equal, or the maximum is not positive.

    References
    ----------
    Form of the threshold after [Schaefer2008]_.
    """
    settings = load_yaml("segmenters.yaml")["contrast-oriented"]
    weight = float(settings["object-weight"]["value"])
    ordered = _ordered(values)
    if ordered[-1] <= 0:
        raise GeometryError("There is no activity in the search volume of a threshold.", code="threshold-no-activity")
    first_of_core = int(np.searchsorted(ordered, float(settings["core-fraction"]["value"]) * ordered[-1]))
    object_mean = float(ordered[first_of_core:].mean())
    means_below = np.concatenate([[0.0], np.cumsum(ordered) / np.arange(1, len(ordered) + 1)])
    threshold = weight * object_mean
    background = -1
    while (count := int(np.searchsorted(ordered, threshold))) != background:
        background = count
        threshold = weight * object_mean + (1 - weight) * float(means_below[count])
    return threshold


def _ordered(values: Array) -> Array:
    ordered = np.sort(np.asarray(values, float).ravel())
    if not len(ordered) or ordered[0] == ordered[-1]:
        raise GeometryError(
            "All values in the search volume of a threshold are equal: give a larger box.", code="threshold-uniform"
        )
    return ordered
