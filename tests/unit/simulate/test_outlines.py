"""Outlines of true regions: volumes, holes and position."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.model.contour import Contour
from theradose.simulate.camera import Camera
from theradose.simulate.outlines import outline_regions
from theradose.simulate.patient import DigitalPatient
from theradose.spatial.rasterise import rasterise


def _area_ml(contour: Contour, spacing_mm: float) -> float:
    x, y = contour.points_mm[:, 0], contour.points_mm[:, 1]
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) * spacing_mm / 1000


def test_outlines_hold_the_true_volumes(camera: Camera, patient: DigitalPatient):
    grid = camera.ct_grid("1.2.3")
    names = ("liver", "left-kidney", "lesion-1", "lesion-3")
    contours = outline_regions(patient.anatomy, names, grid, series_uid="1.2.4", drafted_by="reader")
    assert contours.names == names
    for region in contours.regions:
        # Outlines and holes turn in opposite directions, so that signed areas add up to the region.
        volume = abs(sum(_area_ml(contour, grid.spacing_mm[0]) for contour in region.contours))
        # Slices of 3.3 mm through a lesion of 30 mm: the midpoint rule is good to about 1 %.
        assert volume == pytest.approx(patient.region_volume_ml(region.name), rel=0.01)
    kinds = {region.name: region.interpreted_type for region in contours.regions}
    assert kinds["liver"] == "ORGAN"
    assert kinds["lesion-1"] == "GTV"


def test_vertices_lie_on_the_surface(camera: Camera, patient: DigitalPatient):
    contours = outline_regions(
        patient.anatomy, ("lesion-3",), camera.ct_grid("1.2.3"), series_uid="1.2.4", drafted_by="reader"
    )
    solid = patient.anatomy.parts[patient.anatomy.parts_of("lesion-3")[0]].solids[0]
    points = np.concatenate([contour.points_mm for contour in contours.region("lesion-3").contours])
    # The level is the distance over the radius of about 16 mm; interpolation over 1.2 mm leaves 0.05 mm.
    assert np.abs(solid.level(points)).max() < 0.05 / 10


def test_a_lesion_is_a_hole_in_the_liver(camera: Camera, patient: DigitalPatient):
    grid = camera.ct_grid("1.2.3")
    contours = outline_regions(patient.anatomy, ("liver", "lesion-1"), grid, series_uid="1.2.4", drafted_by="reader")
    segmentation, _ = rasterise(contours, grid)
    assert not (segmentation.mask("liver") * segmentation.mask("lesion-1")).any()
    centre = patient.anatomy.parts[patient.anatomy.parts_of("lesion-1")[0]].solids[0].centre_mm
    z, y, x = np.round(grid.to_index(centre)).astype(int)
    assert segmentation.mask("liver")[z, y, x] == 0
    assert segmentation.mask("lesion-1")[z, y, x] == 1
    for name in ("liver", "lesion-1"):
        assert segmentation.volume_ml(name) == pytest.approx(patient.region_volume_ml(name), rel=0.015)
