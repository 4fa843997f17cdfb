"""Physics functions name their sources, and the sources exist."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "theradose"
PHYSICS = ("quantify", "kinetics", "radiation", "dose", "biology", "plan", "statistics", "cohort")
KEYS = set(
    re.findall(r"^@\w+\{([^,]+),", (SOURCE / "data" / "references.bib").read_text(encoding="utf-8"), flags=re.MULTILINE)
)


def modules():
    return sorted(SOURCE.rglob("*.py"))


def physics_functions(path):
    """Public functions with keyword-only arguments: the form that all physics functions have."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return [node for node in functions if node.args.kwonlyargs], ast.get_docstring(tree) or ""


PHYSICS_FUNCTIONS = [
    (path, function, module_text)
    for path in modules()
    if path.relative_to(SOURCE).parts[0] in PHYSICS
    for functions, module_text in [physics_functions(path)]
    for function in functions
]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_cited_keys_are_in_the_bibliography(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    cited = {key for text in texts for key in re.findall(r"\[([A-Za-z0-9.]+)\]_", text)}
    assert cited <= KEYS


@pytest.mark.parametrize(
    ("path", "function", "module_text"),
    PHYSICS_FUNCTIONS,
    ids=[f"{path.stem}.{function.name}" for path, function, _ in PHYSICS_FUNCTIONS],
)
def test_physics_functions_cite_their_sources(path, function, module_text):
    text = (ast.get_docstring(function) or "") + module_text
    assert re.search(r"\[[A-Za-z0-9.]+\]_", text), "neither the function nor its module names a source"
