"""Drafted regions: geometry in closed form, a blurred lesion, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dicom_support import ORIENTATIONS, oriented_grid
from theradose.errors import GeometryError, StudyError
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.study import Draft
from theradose.spatial.segmenters import draft_region, segmenters

SHAPE, SPACING_MM = (44, 48, 52), (3.0, 2.5, 2.5)


def _grid() -> Grid:
    return Grid.axis_aligned(SHAPE, SPACING_MM, (-60.0, -50.0, -70.0))


def _ball(grid: Grid, centre_mm: np.ndarray, radius_mm: float) -> np.ndarray:
    index = np.stack(np.mgrid[tuple(slice(0, n) for n in grid.shape)], axis=-1)
    return np.linalg.norm(grid.to_lps(index) - centre_mm, axis=-1) <= radius_mm


def _lesion_image(contrast: float = 10.0, fwhm_mm: float = 10.0) -> tuple[Volume, np.ndarray]:
    """A ball of 33 mL (radius 20 mm) in a uniform background, blurred like a SPECT image, slightly noisy."""
    grid = _grid()
    centre = grid.centre_mm
    image = 1.0 + (contrast - 1) * _ball(grid, centre, 20.0)
    blurred = gaussian_filter(image, [fwhm_mm / 2.3548 / spacing for spacing in SPACING_MM])
    noise = np.random.default_rng(1).normal(0, 0.02 * contrast, SHAPE)
    return Volume(blurred + noise, grid), centre


def _box(centre: np.ndarray, half_mm: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(centre - half_mm), tuple(centre + half_mm)


def _segmentation(grid: Grid, **masks: np.ndarray) -> Segmentation:
    return Segmentation(
        grid, tuple(Region(name) for name in masks), tuple(RegionVoxels.from_mask(mask) for mask in masks.values())
    )


def _mask(grid: Grid, voxels: RegionVoxels) -> np.ndarray:
    full = np.zeros(grid.shape)
    full[voxels.box] = voxels.fraction
    return full


@pytest.mark.parametrize("method", ["otsu", "adaptive"])
def test_threshold_finds_the_volume_of_a_blurred_lesion(method):
    """PMC5323339 reports volume errors below 15 % (RMS) for Otsu's method above 10 mL."""
    image, centre = _lesion_image()
    draft = Draft(name="lesion 1", method=method, box_mm=_box(centre, 35))
    region, voxels, findings = draft_region(draft, image, None)
    volume_ml = voxels.voxel_count * image.grid.voxel_volume_ml
    assert volume_ml == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=0.15)
    assert (region.name, region.kind, region.method) == ("lesion-1", RegionKind.LESION, f"threshold:{method}")
    assert region.drafted_by.startswith("theradose ")
    assert region.verified_by is None
    assert [finding.code for finding in findings] == ["region-drafted", "draft-threshold"]


def test_seed_picks_one_of_two_lesions():
    image, centre = _lesion_image()
    other = centre + (0, 0, 45)
    values = image.data + 9.0 * _ball(image.grid, other, 8.0)
    draft = Draft(name="lesion", method="otsu", box_mm=_box(centre, 65), seed_mm=tuple(other))
    _, voxels, _ = draft_region(draft, Volume(values, image.grid), None)
    middle = image.grid.to_lps(np.argwhere(_mask(image.grid, voxels)).mean(axis=0))
    np.testing.assert_allclose(middle, other, atol=2.0)


def test_radius_around_a_seed_limits_the_search():
    image, centre = _lesion_image()
    draft = Draft(name="lesion", method="adaptive", seed_mm=tuple(centre), radius="35 mm")
    _, voxels, findings = draft_region(draft, image, None)
    assert voxels.voxel_count * image.grid.voxel_volume_ml == pytest.approx(33.5, rel=0.15)
    assert "draft-whole-image" not in [finding.code for finding in findings]


def test_fixed_percent_warns_and_takes_the_fraction_of_the_maximum():
    image, centre = _lesion_image()
    draft = Draft(name="lesion", method="fixed-percent", fraction="42 %", box_mm=_box(centre, 35))
    region, voxels, findings = draft_region(draft, image, None)
    expected = image.data >= 0.42 * image.data.max()
    np.testing.assert_array_equal(_mask(image.grid, voxels), expected)
    caution = next(finding for finding in findings if finding.code == "fixed-threshold")
    assert caution.severity == "warning"
    assert "PMC5323339" in caution.message
    assert region.method == "threshold:fixed-percent:0.42"


def test_search_over_the_whole_image_and_at_a_limit_is_said():
    image, centre = _lesion_image()
    whole = draft_region(Draft(name="lesion", method="otsu", seed_mm=tuple(centre)), image, None)[2]
    assert "draft-whole-image" in [finding.code for finding in whole]
    cut = draft_region(Draft(name="lesion", method="otsu", box_mm=_box(centre + (18, 0, 0), 18)), image, None)[2]
    assert "draft-touches-limit" in [finding.code for finding in cut]


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
@pytest.mark.parametrize("radius_mm", [4.0, 9.7])
def test_sphere_has_its_volume_and_centre(orientation, radius_mm):
    """Sub-voxels of under 1 mm: about 1 % of the volume for the small sphere, less for the larger one."""
    grid = oriented_grid(orientation, shape=(20, 30, 26))
    centre = grid.to_lps((9.3, 14.6, 12.2))
    draft = Draft(name="ball", method="sphere", seed_mm=tuple(centre), radius=f"{radius_mm} mm")
    region, voxels, _ = draft_region(draft, Volume(np.zeros(grid.shape), grid), None)
    assert voxels.voxel_count * grid.voxel_volume_ml == pytest.approx(4 / 3 * np.pi * radius_mm**3 / 1000, rel=0.02)
    fraction = _mask(grid, voxels)
    index = np.argwhere(fraction)
    middle = np.average(index, axis=0, weights=fraction[tuple(index.T)])
    np.testing.assert_allclose(grid.to_lps(middle), centre, atol=0.05)
    assert region.method == f"sphere:{radius_mm:g} mm"


