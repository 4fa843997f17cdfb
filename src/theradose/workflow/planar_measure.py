"""Measuring one region on one planar pair, on its projection or where the study draws it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from theradose.acquire.labels import is_label_image
from theradose.data import load_number
from theradose.errors import StudyError
from theradose.formats.nifti import is_nifti, read_nifti
from theradose.model.arrays import Array
from theradose.model.planar import PlanarAlignment, PlanarPair, PlanarRegion
from theradose.model.study import BackgroundMethod, PlanarRoi
from theradose.quantify.conjugate_view import (
    NetCounts,
    activity_in_air,
    background_fraction,
    geometric_mean_rate,
    net_counts,
    rate_in_air,
    self_attenuation_factor,
)
from theradose.quantify.planar_images import PrimaryImages
from theradose.spatial.planar_regions import PlanarOutline, ring_around
from theradose.spatial.planar_shares import (
    background_fractions,
    captured_share,
    field_share,
    overlap_share,
    transmission_under,
)
from theradose.spatial.polygons import coverage
from theradose.spatial.projection import ProjectedRegions
from theradose.uncertainty import Uncertain
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
    sensitivity: Uncertain | None,
) -> PlanarRegion:
    """Return the net count rate of a region.

    Parameters
    ----------
    name : str
        Region.
    outline : PlanarOutline
        Where it is projected to.
    images : PrimaryImages
        Planar counts.
    projected : ProjectedRegions
        SPECT/CT on the same pixels.
    method : str
        Background.
    source : str
        Name of the counting uncertainty.
    sensitivity : Uncertain or None
        Of one view in air, cps/MBq, if it is known.

    Raises
    ------
    CalibrationError
        ``negative-net-counts``.
    """
    ring = outline.ring if method != "none" else np.zeros(outline.ring.shape, bool)
    if not ring.any():
        method = "none"
    fractions = background_fractions(name, outline.mask, ring, projected, method)
    inside = images.region(outline.mask)
    nets = _nets(name, outline.mask, ring, images, fractions)
    rate = geometric_mean_rate(anterior=nets[0], posterior=nets[1], exposure_s=images.exposure_s, source=source)
    gross = _geometric_mean([view.counts for view in inside]) / images.exposure_s
    net = math.sqrt(nets[0][0] * nets[1][0]) / images.exposure_s
    rate = rate * (images.factor / captured_share(name, outline.mask, ring, projected, fractions))
    return PlanarRegion(
        region=name,
        rate=rate,
        gross_cps=gross * images.factor,
        background_cps=max(gross - net, 0.0) * images.factor,
        overlap=overlap_share(name, outline.mask, ring, projected, fractions),
        area_share=outline.area_share,
        covered_share=outline.covered_share,
        mask=outline.mask,
        background=ring,
        method=method,
        activity_mbq=None
        if sensitivity is None
        else activity_in_air(rate_cps=rate, sensitivity_cps_per_mbq=sensitivity),
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
    rate = rate * images.factor
    return PlanarRegion(
        name,
        rate / field_share(name, mask, projected),
        rate.value,
        0.0,
        None,
        1.0,
        0.0,
        mask,
        np.zeros(mask.shape, bool),
        "none",
    )


def measure_drawn(
    case: Case,
    roi: PlanarRoi,
    images: PrimaryImages,
    projected: ProjectedRegions,
    drawings: Mapping[str, RoiDrawing],
    timepoint: str,
    *,
    water_per_cm: float,
    sensitivity: Uncertain | None,
) -> PlanarRegion:
    """Return rate and activity of a region that is on planar images only, by the conjugate view.

    The transmission of the body is stated, or follows from its stated thickness, or from the CT under the region.

    Raises
    ------
    CalibrationError
        ``negative-net-counts``; ``background-method`` for ``spect``, which needs the region on the SPECT.
    """
    name = roi.region
    empty = np.zeros(projected.body_cm.shape, bool)
    outline = drawn_roi(case, roi, PlanarOutline(empty, empty, 1.0, 0.0), drawings, timepoint)
    method = roi.background or ("adjacent" if case.study.planar.background in (None, "spect") else
                                case.study.planar.background)  # fmt: skip
    ring = outline.ring if method != "none" else empty
    transmission, body_cm = _body(roi, outline.mask, projected, water_per_cm)
    thickness_cm = (roi.thickness or 0.0) / 10
    fraction = 1.0
    if method == "whole-organ":
        if not thickness_cm or not body_cm:
            raise StudyError(
                f"The background 'whole-organ' of '{name}' needs the thickness of the region and of the body: add "
                "'thickness: … mm' and 'body_thickness: … mm' to the planar region.",
                code="background-method",
            )
        fraction = background_fraction(thickness_cm=thickness_cm, body_thickness_cm=body_cm)
    elif method == "spect":
        raise StudyError(
            f"The background 'spect' of '{name}' needs the region on the SPECT/CT: choose 'adjacent' or 'whole-organ'.",
            code="background-method",
        )
    nets = _nets(name, outline.mask, ring, images, (fraction, fraction))
    rate = geometric_mean_rate(
        anterior=nets[0], posterior=nets[1], exposure_s=images.exposure_s, source=f"planar:{name}:{timepoint}"
    )
    counted = rate * images.factor
    shape = self_attenuation_factor(attenuation_per_cm=water_per_cm, thickness_cm=thickness_cm)
    in_air = rate_in_air(rate_cps=counted, transmission=transmission, self_attenuation=shape)
    activity = None if sensitivity is None else activity_in_air(rate_cps=in_air, sensitivity_cps_per_mbq=sensitivity)
    gross = _geometric_mean([view.counts for view in images.region(outline.mask)]) / images.exposure_s
    return PlanarRegion(
        region=name,
        rate=in_air,
        gross_cps=gross * images.factor,
        background_cps=max(gross - rate.value, 0.0) * images.factor,
        overlap=None,
        area_share=1.0,
        covered_share=0.0,
        mask=outline.mask,
        background=ring,
        method=method,
        activity_mbq=activity,
    )


def _body(roi: PlanarRoi, mask: Array, projected: ProjectedRegions, water_per_cm: float) -> tuple[Uncertain, float]:
    """Return e^(−μT) and the thickness of the body under a region, cm; how well μT is known nobody states."""
    body_cm = (roi.body_thickness or 0.0) / 10 or float(projected.body_cm[mask].mean())
    transmission = roi.transmission
    if transmission is None and roi.body_thickness is not None:
        transmission = math.exp(-water_per_cm * body_cm)
    elif transmission is None:
        transmission = transmission_under(mask, projected)
    if transmission is None:
        raise StudyError(
            f"The planar region '{roi.region}' reaches beyond the CT, so that its attenuation is not known: add "
            "'transmission: …' or 'body_thickness: … mm' to it.",
            code="attenuation-missing",
        )
    return Uncertain.relative(transmission, {f"attenuation:{roi.region}": None}), body_cm


def drawn_roi(
    case: Case, roi: PlanarRoi, outline: PlanarOutline, drawings: Mapping[str, RoiDrawing], timepoint: str
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


def _nets(
    name: str, mask: Array, ring: Array, images: PrimaryImages, fractions: tuple[float, float]
) -> list[NetCounts]:
    """Return the net counts of both views."""
    relative_u = load_number("planar.yaml", "background_u")
    return [
        net_counts(
            view, background if background.pixels else None, fraction=fraction, name=name,
            fraction_relative_u=relative_u,
        )
        for view, background, fraction in zip(images.region(mask), images.region(ring), fractions, strict=True)
    ]  # fmt: skip


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
