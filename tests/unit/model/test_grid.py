"""Grids and volumes: index ↔ patient space, volume of a voxel, arrays that nobody can change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import GeometryError
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid, Volume

numbers = st.floats(-500, 500, allow_nan=False)
spacings = st.floats(0.5, 10)


@given(
    st.tuples(spacings, spacings, spacings), st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers)
)
def test_index_and_point_are_inverse(spacing, origin, point):
    grid = Grid.axis_aligned((3, 4, 5), spacing, origin)
    assert np.allclose(grid.to_lps(grid.to_index(np.array(point))), point, atol=1e-6)
    assert grid.voxel_volume_ml == pytest.approx(np.prod(spacing) / 1000)
    assert grid.spacing_mm == pytest.approx(spacing)


def test_axes_are_slice_row_column_and_points_x_y_z():
    grid = Grid.axis_aligned((3, 4, 5), (7.0, 5.0, 3.0), (10.0, 20.0, 30.0))
    assert grid.to_lps((0, 0, 0)) == pytest.approx((10, 20, 30))
    assert grid.to_lps((1, 2, 3)) == pytest.approx((10 + 3 * 3, 20 + 2 * 5, 30 + 7))
    assert grid.centre_mm == pytest.approx((10 + 2 * 3, 20 + 1.5 * 5, 30 + 7))
    assert grid.corners_mm().min(axis=0) == pytest.approx((10 - 1.5, 20 - 2.5, 30 - 3.5))
    assert grid.size == 60


def test_matching_is_judged_at_the_corners():
    """A step that is 0.1 mm too long is 0.4 mm at the far end of four voxels."""
    grid = Grid.axis_aligned((4, 4, 4), (2.0, 2.0, 2.0))
    assert grid.matches(Grid.axis_aligned((4, 4, 4), (2.0, 2.0, 2.0), (0.005, 0, 0)))
    assert not grid.matches(Grid.axis_aligned((4, 4, 4), (2.0, 2.0, 2.0), (0.02, 0, 0)))
    assert not grid.matches(Grid.axis_aligned((4, 4, 4), (2.0, 2.0, 2.1)))
    assert not grid.matches(Grid.axis_aligned((4, 4, 5), (2.0, 2.0, 2.0)))


@pytest.mark.parametrize(
    ("shape", "affine", "code"),
    [
        ((2, 2, 2), np.full((4, 4), np.nan), "affine-invalid"),
        ((2, 2, 2), np.eye(3), "affine-invalid"),
        ((2, 0, 2), np.eye(4), "shape-invalid"),
        ((2, 2, 2), np.diag([1.0, 1.0, 0.0, 1.0]), "affine-singular"),
    ],
)
def test_impossible_grids_are_refused(shape, affine, code):
    with pytest.raises(GeometryError) as refusal:
        Grid(shape, affine)
    assert refusal.value.code == code


def test_values_must_fit_their_grid():
    with pytest.raises(GeometryError) as refusal:
        Volume(np.zeros((2, 2, 3)), Grid.axis_aligned((2, 2, 2), (1, 1, 1)))
    assert refusal.value.code == "shape-mismatch"


def test_nobody_changes_a_volume():
    values = np.zeros((4, 2, 2))
    volume = Volume(values[::2], Grid.axis_aligned((2, 2, 2), (1, 1, 1)))
    with pytest.raises(ValueError, match="read-only"):
        volume.data[0] = 1
    values[:] = 7
    assert volume.data.max() == 0


def test_total_activity_is_concentration_times_volume():
    grid = Grid.axis_aligned((2, 2, 2), (10.0, 10.0, 10.0))  # voxels of 1 mL
    assert ActivityMap(np.full((2, 2, 2), 0.5, np.float32), grid).total_mbq == pytest.approx(4.0)


def test_a_cropped_grid_has_the_same_voxels():
    grid = Grid.axis_aligned((6, 7, 8), (2.0, 3.0, 4.0), (-5.0, 6.0, 7.0), "1.2.3")
    part = grid.crop((slice(1, 4), slice(2, 7), slice(3, 5)))
    assert part.shape == (3, 5, 2) and part.frame_of_reference == "1.2.3"
    np.testing.assert_allclose(part.to_lps((0, 0, 0)), grid.to_lps((1, 2, 3)))
    np.testing.assert_allclose(part.to_lps((2, 4, 1)), grid.to_lps((3, 6, 4)))
