"""The result document ``result.json`` (schema ``theradose/result/1``)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from theradose.model.cohort_reference import PercentileResult
from theradose.model.document import Estimate as Estimate
from theradose.model.document import Part as Part
from theradose.model.dose import Radiation, StoppedBy
from theradose.model.finding import Severity
from theradose.model.result_cycles import CyclesResult, LimitResult


class EvidenceLine(Part):
    """A conclusion of the reader, its source, and whether it is an assumption."""

    quantity: str
    value: str
    source: str
    assumed: bool


class ImageResult(Part):
    """One image with its activity check."""

    timepoint: str
    t_h: float
    modality: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    total_activity_mbq: float
    expected_activity_mbq: float
    fraction_of_expected: float
    unit_found: str
    decay_reference_found: str
    dead_time_factor: float | None
    registration: RegistrationResult | None
    assumptions: tuple[EvidenceLine, ...]


class RegistrationResult(Part):
    """How an image came into the space of the reference time point."""

    method: str
    translation_mm: tuple[float, float, float]
    rotation_deg: float
    matrix: tuple[tuple[float, float, float, float], ...]
    quality: dict[str, float]


class PlanarRegionResult(Part):
    """A region on a planar image: rates in cps, by the geometric mean of both views.

    `net_cps` is corrected to a source in air of which nothing is lost; `overlap` is what other regions add to the net
    counts relative to the region's own, `covered_share` the part of its projection that they cover, `area_share` the
    part that was measured. `activity_mbq` is that of the planar image alone.
    """

    region: str
    net_cps: Estimate
    gross_cps: float
    background_cps: float
    background: str
    overlap: float | None
    covered_share: float
    area_share: float
    activity_mbq: Estimate | None


class PlanarResult(Part):
    """A planar time point; `shift_mm` is (towards the head, towards the left) against the SPECT/CT."""

    timepoint: str
    t_h: float
    technique: str
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    exposure_s: float
    windows_kev: tuple[tuple[float, float], ...]
    scatter: str
    dead_time_factor: float | None
    shift_mm: tuple[float, float] | None
    correlation: float | None
    regions: tuple[PlanarRegionResult, ...]
    assumptions: tuple[EvidenceLine, ...]


class CurveResult(Part):
    """The points of a time-activity curve; `u_mbq` is the part independent between points."""

    t_h: tuple[float, ...]
    activity_mbq: tuple[float, ...]
    u_mbq: tuple[float | None, ...]


class FitResult(Part):
    """One fitted model; an undefined AICc is ``null``."""

    model: str
    parameters: dict[str, float]
    covariance: tuple[tuple[float | None, ...], ...]
    tia_mbq_h: Estimate
    aicc: float | None
    chi_squared: float
    weight: float
    flags: tuple[str, ...]


class DvhCurve(Part):
    """Cumulative and differential dose-volume histogram."""

    dose_gy: tuple[float, ...]
    cumulative_fraction: tuple[float, ...]
    differential_ml_per_gy: tuple[float, ...]


class DvhResult(Part):
    """Dose-volume summary of the dose map in a region (not recovery-corrected).

    `common_relative_u` is the relative standard uncertainty that all its values share; ``null`` is not stated. The
    noise of single voxels, resolution and outline act on each value in their own way and are not in it.
    """

    mean_gy: float
    d95_gy: float
    d50_gy: float
    d2_gy: float
    volume_fraction_at_gy: dict[str, float]
    curve: DvhCurve
    common_relative_u: float | None = None


class BudgetResult(Part):
    """One line of the uncertainty budget; ``null`` means not stated."""

    source: str
    relative_u: float | None
    share: float | None
    group: str = "other"


class BedDvhResult(Part):
    """Summary of the biologically effective dose of a region's voxels, in Gy, from the dose map."""

    mean_gy: float
    d95_gy: float
    d50_gy: float
    d2_gy: float
    curve: DvhCurve


