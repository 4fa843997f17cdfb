"""The case that a run works on: the study with its protocol, nuclide and zero of time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theradose.acquire.load import series_files
from theradose.acquire.sources import Content
from theradose.data import load_number
from theradose.errors import DicomError, StudyError
from theradose.formats.dicom.files import read_header
from theradose.formats.dicom.values import read_text
from theradose.model.finding import Finding
from theradose.model.protocol import Protocol
from theradose.model.study import Override, Study, Timepoint
from theradose.nuclides import Nuclide, canonical_nuclide, decays_in_place, load_nuclide, with_retained
from theradose.provenance import hash_file, hash_package, hash_parameters
from theradose.quantify.times import hours_since
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain
from theradose.workflow.calibration_choice import RecordUse, choose_calibration
from theradose.workflow.limit_files import limit_files
from theradose.workflow.population import study_population
from theradose.workflow.protocols import load_protocol
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
    record : RecordUse or None
        Record of the camera; the study's ``calibration`` holds what is used of it.
    calibration_findings : tuple of Finding
        About the choice of the record.
    """

    study_file: StudyFile
    protocol: Protocol
    nuclide: Nuclide
    start: datetime
    record: RecordUse | None = None
    calibration_findings: tuple[Finding, ...] = ()

    @property
    def study(self) -> Study:
        """The study."""
        return self.study_file.study

    @property
    def net_activity_mbq(self) -> float:
        """Activity given to the patient over all administrations of the cycle."""
        return sum(administration.net_activity_mbq or 0.0 for administration in self.study.administrations)

    @property
    def administered_mbq(self) -> Uncertain:
        """The same with the source `ADMINISTERED_ACTIVITY`: one activity meter measured every administration."""
        return sum(
            (
                Uncertain.relative(administration.net_activity_mbq or 0.0, {ADMINISTERED_ACTIVITY: administration.u})
                for administration in self.study.administrations
            ),
            start=Uncertain(0.0),
        )

    @property
    def administered_relative_u(self) -> float | None:
        """Relative standard uncertainty of the given activity; ``None`` is not stated."""
        return None if self.administered_mbq.not_stated else self.administered_mbq.relative_u

    @property
    def reference_id(self) -> str:
        """Id of the reference time point: the study's, else the first with regions, else the first."""
        if self.study.reference_timepoint is not None:
            return self.study.reference_timepoint
        imaged = self.study.emission_timepoints
        with_regions = [timepoint.id for timepoint in imaged if timepoint.regions]
        return with_regions[0] if with_regions else imaged[0].id

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
    _check_single_administration(study, starts)
    nuclide = with_retained(load_nuclide(names.pop(), nuclear_data=study.dose.nuclear_data), study.dose.retained)
    # A nuclide whose daughters nobody can place is refused before anything is computed.
    decays_in_place(nuclide)
    study_population(study_file, nuclide)
    study_file, record, findings = choose_calibration(study_file, nuclide.name)
    return Case(study_file, load_protocol(study.protocol), nuclide, min(starts), record, findings)


def _check_single_administration(study: Study, starts: list[datetime]) -> None:
    """Refuse administrations far apart: a curve fitted from one zero of time cannot describe several."""
    limit_h = load_number("study.yaml", "split_administration")
    first = min(starts, key=lambda start: hours_since(starts[0], start, timezone=study.timezone)[0])
    apart_h = max(hours_since(first, start, timezone=study.timezone)[0] for start in starts)
    if apart_h > limit_h:
        raise StudyError(
            f"The administrations lie {apart_h:.3g} h apart, but one time-activity curve has one zero of time (a split "
            f"injection within {limit_h:g} h is accepted): make one study of each administration with its own images.",
            code="several-administrations",
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


def hash_run(study: Study, hashes: InputHashes) -> str:
    """Return the hash of everything that a run is made from: the study, its files and the sources of this package."""
    return hash_parameters([study.model_dump(mode="json"), hashes, hash_package()])


def check_distinct(study: Study, hashes: InputHashes) -> None:
    """Refuse one image under two names: two time points, or an emission image that is also its regions."""
    seen: dict[frozenset[str], str] = {}
    for timepoint in study.timepoints:
        content = frozenset(hashes[timepoint.activity or timepoint.planar or ""].values())
        if content in seen:
            raise StudyError(
                f"The time points '{seen[content]}' and '{timepoint.id}' have the same image: correct the path of one.",
                code="same-image",
            )
        seen[content] = timepoint.id
        if timepoint.regions is not None and content & set(hashes[timepoint.regions].values()):
            raise StudyError(
                f"Time point '{timepoint.id}' names the same file as activity and as regions: an image of labels "
                "holds no activity.",
                code="same-image",
            )


def check_one_patient(study_file: StudyFile, hashes: InputHashes) -> None:
    """Refuse DICOM files of different patients."""
    found: dict[str, str] = {}
    for name, files in hashes.items():
        for file in sorted(files)[:1]:
            try:
                header = read_header(study_file.folder / file)
            except DicomError:
                continue
            patient = read_text(header.dataset, "PatientID")
            if patient:
                found.setdefault(patient, name)
    if len(found) > 1:
        listed = ", ".join(f"'{patient}' ({name})" for patient, name in found.items())
        raise StudyError(f"The images are of different patients: {listed}. Correct the paths.", code="several-patients")


def _named_files(study_file: StudyFile) -> dict[str, tuple[Path, ...]]:
    study = study_file.study
    named: dict[str, tuple[Path, ...]] = {}
    for timepoint in study.timepoints:
        for name, wanted in ((timepoint.activity, Content.EMISSION), (timepoint.ct, Content.CT)):
            if name is not None:
                # One folder may hold both: then the run depends on the files of both.
                files = series_files(study_file.resolve(name), wanted=wanted)
                named[name] = tuple(dict.fromkeys((*named.get(name, ()), *files)))
        for name in (timepoint.planar, timepoint.regions, timepoint.transform):
            if name is not None:
                named[name] = _all_files(study_file.resolve(name))
    for roi in study.rois:
        if roi.image is not None:
            named[roi.image] = _all_files(study_file.resolve(roi.image))
    for cycle in study.previous_cycles:
        if cycle.result is not None:
            named[cycle.result] = (earlier_result_file(study_file.resolve(cycle.result)),)
    for name in limit_files(study.limits or ()):
        named[name] = _all_files(study_file.resolve(name))
    reference = (None, None) if study.reference is None else (study.reference.file, study.reference.secret)
    population = None if study.single_time_point is None else study.single_time_point.population
    for name in (study.blood, study.probe, study.uptake, study.counter.record, population, *reference):
        if name is not None:
            named[name] = _all_files(study_file.resolve(name))
    if study.marrow.weighting is not None:
        weighting = study.marrow.weighting
        for name in (weighting.image, weighting.ct, weighting.transform):
            if name is not None:
                named[name] = _all_files(study_file.resolve(name))
    if study.calibration is not None:
        for name in (study.calibration.recovery, study.calibration.record):
            if name is not None:
                named[name] = _all_files(study_file.resolve(name))
    return named


def earlier_result_file(path: Path) -> Path:
    """Return the result document of a run folder, or the file itself."""
    return path / "result.json" if path.is_dir() else path


def _all_files(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(file for file in path.rglob("*") if file.is_file())) if path.is_dir() else (path,)


def _relative(path: Path, folder: Path) -> str:
    # A path outside the study's folder keeps its way up ("../"), never the machine's root.
    return Path(os.path.relpath(path, folder)).as_posix()
