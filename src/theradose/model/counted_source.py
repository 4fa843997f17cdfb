"""What is measured to calibrate an instrument: sources that were counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from theradose.model.samples import CellOrigin

Arrangement = Literal["1", "2", "1+2"]


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts of a source, and of the background where it was measured.

    Attributes
    ----------
    origin : CellOrigin
        Where it stands; line 0 for an image.
    measured_at : datetime
        Start of counting.
    counts, counting_s : float
        Gross counts and the time over which they were collected.
    background_counts, background_s : float or None
        The same without the source; ``None`` if it was not measured.
    u_counts : float or None
        Standard uncertainty of `counts`; ``None`` is that of a Poisson number, 0 is not stated.
    """

    origin: CellOrigin
    measured_at: datetime
    counts: float
    counting_s: float
    background_counts: float | None = None
    background_s: float | None = None
    u_counts: float | None = None


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A counted source of known activity.

    Attributes
    ----------
    counting : Counting
        What was counted.
    activity_mbq, activity_at : float, datetime
        Reading of the activity meter and its moment.
    relative_u_activity : float or None
        Relative standard uncertainty of the reading; ``None`` is not stated.
    volume_ml, distance_cm : float or None
        Filling of a tube, and distance from a probe.
    counted_share : float
        Part of the activity that lies in the region in which the counts were taken.
    other_relative_u : mapping of str to float
        Further relative standard uncertainties by source (``volume-of-interest``).
    """

    counting: Counting
    activity_mbq: float
    activity_at: datetime
    relative_u_activity: float | None
    volume_ml: float | None = None
    distance_cm: float | None = None
    counted_share: float = 1.0
    other_relative_u: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RateReading:
    """One row of a table of count rates for a dead time.

    Attributes
    ----------
    counting : Counting
        What was counted.
    arrangement : {"1", "2", "1+2"} or None
        Which of two sources were there; ``None`` for one decaying source.
    """

    counting: Counting
    arrangement: Arrangement | None


@dataclass(frozen=True, slots=True)
class PhantomSphere:
    """One row of a table of the spheres of a phantom.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    name : str
        Of the sphere.
    volume_ml, relative_u_volume : float, float or None
        Volume and its relative standard uncertainty.
    position_mm : tuple of float
        Nominal centre in LPS mm (x, y, z).
    activity_mbq, activity_at : float, datetime
        Activity inside and its moment.
    relative_u_activity : float or None
        Relative standard uncertainty of the activity; ``None`` is not stated.
    """

    origin: CellOrigin
    name: str
    volume_ml: float
    relative_u_volume: float | None
    position_mm: tuple[float, float, float]
    activity_mbq: float
    activity_at: datetime
    relative_u_activity: float | None


@dataclass(frozen=True, slots=True)
class ConstancyReading:
    """A reading of a long-lived source: which one, of what, and its counting."""

    counting: Counting
    source: str
    nuclide: str
