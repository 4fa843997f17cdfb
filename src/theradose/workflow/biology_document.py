"""The radiobiological part of a result."""

from __future__ import annotations

from typing import Any

from theradose.biology.rbe import RbeWeightedDose
from theradose.biology.responses import Response
from theradose.dose.dvh import RegionDoses
from theradose.model.result import BedDvhResult, BedResult, ConstantResult, RbeWeightedResult, ResponseResult
from theradose.workflow.document_parts import budget_lines, constant_result, dvh_curve, estimate
from theradose.workflow.outcome import Outcome, RegionBed, RegionMeaning


def meaning_fields(meaning: RegionMeaning) -> dict[str, Any]:
    """Return the fields of a region that say what its dose means; ``None`` where that is not known."""
    bed = meaning.bed
    return {
        "bed_gy": None if bed is None else estimate(bed.bed_gy),
        "eqd2_gy": None if bed is None else estimate(bed.eqd2_gy),
        "bed": None if bed is None else _bed(bed),
        "rbe_weighted": None if meaning.rbe_weighted is None else _rbe_weighted(meaning.rbe_weighted),
        "responses": tuple(_response(model, response) for model, response in meaning.responses.items()),
    }


def constants_of_biology(outcome: Outcome) -> tuple[ConstantResult, ...]:
    """Return the parameters of tissues and response models that were used, each with source and status."""
    meanings = [
        *(region.meaning for region in outcome.regions),
        *(region.meaning for region in outcome.planar_only),
    ]
    tissues = [constant for meaning in meanings if meaning.bed is not None for constant in meaning.bed.tissue.constants]
    responses = [
        constant
        for meaning in meanings
        for response in meaning.responses.values()
        if response.parameters is not None
        for constant in response.parameters.constants
    ]
    return tuple(dict.fromkeys(constant_result(constant) for constant in (*tissues, *responses)))


def _bed(bed: RegionBed) -> BedResult:
    parameters = [constant for constant in (bed.tissue.alpha_beta, bed.tissue.repair_half_life) if constant is not None]
    statuses = {constant.status for constant in parameters}
    return BedResult(
        tissue=bed.tissue.name,
        alpha_beta_gy=estimate(bed.tissue.alpha_beta_gy),
        repair_half_life_h=estimate(bed.tissue.repair_half_life_h),
        lea_catcheside=estimate(bed.g),
        source="; ".join(dict.fromkeys(constant.source for constant in parameters)),
        status="unverified" if "unverified" in statuses else " and ".join(sorted(statuses)),
        origin=bed.tissue.origin,
        kinetics=bed.kinetics,
        not_stated=tuple(sorted(bed.bed_gy.not_stated)),
        budget=budget_lines(bed.bed_gy),
        repopulation_loss_gy=bed.repopulation_loss_gy,
        dvh=None if bed.doses is None else _dvh(bed.doses),
    )


def _dvh(doses: RegionDoses) -> BedDvhResult:
    return BedDvhResult(
        mean_gy=doses.mean_gy,
        d95_gy=doses.dose_to_hottest(0.95),
        d50_gy=doses.dose_to_hottest(0.50),
        d2_gy=doses.dose_to_hottest(0.02),
        curve=dvh_curve(doses.histogram()),
    )


def _rbe_weighted(dose: RbeWeightedDose) -> RbeWeightedResult:
    return RbeWeightedResult(weighted=estimate(dose.weighted), unit=dose.unit, rbe=dose.rbe)


def _response(model: str, response: Response) -> ResponseResult:
    used = response.parameters
    return ResponseResult(
        model=model,
        quantity=response.quantity,
        unit=response.unit,
        value=response.value,
        interval=response.interval,
        reason=response.reason,
        parameters={} if used is None else dict(used.values),
        source=None if used is None else used.source,
        status=None if used is None else used.status,
        origin=None if used is None else used.origin,
    )
