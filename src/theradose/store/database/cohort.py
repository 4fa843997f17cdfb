"""Treatments in the database: added whole, never doubled, replaced only when that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace as with_changes
from typing import Literal

from sqlalchemy import Engine, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from theradose.errors import DatabaseError
from theradose.model.cohort import REGION_COLUMNS, TREATMENT_COLUMNS, RegionRecord, TreatmentRecord
from theradose.numbers import words
from theradose.store.database.opening import ensure_schema, open_engine, transaction
from theradose.store.database.tables import RegionRow, TreatmentRow

# What two runs of the same inputs do not share.
_OF_THE_FOLDER = ("run", "result_sha256", "replaces")
# Sums of threads differ in their last digits.
_ROUNDING = 1e-9
Added = Literal["added", "unchanged", "replaced"]
_TRIES = 3


class CohortDatabase:
    """An open database.

    Parameters
    ----------
    engine : Engine
        Of :func:`~theradose.store.database.opening.open_engine`.
    identity : str
        Mark of the secret behind its pseudonyms, or ``identified``.
    """

    def __init__(self, engine: Engine, identity: str) -> None:
        self._engine = engine
        self.identity = identity

    def add(self, treatment: TreatmentRecord, *, replace: bool = False) -> Added:
        """Add a treatment in one transaction.

        The same run, or a run of the same inputs, changes nothing; with other values it is refused like another run.

        Parameters
        ----------
        treatment : TreatmentRecord
            With at least one region.
        replace : bool
            Whether it takes the place of another run of the same cycle of the patient.

        Raises
        ------
        DatabaseError
            ``database-identity`` for the pseudonyms of another secret; ``database-conflict`` for another run of the
            cycle; ``database-no-regions``.
        """
        if treatment.identity != self.identity:
            raise DatabaseError(
                f"{treatment.label} has the identity '{treatment.identity}' and the database '{self.identity}': its "
                "patients could not be told apart. Use the same secret, or another database.",
                code="database-identity",
            )
        if not treatment.regions:
            raise DatabaseError(f"{treatment.label} has no region: there is nothing to keep.",
                                code="database-no-regions")  # fmt: skip
        for attempt in range(_TRIES):
            try:
                with transaction(self._engine, writes=True) as session:
                    return _add(session, treatment, replace=replace)
            except IntegrityError:
                # Another process added the same cycle meanwhile; now it is seen. A name given twice stays wrong.
                if attempt == _TRIES - 1:
                    raise DatabaseError(
                        f"{treatment.label} cannot be added: two of its regions have one name, or other processes "
                        "keep changing it.",
                        code="database-conflict",
                    ) from None
        raise AssertionError

    def treatments(self) -> tuple[TreatmentRecord, ...]:
        """Return all treatments by patient and cycle."""
        with transaction(self._engine, writes=False) as session:
            rows = session.scalars(select(TreatmentRow).order_by(TreatmentRow.patient, TreatmentRow.cycle))
            return tuple(map(_record, rows))


@contextmanager
def open_cohort(place: str, *, identity: Callable[[], str] | None = None) -> Iterator[CohortDatabase]:
    """Yield an open database.

    Parameters
    ----------
    place : str
        File of SQLite or URL of SQLAlchemy.
    identity : callable, optional
        Returns that of a database that is made now; without it a missing one is refused.

    Raises
    ------
    DatabaseError
        If it is missing, foreign, of another version, or cannot be reached.
    """
    engine = open_engine(place, make=identity is not None)
    try:
        yield CohortDatabase(engine, ensure_schema(engine, identity=identity))
    finally:
        engine.dispose()


def _add(session: Session, treatment: TreatmentRecord, *, replace: bool) -> Added:
    same_run = [TreatmentRow.run == treatment.run]
    if treatment.input_hash is not None:
        same_run.append(TreatmentRow.input_hash == treatment.input_hash)
    same = session.scalars(select(TreatmentRow).where(or_(*same_run))).first()
    if same is not None:
        changed = _changed(_record(same), treatment)
        if not changed:
            return "unchanged"
        if not replace:
            raise DatabaseError(
                f"{treatment.label} is in the database by the same run with another {changed}: check which one is "
                "right, and give --replace if the new one takes its place.",
                code="database-conflict",
            )
    other = (
        same
        or session.scalars(
            select(TreatmentRow).where(TreatmentRow.patient == treatment.patient, TreatmentRow.cycle == treatment.cycle)
        ).first()
    )
    if other is None:
        session.add(_row(treatment))
        return "added"
    if not replace:
        raise DatabaseError(
            f"{treatment.label} is in the database already, by the run {other.run} of the inputs "
            f"{(other.input_hash or 'that are not stated')[:8]}: give --replace if the new run takes its place.",
            code="database-conflict",
        )
    session.delete(other)
    session.flush()
    session.add(_row(with_changes(treatment, replaces=other.run)))
    return "replaced"


def _changed(known: TreatmentRecord, given: TreatmentRecord) -> str:
    """Return what differs between two records of one run, in words; empty if nothing does."""
    for name in TREATMENT_COLUMNS:
        if name not in _OF_THE_FOLDER and not _same(getattr(known, name), getattr(given, name)):
            return words(name)
    regions = [{region.region: region for region in record.regions} for record in (known, given)]
    if regions[0].keys() != regions[1].keys():
        return "list of regions"
    for region, record in regions[0].items():
        for name in REGION_COLUMNS:
            if not _same(getattr(record, name), getattr(regions[1][region], name)):
                return f"{words(name)} of '{region}'"
    return ""


def _same(known: object, given: object) -> bool:
    if isinstance(known, float) and isinstance(given, float):
        return math.isclose(known, given, rel_tol=_ROUNDING)
    return known == given


def _row(treatment: TreatmentRecord) -> TreatmentRow:
    regions = [RegionRow(**{name: getattr(region, name) for name in REGION_COLUMNS}) for region in treatment.regions]
    return TreatmentRow(**{name: getattr(treatment, name) for name in TREATMENT_COLUMNS}, regions=regions)


def _record(row: TreatmentRow) -> TreatmentRecord:
    regions = tuple(RegionRecord(**{name: getattr(item, name) for name in REGION_COLUMNS}) for item in row.regions)
    return TreatmentRecord(**{name: getattr(row, name) for name in TREATMENT_COLUMNS}, regions=regions)
