import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.local import local_dose, local_dose_constant, local_dose_rate, mass_range_findings, region_dose
from theradose.errors import PhysicsError
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.nuclides import load_nuclide
from theradose.uncertainty import Uncertain

GRID = Grid.axis_aligned((2, 2, 2), (4.0, 4.0, 4.0))
LUTETIUM = load_nuclide("Lu-177")


def _request(tia, density):
    return DoseRequest(Volume(tia, GRID), DensityMap(density, GRID, "test"), LUTETIUM)


@pytest.mark.parametrize(
    ("nuclide", "constant"),
    # Local energy deposition of the DDEP evaluations, Gy·g/(MBq·h), printed to four digits.
    [("Lu-177", 0.0851), ("Y-90", 0.5344), ("Ho-166", 0.4002), ("I-131", 0.1112)],
)
def test_dose_constants(nuclide, constant):
    energy = load_nuclide(nuclide).electron_energy_kev.value
    assert local_dose_constant(electron_energy_kev=energy) == pytest.approx(constant, abs=0.00005 + 1e-4 * constant)


def test_dose_is_tia_times_constant_over_density():
    tia = np.full(GRID.shape, 100.0, np.float32)
    dose, _ = local_dose(_request(tia, np.full(GRID.shape, 1.04, np.float32)))
    constant = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value)
    assert dose.engine == "local"
    assert np.allclose(dose.data, 100 * constant / 1.04, rtol=1e-6)


def test_energy_is_conserved_over_tissues():
    # Mass times dose must be the emitted electron energy, whatever the density.
    rng = np.random.default_rng(1)
    tia = rng.uniform(0, 50, GRID.shape)
    density = rng.uniform(0.26, 1.92, GRID.shape)
    dose, _ = local_dose(_request(tia, density))
    constant = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value)
    assert (dose.data * density).sum() == pytest.approx(constant * tia.sum(), rel=1e-6)


def test_air_gets_no_dose_and_is_reported():
    density = np.full(GRID.shape, 1.0)
    density[0] = 0.0012
    dose, findings = local_dose(_request(np.ones(GRID.shape), density))
    assert (dose.data[0] == 0).all()
    assert "activity-in-air" in {finding.code for finding in findings}


def test_different_grids_are_refused():
    other = Grid.axis_aligned((2, 2, 2), (5.0, 4.0, 4.0))
    with pytest.raises(PhysicsError, match="different grids"):
        DoseRequest(Volume(np.ones(GRID.shape), GRID), DensityMap(np.ones(GRID.shape), other, "test"), LUTETIUM)


@given(st.floats(0.01, 1e3))
def test_dose_is_linear_in_activity(scale):
    tia, density = np.full(GRID.shape, 3.0), np.full(GRID.shape, 1.04)
    one, _ = local_dose(_request(tia, density))
    many, _ = local_dose(_request(tia * scale, density))
    assert np.allclose(many.data, scale * one.data, rtol=1e-5)


def test_dose_rate_of_a_uniform_concentration():
    rate = local_dose_rate(
        activity=Volume(np.full(GRID.shape, 2.0), GRID),
        density=DensityMap(np.full(GRID.shape, 1.0), GRID, "test"),
        nuclide=LUTETIUM,
    )
    assert np.allclose(rate.data, 2 * 0.08506, rtol=1e-3)


def test_region_dose_carries_the_correlation_of_volume():
    # The volume source acts on activity (+10 %) and on mass (+25 %): on the dose it is −15 %, not √(10² + 25²).
    curve = TimeActivityCurve("liver", [4.0, 24.0], [2.0, 1.0], [0.1, 0.1], {}, "test")
    value = Uncertain.relative(1000.0, {"volume:liver": 0.10, "fit:liver": 0.02})
    tia = TimeIntegratedActivity("liver", value, Uncertain(60.0), 0.1, 0.1, "mono", (), curve)
    dose = region_dose(tia=tia, mass_g=Uncertain.relative(1800.0, {"volume:liver": 0.25}), nuclide=LUTETIUM).dose_gy
    assert dose.contributions["volume:liver"] / dose.value == pytest.approx(-0.15)
    # The electron energy is known to 0.3 keV of 147.47 keV.
    constant = 0.3 / 147.47
    assert dose.contributions["dose-constant:Lu-177"] / dose.value == pytest.approx(constant)
    assert dose.relative_u == pytest.approx(math.hypot(0.15, 0.02, constant))


@pytest.mark.parametrize(("mass_g", "warned"), [(1.9, True), (2.0, False), (300.0, False), (301.0, True)])
def test_local_deposition_warns_outside_its_mass_range(mass_g, warned):
    """R1 (de Wit-van der Veen 2023): solid tissue of 2 to 300 g."""
    findings = mass_range_findings("liver", mass_g=mass_g)
    assert [finding.code for finding in findings] == (["local-outside-mass-range"] if warned else [])
    assert all("2 to 300 g" in finding.message for finding in findings)


def test_the_engine_is_registered():
    assert dose_engines.get("local") is local_dose
    with pytest.raises(PhysicsError, match="valid names are"):
        dose_engines.get("magic")
