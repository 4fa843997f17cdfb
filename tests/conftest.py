"""Shared fixtures and options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fake_engines import registered_engines
from main_job import FinishedRun, simulate_and_finish
from requirements_support import skip_or_fail
from tiny_study import write_tiny_study

if TYPE_CHECKING:
    from theradose.workflow.run import Run

SHARED_DATA = Path(os.environ.get("THERADOSE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-regression",
        action="store_true",
        help="write the stored numbers of tests/regression anew; explain why in CHANGELOG under Dosimetric impact",
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data for tests, which is not part of the repository."""
    if not SHARED_DATA.is_dir():
        skip_or_fail(f"real test data are not at {SHARED_DATA}; set THERADOSE_SHARED_DATA to their folder")
    return SHARED_DATA


@pytest.fixture
def fake_engines() -> Iterator[list[str]]:
    """Dose engines ``blurred``, ``sampled`` and ``halted`` for one test; yields the names of those that computed."""
    with registered_engines() as calls:
        yield calls


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """One run of the main job on one digital patient, for all tests that need it."""
    return simulate_and_finish(tmp_path_factory.mktemp("patient"))


@pytest.fixture(scope="session")
def tiny_study_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of the main job on the unchanged smallest study, with its report; not to be written into."""
    from theradose.workflow.run import run_study

    return run_study(write_tiny_study(tmp_path_factory.mktemp("tiny")))
