"""S values of one patient: a dose engine run once for each source region of a segmentation.

References
----------
[Bolch2009]_ S is the mean absorbed dose to the target per decay in the source, spread evenly over its volume.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.s_import import region_name
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.nuclides import Nuclide

_TIA_MBQ_H = 1.0
_REQUEST_FIELDS = frozenset(field.name for field in fields(DoseRequest))


def patient_s_values(
    *,
    density: DensityMap,
    segmentation: Segmentation,
    nuclide: Nuclide,
    engine: str,
    sources: Sequence[str] | None = None,
    materials: Any = None,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Return the S values between the regions of a patient.

    Each source region in turn holds 1 MBq·h, spread evenly over its volume; the S value is the mean dose of the target,
    absorbed energy over mass. The statistical uncertainty is the one that the engine states for the regions.

    Parameters
    ----------
    density : DensityMap
        g/mL on the grid of the segmentation.
    segmentation : Segmentation
        Regions; each is a target.
    nuclide : Nuclide
        With the nuclear data chosen.
    engine : str
        Name in the registry ``dose_engines``.
    sources : sequence of str, optional
        Regions that are sources too; all by default.
    materials : optional
        Materials of the voxels, for engines that take them: handed on as ``materials`` of the request.
    settings : mapping, optional
        Further fields of the request, such as histories and seed.
    progress : callable
        Called with the number of sources done and of all.

    Returns
    -------
    SValueTable
        Under the names of this program, with the patient's masses.
    tuple of Finding
        Those of the engine, each once.

    Raises
    ------
    PhysicsError
        For another grid, an unknown engine, a region without voxels or mass, and what the engine refuses.

    References
    ----------
    [Bolch2009]_
    """
    if not density.grid.matches(segmentation.grid):
        raise PhysicsError(
            "The density map and the segmentation are on different grids: resample one of them.", code="grid-mismatch"
        )
    run = dose_engines.get(engine)
    masses = {name: _mass_g(density, segmentation.voxels_of(name), name) for name in segmentation.names}
    further = dict(settings or {}) | ({} if materials is None else {"materials": materials})
    if "regions" in _REQUEST_FIELDS:
        further["regions"] = {name: segmentation.voxels_of(name) for name in segmentation.names}
    chosen = segmentation.names if sources is None else tuple(sources)
    values: dict[tuple[str, str], SValue] = {}
    findings: list[Finding] = []
    for done, source in enumerate(chosen):
        progress(done, len(chosen))
        request = DoseRequest(_uniform(segmentation, source), density, nuclide, **further)
        dose, noticed = run(request)
        findings += [finding for finding in noticed if finding not in findings]
        relative_u = _region_relative_u(dose)
        for target in segmentation.names:
            mean = _mean_gy(dose, density, segmentation.voxels_of(target), masses[target])
            relative = relative_u.get(target)
            u = None if relative is None else relative * mean / _TIA_MBQ_H
            values[region_name(target), region_name(source)] = SValue(mean / _TIA_MBQ_H, u)
    progress(len(chosen), len(chosen))
    table = SValueTable(
        nuclide=nuclide.name,
        phantom="patient",
        values=values,
        mass_g={region_name(name): mass for name, mass in masses.items()},
        origin=SValueOrigin(
            source=f"computed by the engine {engine} of theradose with the nuclear data {nuclide.nuclear_data}",
            status="computed",
            unit="Gy/(MBq h)",
        ),
    )
    return table, tuple(findings)


def _uniform(segmentation: Segmentation, name: str) -> Volume:
    """Return a map of 1 MBq·h that is spread evenly over a region, MBq·h/mL."""
    share = segmentation.mask(name).astype(np.float64)
    return Volume(share * (_TIA_MBQ_H / segmentation.volume_ml(name)), segmentation.grid)


def _mass_g(density: DensityMap, voxels: RegionVoxels, name: str) -> float:
    mass = float(_voxel_masses(density, voxels).sum())
    if not mass > 0:
        raise PhysicsError(
            f"The region '{name}' has no voxels or no mass: correct its outline or the density map.",
            code="region-empty",
        )
    return mass


def _voxel_masses(density: DensityMap, voxels: RegionVoxels) -> Array:
    """Return the mass of a region in each voxel of its box, g."""
    inside = voxels.fraction.astype(np.float64) * density.data[voxels.box]
    return np.asarray(inside * density.grid.voxel_volume_ml)


def _mean_gy(dose: DoseMap, density: DensityMap, voxels: RegionVoxels, mass_g: float) -> float:
    return float((dose.data[voxels.box] * _voxel_masses(density, voxels)).sum(dtype=np.float64) / mass_g)


def _region_relative_u(dose: DoseMap) -> Mapping[str, float]:
    """Return the statistical uncertainty of regions; engines that do not sample have none."""
    statistics = getattr(dose, "statistics", None)
    return {} if statistics is None else dict(statistics.region_relative_u)
