"""The volume of spongiosa in which marrow dose is measured: vertebrae without cortex, metal, cement and lesions.

Each vertebra is eroded on the voxels of the CT, so that neighbours which touch in a label image lose their end plates
too; its largest part is the vertebral body. What was taken away, and why, is part of the result.

References
----------
[Vallot2024]_ The union of the trabecular parts of L2 to L4 as one volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.transform import RigidTransform
from theradose.provenance import package_version
from theradose.spatial.density import hu_density_table
from theradose.spatial.drafting import Box, in_box
from theradose.spatial.resample import box_grid, resample_segmentation, resample_volume

MARROW_VOLUME = "marrow-voi"
"""Name of the volume, and of its curve, in budgets, findings and overrides."""

_DATA = "marrow_image.yaml"
# Room around the vertebrae, so that a lesion beside them is seen.
_SURROUNDINGS_MM = 5.0


@dataclass(frozen=True, slots=True)
class SpongiosaRules:
    """What belongs to the volume.

    Attributes
    ----------
    margin_mm : float
        Distance from the surface of a vertebra; 0 takes the outline as it is.
    hu_window : tuple of float
        Lowest and highest CT number.
    lesion_margin_mm : float
        Distance from any lesion.
    """

    margin_mm: float
    hu_window: tuple[float, float]
    lesion_margin_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class MarrowVolume:
    """Spongiosa of some vertebrae.

    Attributes
    ----------
    segmentation : Segmentation
        One region, ``marrow-voi``, on a box of the grid on which it was drawn.
    outlined : Segmentation
        The vertebrae on the same box.
    outlined_ml : float
        Volume of the vertebrae.
    excluded_ml : mapping of str to float
        What was taken away: ``margin``, ``processes``, ``lesions``, ``below-window``, ``above-window``.
    density_g_per_ml : float or None
        Mean density by CT; ``None`` without one.
    """

    segmentation: Segmentation
    outlined: Segmentation
    outlined_ml: float
    excluded_ml: Mapping[str, float]
    density_g_per_ml: float | None

    @property
    def volume_ml(self) -> float:
        """Volume of the spongiosa."""
        return self.segmentation.volume_ml(MARROW_VOLUME)


def spongiosa_rules(
    *,
    margin_mm: float | None = None,
    hu_window: tuple[float, float] | None = None,
    lesion_margin_mm: float | None = None,
) -> SpongiosaRules:
    """Return the rules, packaged where nothing is stated.

    Raises
    ------
    GeometryError
        For an empty window or a negative margin.
    """
    data = load_yaml(_DATA)
    low, high = hu_window or (float(data["lowest_hu"]["value"]), float(data["highest_hu"]["value"]))
    margin = float(data["cortex_margin"]["value"]) if margin_mm is None else margin_mm
    apart = float(data["lesion_margin"]["value"]) if lesion_margin_mm is None else lesion_margin_mm
    if not low < high:
        raise GeometryError(
            f"The HU window of the marrow from {low:g} to {high:g} is empty: give the lower number first.",
            code="marrow-window",
        )
    if margin < 0 or apart < 0:
        raise GeometryError("A margin of the marrow volume is negative: give 0 mm or more.", code="marrow-margin")
    return SpongiosaRules(margin, (low, high), apart)


def draw_marrow(
    vertebrae: Segmentation, *, lesions: Segmentation, ct: Volume | None, rules: SpongiosaRules
) -> tuple[MarrowVolume, tuple[Finding, ...]]:
    """Return the spongiosa of vertebrae.

    Parameters
    ----------
    vertebrae : Segmentation
        The vertebrae, or an outlined volume of spongiosa, and nothing else.
    lesions : Segmentation
        Lesions to keep away from, on any grid of the same space.
    ct : Volume or None
        HU in the same space; the volume is then drawn on its voxels.
    rules : SpongiosaRules
        Margins and window.

    Returns
    -------
    MarrowVolume
        The volume, with what was excluded.
    tuple of Finding
        ``marrow-volume`` with the shares, ``marrow-volume-small``, ``marrow-lesions-excluded``,
        ``marrow-hu-excluded``, ``marrow-window-unused`` without CT.

    Raises
    ------
    GeometryError
        ``marrow-volume-too-small`` if less is left than can be measured.

    References
    ----------
    [Vallot2024]_
    """
    room_mm = _SURROUNDINGS_MM + rules.lesion_margin_mm
    grid = _box_around(vertebrae, vertebrae.grid if ct is None else ct.grid, room_mm)
    outlined = resample_segmentation(vertebrae, grid)
    hu = None if ct is None else resample_volume(ct, grid).data
    bones = [_full(grid, voxels) >= 0.5 for voxels in outlined.voxels]
    union = np.any(bones, axis=0)
    deep = np.any([_depth_mm(bone, grid) > rules.margin_mm for bone in bones], axis=0) & union
    bodies = np.any([_largest_part(bone & deep) for bone in bones], axis=0) if rules.margin_mm > 0 else deep
    clear = bodies & ~_near_lesions(lesions, grid, rules.lesion_margin_mm)
    kept = clear
    below = above = np.zeros(grid.shape, bool)
    if hu is not None:
        below, above = clear & (hu < rules.hu_window[0]), clear & (hu > rules.hu_window[1])
        kept = clear & ~below & ~above
    excluded = {
        "margin": union & ~deep,
        "processes": deep & ~bodies,
        "lesions": bodies & ~clear,
        "below-window": below,
        "above-window": above,
    }
    excluded_ml = {reason: float(mask.sum()) * grid.voxel_volume_ml for reason, mask in excluded.items()}
    outlined_ml = float(union.sum()) * grid.voxel_volume_ml
    volume_ml = float(kept.sum()) * grid.voxel_volume_ml
    names = ", ".join(vertebrae.names)
    smallest_ml = load_number(_DATA, "smallest_volume")
    if volume_ml < smallest_ml:
        raise GeometryError(
            f"Only {volume_ml:.3g} mL of spongiosa are left of {outlined_ml:.4g} mL of {names} "
            f"({_shares(excluded_ml, outlined_ml)}); at least {smallest_ml:g} mL are needed: outline more vertebrae or "
            "state a smaller margin.",
            code="marrow-volume-too-small",
        )
    region = Region(
        MARROW_VOLUME,
        RegionKind.OTHER,
        drafted_by=f"theradose {package_version()}",
        method=f"spongiosa:{'+'.join(vertebrae.names)}",
    )
    density = None if ct is None or hu is None else float(hu_density_table().density_of(hu[kept][None]).mean())
    drawn = Segmentation(grid, (region,), (RegionVoxels.from_mask(kept),))
    result = MarrowVolume(drawn, outlined, outlined_ml, MappingProxyType(excluded_ml), density)
    return result, _findings(result, names, windowed=ct is not None, rules=rules)


def weighted_marrow(
    volume: MarrowVolume, marrow_map: Volume, *, ct: Volume | None, transform: RigidTransform
) -> tuple[MarrowVolume, tuple[Finding, ...]]:
    """Weight the voxels of a volume by an image of active marrow.

    A voxel counts by its share of the map's sum inside the volume: means over the volume become means over the active
    marrow. Only the ratios of the map's values matter, not their unit.

    Parameters
    ----------
    volume : MarrowVolume
        Drawn by `draw_marrow`.
    marrow_map : Volume
        Image of a tracer that active marrow takes up, on any grid.
    ct : Volume or None
        For the density with the same weights.
    transform : RigidTransform
        From the space of `volume` to that of the map.

    Returns
    -------
    MarrowVolume
        Its voxels are fractions; the largest is 1.
    tuple of Finding
        ``marrow-weighted``.

    Raises
    ------
    GeometryError
        ``marrow-map-outside`` if the map does not cover the volume, ``marrow-map-empty`` if it shows nothing there.

    References
    ----------
    [Gosewisch2019]_ Marrow located by a second tracer.
    """
    grid = volume.segmentation.grid
    inside = _full(grid, volume.segmentation.voxels_of(MARROW_VOLUME))
    values = resample_volume(marrow_map, grid, transform=transform, fill=np.nan).data
    if np.isnan(values[inside > 0]).any():
        raise GeometryError(
            "The map of active marrow does not cover the marrow volume: give one that does, or a transform to it.",
            code="marrow-map-outside",
        )
    weights = np.where(inside > 0, np.maximum(values, 0.0), 0.0) * inside
    if not weights.any():
        raise GeometryError(
            "The map of active marrow shows nothing in the marrow volume: check the map and its alignment.",
            code="marrow-map-empty",
        )
    weights /= weights.max()
    region = volume.segmentation.regions[0]
    drawn = Segmentation(grid, (region,), (RegionVoxels.from_mask(weights.astype(np.float32)),))
    density = None
    if ct is not None:
        rho = hu_density_table().density_of(resample_volume(ct, grid).data)
        density = float((rho * weights).sum(dtype=np.float64) / weights.sum(dtype=np.float64))
    # Kish's number of equal weights: how many of the voxels the weighted mean really rests on.
    effective = float(weights.sum() ** 2 / (weights**2).sum() / inside.sum())
    finding = Finding(
        "marrow-weighted",
        "info",
        f"The marrow volume is weighted by a map of active marrow; the mean rests on {effective:.0%} of its voxels.",
        MARROW_VOLUME,
    )
    return MarrowVolume(drawn, volume.outlined, volume.outlined_ml, volume.excluded_ml, density), (finding,)


def _box_around(vertebrae: Segmentation, grid: Grid, room_mm: float) -> Grid:
    """Return the box of `grid` that holds all regions and some room, cut to the grid."""
    corners = []
    for voxels in vertebrae.voxels:
        if voxels.fraction.size:
            first = np.array(voxels.origin)
            ends = np.stack([first - 0.5, first + np.array(voxels.fraction.shape) - 0.5])
            corners += [vertebrae.grid.to_lps(ends[list(pick), range(3)]) for pick in np.ndindex(2, 2, 2)]
    if not corners:
        raise GeometryError(
            f"{', '.join(vertebrae.names)} hold no voxel, so that there is no marrow volume: outline the vertebrae.",
            code="marrow-volume-too-small",
        )
    index = grid.to_index(np.array(corners))
    room = room_mm / np.array(grid.spacing_mm)
    first = np.clip(np.floor(index.min(axis=0) - room), 0, np.array(grid.shape) - 1).astype(int)
    last = np.clip(np.ceil(index.max(axis=0) + room), first, np.array(grid.shape) - 1).astype(int)
    z, y, x = (int(start) for start in first)
    return box_grid(grid, (z, y, x), tuple(int(n) for n in last - first + 1))


def _full(grid: Grid, voxels: RegionVoxels) -> Array:
    nz, ny, nx = grid.shape
    box: Box = (slice(0, nz), slice(0, ny), slice(0, nx))
    return in_box(voxels, box)


def _depth_mm(mask: Array, grid: Grid) -> Array:
    """Return the distance of each voxel's centre from the nearest voxel outside; the edge of the box is outside."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(mask, 1), sampling=grid.spacing_mm)
    inner: Array = depth[1:-1, 1:-1, 1:-1]
    return inner


