"""Regions of every time point on the grid of its activity map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from theradose.acquire.load import image_reference
from theradose.acquire.regions import load_regions
from theradose.acquire.sources import Content
from theradose.data import load_yaml
from theradose.errors import GeometryError, StudyError, TheradoseError
from theradose.formats.dicom.rtstruct import check_references
from theradose.model.contour import ContourSet
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import OutlinedOn, Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.study import Draft
from theradose.model.transform import Registration, RigidTransform
from theradose.spatial.marrow import MARROW_VOLUME
from theradose.spatial.naming import canonical_region
from theradose.spatial.overlap import shared_volume_ml
from theradose.spatial.propagate import propagate_segmentation, truncated_regions
from theradose.spatial.rasterise import rasterise
from theradose.spatial.resample import resample_segmentation
from theradose.spatial.segmenters import draft_region
from theradose.workflow.case import Case
from theradose.workflow.timepoints import LoadedTimepoint, placed

# A contour plane this close to a slice, in slices, was drawn on that slice.
_ON_SLICE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """The regions of all time points.

    Attributes
    ----------
    segmentations : dict of str to Segmentation
        By time point, on the grid of its activity map, all with the same regions in the same order.
    emission_home : dict of (str, str) to str
        For a time point and a region that was propagated to it from another emission image: that time point. Its
        activity is measured there, on the voxels as drawn, in the aligned image: a mask of whole voxels that is moved
        over whole voxels would lose activity at its edge.
    drawn : dict of str to tuple of Segmentation
        By time point, the regions that were outlined there, on the grids on which they were drawn.
    """

    segmentations: dict[str, Segmentation]
    emission_home: dict[tuple[str, str], str]
    drawn: dict[str, tuple[Segmentation, ...]] = field(default_factory=dict)


def segment_timepoints(
    case: Case, loaded: tuple[LoadedTimepoint, ...], registrations: dict[str, Registration]
) -> tuple[Outlines, tuple[Finding, ...]]:
    """Return the regions of each time point.

    Regions given on a time point are used there; elsewhere they are propagated by the registration, from the
    reference time point if it has them, otherwise from the first that does. They are carried from the grid on
    which they were drawn, so that partial voxels are made once.
    """
    findings: list[Finding] = []
    drawn: dict[str, list[Segmentation]] = {}
    for item in loaded:
        drawn[item.timepoint.id], noticed = _given_regions(case, item)
        findings += noticed
    for draft in case.study.drafts:
        home = next(item for item in loaded if item.timepoint.id == (draft.timepoint or case.reference_id))
        sources = drawn[home.timepoint.id]
        available = _on_grid(sources, home.activity.grid)
        region, voxels, remarks = draft_region(draft, home.activity, available)
        region = _drafted_on(region, draft, available, home.activity.grid)
        sources.append(_named(case, Segmentation(home.activity.grid, (region,), (voxels,))))
        findings += placed(remarks, region.name)
    order = [case.reference_id, *(item.timepoint.id for item in loaded if item.timepoint.id != case.reference_id)]
    names = list(dict.fromkeys(name for home in order for source in drawn[home] for name in source.names))
    _check_names(case, names)
    findings += _unmatched(drawn)
    complete: dict[str, Segmentation] = {}
    for item in loaded:
        segmentation, noticed = _complete(item, drawn, order, registrations)
        complete[item.timepoint.id] = _select(segmentation, names)
        findings += noticed
    findings += _unverified(complete[case.reference_id])
    findings += overlaps(complete[case.reference_id])
    kept = {home: tuple(sources) for home, sources in drawn.items()}
    return Outlines(complete, _emission_homes(loaded, drawn, order), kept), tuple(findings)


def _emission_homes(
    loaded: tuple[LoadedTimepoint, ...], drawn: dict[str, list[Segmentation]], order: list[str]
) -> dict[tuple[str, str], str]:
    grids = {item.timepoint.id: item.activity.grid for item in loaded}
    homes: dict[tuple[str, str], str] = {}
    for here in grids:
        known: set[str] = set()
        for home in dict.fromkeys((here, *order)):
            for source in drawn[home]:
                new = set(source.names) - known
                known |= new
                if home != here and source.grid.matches(grids[home]):
                    homes |= {(here, name): home for name in new}
    return homes


def _given_regions(case: Case, item: LoadedTimepoint) -> tuple[list[Segmentation], list[Finding]]:
    name, where = item.timepoint.regions, item.timepoint.id
    if name is None:
        return [], []
    try:
        source, noticed = load_regions(case.study_file.resolve(name), names=case.study.names)
        if isinstance(source, ContourSet):
            segmentation, remarks = _voxels(case, source, item)
        else:
            segmentation, remarks = _outlined(source, _image_of_grid(source.grid, item), source.grid), ()
        return [_named(case, segmentation)], placed((*noticed, *remarks), where)
    except TheradoseError as error:
        raise type(error)(f"Regions of time point '{where}': {error}", code=error.code) from None


def _voxels(case: Case, contours: ContourSet, item: LoadedTimepoint) -> tuple[Segmentation, tuple[Finding, ...]]:
    """Rasterise on the image on whose slices the contours lie: the CT if they do, otherwise the emission image."""
    on_ct = item.ct is not None and _on_slices(contours, item.ct.grid)
    grid = item.ct.grid if item.ct is not None and on_ct else item.activity.grid
    name, wanted = (item.timepoint.ct, Content.CT) if on_ct else (item.timepoint.activity, Content.EMISSION)
    image = image_reference(case.study_file.resolve(name or ""), wanted=wanted)
    references = check_references(contours, image) if image is not None else ()
    spacing_mm = grid.spacing_mm[0] if _on_slices(contours, grid) else None
    segmentation, findings = rasterise(contours, grid, plane_spacing_mm=spacing_mm)
    drawn_on = OutlinedOn.CT if on_ct else OutlinedOn.EMISSION
    if image is not None and contours.referenced_series_uid not in (None, image.series_uid):
        drawn_on = OutlinedOn.NOT_STATED
    return _outlined(segmentation, drawn_on, grid), (*references, *findings)


def _image_of_grid(grid: Grid, item: LoadedTimepoint) -> OutlinedOn:
    """Return the image that has the grid of a mask."""
    if item.ct is not None and grid.matches(item.ct.grid):
        return OutlinedOn.CT
    return OutlinedOn.EMISSION if grid.matches(item.activity.grid) else OutlinedOn.NOT_STATED


def _outlined(segmentation: Segmentation, drawn_on: OutlinedOn, grid: Grid) -> Segmentation:
    regions = tuple(
        replace(region, outlined_on=drawn_on, outline_spacing_mm=grid.spacing_mm) for region in segmentation.regions
    )
    return Segmentation(segmentation.grid, regions, segmentation.voxels)


def _drafted_on(region: Region, draft: Draft, available: Segmentation | None, grid: Grid) -> Region:
    """Say on which image a draft was made: that of the regions it is made of if they agree, else the emission image."""
    parts = [available.region(name) for name in draft.regions if available is not None and name in available.names]
    homes = {(part.outlined_on, part.outline_spacing_mm) for part in parts}
    drawn_on, spacing_mm = homes.pop() if len(homes) == 1 else (OutlinedOn.EMISSION, grid.spacing_mm)
    return replace(region, outlined_on=drawn_on, outline_spacing_mm=spacing_mm)


def _on_slices(contours: ContourSet, grid: Grid) -> bool:
    points = np.concatenate([line.points_mm for region in contours.regions for line in region.contours])
    slices = grid.to_index(points)[:, 0]
    return bool((np.abs(slices - np.round(slices)) <= _ON_SLICE).all())


def _named(case: Case, segmentation: Segmentation) -> Segmentation:
    regions = []
    for region in segmentation.regions:
        known = canonical_region(region.name, names=case.study.names, kind=region.kind)
        verified_by = next((item.by for item in case.study.verified if item.region == known.name), region.verified_by)
        mass = next((item.mass for item in case.overrides_of(known.name) if item.mass is not None), region.mass_g)
        regions.append(
            replace(
                region,
                name=known.name,
                kind=known.kind,
                code=known.code or region.code,
                verified_by=verified_by,
                mass_g=mass,
            )
        )
    return Segmentation(segmentation.grid, tuple(regions), segmentation.voxels)


def _complete(
    item: LoadedTimepoint,
    drawn: dict[str, list[Segmentation]],
    order: list[str],
    registrations: dict[str, Registration],
) -> tuple[Segmentation, list[Finding]]:
    here, grid = item.timepoint.id, item.activity.grid
    segmentation = Segmentation(grid, (), ())
    findings: list[Finding] = []
    for home in dict.fromkeys((here, *order)):
        for source in drawn[home]:
            wanted = _select(source, [name for name in source.names if name not in segmentation.names])
            if home == here:
                moved = resample_segmentation(wanted, grid)
            else:
                # Points of this time point → reference → the time point where the regions were drawn.
                to_reference = registrations[here].transform.inverse()
                to_home = RigidTransform(registrations[home].transform.matrix @ to_reference.matrix)
                moved = propagate_segmentation(wanted, grid, transform=to_home, source_timepoint=home)
            findings += placed(truncated_regions(wanted, moved), here)
            segmentation = segmentation.with_regions(zip(moved.regions, moved.voxels, strict=True))
    return segmentation, findings


def _on_grid(sources: list[Segmentation], grid: Grid) -> Segmentation:
    segmentation = Segmentation(grid, (), ())
    for source in sources:
        moved = resample_segmentation(source, grid)
        segmentation = segmentation.with_regions(zip(moved.regions, moved.voxels, strict=True))
    return segmentation


def _select(segmentation: Segmentation, names: list[str]) -> Segmentation:
    regions: list[Region] = [segmentation.region(name) for name in names]
    voxels: list[RegionVoxels] = [segmentation.voxels_of(name) for name in names]
    return Segmentation(segmentation.grid, tuple(regions), tuple(voxels))


def _check_names(case: Case, names: list[str]) -> None:
    if not names:
        raise GeometryError(
            "The region files of the study hold no closed region: draw one or add 'drafts'.", code="no-regions"
        )
    mentioned = [item.region for item in case.study.verified] + [item.region for item in case.study.overrides]
    drawn = {roi.region for roi in case.study.rois}
    for name in mentioned:
        if name not in (*names, MARROW_VOLUME, *drawn):
            raise StudyError(
                f"The study mentions the region '{name}', which is not among the regions: {', '.join(names)}.",
                code="region-unknown",
            )


def _unmatched(drawn: dict[str, list[Segmentation]]) -> list[Finding]:
    """Say which regions are outlined on some of several outlined time points only: their names may differ."""
    outlined = {home: {name for source in sources for name in source.names} for home, sources in drawn.items()}
    outlined = {home: names for home, names in outlined.items() if names}
    if len(outlined) < 2:
        return []
    findings = []
    for name in sorted(set.union(*outlined.values())):
        absent = [home for home, names in outlined.items() if name not in names]
        if absent:
            message = (
                f"'{name}' is outlined on some time points but not on {', '.join(absent)}, where it is propagated: "
                "if it has another name there, join the two under 'names' in the study."
            )
            findings.append(Finding("region-not-matched", "warning", message, name))
    return findings


def overlaps(segmentation: Segmentation) -> list[Finding]:
    """Say which regions share volume: its activity and mass count in each of them."""
    limits = load_yaml("study.yaml")
    findings = []
    for first, second in combinations(segmentation.names, 2):
        shared_ml = shared_volume_ml(segmentation, first, second)
        if shared_ml <= limits["overlap_volume"]["value"]:
            continue
        smaller_ml = min(segmentation.volume_ml(first), segmentation.volume_ml(second))
        lesions = all(segmentation.region(name).kind is RegionKind.LESION for name in (first, second))
        if lesions and shared_ml > limits["overlap_fraction"]["value"] * smaller_ml:
            message = (
                f"'{first}' and '{second}' share {shared_ml:.3g} mL of {smaller_ml:.3g} mL: is it one lesion with two "
                "names?"
            )
            findings.append(Finding("lesions-coincide", "critical", message, first))
        else:
            message = (
                f"'{first}' and '{second}' share {shared_ml:.3g} mL, whose activity and mass count in both; in the "
                "dose map the lesion or the smaller region has it."
            )
            findings.append(Finding("regions-overlap", "info", message, first))
    return findings


def _unverified(segmentation: Segmentation) -> list[Finding]:
    return [
        Finding(
            "region-unverified",
            "warning",
            f"Nobody verified the outline of '{region.name}' (drafted by {region.drafted_by}): a physician must.",
            region.name,
        )
        for region in segmentation.regions
        if region.verified_by is None
    ]
