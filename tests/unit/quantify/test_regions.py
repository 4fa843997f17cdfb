from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import CalibrationError, FitError, GeometryError
from theradose.model.activity import ActivityMap
from theradose.model.grid import Grid
from theradose.model.region import OutlinedOn, Region, RegionVoxels, Segmentation
from theradose.quantify.recovery import RecoveryCurve
from theradose.quantify.regions import region_curve, volume_sensitivity, whole_field_curve
from theradose.quantify.shape import shape_factor
from theradose.quantify.volume import ct_volume_relative_u, edge_profile, sphere_recovery, volume_relative_u

GRID = Grid.axis_aligned((10, 12, 12), (4.0, 4.0, 4.0))
VOXEL_ML = 0.064
RECOVERY = RecoveryCurve("nema", 3.0, 0.9, np.diag([0.09, 0.0025]), (0.5, 113.0))


def activity_map(data, t_h, grid=GRID, **changes):
    fields = {"nuclide": "Lu-177", "calibration": "A", "calibration_relative_u": 0.03, "counts_per_mbq": 1000.0}
    return ActivityMap(data, grid, t_h=t_h, **(fields | changes))


def box_mask(grid=GRID, fraction=1.0):
    mask = np.zeros(grid.shape, np.float32)
    mask[3:7, 4:8, 4:8] = fraction
    return mask


def segmentation(mask=None, grid=GRID, name="lesion", outlined_on=OutlinedOn.EMISSION, spacing_mm=None):
    mask = box_mask(grid) if mask is None else mask
    region = Region(name, outlined_on=outlined_on, outline_spacing_mm=spacing_mm)
    return Segmentation(grid, (region,), (RegionVoxels.from_mask(mask),))


def curve_of(maps, segmentations=None, *, recovery=None, resolution_mm=7.0, measurement_relative_u=0.0, shape="sphere"):
    segmentations = segmentations or [segmentation() for _ in maps]
    return region_curve(
        "lesion",
        maps=maps,
        segmentations=segmentations,
        recovery=recovery,
        resolution_mm=resolution_mm,
        measurement_relative_u=measurement_relative_u,
        shape=shape,
    )


def uniform(concentration, t_h, **changes):
    return activity_map(np.full(GRID.shape, concentration, np.float32), t_h, **changes)


def codes(findings):
    return [finding.code for finding in findings]


def test_activity_is_fraction_times_concentration_times_voxel():
    maps = [uniform(2.0, 4.0), uniform(1.0, 24.0)]
    curve, quantity, findings = curve_of(maps, [segmentation(box_mask(fraction=0.5)), segmentation()])
    assert curve.activity_mbq == pytest.approx([2 * 32 * VOXEL_ML, 64 * VOXEL_ML])
    assert list(curve.t_h) == [4.0, 24.0]
    assert quantity.volumes_ml == pytest.approx([32 * VOXEL_ML, 64 * VOXEL_ML])
    assert quantity.volume_ml.value == pytest.approx(48 * VOXEL_ML)
    assert quantity.recovery is None
    assert codes(findings) == ["recovery-not-applied"]


def test_recovery_divides_at_the_volume_of_each_time_point():
    maps = [uniform(2.0, 4.0), uniform(1.0, 24.0)]
    masks = [segmentation(box_mask(fraction=0.5)), segmentation()]
    plain, quantity, _ = curve_of(maps, masks)
    curve, recovered, findings = curve_of(maps, masks, recovery=RECOVERY)
    expected = [RECOVERY.value(volume) for volume in quantity.volumes_ml]
    assert curve.activity_mbq == pytest.approx(plain.activity_mbq / expected)
    assert recovered.recoveries == pytest.approx(expected)
    assert recovered.recovery.value == pytest.approx(RECOVERY.value(quantity.volume_ml.value))
    assert findings == ()


def test_a_bar_loses_more_than_a_sphere_and_shares_its_uncertainties():
    maps, mask = [uniform(1.0, 4.0)], np.zeros(GRID.shape, np.float32)
    mask[1:9, 5:7, 5:7] = 1.0
    bar = segmentation(mask)
    round_curve, round_quantity, _ = curve_of(maps, [bar], recovery=RECOVERY)
    curve, quantity, _ = curve_of(maps, [bar], recovery=RECOVERY, shape="outline")
    factor = shape_factor(bar.voxels_of("lesion"), GRID, fwhm_mm=7.0)
    assert 0.7 < factor < 0.95
    assert quantity.recovery.value == pytest.approx(factor * round_quantity.recovery.value)
    assert quantity.recovery.relative_u == pytest.approx(round_quantity.recovery.relative_u)
    assert curve.activity_mbq == pytest.approx(round_curve.activity_mbq / factor)
    shared = [source for source in curve.common if not source.startswith("spill-in")]
    assert [curve.common[source] for source in shared] == pytest.approx([round_curve.common[s] for s in shared])


