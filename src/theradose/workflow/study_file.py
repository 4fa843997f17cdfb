"""Reading ``study.yaml`` and saying what it lacks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from theradose.errors import StudyError
from theradose.model.study import Study, StudyPart


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study with the file it came from; paths in the study are relative to that file's folder."""

    study: Study
    path: Path

    @property
    def folder(self) -> Path:
        """Folder to which the paths in the study are relative."""
        return self.path.parent

    def resolve(self, relative: str) -> Path:
        """Return the path of a file named in the study, or refuse if it does not exist."""
        path = self.folder / relative
        if not path.exists():
            raise StudyError(
                f"The study names '{relative}', which does not exist beside {self.path.name}: correct the path.",
                code="file-missing",
            )
        return path


def read_study(path: Path) -> StudyFile:
    """Read and check a study file.

    Raises
    ------
    StudyError
        One sentence for the first problem: no such file, not YAML, an unknown key, a value that cannot be read.
    """
    if path.is_dir():
        path = path / "study.yaml"
    if not path.is_file():
        raise StudyError(f"There is no study file '{path}': make one with 'theradose import'.", code="study-missing")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        # PyYAML lets the error of an impossible date or of a wrong encoding through as it is.
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = f" at line {line + 1}" if line is not None else ""
        raise StudyError(f"'{path.name}' is not valid YAML{at}: {_first_line(error)}.", code="study-yaml") from None
    if not isinstance(content, dict):
        raise StudyError(f"'{path.name}' holds no study: it must start with 'schema_version: 1'.", code="study-yaml")
    try:
        return StudyFile(Study.model_validate(content), path)
    except ValidationError as error:
        raise StudyError(_sentence(path, error), code="study-invalid") from None


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that the main job needs and the study lacks."""

    key: str
    code: str
    advice: str


def missing_values(study: Study) -> tuple[Missing, ...]:
    """Return everything that the study file itself lacks for the main job, in the order of the file."""
    found: list[Missing] = []
    if not study.administrations:
        found.append(
            Missing(
                "administrations",
                "missing-administration",
                "add 'administrations: [{nuclide: Lu-177, activity: 7.4 GBq, start: 2026-03-02T10:00:00+01:00}]'",
            )
        )
    for number, administration in enumerate(study.administrations):
        key = f"administrations[{number}]"
        if administration.nuclide is None:
            found.append(Missing(f"{key}.nuclide", "missing-nuclide", "add for example 'nuclide: Lu-177'"))
        if administration.activity is None:
            found.append(
                Missing(f"{key}.activity", "missing-administration", "add the measured activity, 'activity: 7.4 GBq'")
            )
        if administration.start is None:
            found.append(Missing(f"{key}.start", "missing-administration", "add 'start: 2026-03-02T10:00:00+01:00'"))
    if study.timepoints and not study.emission_timepoints:
        found.append(
            Missing("timepoints[].activity", "missing-spect", "add the SPECT/CT that scales the planar images")
        )
    if not study.timepoints and not any((study.blood, study.probe, study.uptake)):
        found.append(
            Missing(
                "timepoints",
                "missing-timepoints",
                "add at least two with 'id' and 'activity', or 'probe', 'blood' or 'uptake' tables",
            )
        )
    for number, timepoint in enumerate(study.timepoints):
        if timepoint.activity is None and timepoint.planar is None:
            # A key that is there without a value says which image is meant.
            planar = "planar" in timepoint.model_fields_set and "activity" not in timepoint.model_fields_set
            key, noun = ("planar", "planar images") if planar else ("activity", "emission image")
            found.append(
                Missing(
                    f"timepoints[{number}].{key}", "missing-image", f"name the {noun} of time point '{timepoint.id}'"
                )
            )
    if study.timepoints and not any(timepoint.regions for timepoint in study.timepoints) and not study.drafts:
        found.append(
            Missing(
                "timepoints[].regions",
                "missing-regions",
                "name an RTSTRUCT, SEG or label image at one time point, or add 'drafts'",
            )
        )
    return tuple(found)


def require_complete(study_file: StudyFile) -> None:
    """Refuse a study that lacks something, naming all of it in one sentence."""
    missing = missing_values(study_file.study)
    if missing:
        listed = "; ".join(f"{item.key} ({item.advice})" for item in missing)
        raise StudyError(f"'{study_file.path.name}' lacks what the run needs: {listed}.", code=missing[0].code)


def _sentence(path: Path, error: ValidationError) -> str:
    problems = sorted(error.errors(), key=lambda problem: not _is_split_by_comma(problem))
    described = [f"{_place(problem)}: {_reason(problem)}" for problem in problems]
    more = f" (also wrong: {', '.join(_place(problem) for problem in problems[1:])})" if described[1:] else ""
    return f"'{path.name}': {described[0]}{more}."


def _place(problem: Any) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return "".join(parts).lstrip(".") or "study"


def _is_split_by_comma(problem: Any) -> bool:
    # Inside braces YAML ends a value at a comma, so that "7,4 GBq" arrives as "7" and a key "4 GBq".
    return problem["type"] == "extra_forbidden" and str(problem["loc"][-1])[:1].isdigit()


def _reason(problem: Any) -> str:
    if _is_split_by_comma(problem):
        return "this looks like the end of a number with a decimal comma: write it with a decimal point"
    if problem["type"] == "extra_forbidden":
        return _unknown_key(problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    given = problem["input"]
    return f"{message}, but {given!r} was given" if isinstance(given, (str, int, float)) else message


def _unknown_key(location: tuple[Any, ...]) -> str:
    keys = _known_keys(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), keys, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"this key is not known: {hint}valid keys are {', '.join(keys)}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """Return the keys of the part of a study at `location`."""
    part: Any = Study
    for step in location:
        if isinstance(step, str):
            part = next(kind for kind in _parts_in(part.model_fields[step].annotation))
    return list(part.model_fields)


def _parts_in(annotation: Any) -> Iterator[type[StudyPart]]:
    """Yield the study parts named in a type such as ``tuple[Timepoint, ...]`` or ``CameraCalibration | None``."""
    if isinstance(annotation, type) and issubclass(annotation, StudyPart):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_in(argument)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "problem", None) or str(error).splitlines()[0])
