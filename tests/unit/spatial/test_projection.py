"""Projections from front and back against exact attenuation, and the alignment of planar images with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from theradose.data import load_yaml
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.spatial.projection import align_planar, emission_model, planar_grid, project_regions, whole_model

MU = 0.135
GRID = Grid.axis_aligned((20, 30, 24), (5.0, 5.0, 5.0), (-57.5, -72.5, -47.5))
# Water from the third to the 27th row: 25 rows of 5 mm, 12.5 cm.
WATER = np.zeros(GRID.shape)
WATER[:, 2:27] = 1.0
BODY_CM = 12.5
SPOT = (slice(4, 7), slice(6, 9), slice(15, 18))


def model(background=0.0):
    activity = background * WATER
    activity[SPOT] = 2.0
    mask = np.zeros(GRID.shape)
    mask[SPOT] = 1
    regions = Segmentation(GRID, (Region("lesion-1", RegionKind.LESION),), (RegionVoxels.from_mask(mask),))
    return emission_model(Volume(activity, GRID), regions, DensityMap(WATER, GRID, method="test"))


def project(parts, grid=None, resolution_mm=0.0):
    grid = grid or planar_grid(GRID, shape=(20, 24), spacing_mm=(5.0, 5.0))
    return project_regions(parts, grid, water_per_cm=MU, resolution_mm=resolution_mm, least_density=0.1)


def test_a_planar_pixel_lies_where_it_should():
    grid = planar_grid(GRID, shape=(40, 30), spacing_mm=(4.0, 6.0))
    middle = grid.to_lps(np.array([19.5, (grid.shape[1] - 1) / 2, 14.5]))
    assert middle == pytest.approx(GRID.centre_mm)
    down = grid.to_lps((1.0, 0.0, 0.0)) - grid.to_lps((0.0, 0.0, 0.0))
    right = grid.to_lps((0.0, 0.0, 1.0)) - grid.to_lps((0.0, 0.0, 0.0))
    assert down == pytest.approx([0, 0, -4]) and right == pytest.approx([6, 0, 0])


def test_both_views_are_attenuated_exactly():
    """2 MBq/mL in 3 × 3 × 3 voxels of 0.125 mL, 20 to 35 mm below the front surface (rows 6 to 8 of 2 to 26)."""
    found = project(model())
    position = found.position("lesion-1")
    depth = np.array([4.5, 5.5, 6.5]) * 0.5
    assert found.activity_mbq[position] == pytest.approx(27 * 0.125 * 2)
    per_layer = 9 * 0.125 * 2
    assert found.anterior[position].sum() == pytest.approx(per_layer * np.exp(-MU * depth).sum(), rel=1e-5)
    assert found.posterior[position].sum() == pytest.approx(per_layer * np.exp(-MU * (BODY_CM - depth)).sum(), rel=1e-5)
    # Slices 4 to 6 of 20 from the feet are rows 13 to 15 from the head; columns run to the left as in the volume.
    rows, columns = np.nonzero(found.anterior[position])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 15, 15, 17)
    assert found.attenuation == pytest.approx(MU * BODY_CM) and found.body_cm == pytest.approx(BODY_CM)
    assert found.thickness_cm[0].max() == pytest.approx(1.5)


def test_blur_keeps_the_counts():
    sharp, blurred = (project(model(), resolution_mm=width) for width in (0.0, 10.0))
    assert blurred.anterior.sum() == pytest.approx(sharp.anterior.sum(), rel=0.01)
    # The middle of three pixels keeps its share of a Gaussian of 10 mm width on pixels of 5 mm, along both axes.
    weights = np.exp(-0.5 * (np.arange(-6, 7) * 5 * 2.3548 / 10) ** 2)
    kept = weights[5:8].sum() / weights.sum()
    assert blurred.anterior.max() == pytest.approx(kept**2 * sharp.anterior.max(), rel=0.002)


def test_the_remainder_goes_on_under_a_region():
    """The spot's blur lies around it, not in the remainder, which stays as it is far away."""
    background = model(background=0.1)
    blurred = gaussian_filter(background.sources[0].data + background.sources[1].data, 1.0)
    parts = emission_model(Volume(blurred, GRID), background.segmentation, background.density)
    remainder = parts.sources[-1].data
    near = remainder[SPOT[0], 10, SPOT[2]]
    assert near == pytest.approx(0.1, rel=0.05) and blurred[SPOT[0], 9, SPOT[2]].max() > 0.3
    assert remainder[SPOT].max() == 0.0


def test_the_whole_is_the_sum_of_its_parts():
    parts = model(background=0.1)
    assert project(whole_model(parts)).total == pytest.approx(project(parts).total, rel=1e-5)


@pytest.mark.parametrize("moved", [(0.0, 0.0), (12.5, -7.5), (-20.0, 15.0)])
def test_a_known_shift_is_found(moved):
    """Patient further towards head and left by `moved` mm; a tenth of a pixel of 5 mm is what a parabola leaves."""
    projection = project(model(background=0.1), planar_grid(GRID, shape=(40, 40), spacing_mm=(5.0, 5.0)), 12.0).total
    image = shift(projection, (-moved[0] / 5, moved[1] / 5), order=1)
    noisy = np.random.default_rng(1).poisson(image * 3000)
    found = align_planar(noisy, projection, spacing_mm=(5.0, 5.0), reach_mm=(40.0, 40.0))
    assert found.shift_mm == pytest.approx(moved, abs=1.5)
    assert found.correlation > 0.95


def test_the_shifted_grid_undoes_the_shift():
    """A projection on the grid of a shift looks as the image of a patient who lies shifted."""
    size = {"shape": (40, 40), "spacing_mm": (5.0, 5.0)}
    still = project(model(background=0.1), planar_grid(GRID, **size), 12.0).total
    moved = project(model(background=0.1), planar_grid(GRID, **size, shift_mm=(10.0, -15.0)), 12.0).total
    assert moved == pytest.approx(np.roll(still, (-2, -3), axis=(0, 1)), abs=1e-4)


def test_a_whole_body_scan_is_searched_along_its_length():
    """The trunk lies 240 mm below the middle of a scan of 1 m; rows beyond the SPECT hold nothing of it."""
    size = {"shape": (200, 40), "spacing_mm": (5.0, 5.0)}
    projection = project(model(background=0.1), planar_grid(GRID, **size), 12.0)
    assert not projection.attenuation[:80].any() and projection.attenuation[95:105].any()
    image = np.random.default_rng(3).poisson(3000 * shift(projection.total, (48, 0), order=1))
    found = align_planar(image, projection.total, spacing_mm=(5.0, 5.0), reach_mm=(500.0, 60.0))
    assert found.shift_mm == pytest.approx((-240.0, 0.0), abs=1.5)
    moved = project(model(background=0.1), planar_grid(GRID, **size, shift_mm=found.shift_mm), 12.0)
    assert np.corrcoef(moved.total.ravel(), image.ravel())[0, 1] > 0.98


def test_unrelated_images_do_not_correlate():
    noise = np.random.default_rng(2).poisson(50, (40, 40)).astype(float)
    projection = project(model(background=0.1), planar_grid(GRID, shape=(40, 40), spacing_mm=(5.0, 5.0)), 12.0).total
    found = align_planar(noise, projection, spacing_mm=(5.0, 5.0), reach_mm=(40.0, 40.0))
    assert found.correlation < load_yaml("planar.yaml")["alignment_correlation"]["value"]


def test_transmission_of_the_body():
    assert float(project(model()).attenuation[0, 0]) == pytest.approx(-math.log(math.exp(-MU * BODY_CM)), rel=1e-5)
