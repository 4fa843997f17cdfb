"""Interfile headers and what they leave open."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import DicomError
from theradose.formats.interfile import (
    describe_interfile_ct,
    describe_interfile_emission,
    is_interfile,
    read_interfile,
)
from theradose.model.study import Declaration

HEADER = """!INTERFILE :=
!imaging modality := nucmed
; a comment := ignored
!name of data file := {name}
!data offset in bytes := {offset}
imagedata byte order := {order}
!matrix size [1] := 4
!matrix size [2] := 3
!number of slices := 2
!number format := {format}
!number of bytes per pixel := {size}
scaling factor (mm/pixel) [1] := 4.0
scaling factor (mm/pixel) [2] := 4.0
slice thickness (pixels) := {thickness}
!END OF INTERFILE :=
"""


def write(folder, dtype="<i2", *, offset=0, thickness=1.0, name="v.i33", kind="signed integer"):
    values = np.arange(-5, 19).reshape(2, 3, 4)
    order = "BIGENDIAN" if dtype.startswith(">") else "LITTLEENDIAN"
    (folder / "v.i33").write_bytes(bytes(offset) + values.astype(dtype).tobytes())
    path = folder / "v.h33"
    size = np.dtype(dtype).itemsize
    path.write_text(HEADER.format(name=name, offset=offset, order=order, format=kind, size=size, thickness=thickness))
    return path, values


@pytest.mark.parametrize(
    ("dtype", "kind"), [("<i2", "signed integer"), (">i2", "signed integer"), ("<f4", "short float"), (">f4", "float")]
)
def test_values_in_both_byte_orders(tmp_path, dtype, kind):
    path, values = write(tmp_path, dtype, kind=kind, offset=16)
    volume, _ = read_interfile(path)
    assert np.array_equal(volume.data, values)
    assert volume.data.dtype.isnative


def test_thickness_in_pixels_is_read_by_the_standard(tmp_path):
    path, _ = write(tmp_path, thickness=1.0)
    volume, evidence = read_interfile(path)
    assert volume.grid.spacing_mm == pytest.approx((4, 4, 4))
    assert not next(item for item in evidence if item.quantity == "slice spacing").assumed


def test_thickness_that_can_only_be_millimetres_is_an_assumption(shared_data):
    """4.4196 pixels of 3.9063 mm would be slices of 17.3 mm and a phantom of 1.55 m; as mm voxels are cubic."""
    path = shared_data / "images" / "lu177_phantom_patient15" / "patient15_LuDOTATATE_src.h33"
    volume, evidence = read_interfile(path)
    assert volume.grid.shape == (90, 70, 108)
    assert volume.grid.spacing_mm == pytest.approx((4.4196, 3.9063, 3.9063))
    assert {item.quantity for item in evidence if item.assumed} == {"slice spacing", "orientation", "position"}


def test_ambiguous_thickness_must_be_declared(tmp_path):
    path, _ = write(tmp_path, thickness=30.0)
    with pytest.raises(DicomError) as caught:
        read_interfile(path)
    assert caught.value.code == "missing-geometry"
    declared = Declaration(orientation=(1, 0, 0, 0, 1, 0), position_mm=(1, 2, 3), spacing_mm=(30, 4, 4))
    volume, evidence = read_interfile(path, declared)
    assert volume.grid.to_lps((1, 1, 1)) == pytest.approx((5, 6, 33))
    assert not any(item.assumed for item in evidence)


def test_assumed_position_centres_the_grid(tmp_path):
    path, _ = write(tmp_path)
    assert read_interfile(path)[0].grid.centre_mm == pytest.approx((0, 0, 0))


def test_unsigned_ct_numbers_are_hounsfield_units_plus_1000(shared_data):
    folder = shared_data / "images" / "lu177_phantom_patient15"
    facts = describe_interfile_ct(folder / "patient15_LuDOTATATE_attn.h33")
    values = facts.values()
    stored = np.fromfile(folder / "patient15_LuDOTATATE_attn.i33", "<u2").reshape(values.shape)
    assert np.array_equal(values, stored.astype(float) - 1000)
    assert facts.evidence[0].assumed


def test_nothing_is_taken_as_activity(tmp_path):
    facts = describe_interfile_emission(write(tmp_path)[0])
    assert (facts.unit, facts.decay_kind, facts.acquired_at) == (None, None, None)


@pytest.mark.parametrize("name", ["../v.i33", "sub/v.i33", "..\\v.i33", ""])
def test_data_file_must_lie_beside_the_header(tmp_path, name):
    path, _ = write(tmp_path, name=name)
    with pytest.raises(DicomError) as caught:
        read_interfile(path)
    assert caught.value.code == "interfile-data"


def test_truncated_data_are_refused(tmp_path):
    path, _ = write(tmp_path)
    (tmp_path / "v.i33").write_bytes(bytes(10))
    with pytest.raises(DicomError) as caught:
        read_interfile(path)
    assert caught.value.code == "truncated"


def test_unknown_number_format_is_refused(tmp_path):
    path, _ = write(tmp_path, kind="ASCII")
    with pytest.raises(DicomError) as caught:
        read_interfile(path)
    assert caught.value.code == "interfile-header"


def test_recognised_by_name_or_first_line(tmp_path):
    path, _ = write(tmp_path)
    assert is_interfile(path)
    other = tmp_path / "a.hdr"
    other.write_bytes(path.read_bytes())
    assert is_interfile(other)
    other.write_text("something else")
    assert not is_interfile(other)
