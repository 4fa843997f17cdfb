"""JPEG Lossless: a decoder in C sees only frames whose tables are whole."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from theradose.errors import DicomError
from theradose.formats.dicom.files import read_dataset, read_header
from theradose.formats.dicom.jpeg_lossless import find_fault
from theradose.formats.dicom.pixels import iterate_frames, read_frames

ROWS, COLUMNS = 1024, 256


@pytest.fixture
def path(shared_data):
    return shared_data / "images" / "dicom_wg04_nm" / "NM1_JPLL.dcm"


@pytest.fixture
def frame(path):
    return bytes(next(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1)))


def fault(frame, *, rows=ROWS, columns=COLUMNS, bits=16):
    return find_fault(frame, rows=rows, columns=columns, bits_allocated=bits)


def changed(frame, position, value):
    return frame[:position] + bytes((value,)) + frame[position + 1 :]


def test_a_whole_frame_has_no_fault(frame):
    assert fault(frame) == ""


@pytest.mark.parametrize("name", ["pet_misc/fodicom_GH184.dcm", "pet_misc/fodicom_GH610.dcm",
                                  "dicom_edge_cases/bad_sequence.dcm"])  # fmt: skip
def test_frames_of_other_encoders_are_decoded(shared_data, name):
    header = read_header(shared_data / "images" / name)
    frames = read_frames(header)
    assert frames.shape == (1, header.dataset.Rows, header.dataset.Columns)
    assert frames.max() < 2**header.dataset.BitsStored


@pytest.mark.parametrize("claim", [{"rows": 512}, {"columns": 512}, {"bits": 8}])
def test_a_claim_of_the_header_that_the_frame_contradicts_is_a_fault(frame, claim):
    assert "which the header contradicts" in fault(frame, **claim)


@pytest.mark.parametrize(
    ("marker", "offset", "value", "words"),
    [
        (0xC3, 9, 3, "one plane"),  # three components
        (0xC4, 5, 255, "Huffman"),  # 255 codes of one bit
        (0xC4, 4, 9, "Huffman"),  # no such table
        (0xDA, 6, 0x10, "scan"),  # a table that is not there
        (0xDA, 7, 0, "scan"),  # no predictor
        (0xDA, 1, 0xDD, "does not belong"),
        (0xDA, 2, 255, "markers"),  # length beyond the end or into the data
    ],
)
def test_damaged_segments_are_faults(frame, marker, offset, value, words):
    position = frame.index(bytes((0xFF, marker)))
    assert words in fault(changed(frame[: len(frame) // 300], position + offset, value))


def test_every_prefix_of_the_tables_is_a_fault(frame):
    start_of_data = frame.index(b"\xff\xda") + 10
    assert all(fault(frame[:length]) for length in range(start_of_data))


def frame_by_frame(header):
    return list(iterate_frames(header, read_dataset(header)))


def test_frames_one_by_one_are_those_of_the_whole(path):
    header = read_header(path)
    assert np.array_equal(frame_by_frame(header), read_frames(header))


@pytest.mark.parametrize("read", [read_frames, frame_by_frame])
def test_a_damaged_table_is_refused_before_it_is_decoded(path, frame, tmp_path, read):
    """This very change ends the process of a decoder that trusts the table."""
    data = path.read_bytes()
    position = data.index(frame[:40]) + frame.index(b"\xff\xc4") + 5
    damaged = tmp_path / "damaged.dcm"
    damaged.write_bytes(changed(data, position, 200))
    with pytest.raises(DicomError, match="Huffman") as caught:
        read(read_header(damaged))
    assert caught.value.code == "pixel-decode"


def test_random_damage_never_ends_the_process(path, frame, tmp_path):
    data, rng = path.read_bytes(), np.random.default_rng(5)
    start = data.index(frame[:40])
    for _ in range(60):
        damaged = bytearray(data)
        for position in rng.integers(start, start + 700, size=4):
            damaged[position] = rng.integers(256)
        target = tmp_path / "damaged.dcm"
        target.write_bytes(damaged)
        try:
            read_frames(read_header(target))
        except DicomError as error:
            assert error.code == "pixel-decode"
