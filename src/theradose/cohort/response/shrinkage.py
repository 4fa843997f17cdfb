"""Loss of volume by dose: asymptotic growth with an effect of the patient on the amplitude.

References
----------
[Warfvinge2024]_ Asymptotic growth of the loss of volume with grade on both parameters, Figure 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.chi_squared import ChiSquaredTest, chi_squared_test
from theradose.statistics.design import Design, Factor, build_design
from theradose.statistics.intervals import Band
from theradose.statistics.linear.mixed import RandomEffect, fit_linear_mixed
from theradose.statistics.nonlinear_mixed.fit import Method, NonlinearMixedFit
from theradose.statistics.nonlinear_mixed.growth_curve import fit_asymptotic_growth, growth_band

METHODS: Mapping[str, Method] = {"exact likelihood": "laplace", "lindstrom-bates": "lindstrom-bates"}
"""Names of the methods; Laplace's approximation is exact for a curve that is linear in the effect."""
_CURVE_POINTS = 121
# Doses D₀ beyond so many times the doses belong to a constant or a straight line, of which D₀ says nothing.
_UNDETERMINED = 20.0
_FAR = 10.0
_LARGEST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class GrowthParameters:
    """Amplitude (fraction) and dose D₀ (Gy) of a grade with their standard errors."""

    amplitude: float
    u_amplitude: float
    scale_gy: float
    u_scale_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class GrowthFit:
    """Curves of all grades by one method.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    parameters : mapping of str to GrowthParameters
        By grade.
    patient_sd, residual_sd : float
        Standard deviation of the amplitude between patients, and of the loss within.
    log_likelihood : float
        By the method.
    usable : bool
        Whether the maximum was reached and every D₀ is determined.
    """

    method: str
    parameters: Mapping[str, GrowthParameters]
    patient_sd: float
    residual_sd: float
    log_likelihood: float
    usable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shrinkage:
    """Loss of volume by one sum of doses.

    Attributes
    ----------
    fits : tuple of GrowthFit
        By the exact likelihood, and by Lindstrom and Bates; of all grades together.
    bands : mapping of str to Band
        Curves by the exact likelihood over `dose_gy`, of the grades whose response depends significantly on the dose;
        of others no curve and no parameter is stated.
    dose_gy : mapping of str to ndarray
        From 0 to the largest dose of the grade.
    tests : mapping of str to ChiSquaredTest
        Of each grade alone, against a loss that does not depend on the dose; p is too large, at most by a factor of
        two, because the constant is on the edge of the curves.
    refused : str
        Why there is no fit; empty otherwise.
    findings : tuple of Finding
        Of the fits, and ``growth-not-determined``, ``growth-not-fitted``, ``growth-grade-left-out``.
    """

    fits: tuple[GrowthFit, ...]
    bands: Mapping[str, Band]
    dose_gy: Mapping[str, Array]
    tests: Mapping[str, ChiSquaredTest]
    refused: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Tumours:
    """Dose, loss, grade and patient of each tumour."""

    dose_gy: Array
    loss: Array
    grades: Array
    patients: Array

    def of(self, grades: Sequence[str]) -> _Tumours:
        mask = np.isin(self.grades, list(grades))
        return _Tumours(self.dose_gy[mask], self.loss[mask], self.grades[mask], self.patients[mask])


def shrinkage(
    *,
    dose_gy: Array,
    reduction: Array,
    grades: Sequence[str],
    patients: Sequence[str],
    significant: Sequence[str],
    level: float,
    where: str,
) -> Shrinkage:
    """Return the curves of the loss of volume.

    Parameters
    ----------
    dose_gy, reduction : ndarray, shape (n,)
        Dose, Gy, and relative loss of volume of each tumour.
    grades, patients : sequence of str, length n
        Of each tumour.
    significant : sequence of str
        Grades whose response depends significantly on the dose.
    level : float
        Of the intervals.
    where : str
        Place of findings.

    References
    ----------
    [Warfvinge2024]_
    """
    tumours = _Tumours(dose_gy, reduction, np.array(grades), np.array(patients))
    if len(set(patients)) == len(patients):
        return _nothing({}, "Not fitted, because the effect of the patient needs patients with several tumours.")
    tests = _tests(tumours)
    if not significant:
        reason = "Not fitted, because the response does not depend significantly on the dose in any grade."
        return _nothing(tests, reason)
    fits, findings, bands = _fits(tumours, significant, level, where)
    if not (fits and fits[0].usable) and set(significant) < set(grades):
        fits, findings, bands = _fits(tumours.of(significant), significant, level, where)
        left_out = ", ".join(sorted(set(grades) - set(significant)))
        message = f"The curves of all grades together are not determined; {left_out} is left out of the fit."
        findings.append(Finding("growth-grade-left-out", "info", message, where))
    if not (fits and fits[0].usable):
        return Shrinkage((), {}, {}, tests, "The curve of growth is not determined.", tuple(findings))
    doses = {grade: frozen(_doses(tumours.of([grade]))) for grade in bands}
    return Shrinkage(tuple(fits), bands, doses, tests, "", tuple(findings))


def _nothing(tests: Mapping[str, ChiSquaredTest], reason: str) -> Shrinkage:
    return Shrinkage((), {}, {}, tests, reason, ())


def _doses(tumours: _Tumours) -> Array:
    return np.linspace(0, float(tumours.dose_gy.max()), _CURVE_POINTS)


