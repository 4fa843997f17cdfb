"""Limits that a study or an input names, states, or keeps in a file of the site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from theradose.errors import PlanError
from theradose.model.limit import Limit, StatedLimit
from theradose.plan.limits import resolve_limits, stated_limit

_SUFFIXES = (".yaml", ".yml")


def limit_files(chosen: Sequence[str | StatedLimit]) -> tuple[str, ...]:
    """Return the files of limits that a study or an input names."""
    return tuple(item for item in chosen if isinstance(item, str) and item.endswith(_SUFFIXES))


def limits_with_files(chosen: Sequence[str | StatedLimit], folder: Path) -> tuple[Limit, ...]:
    """Return the limits; a name that ends in ``.yaml`` is a file beside the input whose limits are all taken.

    Raises
    ------
    PlanError
        ``limits-missing``, ``limits-invalid``, ``limit-unknown``.
    """
    found: list[Limit] = []
    files = limit_files(chosen)
    for item in chosen:
        if isinstance(item, str) and item in files:
            found += read_limits(folder / item)
        else:
            found += resolve_limits([item])
    return tuple(found)


def read_limits(path: Path) -> tuple[Limit, ...]:
    """Read a file of limits, a mapping of names to the keys of a stated limit."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise PlanError(f"There is no file of limits '{path.name}': correct the path.", code="limits-missing") from None
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict):
        raise PlanError(
            f"'{path.name}' holds no limits: it is a mapping of names, each with organ, value, origin and source.",
            code="limits-invalid",
        )
    try:
        return tuple(
            stated_limit(StatedLimit.model_validate({"name": name, **(fields or {})}))
            for name, fields in content.items()
        )
    except (ValidationError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("",), "msg": str(error)}
        where = ".".join(str(part) for part in first["loc"])
        raise PlanError(
            f"'{path.name}' is no file of limits at {where}: {first['msg']}.", code="limits-invalid"
        ) from None
