"""From contours to voxels.

The rule is that of the pixel centre: a voxel belongs to a region if its centre lies inside an odd number of the
region's contours on the plane that governs its slice. Several contours on one plane therefore combine by
exclusive or, which gives holes.

A plane of contours governs the slab that reaches half-way to the neighbouring planes, at the ends half a plane
spacing further. Contours drawn on the slices of the grid thus match their own slice, contours on coarser planes
fill the slices between (nearest plane), and of contours on finer planes each slice takes the nearest. A gap of
more than one and a half plane spacings stays a gap. Contours that are oblique to the slices of the grid are
rasterised on planes of their own and sampled at the voxel centres.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.contour import ContourRegion, ContourSet
from theradose.model.finding import Finding
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.spatial.polygons import coverage

# Contours whose points leave their slice by less than this part of the slice spacing count as parallel to it.
_PARALLEL_SLICES = 0.1
# Contours closer than this are on the same plane: structure sets print coordinates to 0.01 mm at worst.
_SAME_PLANE_MM = 0.05
# Plane spacings that differ from the slice spacing by less than this part are the image's own slices.
_SAME_SPACING = 0.1
_GAP_SPACINGS = 1.5
# Index coordinates are rounded to this many decimals so that ties do not depend on round-off.
_SNAP_DECIMALS = 6

_KINDS = {"GTV": RegionKind.LESION, "ORGAN": RegionKind.ORGAN, "EXTERNAL": RegionKind.WHOLE_BODY}


def rasterise(
    contours: ContourSet,
    grid: Grid,
    *,
    region_names: Collection[str] | None = None,
    fractional: bool = False,
    same_space: bool = False,
    plane_spacing_mm: float | None = None,
) -> tuple[Segmentation, tuple[Finding, ...]]:
    """Turn contours into voxels of `grid`.

    Parameters
    ----------
    contours : ContourSet
        Contours in LPS mm.
    grid : Grid
        Grid of the result.
    region_names : collection of str, optional
        Regions wanted; all by default.
    fractional : bool
        Give boundary voxels the fraction of their volume inside the contours (sub-pixels in the plane, slab
        overlap across it) instead of 0 or 1. Useful on coarse emission grids.
    same_space : bool
        Accept contours from another frame of reference because the user states that both coincide.
    plane_spacing_mm : float, optional
        Slice spacing of the image on which the contours were drawn; the median distance of neighbouring planes
        by default. Give it for regions that leave out slices.

    Returns
    -------
    Segmentation
        Regions with at least one voxel, named as in `contours`.
    tuple of Finding
        Regions left out, cut off by the grid or interpolated between planes.

    Raises
    ------
    GeometryError
        If a frame of reference differs, a name is unknown or nothing lies inside the grid.
    """
    wanted = contours.regions if region_names is None else tuple(map(contours.region, region_names))
    findings: list[Finding] = []
    pairs: list[tuple[Region, RegionVoxels]] = []
    stacks = [_stack(region, grid, same_space=same_space) for region in wanted]
    spacing = _in_slices(plane_spacing_mm, grid) or _plane_spacing([s for s in stacks if s.parallel])
    for region, stack in zip(wanted, stacks, strict=True):
        if not stack.parallel:
            voxels, noticed = _oblique(region, grid, fractional=fractional)
        else:
            voxels, noticed = _fill(stack, grid, spacing=spacing, fractional=fractional)
        findings += noticed
        if voxels.voxel_count:
            pairs.append((_described(region, contours), voxels))
        else:
            findings.append(Finding(
                "region-empty-on-grid", "warning",
                f"Region '{region.name}' holds no voxel centre of the image and is left out.",
                region.name))  # fmt: skip
    if wanted and not pairs:
        raise GeometryError(
            "No region lies inside the image: check that the contours belong to this patient position and image.",
            code="regions-outside-grid",
        )
    return Segmentation(grid, (), ()).with_regions(pairs), tuple(findings)


@dataclass(frozen=True, slots=True)
class _Stack:
    """Contours of one region in index coordinates, grouped by plane.

    `planes` holds (slice coordinate, polygons as (n, 2) arrays of row and column), in ascending order.
    """

    name: str
    planes: tuple[tuple[float, tuple[Array, ...]], ...]
    parallel: bool = True

    @property
    def levels(self) -> Array:
        return np.array([level for level, _ in self.planes])


def _stack(region: ContourRegion, grid: Grid, *, same_space: bool) -> _Stack:
    """Group the closed contours of a region by plane."""
    frames = (region.frame_of_reference, grid.frame_of_reference)
    if not same_space and None not in frames and frames[0] != frames[1]:
        raise GeometryError(
            f"Region '{region.name}' is drawn in another frame of reference than the image: give a registration, "
            "or state that both spaces coincide.",
            code="contours-other-frame",
        )
    polygons = [
        np.round(grid.to_index(contour.points_mm), _SNAP_DECIMALS) for contour in region.contours if contour.encloses
    ]
    if any(np.ptp(polygon[:, 0]) > _PARALLEL_SLICES for polygon in polygons):
        return _Stack(region.name, (), parallel=False)
    levels = np.array([polygon[:, 0].mean() for polygon in polygons])
    order = np.argsort(levels, kind="stable")
    new_plane = np.diff(levels[order], prepend=-np.inf) > _SAME_PLANE_MM / grid.spacing_mm[0]
    planes = tuple(
        (round(float(levels[members].mean()), _SNAP_DECIMALS), tuple(polygons[i][:, 1:] for i in members))
        for members in np.split(order, np.flatnonzero(new_plane)[1:])
        if len(members)
    )
    return _Stack(region.name, planes)


def _plane_spacing(stacks: Sequence[_Stack]) -> float:
    """Distance between neighbouring planes in slices: that of the image on which all regions were drawn."""
    steps = np.concatenate([np.diff(stack.levels) for stack in stacks] or [np.empty(0)])
    return _snapped(float(np.median(steps))) if len(steps) else 1.0


def _in_slices(plane_spacing_mm: float | None, grid: Grid) -> float | None:
    return None if plane_spacing_mm is None else _snapped(plane_spacing_mm / grid.spacing_mm[0])


def _snapped(spacing: float) -> float:
    """Return exactly 1 for planes that are the slices of the grid up to small deviations."""
    return 1.0 if abs(spacing - 1) <= _SAME_SPACING else spacing


def _slabs(levels: Array, spacing: float) -> tuple[Array, Array]:
    """Lower and upper end, in slices, of the slab that each plane governs."""
    steps = np.diff(levels)
    near = steps <= _GAP_SPACINGS * spacing
    reach = np.where(near, steps / 2, spacing / 2)
    lower = levels - np.concatenate([[spacing / 2], reach])
    upper = levels + np.concatenate([reach, [spacing / 2]])
    return lower, upper


def _fill(stack: _Stack, grid: Grid, *, spacing: float, fractional: bool) -> tuple[RegionVoxels, tuple[Finding, ...]]:
    """Rasterise the planes of one region within the box that holds them."""
    findings = _stack_findings(stack, grid, spacing)
    box = _box(stack, grid, spacing)
    if box is None:
        return RegionVoxels((0, 0, 0), np.zeros((0, 0, 0), np.float32)), findings
    (z0, z1), (y0, y1), (x0, x1) = box
    fraction = np.zeros((z1 - z0, y1 - y0, x1 - x0), np.float32)
    slices = np.arange(z0, z1)
    for (_, polygons), lower, upper in zip(stack.planes, *_slabs(stack.levels, spacing), strict=True):
        overlap = np.clip(np.minimum(slices + 0.5, upper) - np.maximum(slices - 0.5, lower), 0, None)
        weight = overlap if fractional else ((slices >= lower) & (slices < upper)).astype(float)
        governed = np.flatnonzero(weight)
        if len(governed):
            plane = coverage(polygons, origin=(y0, x0), shape=fraction.shape[1:], fractional=fractional)
            fraction[governed] += weight[governed, None, None].astype(np.float32) * plane
    return _cropped(np.minimum(fraction, 1), (z0, y0, x0)), findings


def _box(stack: _Stack, grid: Grid, spacing: float) -> tuple[tuple[int, int], ...] | None:
    """Index ranges that hold the region, cut to the grid; None if nothing is left."""
    if not stack.planes:
        return None
    points = np.concatenate([polygon for _, polygons in stack.planes for polygon in polygons])
    lower, upper = _slabs(stack.levels, spacing)
    first = np.floor([lower[0], *points.min(axis=0)]).astype(int)
    last = np.ceil([upper[-1], *points.max(axis=0)]).astype(int) + 1
    starts, stops = np.maximum(first, 0), np.minimum(last, grid.shape)
    if np.any(starts >= stops):
        return None
    return tuple((int(a), int(b)) for a, b in zip(starts, stops, strict=True))


def _stack_findings(stack: _Stack, grid: Grid, spacing: float) -> tuple[Finding, ...]:
    """What a reader must know about how the planes met the slices."""
    findings = []
    gaps = int(np.sum(np.diff(stack.levels) > _GAP_SPACINGS * spacing))
    if gaps:
        findings.append(Finding(
            "contour-gap", "info",
            f"The contours of '{stack.name}' leave out planes at {gaps} places, which stay empty.",
            stack.name))  # fmt: skip
    if spacing != 1 and len(stack.planes) > 1:
        findings.append(Finding(
            "contours-interpolated", "info",
            f"'{stack.name}' was drawn on planes {spacing * grid.spacing_mm[0]:.2f} mm apart, the slices of the "
            f"image are {grid.spacing_mm[0]:.2f} mm apart: each slice takes the nearest plane.",
            stack.name))  # fmt: skip
    limit = np.array(grid.shape[1:]) - 0.5
    cut = sum(
        not (-0.5 <= level <= grid.shape[0] - 0.5) or bool(np.any((polygon < -0.5) | (polygon > limit)))
        for level, polygons in stack.planes
        for polygon in polygons
    )
    if cut:
        findings.append(Finding(
            "region-outside-grid", "warning",
            f"{cut} contours of '{stack.name}' reach beyond the image: the region is cut off there.",
            stack.name))  # fmt: skip
    return tuple(findings)


def _oblique(region: ContourRegion, grid: Grid, *, fractional: bool) -> tuple[RegionVoxels, tuple[Finding, ...]]:
    """Rasterise contours that are oblique to `grid` on planes of their own and sample these at voxel centres."""
    from scipy.ndimage import map_coordinates

    own = plane_grid(region, pixel_mm=min(grid.spacing_mm) / 2)
    stack = _stack(region, own, same_space=True)
    if not stack.parallel:
        raise GeometryError(
            f"The contours of '{region.name}' do not lie on parallel planes: export the region as a segmentation.",
            code="contours-not-parallel",
        )
    voxels, _ = _fill(stack, own, spacing=_plane_spacing([stack]), fractional=False)
    drawn = voxels.fraction
    corners = grid.to_index(own.corners_mm())
    starts = np.clip(np.floor(corners.min(axis=0)), 0, grid.shape).astype(int)
    stops = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, grid.shape).astype(int)
    fraction = np.zeros(np.maximum(stops - starts, 0), np.float32)
    rows, columns = np.mgrid[starts[1] : stops[1], starts[2] : stops[2]]
    for position in range(len(fraction)):
        index = np.stack([np.full(rows.shape, starts[0] + position), rows, columns], axis=-1)
        place = np.moveaxis(own.to_index(grid.to_lps(index)), -1, 0) - np.reshape(voxels.origin, (3, 1, 1))
        fraction[position] = map_coordinates(drawn, place, order=1 if fractional else 0, mode="grid-constant", cval=0.0)
    finding = Finding(
        "contours-oblique", "info",
        f"'{region.name}' was drawn on planes oblique to the image: it was rasterised there with pixels of "
        f"{own.spacing_mm[1]:.2f} mm and sampled at the voxel centres.", region.name)  # fmt: skip
    z, y, x = (int(start) for start in starts)
    return _cropped(fraction, (z, y, x)), (finding,)


def plane_grid(region: ContourRegion, *, pixel_mm: float) -> Grid:
    """Return a grid whose slices are the planes on which `region` was drawn.

    Parameters
    ----------
    region : ContourRegion
        With at least one closed contour.
    pixel_mm : float
        Pixel size in the plane.
    """
    closed = [contour.points_mm for contour in region.contours if contour.encloses]
    widest = max(closed, key=lambda points: float(np.ptp(points, axis=0).max()))
    *_, axes = np.linalg.svd(widest - widest.mean(axis=0), full_matrices=False)
    across, down, normal = axes
    levels = np.sort([float(points.mean(axis=0) @ normal) for points in closed])
    steps = np.diff(levels)
    steps = steps[steps > _SAME_PLANE_MM]
    spacing = float(np.median(steps)) if len(steps) else pixel_mm
    points = np.concatenate(closed) @ np.stack([normal, down, across]).T
    step_mm = np.array([spacing, pixel_mm, pixel_mm])
    lowest = points.min(axis=0) - step_mm * [0, 1, 1]
    shape = np.ceil((points.max(axis=0) - lowest) / step_mm).astype(int) + 2
    affine = np.eye(4)
    affine[:3, :3] = np.stack([normal, down, across], axis=1) * step_mm
    affine[:3, 3] = np.stack([normal, down, across], axis=1) @ lowest
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, region.frame_of_reference)


def _cropped(fraction: Array, origin: tuple[int, int, int]) -> RegionVoxels:
    """Crop a partial box to the voxels inside."""
    voxels = RegionVoxels.from_mask(fraction)
    z, y, x = (a + b for a, b in zip(origin, voxels.origin, strict=True))
    return RegionVoxels((z, y, x), voxels.fraction)


def _described(region: ContourRegion, contours: ContourSet) -> Region:
    """Carry the origin of a contoured region over to the region of voxels."""
    return Region(
        name=region.name,
        kind=_KINDS.get(region.interpreted_type, RegionKind.OTHER),
        code=region.code,
        drafted_by=region.drafted_by or contours.source or "not stated",
        method="rtstruct" if not region.algorithm else f"rtstruct:{region.algorithm.lower()}",
        verified_by=contours.reviewer or None if contours.approval == "APPROVED" else None,
    )
