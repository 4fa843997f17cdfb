"""How well a score tells two outcomes apart: the receiver operating characteristic.

A score is larger where the outcome is more likely (a dose and a response); a cut-off calls a row positive if its
score is at least the cut-off. Equal scores of both outcomes count one half.

References
----------
[DeLong1988]_ Area under the empirical curve and its variance.
[Obuchowski1997]_ Several rows of one patient.
[Youden1950]_ Index of the best cut-off.
[ClopperPearson1934]_ Interval of a proportion.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.binary.rows import binary_outcome, number_patients
from theradose.statistics.intervals import Interval


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """The empirical curve: what each cut-off calls right.

    Attributes
    ----------
    scores : ndarray, shape (k,)
        The different scores, rising.
    true_positives, true_negatives : ndarray of int, shape (k + 1,)
        Rows with and without the outcome that are called right by a cut-off below the first score, between
        neighbours, and above the last.
    cases, controls : int
        Rows with and without the outcome.
    """

    scores: Array
    true_positives: Array
    true_negatives: Array
    cases: int
    controls: int

    @property
    def thresholds(self) -> Array:
        """Cut-offs: −∞, the midpoints of neighbouring scores, ∞; shape (k + 1,)."""
        return np.concatenate([[-np.inf], (self.scores[1:] + self.scores[:-1]) / 2, [np.inf]])

    @property
    def sensitivity(self) -> Array:
        """Share of the rows with the outcome at or above each cut-off."""
        return np.asarray(self.true_positives / self.cases)

    @property
    def specificity(self) -> Array:
        """Share of the rows without the outcome below each cut-off."""
        return np.asarray(self.true_negatives / self.controls)

    @property
    def auc(self) -> float:
        """Area under the curve, by trapezoids: the probability that a case scores higher than a control."""
        return float(np.trapezoid(self.sensitivity, self.specificity))


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the curve.

    Attributes
    ----------
    value, low, high : float
        Estimate and confidence interval.
    u : float
        Standard error.
    p : float
        Two-sided probability of an area as far from 1/2 by chance.
    findings : tuple of Finding
        ``auc-one`` where the outcomes do not overlap: standard error and interval then mean nothing.
    """

    value: float
    low: float
    high: float
    u: float
    p: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What one cut-off calls right.

    Attributes
    ----------
    threshold : float
        Scores from here on are called positive.
    sensitivity, specificity : Interval
        With Clopper and Pearson's interval, which takes rows for independent.
    youden : float
        Sensitivity + specificity − 1.
    """

    threshold: float
    sensitivity: Interval
    specificity: Interval
    youden: float


def roc(scores: Sequence[float] | Array, outcome: Sequence[float] | Sequence[bool] | Array) -> RocCurve:
    """Return the empirical curve of a score.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Finite numbers.
    outcome : array_like, shape (n,)
        0 or 1.

    Raises
    ------
    StatisticsError
        ``outcome-values``; ``outcome-rows`` for series of unequal length; ``score-values`` for a score that is not
        finite; ``one-outcome`` if all outcomes are equal.

    References
    ----------
    [DeLong1988]_
    """
    score, positive = checked_scores(scores, outcome)
    values, code = np.unique(score, return_inverse=True)
    cases = np.bincount(code[positive], minlength=len(values))
    controls = np.bincount(code[~positive], minlength=len(values))
    return RocCurve(
        scores=frozen(values),
        true_positives=frozen(cases.sum() - np.r_[0, np.cumsum(cases)]),
        true_negatives=frozen(np.r_[0, np.cumsum(controls)]),
        cases=int(cases.sum()),
        controls=int(controls.sum()),
    )


def auc_delong(
    scores: Sequence[float] | Array,
    outcome: Sequence[float] | Sequence[bool] | Array,
    *,
    groups: Sequence[Hashable] | Array | None = None,
    level: float = 0.95,
) -> Auc:
    """Return the area under the curve with DeLong's variance, or that of clustered rows.

    Parameters
    ----------
    scores, outcome : array_like, shape (n,)
        As :func:`roc`.
    groups : sequence, shape (n,), optional
        Patient of each row: the rows of one patient then count together, by Obuchowski's extension of the variance.
    level : float
        Of the interval, which is cut at 0 and 1.

    Raises
    ------
    StatisticsError
        As :func:`roc`; ``one-case`` for fewer than two rows (patients) with or without the outcome; ``patients`` for
        groups of another length.

    References
    ----------
    [DeLong1988]_, [Obuchowski1997]_
    """
    from scipy import stats

    score, positive = checked_scores(scores, outcome)
    # Share of the other outcome that each row beats: of a case, the controls below it; of a control, the cases above.
    rank = stats.rankdata(score)
    own = np.empty(len(score))
    for mask in (positive, ~positive):
        own[mask] = stats.rankdata(score[mask])
    cases, controls = int(positive.sum()), int((~positive).sum())
    beaten = rank - own
    placement = np.where(positive, beaten / controls, 1 - beaten / cases)
    area = float(placement[positive].mean())
    u = math.sqrt(_variance(placement - area, positive, groups))
    reach = float(stats.norm.ppf((1 + level) / 2)) * u
    findings = []
    if area in (0.0, 1.0):
        findings.append(
            Finding(
                "auc-one",
                "warning",
                f"The scores part the outcomes without overlap (area {area:g}): the interval "
                "has no width and says nothing about other data.",
            )
        )
    p = float(2 * stats.norm.sf(abs(area - 0.5) / u)) if u > 0 else math.nan
    return Auc(area, max(area - reach, 0.0), min(area + reach, 1.0), u, p, tuple(findings))


def operating_point(curve: RocCurve, threshold: float, *, level: float = 0.95) -> OperatingPoint:
    """Return sensitivity and specificity of a cut-off, for example a dose.

    Parameters
    ----------
    curve : RocCurve
        The empirical curve.
    threshold : float
        Scores at or above it are called positive.
    level : float
        Of the intervals.

    References
    ----------
    [ClopperPearson1934]_
    """
    return _point(curve, int(np.searchsorted(curve.scores, threshold)), threshold, level)


def youden(curve: RocCurve, *, level: float = 0.95) -> OperatingPoint:
    """Return the cut-off with the largest sensitivity + specificity − 1; of equal ones the most sensitive.

    It is chosen on the same data, so that its sensitivity and specificity are too good; the interval of the cut-off
    is that of :func:`.roc_bootstrap.auc_bootstrap`.

    References
    ----------
    [Youden1950]_, [ClopperPearson1934]_
    """
    # Whole numbers, so that equal cut-offs are equal.
    best = int(np.argmax(curve.true_positives * curve.controls + curve.true_negatives * curve.cases))
    return _point(curve, best, float(curve.thresholds[best]), level)


def checked_scores(
    scores: Sequence[float] | Array, outcome: Sequence[float] | Sequence[bool] | Array
) -> tuple[Array, Array]:
    """Return scores, and a mask of the rows with the outcome.

    Raises
    ------
    StatisticsError
        As :func:`roc`.
    """
    score, positive = np.asarray(scores, float), binary_outcome(outcome) == 1
    if score.shape != positive.shape:
        raise StatisticsError(
            f"There are {len(score)} scores for {len(positive)} outcomes: give one for each.", code="outcome-rows"
        )
    wrong = np.flatnonzero(~np.isfinite(score))
    if wrong.size:
        raise StatisticsError(
            f"The score in row {wrong[0] + 1} is not a finite number: give it or leave out the row.",
            code="score-values",
        )
    if positive.all() or not positive.any():
        raise StatisticsError(
            "All outcomes are equal, so nothing can be told apart: add rows with the other outcome.", code="one-outcome"
        )
    return score, positive


def _point(curve: RocCurve, cut: int, threshold: float, level: float) -> OperatingPoint:
    sensitivity = _proportion(int(curve.true_positives[cut]), curve.cases, level)
    specificity = _proportion(int(curve.true_negatives[cut]), curve.controls, level)
    return OperatingPoint(threshold, sensitivity, specificity, sensitivity.value + specificity.value - 1)


def _proportion(right: int, rows: int, level: float) -> Interval:
    from scipy import stats

    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, right, rows - right + 1)) if right else 0.0
    high = float(stats.beta.isf(tail, right + 1, rows - right)) if right < rows else 1.0
    return Interval(right / rows, low, high)


def _variance(deviation: Array, positive: Array, groups: Sequence[Hashable] | Array | None) -> float:
    """Return the variance of the area from how far the placement of each row lies from it."""
    _, number = number_patients(range(len(deviation)) if groups is None else groups, len(deviation))
    sums, counts, rows = [], [], []
    for mask in (positive, ~positive):
        sums.append(np.bincount(number, deviation * mask))
        counts.append(len(np.unique(number[mask])))
        rows.append(int(mask.sum()))
    if min(counts) < 2:
        raise StatisticsError(
            f"Of {'rows' if groups is None else 'patients'} with the outcome there are {counts[0]}, without it "
            f"{counts[1]}: an interval needs at least 2 of each.",
            code="one-case",
        )
    patients = int(number.max()) + 1
    own = sum(n / (n - 1) * float(s @ s) / m**2 for s, n, m in zip(sums, counts, rows, strict=True))
    both = 2 * patients / (patients - 1) * float(sums[0] @ sums[1]) / (rows[0] * rows[1])
    return max(own + both, 0.0)
