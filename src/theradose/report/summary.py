"""The first page: who was treated with what, the doses, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from theradose.model.region import RegionKind
from theradose.model.result import RegionResult, Result
from theradose.numbers import (
    NOT_STATED,
    UNKNOWN,
    format_estimate,
    format_fixed,
    format_given,
    format_given_unit,
    format_unit,
)
from theradose.report.blocks import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Illustration,
    Paragraph,
    Remarks,
    Row,
    Table,
    present,
)
from theradose.report.inputs import ordered_regions
from theradose.report.readings import marrow_sites, reading_budget, reading_rows
from theradose.report.remarks import remarks
from theradose.report.reporting import administrations, duration_words, engine_words, study_value

_CRITICAL_ON_FIRST_PAGE = 3
_ROWS_BEFORE_PICTURE = 12
_KINDS_NAMED = 6
_NAMES_LISTED = 4
_CONTRADICTED = frozenset({"poor-fit", "clearance-slower-than-decay"})


def build_summary(result: Result, pictures: Sequence[Illustration]) -> tuple[Block, ...]:
    """Return the blocks of the first page."""
    table = results_table(result)
    picture_first = len(table.rows) > _ROWS_BEFORE_PICTURE
    return present(
        (
            Facts(_facts(result)),
            _critical(result),
            _finding_count(result),
            *(pictures if picture_first else ()),
            table,
            _burden(result),
            *(() if picture_first else pictures),
        )
    )


def results_table(result: Result) -> Table:
    """Return the table of regions: volume, mass, integral, half-life, dose."""
    sites = marrow_sites(result)
    regions = [region for region in ordered_regions(result.regions) if region.name not in sites]
    further = [
        (title, field)
        for title, field in (("Of it by\nalphas", "alpha_gy"), ("BED", "bed_gy"))
        if any(getattr(region, field) is not None for region in regions)
    ]
    columns = [
        Column("Region", stretch=1.0),
        Column("Volume", "mL", "estimate"),
        Column("Mass", "g", "estimate"),
        Column("Integrated\nactivity", "MBq·h", "estimate"),
        Column("Effective\nhalf-life", "h", "estimate"),
        Column("Absorbed\ndose", "Gy", "estimate"),
        Column("Dose per\nactivity", "Gy/GBq", "estimate"),
    ]
    columns += [Column(title, "Gy", "estimate") for title, _ in further]
    fields = [field for _, field in further]
    rows = [_region_row(region, fields, group) for region, group in with_groups(regions)]
    rows += [Row((*line.cells, *(Cell(UNKNOWN) for _ in further)), line.group) for line in reading_rows(result)]
    notes = ["± is the standard uncertainty (k = 1) of all stated sources; — is unknown."]
    if regions:
        notes.append(_recovery_note(regions))
    if sites:
        notes.append(f"Red marrow by image is measured in {', '.join(sites)}, whose own doses are in regions.csv.")
    if any(region.verified_by is None for region in regions):
        notes.append("† Nobody is named as having verified the outline.")
    lines = [*(line for region in regions for line in region.budget), *reading_budget(result)]
    absent = sorted({_source_kind(line.source) for line in lines if line.share is None})
    if absent:
        notes.append(f"‡ ± is without the uncertainty of {' and '.join(absent)}, which nobody stated: it is too small.")
    if any(_is_contradicted(region) for region in regions):
        notes.append("§ The curve does not describe its points: ± does not cover that.")
    return Table("Results by region", tuple(columns), tuple(rows), tuple(notes))


def wholes(result: Result) -> tuple[tuple[frozenset[str], str], ...]:
    """Return all regions and all time points with what they are called together."""
    return (
        (frozenset(region.name for region in result.regions), "all regions"),
        (frozenset(image.timepoint for image in result.images), "all time points"),
    )


def with_groups(regions: Sequence[RegionResult]) -> list[tuple[RegionResult, str]]:
    """Return each region with the heading above it, which is empty within a group."""
    grouped = []
    before = ""
    for region in regions:
        heading = "Lesions" if region.kind == RegionKind.LESION else "Organs and other regions"
        grouped.append((region, "" if heading == before else heading))
        before = heading
    return grouped


def region_name(region: RegionResult) -> str:
    """Return the name with the marks that the notes of the results table explain."""
    marks = "" if region.verified_by else "†"
    marks += "‡" if any(line.share is None for line in region.budget) else ""
    marks += "§" if _is_contradicted(region) else ""
    return region.name + ("\u00a0" + marks if marks else "")


def _is_contradicted(region: RegionResult) -> bool:
    return region.fit is not None and not _CONTRADICTED.isdisjoint(region.fit.flags)


def _source_kind(source: str) -> str:
    return source.partition(":")[0]


def readable_time(text: object) -> str:
    """Return an ISO time as ``2026-03-02 10:00 +01:00``; other text as it is."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    zone = moment.strftime("%z")
    offset = "" if not zone else " UTC" if zone in ("+0000",) else f" {zone[:3]}:{zone[3:5]}"
    return moment.strftime("%Y-%m-%d %H:%M") + offset


