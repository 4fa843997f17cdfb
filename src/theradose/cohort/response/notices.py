"""What the reader of a dose-response analysis must know about tumours, doses and relations.

References
----------
[Warfvinge2024]_ Cycles taken for independent; relations that are not significant are not followed further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from theradose.cohort.response.means import GroupDifference
from theradose.cohort.response.outcome import TumourOutcome
from theradose.cohort.response.settings import ResponseSettings
from theradose.model.finding import Finding
from theradose.model.tumours import DoseKind, TumourRow

if TYPE_CHECKING:
    from theradose.cohort.response.analysis import DoseAnalysis


def tumour_notices(
    rows: Sequence[TumourRow],
    outcomes: Sequence[TumourOutcome],
    analysed: Sequence[TumourOutcome],
    *,
    kinds: Sequence[DoseKind],
    settings: ResponseSettings,
) -> Iterator[Finding]:
    """Yield what was noticed of tumours, volumes and doses.

    References
    ----------
    [Warfvinge2024]_
    """
    n = len(analysed)
    if settings.primary is None and len(kinds) == 1 and kinds[0] != "all-cycles":
        yield Finding("primary-dose", "info", "The dose over all cycles is not stated; that until the best response is "
                      "used for the primary analysis.")  # fmt: skip
    unknown = sum(one.baseline_ml is None for one in outcomes)
    if unknown:
        yield Finding(
            "baseline-volume-missing",
            "warning",
            f"{unknown} of {len(outcomes)} tumours have no volume at baseline and are kept: whether they are smaller "
            f"than {settings.smallest_ml:g} mL, with a dose of large uncertainty, is not known.",
        )
    if all(row.grade is None for row in rows):
        yield Finding("grade-missing", "info", "No tumour has a grade: all are analysed together.")
    unsure = sum(
        one.u_reduction is not None
        and "best-response" in one.reduction
        and abs(one.reduction["best-response"] - settings.responder) < one.u_reduction
        for one in analysed
    )
    if unsure:
        yield Finding(
            "responder-uncertain",
            "info",
            f"{unsure} of {n} tumours lie within one standard uncertainty of the loss of volume that makes a responder "
            f"({100 * settings.responder:g} %).",
        )
    later = sum(one.course is not None and one.course.later_maximum for one in analysed)
    if later:
        yield Finding(
            "maximum-after-best-response",
            "info",
            f"{later} of {n} tumours later grew beyond their largest volume before the best response; the loss is "
            "counted from the volume before it.",
        )
    missing = sum("all-cycles" not in one.reduction for one in analysed) if "all-cycles" in kinds else 0
    if missing:
        yield Finding(
            "no-scan-after-treatment",
            "warning",
            f"{missing} of {n} tumours have no scan after the last cycle and are left out where the dose over all "
            "cycles is used.",
        )
    yield from _dose_uncertainties(analysed, kinds[0], settings)


def _dose_uncertainties(
    analysed: Sequence[TumourOutcome], kind: DoseKind, settings: ResponseSettings
) -> Iterator[Finding]:
    doses = [one.dose_gy[kind] for one in analysed if kind in one.dose_gy]
    without = sum(bool(dose.not_stated) for dose in doses)
    if without:
        yield Finding(
            "dose-uncertainty-missing",
            "info",
            f"{without} of {len(doses)} doses have no stated uncertainty. The regressions take doses as exact; errors "
            "of doses make slopes too flat.",
        )
    if any(one.course is not None for one in analysed):
        yield Finding(
            "cycles-correlation",
            "info",
            f"Where the table states no shared part of the uncertainty of a dose, cycles are taken for "
            f"{'fully correlated' if settings.cycles == 'shared' else 'independent'} (the volume of the tumour and the "
            "calibration act on all of them alike).",
        )


def dose_notices(analysis: DoseAnalysis, *, settings: ResponseSettings, words: str) -> Iterator[Finding]:
    """Yield what was noticed of the relations with one sum of doses.

    References
    ----------
    [Warfvinge2024]_
    """
    if analysis.control.refused:
        yield Finding("response-not-modelled", "warning", analysis.control.refused, words)
    yield from analysis.control.findings
    intercepts = analysis.control.intercepts
    one_intercept = intercepts is None or not intercepts.p < settings.alpha
    if intercepts is not None and not one_intercept:
        yield Finding(
            "grades-differ-without-dose",
            "warning",
            f"The grades do not have one intercept (likelihood ratio: p = {intercepts.p:.2g}), as the published form "
            "takes for granted: they differ at any dose, no curve is stated, and each grade is to be "
            "analysed alone (--grade).",
            words,
        )
    for grade in analysis.control.grades if analysis.control.fits else ():
        slope, test = analysis.control.fits[0].slopes[grade], analysis.control.tests[grade]
        if test.p < settings.alpha and one_intercept and not analysis.control.significant(grade):
            yield Finding(
                "relation-without-doses",
                "warning",
                f"The response depends on the dose (likelihood ratio: p = {test.p:.2g}), but the interval of the "
                f"slope, {slope.low:.2g} to {slope.high:.2g} per Gy, is not above 0: no dose is stated for any "
                "probability, and no cut-off.",
                f"{words}, {grade}",
            )
        elif not test.p < settings.alpha:
            yield Finding(
                "relation-not-significant",
                "info",
                f"The relation of response and dose is not significant in these tumours alone (slope {slope.value:.2g} "
                f"per Gy, {100 * settings.level:g} % interval {slope.low:.2g} to {slope.high:.2g}, p = {test.p:.2g}): "
                "no dose is stated for any probability, and no cut-off.",
                f"{words}, {grade}",
            )
    for grade, curve in analysis.control.curves.items():
        largest = float(curve.dose_gy[-1])
        beyond = [dose for dose in curve.doses if dose.high > largest]
        if beyond:
            yield Finding(
                "dose-extrapolated",
                "warning",
                f"{len(beyond)} of {len(curve.doses)} doses of a probability, or the ends of their intervals, lie "
                f"beyond the largest dose of a tumour ({largest:.3g} Gy): nothing was observed there.",
                f"{words}, {grade}",
            )
    for found in analysis.discrimination.values():
        yield from found.findings
    yield from analysis.shrinkage.findings
    for means in (*analysis.dose_means, *analysis.activity_means):
        yield from means.findings
        yield from _normality(means, settings)


def _normality(means: GroupDifference, settings: ResponseSettings) -> Iterator[Finding]:
    if means.normality_p < settings.alpha:
        yield Finding(
            "residuals-not-normal",
            "warning",
            f"The residuals of the model are not normally distributed (Shapiro and Wilk: p = {means.normality_p:.2g}); "
            "its p values are approximate. See the Q–Q plot.",
            f"{means.quantity}, {means.grade}",
        )
