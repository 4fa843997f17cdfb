"""Loading images that a study names."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from theradose.acquire.decide import (
    assumption_findings,
    build_image,
    decide,
    missing_geometry,
    problem_findings,
    require_usable,
)
from theradose.acquire.sources import Content, Source, choose, describe_ct, describe_emission, find_sources, sort_files
from theradose.errors import StudyError
from theradose.formats.dicom.context import ImageReference
from theradose.formats.dicom.files import list_files
from theradose.formats.dicom.geometry import stack_of_files, stack_of_frames
from theradose.formats.facts import NOTHING_DECLARED
from theradose.model.activity import EmissionImage
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.study import Declaration

_AIR_BELOW_HU = -200.0


def load_emission(
    path: Path,
    *,
    declaration: Declaration = NOTHING_DECLARED,
    nuclide: str | None = None,
    administration_start: datetime | None = None,
    timezone: str | None = None,
    calibrated: bool = False,
) -> tuple[EmissionImage, tuple[Finding, ...]]:
    """Load an emission image.

    Parameters
    ----------
    path : Path
        A folder that holds one emission series, any file of a series, or a NIfTI or Interfile.
    declaration : Declaration
        What the user states because the file does not; it wins over the file, with a finding.
    nuclide : str or None
        What was administered, by the study.
    administration_start : datetime or None
        From the study: compared with the file's, and used for values corrected to an administration that the file
        does not date.
    timezone : str or None
        IANA time zone of the study, for that comparison.
    calibrated : bool
        The study has a calibration factor for counts, so that a nuclear medicine volume without a unit is
        taken as counts.

    Returns
    -------
    EmissionImage
        Values as stored, with unit, decay reference and times decided.
    tuple of Finding
        What was inferred, assumed or overridden.

    Raises
    ------
    StudyError
        ``missing-geometry``, ``missing-unit``, ``missing-time``, ``missing-decay-reference``,
        ``missing-nuclide``, ``unit-not-activity``, ``nuclide-conflict``, or the reason of a refusal.
    DicomError
        If pixels cannot be decoded.
    """
    source = find_source(path, Content.EMISSION)
    facts = describe_emission(source, declaration)
    facts = replace(facts, problems=(*source.problems, *facts.problems))
    decision = decide(
        facts,
        declaration=declaration,
        nuclide=nuclide,
        administration_start=administration_start,
        timezone=timezone,
        calibrated=calibrated,
    )
    return build_image(decision, where=path.name), decision.findings


def load_ct(path: Path, *, declaration: Declaration = NOTHING_DECLARED) -> tuple[Volume, tuple[Finding, ...]]:
    """Load a CT in Hounsfield units.

    Parameters
    ----------
    path : Path
        A folder that holds one CT series, any file of a series, or a NIfTI or Interfile.
    declaration : Declaration
        Orientation, position and spacing where the file lacks them.

    Raises
    ------
    StudyError
        ``missing-geometry``, or the reason of a refusal.
    DicomError
        If pixels cannot be decoded.
    """
    source = find_source(path, Content.CT)
    facts = describe_ct(source, declaration)
    problems = (*source.problems, *facts.problems, *missing_geometry(facts.geometry.missing))
    require_usable(problems, where=path.name)
    if facts.geometry.grid is None:
        raise ValueError("a CT without grid has problems")
    volume = Volume(facts.values(), facts.geometry.grid)
    findings = [*problem_findings(problems)]
    if source.series is None:
        findings += assumption_findings(facts.evidence)
    lowest = float(volume.data.min())
    if lowest > _AIR_BELOW_HU:
        findings.append(
            Finding(
                "ct-without-air",
                "warning",
                f"The lowest CT number is {lowest:.0f}, but air is -1000 HU: check that the values are in HU.",
            )
        )
    return volume, tuple(findings)


def load_map(path: Path) -> Volume:
    """Load an image of which only the distribution matters: any emission image, in any unit and at any time.

    Parameters
    ----------
    path : Path
        A folder that holds one emission series, any file of a series, or a NIfTI or Interfile.

    Raises
    ------
    StudyError
        ``missing-geometry``, or the reason of a refusal.
    DicomError
        If pixels cannot be decoded.
    """
    source = find_source(path, Content.EMISSION)
    facts = describe_emission(source)
    geometry = facts.geometry
    problems = (*source.problems, *geometry.problems, *missing_geometry(geometry.missing))
    require_usable(problems, where=path.name)
    if geometry.grid is None:
        raise ValueError("an image without grid has problems")
    return Volume(facts.values(), geometry.grid)


def find_source(path: Path, wanted: Content) -> Source:
    """Return the source that `path` stands for: a file stands for its whole series in the same folder.

    Raises
    ------
    StudyError
        ``file-missing``, ``no-series``, ``several-series``, or why the file is not readable.
    """
    sources, quarantined = find_sources(path)
    if not sources and len(quarantined) == 1 and path.is_file():
        raise StudyError(f"'{path.name}' cannot be used: {quarantined[0].message}", code=quarantined[0].code)
    chosen = choose(sources, wanted, path)
    if not path.is_file() or chosen.series is None or chosen.series.shape[0] > len(chosen.files):
        return chosen
    neighbours, _ = sort_files([file for file in list_files(path.parent) if file.parent == path.parent])
    return next(source for source in neighbours if path in source.files)


def series_files(path: Path, *, wanted: Content = Content.EMISSION) -> tuple[Path, ...]:
    """Return the files that `path` stands for, for hashing."""
    return find_source(path, wanted).files


def patient_id(path: Path, *, wanted: Content) -> str | None:
    """Return the Patient ID in the DICOM header of a source; ``None`` without one and for other formats.

    Parameters
    ----------
    path : Path
        What a time point names as activity, CT or regions.
    wanted : Content
        ``EMISSION``, ``CT`` or ``REGIONS``.

    Raises
    ------
    StudyError
        What :func:`find_source` refuses.
    """
    return find_source(path, wanted).patient_id or None


def image_reference(path: Path, *, wanted: Content = Content.EMISSION) -> ImageReference | None:
    """Return what written regions and doses refer to; ``None`` if the image is not DICOM."""
    series = find_source(path, wanted).series
    if series is None:
        return None
    many = len(series.instances) > 1 or series.shape[0] == 1
    stack = stack_of_files(series, NOTHING_DECLARED) if many else stack_of_frames(series, NOTHING_DECLARED)
    uids = [instance.sop_uid for instance in series.instances]
    return ImageReference(
        series_uid=series.uid,
        sop_class_uid=series.sop_class,
        instance_uids=tuple(uids[index] for index in stack.order) if many else tuple(uids),
        frame_of_reference=series.frame_of_reference,
        study_uid=series.study_uid,
        grid=stack.geometry.grid,
    )
