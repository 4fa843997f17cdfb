"""Shared fixtures and options."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from main_job import FinishedRun, simulate_and_finish

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
        pytest.skip(f"real test data are not at {SHARED_DATA}; set THERADOSE_SHARED_DATA to their folder")
    return SHARED_DATA


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """One run of the main job on one digital patient, for all tests that need it."""
    return simulate_and_finish(tmp_path_factory.mktemp("patient"))
