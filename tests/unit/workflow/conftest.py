"""Cases and time points of the smallest study, without any simulation."""

from __future__ import annotations

import pytest

from theradose.workflow.case import Case, open_case
from theradose.workflow.study_file import read_study
from tiny_study import write_tiny_study


@pytest.fixture
def tiny_case(tmp_path):
    """Return a function that writes the smallest study with changes and opens it."""

    def open_with(**changes) -> Case:
        return open_case(read_study(write_tiny_study(tmp_path / "study", changes)))

    return open_with
