"""Logistic models and the receiver operating characteristic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theradose.statistics.binary.logistic import fit_logistic
from theradose.statistics.binary.mixed import MixedMethod, fit_logistic_mixed
from theradose.statistics.binary.roc import auc_delong, operating_point, roc, youden
from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.validation.evaluator import evaluator


@evaluator("operating-point")
def rate_of_a_dose(*, number: str, dose_gy: float, doses_gy: Sequence[float], cases: Sequence[int],
                   controls: Sequence[int]) -> float:  # fmt: skip
    """Return sensitivity or specificity of a dose, for counts of tumours at each dose."""
    point = operating_point(roc(*_tumours(doses_gy, cases, controls)), dose_gy)
    return {"sensitivity": point.sensitivity, "specificity": point.specificity}[number].value


@evaluator("youden")
def best_index(*, doses_gy: Sequence[float], cases: Sequence[int], controls: Sequence[int]) -> float:
    """Return the largest index of Youden."""
    return youden(roc(*_tumours(doses_gy, cases, controls))).youden


@evaluator("auc")
def area(*, number: str, doses_gy: Sequence[float], cases: Sequence[int], controls: Sequence[int]) -> float:
    """Return the area under the curve or its standard error."""
    result = auc_delong(*_tumours(doses_gy, cases, controls))
    return {"area": result.value, "standard error": result.u}[number]


@evaluator("firth")
def penalised(*, coefficient: str, groups: Sequence[str], cases: Sequence[int], controls: Sequence[int]) -> float:
    """Return a coefficient of a table of two groups by Firth's method."""
    labels = np.repeat([*groups, *groups], [*cases, *controls])
    outcome = np.repeat([1, 0], [sum(cases), sum(controls)])
    fit = fit_logistic(response=outcome, design=build_design([Factor("group", list(labels))]), method="firth")
    return float(fit.coefficients[fit.names.index(coefficient)])


@evaluator("logistic-mixed")
def mixed(*, number: str, method: MixedMethod, dose_gy: Sequence[float], grade: Sequence[int], patient: Sequence[int],
          response: Sequence[int]) -> float:  # fmt: skip
    """Return an estimate of logit p = b0 + b1 D + b2 D·[grade 2] + u of the patient."""
    dose = Numeric("dose_gy", np.array(dose_gy))
    design = build_design([dose, Interaction(dose, Factor("grade", grade, reference=1))])
    fit = fit_logistic_mixed(response=response, design=design, groups=patient, method=method)
    values = dict(zip(("b0", "b1", "b2"), map(float, fit.coefficients), strict=True))
    values |= {f"u({name})": math.sqrt(float(fit.covariance[k, k])) for k, name in enumerate(("b0", "b1", "b2"))}
    return (values | {"sigma": fit.random_sd, "log-likelihood": fit.log_likelihood})[number]


def _tumours(doses: Sequence[float], cases: Sequence[int], controls: Sequence[int]) -> tuple[list[float], list[int]]:
    """Return dose and outcome of each tumour, from the counts of both outcomes at each dose."""
    counts = [*cases, *controls]
    scores = np.repeat([*doses, *doses], counts)
    outcome = np.repeat([1, 0], [sum(cases), sum(controls)])
    return scores.tolist(), outcome.tolist()
