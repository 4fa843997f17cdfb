"""Projecting volumes from front to back, and laying planar images over such projections.

Planar images are head up with the patient's right on the left: rows run to the feet, columns to the left of the
patient. A projection has the same arrangement.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array, frozen
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.planar import PlanarAlignment
from theradose.model.region import RegionKind, Segmentation
from theradose.quantify.attenuation import linear_attenuation
from theradose.quantify.remainder import REMAINDER
from theradose.quantify.volume import FWHM_PER_SIGMA
from theradose.spatial.averages import average_volume
from theradose.spatial.resample import resample_segmentation

_MM_PER_CM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedRegions:
    """Everything of a SPECT/CT that planar images are compared with, on the pixels of a planar image.

    Attributes
    ----------
    names : tuple of str
        Regions, then ``remainder``.
    activity_mbq : ndarray, shape (names,)
        Activity of each in the image.
    anterior, posterior : ndarray, shape (names, rows, columns)
        Activity that reaches each detector, MBq per pixel: weakened by the body and blurred.
    thickness_cm : ndarray, shape (regions, rows, columns)
        Thickness of each region along the view.
    body_cm, attenuation : ndarray, shape (rows, columns)
        Thickness of the body and the line integral μT.
    """

    names: tuple[str, ...]
    activity_mbq: Array
    anterior: Array
    posterior: Array
    thickness_cm: Array
    body_cm: Array
    attenuation: Array

    def __post_init__(self) -> None:
        for name in ("activity_mbq", "anterior", "posterior", "thickness_cm", "body_cm", "attenuation"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.float32))

    @property
    def total(self) -> Array:
        """Geometric mean of both views over all regions, shape (rows, columns)."""
        total: Array = np.sqrt(self.anterior.sum(axis=0) * self.posterior.sum(axis=0))
        return total

    def position(self, name: str) -> int:
        """Return the place of a region in the arrays."""
        return self.names.index(name)


def planar_grid(
    volume: Grid, *, shape: tuple[int, int], spacing_mm: tuple[float, float], shift_mm: tuple[float, float] = (0.0, 0.0)
) -> Grid:
    """Return a grid along the patient's axes whose projection has the pixels of a planar image.

    Without shift the middle of the image is the middle of the volume. Array axes are (row, depth, column): rows run to
    the feet, depth to the back, columns to the left.

    Parameters
    ----------
    volume : Grid
        What is projected: gives middle and depth.
    shape, spacing_mm : tuple
        Of the planar image (row, column).
    shift_mm : tuple of float
        By which the patient lies further (towards the head, towards the left) on the planar image than in the volume.
    """
    corners = volume.corners_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre = (low + high) / 2
    volume_step = min(volume.spacing_mm)
    step = max(*spacing_mm, volume_step)
    depths = int(np.ceil((high[1] - low[1]) / step))
    rows, columns = shape
    # What lies at a place of the planar image lies that much lower and further right in the volume.
    z_first = centre[2] - shift_mm[0] + (rows - 1) / 2 * spacing_mm[0]
    x_first = centre[0] - shift_mm[1] - (columns - 1) / 2 * spacing_mm[1]
    y_first = centre[1] - (depths - 1) / 2 * step
    affine = np.array(
        [
            [0.0, 0.0, spacing_mm[1], x_first],
            [0.0, step, 0.0, y_first],
            [-spacing_mm[0], 0.0, 0.0, z_first],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    return Grid((rows, depths, columns), affine, volume.frame_of_reference)


@dataclass(frozen=True, slots=True, eq=False)
class EmissionModel:
    """A SPECT/CT parted into regions and remainder, from which planar images can be projected.

    Attributes
    ----------
    names : tuple of str
        Regions, then ``remainder``.
    sources : tuple of Volume
        Activity concentration of each, MBq/mL.
    segmentation : Segmentation
        Of the regions.
    density : DensityMap
        g/mL.
    """

    names: tuple[str, ...]
    sources: tuple[Volume, ...]
    segmentation: Segmentation
    density: DensityMap


def emission_model(
    activity: Volume, segmentation: Segmentation, density: DensityMap, *, further: Collection[str] = ()
) -> EmissionModel:
    """Part an activity map into organs, lesions and the remainder.

    A region has the activity that the image shows inside it. Beside and under it the remainder is what the image shows
    farther away, because blurred activity of the region lies around its outline.

    Parameters
    ----------
    activity : Volume
        Activity concentration, MBq/mL.
    segmentation, density
        Regions and mass density on the same grid.
    further : collection of str
        Regions of other kinds that are parted too; the rest of them (vertebrae) belongs to the remainder.
    """
    kinds = (RegionKind.ORGAN, RegionKind.LESION)
    names = [region.name for region in segmentation.regions if region.kind in kinds or region.name in further]
    fractions = _claimed(segmentation, names)
    parts = [activity.data * fraction for fraction in fractions]
    parts.append(_remainder(activity, fractions))
    return EmissionModel(
        (*names, REMAINDER), tuple(Volume(part, activity.grid) for part in parts), segmentation, density
    )


def whole_model(model: EmissionModel) -> EmissionModel:
    """Return the same SPECT/CT in one piece, whose projection is the sum of all."""
    total = sum((source.data for source in model.sources[1:]), start=model.sources[0].data)
    grid = model.sources[0].grid
    return EmissionModel((REMAINDER,), (Volume(total, grid),), Segmentation(grid, (), ()), model.density)


def project_regions(
    model: EmissionModel, grid: Grid, *, water_per_cm: float, resolution_mm: float, least_density: float
) -> ProjectedRegions:
    """Project regions and remainder from front and back with the attenuation of the body.

    Parameters
    ----------
    model : EmissionModel
        What is projected.
    grid : Grid
        From :func:`planar_grid`.
    water_per_cm : float
        Linear attenuation of water.
    resolution_mm : float
        Full width at half maximum by which the projections are blurred.
    least_density : float
        Density of the lightest tissue, g/mL; what is lighter is outside the body.
    """
    rows, part = _covered(model, grid, least_density)
    heavy = average_volume(model.density, part).data
    step_cm = grid.spacing_mm[1] / _MM_PER_CM
    mu = np.where(heavy >= least_density, linear_attenuation(density_g_per_ml=heavy, water_per_cm=water_per_cm), 0.0)
    mu *= np.float32(step_cm)
    behind = np.cumsum(mu, axis=1)
    total = behind[:, -1]
    # A voxel shines through half of itself.
    to_front = np.exp(-(behind - mu / 2)) * np.float32(part.voxel_volume_ml)
    to_back = np.exp(-(total[:, None] - behind + mu / 2)) * np.float32(part.voxel_volume_ml)
    anterior, posterior = [], []
    for source in model.sources:
        activity = average_volume(source, part).data
        anterior.append(np.einsum("zyx,zyx->zx", activity, to_front))
        posterior.append(np.einsum("zyx,zyx->zx", activity, to_back))
    moved = resample_segmentation(model.segmentation, part)
    thickness = [moved.mask(name).sum(axis=1) * step_cm for name in model.names[:-1]]
    shape = (grid.shape[0], grid.shape[2])

    def whole(images: Sequence[Array]) -> Array:
        full = np.zeros((len(images), *shape), np.float32)
        if len(images):
            full[:, rows] = np.stack(images)
        return full

    return ProjectedRegions(
        names=model.names,
        activity_mbq=np.array(
            [float(source.data.sum(dtype=np.float64)) * source.grid.voxel_volume_ml for source in model.sources]
        ),
        anterior=_blurred(whole(anterior), grid, resolution_mm),
        posterior=_blurred(whole(posterior), grid, resolution_mm),
        thickness_cm=whole(thickness),
        body_cm=whole([(heavy >= least_density).sum(axis=1) * step_cm])[0],
        attenuation=whole([total])[0],
    )


def align_planar(
    image: Array, projection: Array, *, spacing_mm: tuple[float, float], reach_mm: tuple[float, float]
) -> PlanarAlignment:
    """Find the shift at which a planar image fits a projection of the same pixels best.

    Both are compared after a square root, which keeps bright organs from deciding alone although their activity changes
    with time. The correlation is normalised over the pixels of the projection's body.

    Parameters
    ----------
    image, projection : ndarray, shape (rows, columns)
        Planar image, and projection of :func:`planar_grid` without shift.
    spacing_mm : tuple of float
        Size of a pixel (row, column).
    reach_mm : tuple of float
        Largest shift (towards the head, towards the left) that is searched.
    """
    pixel_mm = load_yaml("planar.yaml")["alignment_pixel"]["value"]
    factors = tuple(max(1, int(pixel_mm / step)) for step in spacing_mm)
    moving, fixed = (_binned(np.sqrt(np.maximum(array, 0)), factors) for array in (image, projection))
    steps_mm = tuple(step * factor for step, factor in zip(spacing_mm, factors, strict=True))
    correlation = _correlations(moving, _template(fixed, steps_mm[0]))
    middle = tuple(n // 2 for n in correlation.shape)
    reach = tuple(min(int(np.ceil(r / s)), m - 1) for r, s, m in zip(reach_mm, steps_mm, middle, strict=True))
    part = correlation[tuple(slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))]
    best = np.unravel_index(int(np.argmax(part)), part.shape)
    rows, columns = (
        int(at) - r + _peak_offset(np.take(part, at_other, axis=1 - axis), int(at))
        for axis, (at, r, at_other) in enumerate(zip(best, reach, best[::-1], strict=True))
    )
    # Rows run to the feet: further down the image is further from the head.
    return PlanarAlignment((-rows * steps_mm[0], columns * steps_mm[1]), float(part[best]))


def _claimed(segmentation: Segmentation, names: list[str]) -> list[Array]:
    """Fractions of the voxels by region, at most one in sum."""
    fractions = [segmentation.mask(name) for name in names]
    total = np.zeros(segmentation.grid.shape, np.float32)
    for fraction in fractions:
        total += fraction
    excess = np.maximum(total, 1.0)
    return [fraction / excess for fraction in fractions]


def _remainder(activity: Volume, fractions: list[Array]) -> Array:
    """Activity concentration of what is in no region, carried under the regions from beside them."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    inside = np.zeros(activity.grid.shape, np.float32)
    for fraction in fractions:
        inside += fraction
    widths = load_yaml("planar.yaml")
    smooth_mm, shell_mm = widths["remainder_smoothing"]["value"], widths["remainder_shell"]["value"]
    reach = [max(1, round(shell_mm / step)) for step in activity.grid.spacing_mm]
    mesh = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    ball = sum((axis / n) ** 2 for axis, n in zip(mesh, reach, strict=True)) <= 1
    shell = binary_dilation(inside > 0, ball)
    known = (~shell).astype(np.float32)
    sigma = [smooth_mm / step for step in activity.grid.spacing_mm]
    values = gaussian_filter(activity.data * known, sigma)
    weights = gaussian_filter(known, sigma)
    carried = np.divide(values, weights, out=np.zeros_like(values), where=weights > 1e-3)
    remainder: Array = np.where(shell, carried, activity.data) * np.maximum(1 - inside, 0)
    return remainder


