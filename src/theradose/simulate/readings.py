"""What is measured beside the images of a digital patient: blood samples and whole-body probe readings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.dose.marrow import MarrowRequest, marrow_dose_by_s_value, marrow_from_specimen
from theradose.dose.svalues import Sex
from theradose.quantify.dead_time import observed_count_rate
from theradose.simulate.patient import DigitalPatient, KineticCurve
from theradose.simulate.sampling import draw
from theradose.uncertainty import Uncertain

BLOOD_FILE = "blood.csv"
PROBE_FILE = "probe.csv"
_SPEC = "simulation/readings.yaml"
# The stream of random numbers of these readings, so that images and readings do not depend on each other.
_STREAM = 7
_SEX: Sex = "M"
_ORGANS = ("liver", "spleen")
_KIDNEYS = ("left-kidney", "right-kidney")


@dataclass(frozen=True, slots=True, eq=False)
class TrueBlood:
    """What is true of the blood of a digital patient.

    Attributes
    ----------
    curve : KineticCurve
        Activity in one litre of blood.
    haematocrit : float
        Volume fraction of cells.
    marrow_dose_gy : float
        Dose to red marrow if marrow and blood are alike and the dose factors of the reference man hold.
    """

    curve: KineticCurve
    haematocrit: float
    marrow_dose_gy: float


def draw_blood(patient: DigitalPatient) -> TrueBlood:
    """Return the blood of a patient; the same patient has the same blood."""
    spec, rng = load_yaml(_SPEC)["blood"], _generator(patient)
    phases = [spec["fast"], spec["slow"]]
    amplitudes = np.array([draw(rng, phase["fraction_per_l"]) * patient.administered_mbq for phase in phases])
    rates = np.log(2) / np.array([draw(rng, phase["effective_half_life_h"]) for phase in phases])
    curve = KineticCurve(amplitudes, rates)
    return TrueBlood(curve, draw(rng, spec["haematocrit"]), _marrow_dose_gy(patient, curve))


def write_readings(folder: Path, patient: DigitalPatient, blood: TrueBlood, *, administered_at: datetime) -> None:
    """Write ``blood.csv`` (counts of plasma) and ``probe.csv`` into `folder`."""
    spec, rng = load_yaml(_SPEC), _generator(patient, 1)
    _write(folder / BLOOD_FILE, _blood_rows(spec, rng, patient, blood, administered_at))
    _write(folder / PROBE_FILE, _probe_rows(spec["probe"], rng, patient))


def study_keys() -> dict[str, Any]:
    """Return what the study file says about the readings."""
    counter = load_yaml(_SPEC)["counter"]
    return {
        "blood": BLOOD_FILE,
        "counter": {
            "name": counter["name"],
            "efficiency": f"{counter['efficiency_cps_per_kbq']:g} cps/kBq",
            "u": f"{100 * counter['efficiency_u']:g} %",
            "dead_time": f"{counter['dead_time_us']:g} us",
        },
        "probe": PROBE_FILE,
    }


def _marrow_dose_gy(patient: DigitalPatient, curve: KineticCurve) -> float:
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(curve.tia_mbq_h),
        specimen="blood",
        haematocrit=None,
        ratio=Uncertain(1.0),
    )
    kidneys = sum(patient.region_curve(name).tia_mbq_h for name in _KIDNEYS if name in patient.anatomy.region_names)
    organs = {name: Uncertain(patient.region_curve(name).tia_mbq_h) for name in _ORGANS}
    request = MarrowRequest(
        marrow_tia_mbq_h_per_kg=concentration.marrow,
        nuclide=patient.nuclide,
        sex=_SEX,
        whole_body_tia_mbq_h=Uncertain(patient.body_curve().tia_mbq_h),
        organ_tia_mbq_h={"kidneys": Uncertain(kidneys), **organs},
    )
    return marrow_dose_by_s_value(request)[0].dose_gy.value


def _blood_rows(
    spec: Mapping[str, Any],
    rng: np.random.Generator,
    patient: DigitalPatient,
    blood: TrueBlood,
    administered_at: datetime,
) -> list[dict[str, object]]:
    samples, counter = spec["blood"], spec["counter"]
    rows: list[dict[str, object]] = []
    for number, drawn_h in enumerate(samples["drawn_h"]):
        dilution = samples["dilution"] if drawn_h <= samples["diluted_until_h"] else 1
        counted_h = samples["counted_h"] + number * 1.2 * samples["counting_s"] / 3600
        plasma_mbq_l = float(blood.curve.activity_mbq(drawn_h)) / (1 - blood.haematocrit)
        plasma_mbq_l *= 1 + samples["repeatability_u"] * rng.standard_normal()
        tube_kbq = plasma_mbq_l * samples["sample_ml"] / dilution
        tube_kbq *= float(np.exp(-patient.nuclide.decay_constant_per_h * (counted_h - drawn_h)))
        true_cps = tube_kbq * counter["efficiency_cps_per_kbq"] + samples["background_cps"]
        # Non-paralysable: as the calibration of a counter is taken to be unless it states otherwise.
        seen_cps = observed_count_rate(true_cps=true_cps, dead_time_us=counter["dead_time_us"], model="non-paralysable")
        rows.append(
            {
                "drawn_at": (administered_at + timedelta(hours=drawn_h)).isoformat(timespec="seconds"),
                "counted_at": (administered_at + timedelta(hours=counted_h)).isoformat(timespec="seconds"),
                "counts": int(rng.poisson(seen_cps * samples["counting_s"])),
                "counting_s": samples["counting_s"],
                "background_cps": samples["background_cps"],
                "sample_ml": samples["sample_ml"],
                "dilution": dilution,
                "specimen": "plasma",
                "haematocrit": f"{blood.haematocrit:.3f}",
            }
        )
    return rows


def _probe_rows(spec: Mapping[str, Any], rng: np.random.Generator, patient: DigitalPatient) -> list[dict[str, object]]:
    body, rows = patient.body_curve(), []
    asymmetry = spec["anterior_to_posterior"] ** 0.5
    for number, t_h in enumerate(spec["read_h"]):
        position = 1 + spec["repeatability_u"] * rng.standard_normal()
        net_cps = float(body.activity_mbq(t_h)) * spec["cps_per_mbq"] * position
        views = {"anterior_cps": net_cps * asymmetry, "posterior_cps": net_cps / asymmetry}
        counted = {
            name: rng.poisson((cps + spec["background_cps"]) * spec["counting_s"]) / spec["counting_s"]
            for name, cps in views.items()
        }
        rows.append(
            {
                "t_h": t_h,
                **{name: f"{cps:.3f}" for name, cps in counted.items()},
                "background_cps": spec["background_cps"],
                "counting_s": spec["counting_s"],
                "distance_cm": spec["distance_cm"],
                "before_void": "no" if number else "yes",
            }
        )
    return rows


def _write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _generator(patient: DigitalPatient, part: int = 0) -> np.random.Generator:
    return np.random.default_rng([patient.seed, _STREAM, part])
