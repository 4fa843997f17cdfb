"""What a comparison of blood- and image-based marrow doses over a cohort holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.statistics.agreement import BlandAltman, Correlation
from theradose.statistics.intervals import Interval

MarrowMethodName = Literal["blood", "image"]
CHOSEN = "chosen"
"""In place of a model: the average or model on which the result of a treatment rests."""


@dataclass(frozen=True, slots=True)
class TreatmentName:
    """Subject and cycle of a treatment."""

    subject: str
    cycle: str | None

    @property
    def label(self) -> str:
        """Both in one text."""
        return self.subject if self.cycle is None else f"{self.subject} cycle {self.cycle}"


@dataclass(frozen=True, slots=True, eq=False)
class ModelDoses:
    """Self doses per activity of one method with one model.

    Attributes
    ----------
    method : {"blood", "image"}
        What was measured.
    model : str
        Curve model, or ``chosen``.
    treatments : tuple of TreatmentName
        Those with a dose.
    mgy_per_gbq : ndarray, shape (n,)
        Their doses.
    left_out : mapping of str to str
        Treatments without a dose, each with the reason.
    flags : mapping of str to int
        Flags of the fits, with the number of treatments that have them.
    r_squared : ndarray, shape (m,)
        Of the fits, where R² was their measure; empty otherwise.
    """

    method: MarrowMethodName
    model: str
    treatments: tuple[TreatmentName, ...]
    mgy_per_gbq: Array
    left_out: Mapping[str, str]
    flags: Mapping[str, int]
    r_squared: Array

    @property
    def name(self) -> str:
        """Method and model."""
        return f"{self.method} {self.model}"

    @property
    def reason(self) -> str:
        """Why the first treatment that was left out has no dose."""
        return next(iter(self.left_out.values()), "")

    def by_treatment(self) -> Mapping[TreatmentName, float]:
        """Return the doses by treatment."""
        return dict(zip(self.treatments, self.mgy_per_gbq.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class LateInfluence:
    """What a method with one model loses without late points.

    Attributes
    ----------
    method, model : str
        As in :class:`ModelDoses`.
    treatments : tuple of TreatmentName
        Those with late points and with a dose both ways.
    whole, early : ndarray, shape (n,)
        Dose per activity with all points and without late ones, mGy/GBq.
    considered : int
        Number of treatments with late points.
    left_out : mapping of str to str
        Those of them without one of the two doses, each with the reason.
    """

    method: MarrowMethodName
    model: str
    treatments: tuple[TreatmentName, ...]
    whole: Array
    early: Array
    considered: int
    left_out: Mapping[str, str]

    @property
    def percent(self) -> Array:
        """Change of the dose, per cent."""
        return np.asarray(100 * (self.early / self.whole - 1))

    @property
    def reason(self) -> str:
        """Why the first treatment that was left out has no change."""
        return next(iter(self.left_out.values()), "")


@dataclass(frozen=True, slots=True, eq=False)
class PairAgreement:
    """Agreement of two methods or models over the treatments that have both.

    Attributes
    ----------
    first, second : str
        Names of the two, ``image bi``; differences are first minus second.
    subjects : tuple of str
        Whom each pair belongs to.
    values : ndarray, shape (2, n)
        Doses per activity, mGy/GBq.
    absolute, relative : BlandAltman
        Differences in mGy/GBq and in per cent of the mean of a pair.
    concordance : Interval
        Lin's coefficient.
    pearson, spearman : Correlation
        Linear and rank correlation.
    """

    first: str
    second: str
    subjects: tuple[str, ...]
    values: Array
    absolute: BlandAltman
    relative: BlandAltman
    concordance: Interval
    pearson: Correlation
    spearman: Correlation


@dataclass(frozen=True, slots=True, eq=False)
class CycleComparison:
    """First and last cycle of the patients who have more than one.

    Attributes
    ----------
    method, model : str
        As in :class:`ModelDoses`.
    subjects : tuple of str
        The patients.
    first, last : ndarray, shape (n,)
        Doses per activity, mGy/GBq.
    agreement : BlandAltman or None
        Of last minus first, in per cent; ``None`` for fewer than three patients.
    p : float
        Wilcoxon's signed-rank test; ``nan`` for fewer than three patients.
    """

    method: MarrowMethodName
    model: str
    subjects: tuple[str, ...]
    first: Array
    last: Array
    agreement: BlandAltman | None
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One way to analyse the cohort.

    Attributes
    ----------
    name : {"weighted", "as-published"}
        Ours, or the published one.
    doses, late, agreements, cycles : tuple
        Its parts, blood first, models in the order of their parameters.
    """

    name: str
    doses: tuple[ModelDoses, ...]
    late: tuple[LateInfluence, ...]
    agreements: tuple[PairAgreement, ...]
    cycles: tuple[CycleComparison, ...]

    def of(self, method: str, model: str) -> ModelDoses:
        """Return the doses of a method with a model."""
        return next(item for item in self.doses if (item.method, item.model) == (method, model))

    def late_of(self, method: str, model: str) -> LateInfluence:
        """Return the influence of late points on a method with a model."""
        return next(item for item in self.late if (item.method, item.model) == (method, model))

    def agreement_of(self, first: str, second: str) -> PairAgreement | None:
        """Return the agreement of two names, if both have enough treatments."""
        return next((item for item in self.agreements if (item.first, item.second) == (first, second)), None)

    def cycles_of(self, method: str, model: str) -> CycleComparison | None:
        """Return the comparison of cycles of a method with a model, if there is one."""
        return next((item for item in self.cycles if (item.method, item.model) == (method, model)), None)


