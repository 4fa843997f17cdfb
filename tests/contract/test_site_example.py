"""The example of a site phantom runs without a warning and passes; the documented phantom file is valid."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from theradose.validation.site_phantom import read_phantom

ROOT = Path(__file__).parents[2]


def test_site_phantom(tmp_path):
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "site_phantom.py")]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert len(re.findall(r"  pass$", output, flags=re.MULTILINE)) == 14
    verdict, certificate = output.splitlines()[-1].rsplit(" ", 1)
    assert verdict == "passed"
    assert (tmp_path / certificate).read_bytes().startswith(b"%PDF")


def test_the_documented_phantom_file_is_valid():
    phantom = read_phantom(ROOT / "docs" / "formats" / "examples" / "validation" / "phantom.yaml")
    sphere, kidney, lesion = phantom.inserts
    assert [insert.region for insert in phantom.inserts] == ["sphere-37", "kidneys", "lesion"]
    assert (sphere.activity, sphere.volume, sphere.u) == (39.9, 26.5, 0.015)
    assert lesion.outline is None
    # An insert's own tolerance goes before the phantom's, and that before the packaged one.
    assert phantom.tolerance("volume", kidney) == 0.05
    assert phantom.tolerance("volume", sphere) == 0.10
    assert phantom.tolerance("activity", sphere) == pytest.approx(0.08)
