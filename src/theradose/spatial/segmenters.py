"""Drafting regions without a workstation: thresholds, spheres, margins and Boolean operations.

A draft is never verified: a person must do that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from theradose.errors import GeometryError, StudyError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.study import Draft
from theradose.provenance import package_version
from theradose.registry import Registry
from theradose.spatial.drafting import (
    Drafted,
    DraftInputs,
    Segmenter,
    draw_above,
    in_box,
    index_box,
    place,
    search_volume,
    source_regions,
    squared_distance_mm2,
)
from theradose.spatial.naming import canonical_region
from theradose.spatial.thresholds import contrast_oriented_threshold, otsu_threshold

# Sub-voxels per voxel side for the fractions of a sphere: 64 levels per voxel.
_SUBVOXELS = 4
# A voxel that is inside by at least this fraction belongs to the region that a margin grows.
_HALF = 0.5

segmenters: Registry[Segmenter] = Registry("segmenters", error=StudyError)


def draft_region(
    draft: Draft, activity: Volume, segmentation: Segmentation | None
) -> tuple[Region, RegionVoxels, tuple[Finding, ...]]:
    """Draw one region as the study asks.

    Parameters
    ----------
    draft : Draft
        Name, method and parameters.
    activity : Volume
        Image in which thresholds are taken.
    segmentation : Segmentation or None
        Regions on the same grid, for margins and Boolean operations.

    Returns
    -------
    Region
        Unverified, drafted by this version of the program.
    RegionVoxels
        Its voxels on the grid of `activity`.
    tuple of Finding
        What was done and what to be careful about.

    Raises
    ------
    StudyError
        If the method is unknown or a parameter is missing.
    GeometryError
        If nothing is drawn, or regions are on another grid.
    """
    if segmentation is not None and not segmentation.grid.matches(activity.grid):
        raise GeometryError(
            f"'{draft.name}' cannot be drawn: the regions and the image are on different grids.",
            code="draft-grid",
        )
    drafted = segmenters.get(draft.method)(DraftInputs(draft, activity, segmentation))
    volume_ml = drafted.voxels.voxel_count * activity.grid.voxel_volume_ml
    if not volume_ml:
        raise GeometryError(
            f"The draft of '{draft.name}' by {draft.method} holds no voxel: check its position in mm (LPS).",
            code="draft-empty",
        )
    known = canonical_region(draft.name)
    region = Region(
        name=known.name,
        kind=known.kind if draft.kind is None else RegionKind(draft.kind),
        code=known.code,
        drafted_by=f"theradose {package_version()}",
        method=drafted.method,
    )
    drawn = Finding(
        "region-drafted", "info",
        f"'{region.name}' was drawn by {drafted.method}: {volume_ml:.4g} mL.", region.name)  # fmt: skip
    return region, drafted.voxels, (drawn, *drafted.findings)


@segmenters.register(
    "otsu",
    summary="threshold that separates two classes of voxels best, inside a box or around a seed",
    citation="PMC5323339",
)
def draw_otsu(inputs: DraftInputs) -> Drafted:
    """Draw by the threshold with the largest variance between classes."""
    search = search_volume(inputs)
    return draw_above(inputs, search, otsu_threshold(values=search.values), method="threshold:otsu")


@segmenters.register(
    "adaptive",
    summary="threshold half-way between hot core and background, iterated, inside a box or around a seed",
    citation="Schaefer2008",
)
def draw_adaptive(inputs: DraftInputs) -> Drafted:
    """Draw by a contrast-oriented threshold."""
    search = search_volume(inputs)
    if search.whole_image:
        raise StudyError(
            f"The draft of '{inputs.draft.name}' by adaptive threshold needs its surroundings: add 'box_mm', or "
            "'seed_mm' with 'radius'.",
            code="draft-needs-box",
        )
    threshold = contrast_oriented_threshold(values=search.values)
    return draw_above(inputs, search, threshold, method="threshold:adaptive")


@segmenters.register(
    "fixed-percent",
    summary="threshold at a fraction of the maximum, inside a box or around a seed; never a default",
    citation="PMC5323339",
)
def draw_fixed_percent(inputs: DraftInputs) -> Drafted:
    """Draw by a fraction of the maximum that the user states."""
    fraction = inputs.draft.fraction
    if fraction is None:
        raise StudyError(
            f"The draft of '{inputs.draft.name}' by fixed-percent needs a fraction of the maximum: add "
            "'fraction: 42 %', or use 'otsu', which needs none.",
            code="draft-needs-fraction",
        )
    search = search_volume(inputs)
    drafted = draw_above(
        inputs, search, fraction * float(search.values.max()), method=f"threshold:fixed-percent:{fraction:.3g}"
    )
    caution = Finding(
        "fixed-threshold", "warning",
        f"'{inputs.draft.name}' is drawn at {fraction:.0%} of the maximum: for 177Lu-DOTATATE SPECT a fixed "
        "threshold of 42 % performed considerably worse than Otsu's, and volumes come out too small with resolution "
        "recovery (PMC5323339).", inputs.draft.name)  # fmt: skip
    return Drafted(drafted.voxels, drafted.method, (*drafted.findings, caution))


@segmenters.register(
    "sphere", summary="sphere of a given radius around a point; boundary voxels by their fraction", citation="Theradose"
)
def draw_sphere(inputs: DraftInputs) -> Drafted:
    """Draw a sphere; each voxel gets the fraction of its sub-voxels whose centre is inside."""
    centre, radius = inputs.draft.seed_mm, inputs.draft.radius
    if centre is None or not radius:
        raise StudyError(
            f"The draft of '{inputs.draft.name}' as a sphere needs 'seed_mm' and 'radius'.", code="draft-needs-seed"
        )
    grid = inputs.activity.grid
    box = index_box(grid, np.array(centre), radius)
    fraction = np.zeros([part.stop - part.start for part in box], np.float32)
    offsets = (np.arange(_SUBVOXELS) + 0.5) / _SUBVOXELS - 0.5
    rows, columns = ((np.arange(part.start, part.stop)[:, None] + offsets).ravel() for part in box[1:])
    for position, index in enumerate(range(box[0].start, box[0].stop)):
        inside = squared_distance_mm2(grid, index + offsets, rows, columns, np.array(centre)) <= radius**2
        blocks = inside.reshape(_SUBVOXELS, fraction.shape[1], _SUBVOXELS, fraction.shape[2], _SUBVOXELS)
        fraction[position] = blocks.mean(axis=(0, 2, 4))
    return Drafted(place(fraction, box), f"sphere:{radius:g} mm")


@segmenters.register(
    "margin", summary="another region grown by a margin in mm, on anisotropic voxels", citation="Theradose"
)
def draw_margin(inputs: DraftInputs) -> Drafted:
    """Grow a region: all voxels whose centre is within the margin of a voxel centre of the region."""
    from scipy.ndimage import distance_transform_edt

    margin_mm = inputs.draft.margin
    (source,) = source_regions(inputs, count=1)
    if margin_mm is None:
        raise StudyError(f"The draft of '{inputs.draft.name}' needs its 'margin'.", code="draft-needs-margin")
    grid = inputs.activity.grid
    reach = np.ceil(margin_mm / np.array(grid.spacing_mm)).astype(int).tolist()
    z, y, x = (
        slice(max(part.start - more, 0), min(part.stop + more, size))
        for part, more, size in zip(source.box, reach, grid.shape, strict=True)
    )
    distance_mm = distance_transform_edt(in_box(source, (z, y, x)) < _HALF, sampling=grid.spacing_mm)
    return Drafted(place(distance_mm <= margin_mm, (z, y, x)), f"margin:{margin_mm:g} mm:{inputs.draft.regions[0]}")


@segmenters.register("union", summary="voxels of any of several regions", citation="Theradose")
def draw_union(inputs: DraftInputs) -> Drafted:
    """Unite regions; a voxel takes the largest of their fractions."""
    return _combined(inputs, np.maximum, "union")


@segmenters.register("intersection", summary="voxels common to several regions", citation="Theradose")
def draw_intersection(inputs: DraftInputs) -> Drafted:
    """Intersect regions; a voxel takes the smallest of their fractions."""
    return _combined(inputs, np.minimum, "intersection")


@segmenters.register("difference", summary="voxels of the first region that are in no other", citation="Theradose")
def draw_difference(inputs: DraftInputs) -> Drafted:
    """Subtract all other regions from the first."""
    return _combined(inputs, _subtracted, "difference")


def _combined(inputs: DraftInputs, combine: Callable[[Array, Array], Array], name: str) -> Drafted:
    """Combine the fractions of regions one after the other, within the box that holds them all."""
    sources = source_regions(inputs)
    box = tuple(
        slice(min(source.box[axis].start for source in sources), max(source.box[axis].stop for source in sources))
        for axis in range(3)
    )
    z, y, x = box
    fraction = reduce(combine, (in_box(source, (z, y, x)) for source in sources))
    return Drafted(place(fraction, (z, y, x)), f"{name}:{'+'.join(inputs.draft.regions)}")


def _subtracted(first: Array, other: Array) -> Array:
    """What remains of a voxel: no more than it had, and no more than the other region leaves free."""
    return np.asarray(np.minimum(first, 1 - other))
