"""How accurate the integrals of a protocol are expected to be: a virtual cohort, measured by its visits.

Each patient of the cohort has a curve whose integral is known. It is measured at every visit, at a random time within
the tolerance, with the repeatability of the protocol, and integrated as the main job does. What all visits share
(calibration, recovery, volume, S value) is not simulated: it comes on top and is the same for any number of visits.

References
----------
[Devasia2021]_ Virtual patients measured at few times.
[Gear2018]_ Which contributions the visits share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number
from theradose.errors import FitError
from theradose.kinetics.evaluate import evaluate_tia
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.single_time_point import Assumptions, integrate_single_point
from theradose.model.accuracy import Accuracy
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve
from theradose.model.protocol import MeasurementKind, Protocol, Yield
from theradose.simulate.patient import KineticCurve
from theradose.simulate.population import Population, TrueCurve, load_population

_SETTINGS = "simulation/measurements.yaml"
_KINDS = tuple(MeasurementKind)


@dataclass(frozen=True, slots=True)
class SimulatedVisit:
    """One visit of the simulation.

    Attributes
    ----------
    stream : int
        Number of its random stream: a visit keeps its deviations when others are added, left out or moved.
    t_h, tolerance_h : float
        Planned time and largest deviation.
    kinds : frozenset of MeasurementKind
        What is measured.
    """

    stream: int
    t_h: float
    tolerance_h: float
    kinds: frozenset[MeasurementKind]


def simulation_setting(name: str) -> float:
    """Return a number of ``simulation/measurements.yaml``."""
    return load_number(_SETTINGS, name)


def planned_visits(protocol: Protocol) -> tuple[SimulatedVisit, ...]:
    """Return the visits of a protocol as they are planned."""
    return tuple(
        SimulatedVisit(number, visit.t_h, visit.tolerance_h, frozenset(item.kind for item in visit.measure))
        for number, visit in enumerate(protocol.visits)
    )


def simulate_accuracy(
    protocol: Protocol, result: Yield, visits: Sequence[SimulatedVisit], *, patients: int, seed: int
) -> Accuracy | None:
    """Return the accuracy of one result of a protocol with the given visits.

    Parameters
    ----------
    protocol : Protocol
        Gives repeatability and infusion.
    result : Yield
        Must have a population.
    visits : sequence of SimulatedVisit
        In any order.
    patients : int
        Size of the cohort.
    seed : int
        The same seed has the same patients, whatever the visits.

    Returns
    -------
    Accuracy or None
        ``None`` if fewer than half of the curves could be integrated.
    """
    population = load_population(result.population or "")
    deviations: list[float] = []
    for patient in range(patients):
        truth = population.draw(np.random.default_rng([seed, patient]))
        try:
            estimate = _estimate(protocol, result, visits, population, truth, seed=seed, patient=patient)
        except FitError:
            continue
        deviations.append(estimate / truth.tia_mbq_h - 1)
    if len(deviations) <= patients / 2:
        return None
    return _summary(np.array(deviations), refused=1 - len(deviations) / patients)


def _summary(deviations: Array, *, refused: float) -> Accuracy:
    squares = deviations**2
    rms = math.sqrt(squares.mean())
    return Accuracy(
        sd=round(float(deviations.std(ddof=1)), 5),
        bias=round(float(deviations.mean()), 5),
        rms=round(rms, 5),
        u_rms=round(float(squares.std(ddof=1)) / (2 * rms * math.sqrt(len(squares))), 5),
        refused=round(refused, 5),
    )


def _estimate(
    protocol: Protocol,
    result: Yield,
    visits: Sequence[SimulatedVisit],
    population: Population,
    truth: TrueCurve,
    *,
    seed: int,
    patient: int,
) -> float:
    """Return the integral that the protocol finds, MBq·h."""
    readings = sorted(
        reading
        for visit in visits
        for reading in _readings(
            protocol, result, visit, truth, np.random.default_rng([seed, patient, visit.stream + 1])
        )
    )
    nuclide = population.nuclide
    if result.method == "hybrid":
        shape = [reading for reading in readings if reading[1] == MeasurementKind.PLANAR]
        scale = [reading for reading in readings if reading[1] != MeasurementKind.PLANAR]
        if not scale:
            raise FitError("There is no emission image to scale the planar curve.", code="hybrid-scale-missing")
        tia, _ = integrate_curve(_curve(protocol, result, shape), nuclide=nuclide, infusion_h=protocol.infusion_h)
        fitted, _ = evaluate_tia(tia, np.array([reading[0] for reading in scale]))
        return tia.value.value * float(np.mean([reading[2] for reading in scale] / fitted))
    curve = _curve(protocol, result, readings)
    # A second visit replaces the assumption of a single-time-point method by a measurement.
    if result.method == "curve" or len(readings) > 1:
        return integrate_curve(curve, nuclide=nuclide, infusion_h=protocol.infusion_h)[0].value.value
    half_life = population.median_half_life_h if result.half_life == "population" else nuclide.half_life_h.value
    given = Assumptions(half_life_h=None if result.half_life is None else half_life)
    return integrate_single_point(curve, nuclide=nuclide, method=result.method, given=given)[0].value.value


def _readings(
    protocol: Protocol, result: Yield, visit: SimulatedVisit, truth: TrueCurve, rng: np.random.Generator
) -> list[tuple[float, MeasurementKind, float]]:
    """Return time, kind and measured activity of the readings of a visit that belong to a result."""
    t_h = max(visit.t_h + visit.tolerance_h * rng.uniform(-1, 1), 0.0)
    noise = rng.standard_normal(len(_KINDS))
    true = _true_activity(truth, t_h, infusion_h=protocol.infusion_h)
    return [
        (t_h, kind, true * (1 + relative_u(protocol, kind) * float(deviation)))
        for kind, deviation in zip(_KINDS, noise, strict=True)
        if kind in visit.kinds and kind in result.measured_by
    ]


def _true_activity(truth: TrueCurve, t_h: float, *, infusion_h: float) -> float:
    """Return the activity at a time, after a constant infusion of a curve that is that of a bolus."""
    if infusion_h == 0 or not isinstance(truth, KineticCurve):
        return float(truth.activity_mbq(t_h))
    infused = min(t_h, infusion_h)
    gain = np.expm1(truth.rates_per_h * infused) / (truth.rates_per_h * infusion_h)
    return float((truth.amplitudes_mbq * gain) @ np.exp(-truth.rates_per_h * t_h))


def _curve(
    protocol: Protocol, result: Yield, readings: Sequence[tuple[float, MeasurementKind, float]]
) -> TimeActivityCurve:
    if not readings:
        raise FitError(f"No visit measures '{result.quantity}'.", code="curve-empty")
    times, kinds, values = zip(*readings, strict=True)
    u = [relative_u(protocol, kind) * value for kind, value in zip(kinds, values, strict=True)]
    return TimeActivityCurve(result.quantity, np.array(times), np.array(values), np.array(u), {}, "simulated")


def relative_u(protocol: Protocol, kind: MeasurementKind) -> float:
    """Return the relative standard uncertainty of one reading that is independent of the others."""
    if kind.is_emission_image:
        return protocol.measurement_relative_u.value
    if kind in (MeasurementKind.BLOOD, MeasurementKind.PROBE):
        return load_number("samples.yaml", "assumed_relative_u")
    return simulation_setting(kind.value)
