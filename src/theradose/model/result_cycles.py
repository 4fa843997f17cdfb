"""The parts of a result about all cycles of the patient: the ledger, and limits beside its sums."""

from __future__ import annotations

from theradose.model.document import Estimate, Part


class CycleDoseResult(Part):
    """The dose of a region in one cycle; `basis` is ``measured`` or ``assumed``, then as in cycle `carried_from`.

    `not_stated` are the sources whose size nobody states, which `u` leaves out.
    """

    region: str
    kind: str
    dose_gy: Estimate
    dose_per_activity_gy_gbq: Estimate
    bed_gy: Estimate | None
    basis: str
    carried_from: int | None
    not_stated: tuple[str, ...] = ()


class CycleResult(Part):
    """One cycle of the ledger."""

    cycle: int
    activity_mbq: float
    start: str | None
    dosimetry: bool
    doses: tuple[CycleDoseResult, ...]


class CumulativeResult(Part):
    """Sum over the cycles of a region.

    `u_all_shared_gy` and `u_all_independent_gy` are the uncertainty of the dose if cycles shared every source, and if
    none; `assumed` are the cycles that were not measured, `not_measured` those in which the region has no dose;
    `not_stated` are the sources of the dose that no uncertainty here counts.
    """

    region: str
    kind: str
    present: bool
    dose_gy: Estimate
    u_all_shared_gy: float | None
    u_all_independent_gy: float | None
    bed_gy: Estimate | None
    assumed: tuple[int, ...]
    not_measured: tuple[int, ...]
    not_stated: tuple[str, ...] = ()


class CyclesResult(Part):
    """The ledger of the patient's cycles; `rule` says which sources of uncertainty cycles share."""

    cycles: tuple[CycleResult, ...]
    cumulative: tuple[CumulativeResult, ...]
    rule: str


class LimitResult(Part):
    """A dose limit beside the cumulative dose of a region, all cycles included.

    `cumulative_u_gy` and `p_exceed`, the probability that the true sum is above the limit, are ``null`` where no
    uncertainty is stated; `basis` says which cycles are in the sum, `organ` is that of the limit and `region` what it
    is compared with.
    """

    organ: str
    region: str = ""
    name: str = ""
    quantity: str
    limit_gy: float
    range_gy: tuple[float, float] | None = None
    cumulative_gy: float | None
    cumulative_u_gy: float | None = None
    margin_gy: float | None
    p_exceed: float | None = None
    basis: str = ""
    condition: str = ""
    origin: str = ""
    source: str
    status: str
