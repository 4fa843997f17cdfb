"""The study file: everything that a user states about one treatment cycle.

Text with units is parsed here, so that the rest of the code sees plain numbers in the units of the
conventions. Unknown keys are refused. A value may be ``null`` while it is missing; whether it is needed is
decided by the step that needs it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from theradose.model.cycles import CyclesChoice
from theradose.model.limit import LimitChoice
from theradose.model.part import StudyPart as StudyPart
from theradose.units import parse_count, parse_quantity


def _quantity(unit: str) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else parse_quantity(value, unit))


ActivityMBq = Annotated[float, _quantity("MBq"), Field(gt=0)]
NonNegativeActivityMBq = Annotated[float, _quantity("MBq"), Field(ge=0)]
DurationH = Annotated[float, _quantity("h"), Field(ge=0)]
WeightKg = Annotated[float, _quantity("kg"), Field(gt=0)]
HeightCm = Annotated[float, _quantity("cm"), Field(gt=0)]
MassG = Annotated[float, _quantity("g"), Field(gt=0)]
DoseGy = Annotated[float, _quantity("Gy"), Field(gt=0)]
LengthMm = Annotated[float, _quantity("mm"), Field(ge=0)]
DensityGPerMl = Annotated[float, _quantity("g/mL"), Field(gt=0)]
SensitivityCpsPerMBq = Annotated[float, _quantity("cps/MBq"), Field(gt=0)]
DeadTimeUs = Annotated[float, _quantity("us"), Field(ge=0)]
AttenuationPerCm = Annotated[float, _quantity("1/cm"), Field(gt=0)]


def _fraction(value: object) -> float | None:
    if value is None:
        return None
    number = parse_quantity(value, "1")
    if not 0 <= number <= 1:
        raise ValueError("a fraction lies between 0 and 1: write for example '6 %' or 0.06")
    return number


Fraction = Annotated[float, BeforeValidator(_fraction)]
PointMm = tuple[float, float, float]
VOXELWISE = "voxelwise-"
"""What the names of the maps of fitted voxels begin with; the rest is the model."""
# YAML turns an unquoted date and time into a datetime.
WordOrTime = Annotated[str, BeforeValidator(lambda value: value.isoformat() if isinstance(value, datetime) else value)]


class Patient(StudyPart):
    """The patient. Name and birth date stay out of results unless ``report.identify_patient`` is true."""

    id: str | None = None
    sex: Literal["F", "M", "O"] | None = None
    weight: WeightKg | None = None
    height: HeightCm | None = None
    name: str | None = None
    birth_date: str | None = None


class Administration(StudyPart):
    """One administration; `start` is the zero of time of the study if it is the first.

    `u` is the relative standard uncertainty of the activity that was given.
    """

    nuclide: str | None = None
    activity: ActivityMBq | None = None
    residual: NonNegativeActivityMBq | None = None
    start: datetime | None = None
    duration: DurationH | None = None
    u: Fraction | None = None

    @property
    def net_activity_mbq(self) -> float | None:
        """Activity given to the patient: measured minus residual."""
        return None if self.activity is None else self.activity - (self.residual or 0.0)


class PreviousCycle(StudyPart):
    """An earlier cycle of the same therapy; `result` may be absent."""

    cycle: int = Field(ge=1)
    activity: ActivityMBq
    start: datetime | None = None
    result: str | None = None


class CameraCalibration(StudyPart):
    """How counts become activity, and how activity in small objects is recovered."""

    camera: str = "camera"
    sensitivity: SensitivityCpsPerMBq | None = None
    u: Fraction | None = None
    dead_time: DeadTimeUs | None = None
    dead_time_model: Literal["paralysable", "non-paralysable"] | None = None
    recovery: str | None = None
    recovery_shape: Literal["outline", "sphere"] = "sphere"
    resolution: LengthMm | None = None
    record: str | None = None


class Declaration(StudyPart):
    """What the user states because the file does not say it."""

    unit: Literal["Bq/mL", "counts", "cps"] | None = None
    decay_reference: WordOrTime | None = None
    acquired_at: datetime | None = None
    frame_duration: DurationH | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    position_mm: PointMm | None = None
    spacing_mm: PointMm | None = None
    nuclide: str | None = None
    views: tuple[Literal["anterior", "posterior"], ...] | None = None
    posterior: Literal["as-anterior", "from-behind"] | None = None


class Timepoint(StudyPart):
    """One measurement: an emission image, with CT and regions where there are any, or planar images."""

    id: str
    activity: str | None = None
    planar: str | None = None
    ct: str | None = None
    regions: str | None = None
    declare: Declaration = Declaration()
    transform: str | None = None

    @model_validator(mode="after")
    def _planar_alone(self) -> Timepoint:
        others = ("activity", "ct", "regions", "transform")
        named = [key for key in others if getattr(self, key) is not None]
        if self.planar is not None and named:
            raise ValueError(
                f"planar images are a time point of their own, but '{self.id}' also names {', '.join(named)}: make it "
                "two"
            )
        return self


class Draft(StudyPart):
    """A region that ``theradose`` draws: by threshold, as a sphere, or from other regions."""

    name: str
    timepoint: str | None = None
    method: str
    kind: Literal["organ", "lesion", "whole-body", "other"] | None = None
    box_mm: tuple[PointMm, PointMm] | None = None
    seed_mm: PointMm | None = None
    radius: LengthMm | None = None
    fraction: Fraction | None = None
    regions: tuple[str, ...] = ()
    margin: LengthMm | None = None


class Verification(StudyPart):
    """A person's signature under a region."""

    region: str
    by: str


