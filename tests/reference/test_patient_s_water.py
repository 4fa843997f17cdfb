"""S values by Monte Carlo between two organs of water: what holds whatever the program, with 131I.

Reciprocity of the specific absorbed fraction, S(A ← B) = S(B ← A), in one medium (MIRD pamphlet 21); the S value of a
sphere by the point kernels; and the emitted energy, which is absorbed somewhere or escapes.
"""

import math

import numpy as np
import pytest

from theradose.dose.engines import dose_engines, transport_settings
from theradose.dose.local import emitted_energy_j
from theradose.dose.patient_s import patient_s_values
from theradose.dose.sphere import ellipsoid_s_value
from theradose.model.grid import DensityMap, Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.nuclides import load_nuclide

SIDE_MM, RADIUS_MM = 6.0, 36.0
GRID = Grid.axis_aligned((40, 40, 48), (SIDE_MM,) * 3)
DECAYS = 200_000
SOURCES = ("sphere", "box")


def phantom():
    """A sphere and a box, 11 cm apart, in a block of water; what is neither is the third region."""
    z, y, x = ((index + 0.5) * SIDE_MM for index in np.indices(GRID.shape))
    z, y, x = z - 120, y - 120, x - 144
    sphere = z**2 + y**2 + (x + 60) ** 2 <= RADIUS_MM**2
    box = (abs(z) < 30) & (abs(y) < 18) & (abs(x - 48) < 18)
    masks = {"sphere": sphere, "box": box, "rest": ~(sphere | box)}
    voxels = tuple(RegionVoxels.from_mask(mask) for mask in masks.values())
    return Segmentation(GRID, tuple(map(Region, masks)), voxels)


@pytest.fixture(scope="module")
def computed():
    """The table, and the energy account of the engine for each source."""
    engine, accounts = dose_engines.get("montecarlo"), []

    def recording(request):
        dose, findings = engine(request)
        accounts.append(dose.energy)
        return dose, findings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dose_engines, "get", lambda name: recording)
        table, _ = patient_s_values(
            density=DensityMap(np.ones(GRID.shape, np.float32), GRID),
            segmentation=phantom(),
            nuclide=load_nuclide("I-131"),
            engine="montecarlo",
            sources=SOURCES,
            transport=transport_settings(histories=DECAYS),
        )
    return table, dict(zip(SOURCES, accounts, strict=True))


def test_cross_s_values_are_reciprocal(computed):
    """Each is known within 2 to 4 %; 4 standard uncertainties of the difference."""
    table, _ = computed
    there, back = table.value(target="box", source="sphere"), table.value(target="sphere", source="box")
    u = math.hypot(there.u_gy_per_mbq_h, back.u_gy_per_mbq_h)
    assert 0 < u < 0.06 * there.gy_per_mbq_h
    assert abs(there.gy_per_mbq_h - back.gy_per_mbq_h) < 4 * u


def test_the_sphere_is_that_of_the_point_kernels(computed):
    """Within 1 %: 0.1 % of statistics, the larger surface of a sphere of voxels, and no water beyond 12 cm."""
    table, _ = computed
    own = table.value(target="sphere", source="sphere")
    assert own.relative_u < 0.002
    expected = ellipsoid_s_value(nuclide="I-131", mass_g=table.mass_g["sphere"], chain="equilibrium")
    assert own.gy_per_mbq_h == pytest.approx(3.6 * expected.s_mgy_per_mbq_s, rel=0.01)


def test_all_energy_is_absorbed_in_a_target_or_escapes(computed):
    """Exact but for single precision of the map; a good part of the photons of 131I leaves the block."""
    table, accounts = computed
    for source, account in accounts.items():
        absorbed_j = sum(
            table.value(target=target, source=source).gy_per_mbq_h * table.mass_g[target] * 1e-3
            for target in table.targets
        )
        escaped_j, emitted_j = (sum(getattr(part, key) for part in account) for key in ("escaped_j", "emitted_j"))
        assert absorbed_j + escaped_j == pytest.approx(emitted_j, rel=1e-5)
        assert 0.2 < escaped_j / emitted_j < 0.6
        # About 190 keV of electrons and 380 keV of photons per decay; evaluations differ by less than 1 %.
        assert emitted_j == pytest.approx(emitted_energy_j(tia_mbq_h=1, energy_kev=191.8 + 382.7), rel=0.01)
