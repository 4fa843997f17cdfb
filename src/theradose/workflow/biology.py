"""What the doses of the main job mean to the tissues: parameters of each region, BED, weighted doses, responses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from theradose.biology.lq import bed, eqd2, uncertain_lea_catcheside
from theradose.biology.rbe import rbe_weighted_dose
from theradose.biology.responses import (
    DoseDistribution,
    LesionFacts,
    Response,
    ResponseRequest,
    response_models,
)
from theradose.biology.tissue import EBRT, Tissue, default_tissue, ebrt_finding, load_tissue
from theradose.dose.dvh import RegionDoses
from theradose.errors import PhysicsError, StudyError
from theradose.kinetics.course import course_of_tia
from theradose.kinetics.voxelwise import RepairRates
from theradose.model.arrays import Array
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap, RegionDose
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.model.study import VOXELWISE, RegionBiology
from theradose.nuclides import Constant
from theradose.spatial.labels import label_image
from theradose.spatial.naming import paired_regions
from theradose.workflow.case import Case
from theradose.workflow.outcome import PlanarOnlyOutcome, RegionBed, RegionMeaning, RegionOutcome

_OF_REGION = "region"


def region_tissues(case: Case, names: Sequence[str]) -> dict[str, Tissue]:
    """Return the radiobiological parameters of the regions that have both α/β and a repair half-life.

    Raises
    ------
    StudyError
        ``biology-incomplete`` where the study states something of a region but not enough, ``biology-unknown`` for a
        set or a model that does not exist.
    """
    tissues = {}
    for name in names:
        stated = _stated(case, name)
        tissue = default_tissue(name) if stated is None else _stated_tissue(name, stated)
        if tissue is not None and tissue.complete:
            tissues[name] = tissue
    return tissues


def repair_rates(segmentation: Segmentation, tissues: Mapping[str, Tissue]) -> RepairRates | None:
    """Return which rate of repair holds in which voxel, or ``None`` if no region has one.

    Where regions overlap a voxel follows the one that keeps it in the label image.
    """
    if not tissues:
        return None
    rates = {name: math.log(2) / tissue.repair_half_life_h.value for name, tissue in tissues.items()}
    distinct = sorted(set(rates.values()))
    of_label = [-1, *(distinct.index(rates[name]) if name in rates else -1 for name in segmentation.names)]
    which = np.array(of_label, np.int16)[label_image(segmentation).data]
    return RepairRates(np.array(distinct), which)


def with_meaning(
    case: Case,
    regions: tuple[RegionOutcome, ...],
    *,
    tissues: Mapping[str, Tissue],
    segmentation: Segmentation,
    dose: DoseMap,
    g: Volume | None,
    repair: RepairRates | None,
) -> tuple[tuple[RegionOutcome, ...], tuple[Finding, ...]]:
    """Return the regions with what their doses mean.

    Parameters
    ----------
    case : Case
        The study.
    regions : tuple of RegionOutcome
        With their doses.
    tissues : mapping of str to Tissue
        Of :func:`region_tissues`.
    segmentation : Segmentation
        On the grid of `dose`.
    dose : DoseMap
        Of the study's engine.
    g : Volume or None
        Lea-Catcheside factor of single voxels, where they were fitted.
    repair : RepairRates or None
        The rates of repair with which `g` was computed.
    """
    completed = []
    findings: list[Finding] = []
    for outcome in regions:
        tissue = tissues.get(outcome.region.name)
        effective = None
        if tissue is not None and "alpha" not in outcome.dose.components:
            voxels = segmentation.voxels_of(outcome.region.name)
            effective = _region_bed(case, outcome.tia, outcome.dose, tissue, (dose, voxels, g, repair))
        meaning, noticed = _meaning(
            case, outcome.region, outcome.dose, tissue, effective, outcome.doses, outcome.mass.volume_ml.value
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
        effective = None
        if tissue is not None and "alpha" not in outcome.dose.components:
            effective = _region_bed(case, outcome.tia, outcome.dose, tissue, None)
        meaning, noticed = _meaning(case, outcome.region, outcome.dose, tissue, effective, None, None)
        completed.append(replace(outcome, meaning=meaning))
        findings += noticed
    return tuple(completed), tuple(findings)


def unused_findings(case: Case, names: Sequence[str]) -> tuple[Finding, ...]:
    """Say which regions of the study's ``biology`` are not among its results."""
    used = {key for name in names for key in _keys(name)}
    return tuple(
        Finding(
            "biology-region-missing", "warning",
            f"The study states radiobiology of '{name}', which is no region of this result: it was not used.", name,
        )
        for name in case.study.biology.regions if name not in used
    )  # fmt: skip


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
            voxels = segmentation.voxels_of(name)
            mine = labels[voxels.box] == number
            effective[voxels.box][mine] = known[name][1][mine]
    parameters = {name: f"alpha/beta {tissue.alpha_beta_gy.value:g} Gy" for name, (tissue, _) in known.items()}
    return DoseMap(effective, dose.grid, engine=f"BED of {dose.engine}", parameters=parameters)


def _keys(name: str) -> tuple[str, ...]:
    """Return the names under which a study may state a region: its own, and that of the paired organ."""
    return (name, *(both for both, sides in paired_regions().items() if name in sides))


def _stated(case: Case, name: str) -> RegionBiology | None:
    stated = case.study.biology.regions
    return next((stated[key] for key in _keys(name) if key in stated), None)


