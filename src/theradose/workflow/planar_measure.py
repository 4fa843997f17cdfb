"""Measuring one region on one planar pair, on its projection or where the study draws it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from theradose.acquire.labels import is_label_image
from theradose.data import load_yaml
from theradose.errors import CalibrationError, StudyError
from theradose.formats.nifti import is_nifti, read_nifti
from theradose.model.arrays import Array
from theradose.model.planar import PlanarAlignment, PlanarPair, PlanarRegion
from theradose.model.study import BackgroundMethod, PlanarRoi
from theradose.quantify.conjugate_view import (
    RegionCounts,
    background_fraction,
    geometric_mean_rate,
    net_counts,
    self_attenuation_factor,
)
from theradose.quantify.planar_images import PrimaryImages
from theradose.spatial.planar_regions import PlanarOutline, ring_around
from theradose.spatial.polygons import coverage
from theradose.spatial.projection import ProjectedRegions
from theradose.workflow.case import Case


@dataclass(frozen=True, slots=True, eq=False)
class RoiDrawing:
    """A planar pair on which regions may be drawn, and how it lies to the SPECT/CT."""

    pair: PlanarPair
    alignment: PlanarAlignment | None


def measure_region(
    name: str,
    outline: PlanarOutline,
    images: PrimaryImages,
    projected: ProjectedRegions,
    *,
    method: BackgroundMethod,
    source: str,
) -> PlanarRegion:
    """Return the net count rate of a region.

    Raises
    ------
    CalibrationError
        ``negative-net-counts``.
    """
    ring = outline.ring if method != "none" else np.zeros(outline.ring.shape, bool)
    if not ring.any():
        method = "none"
    fractions = _background_fractions(name, outline.mask, ring, projected, method)
    inside, beside = images.region(outline.mask), images.region(ring)
    relative_u = float(load_yaml("planar.yaml")["background_u"]["value"])
    nets = [
        net_counts(
            view, background if background.pixels else None, fraction=fraction, name=name,
            fraction_relative_u=relative_u,
        )
        for view, background, fraction in zip(inside, beside, fractions, strict=True)
    ]  # fmt: skip
    rate = geometric_mean_rate(anterior=nets[0], posterior=nets[1], exposure_s=images.exposure_s, source=source)
    gross = _geometric_mean([view.counts for view in inside]) / images.exposure_s
    net = math.sqrt(nets[0][0] * nets[1][0]) / images.exposure_s
    position = projected.position(name)
    weight = np.where(outline.mask, projected.thickness_cm[position], 0.0)
    return PlanarRegion(
        region=name,
        rate=rate * (images.factor * _attenuation_factor(weight, outline.mask, projected, name)),
        gross_cps=gross * images.factor,
        background_cps=max(gross - net, 0.0) * images.factor,
        overlap=_overlap(name, outline.mask, ring, projected, fractions),
        area_share=outline.area_share,
        covered_share=outline.covered_share,
        mask=outline.mask,
        background=ring,
        method=method,
    )


def measure_field(
    name: str, mask: Array, images: PrimaryImages, projected: ProjectedRegions, *, source: str
) -> PlanarRegion:
    """Return the count rate of the body or of a part of it, without background."""
    front, back = images.region(mask)
    rate = geometric_mean_rate(
        anterior=net_counts(front, None, fraction=0.0, name=name, fraction_relative_u=0.0),
        posterior=net_counts(back, None, fraction=0.0, name=name, fraction_relative_u=0.0),
        exposure_s=images.exposure_s,
        source=source,
    )
    transmission = float(np.exp(projected.attenuation[mask] / 2).mean())
    rate = rate * (images.factor * transmission)
    return PlanarRegion(
        name, rate, rate.value / transmission, 0.0, None, 1.0, 0.0, mask, np.zeros(mask.shape, bool), "none"
    )


def drawn_roi(
    case: Case, roi: PlanarRoi, outline: PlanarOutline, drawings: dict[str, RoiDrawing], timepoint: str
) -> PlanarOutline:
    """Return a region that the study draws on one planar image, moved to another with the patient.

    Raises
    ------
    StudyError
        ``roi-timepoint`` if it is drawn on no planar time point, ``roi-outside`` if no pixel lies in it.
    """
    if roi.timepoint not in drawings:
        raise StudyError(
            f"The planar region '{roi.region}' is drawn on '{roi.timepoint}', which is no planar time point: name one "
            f"of {', '.join(drawings)}.",
            code="roi-timepoint",
        )
    home, here = drawings[roi.timepoint], drawings[timepoint]
    if home.pair.spacing_mm != here.pair.spacing_mm or home.pair.shape != here.pair.shape:
        raise StudyError(
            f"The planar region '{roi.region}' is drawn on '{roi.timepoint}', whose pixels differ from those of "
            f"'{timepoint}': draw it there too, or image with one matrix.",
            code="roi-timepoint",
        )
    move = _pixels_moved(home, here)
    mask = _drawn(case, roi, here.pair.shape, move)
    if not mask.any():
        raise StudyError(
            f"The planar region '{roi.region}' holds no pixel of '{timepoint}' with {here.pair.shape[0]} rows and "
            f"{here.pair.shape[1]} columns: correct its pixels (column, row).",
            code="roi-outside",
        )
    background = _polygon_mask(roi.background_polygon, roi.background_rectangle, here.pair.shape, move)
    if background is None:
        background = ring_around(mask, spacing_mm=here.pair.spacing_mm)
    return replace(outline, mask=mask, ring=background & ~mask, area_share=1.0)


def _background_fractions(
    name: str, mask: Array, ring: Array, projected: ProjectedRegions, method: BackgroundMethod
) -> tuple[float, float]:
    """Return the part of the ring's counts that also lies in front of and behind the region, for each view."""
    if method in ("none", "adjacent"):
        return (1.0, 1.0) if method == "adjacent" else (0.0, 0.0)
    position = projected.position(name)
    if method == "whole-organ":
        thickness = float(projected.thickness_cm[position][mask].mean())
        body = max(float(projected.body_cm[mask].mean()), thickness)
        fraction = background_fraction(thickness_cm=thickness, body_thickness_cm=body) if body > 0 else 1.0
        return fraction, fraction
    fractions = []
    for view in (projected.anterior, projected.posterior):
        foreign = float(np.delete(view, position, axis=0)[:, mask].sum()) / int(mask.sum())
        beside = float(view[:, ring].sum()) / int(ring.sum())
        fractions.append(foreign / beside if beside > 0 else 0.0)
    return fractions[0], fractions[1]