def test_warm_surroundings_make_a_region_uncertain():
    """Surroundings as warm as the region add c V (1 - R) to c V; the root mean square from nothing to all is / √3."""
    curve, quantity, _ = curve_of([uniform(1.0, 4.0), uniform(0.5, 24.0)], recovery=RECOVERY)
    assert curve.common["spill-in:lesion"] == pytest.approx((1 - quantity.recovery.value) / np.sqrt(3))
    cold = activity_map(box_mask(), 4.0)
    assert curve_of([cold], recovery=RECOVERY)[0].common["spill-in:lesion"] == 0.0
    assert "spill-in:lesion" not in curve_of([uniform(1.0, 4.0)])[0].common


def test_without_a_stated_resolution_a_region_counts_as_a_sphere():
    maps = [uniform(1.0, 4.0)]
    known, unknown = (
        curve_of(maps, recovery=RECOVERY, shape=shape, resolution_mm=None)[0] for shape in ("outline", "sphere")
    )
    assert known.activity_mbq == pytest.approx(unknown.activity_mbq)


def test_counting_uncertainty_is_poisson():
    """64 voxels of 0.064 mL at 1 MBq/mL and 1000 counts/MBq: 4096 counts, u = 1/64."""
    curve, quantity, _ = curve_of([uniform(1.0, 4.0)])
    assert quantity.counts == pytest.approx((4096,))
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(1 / 64)


def test_counting_uses_measured_counts_not_recovered_ones():
    curve, quantity, _ = curve_of([uniform(1.0, 4.0)], recovery=RECOVERY)
    assert quantity.counts == pytest.approx((4096,))
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(1 / 64)


def test_repeatability_adds_in_quadrature():
    curve, _, _ = curve_of([uniform(1.0, 4.0)], measurement_relative_u=0.05)
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(np.hypot(1 / 64, 0.05))


def test_unknown_counts_leave_repeatability():
    curve, quantity, _ = curve_of([uniform(1.0, 4.0, counts_per_mbq=None)], measurement_relative_u=0.05)
    assert quantity.counts == (None,)
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(0.05)


def test_common_sources_with_their_signs():
    curve, quantity, _ = curve_of([uniform(1.0, 4.0)], recovery=RECOVERY)
    volume = 64 * VOXEL_ML
    u_volume = volume_relative_u(volume_ml=volume, spacing_mm=(4, 4, 4), fwhm_mm=7)
    value = RECOVERY.value(volume)
    phi = edge_profile(volume_ml=volume, fwhm_mm=7)
    expected = (phi / (2 * value) - volume / value * RECOVERY.derivative_per_ml(volume)) * u_volume
    assert curve.common["calibration:A"] == 0.03
    assert curve.common["volume:lesion"] == pytest.approx(expected)
    recovered = quantity.recovery
    for source in ("recovery:nema:1", "recovery:nema:2"):
        assert curve.common[source] == pytest.approx(-recovered.contributions[source] / value)
    assert quantity.volume_ml.contributions["volume:lesion"] == pytest.approx(u_volume * volume)


def test_without_recovery_the_psf_governs_the_volume():
    curve, _, _ = curve_of([uniform(1.0, 4.0)])
    volume = 64 * VOXEL_ML
    ratio = edge_profile(volume_ml=volume, fwhm_mm=7) / (2 * sphere_recovery(volume_ml=volume, fwhm_mm=7))
    assert volume_sensitivity(volume_ml=volume, fwhm_mm=7, recovery=None) == pytest.approx(ratio)
    assert curve.common["volume:lesion"] == pytest.approx(
        ratio * volume_relative_u(volume_ml=volume, spacing_mm=(4, 4, 4), fwhm_mm=7)
    )


def test_an_outline_on_the_ct_has_the_uncertainty_of_the_ct():
    """The camera's blur acts on the counts inside, not on where the edge was drawn."""
    drawn = segmentation(outlined_on=OutlinedOn.CT, spacing_mm=(3.0, 1.0, 1.0))
    curve, quantity, findings = curve_of([uniform(1.0, 4.0)], [drawn])
    volume = 64 * VOXEL_ML
    expected = ct_volume_relative_u(volume_ml=volume, spacing_mm=(3.0, 1.0, 1.0))
    assert quantity.volume_ml.relative_u == pytest.approx(expected)
    sensitivity = volume_sensitivity(volume_ml=volume, fwhm_mm=7.0, recovery=None)
    assert curve.common["volume:lesion"] == pytest.approx(sensitivity * expected)
    assert codes(findings) == ["recovery-not-applied"]


def test_an_outline_of_unknown_image_counts_as_one_on_the_emission_image():
    _, quantity, findings = curve_of([uniform(1.0, 4.0)], [segmentation(outlined_on=OutlinedOn.NOT_STATED)])
    expected = volume_relative_u(volume_ml=64 * VOXEL_ML, spacing_mm=(4, 4, 4), fwhm_mm=7)
    assert quantity.volume_ml.relative_u == pytest.approx(expected)
    assert "outline-image-not-stated" in codes(findings)


