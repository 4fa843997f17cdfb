from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import GeometryError, PhysicsError
from theradose.model.grid import DensityMap, Grid
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.spatial.density import assumed_density
from theradose.spatial.masses import region_mass
from theradose.uncertainty import covariance

GRID = Grid.axis_aligned((10, 10, 10), (5.0, 5.0, 5.0))


def segmentation(mass_g: float | None = None) -> Segmentation:
    fraction = np.full((4, 4, 4), 0.5, np.float32)
    return Segmentation(
        GRID,
        (Region("liver", mass_g=mass_g), Region("nothing")),
        (RegionVoxels((2, 3, 4), fraction), RegionVoxels.from_mask(np.zeros(GRID.shape))),
    )


def layered_density() -> DensityMap:
    """1.0 g/mL below slice 4, 1.2 g/mL from there on."""
    data = np.ones(GRID.shape, np.float32)
    data[4:] = 1.2
    return DensityMap(data, GRID, method="CT, schneider2000")


def test_mass_is_the_sum_of_density_over_the_fractions() -> None:
    result, findings = region_mass(segmentation(), "liver", layered_density(), u_volume_relative=0.1)
    # 64 voxels of 0.125 mL, half inside; half of them in each layer.
    assert result.volume_ml.value == pytest.approx(4.0)
    assert result.mass_g.value == pytest.approx(2.0 * 1.0 + 2.0 * 1.2)
    assert result.density_g_per_ml == pytest.approx(1.1)
    assert result.method == "CT, schneider2000"
    assert dict(result.volume_ml.contributions) == pytest.approx({"volume:liver": 0.4})
    assert dict(result.mass_g.contributions) == pytest.approx({"volume:liver": 0.44})
    assert findings == ()


@given(st.floats(0.001, 1.0))
def test_volume_and_mass_are_fully_correlated(relative: float) -> None:
    result, _ = region_mass(segmentation(), "liver", layered_density(), u_volume_relative=relative)
    assert covariance(result.volume_ml, result.mass_g) == pytest.approx(result.volume_ml.u * result.mass_g.u)
    assert (result.mass_g / result.volume_ml).u == pytest.approx(0.0, abs=1e-12)


def test_an_unknown_uncertainty_is_not_zero() -> None:
    result, _ = region_mass(segmentation(), "liver", layered_density(), u_volume_relative=None)
    assert result.mass_g.not_stated == {"volume:liver"}


def test_given_mass_wins_over_the_region_and_over_density() -> None:
    density = layered_density()
    stated, _ = region_mass(segmentation(4.5), "liver", density, u_volume_relative=0.1)
    assert (stated.mass_g.value, stated.method) == (4.5, "given mass")
    assert stated.mass_g.not_stated == {"mass:liver"}
    assert not stated.mass_g.contributions
    overridden, _ = region_mass(
        segmentation(4.5), "liver", density, given_mass_g=4.6, given_density=1.3, u_volume_relative=0.1
    )
    assert overridden.mass_g.value == 4.6


def test_given_density() -> None:
    result, _ = region_mass(segmentation(), "liver", layered_density(), given_density=1.05, u_volume_relative=0.1)
    assert result.mass_g.value == pytest.approx(4.2)
    assert result.method == "given density"


def test_a_mass_that_contradicts_the_outline_is_a_finding() -> None:
    _, findings = region_mass(segmentation(), "liver", layered_density(), given_mass_g=40.0, u_volume_relative=None)
    assert [(f.code, f.where) for f in findings] == [("mass-disagrees", "liver")]


def test_without_ct_the_method_names_the_assumption() -> None:
    result, _ = region_mass(segmentation(), "liver", assumed_density(GRID, 1.03, "study"), u_volume_relative=None)
    assert result.method == "assumed 1.03 g/mL (study)"
    assert result.mass_g.value == pytest.approx(4.12, rel=1e-6)


def test_refusals() -> None:
    density = layered_density()
    other = assumed_density(Grid.axis_aligned((5, 5, 5), (5.0, 5.0, 5.0)), 1.0, "study")
    for name, given_density_map, code in (
        ("nothing", density, "region-empty"),
        ("liver", other, "density-grid"),
        ("spleen", density, "region-unknown"),
    ):
        with pytest.raises(GeometryError) as refusal:
            region_mass(segmentation(), name, given_density_map, u_volume_relative=None)
        assert refusal.value.code == code
    with pytest.raises(PhysicsError) as invalid:
        region_mass(segmentation(), "liver", density, given_mass_g=-1.0, u_volume_relative=None)
    assert invalid.value.code == "mass-invalid"