def _stated_tissue(name: str, stated: RegionBiology) -> Tissue | None:
    try:
        packaged = load_tissue(stated.tissue) if stated.tissue is not None else default_tissue(name)
        for model in stated.models:
            response_models.get(model)
    except PhysicsError as error:
        raise StudyError(f"Under 'biology' of '{name}': {error}", code="biology-unknown") from None
    said = stated.source or "stated in the study"
    tissue = (packaged or Tissue(_keys(name)[-1])).with_stated(
        alpha_beta=_constant(f"α/β of {name}", stated.alpha_beta, stated.alpha_beta_u, "Gy", said),
        repair_half_life=_constant(
            f"repair half-life of {name}", stated.repair_half_life, stated.repair_half_life_u, "h", said
        ),
        alpha=_constant(f"α of {name}", stated.alpha, None, "1/Gy", said),
    )
    asked = stated.tissue is not None or stated.alpha_beta is not None or stated.repair_half_life is not None
    if asked and not tissue.complete:
        missing = "alpha_beta" if tissue.alpha_beta is None else "repair_half_life"
        raise StudyError(
            f"The radiobiology of '{name}' is stated without '{missing}', and no source gives it: state it under "
            "'biology'.",
            code="biology-incomplete",
        )
    return tissue


def _constant(what: str, value: float | None, relative_u: float | None, unit: str, source: str) -> Constant | None:
    if value is None:
        return None
    return Constant(what, value, unit, source, "stated", "", None if relative_u is None else relative_u * value)


def _region_bed(
    case: Case,
    tia: TimeIntegratedActivity,
    dose: RegionDose,
    tissue: Tissue,
    mapped: tuple[DoseMap, RegionVoxels, Volume | None, RepairRates | None] | None,
) -> RegionBed:
    g = uncertain_lea_catcheside(
        course=course_of_tia(tia),
        effective_half_life_h=tia.effective_half_life_h,
        repair_half_life_h=tissue.repair_half_life_h,
    )
    effective = bed(dose_gy=dose.dose_gy, alpha_beta_gy=tissue.alpha_beta_gy, g=g)
    doses, kinetics, of_map = None, _OF_REGION, None
    if mapped is not None:
        of_map, kinetics = _voxel_bed(case, tissue, g.value, *mapped)
        doses = RegionDoses(of_map, RegionVoxels((0, 0, 0), mapped[1].fraction))
    return RegionBed(
        tissue, g, effective, eqd2(bed_gy=effective, alpha_beta_gy=tissue.alpha_beta_gy), doses, kinetics, of_map
    )


def _voxel_bed(
    case: Case,
    tissue: Tissue,
    region_g: float,
    dose: DoseMap,
    voxels: RegionVoxels,
    g: Volume | None,
    repair: RepairRates | None,
) -> tuple[Volume, str]:
    """Return the biologically effective dose in the box of a region, and whose kinetics it has.

    A voxel without a fit of its own, or that follows another region's repair, takes the factor of the region.
    """
    factor = np.full(voxels.fraction.shape, region_g, np.float32)
    kinetics = _OF_REGION
    if g is not None and repair is not None:
        rate = math.log(2) / tissue.repair_half_life_h.value
        own = repair.which[voxels.box] == int(np.argmin(np.abs(repair.rates_per_h - rate)))
        fitted = own & np.isfinite(g.data[voxels.box])
        factor[fitted] = g.data[voxels.box][fitted]
        kinetics = case.study.dose.tia_map.removeprefix(VOXELWISE)
    effective: Array = bed(dose_gy=dose.data[voxels.box], alpha_beta_gy=tissue.alpha_beta_gy.value, g=factor)
    return Volume(effective.astype(np.float32, copy=False), dose.grid.crop(voxels.box)), kinetics


def _meaning(
    case: Case,
    region: Region,
    dose: RegionDose,
    tissue: Tissue | None,
    effective: RegionBed | None,
    doses: RegionDoses | None,
    volume_ml: float | None,
) -> tuple[RegionMeaning, tuple[Finding, ...]]:
    stated = _stated(case, region.name) or RegionBiology()
    alpha = dose.components.get("alpha")
    weighted = None
    findings = []
    if alpha is not None and stated.rbe is not None:
        weighted = rbe_weighted_dose(dose_gy=dose.dose_gy, alpha_gy=alpha, rbe=stated.rbe)
    if alpha is not None and tissue is not None:
        findings.append(_no_bed_of_alphas(region.name))
    if effective is not None:
        findings += _bed_findings(region.name, effective)
    distribution = None
    if doses is not None:
        dose_gy, volumes = doses.voxels
        of_bed = None if effective is None or effective.doses is None else effective.doses.voxels
        distribution = DoseDistribution(dose_gy, volumes, of_bed)
    request = ResponseRequest(
        region.name,
        dose.dose_gy,
        all_cycles=case.study.biology.dose_covers == "all-cycles",
        distribution=distribution,
        tissue=tissue,
        lesion=LesionFacts(stated.tumour, stated.grade, stated.skeletal, stated.progressing, volume_ml),
        stated=stated.parameters,
    )
    responses = {model: response_models.get(model)(request) for model in stated.models}
    for model, response in responses.items():
        findings += _response_findings(region.name, model, response)
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
    absent = [name for name in ("alpha-beta", "repair-half-life")
              if f"{name}:{effective.tissue.name}" in effective.bed_gy.not_stated]  # fmt: skip
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
