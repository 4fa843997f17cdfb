"""Planar views from the front and from the back, and what is measured on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from theradose.errors import GeometryError
from theradose.model.activity import Evidence
from theradose.model.arrays import Array, frozen
from theradose.model.equipment import Equipment
from theradose.uncertainty import Uncertain

Technique = Literal["static", "whole-body"]


class View(StrEnum):
    """Side of the patient on which the detector stood."""

    ANTERIOR = "anterior"
    POSTERIOR = "posterior"


@dataclass(frozen=True, slots=True, order=True)
class EnergyWindow:
    """An energy window of the camera, keV."""

    low_kev: float
    high_kev: float

    @property
    def width_kev(self) -> float:
        """Width of the window."""
        return self.high_kev - self.low_kev

    @property
    def centre_kev(self) -> float:
        """Middle of the window."""
        return (self.low_kev + self.high_kev) / 2

    def __str__(self) -> str:
        return f"{self.low_kev:g} to {self.high_kev:g} keV"


@dataclass(frozen=True, slots=True, eq=False)
class PlanarPair:
    """Two opposite views that lie over each other: head up, the patient's right on the left in both.

    Attributes
    ----------
    windows : tuple of EnergyWindow
        Energy windows of the images.
    anterior, posterior : ndarray, shape (windows, rows, columns)
        Counts. The posterior view is turned, so that a pixel has the same place in the patient in both.
    spacing_mm : tuple of float
        Size of a pixel (row, column).
    acquired_at : datetime
        Start of the acquisition. Without offset it is local time of the study.
    exposure_s : float
        Time over which a pixel collected counts.
    elapsed_s : float
        Length of the acquisition; that of a whole-body scan is longer than the exposure of a pixel.
    technique : {"static", "whole-body"}
        Whether the detectors stood or moved along the patient.
    nuclide : str or None
        Nuclide stated by the file or the study, as ``Lu-177``.
    evidence : tuple of Evidence
        What was concluded from what.
    equipment : Equipment or None
        What the header says of the camera; ``None`` if the images come from no file.
    """

    windows: tuple[EnergyWindow, ...]
    anterior: Array
    posterior: Array
    spacing_mm: tuple[float, float]
    acquired_at: datetime
    exposure_s: float
    elapsed_s: float
    technique: Technique
    nuclide: str | None
    evidence: tuple[Evidence, ...] = ()
    equipment: Equipment | None = None

    def __post_init__(self) -> None:
        for name in ("anterior", "posterior"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        if self.anterior.shape != self.posterior.shape or self.anterior.ndim != 3:
            raise GeometryError(
                f"The anterior view has {self.anterior.shape} pixels and the posterior {self.posterior.shape}: both "
                "need the same windows, rows and columns.",
                code="planar-shapes",
            )
        if len(self.windows) != len(self.anterior):
            raise GeometryError("Each planar image needs its energy window.", code="planar-windows")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.anterior.shape[1]), int(self.anterior.shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class SourceView:
    """One view of a calibration source.

    Attributes
    ----------
    counts : ndarray, shape (windows, rows, columns)
        Counts, as stored: the place of a source in the view does not matter.
    acquired_at : datetime
        Start of this view.
    """

    counts: Array
    acquired_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", frozen(self.counts, float))


@dataclass(frozen=True, slots=True, eq=False)
class SourceViews:
    """A single static view of a calibration source, or two opposite ones.

    Attributes
    ----------
    views : tuple of SourceView
        One or two.
    windows : tuple of EnergyWindow
        Energy windows, the same in all views.
    spacing_mm : tuple of float
        Size of a pixel (row, column).
    exposure_s : float
        Time over which each view collected counts.
    equipment : Equipment
        What the header says of the camera.
    files : tuple of Path
        Behind them.
    """

    views: tuple[SourceView, ...]
    windows: tuple[EnergyWindow, ...]
    spacing_mm: tuple[float, float]
    exposure_s: float
    equipment: Equipment
    files: tuple[Path, ...]

    @property
    def acquired_at(self) -> datetime:
        """Start of the first view."""
        return min((view.acquired_at for view in self.views), key=lambda moment: moment.replace(tzinfo=None))


@dataclass(frozen=True, slots=True, eq=False)
class PlanarRegion:
    """What a region showed on one planar pair.

    Attributes
    ----------
    region : str
        Name of the region.
    rate : Uncertain
        Geometric mean of the net count rates of both views, cps, corrected to a source in air of which nothing is
        lost; its source is ``planar:<region>:<time point>``, which is independent between time points.
    gross_cps, background_cps : float
        Geometric means of what the region of interest holds and of what was subtracted, not corrected for attenuation.
    overlap : float or None
        What other regions add to the net counts, relative to the region's own, by the projected SPECT; ``None`` where
        it has no meaning.
    area_share : float
        Part of the projected region that was measured.
    covered_share : float
        Part of the projected region's area over which other regions lie.
    mask : ndarray of bool, shape (rows, columns)
        Region of interest on the pair.
    background : ndarray of bool, shape (rows, columns)
        Background region; no pixel if none was subtracted.
    method : str
        Background method.
    activity_mbq : Uncertain or None
        Activity by planar images alone; ``None`` without a planar sensitivity.
    """

    region: str
    rate: Uncertain
    gross_cps: float
    background_cps: float
    overlap: float | None
    area_share: float
    covered_share: float
    mask: Array
    background: Array
    method: str
    activity_mbq: Uncertain | None = None

    def __post_init__(self) -> None:
        for name in ("mask", "background"):
            object.__setattr__(self, name, frozen(getattr(self, name), bool))

    @property
    def contrast(self) -> float:
        """Net counts over background counts; infinite without background."""
        net = self.gross_cps - self.background_cps
        return net / self.background_cps if self.background_cps > 0 else float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class PlanarAlignment:
    """How a planar pair lies to the projected SPECT/CT.

    Attributes
    ----------
    shift_mm : tuple of float
        By which the patient lies further (towards the head, towards the left) than at the reference.
    correlation : float
        Of the pair with the projection, 1 at best.
    """

    shift_mm: tuple[float, float]
    correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class PlanarTimepoint:
    """One planar time point, measured.

    Attributes
    ----------
    id : str
        Id in the study.
    t_h : float
        Hours after the start of the administration.
    pair : PlanarPair
        The images.
    image : ndarray, shape (rows, columns)
        Geometric mean of both views after scatter correction, cps, for pictures.
    dead_time_factor : float or None
        True over observed count rate; ``None`` if no dead time was applied.
    scatter : str
        How scattered photons were removed.
    alignment : PlanarAlignment or None
        ``None`` without SPECT/CT.
    regions : mapping of str to PlanarRegion
        What was measured, by region.
    """

    id: str
    t_h: float
    pair: PlanarPair
    image: Array
    dead_time_factor: float | None
    scatter: str
    alignment: PlanarAlignment | None
    regions: Mapping[str, PlanarRegion] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", frozen(self.image, float))
