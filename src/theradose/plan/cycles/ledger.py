"""The ledger of a patient: what every cycle gave to every organ and lesion, and what it adds up to.

Sources of uncertainty that act alike on all cycles keep their name and so correlate the cycles; a source that is drawn
anew in each cycle gets the cycle into its name (``fit:liver@2``). Which is which, is a rule in ``data/cycles.yaml``.

A cycle without dosimetry is never zero: each organ gets the dose per activity of the nearest measured cycle, times the
stated trend, with the spread between cycles added to its uncertainty, and is marked ``assumed``.

References
----------
[Gear2018]_ Which sources are common to several measurements.
[Gear2023]_ Dosimetry at alternate cycles or at the first one only.
[JCGM100]_ Sums of correlated quantities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from theradose.data import load_yaml
from theradose.errors import PlanError
from theradose.model.cycles import Absence
from theradose.model.finding import Finding
from theradose.model.region import RegionKind
from theradose.plan.cycles.between_cycles import BETWEEN, Course
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.wording import activity_words
from theradose.spatial.naming import pair_of, paired_regions
from theradose.uncertainty import Uncertain, combine

_CYCLE = "@"


@dataclass(frozen=True, slots=True, eq=False)
class Cumulative:
    """Sum over the cycles of one region.

    Attributes
    ----------
    dose_gy : Uncertain
        With the correlation by the rule.
    u_all_shared, u_all_independent : float
        Standard uncertainty in Gy if every source were common to all cycles, and if none were.
    bed_gy : Uncertain or None
        Sum of the biologically effective doses, where each cycle has one.
    assumed : tuple of int
        Cycles that are not measured but assumed.
    not_measured : tuple of int
        Cycles in which the region has no dose at all: a lesion that was not there, an organ that is gone.
    """

    dose_gy: Uncertain
    u_all_shared: float
    u_all_independent: float
    bed_gy: Uncertain | None
    assumed: tuple[int, ...]
    not_measured: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """All cycles of a patient, in their order, assumed doses filled in."""

    cycles: tuple[Cycle, ...]
    absent: Mapping[str, Absence]
    findings: tuple[Finding, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions that have a dose."""
        return tuple(dict.fromkeys(name for cycle in self.cycles for name in cycle.doses))

    @property
    def next_number(self) -> int:
        """Number of the cycle that comes next."""
        return self.cycles[-1].number + 1 if self.cycles else 1

    @property
    def unknown_cycles(self) -> tuple[int, ...]:
        """Numbers before the last that no cycle has: their doses are in no sum."""
        known = {cycle.number for cycle in self.cycles}
        return tuple(number for number in range(1, self.next_number) if number not in known)

    def present(self, region: str) -> bool:
        """Whether the patient still has the region: an organ that is not stated gone, a lesion seen last time."""
        if region in self.absent:
            return False
        held = [cycle for cycle in self.cycles if cycle.measured]
        return self.kind(region) is not RegionKind.LESION or region in held[-1].doses

    def kind(self, region: str) -> RegionKind:
        """Return whether a region that has a dose is an organ or a lesion."""
        return next(cycle.doses[region].kind for cycle in self.cycles if region in cycle.doses)

    def measured(self, region: str) -> tuple[Cycle, ...]:
        """Return the cycles in which a region was measured."""
        return tuple(c for c in self.cycles if region in c.doses and c.doses[region].basis == "measured")

    def cumulative(self, region: str) -> Cumulative:
        """Return the sum over the cycles of a region that has a dose in one of them."""
        doses = {cycle.number: cycle.doses[region] for cycle in self.cycles if region in cycle.doses}
        beds = [dose.bed_gy for dose in doses.values() if dose.bed_gy is not None]
        total = _sum([dose.dose_gy for dose in doses.values()])
        return Cumulative(
            dose_gy=total,
            u_all_shared=_sum([_without_cycles(dose.dose_gy) for dose in doses.values()]).u,
            u_all_independent=math.hypot(*(dose.dose_gy.u for dose in doses.values())),
            bed_gy=_sum(beds) if len(beds) == len(doses) else None,
            assumed=tuple(number for number, dose in doses.items() if dose.basis == "assumed"),
            not_measured=tuple(cycle.number for cycle in self.cycles if region not in cycle.doses),
        )


