"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("THERADOSE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data for tests, which is not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real test data are not at {SHARED_DATA}; set THERADOSE_SHARED_DATA to their folder")
    return SHARED_DATA
