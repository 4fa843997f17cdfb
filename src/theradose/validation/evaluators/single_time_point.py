"""Methods of a single time point."""

from __future__ import annotations

import math

import numpy as np

from theradose.data import load_yaml
from theradose.kinetics.single_time_point import Assumptions, integrate_single_point
from theradose.kinetics.single_time_point_methods import assumed_half_life_ratio, haenscheid_ratio
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide
from theradose.validation.evaluator import evaluator


@evaluator("single-time-point-error")
def single_time_point_error(*, method: str, t_h: float, half_life_h: float, assumed_h: float | None = None) -> float:
    """Return by how many per cent a method misses the integral of an exact mono-exponential, seen once."""
    activity = np.array([0.5 ** (t_h / half_life_h)])
    curve = TimeActivityCurve("kidney", np.array([float(t_h)]), activity, 0.03 * activity, {}, "spect")
    tia, _ = integrate_single_point(
        curve, nuclide=load_nuclide("Lu-177"), method=method, given=Assumptions(assumed_h, 0.2)
    )
    return 100 * (tia.value.value * math.log(2) / half_life_h - 1)


@evaluator("haenscheid-ratio")
def ratio(*, relative_time: float) -> float:
    """Return estimate over truth at a time in half-lives."""
    return float(haenscheid_ratio(relative_time, half_life_h=np.array(1.0)))


@evaluator("haenscheid-window")
def window(*, end: str) -> float:
    """Return the lower or upper end of the window, in half-lives, beyond which a finding appears."""
    lower, upper = load_yaml("kinetics/single_time_point.yaml")["haenscheid_window"]["value"]
    return float({"lower": lower, "upper": upper}[end])


@evaluator("assumed-half-life-ratio")
def assumed_ratio(*, t_h: float, assumed_h: float, half_life_h: float) -> float:
    """Return estimate over truth with an assumed half-life."""
    return float(assumed_half_life_ratio(t_h, assumed_h=assumed_h, half_life_h=np.array(half_life_h)))
