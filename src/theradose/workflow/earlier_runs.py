"""Earlier cycles that a study names by their own study: their finished runs.

``previous_cycles: [{result: ../cycle-1/study.yaml}]`` means the run of that study as it stands now. It is found by
the hash of its inputs, so that a result of another state of it, or of other sources of this package, is never taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from theradose.errors import StudyError, TheradoseError
from theradose.store.runs import RESULT_DOCUMENT, find_run
from theradose.workflow.case import hash_inputs, hash_run, open_case
from theradose.workflow.study_file import STUDY_FILE, StudyFile, read_study

RESULTS_FOLDER = "results"


def earlier_studies(study_file: StudyFile) -> Iterator[tuple[str, Path]]:
    """Yield what a study names as results of earlier cycles and is itself a study, with the path of its file."""
    for cycle in study_file.study.previous_cycles:
        if cycle.result is not None and (path := _study_at(study_file.folder / cycle.result)) is not None:
            yield cycle.result, path


def with_earlier_runs(
    study_file: StudyFile, *, results: Path | None = None, within: tuple[Path, ...] = ()
) -> StudyFile:
    """Return a study whose earlier results are runs, where it names the studies of earlier cycles.

    Parameters
    ----------
    study_file : StudyFile
        As it was read.
    results : Path, optional
        Folder of all run folders; the one beside each study by default.
    within : tuple of Path
        Studies that are already being opened.

    Raises
    ------
    StudyError
        ``earlier-run-missing`` if such a study was not run as it is now, ``cycles-in-a-circle``; those of reading it.
    """
    within = (*within, study_place(study_file.path))
    runs = {name: _finished_run(path, results, within) for name, path in earlier_studies(study_file)}
    if not runs:
        return study_file
    home = study_file.folder.resolve()
    cycles = tuple(
        cycle.model_copy(update={"result": Path(os.path.relpath(run.resolve(), home)).as_posix()})
        if (run := runs.get(cycle.result or "")) is not None
        else cycle
        for cycle in study_file.study.previous_cycles
    )
    return StudyFile(study_file.study.model_copy(update={"previous_cycles": cycles}), study_file.path)


def _finished_run(path: Path, results: Path | None, within: tuple[Path, ...]) -> Path:
    if study_place(path) in within:
        names = " → ".join(f"'{place.parent.name}/{place.name}'" for place in (*within, study_place(path)))
        raise StudyError(
            f"The studies name each other as earlier cycles ({names}): correct 'previous_cycles'.",
            code="cycles-in-a-circle",
        )
    try:
        case = open_case(with_earlier_runs(read_study(path), results=results, within=within))
        made_from = hash_run(case.study, hash_inputs(case.study_file))
    except TheradoseError as error:
        raise StudyError(
            f"The study of the earlier cycle, '{path.parent.name}/{path.name}', is refused: {error}", code=error.code
        ) from None
    run = find_run(results if results is not None else path.parent / RESULTS_FOLDER, made_from)
    if run is None:
        raise StudyError(
            f"The study of the earlier cycle, '{path.parent.name}/{path.name}', has no finished run as it is now: run "
            "it first, or give both to 'theradose cohort run'.",
            code="earlier-run-missing",
        )
    return run


def _study_at(path: Path) -> Path | None:
    if path.is_dir():
        return None if (path / RESULT_DOCUMENT).exists() or not (path / STUDY_FILE).is_file() else path / STUDY_FILE
    return path if path.suffix in (".yaml", ".yml") and path.is_file() else None


def study_place(path: Path) -> Path:
    """Return what tells a study from others: paths in it are relative to its folder, wherever the file itself lies."""
    return path.parent.resolve() / path.name
