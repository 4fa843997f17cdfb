"""What an engine is asked: one sentence for each map or setting that cannot be meant."""

import math
from dataclasses import replace

import numpy as np
import pytest

from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.errors import PhysicsError, UnitError
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.material import MaterialMap
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide
from theradose.units import parse_count

GRID = Grid.axis_aligned((2, 2, 2), (4.0, 4.0, 4.0))
LUTETIUM = load_nuclide("Lu-177")


def request(*, tia=1.0, density=1.0, spoilt_tia=None, spoilt_density=None, grid=GRID, **parts):
    activity, mass = np.full(GRID.shape, tia, np.float32), np.full(grid.shape, density, np.float32)
    if spoilt_tia is not None:
        activity[0, 0, 0] = spoilt_tia
    if spoilt_density is not None:
        mass[0, 0, :] = spoilt_density
    return DoseRequest(Volume(activity, GRID), DensityMap(mass, grid, "test"), LUTETIUM, **parts)


def refusal(**arguments):
    with pytest.raises(PhysicsError) as refused:
        request(**arguments)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    return refused.value.code, str(refused.value)


def test_a_request_needs_no_more_than_activity_and_density():
    plain = request()
    assert plain.materials is None and dict(plain.regions) == {} and plain.progress is None
    assert plain.transport == transport_settings()


@pytest.mark.parametrize("value", [0.0, -0.2, math.nan, math.inf])
def test_densities_that_are_none_are_counted_and_refused(value):
    code, sentence = refusal(spoilt_density=value)
    assert code == "density-invalid" and "2 of 8 voxels" in sentence


@pytest.mark.parametrize("value", [-1e-3, math.nan, math.inf])
def test_activity_that_is_none_is_counted_and_refused(value):
    code, sentence = refusal(spoilt_tia=value)
    assert code == "tia-invalid" and "1 of 8 voxels" in sentence


def test_other_shapes_and_grids_are_told_apart():
    code, sentence = refusal(grid=Grid.axis_aligned((2, 2, 3), (4.0, 4.0, 4.0)))
    assert code == "grid-mismatch" and "2 × 2 × 3 voxels and the time-integrated activity 2 × 2 × 2" in sentence
    code, sentence = refusal(grid=Grid.axis_aligned((2, 2, 2), (4.0, 4.0, 5.0)))
    assert code == "grid-mismatch" and "different grids" in sentence


def test_materials_must_be_known_and_on_the_grid():
    labels = np.ones(GRID.shape, np.uint8)
    known = request(materials=MaterialMap(labels, GRID, names={1: "lung"}))
    assert known.materials.names == {1: "lung"}
    code, sentence = refusal(materials=MaterialMap(labels, GRID, names={1: "butter"}))
    assert code == "material-unknown" and "'butter'" in sentence and "water" in sentence
    other = Grid.axis_aligned((2, 2, 2), (4.0, 4.0, 4.0), (1.0, 0.0, 0.0))
    code, sentence = refusal(materials=MaterialMap(labels, other, names={1: "lung"}))
    assert code == "grid-mismatch" and sentence.startswith("The material map")


def test_a_region_beyond_the_grid_is_refused():
    code, sentence = refusal(regions={"liver": RegionVoxels((0, 0, 1), np.ones((1, 1, 2), np.float32))})
    assert code == "region-outside-grid" and "'liver'" in sentence


def test_settings_have_a_packaged_target_and_seed():
    """Issue: to 0.5 % on every region above 20 mL that holds at least 0.5 % of the activity."""
    settings = transport_settings()
    assert (settings.target_relative_u, settings.region_volume_ml, settings.region_share) == (0.005, 20, 0.005)
    assert settings.histories is None and settings.time_limit_s is None and settings.seed == transport_settings().seed


def test_histories_take_the_place_of_the_packaged_target_and_a_time_limit_does_not():
    assert transport_settings(histories=1000).target_relative_u is None
    assert transport_settings(histories=1000).target_voxel_u is None
    assert transport_settings(time_limit_s=5) == replace(transport_settings(), time_limit_s=5)
    both = transport_settings(histories=1000, target_relative_u=0.01)
    assert (both.histories, both.target_relative_u) == (1000, 0.01)


@pytest.mark.parametrize(
    "change",
    [{"histories": 0}, {"target_relative_u": 0.0}, {"target_relative_u": 1.0}, {"time_limit_s": -1.0}, {"seed": -1},
     {"seed": 2**63}, {"threads": 0}, {"photon_cut_kev": 0.0}, {"electron_cut_kev": math.nan},
     {"target_voxel_u": 1.5}, {"target_relative_u": None, "target_voxel_u": None}],
)  # fmt: skip
def test_settings_that_cannot_be_meant_are_refused(change):
    with pytest.raises(PhysicsError) as refused:
        replace(transport_settings(), **change)
    assert refused.value.code == "transport-settings"


@pytest.mark.parametrize(("text", "count"), [("1e7", 10_000_000), ("250000", 250_000), (5, 5), (1e6, 1_000_000)])
def test_counts_may_be_written_with_an_exponent(text, count):
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "many", "1.5", "0", "-3", "1e400", "nan", True, None])
def test_other_texts_are_no_counts(text):
    with pytest.raises(UnitError):
        parse_count(text)


def test_the_fake_engines_are_forgotten_after_each_test():
    assert set(dose_engines.names()).isdisjoint({"blurred", "sampled", "halted"})
