"""The case that a run works on: the study with its protocol, nuclide and zero of time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theradose.acquire.load import series_files
from theradose.acquire.sources import Content
from theradose.errors import StudyError
from theradose.model.study import Override, Study, Timepoint
from theradose.nuclides import Nuclide, canonical_nuclide, load_nuclide
from theradose.provenance import hash_file
from theradose.workflow.protocols import Protocol, load_protocol
from theradose.workflow.study_file import StudyFile, require_complete


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Everything that holds for all time points.

    Attributes
    ----------
    study_file : StudyFile
        Complete for the main job.
    protocol : Protocol
        Named by the study or the generic one.
    nuclide : Nuclide
        Of all administrations.
    start : datetime
        Start of the first administration, the zero of time.
    """

    study_file: StudyFile
    protocol: Protocol
    nuclide: Nuclide
    start: datetime

    @property
    def study(self) -> Study:
        """The study."""
        return self.study_file.study

    @property
    def net_activity_mbq(self) -> float:
        """Activity given to the patient over all administrations of the cycle."""
        return sum(administration.net_activity_mbq or 0.0 for administration in self.study.administrations)

    @property
    def reference_id(self) -> str:
        """Id of the reference time point: the study's, else the first with regions, else the first."""
        if self.study.reference_timepoint is not None:
            return self.study.reference_timepoint
        with_regions = [timepoint.id for timepoint in self.study.timepoints if timepoint.regions]
        return with_regions[0] if with_regions else self.study.timepoints[0].id

    @property
    def measurement_relative_u(self) -> float:
        """Repeatability of one measurement: the study's or the protocol's assumption."""
        stated = self.study.measurement_u
        return self.protocol.measurement_relative_u.value if stated is None else stated

    def overrides_of(self, region: str) -> tuple[Override, ...]:
        """Overrides that name `region`."""
        return tuple(override for override in self.study.overrides if override.region == region)

    def timepoint(self, timepoint_id: str) -> Timepoint:
        """The study's time point called `timepoint_id`."""
        return next(timepoint for timepoint in self.study.timepoints if timepoint.id == timepoint_id)


def open_case(study_file: StudyFile) -> Case:
    """Check that the study is complete and return the case.

    Raises
    ------
    StudyError
        For missing values, or administrations of more than one nuclide.
    """
    require_complete(study_file)
    study = study_file.study
    names = {canonical_nuclide(administration.nuclide or "") for administration in study.administrations}
    if len(names) > 1:
        raise StudyError(
            f"The administrations are of different nuclides ({', '.join(sorted(names))}): make one study of each.",
            code="mixed-nuclides",
        )
    starts = [administration.start for administration in study.administrations if administration.start is not None]
    if len({start.tzinfo is None for start in starts}) > 1:
        raise StudyError(
            "Some administrations have a UTC offset and some have none: write all of them in the same way.",
            code="mixed-offsets",
        )
    return Case(
        study_file,
        load_protocol(study.protocol),
        load_nuclide(names.pop(), nuclear_data=study.dose.nuclear_data),
        min(starts),
    )


InputHashes = dict[str, dict[str, str]]
"""SHA-256 by file, by the path that the study names; file paths are relative to the study."""


def hash_inputs(study_file: StudyFile) -> InputHashes:
    """Return the SHA-256 of every file behind every path that the study names."""
    known: dict[Path, str] = {}
    hashes: InputHashes = {}
    for name, files in _named_files(study_file).items():
        for file in files:
            if file not in known:
                known[file] = hash_file(file)
        hashes[name] = {_relative(file, study_file.folder): known[file] for file in files}
    return hashes


def _named_files(study_file: StudyFile) -> dict[str, tuple[Path, ...]]:
    study = study_file.study
    named: dict[str, tuple[Path, ...]] = {}
    for timepoint in study.timepoints:
        for name, wanted in ((timepoint.activity, Content.EMISSION), (timepoint.ct, Content.CT)):
            if name is not None:
                named[name] = series_files(study_file.resolve(name), wanted=wanted)
        for name in (timepoint.regions, timepoint.transform):
            if name is not None:
                named[name] = _all_files(study_file.resolve(name))
    if study.calibration is not None:
        for name in (study.calibration.recovery, study.calibration.record):
            if name is not None:
                named[name] = _all_files(study_file.resolve(name))
    return named


def _all_files(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in path.rglob("*") if file.is_file())) if path.is_dir() else (path,)


def _relative(path: Path, folder: Path) -> str:
    # A path outside the study's folder keeps its way up ("../"), never the machine's root.
    return Path(os.path.relpath(path, folder)).as_posix()
