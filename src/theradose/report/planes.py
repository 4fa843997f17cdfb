"""Slices of a volume as a radiologist looks at them, whatever the order of its voxel axes.

Display convention: the patient's right is on the left of axial and coronal views, anterior is at the top of
axial views and on the left of sagittal ones, superior is at the top. An oblique grid is shown along its own
axes; the letters at the borders then carry two directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid

Plane = Literal["axial", "coronal", "sagittal"]

_POSITIVE, _NEGATIVE = "LPS", "RAI"
_LETTER_FROM = 0.26
"""Direction cosine (15°) from which a second letter is shown."""

_AXES: dict[Plane, tuple[int, int, int]] = {"axial": (0, 1, 2), "coronal": (1, 0, 2), "sagittal": (2, 0, 1)}
"""Normal, vertical and horizontal axis of each plane in the order (S, P, L) of the display."""


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """How the axes of a grid are reordered and flipped so that they run towards (superior, posterior, left).

    Attributes
    ----------
    order : tuple of int
        Grid axis that becomes each display axis.
    flipped : tuple of bool
        Whether that axis runs the other way.
    shape : tuple of int
        Voxels along the display axes.
    spacing_mm : tuple of float
        Voxel size along the display axes.
    directions : ndarray, shape (3, 3)
        Unit LPS vector of each display axis, by row.
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    directions: Array

    @classmethod
    def of(cls, grid: Grid) -> Display:
        """Return the display of a grid: each grid axis goes to the body axis that it follows best."""
        cosines = grid.affine_mm[:3, :3] / np.asarray(grid.spacing_mm)
        order = _best_assignment(np.abs(cosines))
        flipped = tuple(bool(cosines[2 - position, axis] < 0) for position, axis in enumerate(order))
        signs = np.where(flipped, -1.0, 1.0)
        return cls(
            order=order,
            flipped=(flipped[0], flipped[1], flipped[2]),
            shape=(grid.shape[order[0]], grid.shape[order[1]], grid.shape[order[2]]),
            spacing_mm=(grid.spacing_mm[order[0]], grid.spacing_mm[order[1]], grid.spacing_mm[order[2]]),
            directions=cosines.T[list(order)] * signs[:, None],
        )

    def arrange(self, data: Array) -> Array:
        """Return a view of voxel data in display order."""
        steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flipped)
        arranged: Array = np.transpose(data, self.order)[steps]
        return arranged

    def position(self, index: tuple[float, float, float]) -> tuple[float, float, float]:
        """Map a grid index to display order."""
        placed = [
            self.shape[axis] - 1 - index[source] if flip else index[source]
            for axis, (source, flip) in enumerate(zip(self.order, self.flipped, strict=True))
        ]
        return placed[0], placed[1], placed[2]


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of one plane.

    Attributes
    ----------
    plane : {"axial", "coronal", "sagittal"}
        Which plane.
    window : tuple of slice
        Display indices shown along (superior, posterior, left).
    """

    plane: Plane
    window: tuple[slice, slice, slice]

    @property
    def upwards(self) -> bool:
        """Whether the vertical index increases towards the top."""
        return self.plane != "axial"

    def cut(self, arranged: Array, index: int) -> Array:
        """Return the slice at `index` of the normal axis, rows from bottom to top where `upwards`."""
        normal, vertical, horizontal = _AXES[self.plane]
        selection: list[slice | int] = [slice(None)] * 3
        selection[normal] = index
        selection[vertical] = self.window[vertical]
        selection[horizontal] = self.window[horizontal]
        part: Array = arranged[tuple(selection)]
        return part

    def project(self, arranged: Array) -> Array:
        """Return the maximum along the normal axis."""
        projection: Array = arranged[self.window].max(axis=_AXES[self.plane][0])
        return projection

    def extent_mm(self, display: Display) -> tuple[float, float, float, float]:
        """Return (left, right, bottom, top) for ``imshow``, in mm from the first voxel of the display."""
        _, vertical, horizontal = _AXES[self.plane]
        rows, columns = self.window[vertical], self.window[horizontal]
        dy, dx = display.spacing_mm[vertical], display.spacing_mm[horizontal]
        left, right = (columns.start - 0.5) * dx, (columns.stop - 0.5) * dx
        low, high = (rows.start - 0.5) * dy, (rows.stop - 0.5) * dy
        return (left, right, low, high) if self.upwards else (left, right, high, low)

    def size_mm(self, display: Display) -> tuple[float, float]:
        """Return width and height."""
        left, right, bottom, top = self.extent_mm(display)
        return abs(right - left), abs(top - bottom)

    def letters(self, display: Display) -> tuple[str, str, str, str]:
        """Return the letters at the left, right, bottom and top border."""
        _, vertical, horizontal = _AXES[self.plane]
        across, along = display.directions[horizontal], display.directions[vertical]
        top = along if self.upwards else -along
        return direction_letters(-across), direction_letters(across), direction_letters(-top), direction_letters(top)

    def normal_index(self, position: tuple[float, float, float]) -> int:
        """Return the slice index of a display position."""
        return round(position[_AXES[self.plane][0]])


def direction_letters(direction: Array) -> str:
    """Return the patient direction of an LPS vector: one letter, or two if it is oblique by more than 15°."""
    unit = np.asarray(direction, float) / np.linalg.norm(direction)
    letters = [
        (_POSITIVE if component > 0 else _NEGATIVE)[axis]
        for axis, component in sorted(enumerate(unit), key=lambda pair: -abs(pair[1]))
        if abs(component) > _LETTER_FROM
    ]
    return "".join(letters[:2])


def body_window(
    display: Display, arranged: Array, *, threshold: float, margin_mm: float = 12.0
) -> tuple[slice, slice, slice]:
    """Return the box around everything above `threshold`, with a margin; the whole volume if nothing is."""
    above = arranged > threshold
    window = []
    for axis, other in enumerate(((1, 2), (0, 2), (0, 1))):
        # A couch or a stray voxel is thin: a line of voxels counts when it holds at least two.
        occupied = np.flatnonzero(above.sum(axis=other) > 1)
        margin = round(margin_mm / display.spacing_mm[axis])
        low, high = (occupied[0], occupied[-1] + 1) if len(occupied) else (0, display.shape[axis])
        window.append(slice(max(int(low) - margin, 0), min(int(high) + margin, display.shape[axis])))
    return window[0], window[1], window[2]


def limited(window: slice, *, centre: float, length: float) -> slice:
    """Return the part of `window` of at most `length` voxels around `centre`, shifted to stay inside."""
    size = min(window.stop - window.start, max(1, round(length)))
    start = min(max(round(centre - size / 2), window.start), window.stop - size)
    return slice(start, start + size)


def _best_assignment(strengths: Array) -> tuple[int, int, int]:
    """Return the grid axes for (S, P, L): the permutation with the largest sum of direction cosines."""
    permutations = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return max(
        permutations,
        key=lambda order: float(sum(strengths[2 - position, axis] for position, axis in enumerate(order))),
    )
