"""S values of one patient: a dose engine run once for each source region of a segmentation.

References
----------
[Bolch2009]_ S is the mean absorbed dose to the target per decay in the source, spread evenly over its volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from theradose.data import load_number
from theradose.dose.energy import emitted_energy
from theradose.dose.engines import (
    INTERRUPTED,
    DoseEngine,
    DoseRequest,
    Progress,
    TransportSettings,
    dose_engines,
    transport_settings,
)
from theradose.dose.s_import import region_name
from theradose.errors import PhysicsError
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.material import MaterialMap
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.nuclides import Nuclide

_TIA_MBQ_H = 1.0
_Pair = tuple[str, str]


def patient_s_values(
    *,
    density: DensityMap,
    segmentation: Segmentation,
    nuclide: Nuclide,
    engine: str,
    sources: Sequence[str] | None = None,
    materials: MaterialMap | None = None,
    transport: TransportSettings | None = None,
    every_target: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Return the S values between the regions of a patient.

    Each source region in turn holds 1 MBq·h, spread evenly over its volume; the S value is the mean dose of the target,
    absorbed energy over mass. A region is made of the voxels that lie in it by one half or more. The statistical
    uncertainty is the one that the engine states for the regions; each source has random numbers of its own. An engine
    that samples leaves out the pairs of which it followed no history.

    When the user interrupts, the sources that are finished are returned.

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
    materials : MaterialMap, optional
        Tissue of each voxel; by default the engine tells it from the density.
    transport : TransportSettings, optional
        For engines that sample, for each source; the sources share the time limit. The target uncertainty is that of
        the source itself, and the one of voxels does not count.
    every_target : bool
        Whether the target uncertainty is that of every target.
    progress : callable, optional
        Told how far all sources are.

    Returns
    -------
    SValueTable
        Under the names of this program, with the patient's masses.
    tuple of Finding
        Those of the engine, ``s-value-noisy``, ``s-value-unreached`` and ``interrupted``.

    Raises
    ------
    PhysicsError
        For another grid, an unknown engine, a region without voxels or mass, and what the engine refuses.
    KeyboardInterrupt
        If the user interrupts before one source is finished.

    References
    ----------
    [Bolch2009]_
    """
    if not density.grid.matches(segmentation.grid):
        raise PhysicsError(
            "The density map and the segmentation are on different grids: resample one of them.", code="grid-mismatch"
        )
    run = dose_engines.get(engine)
    regions = {
        name: _whole_voxels(voxels) for name, voxels in zip(segmentation.names, segmentation.voxels, strict=True)
    }
    masses = {name: _mass_g(density, voxels, name) for name, voxels in regions.items()}
    chosen = segmentation.names if sources is None else tuple(sources)
    settings = _settings_of_one(transport or transport_settings(), len(chosen), every_target)
    values: dict[_Pair, SValue] = {}
    unreached: list[_Pair] = []
    noticed: dict[str, tuple[Finding, ...]] = {}
    for done, source in enumerate(chosen):
        request = DoseRequest(
            tia=_uniform(regions[source], density.grid),
            density=density,
            nuclide=nuclide,
            materials=materials,
            regions=regions,
            transport=replace(settings, seed=settings.seed + segmentation.names.index(source)),
            progress=_part_of(progress, done, len(chosen)),
        )
        finished = _finished(run, request)
        if finished is None:
            break
        dose, noticed[source] = finished
        # Gy·g is mJ.
        absorbed_mj = dose.data * density.data * density.grid.voxel_volume_ml
        for target, voxels in regions.items():
            pair = region_name(target), region_name(source)
            value = _s_value(dose, target, voxels.sum_of(absorbed_mj), masses[target])
            if value is None:
                unreached.append(pair)
            else:
                values[pair] = value
        if progress is not None:
            progress(Progress((done + 1) / len(chosen)))
    if not noticed:
        raise KeyboardInterrupt
    daughters = ", ".join(emitted_energy(nuclide).daughters)
    in_place = f", with {daughters} in place" if daughters else ""
    table = SValueTable(
        nuclide=nuclide.name,
        phantom="patient",
        values=values,
        mass_g={region_name(name): mass for name, mass in masses.items()},
        origin=SValueOrigin(
            source=f"computed by the engine {engine} of theradose with the nuclear data {nuclide.nuclear_data}"
            f"{in_place}",
            status="computed",
            unit="Gy/(MBq h)",
        ),
    )
    missing = [source for source in chosen if source not in noticed]
    return table, (*_with_sources(noticed), *_statistics_findings(table, unreached), *_interruption(missing))


