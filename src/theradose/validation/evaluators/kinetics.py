"""Fits of time-activity curves and their integrals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from theradose.kinetics.exponential import ExponentialModel
from theradose.kinetics.fit import fit_model
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.settings import default_settings
from theradose.model.curve import CurveFit, TimeActivityCurve
from theradose.nuclides import load_nuclide
from theradose.validation.evaluator import evaluator

_CALIBRATION = "calibration:camera"


def measured_curve(t_h: Sequence[float], activity_mbq: Sequence[float], relative_u: float) -> TimeActivityCurve:
    """Return a curve of points with equal relative uncertainties, and 3 % of calibration in common."""
    activity = np.array(activity_mbq)
    return TimeActivityCurve(
        "kidney", np.array(t_h, float), activity, relative_u * activity, {_CALIBRATION: 0.03}, "table"
    )


def mono_numbers(fit: CurveFit, decay_constant_per_h: float) -> dict[str, float]:
    """Return the numbers of a mono-exponential fit that a publication prints."""
    amplitude, rate = fit.parameters["amplitude_1_mbq"], fit.parameters["rate_1_per_h"]
    u_amplitude, u_rate = np.sqrt(np.diag(fit.covariance))
    biological = rate - decay_constant_per_h
    return {
        "amplitude": amplitude,
        "biological rate": biological,
        "effective half-life": fit.effective_half_life_h or math.nan,
        "chi-squared": fit.chi_squared,
        "AICc": fit.aicc,
        "integral": fit.tia_mbq_h,
        "uncertainty of the integral": fit.u_tia_mbq_h or math.nan,
        "CV of the amplitude": 100 * u_amplitude / amplitude,
        "CV of the biological rate": 100 * u_rate / biological,
        "CV of the effective rate": 100 * u_rate / rate,
        "correlation": fit.covariance[0, 1] / (u_amplitude * u_rate),
    }


@evaluator("mono-exponential-fit")
def mono_exponential_fit(
    *, number: str, t_h: Sequence[float], activity_mbq: Sequence[float], relative_u: float, half_life_d: float
) -> float:
    """Return a number of a mono-exponential fit."""
    decay = math.log(2) / (24 * half_life_d)
    curve = measured_curve(t_h, activity_mbq, relative_u)
    return mono_numbers(fit_model(curve, "mono", decay_constant_per_h=decay), decay)[number]


@evaluator("physical-tail-fit")
def physical_tail_fit(
    *, number: str, t_h: Sequence[float], activity_mbq: Sequence[float], relative_u: float, half_life_d: float
) -> float:
    """Return a number of the fit of A(α exp(-(λ1+λp)t) + (1-α) exp(-λp t)), built from the parts of other models."""
    decay = math.log(2) / (24 * half_life_d)
    model = ExponentialModel("tail", ((1.0, 0.0), (0.0, 1.0)), fixed_biological_rates_per_h=(0.0,), nonnegative=False)
    fit = fit_model(measured_curve(t_h, activity_mbq, relative_u), model, decay_constant_per_h=decay)
    first, second = fit.parameters["amplitude_1_mbq"], fit.parameters["amplitude_2_mbq"]
    numbers = {
        "share of the first phase": first / (first + second),
        "integral": fit.tia_mbq_h,
        "chi-squared": fit.chi_squared,
        "AICc": fit.aicc,
    }
    return numbers[number]


@evaluator("averaged-integral")
def averaged_integral(
    *, number: str, nuclide: str, t_h: Sequence[float], activity_mbq: Sequence[float], relative_u: float
) -> float:
    """Return the integral averaged over models, or a source of its uncertainty, in MBq·h."""
    tia, _ = integrate_curve(measured_curve(t_h, activity_mbq, relative_u), nuclide=load_nuclide(nuclide))
    if number == "integral":
        return tia.value.value
    source = {"uncertainty of the fit": "fit:kidney", "share of the calibration": _CALIBRATION}[number]
    contribution = tia.value.contributions[source] or math.nan
    return contribution / tia.value.value if number.startswith("share") else contribution


@evaluator("infusion")
def infusion(*, half_life_h: float, infusion_h: float, t_h: Sequence[float], number: str) -> float:
    """Return the area of a mono-exponential without the infusion correction over that with it, or over A0 T/ln 2."""
    times = np.array(t_h)
    activity = 100 * 0.5 ** (times / half_life_h)
    curve = TimeActivityCurve("blood", times, activity, 0.05 * activity, {}, "table")
    decay = load_nuclide("Lu-177").decay_constant_per_h
    without = fit_model(curve, "mono", decay_constant_per_h=decay).tia_mbq_h
    if number == "area":
        return without / (100 * half_life_h / math.log(2))
    return without / fit_model(curve, "mono", decay_constant_per_h=decay, infusion_h=infusion_h).tia_mbq_h


@evaluator("lanczos")
def lanczos(*, data: str, number: str) -> float:
    """Return a certified number of NIST Lanczos1, 2 or 3: ``b1`` …, ``sd of b1`` …, or ``residual sum of squares``."""
    return _lanczos_numbers(data)[number]


@cache
def _lanczos_numbers(data: str) -> dict[str, float]:
    """Return parameters in the order of NIST, their deviations scaled by the residuals, and the residuals."""
    written = {"Lanczos1": ".12e", "Lanczos2": ".5e", "Lanczos3": ".4f"}[data]
    x = 0.05 * np.arange(24)
    exact = 0.0951 * np.exp(-x) + 0.8607 * np.exp(-3 * x) + 1.5576 * np.exp(-5 * x)
    y, u = np.array([float(format(value, written)) for value in exact]), 1e-5
    curve = TimeActivityCurve("data", x, y, np.full(len(x), u), {}, "NIST")
    unbounded = replace(default_settings(), physical_decay_bound=False)
    fit = fit_model(curve, "tri", decay_constant_per_h=0.1, settings=unbounded)
    squares = fit.chi_squared * u**2
    deviations = np.sqrt(np.diag(fit.covariance) / u**2 * squares / (len(x) - 6))
    # Ours: amplitudes, then rates; theirs: in pairs, slowest first.
    order = [0, 3, 1, 4, 2, 5]
    parameters = np.array(list(fit.parameters.values()))[order]
    return (
        {f"b{number}": float(value) for number, value in enumerate(parameters, 1)}
        | {f"sd of b{number}": float(value) for number, value in enumerate(deviations[order], 1)}
        | {"residual sum of squares": squares}
    )
