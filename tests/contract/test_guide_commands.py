"""The commands that the guide gives for the example tables run as they stand there."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from theradose.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ("docs/formats/examples/", "examples/plans/")


def commands():
    """Return the commands of all guide pages that read an example, with the page."""
    found = []
    for page in sorted((ROOT / "docs" / "guide").glob("*.md")):
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        words = [shlex.split(line) for line in lines if any(place in line for place in EXAMPLES)]
        found += [pytest.param(item, id=f"{page.stem}-{number}") for number, item in enumerate(words, 1)]
    return found


def test_the_guide_has_such_commands():
    assert len(commands()) >= 6


@pytest.mark.parametrize("words", commands())
def test_command_of_the_guide_runs(words, tmp_path, monkeypatch, capsys):
    assert words[0] == "theradose"
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", words)
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out.strip()
    if "--out" in words:
        written = tmp_path / words[words.index("--out") + 1]
        assert written.is_file() or list(written.iterdir())
