"""Reading ``study.yaml`` and saying what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from theradose.errors import StudyError
from theradose.model.study import Study
from theradose.workflow.input_file import InputKind, read_input

STUDY_FILE = "study.yaml"
_KIND = InputKind(
    "study",
    Study,
    StudyError,
    missing="make one with 'theradose import'",
    begins="it must start with 'schema_version: 1'",
)


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
        path = path / STUDY_FILE
    return StudyFile(read_input(path, _KIND), path)


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
