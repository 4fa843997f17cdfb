"""Planar time points in the main job: from files to hybrid curves.

The regions of the SPECT/CT are projected onto each planar pair, which is laid over the projected SPECT by a shift. The
net count rates of a region give the shape of its curve, the SPECT its size. A region that planar images cannot tell
from its surroundings keeps its SPECT points, with a finding that says why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from theradose.acquire.planar import load_planar
from theradose.data import load_number, load_yaml
from theradose.dose.local import minimum_tissue_density_g_per_ml
from theradose.errors import CalibrationError, FitError, StudyError, TheradoseError
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid
from theradose.model.planar import PlanarAlignment, PlanarPair, PlanarRegion, PlanarTimepoint
from theradose.model.region import Segmentation
from theradose.model.study import Timepoint
from theradose.quantify.attenuation import mass_attenuation
from theradose.quantify.calibration_use import planar_findings
from theradose.quantify.hybrid import PlanarRate, hybrid_curve
from theradose.quantify.planar_images import PrimaryImages, primary_images
from theradose.quantify.planar_points import FIELDS, eligible_points, planar_rates
from theradose.quantify.times import hours_since
from theradose.spatial.planar_regions import field_masks, outline_region, projected_masks
from theradose.spatial.projection import (
    EmissionModel,
    ProjectedRegions,
    align_planar,
    emission_model,
    planar_grid,
    project_regions,
    whole_model,
)
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case
from theradose.workflow.planar_measure import RoiDrawing, drawn_roi, measure_drawn, measure_field, measure_region
from theradose.workflow.timepoints import LoadedTimepoint, placed


@dataclass(frozen=True, slots=True, eq=False)
class PlanarStudy:
    """The planar time points of a study with what was measured on them.

    Attributes
    ----------
    timepoints : tuple of PlanarTimepoint
        In order of time; empty for a study without planar images.
    scale_t_h : float
        Time of the SPECT that gives the scale.
    measurement_relative_u : float
        Repeatability of one measurement.
    excluded : mapping of str to tuple of str
        Time points that overrides leave out, by region.
    """

    timepoints: tuple[PlanarTimepoint, ...]
    scale_t_h: float
    measurement_relative_u: float
    excluded: Mapping[str, tuple[str, ...]]

    @property
    def times_h(self) -> dict[str, float]:
        """Hours after the start of the administration of each planar time point."""
        return {item.id: item.t_h for item in self.timepoints}

    def extend(self, spect: TimeActivityCurve) -> tuple[TimeActivityCurve, tuple[Finding, ...]]:
        """Return the curve of a region with the planar points that can be used, and why others cannot.

        A curve that planar images cannot complete is returned as it is.
        """
        name = spect.region
        if self.timepoints and not any(name in item.regions for item in self.timepoints):
            return spect, _not_measured(name)
        rates, findings = usable_rates(self, name)
        if not rates:
            return spect, findings
        session_h = load_number("planar.yaml", "same_session")
        try:
            curve, noticed = hybrid_curve(spect, rates, scale_t_h=self.scale_t_h, same_session_h=session_h)
        except FitError as error:
            return spect, (*findings, Finding("planar-not-used", "critical", str(error), name))
        return curve, (*findings, *noticed)


def _not_measured(name: str) -> tuple[Finding, ...]:
    message = (
        f"'{name}' was measured on no planar image: it is neither organ nor lesion, or shows no net counts anywhere; "
        "draw it under 'rois' if it can be told there."
    )
    return (Finding("planar-not-measured", "warning", message, name),)


def usable_rates(planar: PlanarStudy, name: str) -> tuple[list[PlanarRate], tuple[Finding, ...]]:
    """Return the planar rates of a region that can be used, none if it is not eligible, with the reasons."""
    measured = [
        (item, item.regions[name])
        for item in planar.timepoints
        if name in item.regions and item.id not in planar.excluded.get(name, ())
    ]
    if not measured:
        return [], ()
    usable, findings = eligible_points(name, measured, planar.scale_t_h)
    return planar_rates(usable, planar.scale_t_h, planar.measurement_relative_u) if usable else [], findings


def measure_planar(
    case: Case, reference: LoadedTimepoint, segmentation: Segmentation, density: DensityMap
) -> tuple[PlanarStudy, tuple[Finding, ...]]:
    """Measure all regions on all planar time points.

    Parameters
    ----------
    case : Case
        The study.
    reference : LoadedTimepoint
        SPECT/CT whose regions are projected.
    segmentation, density
        Regions and density on its grid.

    Raises
    ------
    TheradoseError
        If a planar image cannot be read or corrected, named by its time point.
    """
    excluded: dict[str, tuple[str, ...]] = {}
    for override in case.study.overrides:
        excluded[override.region] = (*excluded.get(override.region, ()), *override.exclude_timepoints)
    study = PlanarStudy((), reference.activity.t_h, case.measurement_relative_u, excluded)
    if not case.study.planar_timepoints:
        return study, ()
    drawn = {roi.region for roi in case.study.rois}
    model = emission_model(reference.activity, segmentation, density, further=drawn)
    measured, findings = [], []
    for timepoint in case.study.planar_timepoints:
        try:
            item, noticed = _prepare(case, timepoint, model, reference.activity.grid)
        except TheradoseError as error:
            raise type(error)(f"Time point '{timepoint.id}': {error}", code=error.code) from None
        measured.append(item)
        findings += placed(noticed, timepoint.id)
    drawings = {item.timepoint.id: RoiDrawing(item.timepoint.pair, item.timepoint.alignment) for item in measured}
    points = []
    for item in measured:
        regions, noticed = _measure(case, item, segmentation, drawings)
        points.append(replace(item.timepoint, regions=regions))
        findings += noticed
    points.sort(key=lambda point: point.t_h)
    return replace(study, timepoints=tuple(points)), tuple(findings)


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """A planar time point with the projected SPECT/CT on its pixels."""

    timepoint: PlanarTimepoint
    images: PrimaryImages
    projected: ProjectedRegions


def _prepare(case: Case, timepoint: Timepoint, model: EmissionModel, grid: Grid) -> tuple[_Prepared, list[Finding]]:
    choice = case.study.planar
    pair, findings = load_planar(
        case.study_file.resolve(timepoint.planar or ""),
        declaration=timepoint.declare,
        nuclide=case.nuclide.name,
        administration_start=case.start,
        timezone=case.study.timezone,
    )
    calibration = case.study.calibration
    images, corrected = primary_images(
        pair,
        nuclide=case.nuclide,
        method=choice.scatter,
        dew_factor=choice.dew_factor,
        dead_time_us=calibration.dead_time if calibration is not None else None,
        dead_time_model=(calibration.dead_time_model if calibration is not None else None) or "paralysable",
    )
    t_h, timed = hours_since(
        case.start, pair.acquired_at + timedelta(hours=images.delay_h), timezone=case.study.timezone
    )
    if t_h < 0:
        raise StudyError(
            f"The image was acquired {-t_h:.4g} h before the start of the administration: correct one of the times.",
            code="acquired-before-administration",
        )
    noticed = [*findings, *corrected, *timed, *_record_findings(case, pair, images)]
    water = _water_per_cm(case, images)
    resolution = _blur_mm(case)

    def project(part: EmissionModel, shift_mm: tuple[float, float]) -> ProjectedRegions:
        return project_regions(
            part,
            planar_grid(grid, shape=pair.shape, spacing_mm=pair.spacing_mm, shift_mm=shift_mm),
            water_per_cm=water,
            resolution_mm=resolution,
            least_density=minimum_tissue_density_g_per_ml(),
        )

    unmoved = project(whole_model(model), (0.0, 0.0)).total
    alignment, aligned = _align(pair.technique, images, unmoved, pair.spacing_mm)
    noticed += aligned
    item = PlanarTimepoint(
        id=timepoint.id,
        t_h=t_h,
        pair=pair,
        image=images.geometric_mean_cps,
        dead_time_factor=images.dead_time_factor,
        scatter=images.scatter,
        alignment=alignment,
    )
    return _Prepared(item, images, project(model, alignment.shift_mm)), noticed


def _record_findings(case: Case, pair: PlanarPair, images: PrimaryImages) -> tuple[Finding, ...]:
    """Return how a pair fits the record of the camera, if the planar sensitivity is the record's."""
    if case.record is None or not case.record.planar:
        return ()
    return planar_findings(
        case.record.record, pair.equipment, nuclide=case.nuclide.name, acquired_at=pair.acquired_at,
        scatter=images.scatter,
    )  # fmt: skip


