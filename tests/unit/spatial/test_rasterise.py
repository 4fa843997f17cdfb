"""Contours to voxels: the rule for planes, frames of reference, and volumes of real structure sets."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dicom_support import FRAME_UID, ORIENTATIONS, oriented_grid, series_grid
from theradose.errors import GeometryError
from theradose.formats.dicom.rtstruct import read_rtstruct
from theradose.model.contour import Contour, ContourRegion, ContourSet
from theradose.model.grid import Grid
from theradose.model.region import RegionKind
from theradose.spatial.rasterise import rasterise


def _square(grid: Grid, level: float, low: float, high: float) -> Contour:
    """A square from `low` to `high` in rows and columns, on a slice coordinate of `grid`."""
    corners = [(level, low, low), (level, low, high), (level, high, high), (level, high, low)]
    return Contour(grid.to_lps(np.array(corners)))


def _set(*contours: Contour, frame: str | None = FRAME_UID, **region) -> ContourSet:
    return ContourSet((ContourRegion("a", 1, contours, frame, **region),), frame)


def _axial(slices: int = 12, spacing_mm: float = 3.0) -> Grid:
    return Grid.axis_aligned((slices, 10, 10), (spacing_mm, 2, 2), (5, -7, 11), FRAME_UID)


def _polygon_area_mm2(points: np.ndarray) -> float:
    """Area of a planar polygon in space, by the sum of cross products (shoelace formula)."""
    return float(np.linalg.norm(np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)) / 2)


def test_each_plane_fills_its_own_slice():
    grid = _axial()
    segmentation, findings = rasterise(_set(*(_square(grid, k, 2.5, 5.5) for k in (3, 4, 5))), grid)
    expected = np.zeros(grid.shape)
    expected[3:6, 3:6, 3:6] = 1
    np.testing.assert_array_equal(segmentation.mask("a"), expected)
    assert findings == ()


def test_planes_off_the_slices_by_less_than_half_a_spacing_go_to_the_nearest():
    grid = _axial()
    segmentation, _ = rasterise(_set(*(_square(grid, k + 0.4, 2.5, 5.5) for k in (3, 4, 5))), grid)
    assert np.flatnonzero(segmentation.mask("a").any(axis=(1, 2))).tolist() == [3, 4, 5]


def test_two_contours_on_one_plane_make_a_hole():
    grid = _axial()
    segmentation, _ = rasterise(_set(_square(grid, 2, 0.5, 7.5), _square(grid, 2, 2.5, 4.5)), grid)
    assert segmentation.volume_ml("a") == pytest.approx((49 - 4) * grid.voxel_volume_ml)


def test_coarser_planes_fill_the_slices_between():
    """Planes three slices apart: each governs one slice on either side."""
    grid = _axial()
    segmentation, findings = rasterise(_set(_square(grid, 3, 2.5, 4.5), _square(grid, 6, 2.5, 5.5)), grid)
    counts = segmentation.mask("a").sum(axis=(1, 2))
    np.testing.assert_array_equal(counts, [0, 0, 4, 4, 4, 9, 9, 9, 0, 0, 0, 0])
    assert [finding.code for finding in findings] == ["contours-interpolated"]


def test_finer_planes_do_not_cancel_each_other():
    """Three planes per slice: each slice takes the plane at its centre, not the exclusive or of three."""
    grid = _axial()
    contours = _set(*(_square(grid, k / 3, 2.5, 5.5) for k in range(5, 14)))
    segmentation, _ = rasterise(contours, grid)
    np.testing.assert_array_equal(segmentation.mask("a").sum(axis=(1, 2)), [0, 0, 9, 9, 9] + [0] * 7)


def test_gap_stays_empty_and_is_said():
    grid = _axial()
    segmentation, findings = rasterise(_set(*(_square(grid, k, 2.5, 5.5) for k in (2, 3, 4, 8, 9))), grid)
    assert np.flatnonzero(segmentation.mask("a").any(axis=(1, 2))).tolist() == [2, 3, 4, 8, 9]
    assert [finding.code for finding in findings] == ["contour-gap"]


def test_fractions_conserve_the_volume_of_planes_between_slices():
    """Sub-pixels and slab overlap: 3 planes of 3.6 by 3.6 pixels, off the grid in all directions."""
    grid = _axial()
    contours = _set(*(_square(grid, k + 0.3, 2.2, 5.8) for k in (3, 4, 5)))
    segmentation, _ = rasterise(contours, grid, fractional=True)
    volume_ml = 3 * 3.6**2 * grid.voxel_volume_ml
    # Sides along the rows are placed to one of 16 lines per pixel: (1/16) / 3.6 of the area at most.
    assert segmentation.volume_ml("a") == pytest.approx(volume_ml, rel=0.018)
    np.testing.assert_allclose(
        segmentation.mask("a").sum(axis=(1, 2))[2:7] / segmentation.mask("a").sum() * 3, [0, 0.7, 1, 1, 0.3], atol=1e-6
    )


def test_contours_oblique_to_the_grid_keep_volume_and_place():
    """A cube drawn on oblique planes; its surface is uncertain by a quarter of a voxel of the target."""
    drawn_on = oriented_grid("oblique", shape=(24, 30, 30), spacing_mm=(1, 1, 1))
    contours = _set(*(_square(drawn_on, k, 4.5, 24.5) for k in range(2, 22)))
    centre = drawn_on.to_lps((11.5, 14.5, 14.5))
    target = Grid.axis_aligned((30, 30, 30), (1.5, 1.5, 1.5), tuple(centre - 21.75), FRAME_UID)
    segmentation, findings = rasterise(contours, target)
    assert [finding.code for finding in findings] == ["contours-oblique"]
    assert segmentation.volume_ml("a") == pytest.approx(8.0, rel=0.03)
    inside = np.argwhere(segmentation.mask("a") > 0)
    np.testing.assert_allclose(target.to_lps(inside.mean(axis=0)), centre, atol=0.2)


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_index_space_makes_the_orientation_irrelevant(orientation):
    grid = oriented_grid(orientation)
    segmentation, _ = rasterise(_set(_square(grid, 1, 2.5, 5.5), _square(grid, 2, 2.5, 6.5)), grid)
    np.testing.assert_array_equal(segmentation.mask("a").sum(axis=(1, 2)), [0, 9, 16, 0, 0])


def test_another_frame_of_reference_is_refused_unless_stated_to_coincide():
    grid = _axial()
    contours = _set(_square(grid, 2, 2.5, 5.5), frame="1.2.3")
    with pytest.raises(GeometryError, match="another frame of reference") as refused:
        rasterise(contours, grid)
    assert refused.value.code == "contours-other-frame"
    segmentation, _ = rasterise(contours, grid, same_space=True)
    assert segmentation.names == ("a",)


def test_region_beyond_the_image_is_cut_and_said():
    grid = _axial()
    segmentation, findings = rasterise(_set(_square(grid, 2, 6.5, 13.5)), grid)
    assert segmentation.mask("a").sum() == 9
    assert [finding.code for finding in findings] == ["region-outside-grid"]


def test_nothing_inside_the_image_is_refused():
    grid = _axial()
    with pytest.raises(GeometryError) as refused:
        rasterise(_set(_square(grid, 40, 2.5, 5.5)), grid)
    assert refused.value.code == "regions-outside-grid"


def test_region_too_small_for_a_voxel_is_left_out():
    grid = _axial()
    regions = (
        ContourRegion("a", 1, (_square(grid, 2, 2.5, 5.5),), FRAME_UID),
        ContourRegion("speck", 2, (_square(grid, 2, 3.1, 3.3),), FRAME_UID),
        ContourRegion("open", 3, (Contour(grid.to_lps(np.eye(3)), "OPEN_PLANAR"),), FRAME_UID),
    )
    segmentation, findings = rasterise(ContourSet(regions, FRAME_UID), grid)
    assert segmentation.names == ("a",)
    assert [(finding.code, finding.where) for finding in findings] == [
        ("region-empty-on-grid", "speck"), ("region-empty-on-grid", "open")]  # fmt: skip
    wanted, _ = rasterise(ContourSet(regions, FRAME_UID), grid, region_names=["a"])
    assert wanted.names == ("a",)


def test_origin_and_approval_are_carried_over():
    grid = _axial()
    contours = _set(_square(grid, 2, 2.5, 5.5), algorithm="MANUAL", interpreted_type="GTV", drafted_by="Ann")
    approved = ContourSet(contours.regions, FRAME_UID, approval="APPROVED", reviewer="Bob")
    region = rasterise(approved, grid)[0].regions[0]
    assert (region.kind, region.method, region.drafted_by, region.verified_by) == (
        RegionKind.LESION, "rtstruct:manual", "Ann", "Bob")  # fmt: skip
    rejected = ContourSet(contours.regions, FRAME_UID, approval="REJECTED", reviewer="Bob")
    assert rasterise(rejected, grid)[0].regions[0].verified_by is None


def test_five_hundred_large_contours_take_seconds():
    """Guards against work that grows with contours times pixels in Python: generous for a busy machine."""
    grid = Grid.axis_aligned((500, 512, 512), (1, 1, 1), frame_of_reference=FRAME_UID)
    angle = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    circle = np.column_stack([255 + 150 * np.sin(angle), 255 + 150 * np.cos(angle)])
    contours = _set(*(Contour(grid.to_lps(np.insert(circle, 0, k, axis=1))) for k in range(500)))
    start = time.perf_counter()
    segmentation, _ = rasterise(contours, grid)
    assert time.perf_counter() - start < 20
    assert segmentation.volume_ml("a") == pytest.approx(500 * np.pi * 150**2 / 1000, rel=1e-3)


# Folder, structure set, largest relative difference between voxel count and polygon area: the count of pixel
# centres in n contours of p boundary pixels each is uncertain by about sqrt(n p) pixels.
STRUCTURE_SETS = [
    ("ibsi_petct/STS_001/PET", "mask/RS.dcm", 0.01),
    ("ibsi_petct/STS_001/CT", "mask/RS.dcm", 0.002),
    ("ibsi_petct/STS_005/PET", "mask/RS.dcm", 0.01),
    ("ibsi_petct/STS_005/CT", "mask/RS.dcm", 0.002),
    ("sts_raw_pet", "mask/1-1.dcm", 0.01),
]


@pytest.mark.parametrize(("folder", "structure_set", "tolerance"), STRUCTURE_SETS)
def test_real_structure_sets_have_the_volume_of_their_polygons(shared_data, folder, structure_set, tolerance):
    """Independent figure: sum of polygon areas (no holes in these sets) times the slice spacing."""
    grid = series_grid(shared_data / "images" / folder)
    contours, _ = read_rtstruct(shared_data / "images" / folder / structure_set)
    segmentation, findings = rasterise(contours, grid)
    fractions, _ = rasterise(contours, grid, fractional=True)
    assert findings == ()
    for region in contours.regions:
        area_mm2 = sum(_polygon_area_mm2(contour.points_mm) for contour in region.contours)
        volume_ml = area_mm2 * grid.spacing_mm[0] / 1000
        assert segmentation.volume_ml(region.name) == pytest.approx(volume_ml, rel=tolerance)
        assert fractions.volume_ml(region.name) == pytest.approx(volume_ml, rel=tolerance / 5)
