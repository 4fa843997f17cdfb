"""Reading DICOM files that may be damaged, hostile or simply not DICOM.

Headers are read up to the pixel data and only for the attributes that dosimetry uses. Before anything is
decoded the claimed pixel size is compared with the file and with a memory cap. Whatever goes wrong with one
file becomes a :class:`~theradose.errors.DicomError` with a reason code, and in a scan a
:class:`Quarantined` record: one bad file never stops a study. Paths are never built from header values.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pydicom
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from theradose.errors import DicomError
from theradose.formats.dicom.attributes import HEADER_KEYWORDS
from theradose.formats.dicom.jpeg_lossless import find_fault
from theradose.formats.dicom.values import tag_name

Progress = Callable[[int, int], None]

MEMORY_LIMIT_BYTES = 2 * 2**30
"""Largest decoded series; a whole-body CT of 1000 slices of 512 × 512 in 32 bits needs half of it."""

_MAX_COMPRESSION = 1000
"""A claimed size above this multiple of the compressed bytes is a damaged or hostile file."""

_LOSSY = frozenset(
    {
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.101",
        "1.2.840.10008.1.2.4.102",
        "1.2.840.10008.1.2.4.103",
    }
)
_JPEG_LOSSLESS = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})
_DECODERS = {
    **dict.fromkeys(_JPEG_LOSSLESS, "gdcm"),
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
}
"""GDCM decodes only what no other library here can, and only frames that were checked."""
_EITHER = frozenset({"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.93", "1.2.840.10008.1.2.4.203"})
_DEFLATED = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.8.1")
_DEFLATED_SEARCH_BYTES = 1 << 16
_UNDEFINED_LENGTH = 0xFFFFFFFF
_PIXEL_ELEMENTS = (0x7FE00010, 0x7FE00009, 0x7FE00008)
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was set aside, with the reason code and one sentence."""

    path: Path
    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class FileHeader:
    """The header of one file.

    Attributes
    ----------
    path : Path
        Where it was read.
    dataset : pydicom.Dataset
        The attributes that dosimetry uses.
    transfer_syntax : str
        UID of the encoding.
    pixel_bytes : int or None
        Length of the pixel data as encoded; ``None`` if the file has none.
    encapsulated : bool
        Whether the pixel data are stored in fragments, as compressed data are.
    notes : tuple of str
        Warnings of the parser.
    """

    path: Path
    dataset: Any
    transfer_syntax: str
    pixel_bytes: int | None
    encapsulated: bool
    notes: tuple[str, ...]


