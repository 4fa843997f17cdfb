"""From activity and regions to curves, integrals, masses and doses."""

from __future__ import annotations

import math

import numpy as np

from theradose.dose.dvh import RegionDoses
from theradose.dose.energy import emitted_energy
from theradose.dose.local import LOCAL, mass_range_findings, region_dose
from theradose.errors import FitError
from theradose.formats.tables import read_recovery
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.region import Segmentation
from theradose.model.study import Override
from theradose.model.transform import Registration
from theradose.quantify.recovery import RecoveryCurve, fit_recovery
from theradose.quantify.regions import RegionQuantity, region_curve, whole_field_curve
from theradose.quantify.remainder import remainder_curve
from theradose.spatial.density import assumed_density, density_map, soft_tissue_density
from theradose.spatial.masses import region_mass
from theradose.spatial.naming import in_warm_surroundings
from theradose.spatial.resample import lost_activity, resample_activity
from theradose.store.steps import StepStore
from theradose.workflow.case import Case
from theradose.workflow.curves import integrate_measured
from theradose.workflow.engine_maps import EngineMaps, engine_dose_rate, engine_region_dose, noise_findings
from theradose.workflow.measurements import Measurements
from theradose.workflow.outcome import RegionOutcome
from theradose.workflow.planar import PlanarStudy
from theradose.workflow.regions import Outlines
from theradose.workflow.tia_maps import ReferenceTia
from theradose.workflow.timepoints import LoadedTimepoint, placed


def recovery_curve(case: Case) -> tuple[RecoveryCurve | None, tuple[Finding, ...]]:
    """Return the recovery curve of the study's phantom data, else that of the camera's record, if there is one."""
    calibration = case.study.calibration
    if calibration is None or calibration.recovery is None:
        return None if case.record is None else case.record.recovery, ()
    return fit_recovery(read_recovery(case.study_file.resolve(calibration.recovery)))


def reference_density(case: Case, reference: LoadedTimepoint) -> tuple[DensityMap, tuple[Finding, ...]]:
    """Return the density on the reference grid: from its CT, or the stated or packaged assumption."""
    grid = reference.activity.grid
    if reference.ct is not None:
        density, findings = density_map(reference.ct, grid)
        return density, (*findings, *_frame_findings(reference))
    stated = case.study.dose.assumed_density
    value, source = (stated, "study") if stated is not None else soft_tissue_density()
    finding = Finding(
        "no-ct",
        "warning",
        f"There is no CT at the reference time point: every voxel has the density {value:g} g/mL ({source}), and "
        "masses follow from it.",
        reference.timepoint.id,
    )
    return assumed_density(grid, value, source), (finding,)


def integrate_regions(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    outlines: Outlines,
    registrations: dict[str, Registration],
    recovery: RecoveryCurve | None,
    planar: PlanarStudy,
) -> tuple[list[tuple[RegionQuantity, TimeIntegratedActivity]], tuple[Finding, ...]]:
    """Return quantity and time-integrated activity of each region, in the order of the segmentation.

    A region whose curve cannot be fitted is left out with a critical finding; the others keep their results.
    """
    results = []
    refused: list[FitError] = []
    measured = Measurements({item.timepoint.id: item.activity for item in loaded}, outlines, registrations)
    findings: list[Finding] = []
    for name in outlines.segmentations[case.reference_id].names:
        overrides = case.overrides_of(name)
        left_out = {excluded for override in overrides for excluded in override.exclude_timepoints}
        used = [item for item in loaded if item.timepoint.id not in left_out]
        if not used:
            raise FitError(f"The overrides leave no time point for '{name}': exclude fewer.", code="no-timepoints")
        pairs = [measured.on(item.timepoint.id, name) for item in used]
        curve, quantity, noticed = region_curve(
            name,
            maps=[activity for activity, _ in pairs],
            segmentations=[segmentation for _, segmentation in pairs],
            recovery=None if in_warm_surroundings(name) else recovery,
            resolution_mm=_resolution_mm(case),
            measurement_relative_u=case.measurement_relative_u,
            shape=case.study.calibration.recovery_shape if case.study.calibration is not None else "sphere",
        )
        curve, added = planar.extend(curve)
        findings += placed((*_of_surroundings(name, noticed, recovery), *added), name)
        model = next((override.model for override in overrides if override.model is not None), None)
        try:
            tia, fitted = integrate_measured(case, curve, force_model=model)
        except FitError as error:
            if error.code == "one-time-point" and not planar.timepoints:
                raise
            refused.append(error)
            findings.append(Finding("region-not-fitted", "critical", f"There is no dose for '{name}': {error}", name))
            continue
        results.append((quantity, tia))
        findings += placed(fitted, name)
        findings += [
            Finding("override", "info", f"{_describe(override)}; reason given: {override.reason}.", name)
            for override in overrides
        ]
    if refused and not results:
        raise refused[0]
    return results, tuple(findings)


def _of_surroundings(name: str, findings: tuple[Finding, ...], recovery: RecoveryCurve | None) -> tuple[Finding, ...]:
    """Return the findings of a curve, with the reason why a known recovery was not applied."""
    if recovery is None or not in_warm_surroundings(name):
        return findings
    message = (
        f"'{name}' lies in tissue of like activity, which gives back what blur takes: no recovery was applied to it, "
        "and brighter neighbours make its activity too high."
    )
    code = "recovery-not-applied"
    return tuple(Finding(code, "info", message, name) if finding.code == code else finding for finding in findings)