def _recovery_note(regions: Sequence[RegionResult]) -> str:
    """Say which doses are corrected for partial volume."""
    without = [region.name for region in regions if region.recovery is None]
    if len(without) == len(regions):
        return "No activity and no dose is corrected for recovery (partial volume): those of small regions are too low."
    note = "Activity and dose are those of the region after recovery correction; the dose map is not corrected."
    if without:
        listed = ", ".join(without[:_NAMES_LISTED]) + (" and others" if len(without) > _NAMES_LISTED else "")
        note += f" Not corrected: {listed}."
    return note


def _region_row(region: RegionResult, further: Sequence[str], group: str) -> Row:
    cells = [
        Cell(region_name(region), strong=True),
        Cell(format_estimate(region.volume_ml)),
        Cell(format_estimate(region.mass_g)),
        Cell(format_estimate(region.tia_mbq_h)),
        Cell(format_estimate(region.effective_half_life_h)),
        Cell(format_estimate(region.dose_gy), strong=True),
        Cell(format_estimate(region.dose_per_activity_gy_gbq)),
    ]
    cells += [Cell(format_estimate(getattr(region, field))) for field in further]
    return Row(tuple(cells), group)


def _facts(result: Result) -> tuple[Fact, ...]:
    study = result.study
    weight, height = (study_value(study, "patient", key) for key in ("weight", "height"))
    cycle = study.get("cycle")
    facts = [
        *_identity(study),
        ("Patient", study_value(study, "patient", "id")),
        ("Sex", study_value(study, "patient", "sex")),
        ("Weight, height", None if weight is None and height is None
         else f"{format_given_unit(weight, 'kg')}, {format_given_unit(height, 'cm')}"),
        ("Therapy", study.get("therapy")),
        ("Protocol", study.get("protocol")),
        ("Cycle", None if cycle is None else str(cycle) + _cumulated(study)),
    ]  # fmt: skip
    for number, given in enumerate(administrations(result), 1):
        facts += _administration(given, f" {number}" if len(administrations(result)) > 1 else "")
    times = ", ".join(format_fixed(image.t_h, 1) for image in result.images)
    facts.append(("Images", f"{len(result.images)} at {times} h{_planar_words(result)}" if result.images else "none"))
    if result.images:
        facts.append(("Dose engine", engine_words(result)))
    return tuple(
        Fact(label, NOT_STATED if value in (None, "") else str(value), "muted" if value in (None, "") else "")
        for label, value in facts
    )


def _planar_words(result: Result) -> str:
    times = ", ".join(format_fixed(image.t_h, 1) for image in result.planar)
    return f"; {len(result.planar)} planar at {times} h" if result.planar else ""


def _identity(study: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return name and birth date, only where the study asks for them."""
    if study_value(study, "report", "identify_patient") is not True:
        return []
    return [(label, study_value(study, "patient", key)) for label, key in (("Name", "name"), ("Born", "birth_date"))]


def _cumulated(study: Mapping[str, Any]) -> str:
    earlier = study.get("previous_cycles") or ()
    total = sum(cycle.get("activity") or 0.0 for cycle in earlier)
    return f" (earlier: {len(earlier)}, {format_given_unit(total / 1000, 'GBq')})" if earlier else ""


def _administration(given: Mapping[str, Any], number: str) -> list[tuple[str, Any]]:
    activity, residual, duration = (given.get(key) for key in ("activity", "residual", "duration"))
    amount = None
    if activity is not None:
        net = format_given_unit((activity - (residual or 0.0)) / 1000, "GBq")
        detail = "residual not stated" if residual is None else f"{format_given(residual)} MBq residual subtracted"
        amount = f"{given.get('nuclide') or 'nuclide not stated'}, {net} ({detail})"
    start = given.get("start")
    when = None
    if start is not None:
        when = readable_time(start) + duration_words(duration, ", ")
    return [(f"Administered{number}", amount), (f"Start{number}", when)]


def _critical(result: Result) -> Block | None:
    critical = remarks(result.findings, only="critical", wholes=wholes(result))
    if not critical:
        return None
    return Remarks(critical[:_CRITICAL_ON_FIRST_PAGE], max(0, len(critical) - _CRITICAL_ON_FIRST_PAGE))


def _finding_count(result: Result) -> Paragraph:
    """Name the kinds of warnings, with how often each occurs."""
    kinds = Counter(finding.code for finding in result.findings if finding.severity == "warning")
    named = ", ".join(
        code.replace("-", " ") + (f" ({count})" if count > 1 else "") for code, count in kinds.most_common(_KINDS_NAMED)
    )
    more = f" and {len(kinds) - _KINDS_NAMED} more" if len(kinds) > _KINDS_NAMED else ""
    notes = len({finding.code for finding in result.findings if finding.severity == "info"})
    critical = any(finding.severity == "critical" for finding in result.findings)
    return Paragraph(
        ("" if critical else "No critical findings. ")
        + (f"Warnings: {named}{more}. " if kinds else "No warnings. ")
        + f"Notes: {notes}. All are explained under Assumptions and findings."
    )


def _burden(result: Result) -> Block | None:
    burden = result.tumour_burden
    if burden is None and not result.regions:
        return None
    if burden is None:
        return Paragraph("Total lesion volume and activity: not stated, because no region is marked as a lesion.")
    lesions = "1 lesion" if burden.lesions == 1 else f"{burden.lesions} lesions"
    return Paragraph(
        f"Tumour burden: {lesions}, total volume {format_unit(burden.volume_ml, 'mL')}, total activity "
        f"{format_unit(burden.activity_mbq, 'MBq')} at the reference time point."
    )
