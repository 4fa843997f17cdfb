"""Checking frames in JPEG Lossless (ISO/IEC 10918-1, process 14) before a decoder sees them.

The decoder is a C library that may end the whole process when tables are damaged, so only frames whose markers
are consistent, and which hold what the DICOM header claims, are given to it.
"""

from __future__ import annotations

from collections.abc import Iterator

_START, _FRAME, _HUFFMAN, _SCAN = 0xD8, 0xC3, 0xC4, 0xDA
_COMMENTS = frozenset({*range(0xE0, 0xF0), 0xFE})
_LARGEST_TABLE, _LARGEST_CATEGORY, _LARGEST_PREDICTOR = 3, 16, 7
_CODE_BITS = 16


def find_fault(frame: bytes, *, rows: int, columns: int, bits_allocated: int) -> str:
    """Return in words what is wrong with a frame; empty if it can be decoded.

    Parameters
    ----------
    frame : bytes
        One frame, from its start marker on.
    rows, columns, bits_allocated : int
        What the DICOM header claims.
    """
    precision = 0
    component = -1
    tables: set[int] = set()
    for marker, segment in _segments(frame):
        if marker == _FRAME:
            if precision or len(segment) != 9 or segment[5] != 1 or segment[7] != 0x11:
                return "it is not one plane of values"
            precision, component = segment[0], segment[6]
            size = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
            if size != (rows, columns) or not 2 <= precision <= bits_allocated:
                return f"it holds {size[0]} × {size[1]} values of {precision} bits, which the header contradicts"
        elif marker == _HUFFMAN:
            found = _huffman_tables(segment)
            if not found:
                return "a Huffman table is damaged"
            tables |= found
        elif marker == _SCAN:
            return "" if precision and _is_scan(segment, component, tables) else "its scan is damaged"
        elif marker not in _COMMENTS:
            return f"marker {marker:02X} does not belong there"
    return "its markers are damaged"


def _segments(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment up to the first damage."""
    if frame[:2] != bytes((0xFF, _START)):
        return
    position = 2
    while position + 4 <= len(frame) and frame[position] == 0xFF:
        length = int.from_bytes(frame[position + 2 : position + 4], "big")
        end = position + 2 + length
        if length < 2 or end > len(frame):
            return
        yield frame[position + 1], frame[position + 4 : end]
        position = end


def _huffman_tables(segment: bytes) -> set[int]:
    """Return the numbers of the tables in a segment; empty if one of them is no prefix code."""
    tables: set[int] = set()
    position = 0
    while position < len(segment):
        counts = segment[position + 1 : position + 1 + _CODE_BITS]
        values = segment[position + 1 + _CODE_BITS : position + 1 + _CODE_BITS + sum(counts)]
        used = sum(count << (_CODE_BITS - length) for length, count in enumerate(counts, 1))
        whole = len(counts) == _CODE_BITS and len(values) == sum(counts) > 0
        if not whole or segment[position] > _LARGEST_TABLE or used > 1 << _CODE_BITS:
            return set()
        if max(values) > _LARGEST_CATEGORY or len(set(values)) != len(values):
            return set()
        tables.add(segment[position])
        position += 1 + _CODE_BITS + len(values)
    return tables


def _is_scan(segment: bytes, component: int, tables: set[int]) -> bool:
    """Return whether a scan is of the one component, with a known table and predictor."""
    if len(segment) != 6 or segment[0] != 1 or segment[1] != component:
        return False
    table, unused = divmod(segment[2], 16)
    return not unused and table in tables and 1 <= segment[3] <= _LARGEST_PREDICTOR and segment[4] == 0