def test_what_nobody_stated_is_not_zero():
    curve, quantity, findings = curve_of([uniform(1.0, 4.0, calibration_relative_u=None)], resolution_mm=None)
    assert curve.common == {"calibration:A": None, "volume:lesion": None}
    assert quantity.volume_ml.not_stated == {"volume:lesion"}
    assert codes(findings) == ["recovery-not-applied", "volume-u-not-stated"]


@pytest.mark.parametrize("concentration", [0.0, -1.0])
def test_activity_that_is_not_positive_is_critical(concentration):
    curve, _, findings = curve_of([uniform(concentration, 4.0)], measurement_relative_u=0.05)
    assert curve.activity_mbq[0] == pytest.approx(64 * VOXEL_ML * concentration)
    assert (curve.u_independent_mbq >= 0).all()
    assert ("activity-not-positive", "critical") in [(finding.code, finding.severity) for finding in findings]


def test_region_at_the_edge_is_a_finding():
    mask = np.zeros(GRID.shape, np.float32)
    mask[0:3, 4:8, 4:8] = 1
    _, _, findings = curve_of([uniform(1.0, 4.0)], [segmentation(mask)])
    assert "region-at-edge" in codes(findings)


def test_empty_region_is_refused():
    with pytest.raises(GeometryError) as caught:
        curve_of([uniform(1.0, 4.0)], [segmentation(np.zeros(GRID.shape))])
    assert caught.value.code == "region-empty"


def test_region_absent_from_one_segmentation_is_refused():
    with pytest.raises(GeometryError) as caught:
        curve_of([uniform(1.0, 4.0)], [segmentation(name="other")])
    assert caught.value.code == "region-unknown"


def test_segmentation_of_another_grid_is_refused():
    other = Grid.axis_aligned(GRID.shape, (4.0, 4.0, 4.0), origin_mm=(5.0, 0.0, 0.0))
    with pytest.raises(GeometryError) as caught:
        curve_of([uniform(1.0, 4.0)], [segmentation(grid=other)])
    assert caught.value.code == "grid-mismatch"


@pytest.mark.parametrize("maps", [[], [uniform(1.0, 4.0), uniform(1.0, 24.0)]])
def test_each_map_needs_its_segmentation(maps):
    with pytest.raises(GeometryError) as caught:
        region_curve(
            "lesion",
            maps=maps,
            segmentations=[segmentation()],
            recovery=None,
            resolution_mm=None,
            measurement_relative_u=0.05,
        )
    assert caught.value.code == "region-maps"


def test_different_calibrations_are_refused():
    with pytest.raises(CalibrationError) as caught:
        curve_of([uniform(1.0, 4.0), uniform(1.0, 24.0, calibration="B")])
    assert caught.value.code == "calibrations-differ"


def test_times_must_increase():
    with pytest.raises(FitError):
        curve_of([uniform(1.0, 24.0), uniform(1.0, 4.0)])


@given(st.floats(1e-3, 1e3))
def test_linear_in_activity(scale):
    data = np.random.default_rng(3).random(GRID.shape)
    single, _, _ = curve_of([activity_map(data, 4.0)], recovery=RECOVERY, measurement_relative_u=0.05)
    scaled, _, _ = curve_of(
        [activity_map(data * scale, 4.0, counts_per_mbq=1000 / scale)], recovery=RECOVERY, measurement_relative_u=0.05
    )
    assert scaled.activity_mbq == pytest.approx(single.activity_mbq * scale)
    assert scaled.u_independent_mbq == pytest.approx(single.u_independent_mbq * scale)
    assert scaled.common == pytest.approx(single.common)


@given(st.integers(1, 9))
def test_parts_add_up_to_the_whole(cut):
    data = np.random.default_rng(4).random(GRID.shape)
    first, second = np.ones(GRID.shape, np.float32), np.zeros(GRID.shape, np.float32)
    first[cut:], second[cut:] = 0, 1
    parts = [curve_of([activity_map(data, 4.0)], [segmentation(mask)])[0].activity_mbq[0] for mask in (first, second)]
    whole, _ = whole_field_curve([activity_map(data, 4.0)], measurement_relative_u=0.05)
    assert sum(parts) == pytest.approx(whole.activity_mbq[0])


def test_whole_field():
    curve, findings = whole_field_curve([uniform(2.0, 4.0), uniform(1.0, 24.0)], measurement_relative_u=0.05)
    total = GRID.size * VOXEL_ML
    assert curve.activity_mbq == pytest.approx([2 * total, total])
    assert curve.common == {"calibration:A": 0.03}
    assert curve.u_independent_mbq[1] == pytest.approx(total * np.hypot(0.05, (1000 * total) ** -0.5))
    assert findings == ()


def test_other_field_of_view_is_a_finding():
    short = Grid.axis_aligned((5, 12, 12), (4.0, 4.0, 4.0))
    maps = [uniform(2.0, 4.0), activity_map(np.ones(short.shape), 24.0, short)]
    _, findings = whole_field_curve(maps, measurement_relative_u=0.05)
    assert codes(findings) == ["field-of-view-differs"]
