"""The parts of a comparison of marrow doses over a cohort: doses, late points, agreement, cycles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from theradose.errors import StatisticsError
from theradose.kinetics.published import UnweightedFit
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.report.marrow_comparison import (
    CHOSEN,
    Analysis,
    CycleComparison,
    LateInfluence,
    MarrowMethodName,
    ModelDoses,
    PairAgreement,
    TreatmentName,
)
from theradose.statistics.agreement import bland_altman, concordance, pearson, spearman
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.marrow import BLOOD_MODELS, BloodMarrow
from theradose.workflow.marrow_late import PHASES, PublishedFits, weighted_change
from theradose.workflow.marrow_published import published_dose
from theradose.workflow.marrow_vois import VoiMarrow

MODELS = BLOOD_MODELS
Measured = BloodMarrow | VoiMarrow
_NO_ACTIVITY = "The administered activity is not stated."
_NOT_PHYSICAL = "A rate of the unbounded fit is not positive, or its area is not."
_MGY_PER_GY = 1e3
_FEWEST_PATIENTS = 3


def treatment_name(result: Measured) -> TreatmentName:
    """Return subject and cycle of a result."""
    series = result.curve.series
    return TreatmentName(series.subject, series.cycle)


def weighted_doses(method: MarrowMethodName, results: Sequence[Measured]) -> tuple[ModelDoses, ...]:
    """Return the doses of our weighted, bounded fits for every model and as chosen."""
    doses: list[ModelDoses] = []
    for model in MODELS:
        found: dict[TreatmentName, float] = {}
        left_out: dict[str, str] = {}
        flags: Counter[str] = Counter()
        for result in results:
            name, fit = treatment_name(result), next((fit for fit in result.tia.fits if fit.model == model), None)
            per_activity = _per_activity(result)
            if fit is None:
                left_out[name.label] = _refusal(result, model)
            elif per_activity is None:
                left_out[name.label] = _NO_ACTIVITY
            else:
                found[name] = result.self_gy_of(fit) * per_activity
                flags.update(fit.flags)
        doses.append(_model_doses(method, model, found, left_out, flags, ()))
    chosen = {
        treatment_name(result): result.dose.self_gy.value * factor
        for result in results
        if (factor := _per_activity(result)) is not None
    }
    flags = Counter(flag for result in results for flag in result.flags)
    without = {treatment_name(r).label: _NO_ACTIVITY for r in results if _per_activity(r) is None}
    return (*doses, _model_doses(method, CHOSEN, chosen, without, flags, ()))


def published_doses(
    method: MarrowMethodName, results: Sequence[Measured], fits: PublishedFits, nuclide: Nuclide
) -> tuple[ModelDoses, ...]:
    """Return the doses of the unweighted, unbounded fits for every model."""
    doses = []
    for model in MODELS:
        found: dict[TreatmentName, float] = {}
        left_out: dict[str, str] = {}
        for result, fit in zip(results, fits.whole[model], strict=True):
            name = treatment_name(result)
            dose = _published_dose(result, fit, nuclide)
            if dose is not None:
                found[name] = dose
            elif _per_activity(result) is None:
                left_out[name.label] = _NO_ACTIVITY
            else:
                left_out[name.label] = _refusal(result, model) if fit is None else _NOT_PHYSICAL
        r_squared = [fit.r_squared for fit in fits.whole[model] if fit is not None]
        doses.append(_model_doses(method, model, found, left_out, {}, r_squared))
    return tuple(doses)


def weighted_late(
    method: MarrowMethodName,
    results: Sequence[Measured],
    early: Sequence[TimeActivityCurve | None],
    doses: Sequence[ModelDoses],
    nuclide: Nuclide,
) -> tuple[LateInfluence, ...]:
    """Return what late points change in our weighted, bounded fits."""
    influences = []
    for model in MODELS:
        percent: dict[TreatmentName, float] = {}
        left_out: dict[str, str] = {}
        for result, curve in zip(results, early, strict=True):
            if curve is None:
                continue
            change = weighted_change(
                result.tia, curve, model, nuclide=nuclide, infusion_h=result.treatment.infusion_h or 0.0
            )
            name = treatment_name(result)
            if change.percent is None:
                left_out[name.label] = change.reason
            else:
                percent[name] = change.percent
        influences.append(_influence(method, model, percent, left_out, doses))
    return tuple(influences)


def published_late(
    method: MarrowMethodName,
    results: Sequence[Measured],
    early: Sequence[TimeActivityCurve | None],
    fits: PublishedFits,
    doses: Sequence[ModelDoses],
) -> tuple[LateInfluence, ...]:
    """Return what late points change in the unweighted, unbounded fits."""
    influences = []
    for model in MODELS:
        percent: dict[TreatmentName, float] = {}
        left_out: dict[str, str] = {}
        changes = fits.change_percent(model)
        for result, curve, fit, change in zip(results, early, fits.early[model], changes, strict=True):
            if curve is None:
                continue
            name = treatment_name(result)
            if change is not None:
                percent[name] = change
            else:
                left_out[name.label] = _too_few(model, len(curve.t_h)) if fit is None else _NOT_PHYSICAL
        influences.append(_influence(method, model, percent, left_out, doses))
    return tuple(influences)


def analysis(
    name: str, doses: Sequence[ModelDoses], late: Sequence[LateInfluence]
) -> tuple[Analysis, tuple[Finding, ...]]:
    """Return an analysis with the agreement of every pair of methods and models, and of first and last cycles."""
    filled = [item for item in doses if len(item.treatments)]
    ordered = sorted(filled, key=lambda item: item.method != "image")
    agreements: list[PairAgreement] = []
    findings: list[Finding] = []
    for first, second in combinations(ordered, 2):
        try:
            pair = _agreement(first, second)
        except StatisticsError as error:
            if first.method != second.method:
                findings.append(
                    Finding("agreement-too-few", "warning", f"{first.name} and {second.name}: {error}", "cohort")
                )
            continue
        agreements.append(pair)
    cycles = tuple(item for doses_ in filled if (item := _cycles(doses_)) is not None)
    return Analysis(name, tuple(doses), tuple(late), tuple(agreements), cycles), tuple(findings[:1])


def _agreement(first: ModelDoses, second: ModelDoses) -> PairAgreement:
    one, other = first.by_treatment(), second.by_treatment()
    common = [name for name in one if name in other]
    values = np.array([[one[name] for name in common], [other[name] for name in common]])
    subjects = tuple(name.subject for name in common)
    return PairAgreement(
        first=first.name,
        second=second.name,
        subjects=subjects,
        values=values,
        absolute=bland_altman(values[0], values[1], subjects=subjects),
        relative=bland_altman(values[0], values[1], subjects=subjects, relative=True),
        concordance=concordance(values[0], values[1]),
        pearson=pearson(values[0], values[1]),
        spearman=spearman(values[0], values[1]),
    )


def _cycles(doses: ModelDoses) -> CycleComparison | None:
    """Compare the first and the last cycle of every subject with more than one; numbers in the order of their size."""
    by_subject: dict[str, list[tuple[tuple[float, str], float]]] = {}
    for name, dose in doses.by_treatment().items():
        if name.cycle is not None:
            by_subject.setdefault(name.subject, []).append((_order(name.cycle), dose))
    several = {subject: sorted(items) for subject, items in by_subject.items() if len(items) > 1}
    if not several:
        return None
    first = np.array([items[0][1] for items in several.values()])
    last = np.array([items[-1][1] for items in several.values()])
    enough = len(several) >= _FEWEST_PATIENTS
    return CycleComparison(
        method=doses.method,
        model=doses.model,
        subjects=tuple(several),
        first=first,
        last=last,
        agreement=bland_altman(last, first, relative=True) if enough else None,
        p=_signed_rank(first, last) if enough else math.nan,
    )


def _signed_rank(first: np.ndarray, last: np.ndarray) -> float:
    from scipy import stats

    return float(stats.wilcoxon(last, first).pvalue) if np.any(last != first) else 1.0


def _order(cycle: str) -> tuple[float, str]:
    try:
        return float(cycle), cycle
    except ValueError:
        return math.inf, cycle


def _influence(
    method: MarrowMethodName,
    model: str,
    percent: Mapping[TreatmentName, float],
    left_out: dict[str, str],
    doses: Sequence[ModelDoses],
) -> LateInfluence:
    whole = next(item for item in doses if item.model == model).by_treatment()
    considered = len(percent) + len(left_out)
    known = [name for name in percent if name in whole]
    left_out |= {name.label: _NO_ACTIVITY for name in percent if name not in whole}
    before = np.array([whole[name] for name in known])
    change = np.array([percent[name] for name in known])
    return LateInfluence(method, model, tuple(known), before, before * (1 + change / 100), considered, left_out)


def _model_doses(
    method: MarrowMethodName,
    model: str,
    found: Mapping[TreatmentName, float],
    left_out: Mapping[str, str],
    flags: Mapping[str, int],
    r_squared: Sequence[float],
) -> ModelDoses:
    return ModelDoses(
        method, model, tuple(found), np.array(list(found.values())), left_out, dict(flags), np.array(r_squared)
    )


def _published_dose(result: Measured, fit: UnweightedFit | None, nuclide: Nuclide) -> float | None:
    if isinstance(result, BloodMarrow):
        return published_dose(result, fit, nuclide)
    factor = _per_activity(result)
    if fit is None or not fit.physical or factor is None:
        return None
    return result.dose.self_gy.value * fit.area / result.tia.value.value * factor


def _per_activity(result: Measured) -> float | None:
    activity = result.treatment.activity_mbq
    return None if activity is None else _MGY_PER_GY * MBQ_PER_GBQ / activity


def _refusal(result: Measured, model: str) -> str:
    if isinstance(result, VoiMarrow) and model in result.refused:
        return result.refused[model]
    return _too_few(model, len(result.tia.curve.t_h))


def _too_few(model: str, points: int) -> str:
    parameters = 2 * PHASES[model]
    return f"The model '{model}' has {parameters} parameters for {points} points."
