"""A study that a test can change without running everything again."""

from __future__ import annotations

import shutil

import pytest
import yaml


@pytest.fixture
def editable_study(simulated, tmp_path):
    """A copy of the study file that can be changed; its images stay where they are, finished steps come along."""
    (tmp_path / "dicom").symlink_to(simulated.folder / "dicom")
    for table in simulated.folder.glob("*.csv"):
        shutil.copy(table, tmp_path)
    shutil.copytree(simulated.folder / ".theradose", tmp_path / ".theradose")
    content = yaml.safe_load((simulated.folder / "study.yaml").read_text())

    def write(**changes):
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        return path

    write.content = content
    return write