class BedResult(Part):
    """What the biologically effective dose of a region rests on.

    `status` is the weaker one of the parameters. `kinetics` says whose time course the voxels of the histogram have,
    `region` or the model of the fits of voxels. `not_stated` lists the sources that are not in the uncertainty.
    `repopulation_loss_gy` is what stated regrowth takes back; `bed_gy` of the region is without it.
    """

    tissue: str
    alpha_beta_gy: Estimate
    repair_half_life_h: Estimate
    lea_catcheside: Estimate
    source: str
    status: str
    origin: str | None
    kinetics: str
    not_stated: tuple[str, ...]
    budget: tuple[BudgetResult, ...]
    dvh: BedDvhResult | None
    repopulation_loss_gy: float | None = None


class RbeWeightedResult(Part):
    """A dose with alpha particles weighted by what the study states; `unit` has the weight in it and is no Gy."""

    weighted: Estimate
    unit: str
    rbe: float


class ResponseResult(Part):
    """What a response model says of a region; without a value there is a reason.

    `interval` is that of 95 %, ``null`` where the parameters have no uncertainty.
    """

    model: str
    quantity: str
    unit: str
    value: float | None
    interval: tuple[float, float] | None
    reason: str | None
    parameters: dict[str, float]
    source: str | None
    status: str | None
    origin: str | None


class RegionResult(Part):
    """Everything about one region."""

    name: str
    kind: str
    code: str | None
    drafted_by: str
    method: str
    verified_by: str | None
    volume_ml: Estimate
    mass_g: Estimate
    density_g_per_ml: float | None
    recovery: Estimate | None
    curve: CurveResult
    fit: FitResult | None
    models: tuple[FitResult, ...]
    chosen_model: str
    tia_mbq_h: Estimate
    tiac_h: Estimate
    effective_half_life_h: Estimate
    extrapolated_fraction: float
    before_first_fraction: float
    dose_gy: Estimate
    dose_per_activity_gy_gbq: Estimate
    alpha_gy: Estimate | None = None
    bed_gy: Estimate | None = None
    eqd2_gy: Estimate | None = None
    bed: BedResult | None = None
    rbe_weighted: RbeWeightedResult | None = None
    responses: tuple[ResponseResult, ...] = ()
    outlined_on: str = "not stated"
    dvh: DvhResult | None
    budget: tuple[BudgetResult, ...]


class WholeBodyResult(Part):
    """Activity and its integral in the whole body, or in the field of view of the images.

    `excreted_fraction` at each time, physical decay taken out, is that of a probe.
    """

    scope: str
    curve: CurveResult
    fit: FitResult | None
    models: tuple[FitResult, ...] = ()
    chosen_model: str
    tia_mbq_h: Estimate
    tiac_h: Estimate
    effective_half_life_h: Estimate
    extrapolated_fraction: float
    before_first_fraction: float
    excreted_fraction: tuple[float, ...] | None = None


class ThyroidResult(Part):
    """The thyroid by uptake measurements; there is no dose without its mass.

    `uptake_fraction` is that of the administered activity at each time, physical decay taken out.
    """

    uptake_fraction: tuple[float, ...]
    curve: CurveResult
    fit: FitResult | None
    models: tuple[FitResult, ...]
    chosen_model: str
    tia_mbq_h: Estimate
    tiac_h: Estimate
    effective_half_life_h: Estimate
    extrapolated_fraction: float
    before_first_fraction: float
    mass_g: Estimate
    dose_gy: Estimate
    dose_per_activity_gy_gbq: Estimate
    budget: tuple[BudgetResult, ...]


class TumourBurden(Part):
    """Sum over all lesions at the reference time point."""

    volume_ml: float
    activity_mbq: float
    lesions: int


class EnergyResult(Part):
    """Where the energy of one kind of emitted radiation went, in J."""

    radiation: Radiation
    emitted_j: float
    deposited_j: float
    escaped_j: float


class StatisticsResult(Part):
    """How a dose map was sampled."""

    histories: int
    seed: int
    stopped_by: StoppedBy


