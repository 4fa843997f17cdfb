"""The uptake of the thyroid and its integral, however it is stated: mono-exponential, by a model, or measured.

References
----------
[Haenscheid2013]_ Uptake in the thyroid before the therapy of benign disease, as quoted.
[Hou2021]_ Methods for a single measurement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number
from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.thyroid import UptakeByTransfer, UptakeOfFraction
from theradose.dose.radioiodine.whole_body import residence_of_half_life
from theradose.errors import PlanError
from theradose.kinetics.evaluate import evaluate_tia
from theradose.kinetics.integrate import integrate_curve, thyroid_models
from theradose.kinetics.single_time_point import Assumptions, integrate_single_point
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.plan import Formula, PlanCurve, PlanInput
from theradose.nuclides import load_nuclide
from theradose.numbers import format_given, format_given_percent, format_number, format_percent
from theradose.plan.inputs.thyroid import ThyroidInput, UptakeModel
from theradose.plan.radioiodine.residence import MeasuredResidence, check_half_life, check_residence
from theradose.plan.wording import stated_words, with_u
from theradose.quantify.thyroid import THYROID
from theradose.uncertainty import Uncertain
from theradose.units import conversion_factor

_ROUNDING = 1e-9
_SAMPLES = 2001
H_PER_D = conversion_factor("d", "h")
_FORMS = {
    "mono": Formula(
        "∫RIU dt = U T/ln 2",
        "U uptake extrapolated to the administration, T effective half-life",
        "Haenscheid2013: as quoted",
        "unverified",
    ),
    "fraction": Formula(
        "RIU(t) = U k_B/(k_B − k_T) (e^(−k_T t) − e^(−k_B t)),  ∫RIU dt = U/k_T",
        "U dimensionless uptake, k_B and k_T rates of blood and thyroid with physical decay",
        "Haenscheid2013: as quoted; the integral is recomputed",
        "unverified",
    ),
    "transfer": Formula(
        "RIU(t) = k_t/(k_B − k_T) (e^(−k_T t) − e^(−k_B t)),  ∫RIU dt = k_t/(k_B k_T)",
        "k_t rate of transfer to the thyroid, k_B and k_T rates of blood and thyroid with physical decay",
        "Haenscheid2013: as quoted; the integral is recomputed",
        "unverified",
    ),
    "fit": Formula(
        "∫RIU dt = Ã/A₀", "Ã integral of the fitted activity in the thyroid, A₀ activity that was given",
        "Haenscheid2013: as quoted", "unverified",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ThyroidRequest:
    """What the planner takes: the input, and what was fitted to a file of counts if it names one."""

    inputs: ThyroidInput
    measured: MeasuredResidence | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ThyroidUptake:
    """The integral of the uptake with what it rests on.

    Attributes
    ----------
    residence_h : Uncertain
        ∫RIU dt.
    formula : Formula
        How it follows.
    inputs : tuple of PlanInput
        What was stated.
    findings : tuple of Finding
        What limits it.
    curves : tuple of PlanCurve
        What was measured and fitted.
    """

    residence_h: Uncertain
    formula: Formula
    inputs: tuple[PlanInput, ...]
    findings: tuple[Finding, ...] = ()
    curves: tuple[PlanCurve, ...] = ()


def uptake_of(request: ThyroidRequest) -> ThyroidUptake:
    """Return the integral of the uptake that an input describes.

    Raises
    ------
    PlanError
        ``half-life-above-physical``, ``residence-above-mean-life``, ``uptake-above-one``, ``uptake-single-reading``.

    References
    ----------
    [Haenscheid2013]_
    """
    given = request.inputs
    if given.effective_half_life is not None:
        check_half_life(given.effective_half_life.value, of=THYROID)
    if given.uptake_model is not None:
        uptake = _of_model(given.uptake_model)
    elif given.uptake_curve is not None:
        uptake = _of_curve(request)
    else:
        uptake = _of_half_life(given)
    check_residence(uptake.residence_h.value, of=THYROID)
    return uptake


def _of_half_life(given: ThyroidInput) -> ThyroidUptake:
    uptake, half_life = given.uptake, given.effective_half_life
    # The input refuses one without the other.
    assert uptake is not None and half_life is not None
    inputs = (
        PlanInput("uptake", stated_words(uptake, "%", inside="1")),
        PlanInput("effective half-life", stated_words(half_life, "d", inside="h")),
    )
    residence = residence_of_half_life(
        half_life_h=half_life.from_source(f"half-life:{THYROID}"), initial=uptake.from_source(f"uptake:{THYROID}")
    )
    return ThyroidUptake(residence, _FORMS["mono"], inputs)


def _of_model(model: UptakeModel) -> ThyroidUptake:
    for name, rate in (("blood", model.blood_rate), ("thyroid", model.thyroid_rate)):
        check_half_life(math.log(2) / rate.value, of=name)
    rise = model.blood_rate.from_source("rate:blood")
    clearance = model.thyroid_rate.from_source(f"rate:{THYROID}")
    rates = (
        PlanInput("rate of the blood k_B", stated_words(model.blood_rate, "1/d", inside="1/h")),
        PlanInput("rate of the thyroid k_T", stated_words(model.thyroid_rate, "1/d", inside="1/h")),
    )
    if model.transfer_rate is None:
        assert model.uptake is not None
        form = UptakeOfFraction(model.uptake.from_source(f"uptake:{THYROID}"), rise, clearance)
        return ThyroidUptake(
            form.residence_h,
            _FORMS["fraction"],
            (PlanInput("uptake U", stated_words(model.uptake, "%", inside="1")), *rates),
        )
    transfer = UptakeByTransfer(model.transfer_rate.from_source("rate:transfer"), rise, clearance)
    if transfer.uptake.value > 1:
        raise PlanError(
            "A transfer rate above the rate of the blood makes an uptake of "
            f"{format_percent(transfer.uptake.value)}, more than was given: check the rates and their units, or "
            "whether the number is the dimensionless 'uptake'.",
            code="uptake-above-one",
        )
    transfer_input = PlanInput("rate of transfer k_t", stated_words(model.transfer_rate, "1/d", inside="1/h"))
    return ThyroidUptake(transfer.residence_h, _FORMS["transfer"], (transfer_input, *rates))


def _of_curve(request: ThyroidRequest) -> ThyroidUptake:
    given, measured = request.inputs, request.measured
    source = str(given.uptake_curve) if isinstance(given.uptake_curve, str) else "stated readings"
    if measured is None:
        curve, findings = curve_of_readings(given)
        measured = uptake_residence(curve, administered_mbq=Uncertain(1.0), given=given, findings=findings)
    given_mbq = 1.0 if given.tracer is None or isinstance(given.uptake_curve, tuple) else given.tracer.activity
    inputs = (PlanInput("uptake", measured.how, source), *_fitted_inputs(measured, given_mbq))
    return ThyroidUptake(measured.value, _FORMS["fit"], inputs, measured.findings, measured.curves)


def _fitted_inputs(measured: MeasuredResidence, given_mbq: float) -> Iterator[PlanInput]:
    """Yield readings, effective half-life and highest uptake of a fitted curve."""
    for curve in measured.curves:
        tia = curve.tia
        present = zip(tia.curve.t_h.tolist(), (tia.curve.activity_mbq / given_mbq).tolist(), strict=True)
        readings = "; ".join(f"{format_given(t_h)} h {format_percent(part)}" for t_h, part in present)
        yield PlanInput("readings, with decay", readings, "measured")
        yield PlanInput("effective half-life", with_u(tia.effective_half_life_h / H_PER_D, "d"), "fitted")
        peak, t_h = highest_of(tia)
        yield PlanInput("highest uptake", f"{format_percent(peak / given_mbq)} at {format_number(t_h)} h", "fitted")


def highest_of(tia: TimeIntegratedActivity) -> tuple[float, float]:
    """Return the highest activity of a fitted curve up to its last point, with its time in h.

    References
    ----------
    [Haenscheid2013]_
    """
    t_h = np.linspace(0.0, float(tia.curve.t_h[-1]), _SAMPLES)
    activity, _ = evaluate_tia(tia, t_h)
    highest = int(np.argmax(activity))
    return float(activity[highest]), float(t_h[highest])


def curve_of_readings(given: ThyroidInput) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
    """Return the activity in the thyroid after 1 MBq from the readings of the input."""
    points = given.uptake_curve
    assert isinstance(points, tuple)
    nuclide = load_nuclide(NUCLIDE)
    t_h = np.array([point.t for point in points])
    present = np.array([point.uptake.value for point in points])
    u = np.array([0.0 if point.uptake.u is None else point.uptake.u for point in points])
    findings = []
    assumed = load_number("samples.yaml", "assumed_relative_u")
    unknown = [point.uptake.u is None for point in points]
    relative = given.measurement_u
    if relative is None and any(unknown):
        message = (
            f"The uncertainty of an uptake reading is not stated and assumed to be {format_given_percent(assumed)}."
        )
        findings.append(Finding("measurement-u-assumed", "info", message, THYROID))
        relative = assumed
    u = np.where(unknown, (relative or 0.0) * present, u)
    decay = np.exp(-nuclide.decay_constant_per_h * t_h)
    if given.uptake_decay == "removed":
        present, u = present * decay, u * decay
    check_uptake(present / decay, t_h)
    return TimeActivityCurve(THYROID, t_h, present, u, {}, "uptake"), tuple(findings)


def check_uptake(uptake: Array, t_h: Array) -> None:
    """Refuse an uptake, physical decay taken out, of more than was given.

    Raises
    ------
    PlanError
        ``uptake-above-one``.
    """
    # A reading of all that was given may round to a little more.
    above = np.flatnonzero(uptake > 1 + _ROUNDING)
    if len(above):
        raise PlanError(
            f"The uptake at {t_h[above[0]]:.4g} h is {format_percent(uptake[above[0]])} of what was given, "
            "physical decay taken out: check the standard, the activity that was given, and whether decay is included.",
            code="uptake-above-one",
        )


def uptake_residence(
    curve: TimeActivityCurve, *, administered_mbq: Uncertain, given: ThyroidInput, findings: tuple[Finding, ...] = ()
) -> MeasuredResidence:
    """Return ∫RIU dt of a curve of activity in the thyroid.

    Parameters
    ----------
    curve : TimeActivityCurve
        MBq, physical decay included.
    administered_mbq : Uncertain
        Activity that was given for the measurement.
    given : ThyroidInput
        Method and half-life for a single reading.
    findings : tuple of Finding
        Of the measurement.

    Raises
    ------
    PlanError
        For a single reading without a method.
    FitError
        If the readings cannot be fitted.

    References
    ----------
    [Haenscheid2013]_, [Hou2021]_
    """
    nuclide = load_nuclide(NUCLIDE)
    n_points = len(curve.t_h)
    if n_points > 1:
        tia, noticed = integrate_curve(curve, nuclide=nuclide, models=thyroid_models(n_points))
    elif given.single_time_point is None:
        raise PlanError(
            "One reading of the uptake says nothing about its half-life: state 'single_time_point' (madsen with "
            "'effective_half_life', or haenscheid), or measure again.",
            code="uptake-single-reading",
        )
    else:
        half_life = given.effective_half_life
        assumed = (
            Assumptions()
            if half_life is None
            else Assumptions(half_life.value, None if half_life.u is None else half_life.u / half_life.value)
        )
        tia, noticed = integrate_single_point(curve, nuclide=nuclide, method=given.single_time_point, given=assumed)
    how = f"{n_points} readings, {tia.chosen}" if n_points > 1 else f"1 reading, method {tia.chosen}"
    measured = PlanCurve(THYROID, "uptake" if isinstance(given.uptake_curve, tuple) else "MBq", tia)
    return MeasuredResidence(tia.value / administered_mbq, how, (*findings, *noticed), (measured,))
