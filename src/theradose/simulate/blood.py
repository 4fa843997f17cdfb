"""A virtual cohort of blood curves with known truth."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array, frozen
from theradose.simulate.patient import KineticCurve

_COHORT = "simulation/blood-lu177-dotatate.yaml"
BLOOD_HEADER = ("subject", "cycle", "t_h", "concentration_mbq_l", "u_concentration_mbq_l", "specimen")
TREATMENT_HEADER = ("subject", "cycle", "activity_mbq", "infusion_h", "sex")
_CYCLES = 4


@dataclass(frozen=True, slots=True, eq=False)
class BloodTruth:
    """One treatment of the cohort.

    Attributes
    ----------
    subject, cycle : str
        Name of the treatment.
    activity_mbq : float
        Administered activity.
    infusion_h : float
        Length of the infusion that begins at t = 0.
    t_h, concentration_mbq_l, u_mbq_l : ndarray, shape (n,)
        Samples after the infusion, with noise, and their standard uncertainty.
    area_mbq_h_per_l : float
        True integral from 0 to infinity.
    bolus_mbq_l, rates_per_h : ndarray, shape (2,)
        True phases: what each would be at t = 0 after a bolus, and its rate, physical decay included.
    """

    subject: str
    cycle: str
    activity_mbq: float
    infusion_h: float
    t_h: Array
    concentration_mbq_l: Array
    u_mbq_l: Array
    area_mbq_h_per_l: float
    bolus_mbq_l: Array
    rates_per_h: Array

    def __post_init__(self) -> None:
        for name in ("t_h", "concentration_mbq_l", "u_mbq_l", "bolus_mbq_l", "rates_per_h"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    def true_mbq_l(self, t_h: Array) -> Array:
        """Return the true concentration at times after the infusion, shape (n,)."""
        # After the end of a constant infusion a phase is that of a bolus times (e^(λT) − 1)/(λT).
        after = self.bolus_mbq_l * np.expm1(self.rates_per_h * self.infusion_h) / (self.rates_per_h * self.infusion_h)
        return np.asarray(np.exp(-np.outer(t_h, self.rates_per_h)) @ after)


def simulate_blood_cohort(*, seed: int, treatments: int | None = None) -> tuple[BloodTruth, ...]:
    """Return a cohort; the same seed makes the same one.

    Parameters
    ----------
    seed : int
        Of the generator.
    treatments : int, optional
        Number of treatments; that of the published cohort by default.
    """
    spec = {name: entry["value"] for name, entry in load_yaml(_COHORT).items()}
    rng = np.random.default_rng(seed)
    count = spec["treatments"] if treatments is None else treatments
    return tuple(_treatment(rng, spec, number) for number in range(count))


def write_blood_cohort(cohort: Sequence[BloodTruth], blood: Path, treatments: Path) -> None:
    """Write a cohort as a table of samples and a table of treatments."""
    samples = [
        (truth.subject, truth.cycle, f"{t:g}", f"{value:.8g}", f"{u:.8g}", "blood")
        for truth in cohort
        for t, value, u in zip(truth.t_h, truth.concentration_mbq_l, truth.u_mbq_l, strict=True)
    ]
    rows = [(truth.subject, truth.cycle, f"{truth.activity_mbq:.8g}", f"{truth.infusion_h:g}", "M") for truth in cohort]
    write_rows(blood, BLOOD_HEADER, samples)
    write_rows(treatments, TREATMENT_HEADER, rows)


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV table."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _treatment(rng: np.random.Generator, spec: dict[str, Any], number: int) -> BloodTruth:
    infusion_h = float(spec["infusion"])
    activity = float(rng.uniform(*drawn_range(spec, "activity")))
    unit = draw_phases(rng, spec)
    rates = unit.rates_per_h
    bolus = activity * float(rng.uniform(*drawn_range(spec, "initial_fraction_per_l"))) * unit.amplitudes_mbq
    times = _sample_times(rng, spec)
    noise = float(spec["relative_noise"])
    exact = BloodTruth(
        subject=f"V{number // _CYCLES + 1:03d}",
        cycle=str(number % _CYCLES + 1),
        activity_mbq=activity,
        infusion_h=infusion_h,
        t_h=times,
        concentration_mbq_l=np.zeros_like(times),
        u_mbq_l=np.zeros_like(times),
        area_mbq_h_per_l=float(np.sum(bolus / rates)),
        bolus_mbq_l=bolus,
        rates_per_h=rates,
    )
    truth = exact.true_mbq_l(times)
    measured = truth * (1 + noise * rng.standard_normal(len(times)))
    return replace(exact, concentration_mbq_l=measured, u_mbq_l=noise * truth)


def draw_phases(rng: np.random.Generator, spec: Mapping[str, Any]) -> KineticCurve:
    """Return the two phases of a curve after a bolus, whose amplitudes add up to 1."""
    fast, slow = _half_lives(rng, spec)
    share = float(rng.uniform(*drawn_range(spec, "slow_share")))
    return KineticCurve(np.array([1 - share, share]), math.log(2) / np.array([fast, slow]))


def _half_lives(rng: np.random.Generator, spec: Mapping[str, Any]) -> tuple[float, float]:
    """Draw two half-lives, uniform in their logarithms, that can be told apart."""
    while True:
        fast, slow = (
            math.exp(rng.uniform(*np.log(drawn_range(spec, name)))) for name in ("fast_half_life", "slow_half_life")
        )
        if slow >= float(spec["least_ratio"]) * fast:
            return fast, slow


def _sample_times(rng: np.random.Generator, spec: dict[str, Any]) -> Array:
    """Keep the first two samples and the one at 24 h, and drop up to three of the others."""
    nominal = np.array(spec["sample_times"], float)
    fewest = int(spec["fewest_samples"])
    dropped = int(rng.integers(0, len(nominal) - fewest + 1))
    droppable = np.flatnonzero((nominal > nominal[1]) & (nominal != 24.0))
    kept = np.ones(len(nominal), bool)
    kept[rng.choice(droppable, size=dropped, replace=False)] = False
    return nominal[kept]


def drawn_range(spec: Mapping[str, Any], name: str) -> tuple[float, float]:
    """Return the range from which a number is drawn."""
    low, high = spec[name]
    return float(low), float(high)
