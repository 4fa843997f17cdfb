"""From what a run computed to the result document."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.dose.dvh import RegionDoses
from theradose.dose.energy import charged_energy_constants
from theradose.kinetics.evaluate import evaluate_tia
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import RegionDose
from theradose.model.finding import Finding
from theradose.model.region import RegionKind
from theradose.model.result import (
    ConstantResult,
    DvhResult,
    Estimate,
    EvidenceLine,
    FileResult,
    ImageResult,
    RegionResult,
    RegistrationResult,
    Result,
    TumourBurden,
    WholeBodyResult,
)
from theradose.model.study import Study
from theradose.nuclides import load_constant
from theradose.provenance import software_versions
from theradose.report.reporting import reporting_items
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.assemble_readings import (
    constants_of_marrow,
    marrow_result,
    thyroid_result,
    whole_body_result,
)
from theradose.workflow.biology_document import constants_of_biology, meaning_fields
from theradose.workflow.case import Case
from theradose.workflow.cycles import evaluate_cycles
from theradose.workflow.document_parts import budget_lines, constant_result, dvh_curve, estimate, integral_fields
from theradose.workflow.engine_document import cross_check_result, engine_result, finding_results
from theradose.workflow.marrow_image import ImageMarrow
from theradose.workflow.outcome import Outcome, PlanarOnlyOutcome, RegionOutcome, TimepointOutcome
from theradose.workflow.planar_document import planar_results
from theradose.workflow.published import published_findings, published_results
from theradose.workflow.readings import Readings
from theradose.workflow.site_reference import site_position
from theradose.workflow.tia_maps import map_uncertainty


def assemble_result(
    case: Case,
    outcome: Outcome | None,
    readings: Readings,
    marrow: ImageMarrow | None,
    *,
    findings: tuple[Finding, ...],
    run_id: str,
    created: datetime,
    files: tuple[FileResult, ...],
) -> Result:
    """Return the result document of a run; `outcome` is ``None`` if nothing was imaged."""
    field = None if outcome is None else _field_of_view(case, outcome)
    regions = () if outcome is None else _regions(case, outcome)
    marrow_doses = marrow_result(case, readings, marrow)
    compared = (case.study.therapy, regions, marrow_doses)
    result = Result(
        run_id=run_id,
        created=created.astimezone(UTC).isoformat(timespec="seconds"),
        software=software_versions(),
        study=describe_study(case.study)
        if outcome is None
        else {**describe_study(case.study), "protocol": case.protocol.name},
        constants=tuple(
            dict.fromkeys(
                (
                    *_constants(case, imaged=outcome is not None),
                    *constants_of_marrow(readings, marrow, case.nuclide),
                    *(() if outcome is None else constants_of_biology(outcome)),
                )
            )
        ),
        images=() if outcome is None else tuple(_image(timepoint, outcome) for timepoint in outcome.timepoints),
        planar=() if outcome is None else planar_results(outcome.planar),
        regions=regions,
        whole_body=whole_body_result(case, readings) or field,
        field_of_view=field,
        thyroid=thyroid_result(case, readings),
        marrow=marrow_doses,
        dose_engine=None if outcome is None else engine_result(outcome),
        cross_check=None if outcome is None else cross_check_result(outcome),
        tumour_burden=None if outcome is None else _tumour_burden(outcome),
        published=published_results(*compared),
        reporting=(),
        findings=finding_results((*findings, *published_findings(*compared))),
        files=files,
    )
    evaluated = evaluate_cycles(case, result)
    site = site_position(case, result)
    result = result.model_copy(
        update={
            "site": site.results,
            "cycles": evaluated.cycles,
            "limits": evaluated.limits,
            "findings": (*result.findings, *finding_results((*evaluated.findings, *site.findings))),
        }
    )
    return result.model_copy(update={"reporting": reporting_items(result)})


def describe_study(study: Study) -> dict[str, Any]:
    """Return the study as stored in a result: in the units used inside, without identity unless it asks for it."""
    document = study.model_dump(mode="json")
    if not study.report.identify_patient:
        document["patient"].pop("name")
        document["patient"].pop("birth_date")
    described: dict[str, Any] = _without_absolute_paths(document)
    return described


def _without_absolute_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_absolute_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_absolute_paths(item) for item in value]
    if isinstance(value, str) and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def _constants(case: Case, *, imaged: bool) -> tuple[ConstantResult, ...]:
    nuclide = case.nuclide
    physical = [
        constant_result(constant)
        for constant in (nuclide.half_life_h, *charged_energy_constants(nuclide), load_constant("elementary-charge"))
    ]
    if not imaged:
        return tuple(physical)
    assumed = case.protocol.measurement_relative_u
    if case.study.measurement_u is None:
        source, status = assumed.source, assumed.status
    else:
        source, status = "stated in the study", "stated"
    repeatability = ConstantResult(
        name="relative standard uncertainty of one measurement",
        value=case.measurement_relative_u,
        unit="1",
        source=source,
        status=status,
    )
    return (*physical, repeatability)


def _image(timepoint: TimepointOutcome, outcome: Outcome) -> ImageResult:
    activity, record = timepoint.activity, timepoint.record
    return ImageResult(
        timepoint=timepoint.id,
        t_h=activity.t_h,
        modality=record.modality,
        shape=activity.grid.shape,
        spacing_mm=activity.grid.spacing_mm,
        total_activity_mbq=timepoint.check.total_activity_mbq,
        expected_activity_mbq=timepoint.check.expected_activity_mbq,
        fraction_of_expected=timepoint.check.fraction_of_expected,
        unit_found=record.unit_found,
        decay_reference_found=record.decay_reference_found,
        dead_time_factor=record.dead_time_factor,
        registration=None if timepoint.id == outcome.reference_id else _registration(timepoint, outcome),
        assumptions=tuple(
            EvidenceLine(quantity=e.quantity, value=e.value, source=e.source, assumed=e.assumed)
            for e in record.evidence
        ),
    )


def _registration(timepoint: TimepointOutcome, outcome: Outcome) -> RegistrationResult:
    registration = timepoint.registration
    centre = outcome.reference.activity.grid.centre_mm
    # The shift of the middle of the image: the matrix's own last column depends on where a scanner puts its origin.
    x, y, z = (float(value) for value in registration.transform.apply(centre) - centre)
    matrix: Any = registration.transform.matrix.tolist()
    return RegistrationResult(
        method=registration.method,
        translation_mm=(x, y, z),
        rotation_deg=registration.transform.rotation_deg,
        matrix=tuple(map(tuple, matrix)),
        quality={name: float(value) for name, value in registration.quality.items()},
    )


def _regions(case: Case, outcome: Outcome) -> tuple[RegionResult, ...]:
    return (
        *(_region(case, region) for region in outcome.regions),
        *(_planar_only(case, region) for region in outcome.planar_only),
    )


def _region(case: Case, outcome: RegionOutcome) -> RegionResult:
    region, tia, dose = outcome.region, outcome.tia, outcome.dose.dose_gy
    recovery = outcome.quantity.recovery
    return RegionResult(
        name=region.name,
        kind=region.kind.value,
        code=region.code,
        drafted_by=region.drafted_by,
        method=region.method,
        outlined_on=region.outlined_on.value,
        verified_by=region.verified_by,
        volume_ml=estimate(outcome.mass.volume_ml),
        mass_g=estimate(outcome.mass.mass_g),
        density_g_per_ml=outcome.mass.density_g_per_ml,
        recovery=None if recovery is None else estimate(recovery),
        dose_gy=estimate(dose),
        dose_per_activity_gy_gbq=estimate(dose * MBQ_PER_GBQ / case.administered_mbq),
        alpha_gy=_alpha(outcome.dose),
        **meaning_fields(outcome.meaning),
        dvh=_dvh(outcome.doses, estimate(map_uncertainty(case, tia)).u),
        budget=budget_lines(dose),
        **integral_fields(case, tia),
    )


def _planar_only(case: Case, outcome: PlanarOnlyOutcome) -> RegionResult:
    region, dose = outcome.region, outcome.dose.dose_gy
    return RegionResult(
        name=region.name,
        kind=region.kind.value,
        code=region.code,
        drafted_by=region.drafted_by,
        method=region.method,
        verified_by=region.verified_by,
        volume_ml=Estimate(value=None, u=None),
        mass_g=estimate(outcome.mass_g),
        density_g_per_ml=None,
        recovery=None,
        dose_gy=estimate(dose),
        dose_per_activity_gy_gbq=estimate(dose * MBQ_PER_GBQ / case.administered_mbq),
        alpha_gy=_alpha(outcome.dose),
        **meaning_fields(outcome.meaning),
        dvh=None,
        budget=budget_lines(dose),
        **integral_fields(case, outcome.tia),
    )


def _alpha(dose: RegionDose) -> Estimate | None:
    """Return the part of alpha particles and recoils, ``None`` for a nuclide that emits none."""
    alpha = dose.components.get("alpha")
    return None if alpha is None else estimate(alpha)


def _field_of_view(case: Case, outcome: Outcome) -> WholeBodyResult | None:
    if outcome.whole_field is None:
        return None
    return WholeBodyResult(scope="field of view of the images", **integral_fields(case, outcome.whole_field))


def _tumour_burden(outcome: Outcome) -> TumourBurden | None:
    lesions = [region for region in outcome.regions if region.region.kind is RegionKind.LESION]
    if not lesions:
        return None
    segmentation = outcome.reference.segmentation
    union = np.zeros(segmentation.grid.shape, np.float32)
    for lesion in lesions:
        voxels = segmentation.voxels_of(lesion.region.name)
        np.maximum(union[voxels.box], voxels.fraction, out=union[voxels.box])
    return TumourBurden(
        volume_ml=float(union.sum(dtype=np.float64)) * segmentation.grid.voxel_volume_ml,
        activity_mbq=math.fsum(_activity_at(lesion.tia, outcome.reference.activity.t_h) for lesion in lesions),
        lesions=len(lesions),
    )


def _activity_at(tia: TimeIntegratedActivity, t_h: float) -> float:
    """Return the measured activity at `t_h`, or the fitted one where that image was left out of the curve."""
    measured = tia.curve.activity_mbq[tia.curve.t_h == t_h]
    return float(measured[0] if len(measured) else evaluate_tia(tia, np.array([t_h]))[0][0])


def _dvh(doses: RegionDoses, common_relative_u: float | None) -> DvhResult:
    histogram = doses.histogram()
    maximum = float(histogram.dose_gy[-1])
    levels = [level for level in load_yaml("dose.yaml")["reported_doses"]["value"] if level <= maximum]
    return DvhResult(
        common_relative_u=common_relative_u,
        mean_gy=doses.mean_gy,
        d95_gy=doses.dose_to_hottest(0.95),
        d50_gy=doses.dose_to_hottest(0.50),
        d2_gy=doses.dose_to_hottest(0.02),
        volume_fraction_at_gy={f"{level:g}": doses.fraction_at(level) for level in levels},
        curve=dvh_curve(histogram),
    )
