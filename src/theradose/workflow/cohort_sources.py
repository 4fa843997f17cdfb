"""Where measurements of a cohort come from: results, a database, its exported table, or another program's table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.tables_cohort import is_cohort_table, read_cohort_table
from theradose.formats.tables_foreign import read_foreign_table
from theradose.model.agreement_mapping import AgreementMapping
from theradose.model.cohort import QUANTITIES, TreatmentRecord, cohort_rows
from theradose.model.measured import MeasuredRegion
from theradose.model.region import RegionKind
from theradose.spatial.naming import canonical_region
from theradose.store.pseudonyms import Secret
from theradose.workflow.cohort_database import database_treatments
from theradose.workflow.cohort_records import Identity, result_files, treatment_of_file
from theradose.workflow.input_file import InputKind, read_input

_SQLITE = b"SQLite format 3\0"
_MAPPING = InputKind(
    "mapping",
    AgreementMapping,
    StudyError,
    missing="write where the columns of the table are, as docs/formats/database.md shows",
    begins="it must start with 'schema_version: 1'",
)


def read_mapping(path: Path) -> AgreementMapping:
    """Read the mapping of another program's table.

    Raises
    ------
    StudyError
        One sentence for the first problem.
    """
    return read_input(path, _MAPPING)


def is_foreign(source: str) -> bool:
    """Return whether a source is a table of another program, which needs a mapping."""
    path = Path(source)
    return (
        "://" not in source
        and path.is_file()
        and path.suffix.lower() != ".json"
        and not _is_sqlite(path)
        and not is_cohort_table(path)
    )


def cohort_treatments(source: str, identity: Identity | None = None) -> tuple[TreatmentRecord, ...]:
    """Return the treatments of results, a database or its exported table.

    Parameters
    ----------
    source : str
        Run folder, ``result.json``, folder of runs, file or URL of a database, or exported table.
    identity : Identity, optional
        How patients of results are called; by their ids without it.

    Raises
    ------
    TheradoseError
        If it cannot be read; ``source-missing`` if there is nothing.
    """
    path = Path(source)
    if "://" in source or path.is_file() and _is_sqlite(path):
        return database_treatments(source)
    if not path.exists():
        raise StudyError(
            f"There is no '{source}': give a folder of results, a database, its exported table or another table.",
            code="source-missing",
        )
    if path.is_file() and path.suffix.lower() != ".json":
        return read_cohort_table(path)
    return tuple(treatment_of_file(file, identity or Identity()) for file in result_files((path,)))


def measured_regions_of(
    source: str, *, mapping: AgreementMapping | None = None, secret: Secret | None = None
) -> tuple[MeasuredRegion, ...]:
    """Return what a source measured, with our names of regions.

    Parameters
    ----------
    source : str
        As for :func:`cohort_treatments`, or a table of another program.
    mapping : AgreementMapping, optional
        Of such a table.
    secret : Secret, optional
        Turns ids of patients, which results and tables of other programs have, into the pseudonyms of a database.

    Raises
    ------
    TheradoseError
        If it cannot be read.
    """
    identity = Identity(secret)
    if mapping is None:
        return tuple(_measured(cohort_treatments(source, identity), source))
    rows = read_foreign_table(Path(source), mapping)
    return tuple(_named(row, mapping, identity) for row in rows)


def _measured(treatments: tuple[TreatmentRecord, ...], source: str) -> Iterable[MeasuredRegion]:
    for row in cohort_rows(treatments):
        values = {name: value for name in QUANTITIES if (value := getattr(row.region, name)) is not None}
        if row.region.extrapolated_fraction is not None:
            values["extrapolated_fraction"] = row.region.extrapolated_fraction
        if row.region.tia_mbq_h is not None:
            values["tiac_h"] = row.region.tia_mbq_h / row.treatment.activity_mbq
        place = f"{Path(source).name}, {row.treatment.label}"
        yield MeasuredRegion(*row.key, values, place, is_lesion=row.region.kind == RegionKind.LESION)


def _named(row: MeasuredRegion, mapping: AgreementMapping, identity: Identity) -> MeasuredRegion:
    region = canonical_region(row.region, names=mapping.regions)
    return replace(
        row,
        patient=identity.patient(row.patient),
        region=region.name,
        is_lesion=region.kind is RegionKind.LESION,
    )


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_SQLITE)) == _SQLITE
