"""One relation of a blood count and a dose: a decline by a linear model, or a grade by a logistic model.

A patient with more cycles has a larger dose over therapy, and also more counts, of which the lowest is taken, and more
time to decline: dose and decline over therapy go together without any effect of the dose. So the number of cycles is
held wherever it differs.

References
----------
[Bates2015]_ Mixed models.
[Firth1993]_ Logistic regression of few rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.cohort.toxicity_rows import COVARIATES, Span, ToxicityRow
from theradose.data import load_number
from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.binary.curve import DoseAtProbability, coefficient_table, dose_at_probability
from theradose.statistics.binary.logistic import LogisticFit, fit_logistic
from theradose.statistics.binary.mixed import LogisticMixedFit, fit_logistic_mixed
from theradose.statistics.binary.profile import profile_effect
from theradose.statistics.design import Design, Factor, Numeric, build_design
from theradose.statistics.linear.effect_tests import contrast
from theradose.statistics.linear.mixed import fit_linear_mixed
from theradose.statistics.linear.random_effects import RandomEffect
from theradose.statistics.linear.regression import fit_linear
from theradose.statistics.normality import shapiro_wilk

DOSE, CYCLES = "dose_gy", "cycles"
CYCLES_HELD, BEYOND_DOSES = "number of cycles held", "half lies beyond the doses"
_METHODS = {
    ("decline", "therapy"): "linear regression",
    ("decline", "cycle"): "linear mixed model, Kenward-Roger",
    ("grade", "therapy"): "logistic regression, Firth",
    ("grade", "cycle"): "logistic mixed model, quadrature with 25 nodes",
}
_LEVEL = 0.95
_PROBABILITY = 0.5
_NO, _YES = "no", "yes"


@dataclass(frozen=True, slots=True)
class Effect:
    """A coefficient with its interval and the probability of chance; of logits for grades."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Relation:
    """How a decline, or the odds of a grade, depend on a dose.

    Attributes
    ----------
    quantity : str
        Kind of count.
    exposure : str
        Region and method of the dose.
    response : {"decline", "grade"}
        Relative decline, or whether the grade was reached.
    span : {"cycle", "therapy"}
        Rows and doses by cycle, or over therapy.
    method : str
        Of the estimate.
    patients, rows : int
        That were used.
    events : int or None
        Rows with the grade.
    sd_dose_gy : float
        Standard deviation of the dose over the rows.
    slope_per_gy : Effect or None
        Of the relative decline, or of the logit of the grade; ``None`` if it was not estimated.
    p_adjusted : float or None
        Adjusted for the number of relations.
    covariates : mapping of str to Effect
        That were held.
    normality_p : float or None
        Shapiro and Wilk's test of the residuals of a decline.
    dose_at_half : DoseAtProbability or None
        Dose at which half reach the grade, without the covariates and at the mean number of cycles; only where the
        relation is significant and the grade becomes more frequent with the dose.
    reason : str
        Why it was not estimated.
    notes : tuple of str
        What to know of the estimate.
    """

    quantity: str
    exposure: str
    response: str
    span: Span
    method: str
    patients: int
    rows: int
    events: int | None
    sd_dose_gy: float
    slope_per_gy: Effect | None = None
    p_adjusted: float | None = None
    covariates: Mapping[str, Effect] | None = None
    normality_p: float | None = None
    dose_at_half: DoseAtProbability | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """Whether the adjusted test says that there is a relation."""
        return self.p_adjusted is not None and self.p_adjusted < toxicity_constant("significance")


def toxicity_constant(name: str) -> float:
    """Return a level of the analysis of toxicity."""
    return load_number("haematology.yaml", name)


def decline_relation(
    quantity: str, key: str, span: Span, rows: Sequence[ToxicityRow], covariates: Sequence[str]
) -> Relation:
    """Return how the relative decline depends on a dose.

    Parameters
    ----------
    quantity, key : str
        Kind of count; region and method of the dose.
    span : {"cycle", "therapy"}
        Of the rows.
    rows : sequence of ToxicityRow
        With that dose.
    covariates : sequence of str
        To be held.

    References
    ----------
    [Bates2015]_
    """
    used = [row for row in rows if row.counts.relative_decline is not None]
    relation = _empty(quantity, key, "decline", span, used, None)
    if relation.reason:
        return relation
    response = [row.counts.relative_decline for row in used]
    notes: tuple[str, ...] = (CYCLES_HELD,) if _cycles_differ(used) else ()
    try:
        design = _design(used, key, covariates)
        if span == "therapy":
            fit = fit_linear(response=np.array(response, float), design=design, level=_LEVEL)
            effects = {item.name: Effect(item.value, item.low, item.high, item.p) for item in fit.effects}
            normality = fit.normality_p
        else:
            effects, normality, notes = _mixed_decline(used, np.array(response, float), design)
    except StatisticsError as error:
        return replace(relation, reason=str(error))
    return replace(
        relation,
        slope_per_gy=effects[DOSE],
        covariates=_held(effects),
        normality_p=normality if math.isfinite(normality) else None,
        notes=notes,
    )