def _covered(model: EmissionModel, grid: Grid, least_density: float) -> tuple[slice, Grid]:
    """Return the rows of a planar grid that the image reaches, and the part of the grid with them around the body.

    A whole-body scan is several times as long as a SPECT.
    """
    inside = np.argwhere(model.density.data >= least_density)
    corners = model.density.grid.to_lps(np.array(list(product(*((-0.5, n - 0.5) for n in model.density.grid.shape)))))
    ends = grid.to_index(corners)
    rows = slice(
        int(np.clip(np.floor(ends[:, 0].min()), 0, grid.shape[0] - 1)),
        int(np.clip(np.ceil(ends[:, 0].max()) + 1, 1, grid.shape[0])),
    )
    first, last = 0, grid.shape[1]
    if len(inside):
        box = np.array(list(product(*zip(inside.min(axis=0) - 0.5, inside.max(axis=0) + 0.5, strict=True))))
        depth = grid.to_index(model.density.grid.to_lps(box))[:, 1]
        first = int(np.clip(np.floor(depth.min()), 0, grid.shape[1] - 1))
        last = int(np.clip(np.ceil(depth.max()) + 1, first + 1, grid.shape[1]))
    affine = grid.affine_mm.copy()
    affine[:3, 3] = grid.to_lps((rows.start, first, 0))
    return rows, Grid((rows.stop - rows.start, last - first, grid.shape[2]), affine, grid.frame_of_reference)