class Override(StudyPart):
    """A deliberate deviation from the automatic choice, with its reason."""

    region: str
    model: str | None = None
    exclude_timepoints: tuple[str, ...] = ()
    mass: MassG | None = None
    density: DensityGPerMl | None = None
    reason: str


class StatedDoseFactor(StudyPart):
    """Time-integrated activity per activity at a time, in hours, with its relative standard uncertainty."""

    region: str
    t: DurationH
    factor: DurationH
    u: Fraction | None = None


BackgroundMethod = Literal["spect", "adjacent", "whole-organ", "none"]
PixelPoint = tuple[float, float]


class PlanarChoice(StudyPart):
    """How planar images are quantified."""

    sensitivity: SensitivityCpsPerMBq | None = None
    u: Fraction | None = None
    scatter: Literal["automatic", "tew", "dew", "none"] = "automatic"
    dew_factor: Annotated[float, Field(gt=0)] | None = None
    beam: Literal["narrow", "broad"] = "narrow"
    effective_attenuation: AttenuationPerCm | None = None
    background: BackgroundMethod | None = None
    resolution: LengthMm | None = None


class PlanarRoi(StudyPart):
    """A region drawn on a planar image: a polygon or rectangle in pixels (column, row), or a label image."""

    region: str
    timepoint: str
    polygon: tuple[PixelPoint, ...] = ()
    rectangle: tuple[float, float, float, float] | None = None
    image: str | None = None
    label: int | None = None
    background: BackgroundMethod | None = None
    background_polygon: tuple[PixelPoint, ...] = ()
    background_rectangle: tuple[float, float, float, float] | None = None
    transmission: Annotated[float, BeforeValidator(_fraction), Field(gt=0)] | None = None
    body_thickness: LengthMm | None = None
    thickness: LengthMm | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> PlanarRoi:
        shapes = [bool(self.polygon), self.rectangle is not None, self.image is not None]
        if sum(shapes) != 1:
            raise ValueError("a planar region needs exactly one of polygon, rectangle and image")
        if self.polygon and len(self.polygon) < 3:
            raise ValueError("a polygon needs at least three corners (column, row)")
        if (self.image is None) != (self.label is None):
            raise ValueError("image and label belong together: the label image and the value of the region in it")
        return self


class SingleTimePoint(StudyPart):
    """How a region with one time point is integrated, and what is assumed for it.

    With `population` regions of up to `points` time points are members of a population; `population_nuclide` states
    that its biology is taken although it was measured with another nuclide.
    """

    method: str
    half_lives: dict[str, DurationH] = Field(default_factory=dict)
    u: Fraction | None = None
    dose_factors: tuple[StatedDoseFactor, ...] = ()
    population: str | None = None
    points: int | None = None
    population_nuclide: str | None = None

    @model_validator(mode="after")
    def _population_belongs_to_its_method(self) -> SingleTimePoint:
        if (self.method == "population") != (self.population is not None):
            raise ValueError("the method 'population' and the file 'population' belong together: state both")
        if self.population is None and (self.points is not None or self.population_nuclide is not None):
            raise ValueError("'points' and 'population_nuclide' are for the method 'population'")
        return self


