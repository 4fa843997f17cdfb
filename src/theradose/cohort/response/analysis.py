"""The whole analysis of dose and response of a cohort.

References
----------
[Warfvinge2024]_ The analyses in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from theradose.cohort.response.characteristics import Characteristics, characterise
from theradose.cohort.response.control import Control, tumour_control
from theradose.cohort.response.discrimination import Discrimination, discriminate
from theradose.cohort.response.looks import Look, with_adjustment
from theradose.cohort.response.means import GroupDifference, group_difference
from theradose.cohort.response.notices import dose_notices, tumour_notices
from theradose.cohort.response.outcome import TumourOutcome
from theradose.cohort.response.regrowth import Regrowth, regrowth
from theradose.cohort.response.selection import Selection, select
from theradose.cohort.response.settings import ResponseSettings
from theradose.cohort.response.shrinkage import Shrinkage, shrinkage
from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.tumours import DOSE_KINDS, KIND_WORDS, DoseKind, TumourRow
from theradose.statistics.agreement import Correlation, pearson, spearman

ALL_GRADES = "all"
RESPONSE_LABELS = ("non-responder", "responder")
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class DoseAnalysis:
    """What is found with one sum of doses.

    Attributes
    ----------
    kind : DoseKind
        Which sum.
    outcomes : tuple of TumourOutcome
        Tumours that have it, and a response that goes with it.
    grades : tuple of str
        Of the same tumours.
    dose_gy, reduction : ndarray, shape (n,)
        Dose and relative loss of volume.
    responds : ndarray of bool, shape (n,)
        Whether they are responders.
    dose_means, activity_means : tuple of GroupDifference
        Responders against others, by grade.
    control : Control
        Probability of response by dose.
    activity_control : Control or None
        The same by activity, which is the same for all tumours of a patient; its slopes alone are used.
    discrimination : mapping of str to Discrimination
        By grade.
    shrinkage : Shrinkage
        Loss of volume by dose.
    correlations : mapping of str to pair of Correlation
        Pearson's and Spearman's of dose and loss of volume by grade; they take tumours for independent.
    """

    kind: DoseKind
    outcomes: tuple[TumourOutcome, ...]
    grades: tuple[str, ...]
    dose_gy: Array
    reduction: Array
    responds: Array
    dose_means: tuple[GroupDifference, ...]
    activity_means: tuple[GroupDifference, ...]
    control: Control
    activity_control: Control | None
    discrimination: Mapping[str, Discrimination]
    shrinkage: Shrinkage
    correlations: Mapping[str, tuple[Correlation, Correlation]]

    def of_grade(self, grade: str) -> Array:
        """Return a mask of the tumours of a grade, shape (n,)."""
        mask: Array = np.array(self.grades) == grade
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class ResponseAnalysis:
    """Dose and response of a cohort.

    Attributes
    ----------
    settings : ResponseSettings
        What was decided in advance; ``primary`` names the sum of doses that was used.
    selection : Selection
        How many tumours are left, and why.
    delineated, analysed : tuple of TumourOutcome
        Tumours of any size, and those large enough.
    by_dose : tuple of DoseAnalysis
        The primary one first.
    baseline : tuple of GroupDifference
        Loss of volume of small and of large tumours, by grade, without a smallest size.
    regrowth : Regrowth or None
        Time to growth.
    characteristics : tuple of Characteristics
        What the analysed tumours are like, all and, where there are several, by grade.
    looks : tuple of Look
        All p values.
    findings : tuple of Finding
        What was noticed.
    """

    settings: ResponseSettings
    selection: Selection
    delineated: tuple[TumourOutcome, ...]
    analysed: tuple[TumourOutcome, ...]
    by_dose: tuple[DoseAnalysis, ...]
    baseline: tuple[GroupDifference, ...]
    regrowth: Regrowth | None
    characteristics: tuple[Characteristics, ...]
    looks: tuple[Look, ...]
    findings: tuple[Finding, ...]

    @property
    def primary(self) -> DoseAnalysis:
        """The analysis that was chosen in advance."""
        return self.by_dose[0]

    @property
    def grades(self) -> tuple[str, ...]:
        """Of the analysed tumours."""
        return tuple(sorted(set(self.primary.grades)))


def grade_of(outcome: TumourOutcome) -> str:
    """Return the grade of a tumour, ``all`` where the table has none."""
    return outcome.grade or ALL_GRADES


def analyse_response(
    rows: Sequence[TumourRow],
    outcomes: Sequence[TumourOutcome],
    *,
    settings: ResponseSettings,
    step: Step = lambda text: None,
) -> ResponseAnalysis:
    """Return the analysis of dose and response.

    Parameters
    ----------
    rows : sequence of TumourRow
        All tumours, with those that are excluded.
    outcomes : sequence of TumourOutcome
        Of those that no stated reason excludes.
    settings : ResponseSettings
        Choices made in advance.
    step : callable
        Is told what is being computed.

    Raises
    ------
    StatisticsError
        ``no-tumours`` if none is large enough; ``primary-dose`` if the chosen sum of doses is not known.

    References
    ----------
    [Warfvinge2024]_
    """
    selection, analysed = select(rows, outcomes, settings=settings)
    if not analysed:
        raise StatisticsError(
            f"All {len(outcomes)} tumours are smaller than {settings.smallest_ml:g} mL at baseline: none is left to "
            "analyse.",
            code="no-tumours",
        )
    kinds = _kinds(analysed, settings)
    findings = list(tumour_notices(rows, outcomes, analysed, kinds=kinds, settings=settings))
    settings = replace(settings, primary=kinds[0])
    by_dose = tuple(_dose_analysis(kind, analysed, settings, step) for kind in kinds)
    step("baseline volume")
    baseline = _baseline(outcomes, settings)
    step("time to growth")
    grown = regrowth(analysed, [grade_of(one) for one in analysed], kind=kinds[0], level=settings.level)
    looks = with_adjustment(_looks(by_dose, baseline, grown))
    for one in by_dose:
        findings += dose_notices(one, settings=settings, words=KIND_WORDS[one.kind])
    findings += [finding for means in baseline for finding in means.findings]
    findings += _adjusted_away(looks, settings)
    return ResponseAnalysis(
        settings=settings,
        selection=selection,
        delineated=tuple(outcomes),
        analysed=analysed,
        by_dose=by_dose,
        baseline=baseline,
        regrowth=grown,
        characteristics=_characteristics(analysed, settings),
        looks=looks,
        findings=tuple(findings),
    )


def _characteristics(analysed: Sequence[TumourOutcome], settings: ResponseSettings) -> tuple[Characteristics, ...]:
    grades = sorted({grade_of(one) for one in analysed})
    groups: dict[str, Sequence[TumourOutcome]] = {ALL_GRADES: analysed}
    if len(grades) > 1:
        groups |= {grade: [one for one in analysed if grade_of(one) == grade] for grade in grades}
    return tuple(characterise(name, members, responder=settings.responder) for name, members in groups.items())


def _kinds(analysed: Sequence[TumourOutcome], settings: ResponseSettings) -> tuple[DoseKind, ...]:
    known = [kind for kind in DOSE_KINDS if any(kind in one.dose_gy and kind in one.reduction for one in analysed)]
    if settings.primary is not None and settings.primary not in known:
        raise StatisticsError(
            f"The dose {KIND_WORDS[settings.primary]} is not known of any tumour, but was chosen for the primary "
            f"analysis: choose {' or '.join(known)}.",
            code="primary-dose",
        )
    first = settings.primary or ("all-cycles" if "all-cycles" in known else known[0])
    return (first, *(kind for kind in known if kind != first))


def _dose_analysis(
    kind: DoseKind, analysed: Sequence[TumourOutcome], settings: ResponseSettings, step: Step
) -> DoseAnalysis:
    words = KIND_WORDS[kind]
    outcomes = tuple(one for one in analysed if kind in one.dose_gy and kind in one.reduction)
    grades = tuple(grade_of(one) for one in outcomes)
    patients = np.array([one.patient for one in outcomes])
    dose = np.array([one.dose_gy[kind].value for one in outcomes])
    reduction = np.array([one.reduction[kind] for one in outcomes])
    activity = np.array([one.activity_gbq.get(kind, math.nan) for one in outcomes])
    responds = reduction >= settings.responder
    names = sorted(set(grades))
    masks = {name: np.array(grades) == name for name in names}
    step(f"means, {words}")
    means = {
        quantity: tuple(
            group_difference(
                values=values[mask],
                second=responds[mask],
                patients=patients[mask].tolist(),
                labels=RESPONSE_LABELS,
                quantity=f"{quantity} {words}, {unit}",
                grade=name,
                level=settings.level,
            )
            for name, mask in masks.items()
            if np.isfinite(values[mask]).all()
        )
        for quantity, unit, values in (("dose", "Gy", dose), ("activity", "GBq", activity))
    }
    step(f"probability of response, {words}")
    model = partial(
        tumour_control,
        response=responds,
        grades=grades,
        patients=patients.tolist(),
        nodes=settings.nodes,
        level=settings.level,
        where=words,
    )
    control = model(amount=dose, probabilities=settings.probabilities, doses_gy=settings.doses_gy)
    by_activity = None
    if np.isfinite(activity).all():
        by_activity = model(amount=activity, probabilities=(), doses_gy=(), unit="gbq")
    step(f"{settings.replicates} resamples, {words}")
    discrimination = {
        name: discriminate(
            dose_gy=dose[mask],
            response=responds[mask],
            patients=patients[mask].tolist(),
            grade=name,
            significant=control.significant(name),
            doses_gy=settings.doses_gy,
            replicates=settings.replicates,
            seed=settings.seed,
            level=settings.level,
            where=words,
        )
        for name, mask in masks.items()
    }
    step(f"loss of volume, {words}")
    return DoseAnalysis(
        kind=kind,
        outcomes=outcomes,
        grades=grades,
        dose_gy=dose,
        reduction=reduction,
        responds=responds,
        dose_means=means["dose"],
        activity_means=means["activity"],
        control=control,
        activity_control=by_activity,
        discrimination=discrimination,
        shrinkage=shrinkage(
            dose_gy=dose,
            reduction=reduction,
            grades=grades,
            patients=patients.tolist(),
            significant=[name for name in names if control.significant(name)],
            level=settings.level,
            where=words,
        ),
        correlations={
            name: _correlations(dose[mask], reduction[mask]) for name, mask in masks.items() if mask.sum() > 2
        },
    )


def _correlations(dose: Array, reduction: Array) -> tuple[Correlation, Correlation]:
    return pearson(dose, reduction), spearman(dose, reduction)


def _baseline(outcomes: Sequence[TumourOutcome], settings: ResponseSettings) -> tuple[GroupDifference, ...]:
    known = [one for one in outcomes if one.baseline_ml is not None and "best-response" in one.reduction]
    grades = [grade_of(one) for one in known]
    return tuple(
        group_difference(
            values=[one.reduction["best-response"] for one in members],
            second=[(one.baseline_ml or 0.0) >= settings.split_ml for one in members],
            patients=[one.patient for one in members],
            labels=(f"< {settings.split_ml:g} mL", f"≥ {settings.split_ml:g} mL"),
            quantity="loss of volume by volume at baseline",
            grade=name,
            level=settings.level,
        )
        for name in sorted(set(grades))
        for members in [[one for one, grade in zip(known, grades, strict=True) if grade == name]]
    )


def _looks(
    by_dose: Sequence[DoseAnalysis], baseline: Sequence[GroupDifference], grown: Regrowth | None
) -> tuple[Look, ...]:
    looks = []
    for k, one in enumerate(by_dose):
        words = KIND_WORDS[one.kind]
        if one.control.fits:
            looks += [
                Look(f"slope of the response on the dose {words}, {grade}", test.p, k == 0)
                for grade, test in one.control.tests.items()
            ]
            if one.control.intercepts is not None:
                looks.append(Look(f"one intercept of all grades, dose {words}", one.control.intercepts.p, False))
        if one.activity_control is not None and one.activity_control.fits:
            looks += [
                Look(f"slope of the response on the activity {words}, {grade}", test.p, False)
                for grade, test in one.activity_control.tests.items()
            ]
        for means in (*one.dose_means, *one.activity_means):
            looks += _means_look(means)
        for grade, found in one.discrimination.items():
            if found.p is not None:
                looks.append(Look(f"area under the curve, dose {words}, {grade}", found.p, False))
        for grade, pair in one.correlations.items():
            names = zip(("Pearson", "Spearman"), pair, strict=True)
            looks += [Look(f"{name}, dose {words}, {grade}", found.p, False) for name, found in names]
        looks += [
            Look(f"loss of volume with the dose {words}, {grade}", test.p, False)
            for grade, test in one.shrinkage.tests.items()
        ]
    for means in baseline:
        looks += _means_look(means)
    if grown is not None:
        looks += [Look(f"time to growth by {c.title}", c.test.p, False) for c in grown.comparisons if c.test]
        looks += [Look(f"hazard of growth, {ratio.name}", ratio.p, False) for ratio in grown.hazard]
    return tuple(look for look in looks if math.isfinite(look.p))


def _means_look(means: GroupDifference) -> list[Look]:
    return [] if means.test is None else [Look(f"{means.quantity}, {means.grade}", means.test.p, False)]


def _adjusted_away(looks: Sequence[Look], settings: ResponseSettings) -> list[Finding]:
    return [
        Finding(
            "not-significant-adjusted",
            "warning",
            f"p = {look.p:.3g} is no longer significant when it is adjusted for the questions asked in advance "
            f"(Holm: {look.adjusted:.3g}).",
            look.name,
        )
        for look in looks
        if look.primary and look.adjusted is not None and look.p < settings.alpha <= look.adjusted
    ]
