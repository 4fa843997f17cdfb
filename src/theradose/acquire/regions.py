"""Reading regions in whatever format they come: RTSTRUCT, SEG, or a label image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from theradose.acquire.labels import is_label_image, read_label_segmentation
from theradose.errors import DicomError, StudyError
from theradose.formats.dicom.files import list_files, read_header
from theradose.formats.dicom.rtstruct import read_rtstruct
from theradose.formats.dicom.seg import read_seg
from theradose.formats.dicom.uids import RT_STRUCTURE_SET, SEGMENTATION
from theradose.model.contour import ContourSet
from theradose.model.finding import Finding
from theradose.model.region import Segmentation


def load_regions(
    path: Path, *, names: Mapping[str, tuple[str, ...]]
) -> tuple[ContourSet | Segmentation, tuple[Finding, ...]]:
    """Read the regions of one time point.

    Parameters
    ----------
    path : Path
        A DICOM RTSTRUCT or SEG, a folder that holds exactly one of them, or a label image (NIfTI, Interfile).
    names : mapping of str to tuple of str
        The study's names. For a label image each region needs its label as text, as ``{liver: ["5"]}``.

    Raises
    ------
    StudyError
        If a folder holds none or several region objects, or a label image has no names.
    DicomError
        If the file is neither.
    """
    if is_label_image(path):
        return read_label_segmentation(path, _labels(path, names))
    file = _only_region_object(path) if path.is_dir() else path
    kind = str(read_header(file).dataset.SOPClassUID)
    if kind == RT_STRUCTURE_SET:
        return read_rtstruct(file)
    if kind == SEGMENTATION:
        return read_seg(file)
    raise DicomError(
        f"'{path.name}' holds no regions: give an RTSTRUCT, a SEG, or a label image in NIfTI or Interfile.",
        code="not-regions",
    )


def _only_region_object(folder: Path) -> Path:
    found = [file for file in list_files(folder) if _is_region_object(file)]
    if len(found) != 1:
        raise StudyError(
            f"'{folder.name}' holds {len(found)} RTSTRUCT or SEG files: name the one to use in 'regions'.",
            code="regions-ambiguous",
        )
    return found[0]


def _is_region_object(file: Path) -> bool:
    try:
        return str(read_header(file).dataset.SOPClassUID) in (RT_STRUCTURE_SET, SEGMENTATION)
    except DicomError:
        return False


def _labels(path: Path, names: Mapping[str, tuple[str, ...]]) -> dict[int, str]:
    labels = {int(alias): name for name, aliases in names.items() for alias in aliases if alias.isdecimal()}
    if not labels:
        raise StudyError(
            f"'{path.name}' is a label image, whose regions have numbers: add their names to the study, for example "
            "'names: {liver: [\"5\"]}'.",
            code="labels-unnamed",
        )
    return labels
