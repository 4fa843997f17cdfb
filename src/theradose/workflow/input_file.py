"""A YAML file that a person writes, read into its model: every problem is one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import ValidationError

from theradose.errors import TheradoseError
from theradose.model.study import StudyPart

Part = TypeVar("Part", bound=StudyPart)
_MERGE = "<<"
_ADVICE = {
    "int_": "a whole number is needed",
    "float_": "a number is needed",
    "bool_": "write true or false",
    "date_": "write a date as 2026-03-03",
    "datetime_": "write date and time as 2026-03-03T10:00:00+01:00",
    "string_": "text is needed",
    "tuple_": "a list is needed, as [a, b]",
    "list_": "a list is needed, as [a, b]",
    "dict_": "keys with values are needed, as {key: value}",
    "model_": "keys with values are needed, as {key: value}",
}
"""What to write instead, by the beginning of the type of a problem."""


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
        raise kind.error(f"'{path.name}' is not valid YAML{yaml_words(error)}.", code=f"{kind.noun}-yaml") from None
    if not isinstance(content, dict):
        raise kind.error(f"'{path.name}' holds no {kind.noun}: {kind.begins}.", code=f"{kind.noun}-yaml")
    try:
        return kind.model.model_validate(content)
    except ValidationError as error:
        raise kind.error(_sentence(path, error, kind), code=f"{kind.noun}-invalid") from None


def _sentence(path: Path, error: ValidationError, kind: InputKind[Any]) -> str:
    return f"'{path.name}': {problem_words(error, kind.model, noun=kind.noun)}."


def problem_words(error: ValidationError, model: type[StudyPart], *, noun: str = "") -> str:
    """Return place and reason of the first problem, and the places of the others."""
    problems = sorted(error.errors(), key=lambda problem: not _is_split_by_comma(problem))
    places = list(dict.fromkeys(_place(problem, model) or noun for problem in problems))
    more = f" (also wrong: {', '.join(places[1:])})" if places[1:] else ""
    return f"{places[0]}: {_reason(problems[0], model)}{more}".removeprefix(": ")


def _place(problem: Any, model: type[StudyPart]) -> str:
    """Return where a problem is, as the person wrote it: the names of alternatives are no keys."""
    location = problem["loc"]
    shown = [
        step
        for number, step in enumerate(location)
        if isinstance(step, int)
        or number == len(location) - 1
        or number == 0
        or not isinstance(location[number - 1], (int, str))
        or step in _part_at(location[:number], model).model_fields
    ]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in shown).lstrip(".")


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
    message = _plain_words(problem)
    given = problem["input"]
    tells = isinstance(given, (str, int, float)) and f"'{given}'" not in message
    return f"{message}, but {given!r} was given" if tells else message


def _plain_words(problem: Any) -> str:
    """Return what is wrong in the words of a person who writes the file, not of the library that reads it."""
    expected = problem.get("ctx", {}).get("expected")
    if problem["type"] == "literal_error":
        return f"valid values are {expected}"
    for beginning, advice in _ADVICE.items():
        if problem["type"].startswith(beginning):
            return advice
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return message.replace("Input should be", "it must be").replace("Input should", "it should")


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
    choices = get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    if choices:
        advice = f": valid values are {', '.join(choices)}"
    elif field is not None and field.description:
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


def yaml_words(error: Exception) -> str:
    """Return line and reason of what is no YAML, with what to do about the most common slip."""
    line = getattr(getattr(error, "problem_mark", None), "line", None)
    reason = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    advice = "; put text that holds a colon in quotes" if "mapping values" in reason or "':'" in reason else ""
    return f"{f' at line {line + 1}' if line is not None else ''}: {reason}{advice}"
