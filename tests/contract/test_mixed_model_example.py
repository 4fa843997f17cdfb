"""The example of the page on mixed models runs and prints what the page is about."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_example_runs():
    command = [sys.executable, ROOT / "examples" / "mixed_model.py"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "singular: False" in printed
    assert "dose_gy:grade[G2]" in printed
    assert "G1 − G2" in printed


def test_page_shows_the_example():
    page = (ROOT / "docs" / "methods" / "mixed-models.md").read_text(encoding="utf-8")
    assert '--8<-- "mixed_model.py"' in page
