"""The calibration record of one instrument for one nuclide: a dated file that is only ever added to.

The schema of the file is described in ``docs/formats/calibration.md``. Numbers are in the unit of their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from theradose.provenance import hash_parameters

SCHEMA: Literal["theradose/calibration/1"] = "theradose/calibration/1"
Kind = Literal["camera", "counter", "probe"]
Shape = Literal["cylinder", "sphere", "point", "large-field", "tube"]
Section = Literal["factor", "planar_factor", "dead_time", "recovery"]
DeadTimeModel = Literal["paralysable", "non-paralysable"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class RecordPart(BaseModel):
    """Base of all parts of a record: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Instrument(RecordPart):
    """What was calibrated; `name` is the site's, the others come from a DICOM header where there is one."""

    name: str = Field(min_length=1)
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    station: str | None = None


class Reconstruction(RecordPart):
    """How images were reconstructed: a description, and the parameters that matter with their hash."""

    description: str
    parameters: dict[str, str]
    sha256: str

    @classmethod
    def of(cls, parameters: Mapping[str, str], *, description: str | None = None) -> Self:
        """Return the reconstruction with these parameters."""
        words = ", ".join(f"{name}: {value}" for name, value in parameters.items())
        return cls(
            description=description or words,
            parameters=dict(parameters),
            sha256=hash_parameters(dict(parameters)),
        )

    @model_validator(mode="after")
    def _hash_fits(self) -> Self:
        if self.sha256 != hash_parameters(self.parameters):
            raise ValueError("the hash of the reconstruction does not belong to its parameters")
        return self


class SourceGeometry(RecordPart):
    """The source of a calibration; dimensions that its shape does not have are ``null``."""

    shape: Shape
    diameter_mm: Positive | None = None
    height_mm: Positive | None = None
    volume_ml: Positive | None = None
    distance_cm: Positive | None = None

    def words(self) -> str:
        """Return the geometry as text."""
        sizes = [
            f"{value:g} {unit} {noun}".strip()
            for value, unit, noun in (
                (self.diameter_mm, "mm", "diameter"),
                (self.height_mm, "mm", "height"),
                (self.volume_ml, "mL", ""),
                (self.distance_cm, "cm", "distance"),
            )
            if value is not None
        ]
        return f"{self.shape} ({', '.join(sizes)})" if sizes else self.shape


class BudgetEntry(RecordPart):
    """One source of the uncertainty of a factor; ``null`` means that nobody stated its size."""

    source: str
    relative_u: NotNegative | None


class Dated(RecordPart):
    """What every section of a record states: when it was measured, until when it holds, and from what it was made."""

    measured_at: datetime
    valid_until: date
    made_at: datetime
    software: str
    inputs: dict[str, str] = Field(default_factory=dict)
    findings: tuple[str, ...] = ()


class Factor(Dated):
    """Counts per second and MBq.

    That of planar images is for one view, and states what depends on the view: its own energy windows, how scattered
    photons were taken off, and how many views were counted.
    """

    value_cps_per_mbq: Positive
    u_cps_per_mbq: NotNegative | None
    budget: tuple[BudgetEntry, ...]
    measurement: Literal["spect", "planar", "counts"]
    geometry: SourceGeometry
    volume_of_interest: str | None = None
    reconstruction: Reconstruction | None = None
    dead_time_us: NotNegative | None = None
    dead_time_model: DeadTimeModel | None = None
    readings: int = Field(default=1, ge=1)
    highest_rate_cps: Positive | None = None
    largest_deviation: NotNegative | None = None
    energy_windows_kev: tuple[tuple[float, float], ...] = ()
    scatter: str | None = None
    views: Literal[1, 2] | None = None

    @property
    def relative_u(self) -> float | None:
        """Relative standard uncertainty; ``None`` is not stated."""
        return None if self.u_cps_per_mbq is None else self.u_cps_per_mbq / self.value_cps_per_mbq


class DeadTime(Dated):
    """Dead time, and how it was found."""

    value_us: Positive
    u_us: Positive
    model: DeadTimeModel
    method: Literal["decaying-source", "two-sources", "known-activities"]
    readings: int
    highest_rate_cps: Positive
    largest_loss: NotNegative
    chi_squared: NotNegative | None = None
    degrees_of_freedom: int = Field(default=0, ge=0)


class RecoveryPoint(RecordPart):
    """One object of a phantom."""

    volume_ml: Positive
    recovery: Positive
    u_recovery: Positive


class Recovery(Dated):
    """Recovery curve R(v) = 1 - 1/(1 + (v/b1)^b2), with the factor to which it belongs."""

    name: str
    half_volume_ml: Positive
    exponent: Positive
    covariance: tuple[tuple[float, float], tuple[float, float]]
    points: tuple[RecoveryPoint, ...]
    geometry: SourceGeometry
    reconstruction: Reconstruction | None = None
    factor_geometry: SourceGeometry | None = None
    factor_cps_per_mbq: Positive | None = None


class ConstancyCheck(RecordPart):
    """One reading of a long-lived source; the first of a source is the reference of the later ones."""

    measured_at: datetime
    source: str
    nuclide: str
    reading_cps: Positive
    u_cps: NotNegative | None
    reference: bool
    reference_at: datetime | None = None
    expected_cps: Positive | None = None
    ratio: Positive | None = None
    u_ratio: NotNegative | None = None
    tolerance: Positive | None = None
    passed: bool | None = None
    made_at: datetime
    software: str
    inputs: dict[str, str] = Field(default_factory=dict)


class HistoryEntry(RecordPart):
    """A section that was replaced, as it was."""

    section: Section
    replaced_at: datetime
    content: dict[str, Any]


class CalibrationRecord(RecordPart):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["theradose/calibration/1"] = Field(default=SCHEMA, alias="schema")
    kind: Kind
    instrument: Instrument
    nuclide: str
    collimator: str | None = None
    collimator_type: str | None = None
    energy_windows_kev: tuple[tuple[float, float], ...] = ()
    factor: Factor | None = None
    planar_factor: Factor | None = None
    dead_time: DeadTime | None = None
    recovery: Recovery | None = None
    constancy: tuple[ConstancyCheck, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    @model_validator(mode="after")
    def _factors_in_their_places(self) -> Self:
        # All detectors together count twice as much as one view: exchanged, they would halve or double a dose.
        if self.factor is not None and self.factor.measurement == "planar":
            raise ValueError("a factor of planar images stands under planar_factor, not under factor")
        if self.planar_factor is not None and self.planar_factor.measurement != "planar":
            raise ValueError("planar_factor holds a factor of planar images only")
        return self
