"""Dose maps by the study's engine, by local deposition and by the engine of a cross-check, from one request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.dose.engines import (
    INTERRUPTED,
    DoseRequest,
    Progress,
    TransportSettings,
    dose_engines,
    transport_settings,
)
from theradose.dose.local import LOCAL, local_dose, local_dose_rate
from theradose.dose.transported import TransportFactor, transport_factor, transported_dose
from theradose.errors import StudyError
from theradose.model.dose import DoseMap, RegionDose
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.study import DoseChoice
from theradose.store.steps import StepStore
from theradose.workflow.case import Case

_S_PER_H = 3600.0
# Below this share of the integral negative voxels are not worth a sentence.
_NEGATIVE_SHARE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class EngineMaps:
    """Dose maps of the same time-integrated activity.

    Attributes
    ----------
    dose : DoseMap
        By the study's engine.
    local : DoseMap
        By local deposition; the same object where that is the study's engine.
    cross : DoseMap or None
        By the engine of the cross-check.
    cross_findings : tuple of Finding
        What that engine noticed, which does not limit the dose.
    """

    dose: DoseMap
    local: DoseMap
    cross: DoseMap | None = None
    cross_findings: tuple[Finding, ...] = ()


def check_engines(choice: DoseChoice) -> None:
    """Refuse engines that do not exist, or a cross-check of an engine with itself."""
    dose_engines.get(choice.engine)
    transport_of(choice)
    if choice.cross_check is None:
        return
    dose_engines.get(choice.cross_check)
    if choice.cross_check == choice.engine:
        others = ", ".join(name for name in dose_engines.names() if name != choice.engine)
        raise StudyError(
            f"The cross-check of '{choice.engine}' needs another engine: choose one of {others or 'none'}.",
            code="cross-check-engine",
        )


def transport_of(choice: DoseChoice) -> TransportSettings:
    """Return how an engine that samples does so in the study."""
    return transport_settings(
        histories=choice.histories,
        target_relative_u=choice.target_u,
        target_voxel_u=choice.target_voxel_u,
        time_limit_s=None if choice.time_limit is None else choice.time_limit * _S_PER_H,
        seed=choice.seed,
    )


def engine_maps(
    case: Case,
    tia: Volume,
    density: DensityMap,
    segmentation: Segmentation,
    steps: StepStore,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[EngineMaps, tuple[Finding, ...]]:
    """Return the dose maps that the study asks for.

    Raises
    ------
    KeyboardInterrupt
        If an engine was interrupted: a part of its histories would pass for the result of an unchanged study.
    """
    positive, noticed = _without_negative(tia)
    request = DoseRequest(
        positive,
        density,
        case.nuclide,
        regions=dict(zip(segmentation.names, segmentation.voxels, strict=True)),
        transport=transport_of(case.study.dose),
        progress=on_progress,
    )
    choice = case.study.dose
    dose, findings = run_engine(choice.engine, request, steps)
    local = dose if choice.engine == LOCAL else local_dose(request)[0]
    if choice.cross_check is None:
        return EngineMaps(dose, local), (*noticed, *findings)
    cross, of_cross = run_engine(choice.cross_check, request, steps)
    return EngineMaps(dose, local, cross, of_cross), (*noticed, *findings)


def run_engine(
    name: str, request: DoseRequest, steps: StepStore, *, label: str = ""
) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the map of an engine, computed before if the same was asked for.

    Raises
    ------
    KeyboardInterrupt
        If the engine was interrupted.
    """
    engine = dose_engines.get(name)

    def compute() -> tuple[DoseMap, tuple[Finding, ...]]:
        dose, findings = engine(request)
        if any(finding.code == INTERRUPTED for finding in findings):
            raise KeyboardInterrupt
        return dose, findings

    if name == LOCAL:
        # Cheaper to compute than to read.
        return compute()
    # An engine of another package may take the place of one of the same name.
    inputs = {"engine": [name, getattr(engine, "__module__", "")], **request_key(request)}
    return steps.run(" ".join(filter(None, ("dose", name, label))), inputs, compute)


