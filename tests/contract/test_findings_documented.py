"""Every finding that the program can raise is explained in the documentation."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "formats" / "findings.md"


def codes_in_sources():
    codes = set()
    for path in (ROOT / "src" / "theradose").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                first = node.args[0] if node.args else next(k.value for k in node.keywords if k.arg == "code")
                if isinstance(first, ast.Constant):
                    codes.add(first.value)
    return codes


def documented_codes():
    rows = [line.split("|")[1] for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}


def test_there_are_findings():
    assert len(codes_in_sources()) > 20


def test_every_finding_is_documented():
    assert codes_in_sources() - documented_codes() == set()
