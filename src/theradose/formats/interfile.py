"""Interfile 3.3: a text header (``.h33``, ``.hdr``, ``.hv``) beside a raw data file.

The format states no patient orientation that vendors agree on, and writers mix up the unit of the slice
thickness. What is concluded from the numbers, not read, is marked as assumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from theradose.errors import DicomError
from theradose.formats.facts import NOTHING_DECLARED, CtFacts, EmissionFacts, Geometry
from theradose.formats.limits import MEMORY_LIMIT_BYTES
from theradose.formats.nifti import grid_from_declaration
from theradose.model.activity import Evidence
from theradose.model.arrays import Array
from theradose.model.grid import Volume
from theradose.model.study import Declaration

SUFFIXES = (".h33", ".hv", ".hs")
"""Names that only Interfile uses; ``.hdr`` belongs to other formats too and is recognised by its first line."""

_MAX_HEADER_BYTES = 1 << 20
_LINE = re.compile(r"\s*!?\s*([^;:=][^:=]*?)\s*:=\s*(.*?)\s*")
_TYPES = {
    ("unsigned integer", 1): "u1",
    ("unsigned integer", 2): "u2",
    ("unsigned integer", 4): "u4",
    ("signed integer", 1): "i1",
    ("signed integer", 2): "i2",
    ("signed integer", 4): "i4",
    ("short float", 4): "f4",
    ("float", 4): "f4",
    ("long float", 8): "f8",
    ("bit", 1): "u1",
}
_NEAR_CUBIC = 2.0
"""Reconstructed nuclear medicine voxels are within this ratio of a cube."""
_CT_OFFSET = 1000.0
_HEAD_FIRST_SUPINE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class InterfileHeader:
    """A parsed header.

    Attributes
    ----------
    path : Path
        Header file.
    keys : dict of str to str
        Keys in lower case without the leading ``!``.
    """

    path: Path
    keys: dict[str, str]

    def text(self, *names: str) -> str:
        """Return the value of the first key that is present, empty if none is."""
        return next((self.keys[name] for name in names if name in self.keys), "")

    def number(self, *names: str) -> float | None:
        """Return the numeric value of the first key that is present."""
        try:
            return float(self.text(*names))
        except ValueError:
            return None


def is_interfile(path: Path) -> bool:
    """Return whether `path` is an Interfile header, by its name or its first line."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if suffix != ".hdr" or not path.is_file():
        return False
    with path.open("rb") as stream:
        return b"INTERFILE" in stream.read(64).upper()


def read_interfile(path: Path, declaration: Declaration = NOTHING_DECLARED) -> tuple[Volume, tuple[Evidence, ...]]:
    """Read the stored values with their grid.

    Parameters
    ----------
    path : Path
        Header file.
    declaration : Declaration
        Orientation, position and spacing (z, y, x) where the user knows them.

    Returns
    -------
    Volume
        Stored values, unscaled, with axes (z, y, x) as stored. Without a declaration the patient lies head
        first and supine and the grid is centred on the origin; both are assumptions.
    tuple of Evidence
        Where the grid came from.

    Raises
    ------
    DicomError
        ``interfile-header``, ``interfile-data``, ``truncated``, ``memory-cap``, ``missing-geometry``.
    """
    header = read_interfile_header(path)
    geometry = _geometry(header, declaration)
    if geometry.grid is None:
        raise DicomError(
            f"{path.name} does not state {' and '.join(geometry.missing)}: "
            "add declare: {spacing_mm: [z, y, x]} to the study.",
            code="missing-geometry",
        )
    return Volume(_stored(header), geometry.grid), geometry.evidence


def describe_interfile_emission(
    path: Path,
    declaration: Declaration = NOTHING_DECLARED,
) -> EmissionFacts:
    """Describe an Interfile as an emission image; unit and time are not taken from the header."""
    header = read_interfile_header(path)
    geometry = _geometry(header, declaration)
    return EmissionFacts("Interfile", geometry, partial(_float_values, header), evidence=geometry.evidence)


def describe_interfile_ct(path: Path, declaration: Declaration = NOTHING_DECLARED) -> CtFacts:
    """Describe an Interfile as a CT; unsigned numbers are Hounsfield units plus 1000, which is an assumption."""
    header = read_interfile_header(path)
    geometry = _geometry(header, declaration)
    unsigned = _type(header).kind == "u"
    offset = -_CT_OFFSET if unsigned else 0.0
    reason = "unsigned numbers cannot hold negative HU" if unsigned else "Interfile states no unit"
    unit = Evidence("unit", f"HU {'+ 1000' if unsigned else ''}".strip(), reason, assumed=True)
    return CtFacts(geometry, partial(_float_values, header, offset), (unit, *geometry.evidence))


def read_interfile_header(path: Path) -> InterfileHeader:
    """Parse a header.

    Raises
    ------
    DicomError
        ``interfile-header`` if it is too long, no text or does not start with INTERFILE.
    """
    if path.stat().st_size > _MAX_HEADER_BYTES:
        raise DicomError(f"{path.name} is too long for an Interfile header.", code="interfile-header")
    lines = path.read_text(encoding="latin-1").splitlines()
    keys: dict[str, str] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is not None:
            keys.setdefault(match[1].lower(), match[2])
    if "interfile" not in keys:
        raise DicomError(f"{path.name} does not start with '!INTERFILE :='.", code="interfile-header")
    return InterfileHeader(path, keys)


