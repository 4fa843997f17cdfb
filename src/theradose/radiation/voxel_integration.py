"""Integration of a point kernel over a source voxel and the voxels around it.

A point of the source voxel and a point at the distance r from it in the direction u lie in voxels that are (i, j, k)
apart with the probability Λ(r u_x/d_x − i) Λ(r u_y/d_y − j) Λ(r u_z/d_z − k), where Λ is the triangle that falls from 1
to 0 over one voxel. The energy of a voxel is the mean of that over directions, weighted with the point kernel. The
triangles of neighbouring voxels add up to 1 everywhere, so the sum over voxels is the deposited energy exactly.

That is done by shells and directions near the source. Beyond some voxels the kernel changes little over a voxel: there
the averages over both voxels are taken with few points, and farther with the second derivatives of the kernel.

References
----------
[Bolch1999]_ Voxel S values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.radiation.directions import octant_directions

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]

# Accuracy of the integration, see docs/methods/kernels.md. No cube lies at exactly the first two distances, so that
# rounding does not decide between two ways of integration.
_NEAR_VOXELS = 3.2
_MIDDLE_VOXELS = 10.2
_SHELLS_PER_VOXEL = 8
_SHELL_RATIO = 1.05
_FIRST_SHELL = 0.02
_DIRECTIONS_PER_VOXEL = 20
_FEWEST_DIRECTIONS = 48
_BOX_DIRECTIONS = 64
_STEPS_PER_VOXEL = 8
_POINTS_AT_ONCE = 200_000
# Moments of the triangle over ±1: 1/6 (second) and 1/15 (fourth).
_TRIANGLE_POINTS = np.sqrt(6 / 15) * np.array([-1.0, 0.0, 1.0])
_TRIANGLE_WEIGHTS = np.array([5 / 24, 14 / 24, 5 / 24])


def octant_energy(*, radius_mm: Array, cumulative: Array, spacing_mm: Triple, shape: Shape) -> Array:
    """Return the energy in voxels of one octant around the source voxel.

    Long voxels near the source are put together from cuts of them: a wide triangle is a sum of narrow ones.

    Parameters
    ----------
    radius_mm : ndarray, shape (n,)
        Distances from a point, from 0.
    cumulative : ndarray, shape (n,)
        Energy within them.
    spacing_mm : tuple of float
        Voxel along (z, y, x).
    shape : tuple of int
        Offsets along (z, y, x), 0 included.

    Returns
    -------
    ndarray, shape `shape`
        In the unit of `cumulative`.

    References
    ----------
    [Bolch1999]_
    """
    cuts = tuple(round(edge / min(spacing_mm)) for edge in spacing_mm)
    if max(cuts) == 1:
        return _even_octant(radius_mm, cumulative, spacing_mm, shape)
    near_mm = _NEAR_VOXELS * max(spacing_mm)
    near_shape = _shape_within(near_mm, spacing_mm, shape)
    fine_mm = (spacing_mm[0] / cuts[0], spacing_mm[1] / cuts[1], spacing_mm[2] / cuts[2])
    fine_shape = (near_shape[0] * cuts[0], near_shape[1] * cuts[1], near_shape[2] * cuts[2])
    near = _even_octant(radius_mm, cumulative, fine_mm, fine_shape)
    for axis, (n, cut) in enumerate(zip(near_shape, cuts, strict=True)):
        offsets = np.arange(1 - cut, cut)
        index = np.abs(np.arange(n)[:, None] * cut + offsets)
        near = np.tensordot(np.take(near, index, axis), 1 - np.abs(offsets) / cut, axes=(axis + 1, 0))
    return _joined(near, radius_mm, cumulative, spacing_mm, shape)


def energy_in_box(*, radius_mm: Array, cumulative: Array, spacing_mm: Triple, shape: Shape) -> float:
    """Return the energy within the box of the offsets −(n − 1) … n − 1, without looking at its voxels.

    Parameters are those of :func:`octant_energy`.

    References
    ----------
    [Bolch1999]_
    """
    directions, weights = octant_directions(_BOX_DIRECTIONS)
    in_voxels = directions[:, ::-1] / np.array(spacing_mm)
    middle = (radius_mm[:-1] + radius_mm[1:]) / 2
    energy = np.diff(cumulative)
    inside = middle < min(n - 1 for n in shape) * min(spacing_mm)
    total = float(energy[inside].sum())
    longest = float(np.linalg.norm([n * edge for n, edge in zip(shape, spacing_mm, strict=True)]))
    rest = np.flatnonzero(~inside & (middle < longest))
    for shells in _chunks(rest, _POINTS_AT_ONCE // weights.size):
        points = middle[shells, None, None] * in_voxels
        held = np.prod(np.clip(np.array(shape) - points, 0, 1), axis=-1)
        total += float(energy[shells] @ held @ weights)
    return total


def sum_of_box(octant: Array) -> float:
    """Return the sum over all offsets, positive and negative, of values at those from 0."""
    return float(np.sum(octant / _share_of_sign(octant.shape)))


def _even_octant(radius_mm: Array, cumulative: Array, spacing_mm: Triple, shape: Shape) -> Array:
    """Energy per voxel of one octant, of voxels that are about as long as wide."""
    near_mm = _NEAR_VOXELS * max(spacing_mm)
    near = _near(radius_mm, cumulative, spacing_mm, _shape_within(near_mm, spacing_mm, shape), near_mm)
    return _joined(near, radius_mm, cumulative, spacing_mm, shape)


def _joined(near: Array, radius_mm: Array, cumulative: Array, spacing_mm: Triple, shape: Shape) -> Array:
    """Energy per voxel near the source where that is given, else from the point kernel."""
    near_mm = _NEAR_VOXELS * max(spacing_mm)
    farthest_mm = float(np.linalg.norm([(n - 1) * edge for n, edge in zip(shape, spacing_mm, strict=True)]))
    if farthest_mm <= near_mm:
        return near
    density = _RadialDensity.of(radius_mm, cumulative, min(spacing_mm), near_mm, farthest_mm)
    result = _far(density, spacing_mm, shape)
    middle_mm = _MIDDLE_VOXELS * max(spacing_mm)
    middle = _middle(density, spacing_mm, _shape_within(middle_mm, spacing_mm, shape))
    for block, distance_mm in ((middle, middle_mm), (near, near_mm)):
        z, y, x = (np.arange(n) * edge for n, edge in zip(block.shape, spacing_mm, strict=True))
        within = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= distance_mm**2
        np.copyto(result[: block.shape[0], : block.shape[1], : block.shape[2]], block, where=within)
    return result


def _shape_within(distance_mm: float, spacing_mm: Triple, shape: Shape) -> Shape:
    z, y, x = (min(n, int(distance_mm / edge) + 1) for n, edge in zip(shape, spacing_mm, strict=True))
    return z, y, x


def _near(radius_mm: Array, cumulative: Array, spacing_mm: Triple, shape: Shape, near_mm: float) -> Array:
    """Energy per voxel by integration over shells and directions, complete within a distance."""
    smallest = min(spacing_mm)
    # A voxel reaches one diagonal further, since source and target points both move.
    shells, energy = _shells(radius_mm, cumulative, smallest, near_mm + float(np.linalg.norm(spacing_mm)))
    # Triangles along an edge of the octant, in few different numbers, since each set of directions is made once.
    wanted = np.pi / 2 * shells / smallest * _DIRECTIONS_PER_VOXEL
    level = np.ceil(2 * np.log2(np.maximum(wanted / _FEWEST_DIRECTIONS, 1)))
    edge = (_FEWEST_DIRECTIONS * 2 ** (level / 2)).astype(int)
    padded = (shape[0] + 1, shape[1] + 1, shape[2] + 1)
    total = np.zeros(int(np.prod(padded)))
    for number in np.unique(edge):
        directions, weights = octant_directions(int(number))
        in_voxels = directions[:, ::-1] / np.array(spacing_mm)
        for chosen in _chunks(np.flatnonzero(edge == number), max(1, _POINTS_AT_ONCE // weights.size)):
            points = (shells[chosen, None, None] * in_voxels).reshape(-1, 3)
            total += _spread(points, (energy[chosen, None] * weights).ravel(), padded)
    octant = total.reshape(padded)[: shape[0], : shape[1], : shape[2]]
    return octant * _share_of_sign(shape)


def _spread(points: Array, energy: Array, shape: Shape) -> Array:
    """Give each point's energy to the eight voxels around it, by their triangles."""
    inside = np.all(points < np.array(shape) - 1, axis=1)
    points, energy = points[inside], energy[inside]
    low = points.astype(np.intp)
    fraction = points - low
    start = np.ravel_multi_index(tuple(low.T), shape)
    total = np.zeros(int(np.prod(shape)))
    shares = np.stack([1 - fraction, fraction])
    for z, y, x in np.ndindex(2, 2, 2):
        weight = energy * shares[z, :, 0] * shares[y, :, 1] * shares[x, :, 2]
        total += np.bincount(start + int(np.ravel_multi_index((z, y, x), shape)), weight, total.size)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _RadialDensity:
    """Energy per volume times the distance squared, which is smooth, at equally spaced distances."""

    first_mm: float
    step_mm: float
    scaled: Array

    @classmethod
    def of(
        cls, radius_mm: Array, cumulative: Array, voxel_mm: float, nearest_mm: float, farthest_mm: float
    ) -> _RadialDensity:
        step = voxel_mm / _STEPS_PER_VOXEL
        # The averages over two voxels reach one diagonal to either side.
        margin = 2 * (nearest_mm / _NEAR_VOXELS) + 2 * voxel_mm
        low = max(1, int((nearest_mm - margin) / step))
        radius = np.arange(low, int((farthest_mm + margin) / step) + 2) * step
        outer, inner = radius + step / 2, radius - step / 2
        energy = np.interp(outer, radius_mm, cumulative) - np.interp(inner, radius_mm, cumulative)
        return cls(float(radius[0]), step, radius**2 * energy / (4 / 3 * np.pi * (outer**3 - inner**3)))

    @property
    def radius_mm(self) -> Array:
        return self.first_mm + self.step_mm * np.arange(self.scaled.size)

    def position(self, distance_mm: Array) -> tuple[Array, Array]:
        """Index of the point below each distance, and how far towards the next it lies."""
        position = (distance_mm - self.first_mm) / self.step_mm
        index = position.astype(np.intp)
        return index, position - index


