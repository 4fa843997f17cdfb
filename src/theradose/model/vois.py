"""Volumes of interest in marrow, one row per treatment and image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from theradose.model.curve import TimeActivityCurve
from theradose.model.samples import CellOrigin, TreatmentSeries
from theradose.uncertainty import Uncertain

VoiQuantity = Literal["activity_mbq", "concentration_mbq_l"]
"""Column that holds the value of a row."""


@dataclass(frozen=True, slots=True)
class VoiImage:
    """One row of a table of volumes of interest; ``None`` is not stated.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    measured_at : datetime or None
        Moment of the image.
    t_h : float or None
        The same as hours after the start of the administration.
    quantity : {"activity_mbq", "concentration_mbq_l"}
        What the row states.
    concentration_mbq_l, u_mbq_l : float, float or None
        Activity concentration in the volume when the image was taken, and its standard uncertainty.
    volume_ml : float or None
        Of the volume.
    density_g_per_ml : float or None
        Its mean density.
    """

    origin: CellOrigin
    measured_at: datetime | None
    t_h: float | None
    quantity: VoiQuantity
    concentration_mbq_l: float
    u_mbq_l: float | None
    volume_ml: float | None
    density_g_per_ml: float | None


@dataclass(frozen=True, slots=True)
class VoiSeries(TreatmentSeries):
    """The images of one treatment, in the order of the file.

    Attributes
    ----------
    images : tuple of VoiImage
        At least one.
    """

    images: tuple[VoiImage, ...]

    @property
    def origin(self) -> CellOrigin:
        """Where its first row stands."""
        return self.images[0].origin


@dataclass(frozen=True, slots=True, eq=False)
class VoiCurve:
    """Concentration in a treatment's volume over time.

    Attributes
    ----------
    series : VoiSeries
        Where it comes from.
    curve : TimeActivityCurve
        MBq/mL instead of MBq, as measured.
    density_g_per_ml : Uncertain
        Mean over the images that state it.
    volume_ml : float or None
        The same for the volume.
    """

    series: VoiSeries
    curve: TimeActivityCurve
    density_g_per_ml: Uncertain
    volume_ml: float | None
