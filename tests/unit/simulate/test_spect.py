"""Simulated SPECT and CT: activity is conserved, noise and resolution are what is stated."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from theradose.model.grid import Grid
from theradose.model.transform import RigidTransform
from theradose.quantify.dead_time import true_count_rate
from theradose.simulate.camera import FINE_PER_VOXEL, Camera
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.solids import ellipsoid, paint
from theradose.simulate.spect import block_sum, blurred_activity, count_image, ct_image, ellipse_transmission, embed

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@pytest.fixture(scope="module")
def short(camera: Camera) -> Camera:
    """A field of view of eight slices."""
    return replace(camera, shape=(8, 32, 32))


def _sphere(camera: Camera, centre_mm: tuple[float, float, float], radius_mm: float) -> tuple[np.ndarray, Grid]:
    fine = camera.fine_grid(half_width_mm=(66, 66), margin_voxels=0)
    labels = np.zeros(fine.shape, np.uint8)
    paint(labels, fine, ellipsoid(centre_mm, [radius_mm] * 3), 1)
    return labels, fine


def test_blur_conserves_activity(camera: Camera):
    small = replace(camera, shape=(24, 32, 32))
    labels, fine = _sphere(small, (10, 5, 2), 12.0)
    activity = blurred_activity(labels, np.array([0.0, 2.0]), fine, small)
    true_mbq = 2.0 * labels.sum() * fine.voxel_volume_ml
    # Single precision and the kernel cut off at four standard deviations.
    assert activity.sum(dtype=float) == pytest.approx(true_mbq, rel=1e-4)


@pytest.mark.parametrize("distance_mm", [0.0, 40.0])
def test_resolution_is_the_stated_one(camera: Camera, distance_mm: float):
    small = replace(camera, shape=(24, 32, 32))
    labels, fine = _sphere(small, (distance_mm, 0, 0), 2.0)
    activity = blurred_activity(labels, np.array([0.0, 1.0]), fine, small)
    axial = activity.sum(axis=(1, 2), dtype=float)
    z = small.voxel_mm * np.arange(len(axial))
    mean = (axial * z).sum() / axial.sum()
    variance = (axial * (z - mean) ** 2).sum() / axial.sum()
    # The voxel (side a) and the sphere (radius r) add a²/12 and r²/5.
    variance -= small.voxel_mm**2 / 12 + 2.0**2 / 5
    assert math.sqrt(variance) * FWHM_PER_SIGMA == pytest.approx(small.fwhm_mm(distance_mm), rel=0.02)


def test_regions_before_blur_hold_their_true_activity(camera: Camera, patient: DigitalPatient):
    """The moved patient, sampled anew, holds the same activity in every region (sampling error below 1 %)."""
    moved = np.eye(4)
    moved[:3, 3] = (3.1, -4.2, 5.3)
    fine = camera.fine_grid(half_width_mm=patient.anatomy.half_width_mm, margin_voxels=1)
    labels = patient.anatomy.moved(RigidTransform(moved)).labels(fine)
    counts = np.bincount(labels.ravel(), minlength=len(patient.anatomy.parts) + 1)
    activity = counts * fine.voxel_volume_ml * patient.concentrations_mbq_ml(24.0, 0.0)
    for region in patient.anatomy.region_names:
        found = sum(activity[member + 1] for member in patient.anatomy.parts_of(region))
        true = float(patient.region_curve(region).activity_mbq(24.0))
        # Vertebrae are a few layers of the sampling grid thick, and one of them stands almost straight on it.
        assert found == pytest.approx(true, rel=0.05 if region.endswith("spongiosa") else 0.01)


def test_counts_without_noise(short: Camera):
    activity = np.full(short.shape, 0.5)
    image = count_image(activity, short, transmission=np.ones(short.shape[1:]), rng=None, dead_time=False)
    assert image.counts == pytest.approx(0.5 * short.sensitivity_cps_per_mbq * 1200)
    assert image.live_fraction == 1.0
    assert image.accumulated_counts == pytest.approx(image.counts.sum(), rel=1e-6)


def test_dead_time_is_undone_by_the_recorded_rate(short: Camera):
    activity = np.full(short.shape, 0.5)
    transmission = np.full(short.shape[1:], 0.3)
    image = count_image(activity, short, transmission=transmission, rng=None)
    observed = image.accumulated_counts / short.duration_s
    true = true_count_rate(observed_cps=observed, dead_time_us=short.dead_time_us)
    assert image.live_fraction < 0.99
    assert true / observed * image.counts.sum() == pytest.approx(
        activity.sum() * short.sensitivity_cps_per_mbq * short.duration_s, rel=1e-6
    )


def test_noise_has_the_stated_variance_and_no_bias(short: Camera):
    # Block sums far wider than the correlation length have the variance of their packets of counts.
    rng = np.random.default_rng(1)
    activity = np.full((8, 32, 32), 0.05)
    transmission = np.full((32, 32), 0.25)
    inner = np.s_[2:-2, 8:-8, 8:-8]
    # A filter with constant surroundings loses at the edge, so the sums are taken well inside.
    sums = np.array(
        [
            count_image(activity, short, transmission=transmission, rng=rng, dead_time=False).counts[inner].sum()
            for _ in range(300)
        ]
    )
    expected = 0.05 * short.sensitivity_cps_per_mbq * short.duration_s * 4 * 16 * 16
    poisson = math.sqrt(expected * short.variance_gain / 0.25)
    # Mean of 300: three standard errors. Width: smoothing across the border of the block lowers it by up to a
    # third; 300 sums determine it within 4 %.
    assert abs(sums.mean() - expected) < 3 * poisson / math.sqrt(300)
    assert 0.55 * poisson < sums.std(ddof=1) < 1.1 * poisson


def test_noise_grows_towards_the_middle(camera: Camera):
    short = replace(camera, shape=(16, 64, 64))
    axis = short.voxel_mm * (np.arange(64) - 31.5)
    transmission = ellipse_transmission((130.0, 100.0), x_mm=axis, y_mm=axis, camera=short)
    activity = np.full(short.shape, 0.01)
    rng = np.random.default_rng(2)
    images = np.array([count_image(activity, short, transmission=transmission, rng=rng).counts for _ in range(10)])
    middle, edge = np.s_[28:36, 28:36], np.s_[28:36, 4:8]
    found = images[(..., *middle)].std(axis=0).mean() / images[(..., *edge)].std(axis=0).mean()
    expected = math.sqrt((1 / transmission[middle]).mean() / (1 / transmission[edge]).mean())
    # Ten images of more than 500 voxels, neighbours correlated: about 3 %.
    assert expected > 1.2
    assert found == pytest.approx(expected, rel=0.1)


def test_transmission_of_a_circle(camera: Camera):
    # In the middle every path is one radius; outside nothing is lost; towards the edge less is lost.
    x = np.array([-150.0, 0.0, 60.0, 95.0])
    transmission = ellipse_transmission((100.0, 100.0), x_mm=x, y_mm=np.array([0.0]), camera=camera)[0]
    assert transmission[1] == pytest.approx(math.exp(-camera.attenuation_per_cm * 10))
    assert transmission[0] == 1.0
    assert transmission[1] < transmission[2] < transmission[3] < 1


def test_ct_shows_the_tissues(camera: Camera, patient: DigitalPatient):
    fine = camera.fine_grid(half_width_mm=patient.anatomy.half_width_mm, margin_voxels=1)
    labels = patient.anatomy.labels(fine)
    ct = ct_image(labels, patient.by_label("hu"), camera, rng=np.random.default_rng(3))
    assert ct.data.dtype == np.int16
    assert ct.data.shape == (120, 256, 256)
    hu = patient.tissues
    for part in patient.anatomy.parts:
        if part.name in ("liver", "spleen"):
            z, y, x = np.round(ct.grid.to_index(part.solids[0].centre_mm)).astype(int)
            block = ct.data[z - 1 : z + 2, y - 3 : y + 4, x - 3 : x + 4]
            # 147 voxels: three standard errors of the mean.
            margin = 3 * camera.ct["noise_hu"] / math.sqrt(block.size)
            near_lesion = any(
                np.linalg.norm(other.solids[0].centre_mm - part.solids[0].centre_mm) < 40
                for other in patient.anatomy.parts
                if other.site == "liver"
            )
            if not near_lesion or part.name == "spleen":
                assert abs(block.mean() - hu[part.tissue].hu) < margin
    assert abs(ct.data[:, :20].mean() - hu["air"].hu) < 1


def test_blocks_and_embedding():
    values = np.arange(4 * 4 * 2.0).reshape(4, 4, 2)
    summed = block_sum(values, (2, 2, 2))
    assert summed.shape == (2, 2, 1)
    assert summed[0, 0, 0] == values[:2, :2, :2].sum()
    full = embed(np.ones((2, 2, 2)), (4, 4, 4), fill=-1)
    assert full.sum() == 8 - 56
    assert full[1:3, 1:3, 1:3].all()


def test_grids_share_the_field_of_view(camera: Camera):
    emission, ct = camera.emission_grid(), camera.ct_grid()
    assert ct.corners_mm() == pytest.approx(emission.corners_mm())
    fine = camera.fine_grid(half_width_mm=(1000, 1000), margin_voxels=2)
    assert fine.shape == (94 * FINE_PER_VOXEL, 128 * FINE_PER_VOXEL, 128 * FINE_PER_VOXEL)
    assert max(fine.spacing_mm) <= 2