def _water_per_cm(case: Case, images: PrimaryImages) -> float:
    """Return the attenuation of water: that of a narrow beam, or the effective one that the study states."""
    choice = case.study.planar
    if choice.beam == "narrow":
        return mass_attenuation(energy_kev=images.energy_kev).value
    if choice.effective_attenuation is None:
        raise CalibrationError(
            "Attenuation of a broad beam needs the effective coefficient that the site measured: add 'planar: {beam: "
            "broad, effective_attenuation: … 1/cm}' to the study, or choose 'beam: narrow' with scatter correction.",
            code="attenuation-missing",
        )
    return choice.effective_attenuation


def _blur_mm(case: Case) -> float:
    """Return what the planar resolution adds to that of the SPECT, which the projected activity has already."""
    planar = case.study.planar.resolution or load_number("planar.yaml", "resolution")
    calibration = case.study.calibration
    spect = (calibration.resolution if calibration is not None else None) or 0.0
    return math.sqrt(max(planar**2 - spect**2, 0.0))


def _align(
    technique: str, images: PrimaryImages, projected: Array, spacing_mm: tuple[float, float]
) -> tuple[PlanarAlignment, list[Finding]]:
    limits = load_yaml("planar.yaml")
    reach = float(limits["alignment_reach"]["value"])
    # A whole-body scan shows the trunk anywhere along its length.
    along = reach if technique == "static" else projected.shape[0] * spacing_mm[0] / 2
    image = images.geometric_mean_cps
    found = align_planar(image, projected, spacing_mm=spacing_mm, reach_mm=(along, reach))
    findings = []
    if found.correlation < limits["alignment_correlation"]["value"]:
        message = (
            f"The planar image and the projected SPECT correlate by {found.correlation:.2f} only after the alignment: "
            "check on the picture that the regions lie where they should."
        )
        findings.append(Finding("planar-alignment-poor", "warning", message))
    used = max(abs(shift) / limit for shift, limit in zip(found.shift_mm, (along, reach), strict=True))
    if used > limits["alignment_end"]["value"]:
        message = f"The alignment ends at its limit ({found.shift_mm[0]:.0f}, {found.shift_mm[1]:.0f} mm): it is wrong."
        findings.append(Finding("planar-alignment-limit", "critical", message))
    flipped = align_planar(image[:, ::-1], projected, spacing_mm=spacing_mm, reach_mm=(along, reach))
    if flipped.correlation - found.correlation > limits["mirror_difference"]["value"]:
        message = (
            f"The planar image fits the SPECT better with left and right exchanged (correlation "
            f"{flipped.correlation:.2f} against {found.correlation:.2f}): check its orientation."
        )
        findings.append(Finding("planar-flipped", "critical", message))
    return found, findings


