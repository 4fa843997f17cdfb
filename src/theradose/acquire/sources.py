"""Finding images, regions and doses in a file or folder, and saying what each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from theradose.errors import DicomError, StudyError
from theradose.formats.dicom.ct import read_ct
from theradose.formats.dicom.files import Quarantined, list_files, read_header
from theradose.formats.dicom.nm import NmKind, classify_nm, read_nm
from theradose.formats.dicom.pixels import check_pixels
from theradose.formats.dicom.pt import read_pt
from theradose.formats.dicom.series import Series, read_series
from theradose.formats.dicom.uids import (
    CT_IMAGE,
    ENHANCED_CT_IMAGE,
    NM_IMAGE,
    PET_IMAGE,
    RT_DOSE,
    RT_STRUCTURE_SET,
    SEGMENTATION,
)
from theradose.formats.dicom.values import read_text
from theradose.formats.facts import NOTHING_DECLARED, CtFacts, Effect, EmissionFacts, Problem
from theradose.formats.interfile import (
    data_file,
    describe_interfile_ct,
    describe_interfile_emission,
    is_interfile,
)
from theradose.formats.nifti import describe_nifti_ct, describe_nifti_emission, is_nifti
from theradose.model.study import Declaration

Progress = Callable[[int, int], None]

READABLE_FORMATS = ("DICOM", "NIfTI", "Interfile")


_NAMED_FILES = 5


class Content(StrEnum):
    """What a source holds, as far as its header says."""

    EMISSION = "emission"
    PROJECTIONS = "projections"
    PLANAR = "planar"
    CT = "ct"
    REGIONS = "regions"
    DOSE = "dose"
    VOLUME = "volume"
    """A volume whose file format does not say what its values are."""
    OTHER = "other"


_SEPARATE_IMAGES = (Content.PLANAR, Content.PROJECTIONS)
"""Each file stands for itself; the files of other content are slices of one volume."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One series or file.

    Attributes
    ----------
    id : str
        Series Instance UID, or the file name.
    content : Content
        What it holds.
    modality : str
        DICOM modality, or the name of the file format.
    files : tuple of Path
        Its files.
    series : Series or None
        The DICOM series; ``None`` for other formats.
    problems : tuple of Problem
        What is known against its use without reading it further.
    """

    id: str
    content: Content
    modality: str
    files: tuple[Path, ...]
    series: Series | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def patient_id(self) -> str:
        """Patient ID of the header; empty without one and for other formats than DICOM."""
        return "" if self.series is None else read_text(self.series.dataset, "PatientID")


def find_sources(path: Path, *, progress: Progress | None = None) -> tuple[tuple[Source, ...], tuple[Quarantined, ...]]:
    """List what is in a file or folder, reading headers only.

    Parameters
    ----------
    path : Path
        A file, or a folder that is searched recursively.
    progress : callable, optional
        Called with the number of files read and their total.

    Raises
    ------
    StudyError
        If there is nothing at `path`.
    """
    if not path.exists():
        raise StudyError(f"There is no file or folder '{path}': correct the path.", code="file-missing")
    return sort_files(list_files(path), progress=progress)


def sort_files(
    files: Sequence[Path], *, progress: Progress | None = None
) -> tuple[tuple[Source, ...], tuple[Quarantined, ...]]:
    """Group files into sources by their headers; see :func:`find_sources`."""
    sources: list[Source] = []
    accompanying: set[Path] = set()
    quarantined: list[Quarantined] = []
    for file in files:
        if is_nifti(file):
            sources.append(Source(file.name, Content.VOLUME, "NIfTI", (file,)))
        elif is_interfile(file):
            try:
                data = data_file(file)
            except DicomError as error:
                quarantined.append(Quarantined(file, error.code, str(error)))
                continue
            sources.append(Source(file.name, Content.VOLUME, "Interfile", (file, data)))
            accompanying.add(data)
    taken = {source.files[0] for source in sources} | accompanying | {entry.path for entry in quarantined}
    series, unreadable = read_series([file for file in files if file not in taken], progress=progress)
    sources += [dicom_source(part) for whole in series for part in _split_lossy(whole)]
    return tuple(sources), (*quarantined, *unreadable)


def dicom_source(series: Series) -> Source:
    """Classify a DICOM series from its first header."""
    content, problem = _classify(series)
    problems = [] if problem is None else [problem]
    if content is not Content.OTHER and series.header.pixel_bytes is not None:
        problems += _pixel_problems(series)
    if content in (Content.EMISSION, Content.CT, Content.DOSE) and series.header.pixel_bytes is None:
        problems.append(Problem("no-pixels", "The object has no pixel data: export it again."))
    if series.copies:
        problems.append(Problem("duplicate-files", f"{_copies_text(series.copies)} left out.", Effect.NOTE))
    problems += [Problem("header-warning", f"{note}.", Effect.NOTE) for note in series.header.notes]
    return Source(series.id, content, series.modality, series.paths, series, tuple(problems))


def _split_lossy(series: Series) -> tuple[Series, ...]:
    """Part the files of planar series that were compressed with loss from the others; slices stay together."""
    lossy = tuple(instance for instance in series.instances if instance.lossy)
    if not lossy or len(lossy) == len(series.instances) or _classify(series)[0] not in _SEPARATE_IMAGES:
        return (series,)
    kept = tuple(instance for instance in series.instances if not instance.lossy)
    return (
        replace(series, header=read_header(kept[0].path), instances=kept),
        replace(series, id=f"{series.id}#lossy", header=read_header(lossy[0].path), instances=lossy, copies=0),
    )


def _pixel_problems(series: Series) -> list[Problem]:
    lossy = [instance.path.name for instance in series.instances if instance.lossy]
    if len(series.instances) > 1 and lossy:
        named = ", ".join(lossy[:_NAMED_FILES]) + (" …" if len(lossy) > _NAMED_FILES else "")
        return [
            Problem(
                "lossy",
                f"{len(lossy)} of {len(series.instances)} files were compressed with loss, which changes counts "
                f"({named}): export the originals, uncompressed or losslessly compressed.",
            )
        ]
    try:
        check_pixels(series.header)
    except DicomError as error:
        return [Problem(error.code, str(error))]
    return []


def _copies_text(copies: int) -> str:
    return "1 file repeats another and was" if copies == 1 else f"{copies} files repeat others and were"


def describe_emission(source: Source, declaration: Declaration = NOTHING_DECLARED) -> EmissionFacts:
    """Read what an emission source says about itself."""
    if source.series is not None:
        reader = read_pt if source.series.sop_class == PET_IMAGE else read_nm
        return reader(source.series, declaration)
    describe = describe_nifti_emission if source.modality == "NIfTI" else describe_interfile_emission
    return describe(source.files[0], declaration)


def describe_ct(source: Source, declaration: Declaration = NOTHING_DECLARED) -> CtFacts:
    """Read what a CT source says about itself."""
    if source.series is not None:
        return read_ct(source.series, declaration)
    describe = describe_nifti_ct if source.modality == "NIfTI" else describe_interfile_ct
    return describe(source.files[0], declaration)


def choose(sources: Sequence[Source], wanted: Content, path: Path) -> Source:
    """Return the only source with the wanted content, or refuse.

    Raises
    ------
    StudyError
        ``no-series`` or ``several-series``.
    """
    fitting = [source for source in sources if source.content in (wanted, Content.VOLUME)]
    exact = [source for source in fitting if source.content is wanted]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    noun = {Content.EMISSION: "emission image", Content.CT: "CT", Content.REGIONS: "region object"}[wanted]
    if not fitting:
        found = ", ".join(sorted({source.content.value for source in sources})) or "nothing readable"
        raise StudyError(f"There is no {noun} in '{path}' but {found}: correct the path.", code="no-series")
    names = ", ".join(source.id for source in exact or fitting)
    raise StudyError(
        f"There are {len(exact or fitting)} candidates for the {noun} in '{path}' ({names}): name the folder or one "
        "file of the series that is meant.",
        code="several-series",
    )


def _classify(series: Series) -> tuple[Content, Problem | None]:
    sop_class, modality = series.sop_class, series.modality
    if sop_class in (CT_IMAGE, ENHANCED_CT_IMAGE):
        return Content.CT, None
    if sop_class == PET_IMAGE:
        return Content.EMISSION, None
    if sop_class in (RT_STRUCTURE_SET, SEGMENTATION):
        return Content.REGIONS, None
    if sop_class == RT_DOSE:
        return Content.DOSE, None
    if sop_class == NM_IMAGE or modality == "NM":
        return _classify_nm(series, secondary=sop_class != NM_IMAGE)
    return Content.OTHER, Problem(
        "unsupported-object",
        f"Dosimetry does not use objects of modality {modality or 'not stated'} and this class.",
    )


def _classify_nm(series: Series, *, secondary: bool) -> tuple[Content, Problem | None]:
    kind = classify_nm(series)
    if kind is NmKind.PLANAR:
        return Content.PLANAR, None
    if kind is NmKind.PROJECTIONS:
        return Content.PROJECTIONS, None
    if kind is NmKind.VOLUME and not secondary:
        return Content.EMISSION, None
    return Content.OTHER, Problem(
        "unsupported-object",
        "The image type says neither RECON TOMO, TOMO, STATIC nor WHOLE BODY: give the original image.",
    )
