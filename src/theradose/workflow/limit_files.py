"""Limits that a study or an input names, states, or keeps in a file of the site."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from theradose.errors import PlanError
from theradose.model.limit import Limit, StatedLimit
from theradose.plan.limits import limit_as_stated, resolve_limits
from theradose.workflow.input_file import problem_words, yaml_words

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
    except (yaml.YAMLError, ValueError) as error:
        raise PlanError(f"'{path.name}' is not valid YAML{yaml_words(error)}.", code="limits-invalid") from None
    if not isinstance(content, dict):
        raise PlanError(
            f"'{path.name}' holds no limits: it is a mapping of names, each with organ, value, origin and source.",
            code="limits-invalid",
        )
    return tuple(_limit(path, str(name), fields) for name, fields in content.items())


def _limit(path: Path, name: str, fields: object) -> Limit:
    if not isinstance(fields, dict):
        raise PlanError(
            f"'{path.name}': {name}: keys are needed, as {{organ: kidneys, value: 25 Gy, origin: EBRT, source: …}}.",
            code="limits-invalid",
        )
    try:
        return limit_as_stated(StatedLimit.model_validate({"name": name, **fields}))
    except ValidationError as error:
        words = problem_words(error, StatedLimit)
        raise PlanError(f"'{path.name}': {name}: {words}.", code="limits-invalid") from None
