"""What a report says: a result and its pictures as a document of plain parts, the same for PDF and HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from theradose.model.result import RegionResult, Result
from theradose.numbers import (
    NOT_STATED,
    format_given,
    format_number,
    words,
)
from theradose.report.acquisition import evidence_table, image_table, planar_table, registration_table
from theradose.report.biology import biology_section
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
    Section,
    Table,
    present,
    row,
)
from theradose.report.cycles import cycles_section, limit_tables
from theradose.report.engines import engine_section
from theradose.report.inputs import ReportImages
from theradose.report.marrow import marrow_section
from theradose.report.provenance import constants_table, software_facts
from theradose.report.published import published_table, site_table
from theradose.report.readings import reading_blocks
from theradose.report.region_tables import budget_table, dvh_table, fit_table, region_table
from theradose.report.remarks import remarks
from theradose.report.reporting import count_stated, load_reporting_list, study_value
from theradose.report.style import Picture
from theradose.report.summary import build_summary, readable_time, wholes

BANNER = "RESEARCH USE ONLY. Not for clinical decisions unless this site has validated the method."
_TITLE = "Dosimetry report"
_PARAMETERS = {
    "electron_energy_kev": ("Electron energy", "keV per decay"),
    "photon_energy_kev": ("Photon energy", "keV per decay"),
    "alpha_energy_kev": ("Energy of alphas and recoils", "keV per decay"),
    "electron_cut_kev": ("Electron cut", "keV"),
    "photon_cut_kev": ("Photon cut", "keV"),
    "reference_density_g_per_ml": ("Reference density", "g/mL"),
    "dose_constant_gy_g_per_mbq_h": ("Dose constant", "Gy·g/(MBq·h)"),
    "nuclear_data": ("Nuclear data", ""),
    "density": ("Density from", ""),
}


def build_document(result: Result, images: ReportImages | None, pictures: Sequence[Picture]) -> Document:
    """Return the report of a result."""
    places = {picture.name: Illustration.of(picture) for picture in pictures}
    sections = (
        Section(
            "acquisition",
            "Acquisition and activity check",
            present((image_table(result), planar_table(result), *_named(places, "planar"), evidence_table(result))),
        ),
        Section("findings", "Assumptions and findings", present((_findings(result), _overrides(result)))),
        Section(
            "registration", "Registration",
            present((registration_table(result), *_named(places, "registration"))),
        ),
        Section("slices", "Dose in the patient", present((*_named(places, "dose-rates"), *_named(places, "slices-")))),
        Section("curves", "Time-activity curves", present((*_named(places, "curves-"), fit_table(result)))),
        Section("readings", "Whole body and thyroid", reading_blocks(result)),
        Section("dvh", "Dose-volume histograms", present((*_named(places, "histograms"), dvh_table(result)))),
        Section("biology", "Radiobiology", biology_section(result)),
        Section("engine", "Dose engine", engine_section(result, tuple(_named(places, "cross-check")))),
        Section(
            "budget", "Uncertainty budget",
            present((*_named(places, "budget-"), budget_table(result), region_table(result))),
        ),
        Section("marrow", "Red marrow", marrow_section(result, _named(places, "marrow-"))),
        Section("published", "Reference doses", present((published_table(result), site_table(result)))),
        Section("cycles", "Cycles", cycles_section(result, tuple(_named(places, "cycles")))),
        Section("limits", "Limits", present(limit_tables(result))),
        Section("method", "Method and software", _method(result, images)),
        Section("files", "Files", present((_file_table(result),))),
        Section("reporting", "Reporting list", _reporting(result)),
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


def _findings(result: Result) -> Block:
    if not result.findings:
        return Paragraph("There are no findings.")
    return Remarks(remarks(result.findings, wholes=wholes(result)))


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


def _method(result: Result, images: ReportImages | None) -> tuple[Block, ...]:
    dose = result.study.get("dose") or {}
    models = ", ".join(dict.fromkeys(region.chosen_model for region in result.regions))
    facts = [
        *_engine(images, dose),
        Fact("Curve models used", models or NOT_STATED),
        Fact("Density of regions", _densities(result.regions)),
    ]
    return present(
        (
            Paragraph(
                "Uncertainties are standard uncertainties (k = 1), propagated to first order with the sources that "
                "quantities share. A source whose size nobody stated is named and does not count as zero."
            ),
            Facts(tuple(facts)),
            constants_table(result.constants),
            Paragraph("Software versions and the hash of the source:"),
            software_facts(result.software),
        )
    )


def _engine(images: ReportImages | None, dose: Mapping[str, object]) -> list[Fact]:
    data = Fact("Nuclear data", _plain(dose.get("nuclear_data")))
    if images is None:
        return [data]
    parameters = images.dose.parameters
    return [
        Fact("Dose engine", images.dose.engine or str(dose.get("engine") or NOT_STATED)),
        *(_parameter(name, value) for name, value in parameters.items()),
        *([] if "nuclear_data" in parameters else [data]),
    ]


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


def _parameter(name: str, value: object) -> Fact:
    """Return a parameter of the dose engine; the unit at the end of its name goes to the value."""
    plain = words(name)
    label, unit = _PARAMETERS.get(name, (plain[:1].upper() + plain[1:], ""))
    return Fact(label, f"{_plain(value)} {unit}".rstrip())


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
