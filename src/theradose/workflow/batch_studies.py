"""Which studies a batch consists of, and which of them need others to be finished first."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from theradose.errors import StudyError, TheradoseError
from theradose.formats.dicom.files import list_files
from theradose.model.finding import Finding
from theradose.workflow.earlier_runs import earlier_studies, study_place
from theradose.workflow.study_file import STUDY_FILE, read_study


@dataclass(frozen=True, slots=True)
class BatchStudy:
    """A study of a batch: one cycle of one patient.

    Attributes
    ----------
    path : Path
        Study file, absolute.
    name : str
        Short name: its way from the folder that all of the batch share.
    patient, therapy : str or None
        As the file states them, ``None`` also where it cannot be read.
    cycle : int or None
        Likewise.
    after : tuple of Path
        Studies of the batch that it names as earlier cycles.
    """

    path: Path
    name: str
    patient: str | None = None
    therapy: str | None = None
    cycle: int | None = None
    after: tuple[Path, ...] = ()


def find_studies(given: Sequence[Path]) -> tuple[Path, ...]:
    """Return study files, and all named ``study.yaml`` in folders and below them, sorted, each once.

    Links to folders are followed, each folder once; names that begin with a dot are left out.

    Raises
    ------
    StudyError
        ``study-missing`` for a path that does not exist, ``no-studies`` for a folder without any.
    """
    found: dict[Path, Path] = {}
    for path in given:
        if not path.exists():
            raise StudyError(
                f"There is no '{path}': give study files, or folders that hold them.", code="study-missing"
            )
        files = [file for file in list_files(path) if file.name == STUDY_FILE] if path.is_dir() else [path]
        if not files:
            raise StudyError(
                f"No {STUDY_FILE} is in '{path}' or below it: make one with 'theradose import'.", code="no-studies"
            )
        for file in files:
            found.setdefault(study_place(file), file.absolute())
    return tuple(sorted(found.values()))


def read_batch(paths: Sequence[Path]) -> tuple[BatchStudy, ...]:
    """Return what the studies say about themselves; one that cannot be read says nothing, its run will say why."""
    places = {study_place(path): path for path in paths}
    shared = os.path.commonpath([path.parent.parent for path in paths])
    return tuple(_read(path, _name(path, Path(shared)), places) for path in paths)


def order(studies: Sequence[BatchStudy]) -> TopologicalSorter[Path]:
    """Return the order in which studies can run, prepared.

    Studies that name each other in a circle need nothing here: the run of each refuses it.
    """
    needs = {study.path: study.after for study in studies}
    while True:
        sorter = TopologicalSorter(needs)
        try:
            sorter.prepare()
        except CycleError as error:
            needs |= dict.fromkeys(error.args[1], ())
        else:
            return sorter


def repeated_cycles(studies: Sequence[BatchStudy]) -> tuple[Finding, ...]:
    """Return which cycle of a patient is in the batch more than once (``cycle-in-two-studies``)."""
    seen: dict[tuple[str, str | None, int], BatchStudy] = {}
    findings = []
    for study in studies:
        if study.patient is None or study.cycle is None:
            continue
        first = seen.setdefault((study.patient, study.therapy, study.cycle), study)
        if first is not study:
            findings.append(
                Finding(
                    "cycle-in-two-studies",
                    "warning",
                    f"Cycle {study.cycle} of patient '{study.patient}' is in '{first.name}' and in '{study.name}': "
                    "count it once.",
                    study.name,
                )
            )
    return tuple(findings)


def _name(path: Path, shared: Path) -> str:
    name = path.relative_to(shared)
    return (name.parent if name.name == STUDY_FILE else name).as_posix()


def _read(path: Path, name: str, places: Mapping[Path, Path]) -> BatchStudy:
    try:
        study_file = read_study(path)
    except (TheradoseError, OSError):
        return BatchStudy(path, name)
    study = study_file.study
    named = [study_place(earlier) for _, earlier in earlier_studies(study_file)]
    after = tuple(dict.fromkeys(places[place] for place in named if place in places))
    return BatchStudy(path, name, study.patient.id, study.therapy, study.cycle, after)
