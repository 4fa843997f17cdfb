"""The database keeps treatments whole, once, and refuses what it does not know."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cohort_records import region, treatment
from postgres_support import INSTALLED, running_server
from theradose.errors import DatabaseError
from theradose.model.cohort import IDENTIFIED, QUANTITIES, REGION_COLUMNS, TREATMENT_COLUMNS, TreatmentRecord
from theradose.store.database.cohort import open_cohort
from theradose.store.database.opening import open_engine, transaction
from theradose.store.database.tables import RegionRow, SchemaRow, TreatmentRow

TESTS = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}


def identified() -> str:
    return IDENTIFIED


def opened(place, *, make=True):
    return open_cohort(str(place), identity=identified if make else None)


def code_of(caught):
    return caught.value.code


@pytest.fixture
def place(tmp_path):
    return tmp_path / "site.sqlite"


@pytest.fixture(scope="module", params=["sqlite", *(["postgresql"] if INSTALLED else [])])
def shared_place(request, tmp_path_factory):
    """A database that several processes use: a file, and a server where one is installed."""
    if request.param == "sqlite":
        yield tmp_path_factory.mktemp("shared") / "site.sqlite"
    else:
        with running_server() as url:
            yield url


def test_tables_have_the_columns_of_the_records():
    assert set(TreatmentRow.__table__.columns.keys()) == {"id", *TREATMENT_COLUMNS}
    assert set(RegionRow.__table__.columns.keys()) == {"id", "treatment_id", *REGION_COLUMNS}
    assert {name for quantity in QUANTITIES for name in (quantity, f"u_{quantity}")} <= set(REGION_COLUMNS)
    assert [item.name for item in fields(TreatmentRecord)] == [*TREATMENT_COLUMNS, "regions"]


def test_what_is_added_is_read_back_to_the_last_digit(place):
    odd = treatment("Zoë", 2, therapy=None, regions=[region(dose_gy=0.1 + 0.2, u_dose_gy=1e-300), region("spleen")])
    with opened(place) as database:
        assert database.add(odd) == "added"
        assert database.add(treatment("A")) == "added"
    with opened(place, make=False) as database:
        assert database.treatments() == (treatment("A"), odd)


def test_the_same_run_with_other_values_is_refused(place):
    with opened(place) as database:
        database.add(treatment())
        noise = replace(treatment(), regions=[replace(r, dose_gy=r.dose_gy * (1 + 1e-13)) for r in treatment().regions])
        assert database.add(noise) == "unchanged"
        edited = replace(treatment(), regions=[replace(r, dose_gy=2 * r.dose_gy) for r in treatment().regions])
        with pytest.raises(DatabaseError, match="another dose gy of") as refused:
            database.add(edited)
        assert refused.value.code == "database-conflict"
        assert database.add(edited, replace=True) == "replaced"


def test_adding_the_same_run_twice_changes_nothing(place):
    with opened(place) as database:
        database.add(treatment())
        assert database.add(treatment()) == "unchanged"
        again = replace(treatment(), run="computed again from the same inputs")
        assert database.add(again) == "unchanged"
        assert database.treatments() == (treatment(),)


def test_another_run_of_a_cycle_replaces_only_when_asked(place):
    other = treatment(run="other", input_hash="f" * 64, regions=[region(dose_gy=3.0)])
    with opened(place) as database:
        database.add(treatment())
        with pytest.raises(DatabaseError, match="run-P1-1.*--replace") as caught:
            database.add(other)
        assert code_of(caught) == "database-conflict"
        assert database.treatments() == (treatment(),)
        assert database.add(other, replace=True) == "replaced"
        assert database.treatments() == (replace(other, replaces="run-P1-1"),)


def test_regions_of_a_replaced_run_are_gone(place):
    with opened(place) as database:
        database.add(treatment(regions=[region(), region("spleen")]))
        database.add(treatment(run="other", input_hash=None), replace=True)
    with sqlite3.connect(place) as connection:
        assert connection.execute("SELECT count(*) FROM theradose_regions").fetchone() == (1,)
    connection.close()


def test_a_region_named_twice_is_refused_and_nothing_is_kept(place):
    with opened(place) as database:
        with pytest.raises(DatabaseError) as caught:
            database.add(treatment(regions=[region(), region()]))
        assert code_of(caught) == "database-conflict"
        assert database.treatments() == ()


def test_no_regions_and_other_identities_are_refused(place):
    with opened(place) as database:
        with pytest.raises(DatabaseError) as caught:
            database.add(treatment(regions=()))
        assert code_of(caught) == "database-no-regions"
        with pytest.raises(DatabaseError) as caught:
            database.add(treatment(identity="pseudonyms-000000000000"))
        assert code_of(caught) == "database-identity"


def test_sqlite_writes_ahead_and_keeps_foreign_keys(place):
    engine = open_engine(str(place), make=True)
    try:
        with engine.connect() as connection:
            for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 60_000)):
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
        with opened(place):
            pass
        with pytest.raises(IntegrityError), transaction(engine, writes=True) as session:
            session.add(RegionRow(treatment_id=77, region="liver", kind="organ"))
    finally:
        engine.dispose()


def test_a_missing_database_is_not_made_by_reading(place):
    with pytest.raises(DatabaseError) as caught, opened(place, make=False):
        pass
    assert code_of(caught) == "database-missing" and not place.exists()


def test_an_empty_file_is_refused_by_reading(place):
    place.touch()
    with pytest.raises(DatabaseError) as caught, opened(place, make=False):
        pass
    assert code_of(caught) == "database-empty"


def test_a_newer_schema_is_refused(place):
    with opened(place):
        pass
    engine = open_engine(str(place), make=False)
    with transaction(engine, writes=True) as session:
        session.get_one(SchemaRow, 1).version = 2
    engine.dispose()
    with pytest.raises(DatabaseError, match=r"version 2, and this program knows 1") as caught, opened(place):
        pass
    assert code_of(caught) == "database-schema"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE patients (id INTEGER)",
        "CREATE TABLE theradose_schema (id INTEGER, version INTEGER, identity TEXT)",
    ],
)
def test_foreign_tables_are_refused_and_left_alone(place, statement):
    connection = sqlite3.connect(place)
    connection.execute(statement)
    connection.close()
    before = place.read_bytes()
    with pytest.raises(DatabaseError, match="not those of theradose") as caught, opened(place):
        pass
    assert code_of(caught) == "database-schema"
    assert before[100:] == place.read_bytes()[100:]


def test_a_file_that_is_no_database_is_refused(place):
    place.write_text("patient,cycle\n" * 50)
    with pytest.raises(DatabaseError, match="not a database") as caught, opened(place):
        pass
    assert code_of(caught) == "database-unreadable"


@pytest.mark.parametrize(
    ("url", "code"),
    [("nothing://x", "database-driver"), ("://", "database-url"), ("mysql+nowhere://h/x", "database-driver")],
)
def test_urls_that_lead_nowhere(url, code):
    with pytest.raises(DatabaseError) as caught, opened(url):
        pass
    assert code_of(caught) == code


def test_a_password_is_not_shown(tmp_path):
    from theradose.store.database.opening import shown

    engine = open_engine(f"sqlite:///{tmp_path / 'x'}", make=True)
    assert shown(engine) == str(tmp_path / "x")
    engine.dispose()


WRITER = """
import sys
from cohort_records import treatment, region
from theradose.model.cohort import IDENTIFIED
from theradose.store.database.cohort import open_cohort
place, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open_cohort(place, identity=lambda: IDENTIFIED) as database:
    for number in range(first, first + count):
        regions = [region(f"r{k}") for k in range(40)]
        database.add(treatment(f"P{number}", regions=regions))
        print(number, flush=True)
