"""Treatments of a made-up site, without any run behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theradose.model.cohort import IDENTIFIED, RegionRecord, TreatmentRecord


def region(name: str = "liver", kind: str = "organ", **values: float | None) -> RegionRecord:
    """A region with a dose."""
    return replace(RegionRecord(name, kind, "mono", 0.1, dose_gy=2.5, u_dose_gy=None), **values)


def treatment(patient: str = "P1", cycle: int = 1, *, regions=None, **changes) -> TreatmentRecord:
    """A treatment of an identified database."""
    record = TreatmentRecord(
        patient=patient, cycle=cycle, identity=IDENTIFIED, therapy="lu177-dotatate", nuclide="Lu-177",
        activity_mbq=7400.0, administered_at="2026-03-02T10:00:00+01:00", run=f"run-{patient}-{cycle}",
        input_hash=f"{patient}{cycle}".ljust(64, "0"), result_sha256="1" * 64, software="0.1.0", source_sha256=None,
        engine="local", calibration="CAM", replaces=None, regions=(region(),) if regions is None else tuple(regions),
    )  # fmt: skip
    return replace(record, **changes)


def kidney_cohort(patients: int, cycles: int = 1, *, seed: int = 1, between: float = 0.3, within: float = 0.1):
    """Kidneys, liver and a lesion with lognormal doses per activity, the cycles of a patient alike."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(patients):
        own = rng.standard_normal(4)
        for cycle in range(1, cycles + 1):
            regions = []
            for k, (name, kind, median) in enumerate(
                (("left-kidney", "organ", 0.5), ("right-kidney", "organ", 0.52), ("liver", "organ", 0.25),
                 ("lesion-1", "lesion", 4.0))
            ):  # fmt: skip
                value = median * float(np.exp(between * own[k] + within * rng.standard_normal()))
                regions.append(
                    region(name, kind, dose_gy=7.4 * value, dose_per_activity_gy_gbq=value,
                           u_dose_per_activity_gy_gbq=0.05 * value, tia_mbq_h=8000.0 * value,
                           effective_half_life_h=50.0 + 5.0 * float(own[k]), volume_ml=160.0, mass_g=165.0)
                )  # fmt: skip
            made.append(treatment(f"P{number:03d}", cycle, regions=regions))
    return tuple(made)
