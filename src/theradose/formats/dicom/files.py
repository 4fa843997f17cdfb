"""Reading DICOM files that may be damaged, hostile or simply not DICOM.

Headers are read up to the pixel data and only for the attributes that dosimetry uses. Whatever goes wrong with
one file becomes a :class:`~theradose.errors.DicomError` with a reason code, and in a scan a :class:`Quarantined`
record: one bad file never stops a study. Paths are never built from header values.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pydicom

from theradose.errors import DicomError, TheradoseError
from theradose.formats.dicom.attributes import HEADER_KEYWORDS
from theradose.formats.dicom.values import tag_name

Progress = Callable[[int, int], None]

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
            raise damaged_file("The header is damaged", error, code="unreadable") from None
    meta = getattr(dataset, "file_meta", None)
    syntax = str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""
    parser_notes = dict.fromkeys(_first_line(warning.message) for warning in caught)
    return FileHeader(path, dataset, syntax, pixel_bytes, encapsulated, (*parser_notes, *notes))


def read_dataset(header: FileHeader) -> Any:
    """Read a whole file whose header was accepted; its pixel data stay encoded."""
    return pydicom.dcmread(header.path, force=True)


@contextmanager
def guarded(what: str, *, code: str) -> Iterator[None]:
    """Turn whatever a damaged file makes a parser do into one refusal that says `what`, and keep its warnings quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except TheradoseError:
            raise
        except Exception as error:  # noqa: BLE001 - a parser may fail in any way on a damaged file
            raise damaged_file(what, error, code=code) from None


def damaged_file(what: str, error: Exception, *, code: str) -> DicomError:
    """Return the refusal of a file on which a parser failed with `error`."""
    return DicomError(f"{what} ({_first_line(error)}): export the file again.", code=code)


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


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