@dataclass(frozen=True, slots=True)
class GapReason:
    """One reason why image- and blood-based doses differ.

    Attributes
    ----------
    name : str
        In a few words.
    factor : float or None
        By which it multiplies image over blood; ``None`` is not known.
    text : str
        A sentence with the numbers of this cohort.
    source : str
        Where it comes from.
    """

    name: str
    factor: float | None
    text: str
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class ExampleCurve:
    """One treatment's samples with the mono-exponential curves that late samples do and do not move.

    Attributes
    ----------
    treatment : TreatmentName
        Whose.
    t_h, concentration_mbq_l, u_mbq_l : ndarray, shape (n,)
        Samples.
    late : ndarray of bool, shape (n,)
        Which are late.
    grid_h : ndarray, shape (m,)
        Times of the curves.
    curves : mapping of str to ndarray, shape (m,)
        Concentration by name of the fit.
    """

    treatment: TreatmentName
    t_h: Array
    concentration_mbq_l: Array
    u_mbq_l: Array
    late: Array
    grid_h: Array
    curves: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class MarrowComparison:
    """Everything that the comparison of a cohort found.

    Attributes
    ----------
    nuclide : str
        Of all treatments.
    treatments : mapping of str to int
        Number with ``blood``, with ``image`` and with ``both``.
    settings : mapping of str to str
        Methods and options.
    late_sample_h : float
        Time after which samples count as late.
    ours, published : Analysis
        Weighted and bounded; unweighted and unbounded.
    gap : tuple of GapReason
        Why the methods differ.
    gap_ratio : tuple of float
        Image over blood of the treatments with both: median, smallest, largest; empty without any.
    late_explained : tuple of str
        Why late samples do not matter where they do not.
    example : ExampleCurve or None
        Of the last statement.
    printed : mapping of str to Any
        What the published analysis prints for its own cohort.
    findings : tuple of Finding
        Of all treatments and of the comparison.
    """

    nuclide: str
    treatments: Mapping[str, int]
    settings: Mapping[str, str]
    late_sample_h: float
    ours: Analysis
    published: Analysis
    gap: tuple[GapReason, ...]
    gap_ratio: tuple[float, ...]
    late_explained: tuple[str, ...]
    example: ExampleCurve | None
    printed: Mapping[str, Any]
    findings: tuple[Finding, ...]


def median_and_range(values: Sequence[float] | Array) -> tuple[float, float, float] | None:
    """Return median, smallest and largest; ``None`` for no values."""
    if not len(values):
        return None
    numbers = np.asarray(values, float)
    return float(np.median(numbers)), float(numbers.min()), float(numbers.max())
