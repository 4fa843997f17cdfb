"""What a report says: a result and its pictures as a document of plain parts, the same for PDF and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from theradose.model.result import EvidenceLine, ImageResult, RegionResult, Result
from theradose.report.blocks import (
    Block,
    Cell,
    Column,
    Document,
    Fact,
    Facts,
    Illustration,
    Paragraph,
    Remarks,
    Row,
    Section,
    Table,
    Tone,
    present,
    row,
)
from theradose.report.inputs import ReportImages, ordered_regions
from theradose.report.numbers import (
    NOT_STATED,
    UNKNOWN,
    format_estimate,
    format_fixed,
    format_given,
    format_number,
    format_percent,
)
from theradose.report.reporting import count_stated, load_reporting_list, study_value
from theradose.report.style import Picture
from theradose.report.summary import build_summary, readable_time, region_name, remarks, with_groups

BANNER = "RESEARCH USE ONLY. Not for clinical decisions unless this site has validated the method."
_TITLE = "Dosimetry report"


def build_document(result: Result, images: ReportImages, pictures: Sequence[Picture]) -> Document:
    """Return the report of a result."""
    places = {picture.name: Illustration.of(picture) for picture in pictures}
    sections = (
        Section("acquisition", "Acquisition and activity check", present((_image_table(result), _evidence(result)))),
        Section("findings", "Assumptions and findings", present((_findings(result), _overrides(result)))),
        Section(
            "registration", "Registration",
            present((_registration_table(result), *_named(places, "registration"))),
        ),
        Section("slices", "Dose in the patient", present((*_named(places, "dose-rates"), *_named(places, "slices-")))),
        Section("curves", "Time-activity curves", present((*_named(places, "curves-"), _fit_table(result)))),
        Section("dvh", "Dose-volume histograms", present((*_named(places, "histograms"), _dvh_table(result)))),
        Section("budget", "Uncertainty budget", present((*_named(places, "budget-"), _region_table(result)))),
        Section("limits", "Limits", present((_limit_table(result),))),
        Section("method", "Method and software", _method(result, images)),
        Section("reporting", "Reporting list", _reporting(result)),
        Section("files", "Files", present((_file_table(result),))),
    )  # fmt: skip
    return Document(
        title=str(study_value(result.study, "report", "title") or _TITLE),
        subtitle=" · ".join(
            str(part) for part in (result.study.get("therapy"), study_value(result.study, "patient", "id")) if part
        ),
        run_id=result.run_id,
        created=readable_time(result.created),
        software=f"theradose {result.software.get('theradose', '')}".strip(),
        banner=BANNER,
        summary=build_summary(result, tuple(_named(places, "overview"))),
        sections=tuple(section for section in sections if section.blocks),
    )


def _named(places: dict[str, Illustration], start: str) -> Iterable[Illustration]:
    return (place for name, place in places.items() if name.startswith(start))


def _image_table(result: Result) -> Table:
    columns = (
        Column("Time point"), Column("Time", "h", "right"), Column("Modality"), Column("Matrix", "z × y × x"),
        Column("Voxel", "mm"), Column("Unit, decay reference", stretch=1.0), Column("Dead time", "factor", "right"),
        Column("Image total", "MBq", "right"), Column("Expected", "MBq", "right"),
        Column("Found", "of expected", "right"),
    )  # fmt: skip
    return Table(
        "Images and activity check",
        columns,
        tuple(_image_row(image, result) for image in result.images),
        ("Expected: the administered activity after physical decay only. Excretion and activity outside the field "
         "of view lower what is found; more than expected points to calibration, units or times.",),
    )  # fmt: skip


def _image_row(image: ImageResult, result: Result) -> Row:
    stored = f"{image.unit_found}, {image.decay_reference_found}"
    return row(
        Cell(image.timepoint, strong=True), format_fixed(image.t_h, 1), image.modality,
        " × ".join(str(n) for n in image.shape), " × ".join(format_number(d) for d in image.spacing_mm), stored,
        format_number(image.dead_time_factor, digits=4), format_number(image.total_activity_mbq),
        format_number(image.expected_activity_mbq),
        Cell(format_percent(image.fraction_of_expected), _activity_tone(image.timepoint, result), strong=True),
    )  # fmt: skip


def _activity_tone(timepoint: str, result: Result) -> Tone:
    """Return the tone of the worst finding about the activity of a time point."""
    severities = {f.severity for f in result.findings if f.where == timepoint and "activity" in f.code}
    return "critical" if "critical" in severities else "warning" if "warning" in severities else ""


def _evidence(result: Result) -> Table:
    """Return what was read from where; equal lines of several time points are joined."""
    lines: dict[EvidenceLine, list[str]] = {}
    for image in result.images:
        for line in image.assumptions:
            lines.setdefault(line, []).append(image.timepoint)
    quantities = list(dict.fromkeys(line.quantity for line in lines))
    ordered = sorted(lines.items(), key=lambda item: (not item[0].assumed, quantities.index(item[0].quantity)))
    return Table(
        "What was read and what was assumed",
        (Column("Quantity"), Column("Value", stretch=1.0), Column("Source", stretch=1.6), Column("Status"),
         Column("Time points")),
        tuple(
            row(
                line.quantity, line.value, line.source,
                Cell("assumed", "warning") if line.assumed else Cell("read", "muted"), ", ".join(timepoints),
            )
            for line, timepoints in ordered
        ),
    )  # fmt: skip


def _findings(result: Result) -> Block:
    if not result.findings:
        return Paragraph("There are no findings.")
    return Remarks(remarks(result.findings))


def _overrides(result: Result) -> Table:
    changes = result.study.get("overrides") or ()
    rows = [
        row(
            str(change.get("region")),
            ", ".join(
                f"{key.replace('_', ' ')}: {_plain(value)}"
                for key, value in change.items()
                if key not in ("region", "reason") and value not in (None, [], ())
            ),
            str(change.get("reason") or NOT_STATED),
        )
        for change in changes
    ]
    return Table(
        "Deliberate deviations from the automatic choice",
        (Column("Region"), Column("Change", stretch=1.0), Column("Reason", stretch=1.0)), tuple(rows),
    )  # fmt: skip


def _registration_table(result: Result) -> Table:
    rows = []
    for image in result.images:
        if image.registration is None:
            continue
        moved = image.registration
        quality = "; ".join(f"{name.replace('_', ' ')} {format_number(v)}" for name, v in moved.quality.items())
        rows.append(
            row(
                Cell(image.timepoint, strong=True), moved.method,
                ", ".join(format_fixed(step, 1) for step in moved.translation_mm),
                format_fixed(moved.rotation_deg, 2), quality or UNKNOWN,
            )
        )  # fmt: skip
    return Table(
        "Registration",
        (Column("Time point"), Column("Method"), Column("Shift (L, P, S)", "mm", "right"),
         Column("Rotation", "deg", "right"), Column("Quality", stretch=1.0)),
        tuple(rows),
    )  # fmt: skip


def _fit_table(result: Result) -> Table:
    rows = []
    for region in ordered_regions(result.regions):
        for number, fit in enumerate(region.models):
            rows.append(
                row(
                    Cell(fit.model, strong=fit.weight > 0),
                    Cell("used" if fit.weight > 0 else "", "good"), format_fixed(fit.weight, 2),
                    format_fixed(fit.aicc, 1), format_fixed(fit.chi_squared, 2),
                    format_estimate(fit.tia_mbq_h), Cell(", ".join(fit.flags), "muted"),
                    group=region.name if number == 0 else "",
                )
            )  # fmt: skip
    return Table(
        "Fitted models",
        (Column("Model"), Column(""), Column("Weight", "", "right"),
         Column("AICc", "", "right"), Column("χ²", "", "right"), Column("Integrated activity", "MBq·h", "estimate"),
         Column("Flags", stretch=1.0)),
        tuple(rows),
        ("u of a model is that of its fit alone. Parameters and covariances are in fits.csv and result.json.",),
    )  # fmt: skip


def _dvh_table(result: Result) -> Table:
    rows = []
    for region, group in with_groups([r for r in ordered_regions(result.regions) if r.dvh is not None]):
        if region.dvh is None:
            continue
        at = "; ".join(f"V{dose} Gy {format_percent(v)}" for dose, v in region.dvh.volume_fraction_at_gy.items())
        doses_gy = (region.dvh.mean_gy, region.dvh.d95_gy, region.dvh.d50_gy, region.dvh.d2_gy)
        figures = (format_number(dose) for dose in doses_gy)
        rows.append(row(Cell(region.name, strong=True), *figures, at or UNKNOWN, group=group))
    return Table(
        "Dose-volume figures of the dose map",
        (Column("Region", stretch=1.0), Column("Mean", "Gy", "right"), Column("D95", "Gy", "right"),
         Column("D50", "Gy", "right"), Column("D2", "Gy", "right"), Column("Volume at dose", stretch=1.4)),
        tuple(rows),
        ("The mean of the map can differ from the absorbed dose in the results, which may be corrected for "
         "recovery and uses the stated mass.",),
    )  # fmt: skip


def _region_table(result: Result) -> Table:
    rows = [
        row(
            Cell(region_name(region), strong=True), region.method, region.drafted_by,
            Cell(region.verified_by or "not verified", "" if region.verified_by else "warning"),
            format_number(region.density_g_per_ml), format_estimate(region.recovery),
            format_percent(region.before_first_fraction), format_percent(region.extrapolated_fraction),
            group=group,
        )
        for region, group in with_groups(ordered_regions(result.regions))
    ]  # fmt: skip
    return Table(
        "Origin of each region and of its dose",
        (Column("Region", stretch=1.2), Column("Outlined by method", stretch=1.0), Column("Drafted by", stretch=0.8),
         Column("Verified by", stretch=0.8), Column("Density", "g/mL", "right"), Column("Recovery", "", "estimate"),
         Column("Integral before", "first point", "right"), Column("Integral after", "last point", "right")),
        tuple(rows),
    )  # fmt: skip


def _limit_table(result: Result) -> Table:
    return Table(
        "Limits",
        (Column("Organ"), Column("Quantity"), Column("Limit", "Gy", "right"), Column("Cumulated", "Gy", "right"),
         Column("Margin", "Gy", "right"), Column("Source", stretch=1.0), Column("Status")),
        tuple(
            row(
                Cell(limit.organ, strong=True), limit.quantity, format_given(limit.limit_gy),
                format_number(limit.cumulative_gy),
                Cell(format_number(limit.margin_gy), "critical" if (limit.margin_gy or 0) < 0 else ""),
                limit.source, _status(limit.status),
            )
            for limit in result.limits
        ),
    )  # fmt: skip


def _method(result: Result, images: ReportImages) -> tuple[Block, ...]:
    dose = result.study.get("dose") or {}
    models = ", ".join(dict.fromkeys(region.chosen_model for region in result.regions))
    facts = [
        Fact("Dose engine", images.dose.engine or str(dose.get("engine") or NOT_STATED)),
        *(Fact(name, _plain(value)) for name, value in images.dose.parameters.items()),
        *([] if "nuclear_data" in images.dose.parameters else [Fact("Nuclear data", _plain(dose.get("nuclear_data")))]),
        Fact("Curve models used", models or NOT_STATED),
        Fact("Density of regions", _densities(result.regions)),
    ]
    constants = Table(
        "Constants",
        (Column("Constant", stretch=1.0), Column("Value", "", "right"), Column("Unit"),
         Column("Source", stretch=1.6), Column("Status")),
        tuple(
            row(Cell(c.name, strong=True), format_given(c.value), c.unit, c.source, _status(c.status))
            for c in result.constants
        ),
        ("unverified: the constant is used, but the text of its source was not read by the developers.",)
        if any(c.status == "unverified" for c in result.constants) else (),
    )  # fmt: skip
    software = Table(
        "Software",
        (Column("Component"), Column("Version or hash", stretch=1.0)),
        tuple(row(name, Cell(version, mono=True)) for name, version in result.software.items()),
    )
    return present(
        (
            Paragraph(
                "Uncertainties are standard uncertainties (k = 1), propagated to first order with the sources that "
                "quantities share. A source whose size nobody stated is named and does not count as zero."
            ),
            Facts(tuple(facts)),
            constants,
            software,
        )
    )


def _reporting(result: Result) -> tuple[Block, ...]:
    reporting = load_reporting_list()
    stated, total = count_stated(result.reporting), len(result.reporting)
    count = f"{stated} of {total} items are stated, {total - stated} are not"
    columns = (Column("", "", "right"), Column("Item", stretch=0.8), Column("Value", stretch=1.4))
    rows = [
        row(
            Cell(str(number), "muted"), Cell(item.item, strong=True),
            Cell(item.value, "warning" if item.value == NOT_STATED else ""),
        )
        for number, item in enumerate(result.reporting, 1)
    ]  # fmt: skip
    return present(
        (
            Paragraph(f"{count}. {reporting.source} ({reporting.status})."),
            Table("Reporting list", columns, tuple(rows)),
        )
    )  # fmt: skip


def _file_table(result: Result) -> Table:
    return Table(
        "Files",
        (Column("File", stretch=1.0), Column("SHA-256", stretch=2.2)),
        tuple(row(Cell(file.path, strong=True), Cell(file.sha256, mono=True)) for file in result.files),
    )


def _status(status: str) -> Cell:
    return Cell(status, "warning" if status == "unverified" else "muted", strong=status == "unverified")


def _densities(regions: Sequence[RegionResult]) -> str:
    known = sorted({region.density_g_per_ml for region in regions if region.density_g_per_ml is not None})
    if not known:
        return NOT_STATED
    ends = dict.fromkeys(format_number(density) for density in (known[0], known[-1]))
    return " to ".join(ends) + " g/mL"


def _plain(value: object) -> str:
    """Return a JSON-compatible value as text for reading."""
    if value is None:
        return NOT_STATED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return format_given(float(value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return str(value)
