"""The certificate of the published-number suite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from theradose.numbers import format_given, format_number
from theradose.provenance import package_version, software_versions
from theradose.report.blocks import Cell, Column, Fact, Row, Table, row
from theradose.report.certificate import Certificate, write_certificate
from theradose.validation.case import Case, group_names
from theradose.validation.documents import stamped, write_document
from theradose.validation.suite import CaseResult, SuiteResult

_PACKAGE_HASH = "source_sha256"
SIGNATURES = ("Performed by, date", "Reviewed by, date")


def write_suite(result: SuiteResult, folder: Path, *, created: datetime | None = None) -> tuple[Path, Path]:
    """Write certificate and JSON document of a suite with the moment in their names, and return their paths.

    Parameters
    ----------
    result : SuiteResult
        What was computed.
    folder : Path
        Made if needed.
    created : datetime, optional
        Now by default.
    """
    created = datetime.now(UTC) if created is None else created
    folder.mkdir(parents=True, exist_ok=True)
    pdf = folder / stamped("validation", created, ".pdf")
    write_certificate(_certificate(result, created), pdf)
    return pdf, write_document(result.to_json(), folder / stamped("validation", created, ".json"))


def versions_and_hash() -> tuple[dict[str, str], Fact]:
    """Return the versions of the software, and the hash of the package as a line of a certificate."""
    versions = software_versions()
    return versions, Fact("theradose, all sources and data", versions.pop(_PACKAGE_HASH))


def _certificate(result: SuiteResult, created: datetime) -> Certificate:
    failed = sum(not row.passed for row in result.rows)
    verdict = (
        f"All {len(result.rows)} published or independently computed numbers are reproduced within their tolerances."
        if result.passed
        else f"{failed} of {len(result.rows)} published or independently computed numbers are not reproduced within "
        "their tolerances: do not use this installation before that is understood."
    )
    versions, package = versions_and_hash()
    return Certificate(
        title="Validation certificate",
        subtitle="Published numbers, computed by this installation",
        passed=result.passed,
        verdict=verdict,
        created=created,
        facts=(
            Fact("Made", f"{created.astimezone(UTC):%Y-%m-%d %H:%M} UTC"),
            Fact("Program", f"theradose {package_version()}"),
            Fact("Groups", _extent(result)),
        ),
        tables=(_groups(result),),
        remarks=(),
        notes=(
            "Each case is computed by the functions that the main job uses. A case passes if it lies within its "
            "tolerance, which follows from the digits of the publication or from the physics stated beside it.",
            "This certificate says that the program computes what it should. That a camera, an activity meter and a "
            "department measure what they should is shown with a phantom: theradose validate --site.",
        ),
        hashes=(package,),
        versions=versions,
        signatures=SIGNATURES,
        appendix=tuple(_cases(title, rows) for title, rows in result.by_group().items()),
    )


def _extent(result: SuiteResult) -> str:
    titles = list(result.by_group())
    every = group_names()
    return f"all {len(every)}" if len(titles) == len(every) else f"only {', '.join(titles)}, of {len(every)}"


def _groups(result: SuiteResult) -> Table:
    columns = (Column("Group", stretch=1.0), Column("Cases", "", "right"), Column("Passed", "", "right"),
               Column("Largest deviation over tolerance", "", "right"), Column("Verdict", "", "right"))  # fmt: skip
    rows = []
    for title, cases in result.by_group().items():
        passed = sum(case.passed for case in cases)
        largest = max(abs(case.deviation) / case.case.tolerance.in_units(case.case.expected) for case in cases)
        rows.append(
            row(Cell(title, strong=True), str(len(cases)), str(passed), format_number(largest, digits=2),
                verdict_cell(passed == len(cases)))
        )  # fmt: skip
    return Table("Summary", columns, tuple(rows))


def _cases(title: str, results: Sequence[CaseResult]) -> Table:
    columns = (Column("What", stretch=1.0), Column("Published", "", "right"), Column("Computed", "", "right"),
               Column("Unit"), Column("Deviation", "", "right"), Column("Tolerance", "", "right"),
               Column("", "", "right"))  # fmt: skip
    rows: list[Row] = []
    before = ""
    for result in results:
        case = result.case
        # Source and reason are those of several rows, and are said once above them.
        heading = f"{case.source} [{case.reference}]. Tolerance: {case.because}."
        rows.append(
            row(
                case.what, format_given(case.expected), format_number(result.value, digits=6), case.unit,
                _deviation(result), tolerance_words(case), verdict_cell(result.passed),
                group="" if heading == before else heading,
            )
        )  # fmt: skip
        before = heading
    return Table(title, columns, tuple(rows))


def tolerance_words(case: Case) -> str:
    """Return a tolerance as text."""
    relative, absolute = case.tolerance.relative, case.tolerance.absolute
    if relative is None:
        return format_number(absolute, digits=2)
    return f"{100 * relative:.2g} %"


def _deviation(result: CaseResult) -> str:
    if result.case.tolerance.relative is None:
        return format_number(result.deviation, digits=2)
    return f"{100 * (result.relative_deviation or 0.0):+.2g} %".replace("-", "−")


def verdict_cell(passed: bool) -> Cell:
    """Return the verdict of one row."""
    return Cell("pass" if passed else "FAIL", "good" if passed else "critical", strong=not passed)
