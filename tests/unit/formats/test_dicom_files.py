"""Files that are damaged, hostile, compressed with loss or simply many."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_images import assign, remove, stored_values, write_ct, write_nm
from theradose.errors import DicomError
from theradose.formats.dicom.files import list_files, read_header, scan
from theradose.formats.dicom.pixels import check_pixels, read_frames
from theradose.formats.dicom.series import read_series


def refusal(path: Path) -> str:
    with pytest.raises(DicomError) as caught:
        check_pixels(read_header(path))
    return caught.value.code


def test_frames_equal_the_stored_pixels(tmp_path):
    header = read_header(write_nm(tmp_path / "nm.dcm"))
    assert np.array_equal(read_frames(header), stored_values())
    assert header.notes == ()


def test_lossless_encodings_of_one_scan_hold_the_same_counts(shared_data):
    """The bone scan states 3596452 accumulated counts (0018,0070); lossless encodings must hold all of them."""
    folder = shared_data / "images" / "dicom_wg04_nm"
    for name in ("NM1_UNC", "NM1_RLE", "NM1_J2KR", "NM1_JLSL", "NM1_JPLL"):
        assert read_frames(read_header(folder / f"{name}.dcm")).sum() == 3596452


@pytest.mark.parametrize("name", ["NM1_J2KI", "NM1_JLSN", "NM1_JPLY"])
def test_lossy_encodings_are_refused(shared_data, name):
    assert refusal(shared_data / "images" / "dicom_wg04_nm" / f"{name}.dcm") == "lossy"


def test_pixels_once_compressed_with_loss_are_refused(tmp_path):
    assert refusal(write_nm(tmp_path / "nm.dcm", assign(LossyImageCompression="01"))) == "lossy"


def test_deflated_file_is_refused_before_it_is_inflated(tmp_path):
    """A file of some kB that inflates to 300 MB must cost neither time nor memory."""
    header = write_nm(tmp_path / "plain.dcm")
    meta = pydicom.dcmread(header).file_meta
    meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    bomb = tmp_path / "bomb.dcm"
    with bomb.open("wb") as stream:
        stream.write(b"\0" * 128 + b"DICM")
        pydicom.filewriter.write_file_meta_info(stream, meta)
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        block = bytes(1 << 20)
        for _ in range(64):
            stream.write(packer.compress(block))
        stream.write(packer.flush())
    tracemalloc.start()
    with pytest.raises(DicomError) as caught:
        read_header(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "deflated"
    assert peak < 8 << 20


def test_deflated_file_without_preamble_is_refused(tmp_path):
    path = tmp_path / "bare.dcm"
    path.write_bytes(b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99" + zlib.compress(bytes(100)))
    with pytest.raises(DicomError) as caught:
        read_header(path)
    assert caught.value.code == "deflated"


def test_pixel_claims_are_checked_against_the_file(tmp_path):
    assert refusal(write_nm(tmp_path / "a.dcm", assign(Rows=60000, Columns=60000))) == "memory-cap"
    assert refusal(write_nm(tmp_path / "b.dcm", assign(Rows=300))) == "truncated"
    assert refusal(write_nm(tmp_path / "c.dcm", remove("Rows"))) == "pixel-claim"
    assert refusal(write_nm(tmp_path / "d.dcm", remove("PixelData"))) == "no-pixels"


def test_truncated_file_is_refused(tmp_path):
    path = write_nm(tmp_path / "nm.dcm")
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(path) == "truncated"


def test_syntax_that_contradicts_the_pixels_is_refused(shared_data):
    assert refusal(shared_data / "images" / "dicom_edge_cases" / "20-wrong-transfer-syntax.dcm") == "pixel-syntax"


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "not-dicom"), (b"hello world\n" * 100, "not-dicom"), (b"\0" * 128 + b"DICM" + b"\xff" * 400, None)],
)
def test_garbage_becomes_a_quarantine_record(tmp_path, content, code):
    path = tmp_path / "garbage"
    path.write_bytes(content)
    (entry,) = scan([path])
    assert entry.path == path
    assert entry.message.endswith(".")
    if code is not None:
        assert entry.code == code


def test_every_prefix_of_a_file_is_read_or_quarantined(tmp_path):
    """Cutting a file anywhere must end in a header or a record, never in another exception or a warning."""
    content = write_nm(tmp_path / "nm.dcm").read_bytes()
    path = tmp_path / "cut.dcm"
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        read_series([path])


def test_malformed_value_is_ignored_without_repeating_it(tmp_path):
    path = write_nm(tmp_path / "nm.dcm", assign(PatientWeight="71"))
    content = path.read_bytes().replace(b"DS\x02\x0071", b"DS\x02\x00ab")
    path.write_bytes(content)
    header = read_header(path)
    assert "PatientWeight" not in header.dataset
    (note,) = header.notes
    assert "PatientWeight" in note
    assert "ab " not in note


def test_thousands_of_files_are_scanned_quickly_and_in_little_memory(tmp_path):
    """Ten thousand slices must take seconds and some MB: a part of them is measured here."""
    template = write_ct(tmp_path / "one") / "ct000.dcm"
    content = template.read_bytes()
    uid = pydicom.dcmread(template).SOPInstanceUID.encode()
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        own = str(number).zfill(6).encode()
        (folder / f"{number}.dcm").write_bytes(content.replace(uid, uid[:-6] + own))
    calls: list[tuple[int, int]] = []
    tracemalloc.start()
    begin = time.perf_counter()
    series, quarantined = read_series(list_files(folder), progress=lambda done, total: calls.append((done, total)))
    elapsed = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(series) == 1
    assert len(series[0].instances) == 300
    assert quarantined == ()
    assert calls[0] == (1, 300)
    assert calls[-1] == (300, 300)
    assert peak < 3 << 20
    # A guard against quadratic behaviour only, far above the second that it takes on a loaded machine.
    assert elapsed < 30


def test_series_are_split_where_orientation_differs(tmp_path):
    write_ct(tmp_path)
    turned = pydicom.dcmread(tmp_path / "ct000.dcm")
    turned.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    turned.save_as(tmp_path / "ct000.dcm")
    series, _ = read_series(list_files(tmp_path))
    assert [len(part.instances) for part in series] == [1, 3]
    assert series[1].id == f"{series[0].id}#2"


def test_links_to_folders_are_followed_once_and_never_upwards(tmp_path):
    patient, elsewhere = tmp_path / "study" / "patient", tmp_path / "archive"
    write_ct(elsewhere)
    write_nm(patient / "nm.dcm")
    (tmp_path / "study" / "other.dcm").write_bytes(b"another patient")
    (patient / "ct").symlink_to(elsewhere)
    (patient / "ct again").symlink_to(elsewhere)
    (patient / "self").symlink_to(patient)
    (patient / "up").symlink_to(tmp_path / "study")
    (elsewhere / "back").symlink_to(patient)
    (patient / "dangling").symlink_to(tmp_path / "absent")
    found = [file.relative_to(patient).as_posix() for file in list_files(patient)]
    assert found == [*(f"ct/ct{index:03d}.dcm" for index in range(4)), "nm.dcm"]


def test_exact_copies_are_counted_once(tmp_path):
    write_ct(tmp_path)
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "ct000.dcm").read_bytes())
    (series,), _ = read_series(list_files(tmp_path))
    assert series.copies == 1
    assert len(series.instances) == 4
