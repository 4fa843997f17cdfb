import numpy as np
import pytest

from theradose.model.grid import Grid
from theradose.report.planes import Display, View, body_window, direction_letters, limited

SHAPE, SPACING = (5, 6, 7), (3.0, 2.0, 1.5)


def axial_grid():
    return Grid.axis_aligned(SHAPE, SPACING)


def reordered(grid, order, flips):
    """Return the same voxels stored in another order of axes, some of them backwards."""
    affine = np.array(grid.affine_mm)
    shape = grid.shape
    for axis, flip in enumerate(flips):
        if flip:
            affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
            affine[:3, axis] *= -1
    columns = [*order, 3]
    return Grid(tuple(shape[axis] for axis in order), affine[:, columns])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, False)])
def test_every_storage_order_is_displayed_alike(order, flips):
    grid = axial_grid()
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    display = Display.of(reordered(grid, order, flips))
    stored = data[steps].transpose(order)
    assert np.array_equal(display.arrange(stored), data)
    assert display.spacing_mm == pytest.approx(SPACING)
    place = tuple(int(axis) for axis in np.argwhere(stored == data[1, 2, 3])[0])
    assert display.position(place) == (1, 2, 3)


@pytest.mark.parametrize(
    ("plane", "letters"),
    [("axial", ("R", "L", "P", "A")), ("coronal", ("R", "L", "I", "S")), ("sagittal", ("A", "P", "I", "S"))],
)
def test_radiological_convention(plane, letters):
    display = Display.of(axial_grid())
    assert View(plane, tuple(slice(0, n) for n in SHAPE)).letters(display) == letters


def test_an_oblique_direction_has_two_letters():
    assert direction_letters(np.array([1.0, 0.0, 0.1])) == "L"
    assert direction_letters(np.array([-0.8, 0.0, 0.6])) == "RS"
    assert direction_letters(np.array([0.3, -0.95, 0.0])) == "AL"


def test_planes_keep_the_size_of_anisotropic_voxels():
    display = Display.of(axial_grid())
    whole = tuple(slice(0, n) for n in SHAPE)
    assert View("axial", whole).size_mm(display) == pytest.approx((7 * 1.5, 6 * 2.0))
    assert View("coronal", whole).size_mm(display) == pytest.approx((7 * 1.5, 5 * 3.0))
    assert View("sagittal", whole).size_mm(display) == pytest.approx((6 * 2.0, 5 * 3.0))


def test_the_first_row_of_an_image_is_where_its_voxels_are():
    display = Display.of(axial_grid())
    whole = tuple(slice(0, n) for n in SHAPE)
    left, right, bottom, top = View("axial", whole).extent_mm(display)
    assert (left, right) == pytest.approx((-0.75, 9.75))
    assert (top, bottom) == pytest.approx((-1.0, 11.0))  # anterior, the first row, is at the top
    assert View("coronal", whole).extent_mm(display)[2:] == pytest.approx((-1.5, 13.5))  # inferior is at the bottom


def test_the_body_window_holds_the_body_with_its_margin():
    display = Display.of(Grid.axis_aligned((30, 30, 30), (2.0, 2.0, 2.0)))
    data = np.zeros((30, 30, 30))
    data[10:20, 12:18, 14:16] = 1
    assert body_window(display, data, threshold=0.5, margin_mm=4.0) == (slice(8, 22), slice(10, 20), slice(12, 18))
    assert body_window(display, data, threshold=2.0) == (slice(0, 30), slice(0, 30), slice(0, 30))


@pytest.mark.parametrize(("centre", "expected"), [(10, slice(7, 13)), (0, slice(2, 8)), (50, slice(14, 20))])
def test_a_limited_window_stays_inside(centre, expected):
    assert limited(slice(2, 20), centre=centre, length=6) == expected