def _middle(density: _RadialDensity, spacing_mm: Triple, shape: Shape) -> Array:
    """Energy per voxel by averages over source and target voxel, each axis by three points.

    The distance of two points along an axis has a triangular density over ±d; the points and weights have its moments
    up to the fifth.
    """
    z, y, x = (
        np.abs(np.arange(n)[:, None] + _TRIANGLE_POINTS) * edge for n, edge in zip(shape, spacing_mm, strict=True)
    )
    total = np.zeros(shape)
    for points in np.ndindex(3, 3, 3):
        square = z[:, None, None, points[0]] ** 2 + y[:, None, points[1]] ** 2 + x[:, points[2]] ** 2
        index, share = density.position(np.maximum(np.sqrt(square), density.first_mm))
        scaled = density.scaled[index] * (1 - share) + density.scaled[index + 1] * share
        total += np.prod(_TRIANGLE_WEIGHTS[list(points)]) * scaled / np.maximum(square, density.first_mm**2)
    return total * float(np.prod(spacing_mm))


def _far(density: _RadialDensity, spacing_mm: Triple, shape: Shape) -> Array:
    """Energy per voxel from the point kernel at the distance of the centres, valid beyond some voxels.

    With d the edges and k(r) the energy per volume, the averages over source and target voxel give
    k + Σ d_a² ∂²k/∂a² / 12; derivatives are differences over a voxel.
    """
    radius, scaled, n = density.radius_mm, density.scaled, _STEPS_PER_VOXEL
    first, second = np.zeros(radius.size), np.zeros(radius.size)
    first[n:-n] = (scaled[2 * n :] - scaled[: -2 * n]) / (2 * n * density.step_mm)
    second[n:-n] = (scaled[2 * n :] - 2 * scaled[n:-n] + scaled[: -2 * n]) / (n * density.step_mm) ** 2
    squares = np.array(spacing_mm) ** 2
    common = scaled + squares.sum() / 12 * (first / radius - 2 * scaled / radius**2)
    directed = (second - 5 * first / radius + 8 * scaled / radius**2) / 12
    volume = float(np.prod(spacing_mm))
    z, y, x = (np.arange(n) * edge for n, edge in zip(shape, spacing_mm, strict=True))
    in_plane = y[:, None] ** 2 + x**2
    stretched = squares[1] * y[:, None] ** 2 + squares[2] * x**2
    result = np.zeros(shape)
    for plane, height in enumerate(z):
        # The nearest voxels lie below the table; they are replaced.
        square = np.maximum(in_plane + height**2, density.first_mm**2)
        index, share = density.position(np.sqrt(square))
        smooth = common[index] * (1 - share) + common[index + 1] * share
        along = directed[index] * (1 - share) + directed[index + 1] * share
        result[plane] = volume * (smooth + along * (stretched + squares[0] * height**2) / square) / square
    return result


