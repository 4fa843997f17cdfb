"""A virtual cohort of tumours with known truth: doses by cycle, serial volumes, and a response that follows the dose.

The logit of a response is intercept + slope × dose over all cycles + effect of the patient, with a slope for each
grade. A latent logit, which is that plus logistic noise, fixes how far the tumour shrinks: its smallest volume is
34 % of its largest where the latent logit is 0. So the logistic model of the analysis is exactly that of the truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from theradose.cohort.response.settings import default_settings
from theradose.data import load_yaml
from theradose.formats.tables_tumours import DOSE_COLUMNS, VOLUME_COLUMNS
from theradose.model.tumours import EXCLUSIONS, Exclusion
from theradose.simulate.blood import write_rows
from theradose.simulate.sampling import draw

_FILE = "simulation/tumours.yaml"
_START = date(2020, 1, 6)
_BASELINE_BEFORE_D = 14
_LARGEST_RATIO = 0.97
_REGROWN = 1.01
_LARGEST_GROWTH = 3.0
_COURSE_POWER = 0.7
TUMOUR_HEADER = ("patient", "tumour", "grade", "primary", "skeletal", "dosimetry_eligible", "visible", "progressive")


@dataclass(frozen=True, slots=True)
class TumourTruth:
    """What generates the responses.

    Attributes
    ----------
    intercept : float
        Logit at dose 0.
    slope_per_gy : mapping of str to float
        By grade.
    patient_sd : float
        Standard deviation of the patient effect on the logit scale.
    """

    intercept: float
    slope_per_gy: Mapping[str, float]
    patient_sd: float


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedTumour:
    """One tumour.

    Attributes
    ----------
    patient, tumour, grade, primary : str
        Names.
    exclusion : Exclusion or None
        Why it would not be analysed.
    cycle_days, dose_gy : tuple
        Dates of the administrations and doses, Gy.
    scan_days, volume_ml : tuple
        Dates of the scans and volumes, mL.
    responds : bool
        Whether its latent logit is positive.
    """

    patient: str
    tumour: str
    grade: str
    primary: str
    exclusion: Exclusion | None
    cycle_days: tuple[date, ...]
    dose_gy: tuple[float, ...]
    scan_days: tuple[date, ...]
    volume_ml: tuple[float, ...]
    responds: bool


def tumour_truth() -> TumourTruth:
    """Return the packaged truth."""
    control = load_yaml(_FILE)["control"]["value"]
    return TumourTruth(control["intercept"], control["slope_per_gy"], control["patient_sd"])


def simulate_tumours(
    *,
    seed: int,
    patients: int | None = None,
    tumours: int | None = None,
    truth: TumourTruth | None = None,
    all_eligible: bool = False,
) -> tuple[SimulatedTumour, ...]:
    """Return a cohort; the same arguments make the same one.

    Parameters
    ----------
    seed : int
        Of the generator.
    patients : int, optional
        Number of patients; about that of the published cohort by default.
    tumours : int, optional
        Number of tumours in all, spread over the patients; drawn by default.
    truth : TumourTruth, optional
        The packaged one by default.
    all_eligible : bool
        Whether no tumour has a reason for exclusion.
    """
    spec = {name: entry["value"] for name, entry in load_yaml(_FILE).items()}
    truth = tumour_truth() if truth is None else truth
    rng = np.random.default_rng(seed)
    count = spec["patients"] if patients is None else patients
    sizes = _sizes(rng, spec, count, tumours)
    return tuple(
        tumour
        for number, size in enumerate(sizes, start=1)
        for tumour in _patient(rng, spec, truth, f"P{number:03d}", size, all_eligible=all_eligible)
    )


def write_tumours(cohort: Sequence[SimulatedTumour], folder: Path) -> tuple[Path, Path, Path]:
    """Write ``tumours.csv``, ``volumes.csv`` and ``doses.csv`` into a folder, and return the files."""
    spec = {name: entry["value"] for name, entry in load_yaml(_FILE).items()}
    paths = folder / "tumours.csv", folder / "volumes.csv", folder / "doses.csv"
    write_rows(paths[0], TUMOUR_HEADER, [_tumour_cells(one) for one in cohort])
    write_rows(
        paths[1],
        VOLUME_COLUMNS,
        [
            (one.patient, one.tumour, day.isoformat(), f"{ml:.4g}", f"{spec['relative_u_volume'] * ml:.3g}")
            for one in cohort
            for day, ml in zip(one.scan_days, one.volume_ml, strict=True)
        ],
    )
    shared, own = spec["relative_u_dose"]["shared"], spec["relative_u_dose"]["independent"]
    write_rows(
        paths[2],
        DOSE_COLUMNS,
        [
            (
                one.patient, one.tumour, str(cycle), day.isoformat(), f"{gy:.4g}",
                f"{math.hypot(shared, own) * gy:.4g}", f"{shared * gy:.4g}", f"{spec['activity_gbq']:g}",
            )
            for one in cohort
            for cycle, (day, gy) in enumerate(zip(one.cycle_days, one.dose_gy, strict=True), start=1)
        ],
    )  # fmt: skip
    return paths


def _sizes(rng: np.random.Generator, spec: Mapping[str, Any], patients: int, tumours: int | None) -> Sequence[int]:
    """Return the number of tumours of each patient, at least one."""
    if tumours is None:
        drawn = 1 + rng.poisson(spec["tumours_per_patient"]["mean_beyond_one"], patients)
        return [int(size) for size in np.minimum(drawn, spec["tumours_per_patient"]["most"])]
    beyond = rng.multinomial(tumours - patients, np.full(patients, 1 / patients))
    return [1 + int(size) for size in beyond]


def _patient(
    rng: np.random.Generator,
    spec: Mapping[str, Any],
    truth: TumourTruth,
    name: str,
    size: int,
    *,
    all_eligible: bool,
) -> list[SimulatedTumour]:
    grade = "G2" if rng.random() < spec["share_g2"] else "G1"
    cycles = spec["cycles"]
    n = int(np.clip(rng.poisson(cycles["mean"]), cycles["fewest"], cycles["most"]))
    first = _START + timedelta(days=int(rng.integers(0, 1500)))
    days = tuple(first + timedelta(days=cycles["interval_d"] * k) for k in range(n))
    follow = spec["follow_up"]
    length = max(follow["median_d"] * math.exp(follow["spread"] * rng.standard_normal()), 3 * follow["interval_d"])
    baseline = first - timedelta(days=_BASELINE_BEFORE_D)
    last_d = (days[-1] - baseline).days
    offsets = np.arange(0, last_d + length, follow["interval_d"])
    dose = spec["first_dose_gy"]
    level = dose["median"] * math.exp(dose["spread_patient"] * rng.standard_normal())
    effect = truth.patient_sd * rng.standard_normal()
    names = list(spec["primaries"])
    primary = names[int(rng.choice(len(names), p=list(spec["primaries"].values())))]
    scans = tuple(baseline + timedelta(days=int(d)) for d in offsets)
    found = []
    for k in range(1, size + 1):
        start = level * math.exp(dose["spread_tumour"] * rng.standard_normal())
        trend = (1 - spec["decline_per_cycle"][grade]) ** np.arange(n)
        doses = start * trend * np.exp(dose["spread_cycle"] * rng.standard_normal(n))
        logit = truth.intercept + truth.slope_per_gy[grade] * float(doses.sum()) + effect
        latent = logit + float(rng.logistic())
        volumes = _volumes(rng, spec, latent, offsets, last_d)
        reason = None if all_eligible else _exclusion(rng, spec)
        found.append(
            SimulatedTumour(
                name,
                f"T{k}",
                grade,
                primary,
                reason,
                days,
                tuple(doses.tolist()),
                scans,
                tuple(volumes.tolist()),
                latent > 0,
            )  # fmt: skip
        )
    return found


def _volumes(
    rng: np.random.Generator, spec: Mapping[str, Any], latent: float, offsets: np.ndarray, last_d: int
) -> np.ndarray:
    """Return volumes that fall to the best response and grow again after it."""
    ratio = min((1 - default_settings().responder) * math.exp(-spec["shrinkage_rate"] * latent), _LARGEST_RATIO)
    start = draw(rng, spec["baseline_ml"])
    after = np.flatnonzero(offsets > last_d)
    before = np.flatnonzero((offsets > 2 * spec["cycles"]["interval_d"]) & (offsets < last_d))
    early = bool(before.size) and rng.random() < spec["best_before_last_cycle"]
    best = int(before[-1]) if early else int(after[int(rng.integers(0, max(len(after) // 2, 1)))])
    doubling = draw(rng, spec["follow_up"]["regrowth_doubling_d"])
    falling = ratio ** (np.minimum(offsets / offsets[best], 1.0) ** _COURSE_POWER)
    later = np.maximum(offsets - offsets[best], 0.0)
    if early:
        # It stays small until the first scan after the last cycle, so that both best responses tell the same.
        later = np.maximum(offsets - offsets[after[0]], 0.0)
        falling = np.where(offsets > offsets[best], ratio * _REGROWN, falling)
    volumes: np.ndarray = start * np.minimum(falling * 2 ** (later / doubling), _LARGEST_GROWTH)
    return volumes


def _exclusion(rng: np.random.Generator, spec: Mapping[str, Any]) -> Exclusion | None:
    drawn = [reason for reason in EXCLUSIONS if rng.random() < spec["exclusions"][reason]]
    return drawn[0] if drawn else None


def _tumour_cells(one: SimulatedTumour) -> tuple[str, ...]:
    reason = one.exclusion
    return (
        one.patient,
        one.tumour,
        one.grade,
        one.primary,
        "yes" if reason == "skeletal" else "no",
        "no" if reason == "dosimetry" else "yes",
        "no" if reason == "not-visible" else "yes",
        "yes" if reason == "progressive" else "no",
    )
