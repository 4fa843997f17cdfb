"""A YAML file that a person writes, read into its model: every problem is one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

import yaml
from pydantic import ValidationError

from theradose.errors import TheradoseError
from theradose.model.study import StudyPart

Part = TypeVar("Part", bound=StudyPart)
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class InputKind(Generic[Part]):
    """What a file holds.

    Attributes
    ----------
    noun : str
        What it is called, also the first word of the codes of refusals (``study-missing``, ``study-yaml``,
        ``study-invalid``).
    model : type of StudyPart
        Its keys.
    error : type of TheradoseError
        Raised for every problem.
    missing, begins : str
        What to do without the file, and how a file begins.
    """

    noun: str
    model: type[Part]
    error: type[TheradoseError]
    missing: str
    begins: str


class _StrictLoader(yaml.SafeLoader):
    """A loader that refuses a key given twice, of which YAML readers silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != _MERGE:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key '{key.value}' is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_input(path: Path, kind: InputKind[Part]) -> Part:
    """Read and check a file.

    Raises
    ------
    TheradoseError
        One sentence for the first problem: no such file, not YAML, an unknown or missing key, a value that cannot be
        read.
    """
    if not path.is_file():
        raise kind.error(f"There is no {kind.noun} file '{path}': {kind.missing}.", code=f"{kind.noun}-missing")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML lets the error of an impossible date or of a wrong encoding through as it is.
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = f" at line {line + 1}" if line is not None else ""
        raise kind.error(
            f"'{path.name}' is not valid YAML{at}: {_first_line(error)}.", code=f"{kind.noun}-yaml"
        ) from None
    if not isinstance(content, dict):
        raise kind.error(f"'{path.name}' holds no {kind.noun}: {kind.begins}.", code=f"{kind.noun}-yaml")
    try:
        return kind.model.model_validate(content)
    except ValidationError as error:
        raise kind.error(_sentence(path, error, kind), code=f"{kind.noun}-invalid") from None


def _sentence(path: Path, error: ValidationError, kind: InputKind[Any]) -> str:
    problems = sorted(error.errors(), key=lambda problem: not _is_split_by_comma(problem))
    places = [_place(problem) or kind.noun for problem in problems]
    more = f" (also wrong: {', '.join(places[1:])})" if places[1:] else ""
    return f"'{path.name}': {places[0]}: {_reason(problems[0], kind.model)}{more}."


def _place(problem: Any) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return "".join(parts).lstrip(".")


def _is_split_by_comma(problem: Any) -> bool:
    # Inside braces YAML ends a value at a comma, so that "7,4 GBq" arrives as "7" and a key "4 GBq".
    return problem["type"] == "extra_forbidden" and str(problem["loc"][-1])[:1].isdigit()


def _reason(problem: Any, model: type[StudyPart]) -> str:
    if _is_split_by_comma(problem):
        return "this looks like the end of a number with a decimal comma: write it with a decimal point"
    if problem["type"] == "extra_forbidden":
        return _unknown_key(problem["loc"], model)
    if problem["type"] == "missing":
        return _missing_key(problem["loc"], model)
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    given = problem["input"]
    return f"{message}, but {given!r} was given" if isinstance(given, (str, int, float)) else message


def _unknown_key(location: tuple[Any, ...], model: type[StudyPart]) -> str:
    keys = list(_part_at(location[:-1], model).model_fields)
    close = difflib.get_close_matches(str(location[-1]), keys, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"this key is not known: {hint}valid keys are {', '.join(keys)}"


def _missing_key(location: tuple[Any, ...], model: type[StudyPart]) -> str:
    """Say that a key is needed; a field may describe what to state, or give examples of it."""
    key = str(location[-1])
    field = _part_at(location[:-1], model).model_fields.get(key)
    advice = ""
    if field is not None and field.description:
        advice = f": {field.description}"
    elif field is not None and field.examples:
        advice = f": add for example '{key}: {field.examples[0]}'"
    return f"it is needed and missing{advice}"


def _part_at(location: tuple[Any, ...], model: type[StudyPart]) -> type[StudyPart]:
    """Return the part of a file at `location`; steps that are no key, as the name of an alternative, are passed."""
    part = model
    for step in location:
        if isinstance(step, str) and step in part.model_fields:
            part = next(_parts_in(part.model_fields[step].annotation), part)
    return part


def _parts_in(annotation: Any) -> Iterator[type[StudyPart]]:
    """Yield the parts named in a type such as ``tuple[Timepoint, ...]`` or ``CameraCalibration | None``."""
    if isinstance(annotation, type) and issubclass(annotation, StudyPart):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_in(argument)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "problem", None) or str(error).splitlines()[0])
