import numpy as np
import pytest

from theradose.errors import FitError, GeometryError
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.maps import residence_factor_h, tia_map
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
GRID = Grid.axis_aligned((4, 6, 8), (5.0, 4.0, 4.0))
TIMES = np.array([4.0, 24.0, 96.0, 168.0])


def image(data, t_h=24.0, grid=GRID):
    return ActivityMap(np.asarray(data, np.float32), grid, t_h=t_h, nuclide="Lu-177")


def box(z, y, x, fraction=1.0):
    mask = np.zeros(GRID.shape, np.float32)
    mask[z, y, x] = fraction
    return mask


def integral(name, rate, at_24h, recovery=1.0):
    """A noise-free mono-exponential curve with `at_24h` MBq in the image at 24 h, corrected by a recovery."""
    activity = at_24h / recovery * np.exp(-rate * (TIMES - 24))
    curve = TimeActivityCurve(name, TIMES, activity, 0.05 * activity, {}, "spect")
    return integrate_curve(curve, nuclide=LUTETIUM)[0]


def segmentation(*parts):
    return Segmentation(
        GRID,
        tuple(Region(name, kind=kind) for name, kind, _ in parts),
        tuple(RegionVoxels.from_mask(mask) for *_, mask in parts),
    )


@pytest.fixture
def reference():
    return image(np.random.default_rng(1).uniform(0.5, 2.0, GRID.shape))


def mbq(reference, mask):
    return float((reference.data * mask).sum() * GRID.voxel_volume_ml)


@pytest.mark.parametrize("recovery", [1.0, 0.6])
def test_map_holds_the_imaged_share_of_the_integral(reference, recovery):
    """Whether recovery is applied or not, the map is that of the imaged activity."""
    mask = box(slice(0, 3), slice(1, 4), slice(2, 6))
    tia = integral("kidney", 0.02, mbq(reference, mask), recovery)
    result = tia_map(
        reference, segmentation=segmentation(("kidney", RegionKind.ORGAN, mask)), tias={"kidney": tia}, remainder=None
    )
    total = float(result.data.sum(dtype=float) * GRID.voxel_volume_ml)
    assert total == pytest.approx(tia.value.value * recovery, rel=1e-5)
    np.testing.assert_array_equal(result.data[mask == 0], 0.0)


def test_factor_uses_the_measured_point_of_that_time():
    activity = np.array([100.0, 80.0, 30.0, 9.0])
    tia, _ = integrate_curve(TimeActivityCurve("k", TIMES, activity, 0.05 * activity, {}, "spect"), nuclide=LUTETIUM)
    assert residence_factor_h(tia, t_h=24.0) == pytest.approx(tia.value.value / 80.0)
    assert residence_factor_h(tia, t_h=48.0) == pytest.approx(
        tia.value.value / float(np.exp(np.interp(48, [24, 96], np.log([80, 30])))), rel=0.2
    )


def test_lesion_before_organ_before_whole_body_before_remainder(reference):
    whole = np.ones(GRID.shape, np.float32)
    whole[0] = 0.0
    organ = box(slice(1, 3), slice(1, 5), slice(1, 7))
    lesion = box(slice(2, 4), slice(2, 4), slice(2, 4))
    parts = segmentation(
        ("body", RegionKind.WHOLE_BODY, whole), ("liver", RegionKind.ORGAN, organ), ("met", RegionKind.LESION, lesion)
    )
    tias = {name: integral(name, rate, 10.0) for name, rate in [("body", 0.05), ("liver", 0.02), ("met", 0.01)]}
    rest = integral("remainder", 0.04, 10.0)
    factor = tia_map(reference, segmentation=parts, tias=tias, remainder=rest).data / reference.data
    for mask, tia in [
        (lesion > 0, tias["met"]),
        ((organ > 0) & (lesion == 0), tias["liver"]),
        ((whole > 0) & (organ == 0) & (lesion == 0), tias["body"]),
        (whole == 0, rest),
    ]:
        np.testing.assert_allclose(factor[mask], residence_factor_h(tia, t_h=24.0), rtol=1e-5)


def test_partial_voxels_are_shared_with_the_remainder(reference):
    organ = box(slice(0, 2), slice(0, 2), slice(0, 2), fraction=0.25)
    tias = {"liver": integral("liver", 0.02, 10.0)}
    rest = integral("remainder", 0.04, 10.0)
    parts = segmentation(("liver", RegionKind.ORGAN, organ))
    factor = tia_map(reference, segmentation=parts, tias=tias, remainder=rest).data / reference.data
    expected = 0.25 * residence_factor_h(tias["liver"], t_h=24.0) + 0.75 * residence_factor_h(rest, t_h=24.0)
    np.testing.assert_allclose(factor[organ > 0], expected, rtol=1e-5)


def test_regions_without_integral_count_as_remainder(reference):
    organ = box(slice(0, 2), slice(0, 2), slice(0, 2))
    rest = integral("remainder", 0.04, 10.0)
    parts = segmentation(("liver", RegionKind.ORGAN, organ))
    factor = tia_map(reference, segmentation=parts, tias={}, remainder=rest).data / reference.data
    np.testing.assert_allclose(factor, residence_factor_h(rest, t_h=24.0), rtol=1e-5)


def test_other_grids_are_refused(reference):
    other = Grid.axis_aligned((4, 6, 9), (5.0, 4.0, 4.0))
    with pytest.raises(GeometryError) as refusal:
        tia_map(reference, segmentation=Segmentation(other, (), ()), tias={}, remainder=None)
    assert refusal.value.code == "grid-mismatch"


def test_no_activity_at_the_reference_time_is_refused():
    activity = np.array([100.0, 80.0, 30.0])
    tia, _ = integrate_curve(
        TimeActivityCurve("k", TIMES[:3], activity, 0.05 * activity, {}, "spect"),
        nuclide=LUTETIUM,
        force_model="trapezoid",
    )
    with pytest.raises(FitError) as refusal:
        residence_factor_h(tia, t_h=0.0)
    assert refusal.value.code == "no-activity"
