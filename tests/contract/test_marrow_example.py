"""The example of a marrow cohort runs without a warning and finds more activity in marrow than blood brings."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "marrow_cohort.py"


def test_marrow_cohort(tmp_path):
    command = [sys.executable, "-W", "error", str(EXAMPLE), "4"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    medians = dict(re.findall(r"^(\w+ \w+) +([0-9.]+) mGy/GBq$", output, flags=re.MULTILINE))
    assert float(medians["blood mono"]) < float(medians["blood bi"]) < float(medians["image bi"])
    assert "image tri     refused" in output
    assert (tmp_path / "marrow" / "marrow_compare.pdf").exists()
