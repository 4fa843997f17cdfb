"""Quadric solids: exact shapes that can be moved, outlined and sampled on any grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array, frozen
from theradose.model.grid import Grid
from theradose.model.transform import RigidTransform


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """An ellipsoid, or an elliptic cylinder along its third axis.

    Attributes
    ----------
    shape : {"ellipsoid", "cylinder"}
        Kind of quadric.
    centre_mm : ndarray, shape (3,)
        LPS coordinates.
    semi_axes_mm : ndarray, shape (3,)
        Semi-axes; the third of a cylinder is half its height.
    axes : ndarray, shape (3, 3)
        Directions of the semi-axes as columns.
    """

    shape: Literal["ellipsoid", "cylinder"]
    centre_mm: Array
    semi_axes_mm: Array
    axes: Array

    def __post_init__(self) -> None:
        for name in ("centre_mm", "semi_axes_mm", "axes"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def volume_ml(self) -> float:
        """Volume of the whole solid, whatever replaces parts of it."""
        factor = 4 / 3 * math.pi if self.shape == "ellipsoid" else 2 * math.pi
        return float(factor * np.prod(self.semi_axes_mm) / 1000)

    def moved(self, transform: RigidTransform) -> Solid:
        """Return the solid after a rigid motion."""
        return Solid(
            self.shape,
            transform.apply(self.centre_mm),
            self.semi_axes_mm,
            transform.matrix[:3, :3] @ self.axes,
        )

    def scaled(self, factor: float) -> Solid:
        """Return the solid with all semi-axes multiplied by `factor`."""
        return Solid(self.shape, self.centre_mm, self.semi_axes_mm * factor, self.axes)

    def shifted(self, shift_mm: Sequence[float] | Array) -> Solid:
        """Return the solid moved by a vector."""
        return Solid(self.shape, self.centre_mm + np.asarray(shift_mm, float), self.semi_axes_mm, self.axes)

    def grown(self, margin_mm: float) -> Solid:
        """Return the solid with all semi-axes longer by `margin_mm` (shorter if negative)."""
        return Solid(self.shape, self.centre_mm, self.semi_axes_mm + margin_mm, self.axes)

    def half_extent_mm(self) -> Array:
        """Half the size of the box along (x, y, z) that holds the solid, shape (3,)."""
        scaled = self.axes * self.semi_axes_mm
        if self.shape == "ellipsoid":
            return np.asarray(np.linalg.norm(scaled, axis=1))
        return np.asarray(np.linalg.norm(scaled[:, :2], axis=1) + np.abs(scaled[:, 2]))

    def reaches(self, low_mm: Array, high_mm: Array) -> bool:
        """Return whether the box that holds the solid meets the box between two corners."""
        half = self.half_extent_mm()
        return bool((self.centre_mm + half >= low_mm).all() and (self.centre_mm - half <= high_mm).all())

    def level(self, points_mm: Array) -> Array:
        """Return a smooth function of (…, 3) points that is negative inside, zero on the surface."""
        local = ((np.asarray(points_mm, float) - self.centre_mm) @ self.axes) / self.semi_axes_mm
        if self.shape == "ellipsoid":
            return np.asarray(np.linalg.norm(local, axis=-1) - 1)
        return np.asarray(np.maximum(np.hypot(local[..., 0], local[..., 1]), np.abs(local[..., 2])) - 1)

    def surface_points(self, count: int = 400) -> Array:
        """Return points spread over the surface, shape (n, 3)."""
        turn = np.arange(count) * math.pi * (3 - math.sqrt(5))
        height = 1 - (2 * np.arange(count) + 1) / count
        radius = np.sqrt(1 - height**2)
        unit = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
        if self.shape == "cylinder":
            unit /= np.maximum(np.hypot(unit[:, 0], unit[:, 1]), np.abs(unit[:, 2]))[:, None]
        return np.asarray(self.centre_mm + (unit * self.semi_axes_mm) @ self.axes.T)


def ellipsoid(
    centre_mm: Sequence[float] | Array,
    semi_axes_mm: Sequence[float] | Array,
    tilt_deg: Sequence[float] | Array = (0.0, 0.0, 0.0),
) -> Solid:
    """Return an ellipsoid, turned about x, then y, then z."""
    return Solid("ellipsoid", np.asarray(centre_mm), np.asarray(semi_axes_mm), rotation(tilt_deg))


def cylinder(
    centre_mm: Sequence[float] | Array,
    semi_axes_mm: Sequence[float] | Array,
    tilt_deg: Sequence[float] | Array = (0.0, 0.0, 0.0),
) -> Solid:
    """Return an elliptic cylinder; it stands along z, half its height is the third semi-axis, then it is turned."""
    return Solid("cylinder", np.asarray(centre_mm), np.asarray(semi_axes_mm), rotation(tilt_deg))


def rotation(angles_deg: Sequence[float] | Array) -> Array:
    """Return the matrix of turns about x, then y, then z, shape (3, 3)."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(np.asarray(angles_deg, float))):
        first, second = [other for other in range(3) if other != axis]
        sine = math.sin(angle) * (-1 if axis == 1 else 1)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -sine, sine
        matrix = turn @ matrix
    return matrix


def paint(labels: Array, grid: Grid, solid: Solid, label: int) -> None:
    """Set the voxels of `labels` whose centre lies in `solid`.

    Parameters
    ----------
    labels : ndarray of uint8, shape of `grid`
        Changed in place: solids are painted over each other in order.
    grid : Grid
        Along the LPS axes.
    solid : Solid
        What is painted.
    label : int
        Value to set.
    """
    steps = np.array([grid.affine_mm[0, 2], grid.affine_mm[1, 1], grid.affine_mm[2, 0]])
    half = solid.half_extent_mm()
    lowest = np.ceil((solid.centre_mm - half - grid.affine_mm[:3, 3]) / steps)
    highest = np.floor((solid.centre_mm + half - grid.affine_mm[:3, 3]) / steps)
    size = np.array(grid.shape[::-1])
    first = np.clip(lowest, 0, size).astype(int)
    last = np.clip(highest + 1, 0, size).astype(int)
    if (last <= first).any():
        return
    x, y, z = (grid.affine_mm[axis, 3] + steps[axis] * np.arange(first[axis], last[axis]) for axis in range(3))
    to_local = (solid.axes / solid.semi_axes_mm).T.astype(np.float32)
    offset = to_local @ solid.centre_mm
    in_plane = [(to_local[i, 1] * y)[:, None] + (to_local[i, 0] * x)[None, :] - offset[i] for i in range(3)]
    in_plane = [plane.astype(np.float32) for plane in in_plane]
    # Slice by slice the arrays stay in the processor's cache, which makes this several times faster.
    for position, height in zip(range(first[2], last[2]), z, strict=True):
        u, v, w = (in_plane[i] + np.float32(to_local[i, 2] * height) for i in range(3))
        across = u * u + v * v
        inside = across + w * w <= 1 if solid.shape == "ellipsoid" else (across <= 1) & (np.abs(w) <= 1)
        labels[position, first[1] : last[1], first[0] : last[0]][inside] = label
