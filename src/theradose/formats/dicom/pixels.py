"""Decoding pixel data that may be damaged, hostile or changed by lossy compression.

Before anything is decoded the claimed size is compared with the file and with a memory cap, and compressed frames
go only to a decoder that is known to survive them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import iter_pixels
from pydicom.uid import UID

from theradose.errors import DicomError
from theradose.formats.dicom.files import FileHeader, damaged_file, guarded, read_dataset
from theradose.formats.dicom.jpeg_lossless import find_fault
from theradose.formats.limits import MEMORY_LIMIT_BYTES

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
_NOT_DECODED = "The pixel data cannot be decoded"


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
    with guarded(_NOT_DECODED, code="pixel-decode"):
        dataset = read_dataset(header)
        _check_frames(header, dataset)
        dataset.pixel_array_options(decoding_plugin=_decoder(header))
        array = dataset.pixel_array
    rows, columns = int(header.dataset.Rows), int(header.dataset.Columns)
    return array.reshape(-1, rows, columns)


def iterate_frames(header: FileHeader, dataset: Any) -> Iterator[Any]:
    """Decode the pixel data of one file frame by frame, for callers that need only one at a time in memory.

    Parameters
    ----------
    header : FileHeader
        Of the file.
    dataset : pydicom.Dataset
        The whole file, of :func:`read_dataset`.

    Yields
    ------
    ndarray, shape (rows, columns)
        Stored values, before any rescaling.

    Raises
    ------
    DicomError
        As :func:`read_frames`.
    """
    check_pixels(header)
    _check_frames(header, dataset)
    try:
        yield from iter_pixels(dataset, decoding_plugin=_decoder(header))
    except Exception as error:  # noqa: BLE001 - a decoder may fail in any way on a damaged file
        raise damaged_file(_NOT_DECODED, error, code="pixel-decode") from None


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


def _decoder(header: FileHeader) -> str:
    return _DECODERS.get(header.transfer_syntax, "")


def _check_frames(header: FileHeader, dataset: Any) -> None:
    """Refuse compressed frames that the decoder would not survive."""
    if header.transfer_syntax not in _JPEG_LOSSLESS:
        return
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
