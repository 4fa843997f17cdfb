"""Grids and volumes in patient space."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array, frozen


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A regular grid of voxels in LPS patient coordinates.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along the array axes (z, y, x): slice, row, column.
    affine_mm : ndarray, shape (4, 4)
        Maps voxel centre indices (slice, row, column, 1) to LPS coordinates (x, y, z, 1) in mm. The first
        three columns are the steps along the array axes.
    frame_of_reference : str or None
        DICOM Frame of Reference UID; ``None`` where the file format has none.
    """

    shape: tuple[int, int, int]
    affine_mm: Array
    frame_of_reference: str | None = None

    def __post_init__(self) -> None:
        affine = frozen(self.affine_mm, np.float64)
        if affine.shape != (4, 4) or not np.all(np.isfinite(affine)):
            raise GeometryError("A grid needs a finite 4 × 4 affine matrix.", code="affine-invalid")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(f"A grid has three axes of at least one voxel, not {self.shape}.",
                                code="shape-invalid")  # fmt: skip
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise GeometryError("The voxel axes of the grid do not span a volume.", code="affine-singular")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine_mm", affine)

    @classmethod
    def axis_aligned(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
        frame_of_reference: str | None = None,
    ) -> Grid:
        """Return a grid along the LPS axes; `spacing_mm` is (z, y, x), `origin_mm` the first centre (x, y, z)."""
        dz, dy, dx = spacing_mm
        affine = np.array(
            [[0, 0, dx, origin_mm[0]], [0, dy, 0, origin_mm[1]], [dz, 0, 0, origin_mm[2]], [0, 0, 0, 1.0]]
        )
        return cls(shape, affine, frame_of_reference)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x)."""
        dz, dy, dx = np.linalg.norm(self.affine_mm[:3, :3], axis=0)
        return float(dz), float(dy), float(dx)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(abs(np.linalg.det(self.affine_mm[:3, :3]))) / 1000.0

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def centre_mm(self) -> Array:
        """LPS coordinates of the middle of the grid, shape (3,)."""
        return self.to_lps((np.array(self.shape) - 1) / 2)

    def to_lps(self, index: Array | tuple[float, float, float]) -> Array:
        """Map (…, 3) indices (slice, row, column) to (…, 3) LPS coordinates in mm."""
        return np.asarray(index, float) @ self.affine_mm[:3, :3].T + self.affine_mm[:3, 3]

    def to_index(self, points_mm: Array | tuple[float, float, float]) -> Array:
        """Map (…, 3) LPS coordinates in mm to (…, 3) fractional indices (slice, row, column)."""
        inverse = np.linalg.inv(self.affine_mm[:3, :3])
        return (np.asarray(points_mm, float) - self.affine_mm[:3, 3]) @ inverse.T

    def corners_mm(self) -> Array:
        """LPS coordinates of the eight outer corners of the voxel block, shape (8, 3)."""
        edges = [(-0.5, n - 0.5) for n in self.shape]
        return self.to_lps(np.array(list(product(*edges))))

    def crop(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of the voxels in a box of slices with start and stop."""
        affine = np.array(self.affine_mm)
        affine[:3, 3] = self.to_lps(np.array([part.start for part in box]))
        z, y, x = (part.stop - part.start for part in box)
        return Grid((z, y, x), affine, self.frame_of_reference)

    def matches(self, other: Grid, *, tolerance_mm: float = 0.01) -> bool:
        """Return whether both grids have the same voxels, within `tolerance_mm` at every corner."""
        if self.shape != other.shape:
            return False
        return bool(np.all(np.abs(self.corners_mm() - other.corners_mm()) <= tolerance_mm))


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Values on a grid; array index order (z, y, x)."""

    data: Array
    grid: Grid

    def __post_init__(self) -> None:
        data = frozen(self.data)
        if data.shape != self.grid.shape:
            raise GeometryError(
                f"An array of shape {data.shape} does not fit a grid of shape {self.grid.shape}.",
                code="shape-mismatch",
            )
        object.__setattr__(self, "data", data)


@dataclass(frozen=True, slots=True, eq=False)
class DensityMap(Volume):
    """Mass density in g/mL, and how it was obtained."""

    method: str = ""
