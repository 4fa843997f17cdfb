"""Expected doses of level 1: published doses per activity times the activity.

References
----------
[Konijnenberg2021]_ Cohort-averaged dosimetry of level 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from theradose.data import load_number
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import PlannedDose
from theradose.model.reference import ReferenceMethod
from theradose.numbers import format_number, words
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.limits import limited_with, limits_for, parts_of
from theradose.plan.probability import compare_with_limit
from theradose.plan.reference_ranges import (
    LESION,
    MARROW_METHODS,
    RED_MARROW,
    ExpectedDose,
    PublishedRange,
    expected_dose,
    published_range,
    reference_doses,
)
from theradose.plan.therapies import require_therapy
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain
from theradose.units import MBQ_PER_GBQ

AT_SITE = "part:injection-site"
"""Source of uncertainty of the part of the activity that stayed at the injection site."""


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedOrgan:
    """A published dose per activity and its range, with the organ as the page names it."""

    target: str
    expected: ExpectedDose
    published: PublishedRange


@dataclass(frozen=True, slots=True, eq=False)
class ExcessDose:
    """What an organ received beside what was intended."""

    target: str
    intended_gy: Uncertain
    received_gy: Uncertain
    excess_gy: Uncertain


def expected_organs(*, therapy: str) -> tuple[ExpectedOrgan, ...]:
    """Return the organs with a published dose, the critical one first; red marrow by blood and by images apart.

    References
    ----------
    [Konijnenberg2021]_
    """
    critical = require_therapy(therapy).critical
    regions = dict.fromkeys(row.organ for row in reference_doses(therapy=therapy))
    found = []
    for region in sorted(regions, key=lambda region: (region != critical, region == LESION)):
        ways = MARROW_METHODS if region == RED_MARROW else {}
        apart = [organ for name, methods in ways.items() for organ in _organ(therapy, region, name, methods)]
        found += apart or _organ(therapy, region, region, ())
    return tuple(found)


def _organ(therapy: str, region: str, name: str, methods: Sequence[ReferenceMethod]) -> list[ExpectedOrgan]:
    expected = expected_dose(therapy=therapy, organ=region, methods=methods)
    published = published_range(therapy=therapy, organ=region, methods=methods)
    if expected is None or published is None:
        return []
    return [ExpectedOrgan(name, expected, published)]


def administered(*, request: Level1Input) -> Uncertain:
    """Return the activity of this cycle in MBq.

    References
    ----------
    [Konijnenberg2021]_
    """
    return request.activity.from_source(ADMINISTERED_ACTIVITY)


def circulating(*, request: Level1Input) -> Uncertain:
    """Return the activity of this cycle in MBq that did not stay at the injection site.

    References
    ----------
    [Konijnenberg2021]_
    """
    given = administered(request=request)
    stayed = request.at_injection_site
    return given if stayed is None else given * (1 - stayed.from_source(AT_SITE))


def course_activity(*, request: Level1Input) -> Uncertain:
    """Return the activity of all cycles in MBq: earlier ones as stated, otherwise and later ones as intended.

    Of this cycle the part that circulates counts. Where none was intended the others count as this cycle's. One
    activity meter measures all of them, with the same relative uncertainty.

    References
    ----------
    [Konijnenberg2021]_
    """
    given = administered(request=request)
    other = given.value if request.intended_activity is None else request.intended_activity
    before = request.previous_activities
    assumed = request.cycles - 1 - len(before)
    return circulating(request=request) + given * ((assumed * other + math.fsum(before)) / given.value)


def expected_doses(
    *, organ: ExpectedOrgan, request: Level1Input, stated: tuple[Limit, ...] | None
) -> list[PlannedDose]:
    """Return the dose of this cycle and of the course beside each limit.

    Parameters
    ----------
    organ : ExpectedOrgan
        Its dose per activity has one source, which all cycles of the patient share.
    request : Level1Input
        Activities and cycles.
    stated : tuple of Limit or None
        The limits to compare with; ``None`` takes the packaged ones of the therapy, or else the general ones.

    References
    ----------
    [Konijnenberg2021]_
    """
    known = organ_limits(organ=organ, therapy=request.therapy, stated=stated)
    compared = [limit for limit in known if limit.quantity == "absorbed-dose"]
    of_course = [limit for limit in compared if limit.span == "course"]
    this_cycle, cycle = _dose(organ, circulating(request=request)), f"cycle {request.cycle}"
    if request.cycles == 1:
        return _beside(organ.target, this_cycle, cycle, compared)
    course, cycles = _dose(organ, course_activity(request=request)), f"{request.cycles} cycles"
    of_cycle = [limit for limit in compared if limit.span != "course"]
    return [*_beside(organ.target, this_cycle, cycle, of_cycle), *_beside(organ.target, course, cycles, of_course)]


def _dose(organ: ExpectedOrgan, activity_mbq: Uncertain) -> Uncertain:
    """Return the expected dose; where nobody stated the spread between patients it has no interval at all.

    The uncertainty of the activity alone would make a narrow interval that most patients are outside of.
    """
    per_mbq = organ.expected.dose_per_activity_gy_gbq / MBQ_PER_GBQ
    dose = per_mbq * activity_mbq
    return Uncertain(dose.value, {}, dose.not_stated) if per_mbq.not_stated else dose


def _beside(target: str, dose_gy: Uncertain, basis: str, limits: Sequence[Limit]) -> list[PlannedDose]:
    """Return a dose beside each limit, or once without any."""
    shown: Sequence[Limit | None] = limits or [None]
    return [
        compare_with_limit(target=target, dose_gy=dose_gy, limit=limit, basis=basis, of_mean=True) for limit in shown
    ]


def organ_limits(*, organ: ExpectedOrgan, therapy: str, stated: tuple[Limit, ...] | None) -> tuple[Limit, ...]:
    """Return the stated limits of an organ, else those that name the therapy, else the general ones.

    A limit of a whole, as of all salivary glands, also holds for each of its parts, as in the plans of cycles.

    References
    ----------
    [Konijnenberg2021]_
    """
    wholes = limited_with(organ.expected.organ)
    if stated is not None:
        return tuple(limit for limit in stated if limit.organ in wholes)
    known = tuple(limit for limit in limits_for(therapy=therapy, kind="limit") if limit.organ in wholes)
    return tuple(limit for limit in known if limit.therapies) or known


def excess_doses(*, organs: Sequence[ExpectedOrgan], request: Level1Input) -> tuple[ExcessDose, ...]:
    """Return what each organ received beside what was intended, of an administration that was not meant so.

    References
    ----------
    [Konijnenberg2021]_
    """
    meant = Uncertain(request.intended_activity or 0.0)
    found = []
    for organ in organs:
        intended, received = _dose(organ, meant), _dose(organ, circulating(request=request))
        found.append(ExcessDose(organ.target, intended, received, received - intended))
    return tuple(found)


def disagreement_findings(*, organs: Sequence[ExpectedOrgan]) -> Iterator[Finding]:
    """Yield where published doses contradict each other: the means of sources, or of a gland and its parts.

    References
    ----------
    [Theradose]_ From which factor on is a convention (``plan.yaml``).
    """
    factor = load_number("plan.yaml", "disagreement_factor")
    means = {organ.expected.organ: organ.expected.dose_per_activity_gy_gbq.value for organ in organs}
    for whole, mean in means.items():
        parts = {part: means[part] for part in parts_of(whole) if part in means}
        if parts and not 1 / factor <= max(parts.values()) / mean <= factor:
            named = ", ".join(f"{words(part)} {format_number(value)}" for part, value in parts.items())
            yield Finding(
                "published-doses-disagree",
                "warning",
                f"The sources disagree: {words(whole)} {format_number(mean)} Gy/GBq, but {named} Gy/GBq. They are from "
                "other patients, and outlines and methods differ: these rows do not follow from each other.",
                whole,
            )
    spans = []
    for organ in organs:
        sources = [
            row.mean * row.per_gbq
            for row in organ.published.rows
            if row.mean and row.per_gbq and not row.same_patients and not row.subgroup
        ]
        if organ.expected.organ != LESION and len(sources) > 1 and max(sources) > factor * min(sources):
            spans.append(f"{words(organ.target)} {format_number(min(sources))} to {format_number(max(sources))}")
    if spans:
        yield Finding(
            "published-doses-disagree",
            "info",
            f"The means of the sources differ by more than a factor of {factor:g}: {', '.join(spans)} Gy/GBq.",
        )
