"""The command line in this process, and two finished runs of the smallest study."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from main_job import run_without_report
from theradose.cli import main
from tiny_study import SENSITIVITY, write_tiny_study


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as exactly one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command through the same function as the console script."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["theradose", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def tiny_run(tiny_study_run) -> Path:
    """Run folder of the smallest study."""
    return tiny_study_run.folder


@pytest.fixture(scope="session")
def other_sensitivity_run(tmp_path_factory) -> Path:
    """The same with a sensitivity that is 3 % higher: all activities are lower by that factor."""
    calibration = {"camera": "A", "sensitivity": f"{1.03 * SENSITIVITY:g} cps/MBq", "u": "3 %"}
    return run_without_report(write_tiny_study(tmp_path_factory.mktemp("other"), {"calibration": calibration})).folder
