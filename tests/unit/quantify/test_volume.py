from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from theradose.errors import GeometryError
from theradose.quantify.volume import (
    ct_volume_relative_u,
    edge_profile,
    equivalent_diameter_mm,
    sphere_recovery,
    volume_relative_u,
)

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


def test_golden_sphere():
    """20 mL, 4 mm voxels, 7 mm FWHM: printed digits of the recomputed Gear 2018 example."""
    assert equivalent_diameter_mm(20) == pytest.approx(33.678, abs=5e-4)
    assert volume_relative_u(volume_ml=20, spacing_mm=(4, 4, 4), fwhm_mm=7) == pytest.approx(0.40174, abs=5e-6)
    assert edge_profile(volume_ml=20, fwhm_mm=7) == pytest.approx(0.85915, abs=5e-6)
    assert sphere_recovery(volume_ml=20, fwhm_mm=7) == pytest.approx(0.7909, abs=5e-5)


def test_counts_rise_with_the_outline_as_the_profile_says():
    """d ln C/d ln v of the blurred sphere is phi/2R = 0.543135."""
    ratio = edge_profile(volume_ml=20, fwhm_mm=7) / (2 * sphere_recovery(volume_ml=20, fwhm_mm=7))
    assert ratio == pytest.approx(0.543135, abs=5e-7)


def test_recovery_and_edge_of_a_numerically_blurred_sphere():
    """1 mm voxels: the voxelised sphere's surface limits the agreement to about half a percent."""
    volume_ml, fwhm = 20.0, 12.0
    radius = equivalent_diameter_mm(volume_ml) / 2
    axis = np.arange(-40, 41)
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    sphere = (distance <= radius).astype(float)
    blurred = gaussian_filter(sphere, fwhm / FWHM_PER_SIGMA, mode="constant", truncate=6)
    assert blurred[distance <= radius].sum() / sphere.sum() == pytest.approx(
        sphere_recovery(volume_ml=volume_ml, fwhm_mm=fwhm), rel=5e-3
    )
    at_edge = np.interp(radius, axis[40:], blurred[40, 40, 40:])
    assert 2 * at_edge == pytest.approx(edge_profile(volume_ml=volume_ml, fwhm_mm=fwhm), rel=0.02)


def test_perfect_resolution_recovers_everything():
    assert sphere_recovery(volume_ml=1, fwhm_mm=0) == 1.0
    assert edge_profile(volume_ml=1, fwhm_mm=0) == 1.0


@given(st.floats(0.01, 5000), st.floats(0.5, 30))
def test_both_are_fractions_and_rise_with_volume(volume_ml, fwhm_mm):
    for function in (sphere_recovery, edge_profile):
        small = function(volume_ml=volume_ml, fwhm_mm=fwhm_mm)
        large = function(volume_ml=2 * volume_ml, fwhm_mm=fwhm_mm)
        assert -1e-9 <= small <= large + 1e-9
        assert large <= 1


def test_anisotropic_voxels_lie_between_their_sides():
    def u(spacing):
        return volume_relative_u(volume_ml=20, spacing_mm=spacing, fwhm_mm=0)

    assert u((2, 2, 2)) < u((2, 4, 4)) < u((4, 4, 4))


def test_edges_on_a_ct_are_independent():
    """Volumes of boxes of the equivalent diameter whose six faces are drawn one by one: 0.1 % by 200,000 draws."""
    side, spacing, observer_mm = equivalent_diameter_mm(150.0), np.array([3.0, 1.0, 1.0]), 1.0
    generator = np.random.default_rng(3)
    shape = (200_000, 2, 3)
    moved = generator.uniform(-spacing / 2, spacing / 2, shape) + observer_mm * generator.standard_normal(shape)
    volumes = np.prod(1 + moved.sum(axis=1) / side, axis=1)
    expected = ct_volume_relative_u(volume_ml=150.0, spacing_mm=tuple(spacing))
    assert volumes.std() == pytest.approx(expected, rel=0.01)
    assert expected == pytest.approx(0.0425, abs=5e-4)


@pytest.mark.parametrize("volume_ml", [0.0, -1.0, math.nan])
def test_no_volume_is_refused(volume_ml):
    with pytest.raises(GeometryError) as caught:
        equivalent_diameter_mm(volume_ml)
    assert caught.value.code == "volume-not-positive"


def test_negative_resolution_is_refused():
    with pytest.raises(GeometryError) as caught:
        sphere_recovery(volume_ml=1, fwhm_mm=-1)
    assert caught.value.code == "resolution-negative"
