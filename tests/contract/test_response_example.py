"""The example of published doses and shrinkage runs without a warning and states its honest conclusion."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "jahn2020.py"


def run(folder, data):
    environment = os.environ | {"THERADOSE_SHARED_DATA": str(data)}
    command = [sys.executable, "-W", "error", str(EXAMPLE), "200"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment).stdout


def test_published_cohorts(shared_data, tmp_path):
    output = run(tmp_path, shared_data)
    assert "25 patients, one tumour each; sums and doses of cycles differ by 0.00 Gy" in output
    jahn = output.split("\n\n")[1]
    assert jahn.startswith("Jahn 2020, small intestine, volume: 25 tumours, 1 responders")
    # Pearson's correlation as scipy gives it for the file; the interval is Fisher's.
    assert "Pearson   0.15 [-0.26, 0.52], p = 0.466" in jahn
    assert "A relation with the dose over all cycles is not shown" in jahn and jahn.endswith("no dose is stated.")
    assert not re.search(r"\d+ % at \d", jahn)
    assert "Figure 3B is left out" in output and "r = 0.9999" in output


def test_without_the_data(tmp_path):
    assert run(tmp_path, tmp_path).startswith("There are no data at ")
