"""How the dose per activity of an organ moves from cycle to cycle: a stated trend, and a spread around it.

The dose per activity of cycle j is that of cycle i times the trend to the power of j − i, times a factor that is drawn
anew in each cycle. The spread of that factor is stated, or that of the patient's own cycles pooled with an assumed one.

References
----------
[Roth2022]_ The dose per cycle to tumours falls from cycle to cycle.
[JCGM100]_ Propagation by source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from theradose.data import load_yaml
from theradose.model.cycles import CyclesChoice, Trend
from theradose.model.region import RegionKind
from theradose.numbers import format_given_percent
from theradose.plan.cycles.cycle import Cycle
from theradose.spatial.naming import pair_of
from theradose.uncertainty import Uncertain

BETWEEN = "between-cycles"
LESIONS = "lesions"
"""Key of a trend that holds for every lesion."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Relative standard deviation between cycles, ``None`` if nobody states it, with where it comes from."""

    relative_u: float | None
    source: str
    status: str


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Trend and spread of the dose per activity over the cycles of a patient.

    Attributes
    ----------
    trends : mapping of str to Trend
        As stated.
    spread : Spread
        Of organs, where `spreads` has none of a region.
    spreads : mapping of str to Spread
        By region.
    lesions : frozenset of str
        Regions that are lesions.
    decline : float
        Published fraction by which the dose to a lesion falls from cycle to cycle, 0 where no grade is stated.
    """

    trends: Mapping[str, Trend]
    spread: Spread
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    lesions: frozenset[str] = frozenset()
    decline: float = 0.0

    def spread_of(self, region: str) -> Spread:
        """Return the spread of a region."""
        return self.spreads.get(region, self.spread)

    def trend_factor(self, region: str, cycles: int) -> Uncertain:
        """Return the factor of the dose per activity after a number of cycles, which may be negative.

        Where no trend is known it is 1; where one is known without its uncertainty, that is not stated.
        """
        known = self._trend(region)
        if known is None or not cycles:
            return Uncertain(1.0)
        key, trend = known
        factor = 1 + trend.per_cycle
        value: float = factor**cycles
        u = None if trend.absolute_u is None else cycles * value / factor * trend.absolute_u
        return Uncertain(value).with_contribution(f"trend:{key}", u)

    def carry(self, region: str, per_activity: Uncertain, measured: int, wanted: int) -> Uncertain:
        """Return the dose per activity of a cycle in which nothing was measured, from one in which it was."""
        value = per_activity * self.trend_factor(region, wanted - measured)
        u = self.spread_of(region).relative_u
        for cycle, sign in ((measured, -1.0), (wanted, 1.0)):
            value = value.with_contribution(
                between_source(region, cycle), None if u is None else sign * u * value.value
            )
        return value

    def _trend(self, region: str) -> tuple[str, Trend] | None:
        keys = (region, pair_of(region))
        if region in self.lesions:
            keys = (region, LESIONS)
        for key in keys:
            if key in self.trends:
                return key, self.trends[key]
        declines = region in self.lesions and self.decline > 0
        return (LESIONS, Trend(per_cycle=-self.decline)) if declines else None


def between_source(region: str, cycle: int) -> str:
    """Return the name under which the deviation of a cycle from the patient's mean is a source."""
    return f"{BETWEEN}:{region}@{cycle}"


def assumed_spread() -> Spread:
    """Return the spread that is assumed where nothing is stated or measured often enough.

    References
    ----------
    [PSMAFirstCycle]_ What supports it.
    """
    record = load_yaml("cycles.yaml")["between_cycles"]
    return Spread(float(record["value"]), record["source"], record["status"])


def own_spread(per_activity: Sequence[float], *, assumed: Spread) -> Spread:
    """Return the spread of the patient's own cycles, trend taken out, pooled with the assumed one.

    The scatter of measurements is in it, so that it is rather too large than too small.

    Parameters
    ----------
    per_activity : sequence of float
        Dose per activity of the measured cycles, any unit.
    assumed : Spread
        Which counts as some degrees of freedom (``cycles.yaml``), and alone where there are too few cycles.

    References
    ----------
    [JCGM100]_ Pooled estimate of a variance, 4.2.4.
    """
    rule = load_yaml("cycles.yaml")["own_cycles"]["value"]
    number = len(per_activity)
    if number < rule["fewest"] or assumed.relative_u is None:
        return assumed
    mean = math.fsum(per_activity) / number
    squares = math.fsum((value / mean - 1) ** 2 for value in per_activity)
    degrees = rule["prior_degrees"]
    pooled = math.sqrt((degrees * assumed.relative_u**2 + squares) / (degrees + number - 1))
    return Spread(
        pooled,
        f"scatter of {number} own cycles, pooled with {format_given_percent(assumed.relative_u)} assumed",
        "choice",
    )


def course_of(choice: CyclesChoice, *, doses_per_activity: Mapping[str, Mapping[int, float]], lesions: frozenset[str],
              ) -> Course:  # fmt: skip
    """Return trend and spread as stated, or by the patient's own cycles and the conventions.

    Parameters
    ----------
    choice : CyclesChoice
        What is stated.
    doses_per_activity : mapping of str to mapping of int to float
        Measured dose per activity by region and cycle.
    lesions : frozenset of str
        Regions that are lesions; without a stated spread that of lesions is not known.

    References
    ----------
    [Roth2022]_
    """
    stated = choice.between_cycle_u
    decline = 0.0 if choice.grade is None else float(load_yaml("cycles.yaml")["tumour_decline"]["value"][choice.grade])
    if stated is not None:
        return Course(choice.trend, Spread(stated, "stated", "stated"), lesions=lesions, decline=decline)
    assumed = assumed_spread()
    unknown = Spread(None, "not stated", "not stated")
    plain = Course(choice.trend, assumed, lesions=lesions, decline=decline)
    spreads = {}
    for region, values in doses_per_activity.items():
        first = min(values, default=1)
        level = [value / plain.trend_factor(region, cycle - first).value for cycle, value in values.items()]
        spreads[region] = unknown if region in lesions else own_spread(level, assumed=assumed)
    return Course(choice.trend, assumed, spreads, lesions, decline)


def patient_course(cycles: Sequence[Cycle], choice: CyclesChoice) -> Course:
    """Return trend and spread between the cycles of this patient.

    References
    ----------
    [deWit2023]_
    """
    regions = dict.fromkeys(name for cycle in cycles for name in cycle.doses)
    per_activity = {
        region: {c.number: c.doses[region].dose_gy.value / c.activity_mbq for c in cycles if region in c.doses}
        for region in regions
    }
    lesions = {name for cycle in cycles for name, dose in cycle.doses.items() if dose.kind is RegionKind.LESION}
    return course_of(choice, doses_per_activity=per_activity, lesions=frozenset(lesions))
