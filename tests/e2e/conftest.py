"""One simulated study and one run of it, shared by all end-to-end tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from theradose.simulate.write import simulate_study


def theradose(*arguments, cwd=None):
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "theradose", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Simulated:
    """A finished run of the main job on a digital patient."""

    folder: Path
    run: Path
    truth: dict
    result: dict


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patient")
    simulate_study(folder, seed=177)
    done = theradose("run", folder / "study.yaml")
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.strip())
    return Simulated(
        folder, run, json.loads((folder / "truth.json").read_text()), json.loads((run / "result.json").read_text())
    )


@pytest.fixture
def editable_study(simulated, tmp_path):
    """A copy of the study file that can be changed; its images stay where they are, finished steps come along."""
    (tmp_path / "dicom").symlink_to(simulated.folder / "dicom")
    shutil.copy(simulated.folder / "recovery.csv", tmp_path)
    shutil.copytree(simulated.folder / ".theradose", tmp_path / ".theradose")
    content = yaml.safe_load((simulated.folder / "study.yaml").read_text())

    def write(**changes):
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        return path

    write.content = content
    return write
