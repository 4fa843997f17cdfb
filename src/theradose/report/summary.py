"""The first page: who was treated with what, the doses, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from theradose.model.finding import Severity
from theradose.model.region import RegionKind
from theradose.model.result import FindingResult, RegionResult, Result
from theradose.report.blocks import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Illustration,
    Paragraph,
    Remark,
    Remarks,
    Row,
    Table,
    present,
    row,
)
from theradose.report.inputs import ordered_regions
from theradose.report.numbers import (
    NOT_STATED,
    UNKNOWN,
    format_estimate,
    format_fixed,
    format_given,
    format_given_unit,
    format_unit,
)
from theradose.report.reporting import administrations, study_value

_SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
_CRITICAL_ON_FIRST_PAGE = 3
_ROWS_BEFORE_PICTURE = 12
_PLACE = "…"
_NOT_VERIFIED = "\u00a0†"


def build_summary(result: Result, pictures: Sequence[Illustration]) -> tuple[Block, ...]:
    """Return the blocks of the first page."""
    table = results_table(result)
    picture_first = len(table.rows) > _ROWS_BEFORE_PICTURE
    return present(
        (
            Facts(_facts(result)),
            _critical(result.findings),
            *(pictures if picture_first else ()),
            table,
            _burden(result),
            *(() if picture_first else pictures),
        )
    )


def results_table(result: Result) -> Table:
    """Return the table of regions: volume, mass, integral, half-life, dose."""
    regions = ordered_regions(result.regions)
    with_bed = any(region.bed_gy is not None for region in regions)
    columns = [
        Column("Region", stretch=1.0),
        Column("Volume", "mL", "estimate"),
        Column("Mass", "g", "estimate"),
        Column("Integrated\nactivity", "MBq·h", "estimate"),
        Column("Effective\nhalf-life", "h", "estimate"),
        Column("Absorbed\ndose", "Gy", "estimate"),
        Column("Dose per\nactivity", "Gy/GBq", "estimate"),
    ]
    if with_bed:
        columns.append(Column("BED", "Gy", "estimate"))
    rows = [_region_row(region, with_bed, group) for region, group in with_groups(regions)]
    body = result.whole_body
    if body is not None:
        cells = [
            Cell(body.scope), Cell(UNKNOWN), Cell(UNKNOWN), Cell(format_estimate(body.tia_mbq_h)),
            Cell(format_estimate(body.effective_half_life_h)), Cell(UNKNOWN), Cell(UNKNOWN),
        ]  # fmt: skip
        rows.append(row(*cells, *([Cell(UNKNOWN)] if with_bed else []), group="Whole body"))
    notes = ["± is the standard uncertainty (k = 1) of all stated sources; — is unknown."]
    if any(region.verified_by is None for region in regions):
        notes.append("† Nobody is named as having verified the outline.")
    return Table("Results by region", tuple(columns), tuple(rows), tuple(notes))


def remarks(findings: Sequence[FindingResult], *, only: Severity | None = None) -> tuple[Remark, ...]:
    """Return findings by falling severity, in their order within each.

    Findings that differ only in their place are one remark, with ``…`` for the place in its text.
    """
    joined: dict[tuple[Severity, str, str], list[FindingResult]] = {}
    for finding in findings:
        text = finding.message.replace(finding.where, _PLACE) if finding.where else finding.message
        joined.setdefault((finding.severity, finding.code, text), []).append(finding)
    return tuple(
        Remark(severity, ", ".join(one.where for one in alike), alike[0].message if len(alike) == 1 else text, code)
        for wanted in _SEVERITIES
        for (severity, code, text), alike in joined.items()
        if severity == wanted and only in (None, wanted)
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
    """Return the name with a dagger if nobody verified the outline."""
    return region.name + ("" if region.verified_by else _NOT_VERIFIED)


def readable_time(text: object) -> str:
    """Return an ISO time as ``2026-03-02 10:00 +01:00``; other text as it is."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    zone = moment.strftime("%z")
    offset = "" if not zone else " UTC" if zone in ("+0000",) else f" {zone[:3]}:{zone[3:5]}"
    return moment.strftime("%Y-%m-%d %H:%M") + offset


def _region_row(region: RegionResult, with_bed: bool, group: str) -> Row:
    cells = [
        Cell(region_name(region), strong=True),
        Cell(format_estimate(region.volume_ml)),
        Cell(format_estimate(region.mass_g)),
        Cell(format_estimate(region.tia_mbq_h)),
        Cell(format_estimate(region.effective_half_life_h)),
        Cell(format_estimate(region.dose_gy), strong=True),
        Cell(format_estimate(region.dose_per_activity_gy_gbq)),
    ]
    if with_bed:
        cells.append(Cell(format_estimate(region.bed_gy)))
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
    facts += [
        ("Images", f"{len(result.images)} at {times} h" if result.images else None),
        ("Dose engine", study_value(study, "dose", "engine")),
    ]
    return tuple(
        Fact(label, NOT_STATED if value in (None, "") else str(value), "muted" if value in (None, "") else "")
        for label, value in facts
    )


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
        when = readable_time(start) + ("" if duration is None else f", {format_given(60 * duration)} min")
    return [(f"Administered{number}", amount), (f"Start{number}", when)]


def _critical(findings: Sequence[FindingResult]) -> Block:
    critical = remarks(findings, only="critical")
    if not critical:
        warnings = sum(finding.severity == "warning" for finding in findings)
        return Paragraph(f"No critical findings. Warnings: {warnings}; notes: {len(findings) - warnings}.")
    return Remarks(critical[:_CRITICAL_ON_FIRST_PAGE], max(0, len(critical) - _CRITICAL_ON_FIRST_PAGE))


def _burden(result: Result) -> Block:
    burden = result.tumour_burden
    if burden is None:
        return Paragraph("Total lesion volume and activity: not stated, because no region is marked as a lesion.")
    lesions = "1 lesion" if burden.lesions == 1 else f"{burden.lesions} lesions"
    return Paragraph(
        f"Tumour burden: {lesions}, total volume {format_unit(burden.volume_ml, 'mL')}, total activity "
        f"{format_unit(burden.activity_mbq, 'MBq')} at the reference time point."
    )
