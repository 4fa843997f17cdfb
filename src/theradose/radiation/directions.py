"""Directions that cover one octant of the sphere evenly, with the solid angle of each.

References
----------
[vanOosterom1983]_ Solid angle of a triangle.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from theradose.model.arrays import Array, frozen


@cache
def octant_directions(edge: int) -> tuple[Array, Array]:
    """Return directions in the octant of positive coordinates and the share of the octant that each stands for.

    The triangle between the three axes is cut into `edge`² equal triangles. Their centres, projected onto the sphere,
    are the directions; an exchange of axes maps the set onto itself.

    Parameters
    ----------
    edge : int
        Triangles along one edge.

    Returns
    -------
    directions : ndarray, shape (edge², 3)
        Unit vectors.
    weights : ndarray, shape (edge²,)
        They add up to 1.

    References
    ----------
    [vanOosterom1983]_
    """
    first, second = np.meshgrid(np.arange(edge), np.arange(edge), indexing="ij")
    inside = first + second < edge
    upright = np.stack([first[inside], second[inside]], -1)
    turned = upright[upright.sum(-1) < edge - 1]
    corners = np.concatenate(
        [
            upright[:, None] + np.array([[0, 0], [1, 0], [0, 1]]),
            turned[:, None] + np.array([[1, 0], [1, 1], [0, 1]]),
        ]
    )
    points = np.concatenate([corners, edge - corners.sum(-1, keepdims=True)], axis=-1).astype(float)
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    a, b, c = points[:, 0], points[:, 1], points[:, 2]
    volume = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)))
    cosines = 1 + (a * b).sum(-1) + (b * c).sum(-1) + (c * a).sum(-1)
    solid_angle = 2 * np.arctan2(volume, cosines)
    centres = points.sum(axis=1)
    centres /= np.linalg.norm(centres, axis=-1, keepdims=True)
    return frozen(centres), frozen(solid_angle / solid_angle.sum())
