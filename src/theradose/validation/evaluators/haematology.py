"""Foci of blood cells, and counts after irradiation of marrow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theradose.biology.foci import blood_dose, foci_per_cell
from theradose.biology.haematology import Effect, MarrowResponse, dose_rate_of_cycles, myelosuppression
from theradose.kinetics.course import TimeCourse, course_of_phases
from theradose.validation.evaluator import evaluator


def _course(amplitudes_mgy_per_h: Sequence[float], half_lives_h: Sequence[float]) -> TimeCourse:
    return course_of_phases(amplitudes_mgy_per_h, math.log(2) / np.array(half_lives_h, float))


@evaluator("blood-dose")
def dose_to_blood(*, t_h: float, amplitudes_mgy_per_h: Sequence[float], half_lives_h: Sequence[float]) -> float:
    """Return the dose to blood so far, mGy."""
    return float(blood_dose(t_h=[t_h], dose_rate=_course(amplitudes_mgy_per_h, half_lives_h))[0])


@evaluator("foci-per-cell")
def foci(
    *,
    t_h: float,
    amplitudes_mgy_per_h: Sequence[float],
    half_lives_h: Sequence[float],
    induction_per_mgy: float,
    repair_half_life_h: float,
    unrepaired: float,
) -> float:
    """Return the radiation-induced foci per cell."""
    found = foci_per_cell(
        t_h=[t_h],
        dose_rate=_course(amplitudes_mgy_per_h, half_lives_h),
        induction_per_mgy=induction_per_mgy,
        repair_per_h=math.log(2) / repair_half_life_h,
        unrepaired=unrepaired,
    )
    return float(found[0])


@evaluator("myelosuppression")
def count(
    *,
    t_h: float,
    effect: Effect,
    baseline: float,
    mtt_h: float,
    gamma: float,
    alpha_per_gy: float,
    start_h: Sequence[float],
    dose_gy: Sequence[float],
    effective_half_life_h: Sequence[float],
) -> float:
    """Return the circulating count in the unit of that before therapy."""
    return float(
        myelosuppression(
            t_h=[t_h],
            parameters=MarrowResponse(baseline, mtt_h, gamma, alpha_per_gy),
            dose_rate=dose_rate_of_cycles(
                start_h=start_h, dose_gy=dose_gy, effective_half_life_h=effective_half_life_h
            ),
            effect=effect,
        )[0]
    )