def _blurred(images: Array, grid: Grid, resolution_mm: float) -> Array:
    """Return a stack of images, each blurred on its own."""
    from scipy.ndimage import gaussian_filter

    sigma = [0.0, *(resolution_mm / FWHM_PER_SIGMA / grid.spacing_mm[axis] for axis in (0, 2))]
    blurred: Array = gaussian_filter(images, sigma, mode="constant")
    return blurred


def _binned(image: Array, factors: tuple[int, ...]) -> Array:
    rows, columns = (n // factor * factor for n, factor in zip(image.shape, factors, strict=True))
    # The middle stays the middle.
    top, left = (n - kept for n, kept in zip(image.shape, (rows, columns), strict=True))
    cut = image[top // 2 : top // 2 + rows, left // 2 : left // 2 + columns]
    return np.asarray(cut.reshape(rows // factors[0], factors[0], columns // factors[1], factors[1]).mean(axis=(1, 3)))


def _template(projection: Array, row_mm: float) -> Array:
    """Return the projection with pixels that it cannot tell set to NaN: beyond the image and near its ends."""
    shown = np.flatnonzero(projection.max(axis=1) > 0)
    template: Array = np.full(projection.shape, np.nan)
    if len(shown):
        cut = int(load_yaml("planar.yaml")["alignment_end_margin"]["value"] / row_mm)
        first, last = int(shown[0]), int(shown[-1]) + 1
        if last - first > 3 * cut:
            first, last = first + cut, last - cut
        template[first:last] = projection[first:last]
    return template


def _correlations(image: Array, template: Array) -> Array:
    """Normalised correlation of a template with an image for every shift; the middle is no shift."""
    from scipy.signal import fftconvolve

    valid = np.isfinite(template)
    count = int(valid.sum())
    if count == 0:
        return np.zeros((2 * image.shape[0] - 1, 2 * image.shape[1] - 1))
    mean = float(template[valid].mean())
    kernel = np.where(valid, template - mean, 0.0)[::-1, ::-1]
    mask = valid.astype(float)[::-1, ::-1]
    product = fftconvolve(image, kernel)
    sums, squares = fftconvolve(image, mask), fftconvolve(image**2, mask)
    spread = np.sqrt(np.maximum(squares - sums**2 / count, 0)) * float(np.sqrt((kernel**2).sum()))
    floor = 1e-9 * max(float(spread.max()), 1e-300)
    correlation: Array = np.where(spread > floor, product / np.maximum(spread, floor), 0.0)
    return correlation


def _peak_offset(line: Array, at: int) -> float:
    """Offset of the top of a parabola through a largest value and its neighbours."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, top, after = (float(value) for value in line[at - 1 : at + 2])
    curvature = before - 2 * top + after
    return 0.0 if curvature >= 0 else 0.5 * (before - after) / curvature