def build_ledger(cycles: Sequence[Cycle], *, course: Course, absent: Mapping[str, Absence]) -> Ledger:
    """Return the ledger of the cycles that were given.

    Parameters
    ----------
    cycles : sequence of Cycle
        As measured, in any order; sources are named as in the dosimetry of each.
    course : Course
        Trend and spread of the dose per activity between cycles.
    absent : mapping of str to Absence
        Organs that the patient no longer has.

    Raises
    ------
    PlanError
        ``cycle-twice`` for two cycles of one number.

    References
    ----------
    [Gear2023]_, [JCGM100]_
    """
    ordered = sorted(cycles, key=lambda cycle: cycle.number)
    numbers = [cycle.number for cycle in ordered]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise PlanError(
            f"Cycle {twice[0]} is given more than once: give each cycle of the course once.", code="cycle-twice"
        )
    findings: list[Finding] = []
    named = [_named(cycle, absent) for cycle in ordered]
    regions = dict.fromkeys(name for cycle in named for name in cycle.doses)
    filled = []
    for cycle in named:
        doses = dict(cycle.doses)
        for region in regions:
            if region in doses or any(side in cycle.doses for side in paired_regions().get(region, ())):
                continue
            if (pair := pair_of(region)) in cycle.doses and not _is_absent(region, cycle.number, absent):
                doses[region] = _side(region, cycle, cycle.doses[pair])
            elif (source := _carried_from(region, cycle, named, absent)) is not None:
                doses[region] = _carried(region, cycle, source, course)
                findings += _carried_findings(region, cycle, source)
        filled.append(Cycle(cycle.number, cycle.activity_mbq, cycle.start, doses))
    findings += _without_dosimetry(ordered)
    findings += _of_absent(ordered, absent)
    findings += _without_spread(filled, course)
    findings += _out_of_order(ordered)
    findings += _of_lesions(filled, regions)
    ledger = Ledger(tuple(filled), dict(absent), ())
    if missing := ledger.unknown_cycles:
        findings.insert(
            0,
            Finding(
                "cycle-missing",
                "warning",
                f"Nothing is known of cycle {', '.join(map(str, missing))}: its dose is in no sum; state its activity.",
            ),
        )
    return replace(ledger, findings=tuple(findings))


def source_of_cycle(source: str, cycle: int) -> str:
    """Return the name of a source within the ledger: that of the source if cycles share it, else with the cycle."""
    shared = load_yaml("cycles.yaml")["shared_sources"]["value"]
    return source if source.partition(":")[0] in shared else f"{source}{_CYCLE}{cycle}"


def _named(cycle: Cycle, absent: Mapping[str, Absence]) -> Cycle:
    doses = {
        region: CycleDose(
            _renamed(dose.dose_gy, cycle.number),
            None if dose.bed_gy is None else _renamed(dose.bed_gy, cycle.number),
            dose.kind,
        )
        for region, dose in cycle.doses.items()
        if not _is_absent(region, cycle.number, absent)
    }
    return Cycle(cycle.number, cycle.activity_mbq, cycle.start, doses)


def _renamed(quantity: Uncertain, cycle: int) -> Uncertain:
    return Uncertain(
        quantity.value,
        {source_of_cycle(name, cycle): u for name, u in quantity.contributions.items()},
        frozenset(source_of_cycle(name, cycle) for name in quantity.not_stated),
    )


def _without_cycles(quantity: Uncertain) -> Uncertain:
    """Return a quantity whose sources of measurement are the same in every cycle; cycles still differ."""
    terms = [Uncertain(0.0, {_measured_source(name): u}) for name, u in quantity.contributions.items()]
    return combine(quantity.value, [(1.0, term) for term in terms])


def _measured_source(name: str) -> str:
    return name if name.startswith(BETWEEN) else name.partition(_CYCLE)[0]


def _sum(quantities: Sequence[Uncertain]) -> Uncertain:
    return combine(math.fsum(quantity.value for quantity in quantities), [(1.0, quantity) for quantity in quantities])


def _is_absent(region: str, cycle: int, absent: Mapping[str, Absence]) -> bool:
    return region in absent and cycle >= absent[region].from_cycle


def _carried_from(region: str, cycle: Cycle, cycles: Sequence[Cycle], absent: Mapping[str, Absence]) -> Cycle | None:
    """Return the measured cycle nearest to one in which a region was not measured, the earlier of two equally near.

    A lesion is carried from an earlier cycle only, and only into a cycle without dosimetry: elsewhere it was not there.
    """
    if _is_absent(region, cycle.number, absent):
        return None
    held = [other for other in cycles if region in other.doses]
    if held[0].doses[region].kind is RegionKind.LESION:
        earlier = [other for other in cycles if other.number < cycle.number and other.doses]
        if cycle.doses or not earlier or region not in earlier[-1].doses:
            return None
        return earlier[-1]
    return min(held, key=lambda other: (abs(other.number - cycle.number), other.number))


