"""Regions of interest on planar images: projected from a SPECT/CT, and the background beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array, frozen
from theradose.spatial.projection import ProjectedRegions


@dataclass(frozen=True, slots=True, eq=False)
class PlanarOutline:
    """Where a region is measured on a planar image.

    Attributes
    ----------
    mask, ring : ndarray of bool, shape (rows, columns)
        Region of interest and the background beside it.
    area_share : float
        Part of the projected region that the mask holds.
    covered_share : float
        Part of the projected region's area over which another region lies.
    """

    mask: Array
    ring: Array
    area_share: float
    covered_share: float

    def __post_init__(self) -> None:
        for name in ("mask", "ring"):
            object.__setattr__(self, name, frozen(getattr(self, name), bool))


def projected_masks(projected: ProjectedRegions, *, spacing_mm: tuple[float, float]) -> dict[str, Array]:
    """Return the widened projection of each region, bool."""
    limits = load_yaml("planar.yaml")
    margin, thinnest_cm = limits["margin"]["value"], limits["thinnest_projection"]["value"]
    masks = {}
    for name, thickness in zip(projected.names, projected.thickness_cm, strict=False):
        largest = float(thickness.max(initial=0.0))
        core = thickness >= min(thinnest_cm, largest / 2) if largest > 0 else np.zeros(thickness.shape, bool)
        masks[name] = grown(core, margin, spacing_mm)
    return masks


def outline_region(
    name: str, masks: dict[str, Array], projected: ProjectedRegions, *, spacing_mm: tuple[float, float]
) -> PlanarOutline:
    """Return where a region is measured: on the part of its projection that is free of others, if that is enough.

    The background ring lies around the whole projection and outside all other regions, except those that hold most of
    this one (a lesion in the liver has the liver as background).

    Parameters
    ----------
    name : str
        Region.
    masks : dict of str to ndarray
        From :func:`projected_masks`.
    projected : ProjectedRegions
        On the pixels of the planar image.
    spacing_mm : tuple of float
        Size of a pixel (row, column).
    """
    limits = load_yaml("planar.yaml")
    whole = masks[name]
    counts = projected.anterior[:-1] + projected.posterior[:-1]
    own = counts[projected.position(name)]
    of_regions = counts.sum(axis=0)
    free = whole & (own >= limits["overlap_purity"]["value"] * of_regions)
    area = max(int(whole.sum()), 1)
    share = int(free.sum()) / area
    others = [other for other in masks if other != name]
    covered = whole & np.any([masks[other] for other in others], axis=0) if others else np.zeros(whole.shape, bool)
    mask = free if share >= limits["least_free_area"]["value"] else whole
    return PlanarOutline(
        mask, background_ring(name, masks, projected, spacing_mm=spacing_mm), int(mask.sum()) / area,
        int(covered.sum()) / area,
    )  # fmt: skip


def background_ring(
    name: str, masks: dict[str, Array], projected: ProjectedRegions, *, spacing_mm: tuple[float, float]
) -> Array:
    """Return the background region around a projection, empty if there is no room for one."""
    limits = load_yaml("planar.yaml")
    gap = limits["background_gap"]["value"]
    whole = masks[name]
    ring = ring_around(whole, spacing_mm=spacing_mm) & _in_body(projected)
    area = max(int(whole.sum()), 1)
    for other, mask in masks.items():
        hosts = int((mask & whole).sum()) > limits["host_share"]["value"] * area and int(mask.sum()) > area
        if other != name and not hosts:
            ring = ring & ~grown(mask, gap, spacing_mm)
    enough = int(ring.sum()) >= limits["background_pixels"]["value"]
    return ring if enough else np.zeros(whole.shape, bool)


def ring_around(mask: Array, *, spacing_mm: tuple[float, float]) -> Array:
    """Return the ring beside a mask, with a gap, bool."""
    limits = load_yaml("planar.yaml")
    gap, width = limits["background_gap"]["value"], limits["background_width"]["value"]
    ring: Array = grown(mask, gap + width, spacing_mm) & ~grown(mask, gap, spacing_mm)
    return ring


def grown(mask: Array, margin_mm: float, spacing_mm: tuple[float, float]) -> Array:
    """Return a mask widened by a length."""
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return np.zeros(mask.shape, bool)
    wide: Array = distance_transform_edt(~mask, sampling=spacing_mm) <= margin_mm
    return wide


def field_masks(
    masks: dict[str, Array], projected: ProjectedRegions, *, spacing_mm: tuple[float, float]
) -> tuple[Array, Array]:
    """Return the body in the field of view of the SPECT/CT, and the part of it that lies beside all regions."""
    gap = load_yaml("planar.yaml")["background_gap"]["value"]
    body = _in_body(projected)
    beside = body.copy()
    for mask in masks.values():
        beside &= ~grown(mask, gap, spacing_mm)
    return body, beside


def _in_body(projected: ProjectedRegions) -> Array:
    """Return where the body is thick enough to give counts that can be told from its edge, bool."""
    least_cm = load_yaml("planar.yaml")["least_body"]["value"]
    inside: Array = (projected.body_cm > least_cm) & (projected.total > 0)
    return inside
