"""The names of ``import theradose``, and what importing them costs."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import theradose

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "scipy", "SimpleITK", "pydicom", "highdicom", "nibabel", "matplotlib", "typst")
HELP_AT_MOST_S = 0.5


def fresh(code, *arguments):
    """Run code in a new interpreter and return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names_for_type_checkers():
    tree = ast.parse(Path(theradose.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}


@pytest.mark.parametrize("name", theradose.__all__)
def test_name_resolves_and_is_documented(name):
    assert getattr(theradose, name).__doc__
    assert f"::: theradose.{name}\n" in (ROOT / "docs" / "api" / "index.md").read_text(encoding="utf-8")


def test_names_are_sorted_and_listed_once():
    assert sorted(set(theradose.__all__)) == theradose.__all__
    assert set(theradose.__all__) <= set(dir(theradose))


def test_type_checkers_and_the_interpreter_see_the_same_names():
    assert names_for_type_checkers() == theradose._HOME
    assert list(theradose._HOME) == theradose.__all__


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        theradose.no_such_thing  # noqa: B018 - the access is the test


def test_star_import_gives_the_public_names():
    code = "from theradose import *; print(' '.join(sorted(set(globals()))))"
    assert set(theradose.__all__) <= set(fresh(code).split())


def test_import_loads_no_heavy_library():
    loaded = fresh("import sys, theradose; print(' '.join(sys.modules))").split()
    assert set(HEAVY) & set(loaded) == set()


def test_help_loads_no_heavy_library():
    code = (
        "import sys\nsys.argv = ['theradose', '--help']\nfrom theradose.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print('loaded:', ' '.join(sys.modules))"
    )
    output = fresh(code)
    assert "Usage" in output
    assert set(HEAVY) & set(output.split("loaded:")[1].split()) == set()


def test_help_comes_at_once():
    """Best of five, so that other work on the machine does not count; it takes about 0.1 s alone."""
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "theradose", "--help"], capture_output=True, check=True)
        durations.append(time.perf_counter() - start)
    assert min(durations) <= HELP_AT_MOST_S
