"""Difference of two groups of tumours, with an effect of the patient.

References
----------
[Warfvinge2024]_ Table 2 and Figure 5: means by a linear mixed model with an effect of the patient.
[KenwardRoger1997]_, [Kuznetsova2017]_ Degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.statistics.design import Factor, build_design
from theradose.statistics.linear.effect_tests import Contrast, Method, contrast, t_test
from theradose.statistics.linear.mixed import LinearMixedFit, RandomEffect, fit_linear_mixed
from theradose.statistics.normality import shapiro_wilk

METHODS: tuple[Method, ...] = ("kenward-roger", "satterthwaite")
MeansModel = Literal["linear-mixed", "linear"]
# Refusals of the mixed model that only say that the patient effect cannot be told from the residual.
_NO_PATIENT_EFFECT = ("single-rows", "too-few-groups")


@dataclass(frozen=True, slots=True, eq=False)
class GroupDifference:
    """Means of two groups and their difference.

    Attributes
    ----------
    quantity : str
        With unit, ``dose over all cycles, Gy``.
    grade : str
        Of the tumours.
    labels : tuple of str
        First and second group.
    values : tuple of ndarray
        What was observed in each.
    patients : int
        Whose tumours they are.
    model : {"linear-mixed", "linear"}
        With or without an effect of the patient.
    means : tuple of Contrast
        Of each group, by the first method.
    difference : mapping of str to Contrast
        Second minus first, by method; ``student`` without an effect of the patient. Empty if `refused`.
    patient_sd, residual_sd : float
        Standard deviations between patients and within.
    residuals : ndarray, shape (n,)
        Of the model.
    normality_p : float
        Shapiro and Wilk's test of them; ``nan`` if there are too few or they are equal.
    refused : str
        Why there is no model; empty otherwise.
    findings : tuple of Finding
        ``singular-fit``, ``no-patient-effect``.
    """

    quantity: str
    grade: str
    labels: tuple[str, str]
    values: tuple[Array, Array]
    patients: int
    model: MeansModel
    means: tuple[Contrast, ...]
    difference: Mapping[str, Contrast]
    patient_sd: float
    residual_sd: float
    residuals: Array
    normality_p: float
    refused: str
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """Tumours in each group."""
        return len(self.values[0]), len(self.values[1])

    @property
    def test(self) -> Contrast | None:
        """The difference by the leading method, ``None`` if there is none."""
        return next(iter(self.difference.values()), None)


def group_difference(
    *,
    values: Sequence[float] | Array,
    second: Sequence[bool] | Array,
    patients: Sequence[str],
    labels: tuple[str, str],
    quantity: str,
    grade: str,
    level: float,
) -> GroupDifference:
    """Return the means of two groups of tumours and their difference.

    Parameters
    ----------
    values : array_like, shape (n,)
        Of each tumour, in the unit of `quantity`.
    second : array_like of bool, shape (n,)
        Whether it belongs to the second group.
    patients : sequence of str, length n
        Whose it is.
    labels : tuple of str
        Of the two groups.
    quantity, grade : str
        What `values` are, and of which tumours.
    level : float
        Of the intervals.

    Returns
    -------
    GroupDifference
        Without model, and with the reason, where a group is empty or nothing is left to estimate a variance from.

    References
    ----------
    [Warfvinge2024]_, [KenwardRoger1997]_
    """
    y, group = np.asarray(values, float), np.asarray(second, bool)
    split = y[~group], y[group]
    where = f"{quantity}, {grade}"
    findings: tuple[Finding, ...] = ()
    fit: LinearMixedFit | None = None
    means: tuple[Contrast, ...] = ()
    difference: dict[str, Contrast] = {}
    refused, patient_sd, residual_sd, residuals = "", math.nan, math.nan, np.empty(0)
    try:
        _refuse_groups(split, labels)
        _refuse_constant_in_patient(y, patients)
        fit = _mixed(y, group, patients)
    except StatisticsError as error:
        if error.code in _NO_PATIENT_EFFECT:
            findings = (_no_patient_effect(where),)
            means, difference["student"], residuals, residual_sd = _student(split, labels, level)
        else:
            refused = str(error)
    if fit is not None:
        by_method = {
            method: contrast(fit, _ROWS, method, level=level, names=(*labels, "difference")) for method in METHODS
        }
        means = by_method[METHODS[0]][:2]
        difference = {method: found[2] for method, found in by_method.items()}
        patient_sd, residual_sd, residuals = float(fit.random[0].sd[0]), fit.residual_sd, fit.residuals
        findings = tuple(replace(f, where=where) for f in fit.findings)
    return GroupDifference(
        quantity=quantity,
        grade=grade,
        labels=labels,
        values=split,
        patients=len(set(patients)),
        model="linear" if "student" in difference else "linear-mixed",
        means=means,
        difference=difference,
        patient_sd=patient_sd,
        residual_sd=residual_sd,
        residuals=residuals,
        normality_p=shapiro_wilk(residuals)[1],
        refused=refused,
        findings=findings,
    )


_ROWS = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _mixed(y: Array, group: Array, patients: Sequence[str]) -> LinearMixedFit:
    labels = np.where(group, "second", "first").tolist()
    design = build_design([Factor("group", labels, reference="first")])
    fit = fit_linear_mixed(response=y, design=design, random=[RandomEffect("patient", list(patients))])
    if not fit.converged:
        raise StatisticsError(
            "The likelihood of the mixed model could not be maximised, so there are no means and no test.",
            code="not-converged",
        )
    return fit


def _student(
    split: tuple[Array, Array], labels: tuple[str, str], level: float
) -> tuple[tuple[Contrast, ...], Contrast, Array, float]:
    """Return means and difference with one residual variance for both groups."""
    sizes = [len(part) for part in split]
    centres = [float(part.mean()) for part in split]
    residuals = np.concatenate([part - centre for part, centre in zip(split, centres, strict=True)])
    df = float(sum(sizes) - 2)
    sd = math.sqrt(float(residuals @ residuals) / df)
    means = tuple(
        t_test(centre, sd / math.sqrt(n), df, level=level, name=label)
        for centre, n, label in zip(centres, sizes, labels, strict=True)
    )
    se = sd * math.sqrt(sum(1 / n for n in sizes))
    return means, t_test(centres[1] - centres[0], se, df, level=level, name="difference"), residuals, sd


def _refuse_groups(split: tuple[Array, Array], labels: tuple[str, str]) -> None:
    for part, label in zip(split, labels, strict=True):
        if not len(part):
            raise StatisticsError(f"There is no {label}, so there is nothing to compare.", code="one-group")
    if len(split[0]) + len(split[1]) < 3:
        raise StatisticsError("Two tumours do not show how much tumours differ: add tumours.", code="too-few-rows")
    if all(np.ptp(part) == 0 for part in split):
        raise StatisticsError("All values of a group are equal, so there is no variance to compare with.",
                              code="constant-response")  # fmt: skip


def _refuse_constant_in_patient(y: Array, patients: Sequence[str]) -> None:
    """Refuse values that are those of the patients: nothing is left that differs between tumours of a patient."""
    codes = np.unique(list(patients), return_inverse=True)[1]
    if codes.max() + 1 < len(y) and all(np.ptp(y[codes == code]) == 0 for code in range(codes.max() + 1)):
        raise StatisticsError(
            "The value is the same for all tumours of a patient, so a model of tumours in patients has no residual: "
            "see the probability of response by this value.",
            code="constant-in-patient",
        )


def _no_patient_effect(where: str) -> Finding:
    return Finding(
        "no-patient-effect",
        "info",
        "The tumours do not allow an effect of the patient (one tumour for each patient, or a single patient): the "
        "model is without, and takes tumours for independent.",
        where,
    )
