"""The concentration in the spongiosa of the vertebrae over time, from the images of a study."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from theradose.acquire.load import load_ct, load_map
from theradose.compiled import thread_count
from theradose.errors import GeometryError, StudyError, TheradoseError
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.region import RegionKind, Segmentation
from theradose.model.study import MarrowMap
from theradose.model.transform import Registration, RigidTransform
from theradose.quantify.marrow import concentration_curve, mean_concentration_mbq_per_ml
from theradose.spatial.density import soft_tissue_density
from theradose.spatial.marrow import (
    MARROW_VOLUME,
    MarrowVolume,
    SpongiosaRules,
    draw_marrow,
    weighted_marrow,
)
from theradose.spatial.marrow_registration import register_vertebrae
from theradose.spatial.propagate import truncated_regions
from theradose.spatial.register import RegistrationInput, register
from theradose.spatial.resample import resample_segmentation
from theradose.store.steps import StepStore
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case, InputHashes
from theradose.workflow.curves import integrate_measured
from theradose.workflow.marrow_settings import (
    DEFAULT_SITES,
    OUTLINED_SPONGIOSA,
    ImageMarrowSettings,
    image_marrow_settings,
)
from theradose.workflow.regions import Outlines
from theradose.workflow.timepoints import LoadedTimepoint, placed

_AT_HOME = Registration(RigidTransform.identity(), "outlined here", {"shift_mm": 0.0, "rotation_deg": 0.0})


@dataclass(frozen=True, slots=True, eq=False)
class Spine:
    """The outlined vertebrae, and where.

    Attributes
    ----------
    home : LoadedTimepoint
        Time point on which they are outlined.
    vertebrae : Segmentation
        On the grid on which they were drawn.
    rules : SpongiosaRules
        What belongs to the volume.
    """

    home: LoadedTimepoint
    vertebrae: Segmentation
    rules: SpongiosaRules


@dataclass(frozen=True, slots=True, eq=False)
class MarrowMeasurement:
    """The concentration in the spongiosa of some vertebrae.

    Attributes
    ----------
    volume : MarrowVolume
        Spongiosa in which it was measured.
    sites : tuple of str
        Regions of which it is a part.
    registrations : mapping of str to Registration
        From where they are outlined to each time point.
    density_g_per_ml : Uncertain
        Of the volume.
    tia : TimeIntegratedActivity
        Integral of the concentration as measured, MBq·h/mL.
    weighted_by : str or None
        Map of active marrow, as the study names it.
    settings : ImageMarrowSettings
        What the study states.
    findings : tuple of Finding
        That limit the trust in it, among others.
    """

    volume: MarrowVolume
    sites: tuple[str, ...]
    registrations: Mapping[str, Registration]
    density_g_per_ml: Uncertain
    tia: TimeIntegratedActivity
    weighted_by: str | None
    settings: ImageMarrowSettings
    findings: tuple[Finding, ...]


def measure_marrow(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    outlines: Outlines,
    registrations: Mapping[str, Registration],
    steps: StepStore,
    hashes: InputHashes,
) -> tuple[MarrowMeasurement | None, tuple[Finding, ...]]:
    """Return the concentration in spongiosa over time, if the vertebrae are outlined.

    A volume or curve that cannot be had is a critical finding: the regions keep their results.

    Raises
    ------
    StudyError
        ``marrow-sites-missing`` if the study names vertebrae that are not outlined.
    """
    settings = image_marrow_settings(case)
    if not case.study.marrow.image:
        return None, ()
    spine, noticed = find_spine(case, loaded, outlines, settings)
    if spine is None:
        return None, noticed
    try:
        result = _measure(case, loaded, outlines, registrations, steps, hashes, spine, settings)
    except TheradoseError as error:
        return None, (*noticed, not_computed(error))
    return result, (*noticed, *result.findings)


def not_computed(error: TheradoseError) -> Finding:
    """Return the finding that says why there is no marrow dose from images."""
    message = f"There is no marrow dose from images: {error}"
    return Finding("marrow-not-computed", "critical", message, MARROW_VOLUME)


def find_spine(
    case: Case, loaded: tuple[LoadedTimepoint, ...], outlines: Outlines, settings: ImageMarrowSettings
) -> tuple[Spine | None, tuple[Finding, ...]]:
    """Return the outlined vertebrae of the first time point, the reference before others, that has all of them.

    Without stated sites an outlined ``lumbar-marrow`` comes first, then L2 to L4.

    Raises
    ------
    StudyError
        ``marrow-sites-missing`` for stated sites that no time point has together.
    """
    homes = sorted(loaded, key=lambda item: item.timepoint.id != case.reference_id)
    wanted = [settings.sites] if settings.sites else [(OUTLINED_SPONGIOSA,), DEFAULT_SITES]
    for sites in wanted:
        for home in homes:
            sources = outlines.drawn[home.timepoint.id]
            if set(sites) <= {name for source in sources for name in source.names}:
                rules = settings.outline_rules if sites == (OUTLINED_SPONGIOSA,) else settings.rules
                return Spine(home, _gathered(sources, sites), rules), ()
    outlined = {name for sources in outlines.drawn.values() for source in sources for name in source.names}
    if settings.sites:
        missing = [site for site in settings.sites if site not in outlined]
        problem = f"{', '.join(missing)} are not outlined" if missing else "no time point has all of them"
        raise StudyError(
            f"The marrow is to be measured in {', '.join(settings.sites)}, but {problem}: outline them, or change "
            "'marrow: {sites: …}'.",
            code="marrow-sites-missing",
        )
    some = [site for site in DEFAULT_SITES if site in outlined]
    if not some:
        return None, ()
    message = (
        f"Of {', '.join(DEFAULT_SITES)} only {', '.join(some)} are outlined, so that there is no marrow dose from "
        "images: outline all of them, or state 'marrow: {sites: …}'."
    )
    return None, (Finding("marrow-sites-incomplete", "info", message, MARROW_VOLUME),)


def _measure(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    outlines: Outlines,
    registrations: Mapping[str, Registration],
    steps: StepStore,
    hashes: InputHashes,
    spine: Spine,
    settings: ImageMarrowSettings,
) -> MarrowMeasurement:
    weighting = case.study.marrow.weighting
    lesions = _lesions(outlines.segmentations[spine.home.timepoint.id])
    volume, findings = draw_marrow(spine.vertebrae, lesions=lesions, ct=spine.home.ct, rules=spine.rules)
    if weighting is not None:
        volume, weighed = _weighted(case, weighting, spine, volume)
        findings += weighed
    found, moved = _register_all(case, loaded, registrations, steps, hashes, spine)
    tia, fitted = _integrate(case, loaded, spine, volume, lesions, found)
    findings += (_whole_bones(spine.vertebrae.names),)
    density, densities = _density(case, volume)
    return MarrowMeasurement(
        volume=volume,
        sites=spine.vertebrae.names,
        registrations=found,
        density_g_per_ml=density,
        tia=tia,
        weighted_by=None if weighting is None else weighting.image,
        settings=settings,
        findings=tuple(dict.fromkeys(placed((*findings, *moved, *fitted, *densities), MARROW_VOLUME))),
    )


def _whole_bones(sites: tuple[str, ...]) -> Finding:
    message = (
        f"As regions, {', '.join(sites)} have the dose of bone and marrow together, corrected like a sphere in cold "
        "surroundings, which overstates it; the dose of red marrow is that of the marrow volume."
    )
    return Finding("marrow-sites-as-regions", "info", message, MARROW_VOLUME)


def _gathered(sources: tuple[Segmentation, ...], sites: tuple[str, ...]) -> Segmentation:
    """Return some regions on the grid of the first of them."""
    holders = [next(source for source in sources if site in source.names) for site in sites]
    grid = holders[0].grid
    gathered = Segmentation(grid, (), ())
    for holder, site in zip(holders, sites, strict=True):
        one = Segmentation(holder.grid, (holder.region(site),), (holder.voxels_of(site),))
        gathered = gathered.with_regions([(one.regions[0], resample_segmentation(one, grid).voxels[0])])
    return gathered


def _lesions(segmentation: Segmentation) -> Segmentation:
    pairs = zip(segmentation.regions, segmentation.voxels, strict=True)
    kept = [(region, voxels) for region, voxels in pairs if region.kind is RegionKind.LESION]
    return Segmentation(segmentation.grid, (), ()).with_regions(kept)


def _weighted(
    case: Case, weighting: MarrowMap, spine: Spine, volume: MarrowVolume
) -> tuple[MarrowVolume, tuple[Finding, ...]]:
    image = load_map(case.study_file.resolve(weighting.image))
    ct = None if weighting.ct is None else load_ct(case.study_file.resolve(weighting.ct))[0]
    path = None if weighting.transform is None else case.study_file.resolve(weighting.transform)
    home = spine.home
    registration, findings = register(
        RegistrationInput(home.timepoint.id, home.activity, home.ct),
        RegistrationInput("the map of active marrow", image, ct, path),
        method=weighting.method,
    )
    result, noticed = weighted_marrow(volume, image, ct=home.ct, transform=registration.transform)
    return result, (*findings, *noticed)


def _register_all(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    registrations: Mapping[str, Registration],
    steps: StepStore,
    hashes: InputHashes,
    spine: Spine,
) -> tuple[dict[str, Registration], tuple[Finding, ...]]:
    """Return the transform from where the vertebrae are outlined to each time point."""
    home = spine.home
    others = [item for item in loaded if item is not home]
    found = {home.timepoint.id: _AT_HOME}
    findings: list[Finding] = []

    def align(item: LoadedTimepoint) -> tuple[Registration, tuple[Finding, ...]]:
        start = _between(registrations, home.timepoint.id, item.timepoint.id)
        inputs = _registration_inputs(case, hashes, spine, start)
        compute = partial(register_vertebrae, spine.vertebrae, reference_ct=home.ct, moving_ct=item.ct, start=start)
        return steps.run(f"register vertebrae {item.timepoint.id}", inputs, compute)

    # Each search runs in one thread, so that its result does not depend on how many run beside it.
    with ThreadPoolExecutor(max_workers=thread_count()) as pool:
        outcomes = pool.map(align, others)
    for item, (registration, noticed) in zip(others, outcomes, strict=True):
        found[item.timepoint.id] = registration
        findings += [replace(finding, where=f"{MARROW_VOLUME}, {item.timepoint.id}") for finding in noticed]
    return {item.timepoint.id: found[item.timepoint.id] for item in loaded}, tuple(findings)


def _between(registrations: Mapping[str, Registration], home: str, other: str) -> RigidTransform:
    to_reference = registrations[home].transform.inverse()
    return RigidTransform(registrations[other].transform.matrix @ to_reference.matrix)


def _registration_inputs(case: Case, hashes: InputHashes, spine: Spine, start: RigidTransform) -> dict[str, Any]:
    study = case.study
    return {
        "files": hashes,
        "declare": [point.declare.model_dump(mode="json") for point in study.timepoints],
        "names": study.names,
        "drafts": [draft.model_dump(mode="json") for draft in study.drafts],
        "vertebrae": spine.vertebrae.names,
        "start": start.matrix.tolist(),
    }


def _integrate(
    case: Case,
    loaded: tuple[LoadedTimepoint, ...],
    spine: Spine,
    volume: MarrowVolume,
    lesions: Segmentation,
    found: Mapping[str, Registration],
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    overrides = case.overrides_of(MARROW_VOLUME)
    left_out = {excluded for override in overrides for excluded in override.exclude_timepoints}
    used = [item for item in loaded if item.timepoint.id not in left_out]
    if not used:
        raise StudyError("The overrides leave no time point for the marrow: exclude fewer.", code="no-timepoints")
    findings: list[Finding] = []
    segmentations = []
    for item in used:
        to_home = found[item.timepoint.id].transform.inverse()
        segmentation = resample_segmentation(volume.segmentation, item.activity.grid, transform=to_home)
        findings += placed(truncated_regions(volume.segmentation, segmentation), item.timepoint.id)
        segmentations.append(segmentation)
    edge_relative_u, on_edge = _edge_relative_u(spine, lesions)
    curve, noticed = concentration_curve(
        MARROW_VOLUME,
        maps=[item.activity for item in used],
        segmentations=segmentations,
        measurement_relative_u=case.measurement_relative_u,
        edge_relative_u=edge_relative_u,
    )
    model = next((override.model for override in overrides if override.model is not None), None)
    tia, fitted = integrate_measured(case, curve, force_model=model)
    said = [
        Finding("override", "info", f"Override of the marrow volume; reason given: {override.reason}.", MARROW_VOLUME)
        for override in overrides
    ]
    return tia, (*findings, *on_edge, *noticed, *fitted, *said)


def _edge_relative_u(spine: Spine, lesions: Segmentation) -> tuple[float | None, tuple[Finding, ...]]:
    """Return how much the concentration would differ with the edge one standard uncertainty further in or out.

    The edge is known to within a voxel of the emission image, as a rectangular distribution.
    """
    home, rules = spine.home, spine.rules
    u_mm = max(home.activity.grid.spacing_mm) / 12**0.5
    margins_mm = (max(rules.margin_mm - u_mm, 0.0), rules.margin_mm + u_mm)
    means = []
    try:
        for margin_mm in margins_mm:
            drawn, _ = draw_marrow(
                spine.vertebrae, lesions=lesions, ct=home.ct, rules=replace(rules, margin_mm=margin_mm)
            )
            on_image = resample_segmentation(drawn.segmentation, home.activity.grid)
            means.append(mean_concentration_mbq_per_ml(home.activity, on_image, MARROW_VOLUME))
    except GeometryError as error:
        if error.code != "marrow-volume-too-small":
            raise
        return None, (_edge_unknown(f"with the edge {u_mm:.2g} mm further in too little spongiosa is left"),)
    middle = (means[0] + means[1]) / 2
    if not middle > 0:
        return None, (_edge_unknown(f"the image at {home.activity.t_h:.4g} h shows no activity in it"),)
    return (means[1] - means[0]) / middle * u_mm / (margins_mm[1] - margins_mm[0]), ()


def _edge_unknown(reason: str) -> Finding:
    message = f"Where the edge of the marrow volume lies is not in the uncertainty budget of its dose: {reason}."
    return Finding("marrow-edge-unknown", "warning", message, MARROW_VOLUME)


def _density(case: Case, volume: MarrowVolume) -> tuple[Uncertain, tuple[Finding, ...]]:
    source = "density:marrow-voi"
    stated = next((each.density for each in case.overrides_of(MARROW_VOLUME) if each.density is not None), None)
    if stated is not None:
        return Uncertain.relative(stated, {source: None}), ()
    if volume.density_g_per_ml is not None:
        return Uncertain.relative(volume.density_g_per_ml, {source: None}), ()
    assumed = case.study.dose.assumed_density
    value, origin = (assumed, "study") if assumed is not None else soft_tissue_density()
    finding = Finding(
        "marrow-density-assumed",
        "warning",
        f"There is no CT of the marrow volume: its density is assumed to be {value:g} g/mL ({origin}).",
    )
    return Uncertain.relative(value, {source: None}), (finding,)
