"""The example of a scout image runs as it stands."""

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "tare_scout.py"


def test_the_example_plans_from_a_scout_image(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ran = runpy.run_path(str(EXAMPLE))
    printed = capsys.readouterr().out
    assert "'voxel'" in printed and "D70" in printed
    means = {item["compartment"]: item["mean_gy"] for item in ran["plan"].details["dvh"]}
    assert abs(means["tumour"] / 150 - 1) < 1e-3