def _measure(
    case: Case, item: _Prepared, segmentation: Segmentation, drawings: Mapping[str, RoiDrawing]
) -> tuple[dict[str, PlanarRegion], list[Finding]]:
    """Return what each region and the field of view show on one pair; a region without net counts is left out."""
    spacing, images, projected = item.timepoint.pair.spacing_mm, item.images, item.projected
    masks = projected_masks(projected, spacing_mm=spacing)
    regions: dict[str, PlanarRegion] = {}
    findings = []
    choice = case.study.planar
    sensitivity = (
        None if choice.sensitivity is None else Uncertain.relative(choice.sensitivity, {"planar-sensitivity": choice.u})
    )
    for name in masks:
        if not masks[name].any() or segmentation.volume_ml(name) <= 0:
            continue
        roi = next((roi for roi in case.study.rois if roi.region == name), None)
        outline = outline_region(name, masks, projected, spacing_mm=spacing)
        method = choice.background or "spect"
        if roi is not None:
            outline = drawn_roi(case, roi, outline, drawings, item.timepoint.id)
            method = roi.background or method
        try:
            regions[name] = measure_region(
                name,
                outline,
                images,
                projected,
                method=method,
                source=f"planar:{name}:{item.timepoint.id}",
                sensitivity=sensitivity,
            )
        except CalibrationError as error:
            message = f"{error} The point at {item.timepoint.t_h:.4g} h is not used."
            findings.append(Finding("planar-point-excluded", "warning", message, name))
    for roi in case.study.rois:
        if roi.region in masks or roi.region in segmentation.names:
            continue
        try:
            regions[roi.region] = measure_drawn(
                case,
                roi,
                images,
                projected,
                drawings,
                item.timepoint.id,
                water_per_cm=_water_per_cm(case, images),
                sensitivity=sensitivity,
            )
        except CalibrationError as error:
            message = f"{error} The point at {item.timepoint.t_h:.4g} h is not used."
            findings.append(Finding("planar-point-excluded", "warning", message, roi.region))
    for name, mask in zip(FIELDS, field_masks(masks, projected, spacing_mm=spacing), strict=True):
        if mask.any():
            regions[name] = measure_field(name, mask, images, projected, source=f"planar:{name}:{item.timepoint.id}")
    return regions, findings