def _shells(radius_mm: Array, cumulative: Array, smallest_mm: float, largest_mm: float) -> tuple[Array, Array]:
    """Mean radius and energy of shells, in equal ratios near the point and in equal steps from where those are as fine.

    The mean is over the energy, so that what is proportional to the distance is integrated exactly.
    """
    step = smallest_mm / _SHELLS_PER_VOXEL
    turn = step / (_SHELL_RATIO - 1)
    first = smallest_mm * _FIRST_SHELL
    ratios = np.geomspace(first, turn, int(np.ceil(np.log(turn / first) / np.log(_SHELL_RATIO))))
    steps = turn + step * np.arange(1, int(np.ceil((largest_mm - turn) / step)) + 1)
    edges = np.concatenate([[0.0], ratios, steps])
    moment = np.concatenate([[0.0], np.cumsum(np.diff(cumulative) * (radius_mm[1:] + radius_mm[:-1]) / 2)])
    energy = np.diff(np.interp(edges, radius_mm, cumulative))
    middle = (edges[:-1] + edges[1:]) / 2
    return np.divide(np.diff(np.interp(edges, radius_mm, moment)), energy, out=middle, where=energy > 0), energy


def _share_of_sign(shape: Shape) -> Array:
    """Share of an octant's energy that goes to each voxel: half for every axis on which the offset has a sign."""
    z, y, x = (np.where(np.arange(n) > 0, 0.5, 1.0) for n in shape)
    return z[:, None, None] * y[:, None] * x


def _chunks(items: Array, size: int) -> Iterator[Array]:
    for start in range(0, items.size, size):
        yield items[start : start + size]
