"""The command line as a user runs it, and a finished run of the main job on a digital patient."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from theradose.simulate.write import simulate_study

if TYPE_CHECKING:
    from theradose.workflow.run import Run


def theradose(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "theradose", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def run_without_report(study: Path, *, results: Path | None = None) -> Run:
    """Run the main job in this process without PDF and HTML, whose pictures take most of the time of a small study.

    For tests that read the numbers of a result; ``tables/`` and everything that is no report are written.
    """
    from theradose.report.exporters import exporters
    from theradose.workflow.run import run_study

    kept = tuple(entry for entry in exporters if entry.name not in ("pdf", "html"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("theradose.workflow.run.exporters", kept)
        return run_study(study, results=results)


@dataclass(frozen=True)
class FinishedRun:
    """A study folder and a finished run of it."""

    folder: Path
    run: Path

    @cached_property
    def result(self) -> dict[str, Any]:
        """The result document."""
        return json.loads((self.run / "result.json").read_text(encoding="utf-8"))

    @cached_property
    def truth(self) -> dict[str, Any]:
        """The truth of a simulated study."""
        return json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))

    @cached_property
    def regions(self) -> dict[str, dict[str, Any]]:
        """The regions of the result by name."""
        return {region["name"]: region for region in self.result["regions"]}

    def codes(self, *severities: str) -> set[str]:
        """Codes of the findings with one of the severities; of all findings without any."""
        found = self.result["findings"]
        return {finding["code"] for finding in found if not severities or finding["severity"] in severities}


def finish(folder: Path) -> FinishedRun:
    """Run the main job on the study in `folder`, which must succeed."""
    done = theradose("run", folder)
    assert done.returncode == 0, done.stderr
    return FinishedRun(folder, Path(done.stdout.strip()))


def simulate_and_finish(folder: Path, *, seed: int = 177, variant: str = "standard") -> FinishedRun:
    """Simulate a patient in `folder` and run the main job on it."""
    simulate_study(folder, seed=seed, variant=variant)
    return finish(folder)
