"""Packaged data: every number with its source and status."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load_yaml(name: str) -> Any:
    """Return the parsed content of the packaged YAML file `name` (a path below this folder); do not modify it."""
    return yaml.safe_load(files(__package__).joinpath(name).read_text(encoding="utf-8"))
