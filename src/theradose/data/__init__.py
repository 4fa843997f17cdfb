"""Packaged data: every number with its unit, source, edition and status.

The status is ``verified`` (the source was read), ``unverified`` (it was not) or ``choice`` (a convention of this
program that no source prescribes); what only the simulator uses is ``illustrative``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load_yaml(name: str) -> Any:
    """Return the parsed content of the packaged YAML file `name` (a path below this folder); do not modify it."""
    return yaml.safe_load(_text(name))


def load_number(name: str, entry: str) -> float:
    """Return the value of an entry of a packaged YAML file."""
    return float(load_yaml(name)[entry]["value"])


@cache
def load_json(name: str) -> Any:
    """Return the parsed content of the packaged JSON file `name` (a path below this folder); do not modify it."""
    return json.loads(_text(name))


def list_data(folder: str = "") -> tuple[str, ...]:
    """Return the paths of the files in a packaged folder and the folders below it, in alphabetical order."""
    names: list[str] = []
    for entry in files(__package__).joinpath(folder).iterdir():
        name = f"{folder}/{entry.name}".lstrip("/")
        names += list_data(name) if entry.is_dir() else [name]
    return tuple(sorted(names))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
