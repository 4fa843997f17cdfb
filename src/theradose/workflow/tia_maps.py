"""The map of time-integrated activity, as the study asks: by the regions' time courses, or by fits of each voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.dose.energy import emitted_energy
from theradose.kinetics.maps import tia_map
from theradose.kinetics.voxelwise import RepairRates, fit_voxels
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import Segmentation
from theradose.model.study import VOXELWISE
from theradose.model.transform import Registration
from theradose.spatial.averages import average_volume
from theradose.spatial.resample import resample_activity
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case
from theradose.workflow.curves import infusion_of
from theradose.workflow.timepoints import LoadedTimepoint


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceTia:
    """Time-integrated activity per voxel of the reference grid.

    Attributes
    ----------
    tia : Volume
        MBq·h/mL.
    relative_u : Volume or None
        Relative standard uncertainty of each voxel from its own fit, float32, NaN where it was not fitted; ``None``
        where voxels follow the time course of their region, whose noise per voxel nobody knows.
    g : Volume or None
        Lea-Catcheside factor of each voxel's own fit, NaN where there is none; ``None`` where none was asked for.
    """

    tia: Volume
    relative_u: Volume | None = None
    g: Volume | None = None


_OF_THE_TIME_COURSE = ("fit", "counting", "model", "single-time-point", "before-first-point")
# Share of a voxel that must lie within an image for its value to count as measured there.
_COVERED = 0.999


def reference_tia(
    case: Case,
    reference: LoadedTimepoint,
    loaded: tuple[LoadedTimepoint, ...],
    registrations: dict[str, Registration],
    segmentation: Segmentation,
    tias: dict[str, TimeIntegratedActivity],
    remainder: TimeIntegratedActivity | None,
    repair: RepairRates | None = None,
) -> tuple[ReferenceTia, tuple[Finding, ...]]:
    """Return the time-integrated activity per voxel of the reference grid.

    Where voxels are fitted, those that some image does not show keep the time course of their region. `repair` asks
    for the Lea-Catcheside factors of the fits.
    """
    by_region = tia_map(reference.activity, segmentation=segmentation, tias=tias, remainder=remainder)
    choice = case.study.dose.tia_map
    if not choice.startswith(VOXELWISE):
        return ReferenceTia(by_region), ()
    model = choice.removeprefix(VOXELWISE)
    covered = np.ones(by_region.grid.shape, bool)
    maps: list[ActivityMap] = []
    for item in loaded:
        transform = registrations[item.timepoint.id].transform
        maps.append(resample_activity(item.activity, by_region.grid, transform=transform))
        whole = Volume(np.ones(item.activity.grid.shape, np.float32), item.activity.grid)
        covered &= average_volume(whole, by_region.grid, transform=transform).data > _COVERED
    fits, findings = fit_voxels(
        maps, nuclide=case.nuclide, relative_u=case.measurement_relative_u, model=model, mask=covered, repair=repair
    )
    message = (
        f"The map of time-integrated activity is the fit '{model}' of each voxel over {len(maps)} aligned images, not "
        f"the time course of its region; {1 - covered.mean():.1%} of the voxels, which some image does not show, keep "
        "that. Doses of regions are those of their own curves."
    )
    if infusion_of(case) > 0:
        message += " Fits of voxels take the infusion for a bolus, which makes the area of fast phases too large."
    tia = np.where(covered, fits.tia.data, by_region.data)
    relative_u = np.full(tia.shape, np.nan, np.float32)
    np.divide(fits.u_tia.data, fits.tia.data, out=relative_u, where=covered & (fits.tia.data > 0))
    maps_of_voxels = ReferenceTia(Volume(tia, by_region.grid), Volume(relative_u, by_region.grid), fits.g)
    return maps_of_voxels, (Finding("tia-map-voxelwise", "info", message), *findings)


def map_uncertainty(case: Case, tia: TimeIntegratedActivity) -> Uncertain:
    """Return a relative dose of 1 with the sources that all voxels of a region's part of the dose map share.

    The map is that of the imaged activity: neither recovery nor the outline's volume acts on it. The region's fit does
    where voxels follow the region's time course; where they are fitted one by one, only the calibration is common.

    References
    ----------
    [Theradose]_
    """
    by_region = not case.study.dose.tia_map.startswith(VOXELWISE)
    shared = {"calibration", *(_OF_THE_TIME_COURSE if by_region else ())}
    value = tia.value
    known = {source: u / value.value for source, u in value.contributions.items() if source.partition(":")[0] in shared}
    unknown = {source: None for source in value.not_stated if source.partition(":")[0] in shared}
    constant = {f"dose-constant:{case.nuclide.name}": emitted_energy(case.nuclide).charged_relative_u}
    return Uncertain.relative(1.0, {**known, **unknown, **constant})
