"""Area under the curve and best cut-off in resamples of the rows, or of the patients.

References
----------
[EfronTibshirani1993]_ Percentile interval; resampling of the independent units.
[Robin2011]_ Cases and controls resampled apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.binary.roc import checked_scores, roc, youden
from theradose.statistics.binary.rows import number_patients
from theradose.statistics.intervals import Interval

_FEWEST_REPLICATES = 100
# Of one array of a block of replicates; about ten are held at a time.
_LARGEST_BLOCK = 500_000


@dataclass(frozen=True, slots=True)
class AucBootstrap:
    """Percentile intervals of resamples.

    Attributes
    ----------
    auc : Interval
        Area under the curve.
    threshold : Interval
        Cut-off of the largest index of Youden.
    replicates, seed : int
        Resamples drawn, and what they were drawn with.
    undefined : int
        Resamples of patients without both outcomes, which have no curve and were left out.
    clustered : bool
        Whether patients were resampled with all their rows; else cases and controls apart, each to its number.
    """

    auc: Interval
    threshold: Interval
    replicates: int
    seed: int
    undefined: int
    clustered: bool


def auc_bootstrap(
    scores: Sequence[float] | Array,
    outcome: Sequence[float] | Sequence[bool] | Array,
    *,
    seed: int,
    replicates: int = 10_000,
    groups: Sequence[Hashable] | Array | None = None,
    level: float = 0.95,
) -> AucBootstrap:
    """Return percentile intervals of the area under the curve and of the best cut-off.

    Parameters
    ----------
    scores, outcome : array_like, shape (n,)
        As :func:`.roc.roc`.
    seed : int
        Of the random numbers.
    replicates : int
        Number of resamples, at least 100.
    groups : sequence, shape (n,), optional
        Patient of each row: patients are then resampled, with all their rows. Rows of one patient are alike, and
        resampling them apart makes the interval too narrow.
    level : float
        Of the intervals.

    Raises
    ------
    StatisticsError
        As :func:`.roc.roc`; ``bootstrap-replicates``; ``patients`` for groups of another length.

    References
    ----------
    [EfronTibshirani1993]_, [Robin2011]_
    """
    if replicates < _FEWEST_REPLICATES:
        raise StatisticsError(
            f"{replicates} replicates do not make an interval: draw {_FEWEST_REPLICATES} or more.",
            code="bootstrap-replicates",
        )
    score, positive = checked_scores(scores, outcome)
    order = np.argsort(score, kind="stable")
    values, first = np.unique(score[order], return_index=True)
    rising = positive[order]
    patient = None if groups is None else number_patients(groups, len(score))[1][order]
    areas, thresholds = [], []
    for block in _draws(np.random.default_rng(seed), rising, patient, replicates):
        cases = np.add.reduceat(block * rising, first, axis=1)
        controls = np.add.reduceat(block * ~rising, first, axis=1)
        defined = (cases.sum(axis=1) > 0) & (controls.sum(axis=1) > 0)
        areas.append(_areas(cases[defined], controls[defined]))
        thresholds.append(_best_thresholds(cases[defined], controls[defined], values))
    area, threshold = np.concatenate(areas), np.concatenate(thresholds)
    curve = roc(score, positive)
    return AucBootstrap(
        auc=_percentiles(curve.auc, area, level),
        threshold=_percentiles(youden(curve).threshold, threshold, level),
        replicates=replicates,
        seed=seed,
        undefined=replicates - len(area),
        clustered=groups is not None,
    )


def _draws(rng: np.random.Generator, positive: Array, patient: Array | None, replicates: int) -> Iterator[Array]:
    """Yield how often each row is in each resample, in blocks of shape (r, n)."""
    n = len(positive)
    size = max(_LARGEST_BLOCK // n, 1)
    for start in range(0, replicates, size):
        block = min(size, replicates - start)
        if patient is not None:
            yield _counts(rng, int(patient.max()) + 1, block)[:, patient]
            continue
        drawn = np.empty((block, n), np.int64)
        for mask in (positive, ~positive):
            drawn[:, mask] = _counts(rng, int(mask.sum()), block)
        yield drawn


def _counts(rng: np.random.Generator, units: int, replicates: int) -> Array:
    """Return how often each of `units` is drawn in as many draws with replacement, shape (replicates, units)."""
    places = rng.integers(units, size=(replicates, units)) + units * np.arange(replicates)[:, None]
    return np.bincount(places.ravel(), minlength=replicates * units).reshape(replicates, units)


def _areas(cases: Array, controls: Array) -> Array:
    below = np.cumsum(controls, axis=1) - controls / 2
    areas: Array = np.einsum("rk,rk->r", cases, below) / (cases.sum(axis=1) * controls.sum(axis=1))
    return areas


def _best_thresholds(cases: Array, controls: Array, values: Array) -> Array:
    """Return the best cut-off of each resample: midway between neighbours of the scores that it contains."""
    replicates, k = cases.shape
    all_cases, all_controls = cases.sum(axis=1, keepdims=True), controls.sum(axis=1, keepdims=True)
    gain = np.zeros((replicates, k + 1), np.int64)
    np.cumsum(controls * all_cases - cases * all_controls, axis=1, out=gain[:, 1:])
    cut = np.argmax(gain, axis=1)
    # The first of equal cut-offs follows a score that is in the resample; the next such score may be further on.
    present = (cases + controls > 0) & (np.arange(k) >= cut[:, None])
    above = np.where(present.any(axis=1), present.argmax(axis=1), k - 1)
    thresholds: Array = (values[np.maximum(cut - 1, 0)] + values[above]) / 2
    return thresholds


def _percentiles(value: float, drawn: Array, level: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