def _fits(
    tumours: _Tumours, significant: Sequence[str], level: float, where: str
) -> tuple[list[GrowthFit], list[Finding], dict[str, Band]]:
    fits: list[GrowthFit] = []
    findings: dict[tuple[str, str], Finding] = {}
    bands: dict[str, Band] = {}
    for name, method in METHODS.items():
        try:
            fit = _fit(tumours, method)
        except StatisticsError as error:
            found = [Finding("growth-not-fitted", "info", f"By the method {name}: {error}", where)]
        else:
            parameters = _parameters(fit, tumours)
            vague = _undetermined(parameters, tumours)
            found = [replace(f, message=f"By the method {name}: {f.message}", where=where) for f in fit.findings]
            found += [_not_determined(grade, where) for grade in vague]
            usable = fit.converged and not vague and all(math.isfinite(p.u_scale_gy) for p in parameters.values())
            fits.append(
                GrowthFit(
                    method=name,
                    parameters={grade: parameters[grade] for grade in significant},
                    patient_sd=math.sqrt(float(fit.population.omega[0, 0])),
                    residual_sd=fit.population.sigma,
                    log_likelihood=fit.log_likelihood,
                    usable=usable,
                )
            )
            if method == "laplace" and usable:
                bands = {grade: _band(fit, tumours, grade, level) for grade in significant}
        findings |= {(f.code, f.message): f for f in found}
    return fits, list(findings.values()), bands


def _fit(tumours: _Tumours, method: Method) -> NonlinearMixedFit:
    design = _design(tumours)
    _refuse_flat(tumours)
    try:
        # A search that runs off says so by its result.
        with np.errstate(all="ignore"):
            return fit_asymptotic_growth(
                dose=tumours.dose_gy,
                response=tumours.loss,
                patients=tumours.patients.tolist(),
                amplitude=design,
                log_dose=design,
                method=method,
            )
    except StatisticsError as error:
        if error.code != "mixed-not-determined":
            raise
        raise StatisticsError(
            "The doses do not determine D₀ of a curve: the loss is about constant, or rises in a straight line.",
            code="growth-not-determined",
        ) from None


def _refuse_flat(tumours: _Tumours) -> None:
    """Refuse a grade for which, without patients, a constant or a straight line is best: a search for D₀ never ends."""
    for grade in sorted(set(tumours.grades.tolist())):
        own = tumours.of([grade])
        scales = np.geomspace(own.dose_gy.min() / _UNDETERMINED, own.dose_gy.max() * _UNDETERMINED, _CURVE_POINTS)
        shapes = -np.expm1(-own.dose_gy / scales[:, None])
        explained = (shapes @ own.loss) ** 2 / np.sum(shapes**2, axis=1)
        best = float(scales[int(np.argmax(explained))])
        if not own.dose_gy.min() / _FAR < best < own.dose_gy.max() * _FAR:
            raise StatisticsError(
                f"The doses do not determine D₀ of the curve of {grade}: the loss is about constant, or rises in a "
                "straight line.",
                code="growth-not-determined",
            )


def _design(tumours: _Tumours) -> Design | None:
    several = len(set(tumours.grades.tolist())) > 1
    return build_design([Factor("grade", tumours.grades.tolist())]) if several else None


def _row(tumours: _Tumours, grade: str) -> Array:
    """Return the row of the design of a grade."""
    design = _design(tumours)
    return np.ones(1) if design is None else design.at({"grade": grade})[0]


def _parameters(fit: NonlinearMixedFit, tumours: _Tumours) -> dict[str, GrowthParameters]:
    found = {}
    for grade in sorted(set(tumours.grades.tolist())):
        row = _row(tumours, grade)
        pair = np.zeros((2, 2 * len(row)))
        pair[0, : len(row)] = pair[1, len(row) :] = row
        (amplitude, log_scale), covariance = pair @ fit.coefficients, pair @ fit.covariance @ pair.T
        u_amplitude, u_log_scale = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), np.nan))
        scale = math.exp(min(log_scale, _LARGEST_LOG))
        found[grade] = GrowthParameters(float(amplitude), float(u_amplitude), scale, scale * float(u_log_scale))
    return found


def _band(fit: NonlinearMixedFit, tumours: _Tumours, grade: str, level: float) -> Band:
    row = _row(tumours, grade)
    return growth_band(fit, _doses(tumours.of([grade])), amplitude=row, log_dose=row, level=level)


def _undetermined(parameters: Mapping[str, GrowthParameters], tumours: _Tumours) -> list[str]:
    """Return the grades whose D₀ lies far from all doses."""
    doses = {grade: tumours.of([grade]).dose_gy for grade in parameters}
    return [
        grade
        for grade, found in parameters.items()
        if not doses[grade].min() / _UNDETERMINED < found.scale_gy < doses[grade].max() * _UNDETERMINED
    ]


def _not_determined(grade: str, where: str) -> Finding:
    return Finding(
        "growth-not-determined",
        "warning",
        f"The dose D₀ of the curve of {grade} is not determined: the loss is about constant, or rises in a straight "
        "line, over the doses.",
        where,
    )


def _tests(tumours: _Tumours) -> dict[str, ChiSquaredTest]:
    """Return the test of each grade for which both models can be fitted."""
    found: dict[str, ChiSquaredTest] = {}
    for grade in sorted(set(tumours.grades.tolist())):
        own = tumours.of([grade])
        try:
            curve = _fit(own, "laplace")
            constant = fit_linear_mixed(
                response=own.loss,
                design=build_design([], rows=len(own.loss)),
                random=[RandomEffect("patient", own.patients.tolist())],
                reml=False,
            )
        except StatisticsError:
            continue
        if curve.converged:
            statistic = max(2 * (curve.log_likelihood - constant.log_likelihood), 0.0)
            found[grade] = chi_squared_test(statistic, 1)
    return found
