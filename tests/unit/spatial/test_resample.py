from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatial_phantom import motion
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.model.transform import RigidTransform
from theradose.spatial.averages import average_volume, block_mean
from theradose.spatial.resample import lost_activity, resample_activity, resample_segmentation, resample_volume

SOURCE = Grid.axis_aligned((30, 34, 32), (4.4, 4.4, 4.4), (-68.0, -72.0, -64.0), "1.2.3")


def smooth_blob(grid: Grid, centre: tuple[float, float, float] = (3, -5, 2), sigma_mm: float = 12.0) -> np.ndarray:
    points = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.exp(-((points - centre) ** 2).sum(axis=-1) / (2 * sigma_mm**2)).astype(np.float32)


def voxel_noise(grid: Grid) -> np.ndarray:
    """Exponential noise without any correlation between voxels, in the middle of the grid."""
    data = np.zeros(grid.shape, np.float32)
    data[6:-6, 6:-6, 6:-6] = np.random.default_rng(7).exponential(1.0, (18, 22, 20))
    return data


def wide_target(step: tuple[float, float, float]) -> Grid:
    """A grid that holds the source whole, at any rotation."""
    shape = tuple(int(np.ceil(260 / s)) for s in step)
    return Grid.axis_aligned(shape, step, (-129.3, -131.1, -127.7))


TILTED = motion(rotation_deg=(3, -5, 8), shift_mm=(6.3, -3.7, 9.1))
# Between neighbouring sub-voxel distances the sum of interpolated values beats with the grid (up to 0.2 %);
# of uncorrelated noise in 7920 voxels a residue of the order of 10 % / √7920 remains.
SMOOTH_TOLERANCE, NOISE_TOLERANCE = 0.001, 0.004


@pytest.mark.parametrize("transform", [None, TILTED, motion(rotation_deg=(0, 0, 45), shift_mm=(1, 2, 3))])
@pytest.mark.parametrize(
    "step", [(4.4, 4.4, 4.4), (4.8, 4.8, 4.8), (5.0, 3.0, 3.0), (9.0, 6.0, 7.0), (14.0, 14.0, 14.0)]
)
def test_activity_is_conserved_at_any_spacing_and_rotation(
    step: tuple[float, float, float], transform: RigidTransform | None
) -> None:
    target = wide_target(step)
    for data, tolerance in ((smooth_blob(SOURCE), SMOOTH_TOLERANCE), (voxel_noise(SOURCE), NOISE_TOLERANCE)):
        activity = ActivityMap(data, SOURCE, t_h=4.0, nuclide="Lu-177")
        moved = resample_activity(activity, target, transform=transform)
        assert moved.total_mbq == pytest.approx(activity.total_mbq, rel=tolerance)
        assert lost_activity(activity, target, transform=transform) == (0.0, ())


def test_point_sampling_of_a_coarse_grid_would_not_conserve() -> None:
    activity = ActivityMap(voxel_noise(SOURCE), SOURCE)
    target = wide_target((14.0, 14.0, 14.0))
    sampled = resample_volume(activity, target)
    assert abs(sampled.data.sum() * target.voxel_volume_ml / activity.total_mbq - 1) > 0.01


def test_metadata_stay_and_identity_changes_nothing() -> None:
    activity = ActivityMap(
        voxel_noise(SOURCE), SOURCE, t_h=24.0, nuclide="Lu-177", calibration="cam", counts_per_mbq=9.0
    )
    same = resample_activity(activity, replace(SOURCE, frame_of_reference="9"), transform=RigidTransform.identity())
    assert np.array_equal(same.data, activity.data)
    assert (same.t_h, same.nuclide, same.calibration, same.counts_per_mbq) == (24.0, "Lu-177", "cam", 9.0)
    assert same.grid.frame_of_reference == "9"


def test_shift_by_one_voxel_moves_voxels_exactly_and_against_the_transform() -> None:
    data = voxel_noise(SOURCE)
    # The target point p shows the source at p + 4.4 mm in x: the image moves by one column to the left.
    transform = motion(rotation_deg=(0, 0, 0), shift_mm=(4.4, 0, 0))
    moved = average_volume(Volume(data, SOURCE), SOURCE, transform=transform)
    assert np.allclose(moved.data[:, :, :-1], data[:, :, 1:], atol=1e-5)


