"""NIfTI: right-anterior-superior outside, left-posterior-superior inside."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theradose.errors import DicomError
from theradose.formats.nifti import describe_nifti_ct, is_nifti, read_nifti, write_nifti
from theradose.model.grid import Grid, Volume
from theradose.model.study import Declaration

# Directions of the array axes (slice, row, column) in LPS, oblique and left-handed on purpose.
OBLIQUE = np.array([[0.36, 0.48, 0.8], [0.8, -0.6, 0.0], [0.48, 0.64, -0.6]])


def volume(dtype=np.float32) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * [3.0, 2.0, 1.5]
    affine[:3, 3] = (10, -20, 30)
    return Volume(np.arange(24).reshape(2, 3, 4).astype(dtype), Grid((2, 3, 4), affine))


def test_a_point_keeps_its_place_and_value(tmp_path):
    """RAS is LPS with x and y reversed; the voxel at one corner is found there by an independent reader."""
    original = volume()
    path = tmp_path / "v.nii.gz"
    write_nifti(original, path)
    image = nibabel.load(path)
    lps = original.grid.to_lps((1, 2, 3))
    ras = image.affine @ [3, 2, 1, 1]
    assert ras[:3] == pytest.approx([-lps[0], -lps[1], lps[2]], abs=1e-4)
    assert image.dataobj[3, 2, 1] == original.data[1, 2, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_round_trip(tmp_path, dtype):
    original = volume(dtype)
    write_nifti(original, tmp_path / "v.nii.gz")
    read, evidence = read_nifti(tmp_path / "v.nii.gz")
    assert read.data.dtype == dtype
    assert np.array_equal(read.data, original.data)
    assert read.grid.matches(original.grid, tolerance_mm=1e-4)
    assert not any(item.assumed for item in evidence)


@settings(max_examples=10)
@given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_round_trip_in_every_axis_order(tmp_path_factory, order, signs):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(order)] * signs * np.array([3.0, 2.0, 1.5])
    original = Volume(np.arange(24, dtype=np.float32).reshape(2, 3, 4), Grid((2, 3, 4), affine))
    path = tmp_path_factory.mktemp("nifti") / "v.nii"
    write_nifti(original, path)
    read, _ = read_nifti(path)
    assert read.grid.matches(original.grid, tolerance_mm=1e-5)
    assert np.array_equal(read.data, original.data)


def test_equal_volumes_give_equal_bytes(tmp_path):
    write_nifti(volume(), tmp_path / "a.nii.gz")
    write_nifti(volume(), tmp_path / "b.nii.gz")
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    # RFC 1952: flags (no file name) in byte 3, modification time in bytes 4 to 7.
    assert content[3:8] == bytes(5)


def test_scaling_of_the_header_is_applied(tmp_path):
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(4, 3, 2), np.diag([2, 2, 3, 1]))
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / "v.nii")
    # nibabel rescales while saving; set the slope in the file itself.
    content = bytearray((tmp_path / "v.nii").read_bytes())
    content[112:120] = np.array([0.5, -3], "<f4").tobytes()
    (tmp_path / "v.nii").write_bytes(content)
    stored = nibabel.load(tmp_path / "v.nii").dataobj.get_unscaled()
    read, _ = read_nifti(tmp_path / "v.nii")
    assert read.data[1, 2, 3] == pytest.approx(0.5 * stored[3, 2, 1] - 3)


def test_file_without_transform_needs_a_declaration(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.float32), None)
    image.header["sform_code"] = image.header["qform_code"] = 0
    nibabel.save(image, tmp_path / "v.nii")
    with pytest.raises(DicomError) as caught:
        read_nifti(tmp_path / "v.nii")
    assert caught.value.code == "missing-geometry"
    declared = Declaration(orientation=(1, 0, 0, 0, 1, 0), position_mm=(1, 2, 3), spacing_mm=(4, 5, 6))
    read, _ = read_nifti(tmp_path / "v.nii", declared)
    assert read.grid.to_lps((1, 1, 1)) == pytest.approx((7, 7, 7))


def test_unset_length_unit_is_an_assumption(shared_data):
    """The public CT states no length unit; its 3 mm voxels show that mm is meant."""
    facts = describe_nifti_ct(shared_data / "images" / "totalseg_ct" / "example_ct.nii.gz")
    assert facts.geometry.grid.spacing_mm == pytest.approx((3, 3, 3))
    assert [item.value for item in facts.geometry.evidence if item.assumed] == ["mm"]


def test_lengths_in_metres_become_millimetres(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 3, 2), np.float32), np.diag([0.002, 0.002, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "v.nii")
    assert read_nifti(tmp_path / "v.nii")[0].grid.spacing_mm == pytest.approx((3, 2, 2))


def test_several_volumes_are_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2, 5), np.float32), np.eye(4)), tmp_path / "v.nii")
    with pytest.raises(DicomError) as caught:
        read_nifti(tmp_path / "v.nii")
    assert caught.value.code == "nifti-axes"


def test_damaged_files_are_refused(tmp_path):
    write_nifti(volume(), tmp_path / "v.nii.gz")
    content = (tmp_path / "v.nii.gz").read_bytes()
    for length in range(0, len(content) - 1, 7):
        (tmp_path / "cut.nii.gz").write_bytes(content[:length])
        with pytest.raises(DicomError):
            read_nifti(tmp_path / "cut.nii.gz")


def test_names():
    assert is_nifti(Path("a/B.NII.GZ"))
    assert not is_nifti(Path("a.gz"))
