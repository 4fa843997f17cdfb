"""What all drafts of regions share: inputs, search volume, and placing voxels.

Thresholds look at a search volume: a box, a sphere of the given radius around a seed, or both; without them the
whole image. With a seed, only the part connected to the seed (over voxel faces) becomes the region.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from theradose.errors import GeometryError, StudyError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.study import Draft
from theradose.spatial.naming import canonical_region

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class DraftInputs:
    """What a segmenter may use: the draft, the image in which it is drawn, and the regions there."""

    draft: Draft
    activity: Volume
    segmentation: Segmentation | None


@dataclass(frozen=True, slots=True, eq=False)
class Drafted:
    """What a segmenter returns: voxels, method as it is stored with the region, and findings."""

    voxels: RegionVoxels
    method: str
    findings: tuple[Finding, ...] = ()


Segmenter = Callable[[DraftInputs], Drafted]


@dataclass(frozen=True, slots=True, eq=False)
class SearchVolume:
    """The voxels at which a threshold looks.

    Attributes
    ----------
    box : tuple of slice
        Index box that holds them.
    inside : ndarray of bool
        Which voxels of the box belong to it.
    values : ndarray, shape (n,)
        Image values there.
    whole_image : bool
        True if nothing limits the search.
    """

    box: Box
    inside: Array
    values: Array
    whole_image: bool


def search_volume(inputs: DraftInputs) -> SearchVolume:
    """Return the search volume of a draft.

    Raises
    ------
    StudyError
        If there is neither a box nor a seed.
    GeometryError
        If the search volume lies outside the image.
    """
    draft, grid = inputs.draft, inputs.activity.grid
    if draft.box_mm is None and draft.seed_mm is None:
        raise StudyError(
            f"The draft of '{draft.name}' by {draft.method} needs to know where: add 'box_mm' or 'seed_mm' in mm "
            "(LPS).",
            code="draft-needs-place",
        )
    sphere = None if draft.seed_mm is None or not draft.radius else (np.array(draft.seed_mm), draft.radius)
    whole_image = draft.box_mm is None and sphere is None
    box: Box = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    if draft.box_mm is not None:
        corners = np.sort(np.array(draft.box_mm), axis=0)
        box = _box_of_points(grid, np.array(list(product(*corners.T))))
    elif sphere is not None:
        box = index_box(grid, *sphere)
    inside = np.ones([part.stop - part.start for part in box], bool)
    if draft.box_mm is not None:
        inside &= _between(grid, box, corners)
    if sphere is not None:
        z, y, x = (np.arange(part.start, part.stop) for part in box)
        inside &= squared_distance_mm2(grid, z, y, x, sphere[0]) <= sphere[1] ** 2
    values = inputs.activity.data[box][inside]
    if not values.size:
        raise GeometryError(
            f"The place given for '{draft.name}' lies outside the image: check its coordinates in mm (LPS).",
            code="draft-outside",
        )
    return SearchVolume(box, inside, values, whole_image)


def draw_above(inputs: DraftInputs, search: SearchVolume, threshold: float, *, method: str) -> Drafted:
    """Take the voxels of the search volume at or above a threshold, connected to the seed if there is one."""
    from scipy.ndimage import label

    draft = inputs.draft
    mask = search.inside & (inputs.activity.data[search.box] >= threshold)
    if draft.seed_mm is not None:
        labels, _ = label(mask)
        mask = labels == _label_at_seed(inputs, search, labels, threshold)
    findings = [Finding(
        "draft-threshold", "info",
        f"The threshold of '{draft.name}' is {threshold:.4g} in the units of the image, from {search.values.size} "
        "voxels.", draft.name)]  # fmt: skip
    if search.whole_image:
        findings.append(Finding(
            "draft-whole-image", "warning",
            f"The threshold of '{draft.name}' comes from the whole image because neither a box nor a radius around "
            "the seed limits it.", draft.name))  # fmt: skip
    elif _touches_limit(mask, search):
        findings.append(Finding(
            "draft-touches-limit", "warning",
            f"'{draft.name}' reaches the limit of its box or sphere and may be cut off there.",
            draft.name))  # fmt: skip
    return Drafted(place(mask, search.box), method, tuple(findings))


def source_regions(inputs: DraftInputs, *, count: int | None = None) -> list[RegionVoxels]:
    """Return the regions from which a draft is made.

    Raises
    ------
    StudyError
        If their number is wrong.
    GeometryError
        If one of them does not exist.
    """
    names = inputs.draft.regions
    least = 2 if count is None else count
    if len(names) < least or (count is not None and len(names) > count):
        wanted = f"exactly {count}" if count is not None else "at least two"
        raise StudyError(
            f"The draft of '{inputs.draft.name}' by {inputs.draft.method} needs {wanted} of the regions in "
            f"'regions', not {len(names)}.",
            code="draft-needs-regions",
        )
    segmentation = inputs.segmentation or Segmentation(inputs.activity.grid, (), ())
    known = [name if name in segmentation.names else canonical_region(name).name for name in names]
    return [segmentation.voxels_of(name) for name in known]


def place(fraction: Array, box: Box) -> RegionVoxels:
    """Return the voxels of a box as a region, cropped to what is inside."""
    voxels = RegionVoxels.from_mask(fraction)
    z, y, x = (part.start + first for part, first in zip(box, voxels.origin, strict=True))
    return RegionVoxels((z, y, x), voxels.fraction)


def in_box(voxels: RegionVoxels, box: Box) -> Array:
    """Return the fractions of a region in a box that holds it."""
    fraction = np.zeros([part.stop - part.start for part in box], np.float32)
    z, y, x = (slice(own.start - part.start, own.stop - part.start) for own, part in zip(voxels.box, box, strict=True))
    fraction[z, y, x] = voxels.fraction
    return fraction


def index_box(grid: Grid, centre_mm: Array, radius_mm: float) -> Box:
    """Return the index box that holds a sphere, cut to the grid."""
    corners = centre_mm + np.array(list(product((-radius_mm, radius_mm), repeat=3)))
    return _box_of_points(grid, corners)


def squared_distance_mm2(grid: Grid, slices: Array, rows: Array, columns: Array, centre_mm: Array) -> Array:
    """Return the squared distance of voxels from a point, on the raster of three axes of indices."""
    steps = grid.affine_mm[:3, :3]
    start = grid.affine_mm[:3, 3] - centre_mm
    total = np.zeros((len(slices), len(rows), len(columns)))
    for component in range(3):
        z, y, x = steps[component]
        along = (start[component] + slices * z)[:, None, None] + (rows * y)[:, None] + columns * x
        total += along**2
    return total


def _box_of_points(grid: Grid, points_mm: Array) -> Box:
    index = grid.to_index(points_mm)
    first = np.clip(np.floor(index.min(axis=0)), 0, grid.shape).astype(int)
    last = np.clip(np.ceil(index.max(axis=0)) + 1, first, grid.shape).astype(int)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return z, y, x


def _between(grid: Grid, box: Box, corners_mm: Array) -> Array:
    """Which voxel centres of an index box lie within two corners in LPS coordinates."""
    z, y, x = (np.arange(part.start, part.stop) for part in box)
    inside = np.ones((len(z), len(y), len(x)), bool)
    for component in range(3):
        a, b, c = grid.affine_mm[component, :3]
        along = (grid.affine_mm[component, 3] + z * a)[:, None, None] + (y * b)[:, None] + x * c
        inside &= (along >= corners_mm[0, component]) & (along <= corners_mm[1, component])
    return inside


def _label_at_seed(inputs: DraftInputs, search: SearchVolume, labels: Array, threshold: float) -> int:
    """Return the label of the component at the seed."""
    draft, grid = inputs.draft, inputs.activity.grid
    index = np.round(grid.to_index(np.array(draft.seed_mm))).astype(int)
    local = index - [part.start for part in search.box]
    if np.any(local < 0) or np.any(local >= labels.shape):
        raise GeometryError(
            f"The seed of '{draft.name}' lies outside its box or the image: check its coordinates in mm (LPS).",
            code="seed-outside",
        )
    found = int(labels[tuple(local)])
    if not found:
        value = float(inputs.activity.data[tuple(index)])
        raise GeometryError(
            f"The seed of '{draft.name}' has the value {value:.4g}, below the threshold of {threshold:.4g}: place "
            "it on the hottest voxel or narrow the box.",
            code="seed-below-threshold",
        )
    return found


def _touches_limit(mask: Array, search: SearchVolume) -> bool:
    """Whether a region reaches voxels at the edge of its search volume."""
    from scipy.ndimage import binary_erosion

    return bool(np.any(mask & ~binary_erosion(search.inside)))