def test_margin_counts_millimetres_on_anisotropic_voxels():
    """One voxel grown by 6 mm on voxels of 3 × 2.5 × 2.5 mm: all voxel centres within 6 mm."""
    grid = _grid()
    seed = np.zeros(grid.shape)
    seed[20, 20, 20] = 1
    draft = Draft(name="grown", method="margin", regions=("seed",), margin="6 mm")
    _, voxels, _ = draft_region(draft, Volume(np.zeros(grid.shape), grid), _segmentation(grid, seed=seed))
    np.testing.assert_array_equal(_mask(grid, voxels), _ball(grid, grid.to_lps((20, 20, 20)), 6.0))


def test_margin_stops_at_the_edge_of_the_image():
    grid = _grid()
    seed = np.zeros(grid.shape)
    seed[0, 0, 0] = 1
    draft = Draft(name="grown", method="margin", regions=("seed",), margin="5 mm")
    _, voxels, _ = draft_region(draft, Volume(np.zeros(grid.shape), grid), _segmentation(grid, seed=seed))
    assert voxels.origin == (0, 0, 0)
    assert voxels.fraction.shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("method", "combine"),
    [
        ("union", lambda a, b: np.maximum(a, b)),
        ("intersection", lambda a, b: np.minimum(a, b)),
        ("difference", lambda a, b: np.minimum(a, 1 - b)),
    ],
)
def test_boolean_operations_on_fractions(method, combine):
    grid = _grid()
    a, b = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    a[5:15, 5:20, 5:20], b[10:25, 3:12, 8:30] = 1, 1
    a[12, 8, 9] = 0.25
    draft = Draft(name="both", method=method, regions=("a", "b"))
    region, voxels, _ = draft_region(draft, Volume(np.zeros(grid.shape), grid), _segmentation(grid, a=a, b=b))
    np.testing.assert_array_equal(_mask(grid, voxels), combine(a, b))
    assert region.method == f"{method}:a+b"


def test_name_and_kind_of_a_draft():
    image, centre = _lesion_image()
    draft = Draft(name="Left Kidney", method="sphere", seed_mm=tuple(centre), radius="10 mm")
    region = draft_region(draft, image, None)[0]
    assert (region.name, region.kind, region.code) == ("left-kidney", RegionKind.ORGAN, "64033007")
    stated = draft.model_copy(update={"kind": "lesion"})
    assert draft_region(stated, image, None)[0].kind is RegionKind.LESION


CENTRE = (3.75, 8.75, -5.5)
REFUSALS = [
    ({"method": "gradient"}, StudyError, "unknown-segmenter"),
    ({"method": "otsu"}, StudyError, "draft-needs-place"),
    ({"method": "otsu", "box_mm": ((900, 900, 900), (950, 950, 950))}, GeometryError, "draft-outside"),
    ({"method": "otsu", "seed_mm": (-60, -50, -70)}, GeometryError, "seed-below-threshold"),
    ({"method": "otsu", "seed_mm": (900, 0, 0)}, GeometryError, "seed-outside"),
    ({"method": "adaptive", "seed_mm": CENTRE}, StudyError, "draft-needs-box"),
    ({"method": "fixed-percent", "seed_mm": CENTRE}, StudyError, "draft-needs-fraction"),
    ({"method": "sphere", "seed_mm": CENTRE}, StudyError, "draft-needs-seed"),
    ({"method": "sphere", "seed_mm": (900, 0, 0), "radius": "5 mm"}, GeometryError, "draft-empty"),
    ({"method": "margin", "margin": "5 mm"}, StudyError, "draft-needs-regions"),
    ({"method": "margin", "regions": ("a",)}, StudyError, "draft-needs-margin"),
    ({"method": "union", "regions": ("a",)}, StudyError, "draft-needs-regions"),
    ({"method": "union", "regions": ("a", "b")}, GeometryError, "region-unknown"),
]


@pytest.mark.parametrize(("parameters", "error", "code"), REFUSALS)
def test_incomplete_drafts_are_refused(parameters, error, code):
    image, _ = _lesion_image()
    one = _segmentation(image.grid, a=np.ones(SHAPE))
    with pytest.raises(error) as refused:
        draft_region(Draft(name="x", **parameters), image, one)
    assert refused.value.code == code


def test_regions_on_another_grid_are_refused():
    image, centre = _lesion_image()
    other = Grid.axis_aligned((4, 4, 4), (1, 1, 1))
    draft = Draft(name="x", method="sphere", seed_mm=tuple(centre), radius="5 mm")
    with pytest.raises(GeometryError) as refused:
        draft_region(draft, image, _segmentation(other, a=np.ones((4, 4, 4))))
    assert refused.value.code == "draft-grid"


def test_fixed_percent_is_not_the_first_choice():
    assert segmenters.names()[0] == "otsu"
