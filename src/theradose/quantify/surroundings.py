"""What lies around a region, and how much of it blurs into the outline.

A recovery curve is measured in cold surroundings. With a symmetric blur the surroundings lose to the region what the
region would lose to them: c V (1 − R), with c their concentration. This is not corrected; it is an uncertainty.

References
----------
[Theradose]_, derived in the documentation, methods, uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """The voxels around a region.

    Attributes
    ----------
    box : tuple of slice
        Part of the grid.
    inside : ndarray of bool
        Which voxels of the box belong to the shell.
    """

    box: tuple[slice, slice, slice]
    inside: Array

    def mean(self, image: Volume) -> float:
        """Return the mean of an image over the shell, not below zero; zero for a shell without voxels."""
        return max(float(np.mean(image.data[self.box][self.inside])), 0.0) if self.inside.any() else 0.0


def shell_around(voxels: RegionVoxels, grid: Grid, *, fwhm_mm: float) -> Shell:
    """Return the voxels between one and two resolutions outside a region, as far as the image reaches.

    Nearer voxels show the region itself, farther ones do not blur into it.
    """
    from scipy.ndimage import distance_transform_edt

    reach = [math.ceil(2 * fwhm_mm / side) + 1 for side in grid.spacing_mm]
    box, inset = [], []
    for first, extent, size, margin in zip(voxels.origin, voxels.fraction.shape, grid.shape, reach, strict=True):
        low, high = max(first - margin, 0), min(first + extent + margin, size)
        box.append(slice(low, high))
        inset.append(slice(first - low, first - low + extent))
    outside = np.ones([part.stop - part.start for part in box], bool)
    outside[tuple(inset)] = voxels.fraction <= 0
    distance_mm = distance_transform_edt(outside, sampling=grid.spacing_mm)
    z, y, x = box
    return Shell((z, y, x), (distance_mm > fwhm_mm) & (distance_mm <= 2 * fwhm_mm))


def spill_in_relative_u(*, spill_in_mbq: float, measured_mbq: float) -> float:
    """Return the relative standard uncertainty of an activity that holds spill-in from uniform surroundings.

    Between nothing and all of it is true of surroundings that are not uniform; the root mean square of a rectangular
    distribution from 0 to s, about 0, is s/√3.
    """
    return spill_in_mbq / measured_mbq / math.sqrt(3) if measured_mbq > 0 else 0.0
