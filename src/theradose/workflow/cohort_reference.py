"""Reference ranges of a site: from its database to a file that studies name, with pages and tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from theradose.cohort.reference import fewest_patients, reference_ranges
from theradose.errors import DatabaseError, StatisticsError
from theradose.model.cohort import TreatmentRecord
from theradose.model.cohort_reference import CohortReference, ReferenceRange
from theradose.model.finding import Finding
from theradose.provenance import hash_file, software_versions
from theradose.report.cohort_reference import reference_pages
from theradose.report.tables import Value
from theradose.statistics.percentiles import REPLICATES, SEED
from theradose.store.runs import require_writable, write_json
from theradose.workflow.cohort_sources import cohort_treatments
from theradose.workflow.report_folder import write_report_folder

REFERENCE_DOCUMENT = "reference.json"
RANGE_COLUMNS = ("therapy", "organ", "quantity", "unit", "n", "patients", "median", "min", "max", "interval_by",
                 "published_low", "published_high", "published_mean")  # fmt: skip


def reference_of_sources(
    sources: Sequence[str], *, level: float = 0.95, replicates: int = REPLICATES, seed: int = SEED
) -> tuple[CohortReference, tuple[Finding, ...]]:
    """Return the reference ranges of databases, their exported tables or results.

    Parameters
    ----------
    sources : sequence of str
        As :func:`~theradose.workflow.cohort_sources.cohort_treatments` takes them; all of one identity.
    level : float
        Of the confidence intervals.
    replicates, seed : int
        Of the bootstrap.

    Raises
    ------
    TheradoseError
        For a source that cannot be read, a treatment that stands in two of them, patients of several identities, and
        ``reference-empty`` without a treatment that names its therapy.
    """
    treatments = [treatment for source in sources for treatment in cohort_treatments(source)]
    _check(treatments)
    ranges = reference_ranges(treatments, level=level, replicates=replicates, seed=seed)
    if not ranges:
        raise StatisticsError(
            f"None of {len(treatments)} treatments names its therapy: state 'therapy' in their studies.",
            code="reference-empty",
        )
    reference = CohortReference(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        software=software_versions(),
        identity=treatments[0].identity,
        sources={Path(source).name: hash_file(Path(source)) if Path(source).is_file() else None for source in sources},
        treatments=len(treatments),
        level=level,
        fewest_patients=fewest_patients(),
        replicates=replicates,
        seed=seed,
        ranges=ranges,
    )
    return reference, tuple(_findings(treatments, ranges))


def write_reference(reference: CohortReference, findings: tuple[Finding, ...], folder: Path) -> tuple[Path, ...]:
    """Write ``reference.json``, ``report.pdf``, ``report.json`` and the tables into a folder, and return the files."""
    require_writable(folder)
    write_json(reference.model_dump(by_alias=True), folder / REFERENCE_DOCUMENT)
    percents = [item.percent for item in max((item.percentiles for item in reference.ranges), key=len)]
    columns = [f"p{percent:g}{end}" for percent in percents for end in ("", "_low", "_high")]
    rows = [_row(item, len(columns)) for item in reference.ranges]
    written = write_report_folder(
        folder,
        pages=reference_pages(reference, findings),
        document=reference_document(reference, findings),
        tables={"reference": ((*RANGE_COLUMNS, *columns), rows)},
        created=datetime.fromisoformat(reference.created),
    )
    return folder / REFERENCE_DOCUMENT, *written


def reference_document(reference: CohortReference, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Return the document of the command: the reference without single values, and what was noticed."""
    document: dict[str, Any] = reference.model_dump(by_alias=True, exclude={"ranges": {"__all__": {"values"}}})
    return {**document, "findings": [finding.to_json() for finding in findings]}


def read_reference(path: Path) -> CohortReference:
    """Read ``reference.json``.

    Raises
    ------
    DatabaseError
        ``reference-invalid`` for another file or another version.
    """
    try:
        return CohortReference.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the top level"
        raise DatabaseError(
            f"'{path.name}' does not follow the schema theradose/reference/1 at {where} ({first['msg']}): make it with "
            "'theradose cohort reference'.",
            code="reference-invalid",
        ) from None


def _check(treatments: Sequence[TreatmentRecord]) -> None:
    identities = sorted({treatment.identity for treatment in treatments})
    if len(identities) > 1:
        raise DatabaseError(
            f"The sources hold patients of several identities ({', '.join(identities)}), who could not be told apart: "
            "give sources of one.",
            code="database-identity",
        )
    seen: set[tuple[str, int]] = set()
    for treatment in treatments:
        if (treatment.patient, treatment.cycle) in seen:
            raise DatabaseError(f"{treatment.label} stands in two of the sources: give it once.",
                                code="database-conflict")  # fmt: skip
        seen.add((treatment.patient, treatment.cycle))


def _findings(treatments: Sequence[TreatmentRecord], ranges: Sequence[ReferenceRange]) -> list[Finding]:
    findings = []
    unnamed = sum(treatment.therapy is None for treatment in treatments)
    if unnamed:
        message = f"{unnamed} of {len(treatments)} treatments name no therapy and take no part."
        findings.append(Finding("reference-without-therapy", "warning", message, "cohort"))
    needed = fewest_patients()
    few = sum(item.patients < needed for item in ranges)
    if few:
        message = (
            f"{few} of {len(ranges)} ranges are of fewer than {needed} patients and are shown as median and extremes, "
            "without percentiles."
        )
        findings.append(Finding("reference-few-patients", "info", message, "cohort"))
    return findings


def _row(item: ReferenceRange, columns: int) -> Sequence[Value]:
    published = item.published
    beside = (None, None, None) if published is None else (published.low, published.high, published.mean)
    numbers = [number for one in item.percentiles for number in (one.value, one.low, one.high)]
    head = [getattr(item, name) for name in RANGE_COLUMNS[: -len(beside)]]
    return (*head, *beside, *(numbers or [None] * columns))
