"""The example of the documentation conserves activity."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from theradose.formats.nifti import read_nifti

EXAMPLE = Path(__file__).parents[3] / "examples" / "labels_to_activity.py"


def test_labels_become_an_activity_map(tmp_path, monkeypatch, capsys):
    """104 MBq in 2250 voxels of 0.064 mL are 0.722 MBq/mL; float32 keeps seven digits."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    labels, _ = read_nifti(tmp_path / "labels.nii.gz")
    activity, _ = read_nifti(tmp_path / "activity.nii.gz")
    assert activity.data[labels.data == 5] == pytest.approx(104e6 / (2250 * 0.064), rel=1e-6)
    assert activity.data.sum(dtype=float) * 0.064 / 1e6 == pytest.approx(138.2, rel=1e-6)
    assert capsys.readouterr().out.splitlines()[-1] == "total     138.2 MBq"