class TransportResult(Part):
    """What transport changes in a region: means of the engine's map and of that of local deposition, and their ratio.

    `voxel_relative_u` is the root mean square of the statistical uncertainty of the voxels, relative to the mean.
    """

    name: str
    map_mean_gy: Estimate
    local_map_mean_gy: float
    factor: Estimate | None
    voxel_relative_u: float | None


class DoseEngineResult(Part):
    """The engine of the doses; `regions` is empty for local deposition."""

    engine: str
    summary: str
    citation: str
    parameters: dict[str, Any]
    energy: tuple[EnergyResult, ...]
    statistics: StatisticsResult | None
    regions: tuple[TransportResult, ...]


class CrossCheckRegionResult(Part):
    """Dose of a region by the second engine, and its difference to the first in per cent of the first.

    `u_percent` is the standard uncertainty of the difference by the statistics of both engines; ``null`` if neither
    samples or one of them is not known.
    """

    name: str
    dose_gy: Estimate
    difference_percent: float | None
    u_percent: float | None


class CrossCheckResult(Part):
    """A second engine on the same request; `file` is the map of its dose minus that of the first engine, in Gy."""

    engine: str
    summary: str
    citation: str
    parameters: dict[str, Any]
    energy: tuple[EnergyResult, ...]
    statistics: StatisticsResult | None
    file: str
    regions: tuple[CrossCheckRegionResult, ...]
    findings: tuple[FindingResult, ...]


class PublishedResult(Part):
    """The dose per activity of a region beside what is published for the therapy.

    `position` in the range is ``None`` where only an average is published; `mean_gy_gbq` is the mean of the rows that
    state one with the number of their patients.
    """

    region: str
    dose_per_activity_gy_gbq: Estimate
    low_gy_gbq: float
    high_gy_gbq: float
    mean_gy_gbq: float | None = None
    sources: tuple[str, ...]
    position: Literal["below", "within", "above"] | None


class SiteResult(Part):
    """A quantity of a region beside the site's own cohort, from which the patient is left out.

    `percent` of the cohort lie below the value, with the interval of that share; ``null`` for fewer patients than
    `fewest_patients`. `left_out` are the patient's own values in the cohort, ``null`` where nobody can tell them.
    """

    region: str
    organ: str
    quantity: str
    unit: str
    value: Estimate
    percent: float | None
    percent_low: float | None
    percent_high: float | None
    n: int
    patients: int
    fewest_patients: int
    left_out: int | None
    percentiles: tuple[PercentileResult, ...]


class ReportingItem(Part):
    """One item of the reporting list; the value is text or ``not stated``."""

    item: str
    value: str


class FindingResult(Part):
    """A finding as stored."""

    code: str
    severity: Severity
    message: str
    where: str


class FileResult(Part):
    """A file of the run folder."""

    path: str
    sha256: str


class ConstantResult(Part):
    """A physical constant used, with source and status."""

    name: str
    value: float
    unit: str
    source: str
    status: str


class Result(Part):
    """The whole document."""

    schema_: Literal["theradose/result/1"] = Field(default="theradose/result/1", alias="schema")
    run_id: str
    created: str
    software: dict[str, str]
    study: dict[str, Any]
    constants: tuple[ConstantResult, ...]
    images: tuple[ImageResult, ...]
    planar: tuple[PlanarResult, ...] = ()
    regions: tuple[RegionResult, ...]
    whole_body: WholeBodyResult | None
    field_of_view: WholeBodyResult | None = None
    thyroid: ThyroidResult | None = None
    marrow: dict[str, Any] | None = None
    dose_engine: DoseEngineResult | None = None
    cross_check: CrossCheckResult | None = None
    tumour_burden: TumourBurden | None
    cycles: CyclesResult | None = None
    published: tuple[PublishedResult, ...] = ()
    site: tuple[SiteResult, ...] = ()
    limits: tuple[LimitResult, ...] = ()
    reporting: tuple[ReportingItem, ...]
    findings: tuple[FindingResult, ...]
    files: tuple[FileResult, ...]


ImageResult.model_rebuild()
CrossCheckResult.model_rebuild()
