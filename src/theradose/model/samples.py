"""Blood samples, probe readings, and the instruments that count them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from theradose.errors import CalibrationError
from theradose.model.arrays import Array, frozen
from theradose.model.curve import TimeActivityCurve
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain

Specimen = Literal["blood", "plasma", "serum"]
Instrument = Literal["gamma-counter", "activity-meter"]


@dataclass(frozen=True, slots=True)
class CellOrigin:
    """Where a measurement stands, for messages."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class TreatmentSeries:
    """Rows of one treatment.

    Attributes
    ----------
    subject : str
        Name of the patient or, where the table names none, of the file.
    cycle : str or None
        Cycle of the treatment, as written.
    """

    subject: str
    cycle: str | None

    @property
    def label(self) -> str:
        """Name of the treatment for findings."""
        return self.subject if self.cycle is None else f"{self.subject} cycle {self.cycle}"


@dataclass(frozen=True, slots=True)
class TubeCount:
    """A counted aliquot of a sample.

    Attributes
    ----------
    counted_at : datetime
        Start of counting.
    counts, counting_s : float
        Gross counts and the time over which they were collected.
    background_cps : float
        Count rate of an empty tube; 0 if the counts are net.
    amount, amount_unit : float, {"mL", "g"}
        Volume or mass of the aliquot.
    dilution : float
        Volume of the diluted over that of the undiluted specimen, 1 if not diluted.
    """

    counted_at: datetime
    counts: float
    counting_s: float
    background_cps: float
    amount: float
    amount_unit: Literal["mL", "g"]
    dilution: float = 1.0


@dataclass(frozen=True, slots=True)
class StatedConcentration:
    """A concentration that the table states; ``None`` is not stated.

    Attributes
    ----------
    concentration_mbq_l, u_mbq_l : float, float or None
        Activity concentration of the specimen when it was drawn, and its standard uncertainty.
    sample_ml : float or None
        Volume that was measured.
    counted_at : datetime or None
        When it was measured.
    """

    concentration_mbq_l: float
    u_mbq_l: float | None = None
    sample_ml: float | None = None
    counted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BloodSample:
    """One row of a table of blood samples; ``None`` is not stated.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    drawn_at : datetime or None
        Moment at which the sample was drawn.
    t_h : float or None
        The same as hours after the start of the administration.
    measurement : TubeCount or StatedConcentration
        What was measured.
    specimen : {"blood", "plasma", "serum"} or None
        Of what.
    haematocrit : float or None
        Volume fraction of cells in blood.
    """

    origin: CellOrigin
    drawn_at: datetime | None
    t_h: float | None
    measurement: TubeCount | StatedConcentration
    specimen: Specimen | None = None
    haematocrit: float | None = None


@dataclass(frozen=True, slots=True)
class BloodSeries(TreatmentSeries):
    """The samples of one treatment, in the order of the file.

    Attributes
    ----------
    samples : tuple of BloodSample
        At least one.
    """

    samples: tuple[BloodSample, ...]

    @property
    def origin(self) -> CellOrigin:
        """Where its first row stands."""
        return self.samples[0].origin


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """What a table of treatments states about one; ``None`` is not stated.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    activity_mbq, activity_relative_u : float or None
        Activity given, and its relative standard uncertainty.
    start : datetime or None
        Start of the administration.
    infusion_h : float or None
        Its length.
    sex : {"M", "F"} or None
        Of the patient.
    haematocrit : float or None
        Volume fraction of cells in blood.
    marrow_mass_g : float or None
        Mass of red marrow.
    tia_mbq_h : mapping of str to Uncertain
        Time-integrated activities: ``total-body`` and organs.
    """

    origin: CellOrigin
    activity_mbq: float | None = None
    activity_relative_u: float | None = None
    start: datetime | None = None
    infusion_h: float | None = None
    sex: Literal["M", "F"] | None = None
    haematocrit: float | None = None
    marrow_mass_g: float | None = None
    tia_mbq_h: Mapping[str, Uncertain] = field(default_factory=dict)

    @property
    def administered_mbq(self) -> Uncertain | None:
        """Activity given, with its source of uncertainty."""
        if self.activity_mbq is None:
            return None
        return Uncertain.relative(self.activity_mbq, {ADMINISTERED_ACTIVITY: self.activity_relative_u})


@dataclass(frozen=True, slots=True)
class CounterCalibration:
    """How counts of a sample become activity.

    Attributes
    ----------
    name : str
        Name of the instrument, for the budget.
    efficiency_cps_per_mbq : float
        True counts per second and MBq of the nuclide in the geometry of the samples.
    relative_u : float or None
        Its relative standard uncertainty; ``None`` is not stated.
    dead_time_us : float or None
        Dead time; ``None`` is not stated.
    dead_time_model : {"paralysable", "non-paralysable"}
        How the instrument loses counts.
    """

    name: str
    efficiency_cps_per_mbq: float
    relative_u: float | None = None
    dead_time_us: float | None = None
    dead_time_model: Literal["paralysable", "non-paralysable"] = "non-paralysable"

    def __post_init__(self) -> None:
        if not self.efficiency_cps_per_mbq > 0:
            raise CalibrationError(
                f"The efficiency of '{self.name}' is {self.efficiency_cps_per_mbq:g} cps/MBq, but must be positive: "
                "give the counts per second and MBq of a calibrated sample.",
                code="counter-efficiency",
            )


@dataclass(frozen=True, slots=True, eq=False)
class SampleCurve:
    """Concentration of a treatment's specimen over time.

    Attributes
    ----------
    series : BloodSeries
        Where it comes from.
    specimen : {"blood", "plasma", "serum"}
        What was measured.
    haematocrit : float or None
        Mean over the samples that state it.
    curve : TimeActivityCurve
        Activity in one litre of the specimen when it was drawn (MBq, which is MBq/L of the specimen).
    """

    series: BloodSeries
    specimen: Specimen
    haematocrit: float | None
    curve: TimeActivityCurve


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """One row of a table of whole-body probe readings; ``None`` is not stated.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    measured_at, t_h : datetime or None, float or None
        Moment of the reading, or hours after the start of the administration.
    anterior_cps, posterior_cps : float or None
        Gross count rates from the front and the back.
    background_cps : float
        Count rate without the patient.
    counting_s : float or None
        Counting time of each view.
    distance_cm : float or None
        Distance of probe and patient.
    before_void : bool
        Whether all of the administered activity was still in the body.
    """

    origin: CellOrigin
    measured_at: datetime | None
    t_h: float | None
    anterior_cps: float
    posterior_cps: float | None
    background_cps: float
    counting_s: float | None
    distance_cm: float | None
    before_void: bool


@dataclass(frozen=True, slots=True, eq=False)
class ProbeCurve:
    """Activity in the whole body by a probe.

    Attributes
    ----------
    curve : TimeActivityCurve
        Activity in the body, MBq.
    fraction_of_administered : ndarray, shape (n,)
        Activity over administered activity, both at their own times.
    excreted_fraction : ndarray, shape (n,)
        Part of the administered activity that has left the body, physical decay taken out.
    """

    curve: TimeActivityCurve
    fraction_of_administered: Array
    excreted_fraction: Array

    def __post_init__(self) -> None:
        for name in ("fraction_of_administered", "excreted_fraction"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