def _largest_part(mask: Array) -> Array:
    from scipy.ndimage import label

    labels, count = label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _near_lesions(lesions: Segmentation, grid: Grid, margin_mm: float) -> Array:
    from scipy.ndimage import distance_transform_edt

    touched = np.zeros(grid.shape, bool)
    for voxels in resample_segmentation(lesions, grid).voxels:
        touched |= _full(grid, voxels) > 0
    if not touched.any():
        return touched
    near: Array = distance_transform_edt(~touched, sampling=grid.spacing_mm) <= margin_mm
    return near


def _findings(volume: MarrowVolume, names: str, *, windowed: bool, rules: SpongiosaRules) -> tuple[Finding, ...]:
    data, excluded = load_yaml(_DATA), volume.excluded_ml
    findings = [Finding(
        "marrow-volume", "info",
        f"The marrow volume is {volume.volume_ml:.4g} mL of the {volume.outlined_ml:.4g} mL of {names}; taken away: "
        f"{_shares(excluded, volume.outlined_ml)}.", MARROW_VOLUME)]  # fmt: skip
    if volume.volume_ml < data["small_volume"]["value"]:
        findings.append(Finding(
            "marrow-volume-small", "warning",
            f"The marrow volume of {volume.volume_ml:.3g} mL is small: noise and activity from its surroundings weigh "
            "much.", MARROW_VOLUME))  # fmt: skip
    if excluded["lesions"] > 0:
        much = excluded["lesions"] > data["excluded_by_lesions"]["value"] * (excluded["lesions"] + volume.volume_ml)
        findings.append(Finding(
            "marrow-lesions-excluded", "warning" if much else "info",
            f"Lesions and {rules.lesion_margin_mm:g} mm around them take {excluded['lesions']:.3g} mL out of the "
            "marrow volume: the rest may hold unseen disease, and the dose of the marrow near them is higher.",
            MARROW_VOLUME))  # fmt: skip
    outside = excluded["below-window"] + excluded["above-window"]
    if outside > data["excluded_by_hu"]["value"] * (outside + volume.volume_ml):
        findings.append(Finding(
            "marrow-hu-excluded", "warning",
            f"{outside:.3g} mL inside the vertebrae lie outside {rules.hu_window[0]:g} to {rules.hu_window[1]:g} HU: "
            "check for metal, cement, sclerosis, or a wrong outline.", MARROW_VOLUME))  # fmt: skip
    if not windowed:
        findings.append(Finding(
            "marrow-window-unused", "warning",
            "There is no CT where the vertebrae are outlined: metal, cement and sclerosis were not looked for, and the "
            "margin is one of emission voxels.", MARROW_VOLUME))  # fmt: skip
    return tuple(findings)


def _shares(excluded_ml: Mapping[str, float], outlined_ml: float) -> str:
    parts = [f"{reason} {ml / outlined_ml:.1%}" for reason, ml in excluded_ml.items() if ml > 0]
    return ", ".join(parts) or "nothing"
