"""The calibration phantoms of the simulated camera: what is in them, and that their DICOM is valid."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_support import validation_errors
from theradose.acquire.load import load_emission
from theradose.formats.tables_calibration import read_spheres
from theradose.nuclides import load_nuclide
from theradose.simulate.calibration import simulate_cylinder, simulate_spheres
from theradose.simulate.camera import load_camera

LAMBDA = load_nuclide("Lu-177").decay_constant_per_h


@pytest.fixture(scope="module")
def cylinder(tmp_path_factory):
    return simulate_cylinder(tmp_path_factory.mktemp("cylinder"), noise=False)


def test_counts_of_the_cylinder_are_those_of_its_activity(cylinder):
    """Sensitivity × duration × mean activity over the frame, less what dead time loses; blur and rounding keep counts.

    Values are stored in steps of 1/65535 of the brightest voxel or as whole counts, whose errors average out.
    """
    camera = load_camera()
    image, _ = load_emission(cylinder.image, calibrated=True)
    frame_h = camera.duration_s / 3600
    mean = np.exp(-LAMBDA * 2) * -np.expm1(-LAMBDA * frame_h) / (LAMBDA * frame_h)
    observed = image.total_counts / camera.duration_s
    # m = n exp(-nτ) with n close to m: two steps are enough.
    true = observed * np.exp(observed * np.exp(observed * 4e-6) * 4e-6)
    expected = 1000.0 * mean * camera.sensitivity_cps_per_mbq * camera.duration_s * observed / true
    assert image.volume.data.sum(dtype=np.float64) == pytest.approx(expected, rel=1e-4)


def test_written_dicom_is_valid(cylinder):
    assert validation_errors(cylinder.image / "nm.dcm") == []


def test_table_holds_the_spheres(tmp_path):
    phantom = simulate_spheres(tmp_path, noise=False)
    spheres = read_spheres(phantom.table, concentration_mbq_ml=1.5, activity_at=phantom.activity_at)
    assert sum(sphere.activity_mbq for sphere in spheres) == pytest.approx(phantom.activity_mbq, rel=1e-5)
    assert sorted(round(6 * sphere.volume_ml * 1000 / np.pi) ** (1 / 3) for sphere in spheres)[:2] == pytest.approx(
        [10, 13], rel=1e-4
    )
    assert len({sphere.name for sphere in spheres}) == len(spheres)
