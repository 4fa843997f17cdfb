"""Loss of volume by dose: asymptotic growth with an effect of the patient on the amplitude.

References
----------
[Warfvinge2024]_ Asymptotic growth of the loss of volume with grade on both parameters, Figure 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.cohort.response.control import LikelihoodTest
from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.statistics.asymptotic_growth import (
    AsymptoticGrowthFit,
    GrowthBand,
    GrowthMethod,
    constant_log_likelihood,
    fit_asymptotic_growth,
    growth_band,
)

METHODS: tuple[GrowthMethod, ...] = ("exact", "lindstrom-bates")
_CURVE_POINTS = 121


@dataclass(frozen=True, slots=True, eq=False)
class Shrinkage:
    """Loss of volume by one sum of doses.

    Attributes
    ----------
    fits : tuple of AsymptoticGrowthFit
        By the exact likelihood, and by Lindstrom and Bates; of all grades together.
    shown : tuple of str
        Grades whose response depends significantly on the dose; no curve is stated for others.
    bands : mapping of str to GrowthBand
        Curves of these grades by the exact likelihood.
    tests : mapping of str to LikelihoodTest
        Of each grade alone, against a loss that does not depend on the dose; p is too large, at most by a factor of
        two, because the constant is on the edge of the curves.
    refused : str
        Why there is no fit; empty otherwise.
    findings : tuple of Finding
        ``singular-fit``, ``growth-not-determined``, ``growth-not-fitted``, ``growth-grade-left-out``.
    """

    fits: tuple[AsymptoticGrowthFit, ...]
    shown: tuple[str, ...]
    bands: Mapping[str, GrowthBand]
    tests: Mapping[str, LikelihoodTest]
    refused: str
    findings: tuple[Finding, ...]


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
    tests = _tests(dose_gy, reduction, grades, patients)
    if not significant:
        reason = "Not fitted, because the response does not depend significantly on the dose in any grade."
        return Shrinkage((), (), {}, tests, reason, ())
    fits, findings = _fits(dose_gy, reduction, grades, patients, where)
    if not (fits and fits[0].converged) and set(significant) < set(grades):
        mask = np.isin(grades, list(significant))
        fits, own = _fits(
            dose_gy[mask], reduction[mask], np.array(grades)[mask].tolist(), np.array(patients)[mask].tolist(), where
        )
        left_out = ", ".join(sorted(set(grades) - set(significant)))
        findings = [*own, Finding("growth-grade-left-out", "info", f"The curves of all grades together have no fit; "
                                  f"{left_out} is left out.", where)]  # fmt: skip
    if not fits:
        return Shrinkage((), (), {}, tests, findings[0].message, tuple(findings))
    shown = tuple(grade for grade in significant if fits[0].converged)
    bands = {
        grade: growth_band(
            fits[0], grade, np.linspace(0, dose_gy[np.array(grades) == grade].max(), _CURVE_POINTS), level=level
        )
        for grade in shown
    }
    unique = {(f.code, f.message): f for f in findings}
    return Shrinkage(tuple(fits), shown, bands, tests, "", tuple(unique.values()))


def _fits(
    dose_gy: Array, reduction: Array, grades: Sequence[str], patients: Sequence[str], where: str
) -> tuple[list[AsymptoticGrowthFit], list[Finding]]:
    fits: list[AsymptoticGrowthFit] = []
    findings: list[Finding] = []
    for method in METHODS:
        try:
            fit = fit_asymptotic_growth(
                dose_gy=dose_gy, loss=reduction, grades=grades, patients=patients, method=method
            )
        except StatisticsError as error:
            findings.append(Finding("growth-not-fitted", "info", f"By the method {method}: {error}", where))
            continue
        fits.append(fit)
        findings += [Finding(f.code, f.severity, f.message, where) for f in fit.findings]
    return fits, findings


def _tests(
    dose_gy: Array, reduction: Array, grades: Sequence[str], patients: Sequence[str]
) -> dict[str, LikelihoodTest]:
    """Return the test of each grade for which a curve can be fitted."""
    from scipy import stats

    found: dict[str, LikelihoodTest] = {}
    for grade in sorted(set(grades)):
        mask = np.array(grades) == grade
        own = [patient for patient, inside in zip(patients, mask, strict=True) if inside]
        rows = {"loss": reduction[mask], "grades": [grade] * len(own), "patients": own}
        try:
            curve = fit_asymptotic_growth(dose_gy=dose_gy[mask], **rows)
            gain = 2 * (curve.log_likelihood - constant_log_likelihood(**rows))
        except StatisticsError:
            continue
        statistic = max(gain, 0.0)
        found[grade] = LikelihoodTest(statistic, float(stats.chi2.sf(statistic, 1)))
    return found
