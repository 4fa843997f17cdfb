"""Dose-volume histograms and their indices, for any map in Gy."""

from __future__ import annotations

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.dose import DoseVolumeHistogram
from theradose.model.grid import Volume
from theradose.model.region import RegionVoxels

DEFAULT_BINS = 200


class RegionDoses:
    """The doses of a region's voxels, sorted, with the volume of each.

    Indices are read from the sorted voxels, not from histogram bins. A voxel that is partly inside counts with its
    fraction.

    Parameters
    ----------
    dose : Volume
        Gy.
    voxels : RegionVoxels
        On the grid of `dose`.
    """

    def __init__(self, dose: Volume, voxels: RegionVoxels) -> None:
        inside = voxels.fraction > 0
        if not inside.any():
            raise GeometryError("A region without voxels has no dose-volume histogram.", code="region-empty")
        doses = dose.data[voxels.box][inside].astype(np.float64)
        order = np.argsort(doses)[::-1]
        self._dose_gy: Array = doses[order]
        self._volume_ml: Array = voxels.fraction[inside].astype(np.float64)[order] * dose.grid.voxel_volume_ml
        self._cumulative_ml: Array = np.cumsum(self._volume_ml)

    @property
    def voxels(self) -> tuple[Array, Array]:
        """Dose in Gy and volume in mL of each voxel, the hottest first, shapes (n,)."""
        return self._dose_gy, self._volume_ml

    @property
    def volume_ml(self) -> float:
        """Volume of the region."""
        return float(self._cumulative_ml[-1])

    @property
    def mean_gy(self) -> float:
        """Volume-weighted mean dose."""
        return float(self._dose_gy @ self._volume_ml / self.volume_ml)

    def dose_to_hottest(self, fraction: float) -> float:
        """Return D_x: the least dose received by the hottest `fraction` of the volume, in Gy."""
        if not 0 < fraction <= 1:
            raise GeometryError(f"A volume fraction lies above 0 and up to 1, not at {fraction:g}.",
                                code="fraction-invalid")  # fmt: skip
        # A relative guard against rounding in the running sum: D100 is the last voxel.
        position = np.searchsorted(self._cumulative_ml, fraction * self.volume_ml * (1 - 1e-12))
        return float(self._dose_gy[min(int(position), len(self._dose_gy) - 1)])

    def fraction_at(self, dose_gy: float) -> float:
        """Return V_d: the fraction of the volume that receives at least `dose_gy`."""
        count = int(np.searchsorted(-self._dose_gy, -dose_gy, side="right"))
        return float(self._cumulative_ml[count - 1] / self.volume_ml) if count else 0.0

    def histogram(self, *, bins: int = DEFAULT_BINS) -> DoseVolumeHistogram:
        """Return the cumulative and differential histogram from 0 Gy to the maximum in `bins` equal bins."""
        top = float(self._dose_gy[0])
        edges = np.linspace(0.0, top if top > 0 else 1.0, bins + 1)
        differential, _ = np.histogram(self._dose_gy, edges, weights=self._volume_ml)
        cumulative = np.array([self.fraction_at(edge) for edge in edges])
        return DoseVolumeHistogram(edges, cumulative, differential / np.diff(edges))
