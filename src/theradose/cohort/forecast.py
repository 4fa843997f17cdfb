"""What one patient's counts say of the response of the marrow, and what that means for the next cycle.

References
----------
[Friberg2002]_ The model; no parameters for radionuclide therapy are published, and the prior is illustrative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.biology.haematology import CycleDoseRate, dose_rate_of_cycles
from theradose.biology.haematology_fit import (
    PARAMETERS,
    PredictedNadir,
    ResponseFit,
    ResponsePrior,
    fit_response,
    posterior_interval,
    predict_counts,
    predict_nadir,
)
from theradose.cohort.counts import CountCourse, PatientCourses
from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.counts import LABELS
from theradose.statistics.intervals import Interval
from theradose.units import conversion_factor

_H_PER_D = conversion_factor("d", "h")
_CURVE_POINTS = 160
FORECAST_LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class NextCycle:
    """The cycle to come; ``None`` takes the mean dose, and the last interval, of the cycles so far."""

    dose_gy: float | None = None
    after_d: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CountForecast:
    """Response of one kind of cells of a patient and its course through the next cycle.

    Attributes
    ----------
    patient, quantity, exposure : str
        Whose, of what, by which dose.
    course : CountCourse
        What was counted.
    fit : ResponseFit
        Of the marrow.
    parameters : dict of str to Interval
        With their 90 % intervals.
    start_d, dose_gy : float
        Of the next cycle.
    nadir : PredictedNadir
        In the next cycle, over as long as the interval before it.
    t_d : ndarray, shape (m,)
        Days of the curve, since the first administration.
    curve, low, high : ndarray, shape (m,)
        Counts at the mode, and their 90 % interval.
    """

    patient: str
    quantity: str
    exposure: str
    course: CountCourse
    fit: ResponseFit
    parameters: dict[str, Interval]
    start_d: float
    dose_gy: float
    nadir: PredictedNadir
    t_d: Array
    curve: Array
    low: Array
    high: Array

    def __post_init__(self) -> None:
        for name in ("t_d", "curve", "low", "high"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


def forecast_counts(
    patient: PatientCourses,
    *,
    prior: ResponsePrior,
    exposure: str,
    following: NextCycle,
    half_life_h: float | None = None,
    seed: int = 0,
) -> CountForecast:
    """Return the response of a patient's marrow and the course of a next cycle.

    Counts under a transfusion or a growth factor take no part.

    Parameters
    ----------
    patient : PatientCourses
        With counts of the cells of the prior.
    prior : ResponsePrior
        Of the cells.
    exposure : str
        Region and method of the dose to red marrow, in every cycle.
    following : NextCycle
        The cycle to come.
    half_life_h : float, optional
        Effective half-life in marrow where the table of doses has none.
    seed : int
        Of the draws.

    Raises
    ------
    StatisticsError
        ``forecast-dose``, ``forecast-half-life``, ``forecast-interval``, ``forecast-counts``.

    References
    ----------
    [Friberg2002]_
    """
    course = patient.course(prior.quantity)
    used = None if course is None else ~course.influenced
    if course is None or used is None or not used.any():
        raise StatisticsError(
            f"{patient.patient} has no counts of {LABELS[prior.quantity]}, or all are under a transfusion or growth "
            "factor: choose another patient.",
            code="forecast-counts",
        )
    doses, half_lives = _cycles(patient, exposure, half_life_h)
    starts = np.array(patient.clock.start_d)
    interval = following.after_d
    if interval is None:
        if len(starts) < 2:
            raise StatisticsError(
                f"{patient.patient} has had one cycle: state after how many days the next one is given.",
                code="forecast-interval",
            )
        interval = float(starts[-1] - starts[-2])
    start_d = float(starts[-1] + interval)
    dose = float(np.mean(doses)) if following.dose_gy is None else following.dose_gy
    given = _dose_rate(starts, doses, half_lives)
    fit = fit_response(
        t_h=course.t_d[used] * _H_PER_D, counts=course.values[used], dose_rate=given, prior=prior, seed=seed
    )
    to_come = _dose_rate(np.append(starts, start_d), [*doses, dose], [*half_lives, half_lives[-1]])
    nadir = predict_nadir(
        fit=fit,
        dose_rate=to_come,
        start_h=start_d * _H_PER_D,
        end_h=(start_d + interval) * _H_PER_D,
        level=FORECAST_LEVEL,
    )
    days = np.linspace(min(float(course.t_d[0]), 0.0), start_d + interval, _CURVE_POINTS)
    mode, draws = predict_counts(fit=fit, t_h=days * _H_PER_D, dose_rate=to_come)
    bands = [posterior_interval(fit, draws[:, k], mode[k], level=FORECAST_LEVEL) for k in range(len(days))]
    return CountForecast(
        patient=patient.patient,
        quantity=prior.quantity,
        exposure=exposure,
        course=course,
        fit=fit,
        parameters={
            name: posterior_interval(fit, fit.draws[:, k], getattr(fit.parameters, name), level=FORECAST_LEVEL)
            for k, name in enumerate(PARAMETERS)
        },
        start_d=start_d,
        dose_gy=dose,
        nadir=nadir,
        t_d=days,
        curve=mode,
        low=np.array([band.low for band in bands]),
        high=np.array([band.high for band in bands]),
    )


def _cycles(patient: PatientCourses, exposure: str, half_life_h: float | None) -> tuple[list[float], list[float]]:
    by_cycle = {dose.cycle: dose for dose in patient.doses if dose.key == exposure}
    missing = [cycle for cycle in patient.clock.cycles if cycle not in by_cycle]
    if missing:
        known = ", ".join(dict.fromkeys(dose.key for dose in patient.doses))
        raise StatisticsError(
            f"{patient.patient} has no dose to {exposure} in cycle {missing[0]}: choose one that every cycle has, of "
            f"{known}.",
            code="forecast-dose",
        )
    rows = [by_cycle[cycle] for cycle in patient.clock.cycles]
    half_lives = [row.effective_half_life_h or half_life_h for row in rows]
    known_lives = [value for value in half_lives if value is not None]
    if len(known_lives) < len(rows):
        raise StatisticsError(
            f"The effective half-life in marrow of {patient.patient} is not known: fill 'effective_half_life_h' in the "
            "table of doses, or state it.",
            code="forecast-half-life",
        )
    return [row.dose_gy for row in rows], known_lives


def _dose_rate(starts_d: Array, doses: Sequence[float], half_lives: Sequence[float]) -> CycleDoseRate:
    return dose_rate_of_cycles(
        start_h=starts_d * _H_PER_D, dose_gy=np.array(doses), effective_half_life_h=np.array(half_lives)
    )
