"""Doses of regions by an engine: the region's own corrections times what the maps say of transport."""

import math

import numpy as np
import pytest

from theradose.dose.transported import TransportFactor, map_mean, transport_factor, transported_dose, voxel_noise
from theradose.model.dose import DoseMap, DoseStatistics, RegionDose
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.uncertainty import Uncertain

GRID = Grid.axis_aligned((1, 1, 4), (4.0, 4.0, 4.0))
VOXELS = RegionVoxels((0, 0, 1), np.array([[[1.0, 0.5]]]))


def dose_map(*values, u=None, statistics=None, engine="kernel"):
    data = np.array(values, np.float32).reshape(GRID.shape)
    spread = None if u is None else Volume(np.full(GRID.shape, u, np.float32), GRID)
    return DoseMap(data, GRID, engine=engine, u=spread, statistics=statistics)


def local_dose(value, **relative):
    dose = Uncertain.relative(value, relative)
    return RegionDose("liver", Uncertain(1800.0), dose, {"self": dose})


def test_the_mean_weighs_voxels_by_their_fraction():
    mean = map_mean(region="liver", dose=dose_map(9, 2, 5, 9), voxels=VOXELS)
    assert mean.value == pytest.approx((2 + 0.5 * 5) / 1.5) and not mean.contributions and not mean.not_stated


def test_a_sampled_mean_has_its_statistics_as_a_source_of_its_own():
    known = DoseStatistics(1000, 7, "histories", {"liver": 0.004})
    mean = map_mean(region="liver", dose=dose_map(9, 2, 2, 9, statistics=known), voxels=VOXELS)
    assert dict(mean.contributions) == {"monte-carlo:liver": pytest.approx(0.008)}
    # An engine that samples and does not say how well it knows a region is not certain of it.
    unknown = map_mean(region="spleen", dose=dose_map(9, 2, 2, 9, statistics=known), voxels=VOXELS)
    assert unknown.not_stated == {"monte-carlo:spleen"}


def test_noise_of_voxels_is_relative_to_the_mean_of_the_region():
    assert voxel_noise(dose=dose_map(1, 2, 2, 1, u=0.1), voxels=VOXELS, mean_gy=2.0) == pytest.approx(0.05)
    assert voxel_noise(dose=dose_map(1, 2, 2, 1), voxels=VOXELS, mean_gy=2.0) is None


def test_without_corrections_the_dose_is_the_mean_of_the_map():
    local, engine = dose_map(0, 2, 2, 0), dose_map(0, 2.2, 2.2, 0)
    transport = transport_factor(region="liver", dose=engine, local=local, voxels=VOXELS)
    dose = transported_dose(local=local_dose(2.0, calibration=0.03), transport=transport)
    assert dose.dose_gy.value == pytest.approx(2.2)
    # No choice between scaling and adding, so nothing but what the local dose has.
    assert dict(dose.dose_gy.contributions) == {"calibration": pytest.approx(0.066)}
    assert dose.components["self"].value == 2.0 and dose.components["transport"].value == pytest.approx(0.2)


def test_corrections_of_the_region_scale_and_their_doubt_is_a_source():
    """Recovery doubles the activity: scaling gives 2 × 2.2, adding 4 + 0.2; they differ by 0.2, rectangular."""
    transport = TransportFactor(Uncertain.relative(2.2, {"monte-carlo:liver": 0.01}), 2.0)
    dose = transported_dose(local=local_dose(4.0, calibration=0.03), transport=transport).dose_gy
    assert dose.value == pytest.approx(4.4)
    assert dose.contributions["transport:liver"] == pytest.approx(0.2 / math.sqrt(3))
    assert dose.contributions["monte-carlo:liver"] == pytest.approx(0.044)
    assert dose.contributions["calibration"] == pytest.approx(0.132)


def test_a_region_that_deposits_nothing_locally_gets_what_the_others_send():
    transport = TransportFactor(Uncertain(0.3), 0.0)
    assert transport.factor is None
    assert transported_dose(local=local_dose(0.1), transport=transport).dose_gy.value == pytest.approx(0.4)


def test_components_add_up_with_their_correlation():
    transport = TransportFactor(Uncertain.relative(1.7, {"monte-carlo:liver": 0.02}), 2.0)
    dose = transported_dose(local=local_dose(5.0, calibration=0.05, recovery=0.04), transport=transport)
    total = dose.components["self"] + dose.components["transport"]
    assert total.value == pytest.approx(dose.dose_gy.value)
    assert dict(total.contributions) == pytest.approx(dict(dose.dose_gy.contributions))
