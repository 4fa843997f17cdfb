"""Filling polygons, against areas and memberships that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.spatial.polygons import coverage


def _circle(centre: tuple[float, float], radius: float, points: int = 720) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([centre[0] + radius * np.sin(angle), centre[1] + radius * np.cos(angle)])


def test_pixel_belongs_if_its_centre_is_inside():
    triangle = np.array([(-0.4, -0.4), (-0.4, 3.4), (3.4, -0.4)])
    inside = coverage([triangle], origin=(0, 0), shape=(4, 4), fractional=False)
    row, column = np.mgrid[:4, :4]
    np.testing.assert_array_equal(inside, row + column < 3)


def test_two_polygons_combine_by_exclusive_or():
    outer, inner = _circle((10, 10), 8.2), _circle((10, 10), 4.1)
    both = coverage([outer, inner], origin=(0, 0), shape=(21, 21), fractional=False)
    alone = [coverage([polygon], origin=(0, 0), shape=(21, 21), fractional=False) for polygon in (outer, inner)]
    np.testing.assert_array_equal(both, alone[0] - alone[1])


def test_keyhole_equals_separate_hole():
    outer = np.array([(0.5, 0.5), (0.5, 8.5), (8.5, 8.5), (8.5, 0.5)])
    inner = np.array([(2.5, 2.5), (5.5, 2.5), (5.5, 5.5), (2.5, 5.5)])
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    separate = coverage([outer, inner], origin=(0, 0), shape=(10, 10), fractional=False)
    np.testing.assert_array_equal(coverage([keyhole], origin=(0, 0), shape=(10, 10), fractional=False), separate)


def test_neighbours_share_no_pixel_and_leave_none():
    """Pixel centres on a common edge belong to exactly one of the two polygons."""
    left = np.array([(0, 0), (0, 4), (6, 4), (6, 0)], float)
    right = np.array([(0, 4), (0, 9), (6, 9), (6, 4)], float)
    total = sum(coverage([polygon], origin=(0, 0), shape=(6, 9), fractional=False) for polygon in (left, right))
    np.testing.assert_array_equal(total, 1)


def test_fraction_gives_the_area_of_a_circle():
    """Lines 1/16 pixel apart integrate the width of a circle: the error at its two ends is about (1/16)^1.5."""
    circle = _circle((10.3, 9.8), 7.3)
    area = coverage([circle], origin=(0, 0), shape=(21, 21), fractional=True).sum()
    assert area == pytest.approx(np.pi * 7.3**2, rel=2e-4)


def test_fraction_respects_holes_and_the_edge_of_the_raster():
    outer = np.array([(-3, -3), (-3, 3.25), (3.5, 3.25), (3.5, -3)])
    hole = np.array([(0.5, 0.75), (0.5, 2.0), (1.5, 2.0), (1.5, 0.75)])
    fraction = coverage([outer, hole], origin=(0, 0), shape=(5, 5), fractional=True)
    expected = np.zeros((5, 5))
    expected[:4] = [1, 1, 1, 0.75, 0]
    expected[1] = [1, 0.25, 0.5, 0.75, 0]
    np.testing.assert_allclose(fraction, expected, atol=1e-6)


def test_polygon_beyond_the_raster_is_cut():
    square = np.array([(-5, -5), (-5, 30), (30, 30), (30, -5)], float)
    for fractional in (False, True):
        filled = coverage([square], origin=(3, 4), shape=(2, 3), fractional=fractional)
        np.testing.assert_array_equal(filled, 1)
    outside = coverage([square + 100], origin=(0, 0), shape=(5, 5), fractional=False)
    assert outside.sum() == 0
