"""Opening a database: a file of SQLite, or any URL of SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from theradose.errors import DatabaseError
from theradose.store.database.tables import SCHEMA_TABLE, SCHEMA_VERSION, Base, SchemaRow

_BUSY_S = 60
_WRITES = "theradose_writes"
_TRIES = 5


def database_file(place: str) -> Path | None:
    """Return the file of a database of SQLite; ``None`` for another one, or one in memory."""
    url = _url(place)
    in_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if in_file else None


def open_engine(place: str, *, make: bool) -> Engine:
    """Return the engine of a database; a file that does not exist is refused unless it may be made.

    Raises
    ------
    DatabaseError
        ``database-url``, ``database-driver``, ``database-missing``.
    """
    url = _url(place)
    file = database_file(place)
    if file is not None and not file.is_file():
        if not make:
            raise DatabaseError(
                f"There is no database '{file}': correct the path, or make it with 'theradose cohort add'.",
                code="database-missing",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        engine = create_engine(url, **({"connect_args": {"timeout": _BUSY_S}} if file is not None else {}))
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise DatabaseError(
            f"The driver of '{url.drivername}' is not installed ({error}): install it, or give a file of SQLite.",
            code="database-driver",
        ) from None
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    return engine


def ensure_schema(engine: Engine, *, identity: Callable[[], str] | None) -> str:
    """Return the identity that a database states, after making its tables where it is empty.

    Parameters
    ----------
    engine : Engine
        Of :func:`open_engine`.
    identity : callable or None
        Returns that of a database that is made now; without it an empty one is refused.

    Raises
    ------
    DatabaseError
        ``database-schema`` for tables that are not those of this version, ``database-empty``.
    """
    with transaction(engine, writes=False) as session:
        found = _identity(session)
    if found is not None:
        return found
    if identity is None:
        raise DatabaseError(
            f"The database '{shown(engine)}' is empty: add results with 'theradose cohort add'.", code="database-empty"
        )
    chosen = identity()
    for attempt in range(_TRIES):
        try:
            with transaction(engine, writes=True) as session:
                if (found := _identity(session)) is None:
                    Base.metadata.create_all(session.connection())
                    session.add(SchemaRow(id=1, version=SCHEMA_VERSION, identity=chosen))
            return found or chosen
        except (IntegrityError, DatabaseError):
            # Another process makes the same tables at this moment; then they are there the next time.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Session]:
    """Yield a session whose changes appear whole or not at all; every failure is one sentence.

    A violated constraint is raised as it is, because it tells that another process was faster.

    Raises
    ------
    DatabaseError
        ``database-unreadable``.
    """
    try:
        with Session(engine.execution_options(**{_WRITES: writes}), expire_on_commit=False) as session, session.begin():
            yield session
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0].rstrip(".")
        raise DatabaseError(
            f"The database '{shown(engine)}' cannot be used ({reason}): check its place, and who may write there.",
            code="database-unreadable",
        ) from None


def shown(engine: Engine) -> str:
    """Return the place of a database without its password."""
    file = engine.url.database if engine.url.get_backend_name() == "sqlite" else None
    return file or engine.url.render_as_string(hide_password=True)


def _url(place: str) -> URL:
    if "://" not in place:
        return URL.create("sqlite", database=str(Path(place)))
    try:
        return make_url(place)
    except ArgumentError:
        raise DatabaseError(
            f"'{place.partition('://')[0]}://…' is not the URL of a database: write for example "
            "postgresql+psycopg://user@host/name, or give a file.",
            code="database-url",
        ) from None


def _identity(session: Session) -> str | None:
    """Return what the schema row states, ``None`` in a database without tables."""
    connection = session.connection()
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    row = session.scalars(select(SchemaRow)).first() if SCHEMA_TABLE in tables else None
    ours = {table.name for table in Base.metadata.sorted_tables}
    if row is None and not tables & ours and connection.dialect.name != "sqlite":
        # A server's database may be shared with other programs.
        return None
    if row is None or row.version == SCHEMA_VERSION and not ours <= tables:
        raise _foreign(session, "its tables are not those of theradose")
    if row.version != SCHEMA_VERSION:
        raise _foreign(session, f"its schema has version {row.version}, and this program knows {SCHEMA_VERSION}")
    return row.identity


def _foreign(session: Session, reason: str) -> DatabaseError:
    engine = session.get_bind()
    place = shown(engine.engine if isinstance(engine, Connection) else engine)
    return DatabaseError(
        f"The database '{place}' is not used, because {reason}: give another one, or the version of theradose that "
        "made it.",
        code="database-schema",
    )


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: Any) -> None:
        # The driver must not begin transactions of its own: it would begin them without a lock for writing.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
