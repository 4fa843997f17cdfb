"""Probability of a response by dose: logistic mixed model, and how well doses tell responders from others.

The model is logit p = b0 + b_g D + u with a slope b_g for each grade g and an effect u of the patient; slopes of two
grades are those of the published form b1 + b2 [G2]. With one intercept for all grades a slope also takes up that a
grade responds better at any dose. So a slope is tested in the tumours of its grade alone, and where the grades do not
have one intercept no curve is stated. The test is the likelihood ratio, which still tells a steep slope from none where
its standard error, and so Wald's z, does not (Hauck and Donner). Doses need the interval of the slope too, because
theirs follows from it. Nothing that reads like a threshold is computed for a grade that fails one of the three.

References
----------
[Warfvinge2024]_ Logistic mixed model with grade, probability of control, odds and receiver operating characteristic.
[HeinzeSchemper2002]_ Firth's penalty where outcomes are separated.
[HauckDonner1977]_ Why Wald's test fails for steep slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.binary.curve import (
    DoseAtProbability,
    LogitEffect,
    coefficient_table,
    dose_at_probability,
    linear_combinations,
    probability_curve,
)
from theradose.statistics.binary.logistic import LogisticFit, fit_logistic
from theradose.statistics.binary.mixed import LogisticMixedFit, fit_logistic_mixed
from theradose.statistics.binary.profile import profile_effect
from theradose.statistics.chi_squared import ChiSquaredTest, chi_squared_test, without_test
from theradose.statistics.design import Design, Factor, Numeric, build_design
from theradose.statistics.intervals import Band

_CURVE_POINTS = 121
_LARGEST_LOGIT = 700.0
_NO_PATIENT_EFFECT = ("patients",)


@dataclass(frozen=True, slots=True, eq=False)
class ControlFit:
    """One fit of the logistic model.

    Attributes
    ----------
    name : str
        ``agq (25 nodes)``, ``laplace``, ``maximum likelihood`` or ``firth``.
    fit : LogisticMixedFit or LogisticFit
        The fit.
    intercept : LogitEffect
        At dose 0.
    slopes : mapping of str to LogitEffect
        Per Gy by grade.
    slope_difference : mapping of str to LogitEffect
        Slope of a grade minus that of the first, b2 of the published form.
    patient_sd : float or None
        Standard deviation of the patient effect; ``None`` without one.
    """

    name: str
    fit: LogisticMixedFit | LogisticFit
    intercept: LogitEffect
    slopes: Mapping[str, LogitEffect]
    slope_difference: Mapping[str, LogitEffect]
    patient_sd: float | None


@dataclass(frozen=True, slots=True)
class OddsAt:
    """What the curve says at one dose, at patient effect 0.

    Attributes
    ----------
    dose_gy : float
        The dose.
    odds, odds_low, odds_high : float
        Responders per non-responder: odds, no ratio of odds.
    """

    dose_gy: float
    odds: float
    odds_low: float
    odds_high: float

    @property
    def probability(self) -> tuple[float, float, float]:
        """Probability with its interval."""
        return _share(self.odds), _share(self.odds_low), _share(self.odds_high)


@dataclass(frozen=True, slots=True, eq=False)
class GradeCurve:
    """The curve of one grade, which exists where its slope is significant.

    Attributes
    ----------
    dose_gy : ndarray, shape (m,)
        From 0 to the largest dose of the grade.
    band : Band
        With the interval of the logit scale.
    doses : tuple of DoseAtProbability
        Doses of the asked probabilities that are not reached without dose; an interval begins at 0 at the lowest.
    odds : tuple of OddsAt
        At the asked doses.
    """

    dose_gy: Array
    band: Band
    doses: tuple[DoseAtProbability, ...]
    odds: tuple[OddsAt, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """The logistic analysis of one sum of doses.

    Attributes
    ----------
    grades : tuple of str
        All grades, in order.
    fits : tuple of ControlFit
        The leading one first.
    tests : mapping of str to ChiSquaredTest
        The slope of each grade alone against none, by the likelihood ratio, penalised with Firth's penalty.
    intercepts : ChiSquaredTest or None
        One intercept for all grades against one for each.
    curves : mapping of str to GradeCurve
        Of the grades whose slope is significantly above 0 by the likelihood ratio and by its interval; none where the
        grades do not have one intercept.
    refused : str
        Why there is no model; empty otherwise.
    findings : tuple of Finding
        What was noticed.
    """

    grades: tuple[str, ...]
    fits: tuple[ControlFit, ...]
    tests: Mapping[str, ChiSquaredTest]
    intercepts: ChiSquaredTest | None
    curves: Mapping[str, GradeCurve]
    refused: str
    findings: tuple[Finding, ...]

    def significant(self, grade: str) -> bool:
        """Whether the response of a grade depends on the dose so clearly that doses have an interval."""
        return grade in self.curves


def tumour_control(
    *,
    amount: Array,
    response: Array,
    grades: Sequence[str],
    patients: Sequence[str],
    nodes: int,
    level: float,
    probabilities: Sequence[float],
    doses_gy: Sequence[float],
    where: str,
    unit: str = "gy",
) -> Control:
    """Return the logistic analysis of a dose, or of an activity.

    Parameters
    ----------
    amount : ndarray, shape (n,)
        Doses of tumours, Gy, or activities, GBq.
    response : ndarray of bool, shape (n,)
        Whether they responded.
    grades, patients : sequence of str, length n
        Grade and patient of each tumour.
    nodes : int
        Of the adaptive quadrature.
    level : float
        Of intervals and of the test of the slope.
    probabilities, doses_gy : sequence of float
        Probabilities whose doses, and doses whose odds are wanted.
    where : str
        Place of findings.
    unit : str
        Of `amount`, for the names of columns.

    Returns
    -------
    Control
        With the reason instead of fits where there are none.

    References
    ----------
    [Warfvinge2024]_, [HeinzeSchemper2002]_
    """
    names = tuple(sorted(set(grades)))
    if response.all() or not response.any():
        reason = (
            f"{'All' if response.all() else 'None'} of {len(response)} tumours responded: there is nothing to explain."
        )
        return Control(names, (), {}, None, {}, reason, ())
    try:
        design = _design(amount, grades, names, unit)
        fits, findings = _fits(response, design, patients, names, nodes, level)
    except StatisticsError as error:
        return Control(names, (), {}, None, {}, str(error), ())
    findings = tuple(replace(f, where=f.where or where) for f in findings)
    leading = fits[0]
    of_grade, of_patient = np.array(grades), np.array(patients)
    tests = {
        grade: _slope_test(amount[mask], response[mask], of_patient[mask].tolist(), grade, nodes, level, unit)
        for grade in names
        for mask in [of_grade == grade]
    }
    intercepts = _intercept_test(leading.fit, design, response, grades, patients)
    one_intercept = intercepts is None or not intercepts.p < 1 - level
    curves: dict[str, GradeCurve] = {}
    for k, grade in enumerate(names):
        row = _row_of(1 + k, 1 + len(names))
        rises = leading.slopes[grade].value > 0 and tests[grade].p < 1 - level
        if rises and one_intercept and _has_doses(leading.fit, row, level):
            largest = float(np.max(amount[of_grade == grade]))
            curves[grade] = _curve(leading.fit, row, largest, level, probabilities, doses_gy)
    return Control(names, fits, tests, intercepts, curves, "", findings)


def _design(amount: Array, grades: Sequence[str], names: Sequence[str], unit: str) -> Design:
    of_grade = np.array(grades)
    return build_design([Numeric(f"{unit}[{name}]", np.where(of_grade == name, amount, 0.0)) for name in names])


def _slope_test(
    amount: Array, response: Array, patients: Sequence[str], grade: str, nodes: int, level: float, unit: str
) -> ChiSquaredTest:
    """Return the test of the slope in the tumours of one grade alone, which has an intercept of its own."""
    if response.all() or not response.any():
        return without_test(1)
    try:
        design = _design(amount, [grade] * len(amount), (grade,), unit)
        (leading, *_), _ = _fits(response, design, patients, (grade,), nodes, level)
    except StatisticsError:
        return without_test(1)
    if isinstance(leading.fit, LogisticFit) and leading.fit.method == "firth":
        slope = leading.slopes[grade]
        return ChiSquaredTest(slope.z**2, 1, slope.p)
    return _likelihood_ratio(leading.fit, build_design([], rows=len(response)), response, patients, df=1)


def _intercept_test(
    fit: LogisticMixedFit | LogisticFit, design: Design, response: Array, grades: Sequence[str], patients: Sequence[str]
) -> ChiSquaredTest | None:
    """Return the test of one intercept for all grades against one for each; ``None`` where it does not exist."""
    names = set(grades)
    if len(names) < 2 or not fit.converged or (isinstance(fit, LogisticFit) and fit.method == "firth"):
        return None
    try:
        larger = build_design([*design.terms, Factor("grade", grades)])
        return _likelihood_ratio(fit, larger, response, patients, df=len(names) - 1)
    except StatisticsError:
        return None


def _likelihood_ratio(
    fit: LogisticMixedFit | LogisticFit, design: Design, response: Array, patients: Sequence[str], *, df: int
) -> ChiSquaredTest:
    """Return the test of a model against the same with another design, which may be the smaller or the larger one."""
    if not fit.converged:
        return without_test(df)
    other: LogisticFit | LogisticMixedFit
    if isinstance(fit, LogisticMixedFit):
        other = fit_logistic_mixed(
            response=response, design=design, groups=patients, method=fit.method, nodes=fit.nodes
        )
    else:
        other = fit_logistic(response=response, design=design)
    if not other.converged:
        return without_test(df)
    gain = other.log_likelihood - fit.log_likelihood
    statistic = 2 * max(gain if len(other.coefficients) > len(fit.coefficients) else -gain, 0.0)
    return chi_squared_test(statistic, df)


def _fits(
    response: Array, design: Design, patients: Sequence[str], names: Sequence[str], nodes: int, level: float
) -> tuple[tuple[ControlFit, ...], tuple[Finding, ...]]:
    """Return the fits by quadrature and by Laplace, or without patient effect, or with a penalty."""
    try:
        agq = fit_logistic_mixed(response=response, design=design, groups=patients, method="agq", nodes=nodes)
        laplace = fit_logistic_mixed(response=response, design=design, groups=patients, method="laplace")
        both = (_control_fit(f"agq ({nodes} nodes)", agq, names, level), _control_fit("laplace", laplace, names, level))
        coarse = [
            replace(f, severity="info", message=f"By Laplace's approximation: {f.message}") for f in laplace.findings
        ]
        # Of what both say only the leading fit speaks.
        return both, (*agq.findings, *(f for f in coarse if f.code not in {own.code for own in agq.findings}))
    except StatisticsError as error:
        if error.code == "separation":
            return _penalised(response, design, names, level)
        if error.code not in _NO_PATIENT_EFFECT:
            raise
    without = Finding(
        "no-patient-effect",
        "info",
        "Every patient has one tumour, or there is a single patient: the logistic model is without an effect of the "
        "patient.",
    )
    try:
        plain = fit_logistic(response=response, design=design)
    except StatisticsError as error:
        if error.code != "separation":
            raise
        fits, findings = _penalised(response, design, names, level)
        return fits, (without, *findings)
    return (_control_fit("maximum likelihood", plain, names, level),), (without, *plain.findings)


def _penalised(
    response: Array, design: Design, names: Sequence[str], level: float
) -> tuple[tuple[ControlFit, ...], tuple[Finding, ...]]:
    fit = fit_logistic(response=response, design=design, method="firth")
    found = _control_fit("firth", fit, names, level, profile=fit.converged)
    remark = Finding(
        "firth-without-patient",
        "warning",
        "Because outcomes are separated, the model is fitted with Firth's penalty and without an effect of the "
        "patient; p values and intervals of the slopes are those of the penalised profile.",
    )
    return (found,), (*fit.findings, remark)


def _control_fit(
    name: str, fit: LogisticMixedFit | LogisticFit, names: Sequence[str], level: float, *, profile: bool = False
) -> ControlFit:
    if not fit.converged:
        nothing = LogitEffect("", *(math.nan,) * 6)
        return ControlFit(name, fit, nothing, dict.fromkeys(names, nothing), {}, getattr(fit, "random_sd", None))
    intercept, *slopes = coefficient_table(fit, level=level)
    if profile and isinstance(fit, LogisticFit):
        slopes = [profile_effect(fit, slope.name, level=level) for slope in slopes]
    rows = np.eye(len(slopes) + 1)
    differences = (
        linear_combinations(fit, rows[2:] - rows[1], names=[f"{n} − {names[0]}" for n in names[1:]], level=level)
        if len(names) > 1
        else ()
    )
    return ControlFit(
        name=name,
        fit=fit,
        intercept=intercept,
        slopes=dict(zip(names, slopes, strict=True)),
        slope_difference=dict(zip(names[1:], differences, strict=True)),
        patient_sd=getattr(fit, "random_sd", None),
    )


def _has_doses(fit: LogisticMixedFit | LogisticFit, row: Callable[[float], Array], level: float) -> bool:
    """Return whether doses have an interval: whether that of the slope, by its standard error, is without 0."""
    found = dose_at_probability(fit, probability=0.5, at_zero=row(0.0), at_one=row(1.0), level=level)
    return found is not None


def _curve(
    fit: LogisticMixedFit | LogisticFit,
    row: Callable[[float], Array],
    largest_gy: float,
    level: float,
    probabilities: Sequence[float],
    doses_gy: Sequence[float],
) -> GradeCurve:
    dose_gy = np.linspace(0, largest_gy, _CURVE_POINTS)
    found = (
        dose_at_probability(fit, probability=p, at_zero=row(0.0), at_one=row(1.0), level=level) for p in probabilities
    )
    return GradeCurve(
        dose_gy=frozen(dose_gy),
        band=probability_curve(fit, np.array([row(d) for d in dose_gy]), level=level),
        doses=tuple(replace(dose, low=max(dose.low, 0.0)) for dose in found if dose is not None and dose.value > 0),
        odds=tuple(_odds_at(fit, row(d), d, level) for d in doses_gy),
    )


def _row_of(column: int, columns: int) -> Callable[[float], Array]:
    def row(dose_gy: float) -> Array:
        result = np.zeros(columns)
        result[0], result[column] = 1.0, dose_gy
        return result

    return row


def _odds_at(fit: LogisticMixedFit | LogisticFit, row: Array, dose_gy: float, level: float) -> OddsAt:
    (logit,) = linear_combinations(fit, row[None], names=("odds",), level=level)
    # Far from all doses the odds are beyond what a number holds.
    value, low, high = (math.exp(min(part, _LARGEST_LOGIT)) for part in (logit.value, logit.low, logit.high))
    return OddsAt(dose_gy, value, low, high)


def _share(odds: float) -> float:
    return odds / (1 + odds)
