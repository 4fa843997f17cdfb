"""A region drawn on one emission image and measured on another that is shifted by part of a voxel."""

import math

import numpy as np
import pytest
from scipy.special import erf

from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.model.transform import Registration, RigidTransform
from theradose.workflow.measurements import Measurements
from theradose.workflow.regions import Outlines

VOXEL_MM, FWHM_MM = 4.42, 7.4
GRID = Grid.axis_aligned((31, 31, 31), (VOXEL_MM,) * 3, (-15 * VOXEL_MM,) * 3)


def blurred_sphere(radius_mm, centre_mm):
    """Concentration of a unit sphere seen with a Gaussian point-spread function: closed form along the radius."""
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in GRID.shape), indexing="ij"), axis=-1)
    r = np.maximum(np.linalg.norm(GRID.to_lps(indices) - centre_mm, axis=-1), 1e-6)
    s = FWHM_MM / (2 * math.sqrt(2 * math.log(2)))
    plus, minus = (radius_mm + r) / (s * math.sqrt(2)), (radius_mm - r) / (s * math.sqrt(2))
    shells = np.exp(-(minus**2)) - np.exp(-(plus**2))
    return 0.5 * (erf(plus) + erf(minus)) - s / (r * math.sqrt(2 * math.pi)) * shells


def activity(data):
    return ActivityMap(np.asarray(data, np.float32), GRID, t_h=24.0, nuclide="Lu-177")


def total(activity_map, segmentation):
    voxels = segmentation.voxels_of("lesion")
    return float((activity_map.data[voxels.box] * voxels.fraction).sum())


@pytest.mark.parametrize("shift_voxels", [0.25, 0.5])
@pytest.mark.parametrize("volume_ml", [2.0, 4.0, 10.0, 30.0])
def test_a_shift_does_not_change_the_activity_of_a_drawn_region(volume_ml, shift_voxels):
    radius_mm = (3 * volume_ml * 1000 / (4 * math.pi)) ** (1 / 3)
    shift_mm = np.full(3, shift_voxels * VOXEL_MM)
    still = activity(blurred_sphere(radius_mm, np.zeros(3)))
    moved = activity(blurred_sphere(radius_mm, shift_mm))
    mask = RegionVoxels.from_mask(still.data > 0.5 * still.data.max())
    drawn = Segmentation(GRID, (Region("lesion"),), (mask,))
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    registrations = {
        "a": Registration(RigidTransform.identity(), "reference"),
        "b": Registration(RigidTransform(matrix), "emission"),
    }
    measurements = Measurements(
        {"a": still, "b": moved}, Outlines({"a": drawn, "b": drawn}, {("b", "lesion"): "a"}), registrations
    )
    at_home, away = total(*measurements.on("a", "lesion")), total(*measurements.on("b", "lesion"))
    # Interpolation error of a cubic spline on an image whose FWHM is 1.7 voxels; the patient is the same.
    assert away == pytest.approx(at_home, rel=0.015)


def test_a_region_with_outlines_of_its_own_is_measured_on_its_own_image():
    image = activity(np.ones(GRID.shape))
    drawn = Segmentation(GRID, (Region("lesion"),), (RegionVoxels.from_mask(np.ones(GRID.shape)),))
    measured, segmentation = Measurements({"a": image}, Outlines({"a": drawn}, {}), {}).on("a", "lesion")
    assert measured is image and segmentation is drawn
