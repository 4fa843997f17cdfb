"""Maps that the user gives as files, with refusals that name the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from theradose.acquire.decide import assumption_findings
from theradose.errors import DicomError, StudyError
from theradose.formats.nifti import is_nifti, read_nifti
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.material import MaterialMap


def read_map(path: Path) -> tuple[Volume, tuple[Finding, ...]]:
    """Read a map in NIfTI.

    Raises
    ------
    StudyError
        ``map-format``, ``file-missing``.
    DicomError
        ``missing-geometry``, or what is wrong with the file.
    """
    if not is_nifti(path):
        raise StudyError(f"'{path.name}' is not NIfTI: give a map as .nii or .nii.gz.", code="map-format")
    if not path.is_file():
        raise StudyError(f"There is no file '{path}': correct the path.", code="file-missing")
    try:
        volume, evidence = read_nifti(path)
    except DicomError as error:
        if error.code != "missing-geometry":
            raise
        raise DicomError(
            f"{path.name} does not state where its voxels lie (its sform and qform codes are 0): write it with a "
            "transform in mm.",
            code="missing-geometry",
        ) from None
    return volume, assumption_findings(evidence)


def read_density(path: Path) -> DensityMap:
    """Read a map of density in g/mL, whose method is the name of the file."""
    volume, _ = read_map(path)
    return DensityMap(volume.data, volume.grid, method=path.name)


def check_material_names(path: Path | None, names: Mapping[int, str]) -> None:
    """Refuse a map of materials without the names of its labels, and names without a map.

    Raises
    ------
    StudyError
        ``material-names``.
    """
    if (path is None) != (not names):
        raise StudyError(
            "A map of materials and the names of its labels belong together: give --materials and --material-names, as "
            "1=lung,2=water, or neither.",
            code="material-names",
        )


def read_materials(path: Path | None, names: Mapping[int, str]) -> MaterialMap | None:
    """Read a map of materials; ``None`` where there is none."""
    check_material_names(path, names)
    if path is None:
        return None
    labels, _ = read_map(path)
    return MaterialMap(labels.data, labels.grid, names=names)
