"""Rows of the tables of a dose-response analysis: tumours, their volumes on serial scans, their doses by cycle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from theradose.model.samples import CellOrigin

DoseKind = Literal["best-response", "all-cycles"]
DOSE_KINDS: tuple[DoseKind, ...] = ("best-response", "all-cycles")
"""Sum of the doses until the best response, and over all cycles."""

KIND_WORDS: dict[DoseKind, str] = {"best-response": "until best response", "all-cycles": "over all cycles"}

Exclusion = Literal["skeletal", "dosimetry", "not-visible", "progressive"]
EXCLUSIONS: tuple[Exclusion, ...] = ("skeletal", "dosimetry", "not-visible", "progressive")
"""Reasons that a table states, in the order in which tumours are taken out."""

TumourKey = tuple[str, str]
"""Patient and tumour."""


@dataclass(frozen=True, slots=True)
class StatedAmounts:
    """Dose and activity that a table states of a tumour; ``None`` where it states nothing."""

    dose_gy: float | None
    u_dose_gy: float | None
    activity_gbq: float | None


@dataclass(frozen=True, slots=True, eq=False)
class TumourRow:
    """What a table says about a tumour.

    Attributes
    ----------
    origin : CellOrigin
        Where it says so.
    patient, tumour : str
        Names; the tumour's is unique within the patient.
    grade : str or None
        ``G1``, ``G2`` or ``G3``.
    primary : str or None
        Organ that the tumour originates from.
    exclusion : Exclusion or None
        The first reason why it is not analysed.
    baseline_ml : float or None
        Volume before treatment.
    reduction, u_reduction : float or None
        Largest relative loss of volume, (v_max − v_min)/v_max, negative for growth, and its standard uncertainty.
    reduction_after : float or None
        The same from scans after the last cycle only.
    amounts : dict of DoseKind to StatedAmounts
        Until the best response and over all cycles.
    time_to_growth_d : float or None
        Days from the last cycle to growth, or to the last scan without it.
    grew : bool or None
        Whether growth was seen.
    """

    origin: CellOrigin
    patient: str
    tumour: str
    grade: str | None
    primary: str | None
    exclusion: Exclusion | None
    baseline_ml: float | None
    reduction: float | None
    u_reduction: float | None
    reduction_after: float | None
    amounts: dict[DoseKind, StatedAmounts]
    time_to_growth_d: float | None
    grew: bool | None

    @property
    def key(self) -> TumourKey:
        """Patient and tumour."""
        return self.patient, self.tumour


@dataclass(frozen=True, slots=True)
class TumourVolume:
    """A volume on one scan; ``u_ml`` is ``None`` where it is not stated."""

    origin: CellOrigin
    key: TumourKey
    day: date
    volume_ml: float
    u_ml: float | None


@dataclass(frozen=True, slots=True)
class CycleDose:
    """The dose of one cycle to one tumour.

    Attributes
    ----------
    cycle : str
        Name of the cycle.
    day : date
        Of the administration.
    dose_gy : float or None
        ``None`` where it was not determined.
    u_gy, u_shared_gy : float or None
        Standard uncertainty, and the part of it that all cycles of the tumour share (volume, calibration).
    activity_gbq : float or None
        Administered.
    """

    origin: CellOrigin
    key: TumourKey
    cycle: str
    day: date
    dose_gy: float | None
    u_gy: float | None
    u_shared_gy: float | None
    activity_gbq: float | None