def _side(region: str, cycle: Cycle, pair: CycleDose) -> CycleDose:
    """Return the dose of a side in a cycle in which the pair was measured as one: that of the pair, as assumed."""
    source = f"side-of-pair:{region}{_CYCLE}{cycle.number}"
    bed = None if pair.bed_gy is None else pair.bed_gy.with_contribution(source, None)
    return CycleDose(pair.dose_gy.with_contribution(source, None), bed, pair.kind, "assumed", cycle.number)


def _carried(region: str, cycle: Cycle, source: Cycle, course: Course) -> CycleDose:
    known = source.doses[region]
    per_activity = known.dose_gy / source.activity_mbq
    dose = course.carry(region, per_activity, source.number, cycle.number) * cycle.activity_mbq
    factor = known.quadratic_per_gy
    return CycleDose(
        dose, None if factor is None else dose + factor * dose**2, known.kind, "assumed", carried_from=source.number
    )


def _carried_findings(region: str, cycle: Cycle, source: Cycle) -> Iterator[Finding]:
    if cycle.doses:
        yield Finding(
            "organ-carried-over",
            "warning",
            f"'{region}' is not among the regions of cycle {cycle.number}: the dose per activity of cycle "
            f"{source.number} is assumed. If it was removed, state 'absent: {{{region}: {{from_cycle: {cycle.number}, "
            "reason: …}}'.",
            region,
        )


def _without_dosimetry(cycles: Sequence[Cycle]) -> Iterator[Finding]:
    for cycle in cycles:
        if not cycle.doses:
            yield Finding(
                "cycle-without-dosimetry",
                "warning",
                f"Cycle {cycle.number} has no dosimetry: its doses are assumed from its activity of "
                f"{activity_words(cycle.activity_mbq)} and the nearest measured cycle.",
            )


def _of_absent(cycles: Sequence[Cycle], absent: Mapping[str, Absence]) -> Iterator[Finding]:
    for cycle in cycles:
        for region in cycle.doses:
            if _is_absent(region, cycle.number, absent):
                yield Finding(
                    "absent-but-measured",
                    "warning",
                    f"'{region}' is stated absent from cycle {absent[region].from_cycle} on, but has a dose in cycle "
                    f"{cycle.number}, which does not count: correct 'absent', or the outline.",
                    region,
                )


def _without_spread(cycles: Sequence[Cycle], course: Course) -> Iterator[Finding]:
    assumed = {name for cycle in cycles for name, dose in cycle.doses.items() if dose.basis == "assumed"}
    if lacking := sorted(name for name in assumed if course.spread_of(name).relative_u is None):
        yield Finding(
            "spread-not-stated",
            "warning",
            f"The uncertainty of what is assumed for {', '.join(lacking)} leaves out how much doses per activity vary "
            "between cycles, which is not known for lesions: state 'between_cycle_u'.",
        )


def _out_of_order(cycles: Sequence[Cycle]) -> Iterator[Finding]:
    dated = [cycle for cycle in cycles if cycle.start is not None]
    for one, other in pairwise(dated):
        if one.start is None or other.start is None or (one.start.tzinfo is None) != (other.start.tzinfo is None):
            continue
        if other.start <= one.start:
            yield Finding(
                "cycle-order",
                "warning",
                f"Cycle {other.number} starts at {other.start.isoformat()}, not after cycle {one.number} at "
                f"{one.start.isoformat()}: correct the numbers or the times.",
            )


def _of_lesions(cycles: Sequence[Cycle], regions: Mapping[str, None]) -> Iterator[Finding]:
    for region in regions:
        held = [cycle for cycle in cycles if region in cycle.doses]
        if held and held[0].doses[region].kind is RegionKind.LESION and len(held) < len(cycles):
            lacking = [str(cycle.number) for cycle in cycles if region not in cycle.doses]
            yield Finding(
                "lesion-not-measured",
                "info",
                f"'{region}' has no dose in cycle {', '.join(lacking)}, where it was not measured: its sum is that of "
                "the other cycles.",
                region,
            )
