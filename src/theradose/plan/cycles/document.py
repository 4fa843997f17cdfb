"""The ledger as part of a document."""

from __future__ import annotations

from theradose.data import load_yaml
from theradose.model.document import Estimate
from theradose.model.result_cycles import CumulativeResult, CycleDoseResult, CycleResult, CyclesResult
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.cycles.ledger import Ledger
from theradose.units import MBQ_PER_GBQ


def ledger_result(ledger: Ledger) -> CyclesResult:
    """Return the ledger as the section ``cycles`` of a result and of a plan."""
    return CyclesResult(
        cycles=tuple(_cycle(cycle) for cycle in ledger.cycles),
        cumulative=tuple(_cumulative(ledger, region) for region in ledger.regions),
        rule=load_yaml("cycles.yaml")["shared_sources"]["source"],
    )


def _cycle(cycle: Cycle) -> CycleResult:
    return CycleResult(
        cycle=cycle.number,
        activity_mbq=cycle.activity_mbq,
        start=None if cycle.start is None else cycle.start.isoformat(),
        dosimetry=cycle.measured,
        doses=tuple(_dose(region, dose, cycle.activity_mbq) for region, dose in cycle.doses.items()),
    )


def _dose(region: str, dose: CycleDose, activity_mbq: float) -> CycleDoseResult:
    return CycleDoseResult(
        region=region,
        kind=dose.kind.value,
        dose_gy=Estimate.of(dose.dose_gy),
        dose_per_activity_gy_gbq=Estimate.of(dose.dose_gy * (MBQ_PER_GBQ / activity_mbq)),
        bed_gy=None if dose.bed_gy is None else Estimate.of(dose.bed_gy),
        basis=dose.basis,
        carried_from=dose.carried_from,
        not_stated=tuple(sorted(dose.dose_gy.not_stated)),
    )


def _cumulative(ledger: Ledger, region: str) -> CumulativeResult:
    total = ledger.cumulative(region)
    known = bool(total.dose_gy.contributions)
    return CumulativeResult(
        region=region,
        kind=ledger.kind(region).value,
        present=ledger.present(region),
        dose_gy=Estimate.of(total.dose_gy),
        u_all_shared_gy=total.u_all_shared if known else None,
        u_all_independent_gy=total.u_all_independent if known else None,
        bed_gy=None if total.bed_gy is None else Estimate.of(total.bed_gy),
        assumed=total.assumed,
        not_measured=total.not_measured,
        not_stated=tuple(sorted(total.dose_gy.not_stated)),
    )