def read_header(path: Path) -> FileHeader:
    """Read the header of one file.

    Raises
    ------
    DicomError
        ``not-dicom``, ``deflated``, ``truncated``, ``unreadable``.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with path.open("rb") as stream:
                dataset, (pixel_bytes, encapsulated) = _parse(stream, path)
                notes = _convert(dataset)
        except DicomError:
            raise
        except OSError as error:
            raise DicomError(f"The file cannot be read: {error.strerror or error}.", code="unreadable") from None
        except Exception as error:  # noqa: BLE001 - a parser may fail in any way on a damaged file
            raise DicomError(
                f"The header is damaged ({_first_line(error)}): export the file again.", code="unreadable"
            ) from None
    meta = getattr(dataset, "file_meta", None)
    syntax = str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""
    parser_notes = dict.fromkeys(_first_line(warning.message) for warning in caught)
    return FileHeader(path, dataset, syntax, pixel_bytes, encapsulated, (*parser_notes, *notes))


def read_frames(header: FileHeader) -> Any:
    """Decode the pixel data of one file.

    Returns
    -------
    ndarray, shape (frames, rows, columns)
        Stored values, before any rescaling.

    Raises
    ------
    DicomError
        What :func:`check_pixels` refuses, ``no-decoder`` and ``pixel-decode``.
    """
    check_pixels(header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(header.path, force=True)
            if header.transfer_syntax in _JPEG_LOSSLESS:
                _check_jpeg_lossless(dataset)
            if header.transfer_syntax in _DECODERS:
                dataset.pixel_array_options(decoding_plugin=_DECODERS[header.transfer_syntax])
            array = dataset.pixel_array
        except DicomError:
            raise
        except Exception as error:  # noqa: BLE001 - a decoder may fail in any way on a damaged file
            raise DicomError(
                f"The pixel data cannot be decoded ({_first_line(error)}): export the file again.",
                code="pixel-decode",
            ) from None
    rows, columns = int(header.dataset.Rows), int(header.dataset.Columns)
    return array.reshape(-1, rows, columns)


def check_pixels(header: FileHeader) -> None:
    """Refuse pixel data that are absent, lossy, truncated, larger than claimed possible, or not decodable.

    Raises
    ------
    DicomError
        ``no-pixels``, ``lossy``, ``colour``, ``truncated``, ``pixel-claim``, ``pixel-syntax``, ``memory-cap``,
        ``no-decoder``.
    """
    dataset = header.dataset
    if header.pixel_bytes is None:
        raise DicomError("The object has no pixel data.", code="no-pixels")
    _refuse_lossy(header)
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise DicomError("The pixels are colours, not measured values: give the original images.",
                         code="colour")  # fmt: skip
    claimed = claimed_bytes(dataset)
    if claimed <= 0:
        raise DicomError("The header states no image size: export the file again.", code="pixel-claim")
    if claimed > MEMORY_LIMIT_BYTES:
        raise DicomError(
            f"The header claims {claimed / 2**30:.1f} GiB of pixels, and at most "
            f"{MEMORY_LIMIT_BYTES / 2**30:.0f} GiB are read: export fewer frames.",
            code="memory-cap",
        )
    syntax = UID(header.transfer_syntax or "1.2.840.10008.1.2")
    if syntax.is_encapsulated != header.encapsulated:
        stored = "compressed" if header.encapsulated else "uncompressed"
        raise DicomError(
            f"The header says '{syntax.name}' but the pixels are stored {stored}: export the file again.",
            code="pixel-syntax",
        )
    if syntax.is_encapsulated:
        _check_encapsulated(header, syntax, claimed)
    elif claimed > header.pixel_bytes:
        raise DicomError(
            f"The header claims {claimed} bytes of pixels but the file holds {header.pixel_bytes}: "
            "the transfer was cut short, send the file again.",
            code="truncated",
        )


def is_lossy(header: FileHeader) -> bool:
    """Return whether the pixels were compressed with loss, by their encoding or by what the header admits."""
    stated = str(header.dataset.get("LossyImageCompression") or "").strip()
    lossy_syntax = header.transfer_syntax in _LOSSY or (header.transfer_syntax in _EITHER and stated != "00")
    return header.pixel_bytes is not None and (stated == "01" or lossy_syntax)


def claimed_bytes(dataset: Any) -> int:
    """Return the size of the decoded pixels that the header claims."""
    size = 1
    for keyword, default in (("Rows", 0), ("Columns", 0), ("NumberOfFrames", 1), ("SamplesPerPixel", 1)):
        value = dataset.get(keyword)
        size *= int(default if value is None else value)
    return -(-size * int(dataset.get("BitsAllocated") or 0) // 8)


def list_files(path: Path) -> list[Path]:
    """Return all regular files under `path` in a stable order.

    Links to folders are followed, each folder once; one that leads back to `path` or above it is left out,
    because it would bring in what nobody named.
    """
    if path.is_file():
        return [path]
    return sorted(_walk(path))


def scan(files: Sequence[Path], *, progress: Progress | None = None) -> Iterator[FileHeader | Quarantined]:
    """Read the header of every file, one at a time.

    Parameters
    ----------
    files : sequence of Path
        Files that may be DICOM.
    progress : callable, optional
        Called with the number of files read and their total.
    """
    for count, file in enumerate(files, start=1):
        try:
            yield read_header(file)
        except DicomError as error:
            yield Quarantined(file, error.code, str(error))
        if progress is not None:
            progress(count, len(files))


def _walk(folder: Path) -> Iterator[Path]:
    top = folder.resolve()
    visited = {top}
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in sorted(folders) if _enters(Path(root) / name, top, visited)]
        for name in names:
            file = Path(root) / name
            if not name.startswith(".") and name != "DICOMDIR" and file.is_file():
                yield file


def _enters(folder: Path, top: Path, visited: set[Path]) -> bool:
    """Return whether a folder is to be searched, and remember that it was."""
    target = folder.resolve()
    if folder.name.startswith(".") or target in visited or top.is_relative_to(target):
        return False
    visited.add(target)
    return True


def _parse(stream: BinaryIO, path: Path) -> tuple[Any, tuple[int | None, bool]]:
    start = stream.read(_DEFLATED_SEARCH_BYTES)
    has_preamble = start[128:132] == b"DICM"
    if not has_preamble and start[:2] not in _FIRST_GROUPS:
        raise DicomError("The file is neither DICOM, NIfTI nor Interfile.", code="not-dicom")
    syntax = _stated_syntax(path) if has_preamble else _searched_syntax(start)
    if syntax in _DEFLATED:
        raise DicomError(
            "The file is deflated, which can hide any size: export it uncompressed (Explicit VR Little Endian).",
            code="deflated",
        )
    stream.seek(0)
    dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=not has_preamble, specific_tags=HEADER_KEYWORDS)
    if not dataset.get("SOPClassUID"):
        code = "not-dicom" if not has_preamble and len(dataset) == 0 else "no-sop-class"
        raise DicomError("The file does not say what it is (no SOP Class UID): export it again.", code=code)
    return dataset, _pixel_element(stream, dataset)


def _convert(dataset: Any) -> list[str]:
    """Turn raw values into numbers and text now, so that no later access can fail.

    A malformed element is removed, as if it were absent; the notes name it without its value, which may
    identify the patient.
    """
    notes = []
    for tag in list(dataset.keys()):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                element = dataset[tag]
                if element.VR in ("DS", "IS") and any(
                    map(_is_text, element.value if element.VM > 1 else [element.value])
                ):
                    # The parser falls back on text when a decimal cannot be read.
                    raise ValueError(element.VR)
                for item in element.value if element.VR == "SQ" else ():
                    for _ in item.iterall():
                        pass
            except Exception as error:  # noqa: BLE001 - a converter may fail in any way on a malformed value
                del dataset[tag]
                notes.append(f"{tag_name(tag)} is malformed ({type(error).__name__}) and was ignored")
                continue
        if caught:
            notes.append(f"{tag_name(tag)} breaks the rules of its value type but was read")
    return notes


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _stated_syntax(path: Path) -> str:
    meta = pydicom.filereader.read_file_meta_info(path)
    return str(meta.get("TransferSyntaxUID", ""))


def _searched_syntax(start: bytes) -> str:
    """Find a deflated syntax in a file without preamble, before any parser inflates it."""
    return next((uid for uid in _DEFLATED if uid.encode() in start), "")


def _pixel_element(stream: BinaryIO, dataset: Any) -> tuple[int | None, bool]:
    """Return length and fragmentation of the pixel data at the position where the parser stopped."""
    implicit, little = dataset.original_encoding
    order: Literal["little", "big"] = "little" if little else "big"
    position = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(position)
    head = stream.read(12)
    if len(head) < 8:
        return None, False
    tag = int.from_bytes(head[0:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in _PIXEL_ELEMENTS:
        return None, False
    header_size = 8 if implicit else 12
    length = int.from_bytes(head[header_size - 4 : header_size], order)
    available = end - position - header_size
    if length == _UNDEFINED_LENGTH:
        return available, True
    return min(length, available), False


def _refuse_lossy(header: FileHeader) -> None:
    if is_lossy(header):
        raise DicomError(
            f"The pixels were compressed with loss ({UID(header.transfer_syntax).name}), which changes counts: "
            "export the original, uncompressed or losslessly compressed.",
            code="lossy",
        )


def _check_encapsulated(header: FileHeader, syntax: UID, claimed: int) -> None:
    compressed = header.pixel_bytes or 0
    if claimed > _MAX_COMPRESSION * compressed:
        raise DicomError(
            f"The header claims {claimed} bytes of pixels out of {compressed} compressed ones: "
            "the file is damaged, export it again.",
            code="pixel-claim",
        )
    decoder = pydicom.pixels.get_decoder(syntax)
    if not decoder.is_available:
        raise DicomError(
            f"There is no decoder for {syntax.name}: export the images uncompressed (Explicit VR Little Endian).",
            code="no-decoder",
        )


def _check_jpeg_lossless(dataset: Any) -> None:
    frames = int(dataset.get("NumberOfFrames") or 1)
    for number, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames), start=1):
        fault = find_fault(
            frame, rows=dataset.Rows, columns=dataset.Columns, bits_allocated=dataset.BitsAllocated
        )  # fmt: skip
        if fault:
            raise DicomError(
                f"Frame {number} of the pixel data cannot be decoded ({fault}): export the file again.",
                code="pixel-decode",
            )


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