class CounterChoice(StudyPart):
    """The instrument that counts blood samples."""

    name: str | None = None
    instrument: Literal["gamma-counter", "activity-meter"] = "gamma-counter"
    efficiency: SensitivityCpsPerMBq | None = None
    u: Fraction | None = None
    dead_time: DeadTimeUs | None = None
    record: str | None = None


class MarrowMap(StudyPart):
    """An image of active marrow that weights the marrow volume, and how it lies to the reference time point."""

    image: str
    ct: str | None = None
    method: str = "automatic"
    transform: str | None = None


class MarrowChoice(StudyPart):
    """How the dose to red marrow is computed from images and from blood."""

    image: bool = True
    sites: tuple[str, ...] = ()
    method: str | None = None
    distribution: Literal["spongiosa", "active-marrow"] = "spongiosa"
    recovery: str | float | None = None
    recovery_u: Fraction | None = None
    cellularity: Fraction | None = None
    cellularity_u: Fraction | None = None
    trabecular_fraction: Fraction | None = None
    trabecular_fraction_u: Fraction | None = None
    margin: LengthMm | None = None
    lesion_margin: LengthMm | None = None
    hu_window: tuple[float, float] | None = None
    weighting: MarrowMap | None = None
    extrapolate_site: bool | str | float = False
    mass: MassG | None = None
    rmblr: Annotated[str, BeforeValidator(str)] = "1"
    specimen: Literal["blood", "plasma", "serum"] | None = None
    haematocrit: Fraction | None = None
    models: tuple[str, ...] | None = None


class ThyroidChoice(StudyPart):
    """The thyroid whose uptake is measured; `u` is the relative standard uncertainty of its mass."""

    mass: MassG | None = None
    u: Fraction | None = None


class RegistrationChoice(StudyPart):
    """How time points are brought into one space."""

    method: str = "automatic"


