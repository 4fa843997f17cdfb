"""The volume of spongiosa: what is left of vertebrae, and what was taken away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_phantom import (
    BODIES_ML,
    CT_GRID,
    EMISSION_GRID,
    SPONGIOSA_HU,
    VERTEBRAE,
    inside,
    lesion,
    points,
    spine,
    spine_ct,
)
from theradose.data import load_yaml
from theradose.errors import GeometryError
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.model.transform import RigidTransform
from theradose.spatial.density import hu_density_table
from theradose.spatial.marrow import MARROW_VOLUME, draw_marrow, spongiosa_rules, weighted_marrow

AT = points(CT_GRID)
# A margin of 5 mm keeps voxel centres more than 5 mm from the nearest centre outside: on voxels of 2 mm the first
# three layers, at 2, 4 and (kept) 6 mm, so that two layers of 2 mm go.
LAYERS_MM = 4.0


def draw(ct=None, lesions=None, vertebrae=None, **rules):
    return draw_marrow(
        spine() if vertebrae is None else vertebrae,
        lesions=lesion() if lesions is None else lesions,
        ct=spine_ct() if ct is None else ct,
        rules=spongiosa_rules(**rules),
    )


def codes(findings):
    return [finding.code for finding in findings]


def changed(hu, mask):
    values = spine_ct().data.copy()
    values[mask] = hu
    return Volume(values, CT_GRID)


def test_margin_takes_two_layers_of_voxels_from_each_side():
    volume, findings = draw()
    expected = 3 * (40 - 2 * LAYERS_MM) * (32 - 2 * LAYERS_MM) * (28 - 2 * LAYERS_MM) / 1000
    assert volume.outlined_ml == pytest.approx(BODIES_ML)
    assert volume.volume_ml == pytest.approx(expected)
    assert volume.excluded_ml["margin"] == pytest.approx(BODIES_ML - expected)
    assert codes(findings) == ["marrow-volume"]
    assert volume.segmentation.regions[0].method == "spongiosa:" + "+".join(VERTEBRAE)


def test_density_is_that_of_spongiosa():
    volume, _ = draw()
    expected = float(hu_density_table().density_of(np.array([[SPONGIOSA_HU]]))[0, 0])
    assert volume.density_g_per_ml == pytest.approx(expected)


def test_touching_vertebrae_lose_their_end_plates():
    """Two labels that share a face: eroding their union would keep what lies between them."""
    whole = inside("l3-vertebra", AT)
    lower = whole & (AT[..., 2] < 0)
    halves = Segmentation(
        CT_GRID,
        (Region("l3-vertebra"), Region("l2-vertebra")),
        tuple(RegionVoxels.from_mask(part) for part in (lower, whole & ~lower)),
    )
    volume, _ = draw(vertebrae=halves)
    expected = 2 * (40 - 2 * LAYERS_MM) * (32 - 2 * LAYERS_MM) * (14 - 2 * LAYERS_MM) / 1000
    assert volume.volume_ml == pytest.approx(expected)


def test_outlined_spongiosa_without_margin_stays_whole():
    outlined = Segmentation(
        CT_GRID,
        (Region("lumbar-marrow"),),
        (RegionVoxels.from_mask(np.any([inside(name, AT, shrunk_mm=2.0) for name in VERTEBRAE], axis=0)),),
    )
    volume, _ = draw(vertebrae=outlined, margin_mm=0.0)
    assert volume.volume_ml == pytest.approx(outlined.volume_ml("lumbar-marrow"))


def test_processes_are_left_out():
    """A block behind the body on a thin bridge survives a small margin, but is not the vertebral body."""
    body = inside("l3-vertebra", AT)
    process = (np.abs(AT[..., 0]) < 6) & (AT[..., 1] > 20) & (AT[..., 1] < 36) & (np.abs(AT[..., 2]) < 6)
    bridge = (np.abs(AT[..., 0]) < 2) & (AT[..., 1] > 14) & (AT[..., 1] < 22) & (np.abs(AT[..., 2]) < 2)
    bone = Segmentation(CT_GRID, (Region("l3-vertebra"),), (RegionVoxels.from_mask(body | process | bridge),))
    plain = Segmentation(CT_GRID, (Region("l3-vertebra"),), (RegionVoxels.from_mask(body),))
    ct = changed(SPONGIOSA_HU, process | bridge)
    with_process, without = draw(ct=ct, vertebrae=bone)[0], draw(ct=ct, vertebrae=plain)[0]
    assert with_process.volume_ml == without.volume_ml
    assert with_process.excluded_ml["processes"] > 0


@pytest.mark.parametrize(("hu", "reason"), [(2500.0, "above-window"), (-150.0, "below-window")])
def test_metal_and_gas_are_left_out(hu, reason):
    block = (np.abs(AT) < 5).all(axis=-1)
    volume, findings = draw(ct=changed(hu, block))
    assert volume.excluded_ml[reason] == pytest.approx(float(block.sum()) * CT_GRID.voxel_volume_ml)
    assert volume.volume_ml == pytest.approx(draw()[0].volume_ml - volume.excluded_ml[reason])
    assert "marrow-hu-excluded" not in codes(findings)


def test_a_cemented_vertebra_is_said():
    volume, findings = draw(ct=changed(1500.0, inside("l3-vertebra", AT, shrunk_mm=2.0)))
    assert volume.excluded_ml["above-window"] == pytest.approx(draw()[0].volume_ml / 3)
    assert "marrow-hu-excluded" in codes(findings)


def test_lesions_and_their_margin_are_left_out():
    """A voxel of a lesion in the middle takes a ball of the margin with it."""
    point = (np.abs(AT) < 1.5).all(axis=-1)
    volume, findings = draw(lesions=lesion(point), lesion_margin_mm=6.0)
    ball = np.min(np.linalg.norm(AT[..., None, :] - AT[point], axis=-1), axis=-1) <= 6.0
    expected_ml = float(ball.sum()) * CT_GRID.voxel_volume_ml
    assert volume.excluded_ml["lesions"] == pytest.approx(expected_ml)
    assert [(f.code, f.severity) for f in findings][1] == ("marrow-lesions-excluded", "info")
    _, findings = draw(lesions=lesion(point), lesion_margin_mm=15.0)
    assert [(f.code, f.severity) for f in findings][1] == ("marrow-lesions-excluded", "warning")


def test_a_lesion_beside_the_vertebra_counts_too():
    beside = (AT[..., 0] > 22) & (AT[..., 0] < 26) & (np.abs(AT[..., 1]) < 4) & (np.abs(AT[..., 2]) < 4)
    assert draw(lesions=lesion(beside), lesion_margin_mm=10.0)[0].excluded_ml["lesions"] > 0


def test_too_little_is_refused_with_its_reasons():
    with pytest.raises(GeometryError, match=r"at least 5 mL are needed.*smaller margin") as caught:
        draw(margin_mm=12.5)
    assert caught.value.code == "marrow-volume-too-small"
    assert "margin" in str(caught.value)


def test_little_is_said():
    _, findings = draw(margin_mm=9.0)
    assert "marrow-volume-small" in codes(findings)


def test_an_empty_outline_is_refused():
    empty = Segmentation(CT_GRID, (Region("l3-vertebra"),), (RegionVoxels.from_mask(np.zeros(CT_GRID.shape)),))
    with pytest.raises(GeometryError, match="hold no voxel"):
        draw(vertebrae=empty)


def test_without_ct_nothing_is_windowed():
    volume, findings = draw_marrow(spine(EMISSION_GRID), lesions=lesion(), ct=None, rules=spongiosa_rules())
    assert volume.density_g_per_ml is None
    assert "marrow-window-unused" in codes(findings)
    # Centres of 4 mm voxels fill 40 by 32 by 24 mm of each body; one layer goes on each side.
    assert volume.volume_ml == pytest.approx(3 * 32 * 24 * 16 / 1000)


@settings(max_examples=15, deadline=None)
@given(margin=st.floats(0.0, 8.0), lesion_margin=st.floats(0.0, 12.0))
def test_what_is_left_and_what_is_taken_make_the_whole(margin, lesion_margin):
    point = (np.abs(AT - np.array([0.0, 0.0, 36.0])) < 1.5).all(axis=-1)
    volume, _ = draw(lesions=lesion(point), margin_mm=margin, lesion_margin_mm=lesion_margin)
    assert volume.volume_ml + sum(volume.excluded_ml.values()) == pytest.approx(volume.outlined_ml)


def test_packaged_rules():
    data, rules = load_yaml("marrow_image.yaml"), spongiosa_rules()
    assert rules.margin_mm == data["cortex_margin"]["value"]
    assert rules.hu_window == (data["lowest_hu"]["value"], data["highest_hu"]["value"])


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"hu_window": (300.0, 300.0)}, "marrow-window"),
        ({"margin_mm": -1.0}, "marrow-margin"),
        ({"lesion_margin_mm": -1.0}, "marrow-margin"),
    ],
)
def test_impossible_rules_are_refused(stated, code):
    with pytest.raises(GeometryError) as caught:
        spongiosa_rules(**stated)
    assert caught.value.code == code


def weighted(values, transform=None):
    volume, _ = draw()
    image = Volume(np.asarray(values, np.float32), EMISSION_GRID)
    return volume, weighted_marrow(volume, image, ct=spine_ct(), transform=transform or RigidTransform.identity())


def test_a_uniform_map_changes_nothing():
    plain, (found, findings) = weighted(np.full(EMISSION_GRID.shape, 7.0))
    assert found.volume_ml == pytest.approx(plain.volume_ml)
    assert found.density_g_per_ml == pytest.approx(plain.density_g_per_ml)
    assert codes(findings) == ["marrow-weighted"]
    assert "100%" in findings[0].message


def test_the_mean_follows_the_map():
    """Weights that rise along z: the weighted mean of z is that of the weights, whatever their unit."""
    z_mm = points(EMISSION_GRID)[..., 2]
    volume, (found, _) = weighted(1000.0 * (z_mm + 100.0))
    inside_voxels = volume.segmentation.mask(MARROW_VOLUME) > 0
    z = points(volume.segmentation.grid)[..., 2][inside_voxels]
    weights = found.segmentation.mask(MARROW_VOLUME)[inside_voxels]
    assert weights.max() == 1.0
    expected = np.sum((z + 100.0) * z) / np.sum(z + 100.0)
    assert np.sum(weights * z) / np.sum(weights) == pytest.approx(expected, rel=1e-4)


def test_the_map_is_moved_by_its_transform():
    matrix = np.eye(4)
    matrix[2, 3] = 8.0
    z_mm = points(EMISSION_GRID)[..., 2]
    _, (still, _) = weighted(z_mm + 108.0)
    _, (moved, _) = weighted(z_mm + 100.0, RigidTransform(matrix))
    np.testing.assert_allclose(
        still.segmentation.mask(MARROW_VOLUME), moved.segmentation.mask(MARROW_VOLUME), atol=1e-5
    )


def test_a_map_that_does_not_cover_the_volume_is_refused():
    volume, _ = draw()
    small = Grid.axis_aligned((4, 4, 4), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="does not cover") as caught:
        weighted_marrow(volume, Volume(np.ones(small.shape), small), ct=None, transform=RigidTransform.identity())
    assert caught.value.code == "marrow-map-outside"


def test_a_map_that_shows_nothing_is_refused():
    with pytest.raises(GeometryError, match="shows nothing") as caught:
        weighted(np.full(EMISSION_GRID.shape, -1.0))
    assert caught.value.code == "marrow-map-empty"