def engine_region_dose(
    local: RegionDose, dose: DoseMap, by_local: DoseMap, voxels: RegionVoxels
) -> tuple[RegionDose, TransportFactor | None]:
    """Return the dose of a region by the engine of a map, and what transport changes in it.

    Parameters
    ----------
    local : RegionDose
        By local deposition of the region's own activity in its own mass.
    dose, by_local : DoseMap
        Of the engine, and of local deposition.
    voxels : RegionVoxels
        Of the region.
    """
    if dose.engine == LOCAL:
        return local, None
    transport = transport_factor(region=local.region, dose=dose, local=by_local, voxels=voxels)
    return transported_dose(local=local, transport=transport), transport


def noise_findings(region: str, transport: TransportFactor | None) -> tuple[Finding, ...]:
    """Return ``dose-map-noise`` where the statistics of single voxels widen a dose-volume histogram."""
    noise = None if transport is None else transport.voxel_relative_u
    if noise is None or noise <= load_yaml("dose.yaml")["noisy_voxels"]["value"]:
        return ()
    message = (
        f"The voxels of '{region}' have a statistical uncertainty of {noise:.1%} of its mean dose: noise widens its "
        "dose-volume histogram, so that D2 is too high and D95 too low; more histories narrow it."
    )
    return (Finding("dose-map-noise", "warning", message, region),)


def unmapped_findings(case: Case, regions: Sequence[str]) -> tuple[Finding, ...]:
    """Return ``engine-without-map`` where regions of planar images alone keep local deposition."""
    engine = case.study.dose.engine
    if engine == LOCAL or not regions:
        return ()
    message = (
        f"Only planar images show {', '.join(regions)}, so that there is no map for the engine '{engine}': the dose is "
        "that of local deposition."
    )
    return (Finding("engine-without-map", "info", message),)


def engine_dose_rate(case: Case, activity: Volume, density: DensityMap, steps: StepStore, *, timepoint: str) -> Volume:
    """Return the dose rate in Gy/h by local deposition, or by the study's engine where the study asks for that."""
    choice = case.study.dose
    if choice.dose_rates == LOCAL or choice.engine == LOCAL:
        return local_dose_rate(activity=activity, density=density, nuclide=case.nuclide)
    # What an hour of constant activity deposits is the rate per hour.
    one_hour = Volume(np.maximum(activity.data, np.float32(0)), activity.grid)
    request = DoseRequest(one_hour, density, case.nuclide, transport=transport_of(choice))
    dose, _ = run_engine(choice.engine, request, steps, label=timepoint)
    return Volume(dose.data, dose.grid)


def request_key(request: DoseRequest) -> dict[str, Any]:
    """Return everything in a request that a dose depends on, JSON-compatible; who computes does not change it."""
    settings = asdict(request.transport)
    del settings["threads"], settings["device"]
    return {
        "grid": [request.tia.grid.shape, request.tia.grid.affine_mm.tolist()],
        "tia": _hash(request.tia.data),
        "density": [_hash(request.density.data), request.density.method],
        "materials": None
        if request.materials is None
        else [_hash(request.materials.data), {str(label): name for label, name in request.materials.names.items()}],
        "nuclide": [request.nuclide.name, request.nuclide.nuclear_data, request.nuclide.retained],
        "regions": {name: [voxels.origin, _hash(voxels.fraction)] for name, voxels in request.regions.items()},
        "transport": settings,
    }


def _hash(data: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(data).data).hexdigest()


def _without_negative(tia: Volume) -> tuple[Volume, tuple[Finding, ...]]:
    """Set negative voxels, which the noise of a reconstruction makes, to zero: no engine can take activity away."""
    negative = tia.data < 0
    if not negative.any():
        return tia, ()
    share = -float(tia.data[negative].sum(dtype=np.float64)) / float(np.abs(tia.data).sum(dtype=np.float64))
    cleared = Volume(np.where(negative, np.float32(0), tia.data), tia.grid)
    if share < _NEGATIVE_SHARE:
        return cleared, ()
    message = (
        f"{negative.mean():.1%} of the voxels have a negative time-integrated activity, {share:.2%} of the sum of all: "
        "the dose map counts them as zero."
    )
    return cleared, (Finding("negative-activity", "info", message),)
