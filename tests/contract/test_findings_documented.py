"""Every finding that the program can raise is explained in the documentation.

Most findings state their code where they are made. Where the code comes from elsewhere, the place is listed here with
what finds its codes, and a place that is not listed fails.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "theradose"
DOCUMENT = ROOT / "docs" / "formats" / "findings.md"


@cache
def tree(module):
    return ast.parse((SOURCES / module).read_text(encoding="utf-8"))


def modules():
    return sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.py"))


def texts(nodes):
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def calls(module, name):
    """Return the calls of a function or method of that name."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) == name:
            yield node


def assigned(module, name):
    """Return what is assigned to a name."""
    for node in ast.walk(tree(module)):
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(getattr(item, "id", None) == name for item in targets):
            yield node.value


def codes_of_notes(module):
    """Codes given to the method ``note``, which makes findings of them."""
    return texts(call.args[0] for call in calls(module, "note"))


def codes_of_keys(module):
    """Keys of the flags that become findings."""
    return texts(key for table in assigned(module, "_FINDINGS") for key in table.keys)


def codes_of_explanations(module):
    """First items of the explanations of held voxels."""
    return texts(entry.elts[0] for table in assigned(module, "explained") for entry in table.values)


def codes_of_constant(module):
    """What is assigned to ``code``."""
    return texts(assigned(module, "code"))


def codes_of_errors(module):
    """Codes that an error is compared with, so that others are raised again."""
    compared = [node for node in ast.walk(tree(module)) if isinstance(node, ast.Compare)]
    return texts(node.comparators[0] for node in compared if ast.unparse(node.left) == "error.code")


def codes_of_overrides(module):
    """Quantities that a study states against the file."""
    return {
        f"{quantity.replace(' ', '-')}-overridden" for quantity in texts(c.args[0] for c in calls(module, "_override"))
    }


def codes_of_problems(_):
    """Problems of any reader that do not prevent the use of an image."""
    return {
        code
        for module in modules()
        for call in calls(module, "Problem")
        if any(ast.unparse(argument) == "Effect.NOTE" for argument in call.args)
        for code in texts(call.args[:1])
    }


def no_codes(_):
    """Findings that are given a place and keep their code."""
    return set()


ELSEWHERE = {
    ("acquire/decide.py", "problem.code"): codes_of_problems,
    ("acquire/decide.py", "f\"{quantity.replace(' ', '-')}-overridden\""): codes_of_overrides,
    ("formats/dicom/rtstruct.py", "code"): codes_of_notes,
    ("kinetics/flags.py", "flag"): codes_of_keys,
    ("kinetics/voxelwise.py", "code"): codes_of_explanations,
    ("workflow/doses.py", "code"): codes_of_constant,
    ("workflow/marrow_result.py", "error.code"): codes_of_errors,
    ("workflow/timepoints.py", "f.code"): no_codes,
}


def codes_in_sources():
    """Return the codes that stand where findings are made, and the places where something else stands."""
    codes, places = set(), set()
    for module in modules():
        for call in calls(module, "Finding"):
            first = call.args[0] if call.args else next(word.value for word in call.keywords if word.arg == "code")
            if isinstance(first, ast.Constant):
                codes.add(first.value)
            else:
                places.add((module, ast.unparse(first)))
    return codes, places


def rows():
    cells = [line.split("|")[1] for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [code for cell in cells for code in re.findall(r"`([a-z0-9-]+)`", cell)]


def documented_codes():
    return set(rows())


def test_a_finding_is_documented_once():
    assert len(rows()) == len(set(rows()))


def test_there_are_findings():
    assert len(codes_in_sources()[0]) > 20


def test_codes_that_stand_where_findings_are_made_are_documented():
    assert codes_in_sources()[0] - documented_codes() == set()


def test_every_other_place_is_known():
    assert codes_in_sources()[1] == set(ELSEWHERE)


@pytest.mark.parametrize(("place", "find"), [pytest.param(*item, id=":".join(item[0])) for item in ELSEWHERE.items()])
def test_codes_from_elsewhere_are_documented(place, find):
    codes = find(place[0])
    assert codes or find is no_codes
    assert codes - documented_codes() == set()
