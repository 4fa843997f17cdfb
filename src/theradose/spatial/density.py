"""Mass density from CT, or assumed.

References
----------
[Schneider2000]_ Correlation between CT numbers and tissue parameters needed for Monte Carlo simulations of
clinical dose distributions: the packaged relation of CT number and density.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from theradose.data import load_yaml
from theradose.errors import GeometryError, PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.model.transform import RigidTransform
from theradose.spatial.averages import average_volume, index_map
from theradose.spatial.body import body_mask

_UNCOVERED_INFO = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class HuDensityTable:
    """Density as a piecewise linear function of the CT number, constant beyond its ends.

    Attributes
    ----------
    name : str
        Short name, part of the density map's method.
    hu : ndarray
        CT numbers, increasing.
    density_g_per_ml : ndarray
        Density at each.
    source, status, edition : str
        Where the points come from.
    """

    name: str
    hu: Array
    density_g_per_ml: Array
    source: str
    status: str
    edition: str

    def __post_init__(self) -> None:
        hu, density = frozen(self.hu, np.float64), frozen(self.density_g_per_ml, np.float64)
        valid = hu.ndim == 1 and hu.shape == density.shape and len(hu) >= 2
        if not valid or np.any(np.diff(hu) <= 0) or np.any(density <= 0):
            raise PhysicsError(
                f"The HU to density table '{self.name}' needs increasing HU and as many positive densities in g/mL, "
                "at least two points: correct the table.",
                code="hu-table-invalid",
            )
        object.__setattr__(self, "hu", hu)
        object.__setattr__(self, "density_g_per_ml", density)

    def density_of(self, hu: Array) -> Array:
        """Return the density in g/mL of CT numbers of any shape, float32."""
        density = np.empty(hu.shape, np.float32)
        for index, values in enumerate(hu):
            density[index] = np.interp(values, self.hu, self.density_g_per_ml)
        return density

    @property
    def air_g_per_ml(self) -> float:
        """Density at the lowest CT number."""
        return float(self.density_g_per_ml[0])


def hu_density_table(path: Path | None = None) -> HuDensityTable:
    """Return the site's table from a YAML file, or the packaged one.

    Parameters
    ----------
    path : Path, optional
        File with ``name``, ``hu``, ``density_g_per_ml``, ``source``, ``status`` and ``edition``.

    Raises
    ------
    PhysicsError
        ``hu-table-invalid`` for a file that is not such a table.
    """
    if path is None:
        return _table_of(load_yaml("materials/schneider2000.yaml"))
    try:
        return _table_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise PhysicsError(
            f"{path.name} is not a HU to density table: it needs name, hu, density_g_per_ml, source, status and "
            "edition, as YAML.",
            code="hu-table-invalid",
        ) from error


def soft_tissue_density() -> tuple[float, str]:
    """Return the density in g/mL that is assumed without CT, and its edition."""
    record = load_yaml("materials/soft_tissue.yaml")["density"]
    return float(record["value"]), str(record["edition"])


def density_map(
    ct: Volume, grid: Grid, *, transform: RigidTransform | None = None, table: HuDensityTable | None = None
) -> tuple[DensityMap, tuple[Finding, ...]]:
    """Return the mass density on the grid of an emission image.

    Density is computed on the voxels of the CT and then averaged over the coarser voxels of the grid: the
    relation has kinks, so that the density of a mean CT number is not the mean density where air, fat and
    bone share a voxel, and only the mean density conserves mass. Everything outside the body, the table
    included, becomes air.

    Parameters
    ----------
    ct : Volume
        CT numbers in HU.
    grid : Grid
        Target.
    transform : RigidTransform, optional
        Maps points of the target's space to the space of the CT; the identity by default.
    table : HuDensityTable, optional
        Relation of CT number and density; the packaged one by default.

    Returns
    -------
    DensityMap
        g/mL, float32. Voxels above or below the CT's slices have the assumed density of soft tissue, voxels
        beside it are air.
    tuple of Finding
        ``ct-shorter-than-emission`` if slices are missing, ``ct-truncated`` if the body reaches the CT's side,
        ``hu-table-unverified``.

    Raises
    ------
    GeometryError
        ``ct-no-overlap`` if the CT covers no voxel of the grid, ``ct-no-body`` if it shows nobody.

    References
    ----------
    [Schneider2000]_
    """
    table = table or hu_density_table()
    body = body_mask(ct)
    if body.fraction.size == 0:
        raise GeometryError(
            "The CT shows no body: its values are expected in HU, with air near -1000 and soft tissue near 0.",
            code="ct-no-body",
        )
    density = np.full(ct.grid.shape, table.air_g_per_ml, np.float32)
    density[body.box] = np.where(body.fraction > 0, table.density_of(ct.data[body.box]), table.air_g_per_ml)
    continued = _continued(Volume(density, ct.grid), grid)
    averaged = average_volume(continued, grid, transform=transform, fill=table.air_g_per_ml).data.copy()
    uncovered = _beyond_slices(ct.grid, grid, transform)
    if uncovered.all():
        raise GeometryError(
            "The CT and the emission image do not overlap: check that they belong to the same examination.",
            code="ct-no-overlap",
        )
    assumed, source = soft_tissue_density()
    averaged[uncovered] = assumed
    result = DensityMap(averaged, grid, method=f"CT, {table.name}")
    return result, (
        *_coverage_findings(float(uncovered.mean()), assumed, source),
        *_truncation_findings(body, ct.grid),
        *_status_findings(table),
    )


def assumed_density(grid: Grid, value: float, source: str) -> DensityMap:
    """Return a uniform density, for images without CT.

    Parameters
    ----------
    grid : Grid
        Grid of the map.
    value : float
        g/mL.
    source : str
        Who says so: ``study`` or the edition of the packaged value.
    """
    if not 0.0 < value < np.inf:
        raise PhysicsError(f"A density of {value:g} g/mL is not possible: give a positive one.", code="density-invalid")
    data = np.full(grid.shape, value, np.float32)
    return DensityMap(data, grid, method=f"assumed {value:g} g/mL ({source})")


def _table_of(record: Any) -> HuDensityTable:
    return HuDensityTable(
        name=str(record["name"]),
        hu=np.array(record["hu"], float),
        density_g_per_ml=np.array(record["density_g_per_ml"], float),
        source=str(record["source"]),
        status=str(record["status"]),
        edition=str(record["edition"]),
    )


def _continued(volume: Volume, grid: Grid) -> Volume:
    """Repeat the first and last slice for one voxel of `grid`: the body does not end where the CT ends."""
    extra = math.ceil(max(grid.spacing_mm) / volume.grid.spacing_mm[0])
    data = np.pad(volume.data, ((extra, extra), (0, 0), (0, 0)), mode="edge")
    affine = volume.grid.affine_mm.copy()
    affine[:3, 3] = volume.grid.to_lps((-extra, 0, 0))
    z, y, x = data.shape
    return Volume(data, Grid((z, y, x), affine, volume.grid.frame_of_reference))


def _beyond_slices(ct: Grid, grid: Grid, transform: RigidTransform | None) -> Array:
    """Whether each voxel of the grid lies above the CT's last or below its first slice."""
    matrix, offset = index_map(ct, grid, transform)
    z, y, x = (np.arange(n) for n in grid.shape)
    position = (
        (offset[0] + matrix[0, 0] * z)[:, None, None]
        + (matrix[0, 1] * y)[None, :, None]
        + (matrix[0, 2] * x)[None, None, :]
    )
    beyond: Array = (position < -0.5) | (position > ct.shape[0] - 0.5)
    return beyond


def _coverage_findings(fraction: float, assumed: float, source: str) -> tuple[Finding, ...]:
    if fraction < _UNCOVERED_INFO:
        return ()
    return (
        Finding(
            "ct-shorter-than-emission",
            "warning",
            f"The CT covers {1 - fraction:.1%} of the slices of the emission image: beyond it the density is assumed "
            f"to be {assumed:g} g/mL ({source}).",
        ),
    )


def _truncation_findings(body: RegionVoxels, grid: Grid) -> tuple[Finding, ...]:
    touching = [
        start == 0 or start + length == total
        for start, length, total in zip(body.origin[1:], body.fraction.shape[1:], grid.shape[1:], strict=True)
    ]
    if not any(touching):
        return ()
    return (
        Finding(
            "ct-truncated",
            "info",
            "The body reaches the side of the CT image: what lies beyond counts as air.",
        ),
    )


def _status_findings(table: HuDensityTable) -> tuple[Finding, ...]:
    if table.status == "verified":
        return ()
    return (
        Finding(
            "hu-table-unverified",
            "info",
            f"The relation of CT number and density '{table.name}' is not calibrated for this scanner and not "
            "verified against its source.",
        ),
    )
