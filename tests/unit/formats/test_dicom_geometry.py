"""From headers to grids."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_images import ORIGIN, SHAPE, SPACING, assign, detector, remove, stored_values, write_ct, write_nm, write_pt
from theradose.formats.dicom.ct import read_ct
from theradose.formats.dicom.files import list_files
from theradose.formats.dicom.geometry import SliceStack, resample_slices, stack_of_files, stack_of_frames
from theradose.formats.dicom.series import read_series
from theradose.formats.facts import NOTHING_DECLARED, Effect, Geometry
from theradose.model.study import Declaration


def only_series(path):
    (series,), quarantined = read_series(list_files(path))
    assert quarantined == ()
    return series


def nm_stack(tmp_path, *changes, declaration=NOTHING_DECLARED) -> SliceStack:
    return stack_of_frames(only_series(write_nm(tmp_path / "nm.dcm", *changes)), declaration)


def test_nm_geometry_comes_from_the_detector(tmp_path):
    grid = nm_stack(tmp_path).geometry.grid
    assert grid.shape == SHAPE
    assert grid.spacing_mm == pytest.approx(SPACING)
    assert grid.to_lps((0, 0, 0)) == pytest.approx(ORIGIN)
    assert grid.to_lps((1, 2, 3)) == pytest.approx((ORIGIN[0] + 9, ORIGIN[1] + 4, ORIGIN[2] + 4))
    assert grid.voxel_volume_ml == pytest.approx(0.024)


def test_nm_geometry_falls_back_to_the_top_level(tmp_path):
    top = assign(ImagePositionPatient=[1, 2, 3], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    stack = nm_stack(tmp_path, remove("DetectorInformationSequence"), top)
    assert stack.geometry.grid.to_lps((0, 0, 0)) == pytest.approx((1, 2, 3))


def test_negative_spacing_puts_later_frames_against_the_normal(tmp_path):
    """Frame k lies at k × spacing along the normal, signed; the first frame keeps its stated position."""
    stack = nm_stack(tmp_path, assign(SpacingBetweenSlices=-4.0))
    assert stack.order == (3, 2, 1, 0)
    grid = stack.geometry.grid
    last_frame = stack.order.index(3)
    assert grid.to_lps((last_frame, 0, 0)) == pytest.approx((ORIGIN[0], ORIGIN[1], ORIGIN[2] - 12))
    assert grid.to_lps((stack.order.index(0), 0, 0)) == pytest.approx(ORIGIN)
    assert np.linalg.det(grid.affine_mm[:3, :3][:, ::-1]) > 0


def test_missing_spacing_is_never_a_millimetre(tmp_path):
    """A common library takes 1 mm; slice thickness is only a hint, because its sign is not known."""
    geometry = nm_stack(tmp_path, remove("SpacingBetweenSlices")).geometry
    assert geometry.grid is None
    (missing,) = geometry.missing
    assert "(0018,0088) SpacingBetweenSlices" in missing
    assert "4.0 mm" in missing


def test_everything_missing_is_listed(tmp_path):
    nothing = detector(ImageOrientationPatient=None, ImagePositionPatient=None)
    geometry = nm_stack(tmp_path, nothing, remove("SpacingBetweenSlices", "PixelSpacing")).geometry
    assert geometry.grid is None
    assert len(geometry.missing) == 4
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SpacingBetweenSlices"):
        assert any(keyword in words for words in geometry.missing)


def test_declaration_fills_what_is_missing(tmp_path):
    nothing = detector(ImageOrientationPatient=None, ImagePositionPatient=None)
    declaration = Declaration(orientation=(1, 0, 0, 0, 1, 0), position_mm=(5, 6, 7), spacing_mm=(-2, 3, 4))
    stack = nm_stack(tmp_path, nothing, remove("SpacingBetweenSlices"), declaration=declaration)
    grid = stack.geometry.grid
    assert grid.spacing_mm == pytest.approx((2, 3, 4))
    assert grid.to_lps((stack.order.index(0), 0, 0)) == pytest.approx((5, 6, 7))
    assert all(item.source == "study" for item in stack.geometry.evidence if item.quantity == "orientation")


@pytest.mark.parametrize("bad", [[1, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]])
def test_orientation_that_spans_no_plane_is_missing(tmp_path, bad):
    assert nm_stack(tmp_path, detector(ImageOrientationPatient=bad)).geometry.grid is None


def test_slice_vector_orders_the_frames(tmp_path):
    stack = nm_stack(tmp_path, assign(SliceVector=[4, 3, 2, 1]))
    assert stack.order == (3, 2, 1, 0)
    assert stack.geometry.grid.to_lps((0, 0, 0)) == pytest.approx(ORIGIN)


def test_files_are_ordered_by_position_not_by_name(tmp_path):
    def upside_down(dataset):
        dataset.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] - 4 * dataset.InstanceNumber]

    stack = stack_of_files(only_series(write_pt(tmp_path, upside_down)), NOTHING_DECLARED)
    assert stack.order == (3, 2, 1, 0)
    assert stack.geometry.grid.to_lps((0, 0, 0))[2] == pytest.approx(ORIGIN[2] - 16)


def test_oblique_slices_keep_their_axes(tmp_path):
    """Positions step along the normal of an arbitrary plane; the grid must carry all three directions."""
    row, column = np.array([0.8, 0.6, 0.0]), np.array([-0.36, 0.48, 0.8])
    normal = np.cross(row, column)

    def tilt(dataset):
        dataset.ImageOrientationPatient = [*row, *column]
        dataset.ImagePositionPatient = list(np.array(ORIGIN) + 5 * (dataset.InstanceNumber - 1) * normal)

    facts = read_ct(only_series(write_ct(tmp_path, tilt)))
    expected = np.array(ORIGIN) + 5 * normal * 2 + 2 * column * 1 + 3 * row * 4
    assert facts.geometry.grid.to_lps((2, 1, 4)) == pytest.approx(expected, abs=1e-9)
    assert np.array_equal(facts.values(), stored_values() - 1024.0)


def test_feet_first_is_already_in_the_stated_position(tmp_path):
    """Positions and directions are those of the patient, whichever end goes in first: nothing is turned."""
    feet_first = assign(PatientPosition="FFS")
    grid = stack_of_files(only_series(write_pt(tmp_path / "a", feet_first)), NOTHING_DECLARED).geometry.grid
    head_first = stack_of_files(only_series(write_pt(tmp_path / "b")), NOTHING_DECLARED).geometry.grid
    assert grid.matches(head_first)


def problem_of(tmp_path, *changes):
    geometry = stack_of_files(only_series(write_ct(tmp_path, *changes)), NOTHING_DECLARED).geometry
    (problem,) = geometry.problems
    return geometry, problem


def shift(**by_number):
    def change(dataset):
        x, y, z = dataset.ImagePositionPatient
        dx, dy, dz = by_number.get(f"n{dataset.InstanceNumber}", (0, 0, 0))
        dataset.ImagePositionPatient = [x + dx, y + dy, z + dz]

    return change


def test_missing_slice_is_refused(tmp_path):
    geometry, problem = problem_of(tmp_path, shift(n4=(0, 0, 4)))
    assert (problem.code, problem.effect) == ("missing-slices", Effect.REFUSED)
    assert geometry.grid is None
    assert "8.00 mm" in problem.message


def test_repeated_position_is_refused(tmp_path):
    _, problem = problem_of(tmp_path, shift(n4=(0, 0, -4)))
    assert (problem.code, problem.effect) == ("duplicate-slices", Effect.REFUSED)


def test_leaning_stack_is_refused(tmp_path):
    _, problem = problem_of(tmp_path, shift(n2=(0, 1, 0), n3=(0, 2, 0), n4=(0, 3, 0)))
    assert (problem.code, problem.effect) == ("slices-sheared", Effect.REFUSED)


def test_uneven_gaps_are_resampled_and_reported(tmp_path):
    geometry, problem = problem_of(tmp_path, shift(n2=(0, 0, 1)))
    assert (problem.code, problem.effect) == ("slices-resampled", Effect.NOTE)
    assert "3.00 to 5.00 mm" in problem.message
    assert geometry.grid.spacing_mm[0] == pytest.approx(4)


def test_rounding_of_positions_is_no_gap(tmp_path):
    geometry = stack_of_files(only_series(write_ct(tmp_path, shift(n2=(0, 0, 0.02)))), NOTHING_DECLARED).geometry
    assert geometry.problems == ()


@given(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=12), st.floats(-5, 5), st.floats(-5, 5))
def test_resampling_reproduces_linear_profiles(gaps, slope, offset):
    """Linear interpolation is exact on a profile that is linear in position."""
    positions = np.concatenate([[0], np.cumsum(gaps)])
    data = (slope * positions + offset).astype(np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    stack = SliceStack(Geometry(data.shape, None), tuple(range(len(positions))), positions)
    wanted = slope * np.linspace(0, positions[-1], len(positions)) + offset
    assert resample_slices(data, stack)[:, 0, 1] == pytest.approx(wanted, abs=1e-3)


def test_real_bed_gaps_change_the_total_by_less_than_a_thousandth(shared_data):
    """Gaps of 3.19 to 3.29 mm shift slices by 1.2 % of a step at most: the total must stay."""
    series, _ = read_series(list_files(shared_data / "images" / "sts_raw_pet" / "image"))
    stack = stack_of_files(series[0], NOTHING_DECLARED)
    assert stack.positions_mm is not None
    profile = np.abs(np.sin(np.arange(267) / 9)).astype(np.float32)[:, None, None]
    assert resample_slices(profile, stack).sum() == pytest.approx(profile.sum(), rel=1e-3)


def test_enhanced_object_is_placed_by_its_functional_groups(shared_data):
    path = shared_data / "images" / "dicom_edge_cases" / "eCT_Supplemental.dcm"
    grid = read_ct(only_series(path)).geometry.grid
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    frames = dataset.PerFrameFunctionalGroupsSequence
    stated = [np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float) for frame in frames]
    # The row runs to the right and the column to the back, so the normal points to the feet.
    for index, position in enumerate(sorted(stated, key=lambda point: -point[2])):
        assert grid.to_lps((index, 0, 0)) == pytest.approx(position)
    assert grid.to_lps((0, 0, 1)) - grid.to_lps((0, 0, 0)) == pytest.approx((-0.388672, 0, 0))