def integrate_field(
    case: Case, loaded: tuple[LoadedTimepoint, ...], segmentations: dict[str, Segmentation], planar: PlanarStudy
) -> tuple[TimeIntegratedActivity | None, TimeIntegratedActivity | None, tuple[Finding, ...]]:
    """Return the integral of everything in view and that of what is outside all regions."""
    maps = [item.activity for item in loaded]
    findings: list[Finding] = []
    whole, noticed = whole_field_curve(maps, measurement_relative_u=case.measurement_relative_u)
    findings += noticed
    outside = remainder_curve(
        maps,
        segmentations=[segmentations[item.timepoint.id] for item in loaded],
        measurement_relative_u=case.measurement_relative_u,
    )
    integrals: list[TimeIntegratedActivity | None] = []
    for imaged in (whole, outside):
        curve, added = planar.extend(imaged)
        integral, noticed = _integrate_or_explain(case, curve)
        integrals.append(integral)
        findings += placed((*added, *noticed), curve.region)
    return integrals[0], integrals[1], tuple(findings)


def dose_u_map(case: Case, tia: ReferenceTia, dose: DoseMap, activity: ActivityMap) -> Volume | None:
    """Return the standard uncertainty of the dose per voxel in Gy, or ``None`` where voxels have no fit of their own.

    It holds the voxel's fit, the calibration and the energy per decay where they are stated, and the statistics of an
    engine that samples; neither density nor resolution.
    """
    if tia.relative_u is None:
        return None
    energy_u = emitted_energy(case.nuclide).charged_relative_u
    common = math.hypot(activity.calibration_relative_u or 0.0, energy_u or 0.0)
    u = np.hypot(tia.relative_u.data, np.float32(common)) * dose.data
    if dose.u is not None:
        u = np.hypot(u, dose.u.data)
    return Volume(u.astype(np.float32), dose.grid)


def dose_rate_maps(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    registrations: dict[str, Registration],
    density: DensityMap,
    steps: StepStore,
) -> tuple[dict[str, Volume], tuple[Finding, ...]]:
    """Return the dose rate at the start of each image on the reference grid, Gy/h."""
    rates = {}
    findings: list[Finding] = []
    for item in loaded:
        name, transform = item.timepoint.id, registrations[item.timepoint.id].transform
        moved = resample_activity(item.activity, density.grid, transform=transform)
        rates[name] = engine_dose_rate(case, moved, density, steps, timepoint=name)
        findings += lost_activity(item.activity, density.grid, transform=transform, where=name)[1]
    return rates, tuple(findings)


def region_outcomes(
    case: Case,
    segmentation: Segmentation,
    integrated: list[tuple[RegionQuantity, TimeIntegratedActivity]],
    density: DensityMap,
    maps: EngineMaps,
) -> tuple[tuple[RegionOutcome, ...], tuple[Finding, ...]]:
    """Return mass, dose and dose-volume histogram of each region."""
    outcomes = []
    findings: list[Finding] = []
    for quantity, tia in integrated:
        region = segmentation.region(tia.region)
        given = next((item.density for item in case.overrides_of(region.name) if item.density is not None), None)
        mass, noticed = region_mass(
            segmentation,
            region.name,
            density,
            given_mass_g=region.mass_g,
            given_density=given,
            u_volume_relative=_relative_volume_u(quantity),
        )
        findings += placed(noticed, region.name)
        if case.study.dose.engine == LOCAL:
            findings += mass_range_findings(region.name, mass_g=mass.mass_g.value)
        local = region_dose(tia=tia, mass_g=mass.mass_g, nuclide=case.nuclide)
        voxels = segmentation.voxels_of(region.name)
        absorbed, transport = engine_region_dose(local, maps.dose, maps.local, voxels)
        findings += noise_findings(region.name, transport)
        cross = None if maps.cross is None else engine_region_dose(local, maps.cross, maps.local, voxels)[0]
        outcomes.append(
            RegionOutcome(region, quantity, tia, mass, absorbed, RegionDoses(maps.dose, voxels), transport, cross)
        )
    return tuple(outcomes), tuple(findings)


def _frame_findings(reference: LoadedTimepoint) -> tuple[Finding, ...]:
    frames = {volume.grid.frame_of_reference for volume in (reference.activity, reference.ct) if volume is not None}
    if len(frames) == 1:
        return ()
    message = (
        "The CT and the emission image have different frames of reference: densities are read at equal coordinates, so "
        "check on the fused images that both lie together."
    )
    return (Finding("ct-frame-differs", "warning", message, reference.timepoint.id),)


def _integrate_or_explain(
    case: Case, curve: TimeActivityCurve
) -> tuple[TimeIntegratedActivity | None, tuple[Finding, ...]]:
    # The doses of the regions do not depend on the field of view: its failure is a finding, not an end.
    try:
        return integrate_measured(case, curve)
    except FitError as error:
        return None, (Finding("not-fitted", "warning", str(error), curve.region),)


def _resolution_mm(case: Case) -> float | None:
    return case.study.calibration.resolution if case.study.calibration is not None else None


def _relative_volume_u(quantity: RegionQuantity) -> float | None:
    return None if quantity.volume_ml.not_stated else quantity.volume_ml.relative_u


def _describe(override: Override) -> str:
    stated = override.model_dump(mode="json", exclude={"region", "reason"}, exclude_defaults=True)
    return "Override of " + ", ".join(f"{name}: {value}" for name, value in stated.items())
