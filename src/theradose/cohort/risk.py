"""Models of the risk of a grade in a cycle, fitted on a cohort of one's own and judged on patients they did not see.

Three sets of predictors are compared by the same splits: what is known without dosimetry, the same with one dose to red
marrow, and with all doses. A model from another cohort is not offered: none is published for radionuclide therapy.

References
----------
[leCessie1992]_ The estimator.
[Brier1950]_, [Cox1958]_ Score and calibration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.cohort.counts import PatientCourses
from theradose.cohort.relations import toxicity_constant
from theradose.cohort.toxicity_rows import COVARIATES, ToxicityRow, exposures, toxicity_rows, usable_covariates
from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.counts import LABELS, DoseOfCycle, PatientFacts
from theradose.model.finding import Finding
from theradose.statistics.binary.ridge import (
    Calibration,
    brier_score,
    calibration,
    choose_penalty,
    cross_validate,
    fit_ridge_logistic,
)
from theradose.statistics.binary.roc import auc_delong

FOLDS, REPEATS = 5, 5
_GROUPS = 5
_REPLICATES = 2000
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class CalibrationGroup:
    """Rows of neighbouring predictions: their mean, the share with the grade, and its interval by Wilson."""

    rows: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """One set of predictors.

    Attributes
    ----------
    name : str
        What it knows.
    predictors : tuple of str
        Its columns.
    coefficients : ndarray, shape (p,)
        Logits per standard deviation, fitted to all rows.
    penalty : float
        Chosen for all rows.
    brier : float
        Of predictions for unseen patients, mean over the repeats.
    scaled_brier : float
        1 − Brier/Brier of the share of all rows; 0 is no better than that share.
    auc : float
        Probability that a row with the grade has the higher prediction.
    calibration : Calibration
        Of the mean of the repeats.
    groups : tuple of CalibrationGroup
        By rising prediction.
    better : tuple of float or None
        Brier score of the first model less that of this one, with its interval over patients; ``None`` for the first.
    """

    name: str
    predictors: tuple[str, ...]
    coefficients: Array
    penalty: float
    brier: float
    scaled_brier: float
    auc: float
    calibration: Calibration
    groups: tuple[CalibrationGroup, ...]
    better: tuple[float, float, float] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", frozen(self.coefficients, float))


@dataclass(frozen=True, slots=True, eq=False)
class RiskAnalysis:
    """The models of one kind of count.

    Attributes
    ----------
    quantity : str
        Kind of count.
    grade : int
        Whose risk it is.
    patients, rows, events, patients_with_event : int
        That were used.
    models : tuple of RiskModel
        By rising number of predictors.
    folds, repeats, seed : int
        Of the splits.
    findings : tuple of Finding
        What to know.
    """

    quantity: str
    grade: int
    patients: int
    rows: int
    events: int
    patients_with_event: int
    models: tuple[RiskModel, ...]
    folds: int
    repeats: int
    seed: int
    findings: tuple[Finding, ...]


def risk_models(
    patients: Sequence[PatientCourses],
    *,
    quantity: str,
    doses: Sequence[DoseOfCycle],
    facts: Mapping[str, PatientFacts],
    grade: int = 2,
    seed: int = 0,
) -> RiskAnalysis:
    """Return the models of the risk that a count reaches a grade in a cycle.

    Parameters
    ----------
    patients : sequence of PatientCourses
        With counts and doses.
    quantity : str
        Kind of count.
    doses : sequence of DoseOfCycle
        All doses, for the order of the regions.
    facts : mapping of str to PatientFacts
        By patient.
    grade : int
        Whose risk it is.
    seed : int
        Of splits and draws.

    Raises
    ------
    StatisticsError
        ``risk-too-few`` for fewer patients, or patients with or without the grade, than such a model needs.

    References
    ----------
    [leCessie1992]_, [Brier1950]_, [Cox1958]_
    """
    covariates, findings = usable_covariates(patients, facts)
    keys = exposures(doses)
    rows = [
        row
        for row in toxicity_rows(patients, quantity, "cycle", facts)
        if row.has_grade(grade) is not None
        and row.counts.baseline is not None
        and all(key in row.dose_gy and key in row.before_gy for key in keys)
    ]
    outcome = np.array([bool(row.has_grade(grade)) for row in rows], float)
    names = [row.patient for row in rows]
    with_event = {name for name, event in zip(names, outcome, strict=True) if event}
    _refuse_too_few(quantity, grade, len(set(names)), len(with_event))
    sets = _predictors(rows, covariates, keys)
    models: list[RiskModel] = []
    first: Array | None = None
    for name, columns in sets.items():
        matrix = np.column_stack(list(columns.values()))
        validated = cross_validate(
            outcome=outcome, predictors=matrix, groups=names, folds=FOLDS, repeats=REPEATS, seed=seed
        )
        penalty = choose_penalty(outcome=outcome, predictors=matrix, groups=names, folds=FOLDS, seed=seed)
        squares = np.mean((outcome - validated.probability) ** 2, axis=0)
        mean = validated.probability.mean(axis=0)
        share = brier_score(outcome=outcome, predicted=np.full(len(outcome), outcome.mean()))
        models.append(
            RiskModel(
                name=name,
                predictors=tuple(columns),
                coefficients=fit_ridge_logistic(outcome=outcome, predictors=matrix, penalty=penalty).coefficients,
                penalty=penalty,
                brier=float(squares.mean()),
                scaled_brier=float(1 - squares.mean() / share),
                auc=auc_delong(mean, outcome).value,
                calibration=calibration(outcome=outcome, predicted=mean),
                groups=_groups(outcome, mean),
                better=None if first is None else _difference(first - squares, names, seed),
            )
        )
        first = squares if first is None else first
    return RiskAnalysis(
        quantity=quantity,
        grade=grade,
        patients=len(set(names)),
        rows=len(rows),
        events=int(outcome.sum()),
        patients_with_event=len(with_event),
        models=tuple(models),
        folds=FOLDS,
        repeats=REPEATS,
        seed=seed,
        findings=(*findings, _indistinguishable(len(set(names)))),
    )


def _predictors(
    rows: Sequence[ToxicityRow], covariates: Sequence[str], keys: Sequence[str]
) -> dict[str, dict[str, Array]]:
    """Return the columns of each set of predictors by name."""
    known = {
        "log count before the cycle": np.log([row.counts.baseline or math.nan for row in rows]),
        "cycle": np.array([row.cycle + 1.0 for row in rows]),
    }
    for name in covariates:
        known[COVARIATES[name]] = np.array([float(getattr(row.facts, name)) for row in rows])
    sets = {"without dosimetry": known}
    marrow = [key for key in keys if key.startswith("red-marrow")]
    for title, chosen in (
        (f"with {marrow[0]}" if marrow else "", marrow[:1]),
        ("with all doses", keys if len(keys) > 1 or not marrow else ()),
    ):
        if chosen:
            columns = dict(known)
            for key in chosen:
                columns[f"{key}, this cycle"] = np.array([row.dose_gy[key] for row in rows])
                columns[f"{key}, cycles before"] = np.array([row.before_gy[key] for row in rows])
            sets[title] = columns
    return sets


def _refuse_too_few(quantity: str, grade: int, patients: int, with_event: int) -> None:
    fewest, events = (int(toxicity_constant(name)) for name in ("fewest_patients_risk", "fewest_events_risk"))
    if patients < fewest or min(with_event, patients - with_event) < events:
        raise StatisticsError(
            f"A model of the risk of grade {grade} of {LABELS[quantity]} needs {fewest} patients, {events} of them "
            f"with the grade and {events} without: there are {patients}, {with_event} with it.",
            code="risk-too-few",
        )


def _indistinguishable(patients: int) -> Finding:
    known, slope = int(toxicity_constant("indistinguishable_patients")), toxicity_constant("slope_of_true_model")
    return Finding(
        "risk-models-alike",
        "warning",
        f"Models of risk cannot be told apart with {known} patients (the calibration slope of the true model was "
        f"{slope:g} there), and these rest on {patients}: take no differences between them, and no prediction, for "
        "established.",
        "cohort",
    )


def _groups(outcome: Array, predicted: Array) -> tuple[CalibrationGroup, ...]:
    from scipy.stats import norm

    z2 = float(norm.ppf((1 + _LEVEL) / 2)) ** 2
    groups = []
    for members in np.array_split(np.argsort(predicted, kind="stable"), _GROUPS):
        n, share = len(members), float(outcome[members].mean())
        centre = (share + z2 / (2 * n)) / (1 + z2 / n)
        reach = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n) / (1 + z2 / n)
        groups.append(CalibrationGroup(n, float(predicted[members].mean()), share, centre - reach, centre + reach))
    return tuple(groups)


def _difference(gains: Array, names: Sequence[str], seed: int) -> tuple[float, float, float]:
    """Return the mean gain of rows with its percentile interval over patients drawn with replacement."""
    patients = {name: k for k, name in enumerate(dict.fromkeys(names))}
    of_row = np.array([patients[name] for name in names])
    sums, counts = np.bincount(of_row, gains), np.bincount(of_row)
    drawn = np.random.default_rng(seed).integers(len(patients), size=(_REPLICATES, len(patients)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(gains.mean()), float(low), float(high)