def test_linear_field_is_reproduced_exactly_under_motion() -> None:
    gradient = np.array([0.3, -0.7, 0.45])
    points = SOURCE.to_lps(np.moveaxis(np.indices(SOURCE.shape), 0, -1))
    field = Volume((points @ gradient).astype(np.float32), SOURCE)
    target = Grid.axis_aligned((8, 9, 7), (5.0, 3.3, 4.1), (-10.0, -12.0, -15.0))
    expected = TILTED.apply(target.to_lps(np.moveaxis(np.indices(target.shape), 0, -1))) @ gradient
    assert np.allclose(resample_volume(field, target, transform=TILTED).data, expected, atol=1e-3)
    assert np.allclose(average_volume(field, target, transform=TILTED).data, expected, atol=1e-3)


def test_fill_begins_at_the_border_of_the_outer_voxels() -> None:
    ones = Volume(np.ones(SOURCE.shape, np.float32), SOURCE)
    target = Grid.axis_aligned((30, 34, 64), (4.4, 4.4, 2.2), (-68.0 - 3.3, -72.0, -64.0))
    row = resample_volume(ones, target, fill=-5.0).data[10, 10]
    # Centres 3.3 mm outside the first centre lie beyond the voxel's edge at 2.2 mm, those at 1.1 mm inside it.
    assert row[0] == -5.0
    assert np.all(row[1:] == 1.0)


def test_labels_keep_their_type_and_values() -> None:
    labels = Volume(np.random.default_rng(0).integers(0, 9, SOURCE.shape).astype(np.int16), SOURCE)
    moved = resample_volume(labels, wide_target((3.0, 3.0, 3.0)), transform=TILTED, order=0)
    assert moved.data.dtype == np.int16
    assert set(np.unique(moved.data)) == set(range(9))


def test_there_and_back_restores_a_smooth_image() -> None:
    blob = Volume(smooth_blob(SOURCE), SOURCE)
    there = resample_volume(blob, SOURCE, transform=TILTED)
    back = resample_volume(there, SOURCE, transform=TILTED.inverse())
    # A linear interpolation flattens the top by at most h²/(8σ²) per axis, here twice along three axes.
    assert np.abs(back.data - blob.data).max() < 2 * 3 * 4.4**2 / (8 * 12.0**2)


@settings(max_examples=15, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 100))
def test_resampling_is_linear(first: float, second: float, seed: int) -> None:
    grid = Grid.axis_aligned((6, 7, 8), (4.0, 4.0, 4.0))
    target = Grid.axis_aligned((5, 5, 5), (6.0, 6.0, 6.0), (-3.0, 0.0, 2.0))
    a, b = np.random.default_rng(seed).normal(size=(2, *grid.shape)).astype(np.float32)
    combined = average_volume(Volume(first * a + second * b, grid), target, transform=TILTED).data
    separate = [average_volume(Volume(part, grid), target, transform=TILTED).data for part in (a, b)]
    assert np.allclose(combined, first * separate[0] + second * separate[1], atol=1e-4)


def test_activity_outside_the_target_is_reported() -> None:
    data = np.zeros(SOURCE.shape, np.float32)
    data[5:25, 5:25, 5:25] = 1.0
    activity = ActivityMap(data, SOURCE)
    # The target begins at slice 15: half of the twenty occupied slices are lost.
    target = Grid.axis_aligned((15, 34, 32), (4.4, 4.4, 4.4), (-68.0, -72.0, -64.0 + 15 * 4.4))
    fraction, findings = lost_activity(activity, target, where="tp2")
    assert fraction == pytest.approx(0.5)
    assert [(f.code, f.severity, f.where) for f in findings] == [("activity-outside-grid", "warning", "tp2")]
    kept = resample_activity(activity, target).total_mbq
    assert kept == pytest.approx((1 - fraction) * activity.total_mbq, rel=1e-5)