class DoseChoice(StudyPart):
    """How dose is computed; `histories`, the targets, `time_limit` and `seed` are for engines that sample."""

    engine: str = "local"
    cross_check: str | None = None
    histories: Annotated[int, BeforeValidator(parse_count)] | None = None
    target_u: Annotated[float, BeforeValidator(_fraction), Field(gt=0, lt=1)] | None = None
    target_voxel_u: Annotated[float, BeforeValidator(_fraction), Field(gt=0, lt=1)] | None = None
    time_limit: Annotated[float, _quantity("h"), Field(gt=0)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    dose_rates: Literal["local", "engine"] = "local"
    tia_map: Literal["region", "voxelwise-mono", "voxelwise-bi", "voxelwise-uptake", "voxelwise-trapezoid"] = "region"
    nuclear_data: Literal["ddep", "icrp107"] = "ddep"
    retained: dict[str, Fraction] = Field(default_factory=dict)
    assumed_density: DensityGPerMl | None = None


class Repopulation(StudyPart):
    """Regrowth of cells during the treatment: doubling time, delay until it begins, effective treatment time."""

    doubling: Annotated[float, _quantity("h"), Field(gt=0)]
    duration: DurationH
    delay: DurationH = 0.0


class RegionBiology(StudyPart):
    """Radiobiology of one region; what is not stated is taken from the packaged set `tissue`, or the region's own.

    `parameters` are those of the response models in `models`, by the names in their data.
    """

    tissue: str | None = None
    alpha_beta: DoseGy | None = None
    alpha_beta_u: Fraction | None = None
    repair_half_life: Annotated[float, _quantity("h"), Field(gt=0)] | None = None
    repair_half_life_u: Fraction | None = None
    alpha: Annotated[float, _quantity("1/Gy"), Field(gt=0)] | None = None
    repopulation: Repopulation | None = None
    rbe: Annotated[float, Field(gt=0)] | None = None
    source: str | None = None
    models: tuple[str, ...] = ()
    parameters: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    tumour: Literal["net"] | None = None
    grade: Annotated[int, Field(ge=1)] | None = None
    skeletal: bool | None = None
    progressing: bool | None = None


class BiologyChoice(StudyPart):
    """What a dose means to the tissues; `dose_covers` says what the dose of this study is that of."""

    regions: dict[str, RegionBiology] = Field(default_factory=dict)
    dose_covers: Literal["one-cycle", "all-cycles"] = "one-cycle"
    map: bool = False


class ReferenceChoice(StudyPart):
    """The reference ranges of the site, and the secret behind their pseudonyms, by which the patient is left out."""

    file: str
    secret: str | None = None


class ReportChoice(StudyPart):
    """What the report shows."""

    identify_patient: bool = False
    title: str | None = None


class Study(StudyPart):
    """One treatment cycle of one patient (schema version 1)."""

    schema_version: Literal[1]
    timezone: str | None = None
    patient: Patient = Patient()
    therapy: str | None = None
    protocol: str | None = None
    cycle: int | None = Field(default=None, ge=1)
    administrations: tuple[Administration, ...] = ()
    previous_cycles: tuple[PreviousCycle, ...] = ()
    cycles: CyclesChoice = CyclesChoice()
    limits: tuple[LimitChoice, ...] | None = None
    calibration: CameraCalibration | None = None
    timepoints: tuple[Timepoint, ...] = ()
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    drafts: tuple[Draft, ...] = ()
    verified: tuple[Verification, ...] = ()
    overrides: tuple[Override, ...] = ()
    single_time_point: SingleTimePoint | None = None
    blood: str | None = None
    counter: CounterChoice = CounterChoice()
    marrow: MarrowChoice = MarrowChoice()
    probe: str | None = None
    uptake: str | None = None
    thyroid: ThyroidChoice = ThyroidChoice()
    reference_timepoint: str | None = None
    registration: RegistrationChoice = RegistrationChoice()
    measurement_u: Fraction | None = None
    planar: PlanarChoice = PlanarChoice()
    rois: tuple[PlanarRoi, ...] = ()
    dose: DoseChoice = DoseChoice()
    biology: BiologyChoice = BiologyChoice()
    reference: ReferenceChoice | None = None
    report: ReportChoice = ReportChoice()

    @property
    def emission_timepoints(self) -> tuple[Timepoint, ...]:
        """Time points with a reconstructed emission image; one that names nothing counts as such."""
        return tuple(timepoint for timepoint in self.timepoints if timepoint.planar is None)

    @property
    def planar_timepoints(self) -> tuple[Timepoint, ...]:
        """Time points with planar images."""
        return tuple(timepoint for timepoint in self.timepoints if timepoint.planar is not None)

    @field_validator("timepoints")
    @classmethod
    def _unique_ids(cls, timepoints: tuple[Timepoint, ...]) -> tuple[Timepoint, ...]:
        ids = [timepoint.id for timepoint in timepoints]
        if len(set(ids)) != len(ids):
            twice = sorted({name for name in ids if ids.count(name) > 1})
            raise ValueError(f"time point ids must be unique, but '{', '.join(twice)}' occurs more than once")
        return timepoints

    @model_validator(mode="after")
    def _cycles_are_before(self) -> Study:
        earlier = [cycle.cycle for cycle in self.previous_cycles]
        if twice := sorted({number for number in earlier if earlier.count(number) > 1}):
            raise ValueError(f"'previous_cycles' has cycle {twice[0]} more than once: give each cycle once")
        if self.cycle is not None and (late := [number for number in earlier if number >= self.cycle]):
            raise ValueError(
                f"'previous_cycles' has cycle {late[0]}, which is not before cycle {self.cycle} of this study"
            )
        return self

    @model_validator(mode="after")
    def _references_exist(self) -> Study:
        ids = {timepoint.id for timepoint in self.timepoints}
        named = [self.reference_timepoint, *(draft.timepoint for draft in self.drafts)]
        named += [name for override in self.overrides for name in override.exclude_timepoints]
        named += [roi.timepoint for roi in self.rois]
        for name in named:
            if name is not None and name not in ids:
                raise ValueError(f"there is no time point '{name}': the ids are {', '.join(sorted(ids))}")
        planar = {timepoint.id for timepoint in self.planar_timepoints}
        for name in (self.reference_timepoint, *(draft.timepoint for draft in self.drafts)):
            if name in planar:
                raise ValueError(f"'{name}' is planar: the reference and drafts need a reconstructed image")
        for roi in self.rois:
            if roi.timepoint not in planar:
                raise ValueError(
                    f"the region '{roi.region}' of 'rois' is drawn on '{roi.timepoint}', which is not planar"
                )
        return self
