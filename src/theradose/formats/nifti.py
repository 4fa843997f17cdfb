"""NIfTI: the only place where right-anterior-superior coordinates exist.

NIfTI arrays are indexed (i, j, k) with RAS coordinates; inside ``theradose`` arrays are (z, y, x) = (k, j, i)
with LPS coordinates. Written files hold no time stamp, so equal volumes give equal bytes.
"""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from theradose.errors import DicomError
from theradose.formats.facts import NOTHING_DECLARED, CtFacts, EmissionFacts, Geometry
from theradose.formats.limits import MEMORY_LIMIT_BYTES
from theradose.model.activity import Evidence
from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.study import Declaration

SUFFIXES = (".nii", ".nii.gz")

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MM_PER_UNIT = {"mm": 1.0, "meter": 1e3, "micron": 1e-3, "unknown": 1.0}
_COMPRESSION = 6


def is_nifti(path: Path) -> bool:
    """Return whether the name of `path` is that of a NIfTI file."""
    return path.name.lower().endswith(SUFFIXES)


def read_nifti(path: Path, declaration: Declaration = NOTHING_DECLARED) -> tuple[Volume, tuple[Evidence, ...]]:
    """Read a volume with its scaling applied.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz`` with three axes, or a fourth of length one.
    declaration : Declaration
        Orientation, position and spacing, if the file has no transform.

    Returns
    -------
    Volume
        Integers stay integers where the file has no scaling; otherwise float32.
    tuple of Evidence
        Where the grid came from.

    Raises
    ------
    DicomError
        ``nifti-unreadable``, ``nifti-axes``, ``memory-cap``, ``missing-geometry``.
    """
    image = _open(path)
    geometry = _geometry(image, declaration)
    if geometry.grid is None:
        raise DicomError(
            f"{path.name} does not state {' and '.join(geometry.missing)}: declare them in the study.",
            code="missing-geometry",
        )
    return Volume(_values(path), geometry.grid), geometry.evidence


def describe_nifti_emission(path: Path, declaration: Declaration = NOTHING_DECLARED) -> EmissionFacts:
    """Describe a NIfTI file as an emission image; the format states neither unit nor time."""
    geometry = _geometry(_open(path), declaration)
    return EmissionFacts("NIfTI", geometry, partial(_float_values, path), evidence=geometry.evidence)


def describe_nifti_ct(path: Path, declaration: Declaration = NOTHING_DECLARED) -> CtFacts:
    """Describe a NIfTI file as a CT in Hounsfield units."""
    geometry = _geometry(_open(path), declaration)
    assumed = Evidence("unit", "HU", "NIfTI states no unit", assumed=True)
    return CtFacts(geometry, partial(_float_values, path), (assumed, *geometry.evidence))


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a volume; equal volumes give equal bytes.

    Parameters
    ----------
    volume : Volume
        Any numeric type that NIfTI can hold; float64 is written as float32, bool as uint8.
    path : Path
        Ends with ``.nii`` or ``.nii.gz``.
    """
    import nibabel

    data = np.asarray(volume.data)
    if data.dtype == np.float64:
        data = data.astype(np.float32)
    elif data.dtype == np.bool_:
        data = data.astype(np.uint8)
    affine = _RAS_TO_LPS @ volume.grid.affine_mm[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(data.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner", strip_shears=True)
    content = image.to_bytes()
    if path.name.lower().endswith(".gz"):
        with path.open("wb") as stream, gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as packed:
            packed.write(content)
    else:
        path.write_bytes(content)


def _open(path: Path) -> Any:
    import nibabel

    try:
        image = nibabel.load(path)
    except Exception as error:  # noqa: BLE001 - a parser may fail in any way on a damaged file
        raise DicomError(f"{path.name} is not a readable NIfTI file: export it again.",
                         code="nifti-unreadable") from error  # fmt: skip
    shape = image.shape
    if len(shape) < 3 or any(length != 1 for length in shape[3:]):
        raise DicomError(
            f"{path.name} has axes of {' × '.join(map(str, shape))}, but one volume with three axes is needed: "
            "split it into volumes.",
            code="nifti-axes",
        )
    if int(np.prod(shape, dtype=np.int64)) * 4 > MEMORY_LIMIT_BYTES:
        raise DicomError(
            f"{path.name} claims {' × '.join(map(str, shape))} voxels, more than the memory cap of "
            f"{MEMORY_LIMIT_BYTES / 2**30:.0f} GiB: crop it.",
            code="memory-cap",
        )
    return image


def _geometry(image: Any, declaration: Declaration) -> Geometry:
    i, j, k = (int(length) for length in image.shape[:3])
    shape = (k, j, i)
    header = image.header
    declared = (declaration.orientation, declaration.position_mm, declaration.spacing_mm)
    if None not in declared:
        grid = grid_from_declaration(shape, declaration)
        return Geometry(shape, grid, evidence=(Evidence("geometry", "orientation, position and spacing", "study"),))
    unit = header.get_xyzt_units()[0]
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        return Geometry(shape, None, ("orientation and position (its sform and qform codes are 0)",))
    scale = np.diag([_MM_PER_UNIT.get(unit, 1.0)] * 3 + [1.0])
    affine = (_RAS_TO_LPS @ scale @ image.affine)[:, [2, 1, 0, 3]]
    source = "sform" if int(header["sform_code"]) else "qform"
    evidence = [Evidence("geometry", f"{source} of the header, RAS turned into LPS", source)]
    if unit == "unknown":
        evidence.append(Evidence("length unit", "mm", "xyzt_units is not set", assumed=True))
    return Geometry(shape, Grid(shape, affine), evidence=tuple(evidence))


def grid_from_declaration(shape: tuple[int, int, int], declaration: Declaration) -> Grid:
    """Build a grid from a complete declaration of orientation, position and spacing (z, y, x)."""
    orientation, position, spacing = declaration.orientation, declaration.position_mm, declaration.spacing_mm
    if orientation is None or position is None or spacing is None:
        raise ValueError("orientation, position and spacing are all needed")
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    affine = np.eye(4)
    affine[:3, 0] = np.cross(row, column) * spacing[0]
    affine[:3, 1], affine[:3, 2] = column * spacing[1], row * spacing[2]
    affine[:3, 3] = position
    return Grid(shape, affine)


def _values(path: Path) -> Array:
    image = _open(path)
    try:
        slope, intercept = image.dataobj.slope, image.dataobj.inter
        if (slope, intercept) == (1, 0) and image.get_data_dtype().kind in "iu":
            data = np.asarray(image.dataobj.get_unscaled())
        else:
            data = image.get_fdata(dtype=np.float32, caching="unchanged")
    except Exception as error:  # noqa: BLE001 - decompression may fail in any way on a damaged file
        raise DicomError(f"The values of {path.name} cannot be read: export it again.",
                         code="nifti-unreadable") from error  # fmt: skip
    return np.ascontiguousarray(data.reshape(data.shape[:3]).transpose(2, 1, 0))


def _float_values(path: Path) -> Array:
    return _values(path).astype(np.float32, copy=False)