def is_noisy(value: SValue) -> bool:
    """Return whether the statistical uncertainty of an S value is too large to rely on it."""
    largest = load_number("organ_s.yaml", "noisy_s_value")
    return value.relative_u is not None and value.relative_u > largest


def _settings_of_one(transport: TransportSettings, sources: int, every_target: bool) -> TransportSettings:
    """Return the settings for one of the sources."""
    limit_s = transport.time_limit_s
    settings = replace(
        transport, target_voxel_u=None, time_limit_s=None if limit_s is None else limit_s / max(sources, 1)
    )
    # Targets hold no activity: only without a least share do they set the effort.
    return replace(settings, region_volume_ml=0.0, region_share=0.0) if every_target else settings


def _part_of(progress: Callable[[Progress], None] | None, done: int, total: int) -> Callable[[Progress], None] | None:
    """Return what tells how far all sources are, where it is told how far one is."""
    if progress is None:
        return None
    return lambda own: progress(replace(own, fraction=(done + own.fraction) / total))


def _finished(run: DoseEngine, request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]] | None:
    """Return the dose of one source, ``None`` if the user interrupts."""
    try:
        dose, findings = run(request)
    except KeyboardInterrupt:
        return None
    return None if any(finding.code == INTERRUPTED for finding in findings) else (dose, findings)


def _whole_voxels(voxels: RegionVoxels) -> RegionVoxels:
    """Return a region without parts of voxels.

    A part of a voxel would give its energy to the whole of it, and the region would count only a part of that.
    """
    return RegionVoxels(voxels.origin, voxels.mostly_inside)


def _uniform(voxels: RegionVoxels, grid: Grid) -> Volume:
    """Return a map of 1 MBq·h that is spread evenly over a region, MBq·h/mL."""
    tia = np.zeros(grid.shape)
    tia[voxels.box] = voxels.fraction * (_TIA_MBQ_H / (voxels.voxel_count * grid.voxel_volume_ml))
    return Volume(tia, grid)


def _mass_g(density: DensityMap, voxels: RegionVoxels, name: str) -> float:
    mass = voxels.sum_of(density.data) * density.grid.voxel_volume_ml
    if not mass > 0:
        raise PhysicsError(
            f"The region '{name}' has no voxels or no mass: correct its outline or the density map.",
            code="region-empty",
        )
    return mass


def _s_value(dose: DoseMap, target: str, absorbed_mj: float, mass_g: float) -> SValue | None:
    """Return the S value to a target, ``None`` if it was sampled and no history reached it."""
    s_value = absorbed_mj / mass_g / _TIA_MBQ_H
    if dose.statistics is None or target not in dose.statistics.region_relative_u:
        return SValue(s_value)
    relative_u = dose.statistics.region_relative_u[target]
    # Without a history behind it there is nothing, or only what the engine adds without sampling, and no uncertainty.
    unreached = dose.statistics.histories > 0 and (relative_u == 0 or math.isinf(relative_u))
    return None if unreached else SValue(s_value, relative_u * s_value)


def _with_sources(noticed: Mapping[str, tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Return what the engine found with every source once, and the rest with its source."""
    first = next(iter(noticed.values()))
    common = [finding for finding in first if all(finding in others for others in noticed.values())]
    apart = [
        replace(finding, where=finding.where or source)
        for source, findings in noticed.items()
        for finding in findings
        if finding not in common
    ]
    return (*common, *apart)


def _statistics_findings(table: SValueTable, unreached: Sequence[_Pair]) -> tuple[Finding, ...]:
    findings = []
    noisy = {pair: value.relative_u or 0.0 for pair, value in table.values.items() if is_noisy(value)}
    if noisy:
        target, source = max(noisy, key=noisy.__getitem__)
        message = (
            f"{len(noisy)} of {len(table.values)} S values have a large statistical uncertainty, up to "
            f"{noisy[target, source]:.0%} ({target} ← {source}): ask for more histories, or for the target uncertainty "
            "in every target."
        )
        findings.append(Finding("s-value-noisy", "warning", message))
    if unreached:
        pairs = ", ".join(f"{target} ← {source}" for target, source in unreached)
        message = f"No history reached the target, so these S values are not known: {pairs}."
        findings.append(Finding("s-value-unreached", "warning", message))
    return tuple(findings)


def _interruption(missing: Sequence[str]) -> tuple[Finding, ...]:
    if not missing:
        return ()
    message = f"The calculation was interrupted: S values of the sources {', '.join(missing)} are missing."
    return (Finding("interrupted", "warning", message),)
