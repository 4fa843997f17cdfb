"""Thyroid uptake measurements and the curve that they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from theradose.model.arrays import Array, frozen
from theradose.model.curve import TimeActivityCurve
from theradose.model.samples import CellOrigin


@dataclass(frozen=True, slots=True)
class UptakeReading:
    """One row of a table of thyroid uptake measurements, by probe or gamma camera; ``None`` is not stated.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    measured_at, t_h : datetime or None, float or None
        Moment of the measurement, or hours after the start of the administration.
    neck_counts, thigh_counts : float, float or None
        Counts over the neck, and over the thigh for the activity in the blood of the neck.
    counting_s : float
        Counting time of each of the two.
    standard_counts, room_counts : float or None
        Counts over the neck phantom with the standard, and without any activity.
    standard_counting_s : float or None
        Counting time of each of the two.
    standard_counted_at : datetime or None
        When the standard was counted; the moment of the measurement if not stated.
    standard_mbq, u_standard_mbq : float or None
        Activity of the standard, and its standard uncertainty.
    standard_at : datetime or None
        To which moment that activity belongs; when the standard was counted if not stated.
    """

    origin: CellOrigin
    measured_at: datetime | None
    t_h: float | None
    neck_counts: float
    thigh_counts: float | None
    counting_s: float
    standard_counts: float | None = None
    room_counts: float | None = None
    standard_counting_s: float | None = None
    standard_counted_at: datetime | None = None
    standard_mbq: float | None = None
    u_standard_mbq: float | None = None
    standard_at: datetime | None = None

    @property
    def has_standard(self) -> bool:
        """Whether the row states a measurement of the standard."""
        return self.standard_counts is not None


@dataclass(frozen=True, slots=True, eq=False)
class UptakeCurve:
    """Activity in the thyroid over time.

    Attributes
    ----------
    curve : TimeActivityCurve
        MBq, physical decay included.
    uptake : ndarray, shape (n,)
        Fraction of the administered activity, physical decay taken out.
    """

    curve: TimeActivityCurve
    uptake: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "uptake", frozen(self.uptake, float))
