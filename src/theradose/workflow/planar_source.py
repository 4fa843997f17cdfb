"""Counts of a calibration source in planar views: its region, the background, and what it takes from itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.model.calibration import SourceGeometry
from theradose.model.finding import Finding
from theradose.model.planar import SourceViews
from theradose.quantify.attenuation import mass_attenuation
from theradose.quantify.conjugate_view import NetCounts, RegionCounts, net_counts, slab_transmission
from theradose.quantify.scatter_windows import PrimaryCounts
from theradose.quantify.volume import equivalent_diameter_mm
from theradose.spatial.planar_regions import ring_around
from theradose.spatial.source_region import Axis, bright_part, grown_by_half_a_voxel

# The surface lies anywhere within half a pixel of where it was drawn: half-width over the root of three.
_RECTANGULAR = math.sqrt(3)
_MM_PER_CM = 10.0
# The views look along this LPS axis.
_VIEW_AXIS: Axis = "y"
_WITHOUT_THICKNESS = ("point", "tube")


@dataclass(frozen=True, slots=True, eq=False)
class EmptyView:
    """The same view without source, and the exposure of the source over that of the empty view."""

    counts: PrimaryCounts
    exposure_ratio: float


@dataclass(frozen=True, slots=True)
class CountedView:
    """Net counts of a source in one view.

    Attributes
    ----------
    counts, variance : float
        Without scatter and background.
    u_surface : float
        Standard uncertainty for a surface of the region within half a pixel.
    outside, u_outside : float
        Net counts elsewhere in the view and their standard uncertainty; 0 if the whole view was summed.
    with_background : bool
        Whether a background was subtracted.
    words : str
        The region.
    """

    counts: float
    variance: float
    u_surface: float
    outside: float
    u_outside: float
    with_background: bool
    words: str


def count_view(
    view: PrimaryCounts,
    *,
    threshold: float | None,
    spacing_mm: tuple[float, float],
    empty: EmptyView | None,
    name: str,
) -> CountedView:
    """Return the net counts of a source in one view.

    Parameters
    ----------
    view : PrimaryCounts
        Unscattered counts, shape (rows, columns).
    threshold : float or None
        Part of the brightest above which the source is summed, with a ring beside it as background unless an empty view
        is given; ``None`` sums the whole view.
    spacing_mm : tuple of float
        Size of a pixel (row, column).
    empty : EmptyView or None
        The same view without source.
    name : str
        Of the image, for refusals.

    Raises
    ------
    CalibrationError
        ``source-no-counts`` or ``negative-net-counts``.
    """
    mask = np.ones(view.primary.shape, bool) if threshold is None else bright_part(view.primary, threshold)
    if not mask.any():
        raise CalibrationError(f"'{name}' holds no counts: give the image of the source.", code="source-no-counts")
    ring = _ring(mask, spacing_mm) if threshold is not None and empty is None else None

    def region(weights: Array) -> RegionCounts:
        return _weighted(view, weights)

    def background(weights: Array) -> RegionCounts | None:
        if empty is not None:
            beside = _weighted(empty.counts, weights)
            ratio = empty.exposure_ratio
            return RegionCounts(beside.counts * ratio, beside.variance * ratio**2, beside.pixels)
        return None if ring is None else _weighted(view, ring.astype(float))

    def net(weights: Array) -> NetCounts:
        return net_counts(region(weights), background(weights), fraction=1.0, name=name, fraction_relative_u=0.0)

    counts, variance, _ = net(mask.astype(float))
    words = "whole image" if threshold is None else f"pixels above {100 * threshold:g} % of the brightest"
    beside = "image without source" if empty is not None else "ring beside it" if ring is not None else "no"
    words = f"{words}, {beside} as background"
    if threshold is None:
        return CountedView(counts, variance, 0.0, 0.0, 0.0, empty is not None, words)
    outer, inner = (net(grown_by_half_a_voxel(mask, outwards=outwards)).counts for outwards in (True, False))
    rest = (~mask).astype(float)
    outside, taken = region(rest), background(rest)
    scale = 0.0 if taken is None else outside.pixels / taken.pixels
    elsewhere = outside.counts - (0.0 if taken is None else scale * taken.counts)
    u_elsewhere = math.sqrt(outside.variance + (0.0 if taken is None else scale**2 * taken.variance))
    surface = abs(outer - inner) / 2 / _RECTANGULAR
    return CountedView(counts, variance, surface, elsewhere, u_elsewhere, beside != "no", words)


def outside_findings(views: list[CountedView]) -> tuple[Finding, ...]:
    """Return whether counts of the source lie outside its region, more than counting explains."""
    limits = load_yaml("calibration.yaml")["counts_outside"]
    share = sum(view.outside for view in views) / sum(view.counts for view in views)
    clear = all(abs(view.outside) > 3 * view.u_outside for view in views)
    if abs(share) <= limits["value"] or not clear:
        return ()
    message = (
        f"{share:.1%} of the counts of the source lie outside its region: lower --threshold, sum the whole image, or "
        "find out where they come from."
    )
    return (Finding("source-counts-outside", "warning", message),)


def views_alike(views: SourceViews, others: SourceViews) -> bool:
    """Return whether two acquisitions have the same views, windows and pixels."""
    return (
        len(views.views) == len(others.views)
        and views.windows == others.windows
        and views.spacing_mm == others.spacing_mm
        and all(one.counts.shape == two.counts.shape for one, two in zip(views.views, others.views, strict=True))
    )


def lost_in_source(
    geometry: SourceGeometry, axis: Axis, *, energy_kev: float
) -> tuple[float, float, tuple[Finding, ...]]:
    """Return the part of the photons that leaves the source towards a view, its relative uncertainty, and findings.

    A large field, and a cylinder along the view, is a slab of water. Where the thickness along the view is not known,
    nothing is corrected and a finding says how much it may be.

    References
    ----------
    [Siegel1999]_
    """
    if geometry.shape in _WITHOUT_THICKNESS:
        return 1.0, 0.0, ()
    flat = geometry.shape == "large-field" or (geometry.shape == "cylinder" and axis == _VIEW_AXIS)
    thickness_mm = geometry.height_mm if flat else None
    if thickness_mm is not None:
        transmission = _transmission(thickness_mm, energy_kev)
        share = load_number("calibration.yaml", "source_attenuation_u")
        message = (
            f"The source takes {1 - transmission:.1%} of its photons itself in {thickness_mm:g} mm of water, which was "
            "corrected."
        )
        info = Finding("planar-source-attenuation", "info", message)
        return transmission, share * (1 - transmission) / transmission, (info,)
    across = None if flat else geometry.diameter_mm
    sizes = [size for size in (across, geometry.height_mm) if size is not None]
    if geometry.volume_ml is not None and geometry.shape == "sphere":
        sizes.append(equivalent_diameter_mm(geometry.volume_ml))
    most = f" (about {1 - _transmission(min(sizes), energy_kev):.1%} in {min(sizes):.3g} mm of water)" if sizes else ""
    message = (
        f"What a {geometry.words()} takes of its photons itself was not corrected{most}, so that the factor is too "
        "low: take a thin source, or give a flat one as a cylinder with --height and --axis y."
    )
    return 1.0, 0.0, (Finding("planar-source-attenuation", "warning", message),)


def _transmission(thickness_mm: float, energy_kev: float) -> float:
    water_per_cm = mass_attenuation(energy_kev=energy_kev).value
    return slab_transmission(attenuation_per_cm=water_per_cm, thickness_cm=thickness_mm / _MM_PER_CM)


def _ring(mask: Array, spacing_mm: tuple[float, float]) -> Array | None:
    ring = ring_around(mask, spacing_mm=spacing_mm)
    return ring if int(ring.sum()) >= load_yaml("planar.yaml")["background_pixels"]["value"] else None


def _weighted(view: PrimaryCounts, weights: Array) -> RegionCounts:
    return RegionCounts(
        float((view.primary * weights).sum(dtype=np.float64)),
        float((view.variance * weights**2).sum(dtype=np.float64)),
        float(weights.sum()),
    )