"""


def writer(place, first, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place), str(first), str(count)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_several_processes_write_at_the_same_time(shared_place):
    """Four make the database and add 15 treatments each, five of which two processes share."""
    processes = [writer(shared_place, first, 15) for first in (0, 10, 20, 30)]
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with opened(shared_place, make=False) as database:
        kept = database.treatments()
        assert sorted(item.patient for item in kept) == sorted(f"P{number}" for number in range(45))
        assert {len(item.regions) for item in kept} == {40}
        other = treatment("P1", run="other", input_hash=None)
        with pytest.raises(DatabaseError, match="--replace"):
            database.add(other)
        assert database.add(other, replace=True) == "replaced"
        assert database.add(other) == "unchanged"
        assert [item.replaces for item in database.treatments() if item.patient == "P1"] == ["run-P1-1"]


def test_a_killed_writer_leaves_no_half_treatment(place):
    process = writer(place, 0, 100_000)
    try:
        while int(process.stdout.readline() or -1) < 5:
            assert process.poll() is None
        time.sleep(0.003)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        printed = process.communicate()[0].split()
    with opened(place) as database:
        kept = database.treatments()
        assert {len(item.regions) for item in kept} == {40}
        # What a process was told is kept is kept.
        assert {f"P{number}" for number in printed} <= {item.patient for item in kept}
        assert database.add(treatment("next")) == "added"
