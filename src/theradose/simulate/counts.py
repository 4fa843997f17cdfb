"""Virtual patients with blood counts: doses and counts of known truth, for examples and tests.

The counts follow the transit-compartment model with parameters drawn per patient; haemoglobin and lymphocytes, which
the model does not describe, fall with the dose and recover slowly. Nothing here is measured.

References
----------
[Friberg2002]_ The model.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from theradose.biology.haematology import MarrowResponse, dose_rate_of_cycles, myelosuppression
from theradose.biology.haematology_fit import packaged_prior
from theradose.model.arrays import Array
from theradose.units import conversion_factor

_CELLS = ("wbc", "neutrophils", "platelets")
_H_PER_D = conversion_factor("d", "h")
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class VirtualCounts:
    """Tables of virtual patients as text: counts, doses, and patients."""

    counts: str
    doses: str
    patients: str


def virtual_counts(
    *, patients: int, cycles: int = 4, interval_d: float = 56.0, alpha_scale: float = 1.0, seed: int = 0
) -> VirtualCounts:
    """Return the tables of virtual patients.

    Parameters
    ----------
    patients, cycles : int
        Numbers of patients and of their cycles.
    interval_d : float
        Between cycles, d.
    alpha_scale : float
        Factor on the sensitivity of all; 0 gives counts without any relation to dose.
    seed : int
        Of all draws.

    References
    ----------
    [Friberg2002]_
    """
    rng = np.random.default_rng(seed)
    counts, doses, facts = [], [], []
    starts = interval_d * np.arange(cycles)
    days = np.concatenate([[-7.0], *(start + np.array([0.0, 14.0, 28.0, 42.0]) for start in starts)])
    for number in range(patients):
        name = f"V{number + 1:03d}"
        metastases, chemotherapy = bool(rng.random() < 0.35), bool(rng.random() < 0.3)
        facts.append([name, "FM"[int(rng.random() < 0.55)], _word(metastases), _word(chemotherapy)])
        marrow = 0.3 * np.exp(0.45 * rng.standard_normal()) * np.exp(0.1 * rng.standard_normal(cycles))
        marrow *= 1.5 if metastases else 1.0
        half_life = float(36 * np.exp(0.2 * rng.standard_normal()))
        doses += _dose_rows(name, starts, marrow, half_life, rng)
        sensitivity = alpha_scale * (1.4 if chemotherapy else 1.0)
        curves = _curves(days, starts, marrow, half_life, sensitivity, rng)
        for k, day in enumerate(days):
            counts.append([name, f"{day:g}", *(f"{curves[key][k]:.3g}" for key in curves)])
    return VirtualCounts(
        _table(
            ["patient", "t_d", "haemoglobin_g_dl", "wbc_1e9_l", "neutrophils_1e9_l", "lymphocytes_1e9_l",
             "platelets_1e9_l"], counts),
        _table(["patient", "cycle", "t_d", "region", "method", "dose_gy", "u_dose_gy", "activity_gbq",
                "effective_half_life_h"], doses),
        _table(["patient", "sex", "skeletal_metastases", "prior_chemotherapy"], facts),
    )  # fmt: skip


def _curves(
    days: Array, starts: Array, marrow: Array, half_life_h: float, sensitivity: float, rng: np.random.Generator
) -> dict[str, Array]:
    rate = dose_rate_of_cycles(
        start_h=starts * _H_PER_D, dose_gy=marrow, effective_half_life_h=np.full(len(starts), half_life_h)
    )
    cells = {}
    for quantity in _CELLS:
        prior = packaged_prior(quantity)
        drawn = prior.median * np.exp(0.5 * prior.sd_log * rng.standard_normal(4))
        drawn[3] *= 1.5 * sensitivity
        noise = np.exp(0.5 * prior.sd_residual * rng.standard_normal(len(days)))
        true = myelosuppression(
            t_h=days * _H_PER_D, parameters=MarrowResponse(*drawn.tolist()), dose_rate=rate, tolerance=_TOLERANCE
        )
        cells[quantity] = true * noise
    given = np.array([marrow[starts < day].sum() for day in days])
    haemoglobin = 13.3 * np.exp(0.06 * rng.standard_normal()) * (1 - 0.06 * sensitivity * given)
    lymphocytes = 1.7 * np.exp(0.25 * rng.standard_normal()) * np.exp(-0.45 * sensitivity * given)
    neutrophils = np.minimum(cells["neutrophils"], 0.8 * cells["wbc"])
    return {
        "haemoglobin": haemoglobin * np.exp(0.03 * rng.standard_normal(len(days))),
        "wbc": cells["wbc"],
        "neutrophils": neutrophils,
        "lymphocytes": lymphocytes * np.exp(0.1 * rng.standard_normal(len(days))),
        "platelets": cells["platelets"],
    }


def _dose_rows(
    name: str, starts: Array, marrow: Array, half_life_h: float, rng: np.random.Generator
) -> list[list[str]]:
    """Return rows of marrow doses by image and by blood, the latter lower and looser, of the spleen and of the body."""
    rows = []
    spleen, body = 6.5 * np.exp(0.35 * rng.standard_normal()), 0.35 * np.exp(0.2 * rng.standard_normal())
    for k, (start, dose) in enumerate(zip(starts, marrow, strict=True)):
        by_blood = 0.3 * dose * np.exp(0.35 * rng.standard_normal())
        for region, method, value, relative in (
            ("red-marrow", "image", dose * np.exp(0.1 * rng.standard_normal()), 0.15),
            ("red-marrow", "blood", by_blood, 0.1),
            ("spleen", "", spleen * np.exp(0.1 * rng.standard_normal()), 0.12),
            ("total-body", "", body * np.exp(0.05 * rng.standard_normal()), 0.08),
        ):
            rows.append([name, str(k + 1), f"{start:g}", region, method, f"{value:.4g}", f"{relative * value:.2g}",
                         "7.4", f"{half_life_h:.3g}"])  # fmt: skip
    return rows


def _word(truth: bool) -> str:
    return "yes" if truth else "no"


def _table(header: list[str], rows: list[list[str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