def _mixed_decline(
    rows: Sequence[ToxicityRow], response: Array, design: Design
) -> tuple[dict[str, Effect], float, tuple[str, ...]]:
    """Return the fixed effects with Kenward and Roger's tests, the normality of the residuals, and notes."""
    fit = fit_linear_mixed(
        response=response, design=design, random=[RandomEffect("patient", [row.patient for row in rows])]
    )
    if not fit.converged:
        raise StatisticsError("The mixed model did not converge.", code="mixed-model-not-converged")
    tests = contrast(fit, np.eye(len(design.names)), method="kenward-roger")
    effects = {
        name: Effect(test.estimate, test.low, test.high, test.p) for name, test in zip(design.names, tests, strict=True)
    }
    notes = ("no variance between patients",) if fit.singular else ()
    return effects, shapiro_wilk(fit.residuals)[1], notes


def grade_relation(
    quantity: str, key: str, span: Span, rows: Sequence[ToxicityRow], covariates: Sequence[str], grade: int
) -> Relation:
    """Return how the odds of a grade depend on a dose; the dose at which half reach it is not judged here.

    Parameters
    ----------
    quantity, key, span, rows, covariates
        As of :func:`decline_relation`.
    grade : int
        That rows have or have not.

    References
    ----------
    [Firth1993]_, [Bates2015]_
    """
    used = [row for row in rows if row.has_grade(grade) is not None]
    response = [float(bool(row.has_grade(grade))) for row in used]
    events = int(sum(response))
    relation = _empty(quantity, key, "grade", span, used, events)
    if relation.reason:
        return relation
    notes = [CYCLES_HELD] if _cycles_differ(used) else []
    try:
        design = _design(used, key, covariates)
        if span == "therapy":
            firth = fit_logistic(response=response, design=design, method="firth")
            effects = {
                name: Effect(item.value, item.low, item.high, item.p)
                for name in design.names
                for item in [profile_effect(firth, name, level=_LEVEL)]
            }
            notes += ["separated: estimates rest on Firth's penalty"] if firth.findings else []
            half = _dose_at_half(firth, design, covariates)
        else:
            mixed = fit_logistic_mixed(response=response, design=design, groups=[row.patient for row in used])
            effects = {
                item.name: Effect(item.value, item.low, item.high, item.p)
                for item in coefficient_table(mixed, level=_LEVEL)
            }
            if any(finding.severity == "critical" for finding in mixed.findings):
                raise StatisticsError(mixed.findings[0].message, code=mixed.findings[0].code)
            notes += ["no variance between patients"] if mixed.singular else []
            half = _dose_at_half(mixed, design, covariates)
    except StatisticsError as error:
        return replace(relation, reason=str(error))
    if min(events, len(used) - events) < toxicity_constant("few_events"):
        notes.append("few events")
    if half is not None and half.high > max(row.dose_gy[key] for row in used):
        notes.append(BEYOND_DOSES)
    return replace(
        relation, slope_per_gy=effects[DOSE], covariates=_held(effects), dose_at_half=half, notes=tuple(notes)
    )


def _dose_at_half(
    fit: LogisticFit | LogisticMixedFit, design: Design, covariates: Sequence[str]
) -> DoseAtProbability | None:
    """Return the dose at which half have the grade; none if fewer have it at larger doses, or half without dose."""
    held = {CYCLES: float(np.mean(design.numbers[CYCLES].values))} if CYCLES in design.numbers else {}
    rows = design.at({DOSE: [0.0, 1.0], **held, **dict.fromkeys(covariates, _NO)})
    half = dose_at_probability(fit, probability=_PROBABILITY, at_zero=rows[0], at_one=rows[1], level=_LEVEL)
    if half is None or half.value <= 0 or float((rows[1] - rows[0]) @ fit.coefficients) <= 0:
        return None
    return replace(half, low=max(half.low, 0.0))


def _design(rows: Sequence[ToxicityRow], key: str, covariates: Sequence[str]) -> Design:
    held = [Numeric(CYCLES, np.array([float(row.cycles) for row in rows]))] if _cycles_differ(rows) else []
    factors = [
        Factor(name, [_YES if getattr(row.facts, name) else _NO for row in rows], reference=_NO) for name in covariates
    ]
    return build_design([Numeric(DOSE, np.array([row.dose_gy[key] for row in rows])), *held, *factors])


def _cycles_differ(rows: Sequence[ToxicityRow]) -> bool:
    return len({row.cycles for row in rows}) > 1


def _empty(
    quantity: str, key: str, response: str, span: Span, rows: Sequence[ToxicityRow], events: int | None
) -> Relation:
    """Return a relation without an estimate, with the reason if there are too few rows for one."""
    patients = len({row.patient for row in rows})
    doses = np.array([row.dose_gy[key] for row in rows])
    fewest, fewest_events = (int(toxicity_constant(name)) for name in ("fewest_patients", "fewest_events"))
    reason = ""
    if patients < fewest:
        reason = f"{patients} patients, fewer than {fewest}"
    elif np.ptp(doses) == 0:
        reason = "all doses are equal"
    elif span == "cycle" and patients == len(rows):
        reason = "one cycle per patient: see the relation over therapy"
    elif events is not None and min(events, len(rows) - events) < fewest_events:
        reason = f"{events} of {len(rows)} rows have the grade, and {fewest_events} with it and without it are needed"
    return Relation(
        quantity=quantity,
        exposure=key,
        response=response,
        span=span,
        method=_METHODS[response, span],
        patients=patients,
        rows=len(rows),
        events=events,
        sd_dose_gy=float(doses.std(ddof=1)) if len(doses) > 1 else 0.0,
        reason=reason,
    )


def _held(effects: Mapping[str, Effect]) -> dict[str, Effect]:
    return {name.partition("[")[0]: effect for name, effect in effects.items() if name.partition("[")[0] in COVARIATES}
