"""Rigid transforms between the patient spaces of two time points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array, frozen

_ORTHONORMAL = 1e-4
"""Rounding of a rotation that was written with four decimals."""


@dataclass(frozen=True, slots=True, eq=False)
class RigidTransform:
    """Maps LPS points of the reference space to LPS points of the moving space.

    Attributes
    ----------
    matrix : ndarray, shape (4, 4)
        Proper rotation and translation in mm, acting on (x, y, z, 1).
    """

    matrix: Array

    def __post_init__(self) -> None:
        matrix = frozen(self.matrix, np.float64)
        if not _is_rigid(matrix):
            raise GeometryError(
                "The transform scales, shears or mirrors: a rigid transform needs a 4 × 4 matrix with a pure rotation.",
                code="transform-not-rigid",
            )
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> RigidTransform:
        """Return the transform that moves nothing."""
        return cls(np.eye(4))

    def apply(self, points_mm: Array) -> Array:
        """Map (…, 3) points of the reference space into the moving space."""
        return np.asarray(points_mm, float) @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def inverse(self) -> RigidTransform:
        """Return the transform from the moving to the reference space."""
        return RigidTransform(np.linalg.inv(self.matrix))

    @property
    def rotation_deg(self) -> float:
        """Angle of the rotation."""
        cosine = (np.trace(self.matrix[:3, :3]) - 1) / 2
        return math.degrees(math.acos(float(np.clip(cosine, -1, 1))))

    def displacement_mm(self, point_mm: Array) -> float:
        """Length by which a point of the reference space moves."""
        return float(np.linalg.norm(self.apply(point_mm) - point_mm))


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A transform with its method and its quality.

    Attributes
    ----------
    transform : RigidTransform
        Reference to moving.
    method : str
        Name in the registry ``registration_methods``.
    quality : mapping of str to float
        Named quality figures (``mutual_information_before``, ``mutual_information_after`` …).
    """

    transform: RigidTransform
    method: str
    quality: Mapping[str, float] = field(default_factory=dict)


def _is_rigid(matrix: Array) -> bool:
    if matrix.shape != (4, 4) or not np.allclose(matrix[3], (0, 0, 0, 1)):
        return False
    rotation = matrix[:3, :3]
    # An orthogonal matrix with determinant −1 would exchange left and right.
    return np.allclose(rotation @ rotation.T, np.eye(3), atol=_ORTHONORMAL) and bool(np.linalg.det(rotation) > 0)