def data_file(path: Path) -> Path:
    """Return the file with the values that the header at `path` names.

    Raises
    ------
    DicomError
        ``interfile-header``, ``interfile-data``.
    """
    return _data_path(read_interfile_header(path))


def _shape(header: InterfileHeader) -> tuple[int, int, int]:
    columns, rows = header.number("matrix size [1]"), header.number("matrix size [2]")
    slices = header.number("number of slices", "total number of images", "matrix size [3]")
    sizes = (slices, rows, columns)
    if any(size is None or size < 1 or size != int(size) for size in sizes):
        raise DicomError(f"{header.path.name} states no valid matrix size and number of slices.",
                         code="interfile-header")  # fmt: skip
    z, y, x = (int(size) for size in sizes if size is not None)
    return z, y, x


def _type(header: InterfileHeader) -> np.dtype[np.generic]:
    name = header.text("number format").lower()
    size = int(header.number("number of bytes per pixel") or 0)
    try:
        code = _TYPES[(name, size)]
    except KeyError:
        raise DicomError(
            f"{header.path.name} states the number format '{name}' of {size} bytes, which is not known here.",
            code="interfile-header",
        ) from None
    little = "little" in header.text("imagedata byte order").lower()
    return np.dtype(("<" if little else ">") + code)


def _stored(header: InterfileHeader) -> Array:
    shape, dtype = _shape(header), _type(header)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    data = _data_path(header)
    offset = int(header.number("data offset in bytes") or 0)
    if size > MEMORY_LIMIT_BYTES:
        raise DicomError(f"{header.path.name} claims more than {MEMORY_LIMIT_BYTES / 2**30:.0f} GiB.",
                         code="memory-cap")  # fmt: skip
    if data.stat().st_size < offset + size:
        raise DicomError(
            f"'{data.name}' holds {data.stat().st_size} bytes, but the header claims {offset + size}: copy it again.",
            code="truncated",
        )
    values = np.fromfile(data, dtype, int(np.prod(shape)), offset=offset).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _data_path(header: InterfileHeader) -> Path:
    name = header.text("name of data file")
    if not name or Path(name).name != name or "\\" in name:
        raise DicomError(f"{header.path.name} must name a data file in its own folder, not '{name}'.",
                         code="interfile-data")  # fmt: skip
    data = header.path.with_name(name)
    if not data.is_file():
        raise DicomError(f"The data file '{name}' of {header.path.name} is not beside it.", code="interfile-data")
    return data


def _float_values(header: InterfileHeader, offset: float = 0.0) -> Array:
    return _stored(header).astype(np.float32) + np.float32(offset)


def _geometry(header: InterfileHeader, declaration: Declaration) -> Geometry:
    shape = _shape(header)
    evidence: list[Evidence] = []
    spacing = declaration.spacing_mm
    if spacing is None:
        x = header.number("scaling factor (mm/pixel) [1]")
        y = header.number("scaling factor (mm/pixel) [2]")
        z = _slice_spacing(header, x, evidence)
        if not x or not y or not z:
            return Geometry(shape, None, ("an unambiguous voxel size",), tuple(evidence))
        spacing = (z, y, x)
        evidence.append(Evidence("pixel size", f"{y:g}, {x:g} mm", "scaling factor (mm/pixel)"))
    orientation = declaration.orientation
    if orientation is None:
        orientation = _HEAD_FIRST_SUPINE
        found = "rows to the left, columns to the back, slices to the head"
        evidence.append(Evidence("orientation", found, "Interfile states none", assumed=True))
    position = declaration.position_mm
    if position is None:
        axes = np.array([np.cross(orientation[:3], orientation[3:]), orientation[3:], orientation[:3]])
        half = (np.array(shape) - 1) / 2 * np.array(spacing)
        x, y, z = (float(value) for value in -half @ axes)
        position = (x, y, z)
        evidence.append(Evidence("position", "centred on the origin", "Interfile states none", assumed=True))
    complete = Declaration(orientation=orientation, position_mm=position, spacing_mm=spacing)
    return Geometry(shape, grid_from_declaration(shape, complete), (), tuple(evidence))


def _slice_spacing(header: InterfileHeader, pixel_mm: float | None, evidence: list[Evidence]) -> float | None:
    """Return the distance of the slices in mm.

    The standard gives the thickness in pixels, but many writers give mm under the same key. The standard's
    reading is taken where it makes near-cubic voxels, otherwise mm if that does, otherwise neither.
    """
    direct = header.number("scaling factor (mm/pixel) [3]")
    if direct:
        return direct
    thickness = header.number("centre-centre slice separation (pixels)", "slice thickness (pixels)")
    if not thickness or not pixel_mm:
        return None
    for spacing, unit in ((thickness * pixel_mm, "pixels"), (thickness, "mm")):
        if 1 / _NEAR_CUBIC <= spacing / pixel_mm <= _NEAR_CUBIC:
            text = f"{spacing:g} mm ({thickness:g} read as {unit}: the voxels are then nearly cubic)"
            evidence.append(Evidence("slice spacing", text, "slice thickness (pixels)", assumed=unit == "mm"))
            return spacing
    return None
