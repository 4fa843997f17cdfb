"""What the doses of the main job mean to the tissues: BED, weighted doses, responses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.biology.lq import bed, eqd2, repopulation_loss, uncertain_lea_catcheside
from theradose.biology.rbe import rbe_weighted_dose
from theradose.biology.responses import DoseDistribution, LesionFacts, Response, ResponseRequest, response_models
from theradose.biology.tissue import EBRT, Tissue, ebrt_finding
from theradose.dose.dvh import RegionDoses
from theradose.kinetics.course import course_of_tia
from theradose.kinetics.voxelwise import RepairRates
from theradose.model.arrays import Array
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap, RegionDose
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.model.study import VOXELWISE, RegionBiology
from theradose.spatial.labels import label_image
from theradose.units import conversion_factor
from theradose.workflow.case import Case
from theradose.workflow.outcome import PlanarOnlyOutcome, RegionBed, RegionMeaning, RegionOutcome
from theradose.workflow.tissues import stated_biology

_OF_REGION = "region"
_ALPHA = "alpha"
_H_PER_D = conversion_factor("d", "h")


@dataclass(frozen=True, slots=True, eq=False)
class VoxelDoses:
    """The dose map with the kinetics of its voxels.

    Attributes
    ----------
    dose : DoseMap
        Of the study's engine.
    segmentation : Segmentation
        On the grid of `dose`.
    g : Volume or None
        Lea-Catcheside factor of single voxels, where they were fitted.
    repair : RepairRates or None
        The rates of repair with which `g` was computed.
    """

    dose: DoseMap
    segmentation: Segmentation
    g: Volume | None = None
    repair: RepairRates | None = None


def repair_rates(segmentation: Segmentation, tissues: Mapping[str, Tissue]) -> RepairRates | None:
    """Return which rate of repair holds in which voxel, or ``None`` if no region has one.

    Where regions overlap a voxel follows the one that keeps it in the label image.
    """
    if not tissues:
        return None
    rates = {name: _repair_rate(tissue) for name, tissue in tissues.items()}
    distinct = sorted(set(rates.values()))
    of_label = [-1, *(distinct.index(rates[name]) if name in rates else -1 for name in segmentation.names)]
    which = np.array(of_label, np.int16)[label_image(segmentation).data]
    return RepairRates(np.array(distinct), which)


def with_meaning(
    case: Case, regions: tuple[RegionOutcome, ...], *, tissues: Mapping[str, Tissue], mapped: VoxelDoses
) -> tuple[tuple[RegionOutcome, ...], tuple[Finding, ...]]:
    """Return the regions with what their doses mean, as far as their tissues are known."""
    completed = []
    findings: list[Finding] = []
    for outcome in regions:
        name, tissue = outcome.region.name, tissues.get(outcome.region.name)
        effective = _region_bed(case, outcome.tia, outcome.dose, tissue, mapped)
        dose_gy, volume_ml = outcome.doses.voxels
        of_bed = None if effective is None or effective.doses is None else effective.doses.voxels
        distribution = DoseDistribution(dose_gy, volume_ml, of_bed)
        meaning, noticed = _meaning(
            case, name, outcome.dose, tissue, effective, distribution, outcome.mass.volume_ml.value
        )
        completed.append(replace(outcome, meaning=meaning))
        findings += noticed
    return tuple(completed), tuple(findings)


def planar_with_meaning(
    case: Case, regions: tuple[PlanarOnlyOutcome, ...], *, tissues: Mapping[str, Tissue]
) -> tuple[tuple[PlanarOnlyOutcome, ...], tuple[Finding, ...]]:
    """Return the regions of planar images with what their doses mean; they have no voxels."""
    completed = []
    findings: list[Finding] = []
    for outcome in regions:
        tissue = tissues.get(outcome.region.name)
        effective = _region_bed(case, outcome.tia, outcome.dose, tissue)
        meaning, noticed = _meaning(case, outcome.region.name, outcome.dose, tissue, effective)
        completed.append(replace(outcome, meaning=meaning))
        findings += noticed
    return tuple(completed), tuple(findings)


def bed_map(regions: Sequence[RegionOutcome], segmentation: Segmentation, dose: DoseMap) -> DoseMap | None:
    """Return the biologically effective dose in Gy of every voxel whose region has one, NaN elsewhere.

    ``None`` if no region has one. Where regions overlap a voxel follows the one that keeps it in the label image.
    """
    beds = {outcome.region.name: outcome.meaning.bed for outcome in regions}
    known = {name: (of.tissue, of.map.data) for name, of in beds.items() if of is not None and of.map is not None}
    if not known:
        return None
    labels = label_image(segmentation).data
    effective = np.full(dose.grid.shape, np.nan, np.float32)
    for number, name in enumerate(segmentation.names, start=1):
        if name in known:
            box = segmentation.voxels_of(name).box
            mine = labels[box] == number
            effective[box][mine] = known[name][1][mine]
    parameters = {name: f"alpha/beta {tissue.alpha_beta_gy.value:g} Gy" for name, (tissue, _) in known.items()}
    return DoseMap(effective, dose.grid, engine=f"BED of {dose.engine}", parameters=parameters)


def _repair_rate(tissue: Tissue) -> float:
    return math.log(2) / tissue.repair_half_life_h.value


def _region_bed(
    case: Case,
    tia: TimeIntegratedActivity,
    dose: RegionDose,
    tissue: Tissue | None,
    mapped: VoxelDoses | None = None,
) -> RegionBed | None:
    """Return the biologically effective dose of a region; ``None`` without parameters, dose, or of alpha particles."""
    if tissue is None or _ALPHA in dose.components or not dose.dose_gy.value > 0:
        return None
    g = uncertain_lea_catcheside(
        course=course_of_tia(tia),
        effective_half_life_h=tia.effective_half_life_h,
        repair_half_life_h=tissue.repair_half_life_h,
    )
    effective = bed(dose_gy=dose.dose_gy, alpha_beta_gy=tissue.alpha_beta_gy, g=g)
    equivalent = eqd2(bed_gy=effective, alpha_beta_gy=tissue.alpha_beta_gy)
    loss = _repopulation_loss(stated_biology(case, dose.region), tissue)
    if mapped is None:
        return RegionBed(
            tissue, g, effective, equivalent, doses=None, kinetics=_OF_REGION, map=None, repopulation_loss_gy=loss
        )
    voxels = mapped.segmentation.voxels_of(dose.region)
    of_map = _voxel_bed(tissue, g.value, voxels, mapped)
    choice = case.study.dose.tia_map
    return RegionBed(
        tissue,
        g,
        effective,
        equivalent,
        doses=RegionDoses(of_map, RegionVoxels((0, 0, 0), voxels.fraction)),
        kinetics=choice.removeprefix(VOXELWISE) if mapped.g is not None else _OF_REGION,
        map=of_map,
        repopulation_loss_gy=loss,
    )


def _repopulation_loss(stated: RegionBiology | None, tissue: Tissue) -> float | None:
    if stated is None or stated.repopulation is None or tissue.alpha is None:
        return None
    regrowth = stated.repopulation
    return repopulation_loss(
        duration_d=regrowth.duration / _H_PER_D,
        delay_d=regrowth.delay / _H_PER_D,
        doubling_d=regrowth.doubling / _H_PER_D,
        alpha_per_gy=tissue.alpha.value,
    )


def _voxel_bed(tissue: Tissue, region_g: float, voxels: RegionVoxels, mapped: VoxelDoses) -> Volume:
    """Return the biologically effective dose in the box of a region.

    A voxel without a fit of its own, or that follows another region's repair, takes the factor of the region.
    """
    factor = np.full(voxels.fraction.shape, region_g, np.float32)
    if mapped.g is not None and mapped.repair is not None:
        rates, of_voxels = mapped.repair.rates_per_h, mapped.g.data[voxels.box]
        same_repair = mapped.repair.which[voxels.box] == int(np.argmin(np.abs(rates - _repair_rate(tissue))))
        fitted = same_repair & np.isfinite(of_voxels)
        factor[fitted] = of_voxels[fitted]
    alpha_beta_gy = tissue.alpha_beta_gy.value
    effective: Array = bed(dose_gy=mapped.dose.data[voxels.box], alpha_beta_gy=alpha_beta_gy, g=factor)
    return Volume(effective.astype(np.float32, copy=False), mapped.dose.grid.crop(voxels.box))


def _meaning(
    case: Case,
    name: str,
    dose: RegionDose,
    tissue: Tissue | None,
    effective: RegionBed | None,
    distribution: DoseDistribution | None = None,
    volume_ml: float | None = None,
) -> tuple[RegionMeaning, tuple[Finding, ...]]:
    stated = stated_biology(case, name) or RegionBiology()
    alpha = dose.components.get(_ALPHA)
    weighted = None
    findings = []
    if alpha is not None and stated.rbe is not None:
        weighted = rbe_weighted_dose(dose_gy=dose.dose_gy, alpha_gy=alpha, rbe=stated.rbe)
    if alpha is not None and tissue is not None:
        findings.append(_no_bed_of_alphas(name))
    if effective is not None:
        findings += _bed_findings(name, effective)
    request = ResponseRequest(
        name,
        dose.dose_gy,
        all_cycles=case.study.biology.dose_covers == "all-cycles",
        distribution=distribution,
        tissue=tissue,
        lesion=LesionFacts(stated.tumour, stated.grade, stated.skeletal, stated.progressing, volume_ml),
        stated=stated.parameters,
    )
    responses = {model: response_models.get(model)(request) for model in stated.models}
    for model, response in responses.items():
        findings += _response_findings(name, model, response)
    return RegionMeaning(effective, weighted, responses), tuple(findings)


def _no_bed_of_alphas(region: str) -> Finding:
    message = (
        "There is no biologically effective dose of alpha particles: the parameters of the tissue are those of "
        "electrons and photons. State 'rbe' under 'biology' for a weighted dose, which is not in Gy."
    )
    return Finding("bed-alpha", "info", message, region)


def _bed_findings(region: str, effective: RegionBed) -> list[Finding]:
    findings = []
    if effective.tissue.origin == EBRT:
        findings.append(ebrt_finding(f"The set of parameters '{effective.tissue.name}'", region))
    sources = {"alpha-beta": "α/β", "repair-half-life": "the repair half-life"}
    absent = [
        what for name, what in sources.items() if f"{name}:{effective.tissue.name}" in effective.bed_gy.not_stated
    ]
    if absent:
        message = (
            f"± of the biologically effective dose is without the uncertainty of {' and '.join(absent)}, which nobody "
            "stated: it is too small."
        )
        findings.append(Finding("bed-u-incomplete", "info", message, region))
    return findings


def _response_findings(region: str, model: str, response: Response) -> list[Finding]:
    findings = list(response.findings)
    if response.reason is not None:
        message = f"The response model '{model}' gives no value: {response.reason}."
        findings.append(Finding("response-not-applicable", "info", message, region))
    return findings
