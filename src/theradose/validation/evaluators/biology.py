"""Biologically effective doses, uniform doses, and probabilities of effects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theradose.biology.eud import eud_gy, geud_gy
from theradose.biology.lq import bed, eqd2, lea_catcheside
from theradose.biology.ntcp import lyman_ntcp
from theradose.biology.parameters import packaged_parameters
from theradose.biology.tcp import dose_for_probability, largest_shrinkage, logistic_tcp
from theradose.data import load_yaml
from theradose.kinetics.course import TimeCourse, course_of_phases
from theradose.validation.evaluator import evaluator


def _course(amplitudes: Sequence[float], half_lives_h: Sequence[float]) -> TimeCourse:
    return course_of_phases(amplitudes, math.log(2) / np.array(half_lives_h, float))


@evaluator("lea-catcheside")
def factor(*, amplitudes: Sequence[float], half_lives_h: Sequence[float], repair_half_life_h: float) -> float:
    """Return the Lea-Catcheside factor of a sum of exponentials."""
    return lea_catcheside(course=_course(amplitudes, half_lives_h), repair_half_life_h=repair_half_life_h)


@evaluator("dose-of-curve")
def dose_of_curve(*, amplitudes: Sequence[float], half_lives_h: Sequence[float]) -> float:
    """Return the dose of a sum of exponentials of dose rate, Gy."""
    return float(_course(amplitudes, half_lives_h).integral()[0])


@evaluator("bed")
def biologically_effective_dose(
    *,
    dose_gy: float,
    amplitudes: Sequence[float],
    half_lives_h: Sequence[float],
    alpha_beta_gy: float,
    repair_half_life_h: float,
) -> float:
    """Return the biologically effective dose in Gy."""
    g = factor(amplitudes=amplitudes, half_lives_h=half_lives_h, repair_half_life_h=repair_half_life_h)
    return bed(dose_gy=dose_gy, alpha_beta_gy=alpha_beta_gy, g=g)


@evaluator("bed-of-cycles")
def bed_of_cycles(
    *, number: str, dose_gy: float, cycles: int, half_life_h: float, alpha_beta_gy: float, repair_half_life_h: float
) -> float:
    """Return the sum over equal cycles that lie far apart, as ``BED`` or ``EQD2``, Gy."""
    total = cycles * biologically_effective_dose(
        dose_gy=dose_gy,
        amplitudes=[1.0],
        half_lives_h=[half_life_h],
        alpha_beta_gy=alpha_beta_gy,
        repair_half_life_h=repair_half_life_h,
    )
    return total if number == "BED" else eqd2(bed_gy=total, alpha_beta_gy=alpha_beta_gy)


@evaluator("uniform-dose")
def uniform_dose(*, kind: str, parameter: float, dose_gy: Sequence[float], volume: Sequence[float]) -> float:
    """Return the generalised equivalent uniform dose by n, or that of equal survival by alpha, Gy."""
    doses, volumes = np.array(dose_gy, float), np.array(volume, float)
    if kind.startswith("generalised"):
        return geud_gy(dose_gy=doses, volume=volumes, n=parameter)
    return eud_gy(dose_gy=doses, volume=volumes, alpha_per_gy=parameter)


@evaluator("ntcp-kidney")
def ntcp_kidney(*, dose_gy: Sequence[float], volume: Sequence[float]) -> float:
    """Return the complication probability of the packaged parameters of kidneys."""
    values = packaged_parameters("ntcp", "kidney-emami").values
    geud = geud_gy(dose_gy=np.array(dose_gy, float), volume=np.array(volume, float), n=values["n"])
    return lyman_ntcp(geud_gy=geud, td50_gy=values["td50_gy"], m=values["m"])


@evaluator("ntcp-td5")
def ntcp_td5(*, probability: float) -> float:
    """Return the uniform dose to kidneys at which the packaged parameters give a probability, Gy."""
    from scipy.optimize import brentq

    values = packaged_parameters("ntcp", "kidney-emami").values
    td50 = values["td50_gy"]
    return float(
        brentq(lambda dose: lyman_ntcp(geud_gy=dose, td50_gy=td50, m=values["m"]) - probability, 0.5 * td50, td50)
    )


@evaluator("tcp-g2")
def tcp_g2(*, number: str, argument: float) -> float:
    """Return a number of the logistic curve at a dose, or the dose of a probability."""
    parameters = packaged_parameters("tcp", "net-g2")
    if number == "dose":
        return dose_for_probability(probability=argument, parameters=parameters)
    probability = logistic_tcp(dose_gy=argument, parameters=parameters)
    return {
        "probability": probability.value,
        "odds": probability.odds,
        "low odds": probability.odds_interval[0],
        "high odds": probability.odds_interval[1],
        "low probability": probability.interval[0],
        "high probability": probability.interval[1],
    }[number]


@evaluator("shrinkage")
def shrinkage(*, dose_gy: float) -> float:
    """Return the largest loss of volume in per cent."""
    return 100 * largest_shrinkage(dose_gy=dose_gy, parameters=packaged_parameters("tcp", "net-g2", "shrinkage"))


@evaluator("responder-volume")
def responder_volume(*, number: str) -> float:
    """Return the loss of volume in per cent that the packaged ratio of diameters means; `number` tells the case."""
    ratio = float(load_yaml("radiobiology.yaml")["tcp"]["net-g2"]["responder_diameter_ratio"]["value"])
    return 100 * (1 - ratio**3)
