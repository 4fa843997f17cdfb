"""Blood counts of patients, the doses of their cycles, and what else is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from theradose.model.samples import CellOrigin

QUANTITIES = ("haemoglobin", "wbc", "neutrophils", "lymphocytes", "platelets")
"""Counts, haemoglobin in g/dL and cells in 10⁹/L."""
LABELS: Mapping[str, str] = {
    "haemoglobin": "haemoglobin", "wbc": "white cells", "neutrophils": "neutrophils", "lymphocytes": "lymphocytes",
    "platelets": "platelets",
}  # fmt: skip
BEFORE_THERAPY = "0"
"""Cycle of a count that belongs to none."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was: a date, with or without time of day, or days on a clock of the patient.

    Attributes
    ----------
    date : datetime or None
        As printed, without offset.
    with_time : bool
        Whether the date has a time of day.
    t_d : float or None
        Days.
    """

    date: datetime | None = None
    with_time: bool = False
    t_d: float | None = None


@dataclass(frozen=True, slots=True)
class BloodCount:
    """One row of a table of counts.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    patient : str
        Whose it is.
    moment : Moment
        When the blood was drawn.
    cycle : str or None
        Cycle whose course it belongs to, if the table says so; :data:`BEFORE_THERAPY` for none.
    values : mapping of str to float
        Counts that were measured, by quantity.
    influenced : frozenset of str
        Quantities that a transfusion or a growth factor acted on.
    transfused_red_cells : bool
        Whether red cells were transfused.
    """

    origin: CellOrigin
    patient: str
    moment: Moment
    cycle: str | None
    values: Mapping[str, float]
    influenced: frozenset[str] = frozenset()
    transfused_red_cells: bool = False


@dataclass(frozen=True, slots=True)
class DoseOfCycle:
    """The dose of one cycle to one region by one method.

    Attributes
    ----------
    origin : CellOrigin
        File and line, or the name of a database.
    patient, cycle : str
        Whose it is.
    moment : Moment
        Start of the administration.
    region : str
        Canonical name, as ``red-marrow``, ``spleen``, ``total-body``.
    method : str
        What the dose was determined from; empty where there is one only.
    dose_gy, u_dose_gy : float, float or None
        Absorbed dose and its standard uncertainty.
    activity_gbq : float or None
        Given in this cycle.
    effective_half_life_h : float or None
        In the region.
    """

    origin: CellOrigin
    patient: str
    cycle: str
    moment: Moment
    region: str
    method: str
    dose_gy: float
    u_dose_gy: float | None = None
    activity_gbq: float | None = None
    effective_half_life_h: float | None = None

    @property
    def key(self) -> str:
        """Region and method, as ``red-marrow by blood``."""
        return f"{self.region} by {self.method}" if self.method else self.region


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What is known of a patient; ``None`` is not stated."""

    origin: CellOrigin
    patient: str
    sex: Literal["M", "F"] | None = None
    skeletal_metastases: bool | None = None
    prior_chemotherapy: bool | None = None
