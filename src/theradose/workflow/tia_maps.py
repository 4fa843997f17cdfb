"""The map of time-integrated activity, as the study asks: by the regions' time courses, or by fits of each voxel."""

from __future__ import annotations

import numpy as np

from theradose.kinetics.maps import tia_map
from theradose.kinetics.voxelwise import fit_voxels
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import Segmentation
from theradose.model.study import VOXELWISE
from theradose.model.transform import Registration
from theradose.spatial.averages import average_volume
from theradose.spatial.resample import resample_activity
from theradose.workflow.case import Case
from theradose.workflow.timepoints import LoadedTimepoint

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
) -> tuple[Volume, tuple[Finding, ...]]:
    """Return the time-integrated activity per voxel of the reference grid, MBq·h/mL.

    Where voxels are fitted, those that some image does not show keep the time course of their region.
    """
    by_region = tia_map(reference.activity, segmentation=segmentation, tias=tias, remainder=remainder)
    choice = case.study.dose.tia_map
    if not choice.startswith(VOXELWISE):
        return by_region, ()
    model = choice.removeprefix(VOXELWISE)
    covered = np.ones(by_region.grid.shape, bool)
    maps: list[ActivityMap] = []
    for item in loaded:
        transform = registrations[item.timepoint.id].transform
        maps.append(resample_activity(item.activity, by_region.grid, transform=transform))
        whole = Volume(np.ones(item.activity.grid.shape, np.float32), item.activity.grid)
        covered &= average_volume(whole, by_region.grid, transform=transform).data > _COVERED
    fits, findings = fit_voxels(
        maps, nuclide=case.nuclide, relative_u=case.measurement_relative_u, model=model, mask=covered
    )
    message = (
        f"The map of time-integrated activity is the fit '{model}' of each voxel over {len(maps)} aligned images, not "
        f"the time course of its region; {1 - covered.mean():.1%} of the voxels, which some image does not show, keep "
        "that. Doses of regions are those of their own curves."
    )
    tia = Volume(np.where(covered, fits.tia.data, by_region.data), by_region.grid)
    return tia, (Finding("tia-map-voxelwise", "info", message), *findings)
