"""Tables of a plan of radioembolisation, as text.

References
----------
[deWit2023]_, [Weber2022]_ Limits; [Chiesa2021]_ planned and delivered doses; [PMC8583383]_ activity of a sphere.
"""

from __future__ import annotations

from theradose.model.plan import PlanTable
from theradose.numbers import UNKNOWN, format_number, words
from theradose.plan.tare.checks import LimitCheck, exceeded_at
from theradose.plan.tare.images import dvh_table
from theradose.plan.tare.judgement import Judgement
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL, PERFUSED
from theradose.plan.tare.outcome import Outcome
from theradose.plan.tare.verification import Delivered
from theradose.plan.wording import exact_words, with_u
from theradose.uncertainty import Uncertain

_PROPORTIONS = "Whole activity in the proportions of this plan; conditions stand in the JSON document."


def plan_tables(found: Outcome) -> tuple[PlanTable, ...]:
    """Return the tables of a plan; with a verification those of the treatment, no longer those of the choice before.

    References
    ----------
    [deWit2023]_, [Chiesa2021]_
    """
    if found.judgement is not None:
        measured = [item.voxels for item in found.judgement.delivered if item.voxels is not None]
        dvh = [dvh_table(measured, "Voxels as delivered")] if measured else []
        return (_delivered_table(found), *dvh)
    dvh = [dvh_table(found.voxels, "Voxels at the planned activity")] if found.voxels else []
    others = [_alternatives_table(found)] if len(found.alternatives) > 1 else []
    return (_vials_table(found), _limits_table(found), *others, *dvh)


def kind_words(judgement: Judgement) -> str:
    """Return how the delivered doses are known: ``90Y PET`` or ``stated activities``."""
    return "stated activities" if judgement.kind == "stated" else words(judgement.kind)


def _vials_table(found: Outcome) -> PlanTable:
    """Return the perfused volumes with the activity of their vials and its number of spheres."""
    rows = []
    for planned in found.volumes:
        activity = found.needed_mbq[planned.volume.name]
        ends = found.spheres.number_of_spheres_million(activity_mbq=activity.value)
        rows.append((
            planned.volume.name,
            planned.stated.catheter or UNKNOWN,
            f"{exact_words(activity.value)} MBq",
            with_u(planned.volume.mass_g, "g"),
            " – ".join(dict.fromkeys(map(format_number, ends))),
        ))  # fmt: skip
    per_sphere = " – ".join(dict.fromkeys(map(format_number, found.spheres.activity_per_sphere_bq)))
    note = f"Activity at the time of administration; spheres at {per_sphere} Bq each ({found.spheres.sphere_source})."
    columns = ("perfused volume", "catheter", "activity of the vial", "mass", "spheres, million")
    return PlanTable("Vials", columns, tuple(rows), (note,))


def _limits_table(found: Outcome) -> PlanTable:
    """Return the activity at which each limit and target is reached; what sources ask alike is one row."""
    # Targets of a perfused volume as a whole are for plans that see one compartment.
    checks = [
        check
        for check in found.checks
        if check.is_limit or found.sees_one_compartment or check.region.organ != PERFUSED
    ]
    ordered = sorted(checks, key=lambda check: (not check.is_limit, check.region.label, check.limit.value_gy))
    sources: dict[tuple[str, str], dict[str, None]] = {}
    for check in ordered:
        text = f"{words(check.region.label)} {'≤' if check.is_limit else '≥'} {_range(check)} Gy"
        sources.setdefault((text, with_u(check.activity_mbq, "MBq")), {})[check.limit.source] = None
    rows = tuple((text, activity, "; ".join(named)) for (text, activity), named in sources.items())
    return PlanTable("Activity at each limit and target", ("limit or target", "activity", "source"), rows,
                     (_PROPORTIONS,))  # fmt: skip


def _alternatives_table(found: Outcome) -> PlanTable:
    """Return the activity by each method, and what it gives; a dose above a limit shows the limit."""
    above = [
        {check.region: check.limit.value_gy for check in exceeded_at(found.checks, other.activity_mbq.value)}
        for other in found.alternatives
    ]
    shown = [
        region
        for region in found.regions
        if region.organ in (LESION, NORMAL, LUNGS) or any(region in limits for limits in above)
    ]
    # Without a stated uncertainty of the plan that of a conversion alone would look like all of it.
    known = bool(found.total_mbq.contributions)
    rows = [("activity, MBq", *(_activity(other.activity_mbq, known=known) for other in found.alternatives))]
    for region in shown:
        doses = (
            format_number(region.dose_gy.value * other.activity_mbq.value / found.total_mbq.value)
            + (f" (limit {limits[region]:g})" if region in limits else "")
            for other, limits in zip(found.alternatives, above, strict=True)
        )
        rows.append((f"{words(region.label)}, Gy", *doses))
    names = (
        other.method if other.method == "bsa" else f"{other.method}, {other.conversion}" for other in found.alternatives
    )
    note = "Doses are those of this plan's compartments and conversion at that activity."
    marked = ("The activity of a method with a limit in brackets is above it.",) if any(above) else ()
    return PlanTable("Activity by other methods", ("method, conversion", *names), tuple(rows), (note, *marked))


def _delivered_table(found: Outcome) -> PlanTable:
    """Return planned and delivered doses side by side."""
    judgement = found.judgement
    if judgement is None:
        raise ValueError("a table of delivered doses needs a verification")
    planned = {region.label: region.dose_gy for region in found.regions}
    rows = tuple(
        (
            words(item.label),
            with_u(planned.get(item.label), "Gy"),
            with_u(item.planned_gy, "Gy"),
            with_u(item.delivered_gy, "Gy"),
            _ratio(item),
        )
        for item in judgement.delivered
    )
    columns = ("compartment", "planned", "planned, at the given activity", "delivered", "delivered ÷ planned at it")
    return PlanTable(f"Planned and delivered, by {kind_words(judgement)}", columns, rows)


def _ratio(item: Delivered) -> str:
    planned = item.planned_gy
    return format_number(item.delivered_gy.value / planned.value) if planned and planned.value else UNKNOWN


def _activity(activity_mbq: Uncertain, *, known: bool) -> str:
    return with_u(activity_mbq) if known else format_number(activity_mbq.value)


def _range(check: LimitCheck) -> str:
    limit = check.limit
    low_high = "" if limit.range_gy is None else f" ({limit.range_gy[0]:g} – {limit.range_gy[1]:g})"
    return f"{limit.value_gy:g}{low_high}"