def test_lost_activity_follows_the_transform() -> None:
    activity = ActivityMap(smooth_blob(SOURCE, sigma_mm=8.0), SOURCE)
    away = motion(rotation_deg=(0, 0, 0), shift_mm=(0, 0, 500))
    fraction, findings = lost_activity(activity, SOURCE, transform=away)
    assert fraction == pytest.approx(1.0)
    assert findings


def test_block_means_keep_the_integral_and_the_position() -> None:
    data = voxel_noise(SOURCE)
    reduced = block_mean(Volume(data, SOURCE), (4, 3, 2))
    assert reduced.grid.shape == (8, 12, 16)
    assert reduced.data.sum() * reduced.grid.voxel_volume_ml == pytest.approx(
        data.sum() * SOURCE.voxel_volume_ml, rel=1e-5
    )
    assert np.allclose(reduced.grid.corners_mm()[0], SOURCE.corners_mm()[0])
    assert reduced.data[2, 3, 5] == pytest.approx(data[8:12, 9:12, 10:12].mean(), rel=1e-5)


def ball(grid: Grid, centre: tuple[float, float, float], radius_mm: float) -> RegionVoxels:
    points = grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1))
    return RegionVoxels.from_mask(((points - centre) ** 2).sum(axis=-1) <= radius_mm**2)


def centroid(segmentation: Segmentation, name: str) -> np.ndarray:
    voxels = segmentation.voxels_of(name)
    index = np.moveaxis(np.indices(voxels.fraction.shape), 0, -1) + voxels.origin
    return np.average(segmentation.grid.to_lps(index).reshape(-1, 3), axis=0, weights=voxels.fraction.ravel())


@pytest.mark.parametrize("step", [1.5, 4.4, 8.0])
def test_regions_keep_volume_and_follow_the_motion(step: float) -> None:
    fine = Grid.axis_aligned((60, 60, 60), (2.0, 2.0, 2.0), (-59.0, -59.0, -59.0))
    regions = (Region("liver"), Region("lesion"), Region("elsewhere"))
    voxels = (ball(fine, (5, 0, -4), 30.0), ball(fine, (20, 8, 3), 9.0), RegionVoxels.from_mask(np.zeros(fine.shape)))
    segmentation = Segmentation(fine, regions, voxels)
    moved = resample_segmentation(segmentation, wide_target((step, step, step)), transform=TILTED)
    assert moved.names == segmentation.names
    for name, tolerance in (("liver", 0.001), ("lesion", 0.005)):
        assert moved.volume_ml(name) == pytest.approx(segmentation.volume_ml(name), rel=tolerance)
        assert np.allclose(TILTED.apply(centroid(moved, name)), centroid(segmentation, name), atol=0.1)
        assert 0.0 <= moved.voxels_of(name).fraction.min() <= moved.voxels_of(name).fraction.max() <= 1.0
    assert moved.volume_ml("elsewhere") == 0.0


def test_regions_stay_in_small_boxes() -> None:
    huge = Grid.axis_aligned((512, 512, 512), (1.0, 1.0, 1.0))
    voxels = RegionVoxels((250, 260, 270), np.ones((6, 6, 6), np.float32))
    segmentation = Segmentation(huge, (Region("lesion"),), (voxels,))
    shifted = motion(rotation_deg=(0, 0, 0), shift_mm=(0.5, 0.5, 0.5))
    moved = resample_segmentation(segmentation, huge, transform=shifted).voxels_of("lesion")
    assert moved.fraction.shape == (7, 7, 7)
    # Half a voxel along each axis: a face voxel is half inside, a corner one eighth.
    assert moved.fraction[3, 3, 0] == pytest.approx(0.5)
    assert moved.fraction[0, 0, 0] == pytest.approx(0.125)


def test_a_region_outside_the_target_becomes_empty() -> None:
    segmentation = Segmentation(SOURCE, (Region("lesion"),), (ball(SOURCE, (0, 0, 0), 10.0),))
    far = Grid.axis_aligned((5, 5, 5), (4.0, 4.0, 4.0), (1000.0, 0.0, 0.0))
    assert resample_segmentation(segmentation, far).volume_ml("lesion") == 0.0
