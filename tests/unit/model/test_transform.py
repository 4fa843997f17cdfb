"""Rigid transforms: inverse, angle, and what is not rigid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from theradose.errors import GeometryError
from theradose.model.transform import RigidTransform

angles = st.floats(-60, 60)
lengths = st.floats(-300, 300)


def rigid(angles_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


@given(st.tuples(angles, angles, angles), st.tuples(lengths, lengths, lengths), st.tuples(lengths, lengths, lengths))
def test_the_inverse_brings_points_back(angles_deg, shift_mm, point):
    transform = rigid(angles_deg, shift_mm)
    assert np.allclose(transform.inverse().apply(transform.apply(np.array(point))), point, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.5, 30.0, 179.0])
def test_the_angle_is_that_of_the_rotation(angle):
    assert rigid((0, 0, angle), (5, 0, 0)).rotation_deg == pytest.approx(angle, abs=1e-5)


def test_displacement_depends_on_the_point():
    """A turn by 90° about the origin moves a point at 10 mm by 10 √2 mm and the origin not at all."""
    turn = rigid((0, 0, 90), (0, 0, 0))
    assert turn.displacement_mm(np.zeros(3)) == pytest.approx(0)
    assert turn.displacement_mm(np.array([10.0, 0, 0])) == pytest.approx(10 * np.sqrt(2))


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([2.0, 1, 1, 1]),
        np.eye(4) + np.eye(4, k=1) * 0.1,
        np.diag([-1.0, 1, 1, 1]),
        np.diag([1.0, 1, 1, 2]),
        np.eye(3),
    ],
    ids=["scales", "shears", "mirrors", "projects", "3 × 3"],
)
def test_what_is_not_rigid_is_refused(matrix):
    with pytest.raises(GeometryError) as refusal:
        RigidTransform(matrix)
    assert refusal.value.code == "transform-not-rigid"
