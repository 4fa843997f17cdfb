"""Cycles as a person states them, and the biologically effective dose of a cycle.

References
----------
[Dale1985]_ Dose rate and repair.
[Wessels2008]_ Kidneys.
"""

from __future__ import annotations

import math

from theradose.biology.lq import bed
from theradose.biology.tissue import Tissue, default_tissue
from theradose.errors import PlanError
from theradose.model.region import RegionKind
from theradose.model.stated import Stated
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.inputs.prrt import CycleEntry, RegionDose
from theradose.spatial.naming import canonical_region
from theradose.uncertainty import Uncertain

_OF_ALL_REGIONS = frozenset({"calibration", "recovery", "dose-constant", "administered-activity"})


def stated_cycle(entry: CycleEntry) -> Cycle:
    """Return a cycle whose doses are stated by hand; without doses it has no dosimetry.

    Raises
    ------
    PlanError
        ``cycle-incomplete`` without number or activity, ``region-twice`` for two names of one region.

    References
    ----------
    [Dale1985]_
    """
    if entry.cycle is None or entry.activity is None:
        raise PlanError("A cycle needs its number and its activity: add 'cycle: 1' and 'activity: 7.4 GBq'.",
                        code="cycle-incomplete")  # fmt: skip
    doses: dict[str, CycleDose] = {}
    for name, stated in entry.doses.items():
        region = canonical_region(name, kind=RegionKind(stated.kind or "other"))
        if region.name in doses:
            raise PlanError(f"Cycle {entry.cycle} has two doses of '{region.name}', one of them as '{name}': give one.",
                            code="region-twice")  # fmt: skip
        doses[region.name] = CycleDose(*_doses(region.name, stated), kind=region.kind)
    return Cycle(entry.cycle, entry.activity, entry.start, doses)


def mono_exponential_bed(*, dose_gy: Uncertain, effective_half_life_h: Uncertain, tissue: Tissue) -> Uncertain:
    """Return the biologically effective dose of a dose rate that falls with one effective half-life, Gy.

    Parameters
    ----------
    dose_gy : Uncertain
        Absorbed dose.
    effective_half_life_h : Uncertain
        Of the dose rate, h.
    tissue : Tissue
        With α/β and repair half-life.

    References
    ----------
    [Dale1985]_ G = T_rep/(T_rep + T_eff).
    """
    repair = tissue.repair_half_life_h
    g = repair / (repair + effective_half_life_h)
    return bed(dose_gy=dose_gy, alpha_beta_gy=tissue.alpha_beta_gy, g=g)


def bed_with_u(*, dose_gy: Uncertain, bed_gy: float, u_bed_gy: float | None, region: str) -> Uncertain:
    """Return a biologically effective dose that is known with one uncertainty only, correlated with its absorbed dose.

    What the dose does not explain is a source ``radiobiology:<region>``, which cycles share.

    Parameters
    ----------
    dose_gy : Uncertain
        Absorbed dose with its sources.
    bed_gy, u_bed_gy : float
        The biologically effective dose and its standard uncertainty, Gy.
    region : str
        Name.

    References
    ----------
    [Dale1985]_ The derivative by the dose is 1 + 2 k D with k = (BED − D)/D².
    """
    slope = 2 * bed_gy / dose_gy.value - 1
    value = Uncertain(bed_gy, {name: slope * u for name, u in dose_gy.contributions.items()}, dose_gy.not_stated)
    rest = None if u_bed_gy is None else math.sqrt(max(u_bed_gy**2 - value.u**2, 0.0))
    return value.with_contribution(f"radiobiology:{region}", rest)


def _doses(region: str, stated: RegionDose) -> tuple[Uncertain, Uncertain | None]:
    if stated.sources:
        dose = Uncertain.relative(stated.dose.value, {_source(name, region): u for name, u in stated.sources.items()})
    else:
        dose = stated.dose.from_source(f"dose:{region}")
    if stated.bed is not None:
        return dose, bed_with_u(dose_gy=dose, bed_gy=stated.bed.value, u_bed_gy=stated.bed.u, region=region)
    return dose, bed_by_half_life(region, dose, stated.effective_half_life)


def bed_by_half_life(region: str, dose_gy: Uncertain, half_life: Stated | None) -> Uncertain | None:
    """Return the biologically effective dose by the packaged parameters of a region; ``None`` where any is missing."""
    tissue = default_tissue(region)
    if half_life is None or tissue is None or not tissue.complete:
        return None
    effective = half_life.from_source(f"effective-half-life:{region}")
    return mono_exponential_bed(dose_gy=dose_gy, effective_half_life_h=effective, tissue=tissue)


def _source(name: str, region: str) -> str:
    return name if ":" in name or name in _OF_ALL_REGIONS else f"{name}:{region}"
