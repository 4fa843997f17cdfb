"""Simulated planar images: sensitivity, attenuation, scatter and dead time are those that the specification states."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from theradose.data import load_yaml
from theradose.model.grid import DensityMap, Volume
from theradose.model.transform import RigidTransform
from theradose.nuclides import load_nuclide
from theradose.quantify.planar_images import primary_images
from theradose.simulate.camera import Camera
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.planar import PLANAR, planar_visit
from theradose.simulate.visit import Visit

VISIT = Visit(24, 24.0, datetime(2026, 3, 3, 10, 0, tzinfo=UTC), RigidTransform.identity(), False, False)


@pytest.fixture(scope="module")
def simulated(camera: Camera, patient: DigitalPatient):
    return planar_visit(VISIT, patient=patient, camera=camera)


def test_the_same_seed_gives_the_same_counts(camera, patient, simulated):
    again = planar_visit(VISIT, patient=patient, camera=camera)
    assert np.array_equal(again.pair.anterior, simulated.pair.anterior)


def test_an_organ_keeps_its_activity_behind_attenuation(camera, patient):
    """The geometric mean of a small region is A·C·t·e^(−μT/2) with the tissue in front and behind, μ = 0.135 cm²/g · ρ.

    The trunk at the lesion is an ellipse; straight integration of the density through its middle gives μT. A lesion of
    1.5 cm radius hardly attenuates itself (f of 3 cm is 0.993), and its lines differ by a few mm of tissue: 3 %.
    """
    lesion = next(part for part in patient.anatomy.parts if part.name == "lesion-4")
    x, _, z = lesion.solids[0].centre_mm
    line = np.stack([np.full(4000, x), np.linspace(-200, 200, 4000), np.full(4000, z)], axis=1)
    density = np.full(4000, patient.by_label("density_g_ml")[0])
    for part in patient.anatomy.parts:
        inside = np.min([solid.level(line) for solid in part.solids], axis=0) < 0
        density[inside] = patient.tissues[part.tissue].density_g_ml
    through = 0.135 * density.sum() * 400 / 4000 / 10
    spec = load_yaml(PLANAR)
    found = planar_visit(VISIT, patient=patient, camera=camera, only="lesion-4").primary
    activity = patient.region_curve("lesion-4").mean_mbq(24.0, spec["exposure_s"] / 3600)
    expected = activity * camera.sensitivity_cps_per_mbq / 2 * spec["exposure_s"] * np.exp(-through / 2)
    assert np.sqrt(found[0].sum() * found[1].sum()) == pytest.approx(expected, rel=0.03)


def test_scatter_windows_and_dead_time_give_back_the_primary_counts(camera, patient, simulated):
    """About 1.3 million counts in the peak: the total of the primary ones is known to 0.15 %; four of that allowed.

    The spectrum of scatter is a straight line, for which the triple energy window is exact.
    """
    images, findings = primary_images(
        simulated.pair, nuclide=load_nuclide("Lu-177"), method="automatic", dew_factor=None,
        dead_time_us=camera.dead_time_us,
    )  # fmt: skip
    assert findings == () and images.scatter.startswith("triple energy window")
    assert images.dead_time_factor == pytest.approx(1 / simulated.live_fraction, rel=1e-3)
    for counts, truth in ((images.anterior, simulated.primary[0]), (images.posterior, simulated.primary[1])):
        assert counts.sum() * images.dead_time_factor == pytest.approx(truth.sum(), rel=0.006)


def test_projection_of_the_truth_is_the_simulated_image(camera, patient, simulated):
    """The program's own projection of the true maps, with the density of the truth, against the simulator's: 2 %.

    They share no code but the blur; the simulator blurs by depth, the program by one width, so totals are compared.
    """
    from theradose.model.region import Segmentation
    from theradose.simulate.planar import _coarse
    from theradose.simulate.visit import MARGIN_VOXELS, fine_grid
    from theradose.spatial.projection import emission_model, planar_grid, project_regions

    fine = fine_grid(patient.anatomy, VISIT.pose, camera)
    labels = patient.anatomy.labels(fine)
    exposure_h = simulated.pair.exposure_s / 3600
    voxel_ml = (camera.voxel_mm / 10) ** 3
    inner = slice(MARGIN_VOXELS, -MARGIN_VOXELS)
    activity = _coarse(labels, patient.concentrations_mbq_ml(24.0, exposure_h) * fine.voxel_volume_ml)[::-1][inner]
    density = _coarse(labels, patient.by_label("density_g_ml"))[::-1][inner] / 64
    from theradose.model.grid import Grid

    shape = activity.shape
    origin = -(np.array(shape) - 1) / 2 * camera.voxel_mm
    grid = Grid.axis_aligned(shape, (camera.voxel_mm,) * 3, (origin[2], origin[1], origin[0]))
    parts = emission_model(Volume(activity / voxel_ml, grid), Segmentation(grid, (), ()), DensityMap(density, grid))
    found = project_regions(
        parts, planar_grid(grid, shape=(128, 128), spacing_mm=(camera.voxel_mm,) * 2), water_per_cm=0.135,
        resolution_mm=0.0, least_density=0.1,
    )  # fmt: skip
    per_mbq = camera.sensitivity_cps_per_mbq / camera.heads * simulated.pair.exposure_s
    assert float(found.anterior.sum()) * per_mbq == pytest.approx(simulated.primary[0].sum(), rel=0.02)
    assert float(found.posterior.sum()) * per_mbq == pytest.approx(simulated.primary[1].sum(), rel=0.02)
