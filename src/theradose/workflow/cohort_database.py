"""The site's database: results added, the whole exported and imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from theradose.errors import DatabaseError, TheradoseError
from theradose.formats.tables_cohort import cohort_table_text, read_cohort_table
from theradose.model.cohort import IDENTIFIED, TreatmentRecord
from theradose.store.database.cohort import CohortDatabase, open_cohort
from theradose.store.database.opening import database_file
from theradose.store.pseudonyms import make_secret, read_secret
from theradose.store.whole_file import replace_file
from theradose.workflow.cohort_records import Identity, result_files, treatment_of_file

Status = Literal["added", "unchanged", "replaced", "refused"]


@dataclass(frozen=True, slots=True)
class DatabaseChoice:
    """Which database, and how patients are called in it.

    Attributes
    ----------
    place : str
        File of SQLite, or URL of SQLAlchemy.
    secret : Path or None
        File of the secret behind pseudonyms; beside the file of SQLite by default.
    identified : bool
        Whether patients keep their ids, where the database is made now.
    """

    place: str
    secret: Path | None = None
    identified: bool = False

    @property
    def secret_file(self) -> Path | None:
        """Where the secret is; ``None`` if nobody says it."""
        file = database_file(self.place)
        beside = None if file is None else file.with_name(f"{file.name}.secret")
        return self.secret or beside


@dataclass(frozen=True, slots=True)
class AddedResult:
    """What became of one result; `reason` is that of a refusal, with its `code`."""

    file: Path
    status: Status
    label: str = ""
    regions: int = 0
    reason: str = ""
    code: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the document."""
        return {
            "result": str(self.file), "status": self.status, "treatment": self.label or None, "regions": self.regions,
            "reason": self.reason or None, "code": self.code or None,
        }  # fmt: skip


def add_results(
    paths: Sequence[Path],
    choice: DatabaseChoice,
    *,
    replace: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[AddedResult, ...]:
    """Add the results of runs to a database, which is made if it does not exist.

    Each result is added whole or not at all. One that is refused does not stop the others.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, result documents, or folders with any of them below.
    choice : DatabaseChoice
        The database.
    replace : bool
        Whether a result takes the place of another run of the same cycle of its patient.
    on_progress : callable, optional
        Told how many results of how many are done.

    Raises
    ------
    TheradoseError
        For a database that cannot be used, or a path without a result.
    """
    files = result_files(tuple(paths))
    added = []
    with _opened(choice) as (database, identity):
        for number, file in enumerate(files, start=1):
            added.append(_add(file, database, identity, replace=replace))
            if on_progress is not None:
                on_progress(number, len(files))
    return tuple(added)


def database_treatments(place: str) -> tuple[TreatmentRecord, ...]:
    """Return every treatment of a database.

    Raises
    ------
    DatabaseError
        If it does not exist or cannot be used.
    """
    with open_cohort(place) as database:
        return database.treatments()


def export_database(place: str, out: Path) -> tuple[TreatmentRecord, ...]:
    """Write a database as one CSV table and return its treatments.

    Raises
    ------
    DatabaseError
        If it does not exist or cannot be used.
    """
    treatments = database_treatments(place)
    replace_file(out, cohort_table_text(treatments))
    return treatments


def import_database(table: Path, place: str, *, replace: bool = False) -> dict[Status, int]:
    """Add the treatments of a CSV table to a database, which is made if it does not exist; return what became of them.

    Raises
    ------
    TheradoseError
        For a table that cannot be read, patients of several identities, and the first treatment that cannot be added;
        those before it stay.
    """
    treatments = read_cohort_table(table)
    identities = sorted({treatment.identity for treatment in treatments})
    if len(identities) > 1:
        raise DatabaseError(
            f"The table {table.name} holds patients of several identities ({', '.join(identities)}), who could not be "
            "told apart: import one table for each into a database of its own.",
            code="database-identity",
        )
    counts: dict[Status, int] = {"added": 0, "unchanged": 0, "replaced": 0}
    with open_cohort(place, identity=lambda: identities[0]) as database:
        for treatment in treatments:
            counts[database.add(treatment, replace=replace)] += 1
    return counts


@contextmanager
def _opened(choice: DatabaseChoice) -> Iterator[tuple[CohortDatabase, Identity]]:
    """Yield an open database, made if it does not exist, with the identity that its patients have in it."""
    with open_cohort(choice.place, identity=lambda: _new_identity(choice).mark) as database:
        yield database, _identity(database, choice)


def _new_identity(choice: DatabaseChoice) -> Identity:
    return Identity(None if choice.identified else make_secret(_secret_file(choice)))


def _identity(database: CohortDatabase, choice: DatabaseChoice) -> Identity:
    if database.identity == IDENTIFIED:
        return Identity()
    if choice.identified:
        raise DatabaseError(
            "The database holds pseudonyms, and ids of patients do not go into it: leave out --identified, or give "
            "another database.",
            code="database-identity",
        )
    identity = Identity(read_secret(_secret_file(choice)))
    if identity.mark != database.identity:
        raise DatabaseError(
            f"The secret '{_secret_file(choice)}' is not the one behind the pseudonyms of the database "
            f"({identity.mark}, not {database.identity}): name the right one with --secret.",
            code="database-identity",
        )
    return identity


def _secret_file(choice: DatabaseChoice) -> Path:
    file = choice.secret_file
    if file is None:
        raise DatabaseError(
            "The secret behind the pseudonyms of a database on a server has no place beside it: name its file with "
            "--secret, which is made if it does not exist.",
            code="secret-missing",
        )
    return file


def _add(file: Path, database: CohortDatabase, identity: Identity, *, replace: bool) -> AddedResult:
    try:
        treatment = treatment_of_file(file, identity)
        status = database.add(treatment, replace=replace)
    except TheradoseError as error:
        return AddedResult(file, "refused", reason=str(error), code=error.code)
    return AddedResult(file, status, treatment.label, len(treatment.regions))