def _overlap(
    name: str, mask: Array, ring: Array, projected: ProjectedRegions, fractions: tuple[float, float]
) -> float:
    """Return what other regions add to the net counts, relative to the region's own, by the projected SPECT."""
    position = projected.position(name)
    pixels = int(mask.sum())
    shares = []
    for view, fraction in zip((projected.anterior, projected.posterior), fractions, strict=True):
        others = [number for number in range(len(projected.names) - 1) if number != position]
        own = float(view[position][mask].sum())
        foreign = float(view[others][:, mask].sum())
        if ring.any():
            foreign -= fraction * pixels * float(view[others][:, ring].sum()) / int(ring.sum())
        shares.append(abs(foreign) / own if own > 0 else math.inf)
    return sum(shares) / 2


def _attenuation_factor(weight: Array, mask: Array, projected: ProjectedRegions, name: str) -> float:
    """Return e^(μT/2) f, means over the region of interest weighted by the region's thickness."""
    total = float(weight.sum())
    if total <= 0:
        weight, total = mask.astype(float), float(mask.sum())
    through = float((weight * projected.attenuation).sum()) / total
    body = float((weight * projected.body_cm).sum()) / total
    thickness = float((weight * projected.thickness_cm[projected.position(name)]).sum()) / total
    per_cm = through / body if body > 0 else 0.0
    return math.exp(through / 2) * self_attenuation_factor(attenuation_per_cm=per_cm, thickness_cm=thickness)


def _geometric_mean(counts: list[float]) -> float:
    return math.sqrt(max(counts[0], 0.0) * max(counts[1], 0.0))


def _pixels_moved(home: RoiDrawing, here: RoiDrawing) -> tuple[float, float]:
    """Return by how many rows and columns the patient lies further down and right than where a region was drawn."""
    if home.alignment is None or here.alignment is None:
        return 0.0, 0.0
    head, left = (b - a for a, b in zip(home.alignment.shift_mm, here.alignment.shift_mm, strict=True))
    return -head / here.pair.spacing_mm[0], left / here.pair.spacing_mm[1]


def _drawn(case: Case, roi: PlanarRoi, shape: tuple[int, int], move: tuple[float, float]) -> Array:
    mask = _polygon_mask(roi.polygon, roi.rectangle, shape, move)
    if mask is not None:
        return mask
    path = case.study_file.resolve(roi.image or "")
    if not is_label_image(path) or not is_nifti(path):
        raise StudyError(f"'{path.name}' is no NIfTI label image of one slice: give another.", code="roi-image")
    labels = np.squeeze(read_nifti(path)[0].data)
    if labels.shape != shape:
        raise StudyError(
            f"'{path.name}' has {labels.shape} pixels, but the planar images have {shape} (rows, columns).",
            code="roi-image",
        )
    return np.asarray(np.roll(labels == roi.label, (round(move[0]), round(move[1])), axis=(0, 1)))


def _polygon_mask(
    polygon: tuple[tuple[float, float], ...],
    rectangle: tuple[float, float, float, float] | None,
    shape: tuple[int, int],
    move: tuple[float, float],
) -> Array | None:
    """Return the pixels whose centre lies in a polygon or rectangle, ``None`` if neither is stated."""
    corners = polygon
    if rectangle is not None:
        left, top, right, bottom = rectangle
        corners = ((left - 0.5, top - 0.5), (right + 0.5, top - 0.5), (right + 0.5, bottom + 0.5),
                   (left - 0.5, bottom + 0.5))  # fmt: skip
    if not corners:
        return None
    points = np.array([(row + move[0], column + move[1]) for column, row in corners])
    return np.asarray(coverage([points], origin=(0, 0), shape=shape, fractional=False) > 0)
