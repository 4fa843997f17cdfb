"""Images from what the scanner stored to activity concentration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from theradose.model.arrays import Array, frozen
from theradose.model.equipment import Equipment
from theradose.model.grid import Volume


class ImageUnit(StrEnum):
    """What the values of an emission image mean."""

    BQ_PER_ML = "Bq/mL"
    COUNTS = "counts"
    COUNTS_PER_SECOND = "cps"


class DecayKind(StrEnum):
    """Moment to which the stored values are decay-corrected."""

    ACQUISITION = "acquisition"
    """Not corrected (DICOM NONE): values are means over the frame."""
    SERIES_START = "series-start"
    """Corrected to the start of the series (DICOM START)."""
    ADMINISTRATION = "administration"
    """Corrected to the administration (DICOM ADMIN)."""
    EXPLICIT = "explicit"
    """Corrected to a stated moment."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One conclusion of the reader: where it came from and whether it is an assumption.

    Attributes
    ----------
    quantity : str
        What was concluded (``unit``, ``decay reference``, ``acquisition start`` …).
    value : str
        The conclusion.
    source : str
        DICOM tag and keyword, file header key, or ``study``.
    assumed : bool
        True if the source only suggests the conclusion.
    """

    quantity: str
    value: str
    source: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class DecayReference:
    """The moment to which stored values refer; `moment` is needed unless the kind is ``acquisition``."""

    kind: DecayKind
    moment: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EmissionImage:
    """An emission image as stored, with everything needed to turn it into activity.

    Attributes
    ----------
    volume : Volume
        Values in `unit`, rescaled but not decay-corrected by us.
    unit : ImageUnit
        Meaning of the values. ``counts`` are counts per voxel over the whole acquisition.
    decay_reference : DecayReference
        Moment to which the values refer.
    acquired_at : datetime
        Start of the first frame. Without offset it is local time of the study.
    frame_duration_s : float or None
        Length of a frame, for decay during the acquisition. For SPECT the whole rotation.
    slice_delay_s : ndarray or None
        Start of each slice's frame after `acquired_at`, shape (z,), for multi-bed acquisitions.
    count_duration_s : float or None
        Time over which counts were collected, for ``counts`` images.
    total_counts : float or None
        Counts in the acquired projections, for counting statistics and dead time.
    nuclide : str or None
        Nuclide stated by the file, as ``Lu-177``.
    modality : str
        DICOM modality, or the file format's name.
    evidence : tuple of Evidence
        What was concluded from what.
    equipment : Equipment or None
        What a calibration is compared with; ``None`` if the file format does not tell it.
    """

    volume: Volume
    unit: ImageUnit
    decay_reference: DecayReference
    acquired_at: datetime
    frame_duration_s: float | None
    slice_delay_s: Array | None
    count_duration_s: float | None
    total_counts: float | None
    nuclide: str | None
    modality: str
    evidence: tuple[Evidence, ...] = ()
    equipment: Equipment | None = None

    def __post_init__(self) -> None:
        if self.slice_delay_s is not None:
            object.__setattr__(self, "slice_delay_s", frozen(self.slice_delay_s, float))


@dataclass(frozen=True, slots=True, eq=False)
class ActivityMap(Volume):
    """Activity concentration in MBq/mL at `t_h`, the start of the frame.

    Attributes
    ----------
    t_h : float
        Hours after the start of the first administration.
    nuclide : str
        As ``Lu-177``.
    calibration : str
        Name of the calibration used; uncertain numbers carry it as source ``calibration:<name>``.
    calibration_relative_u : float or None
        Its relative standard uncertainty; ``None`` if nobody stated it.
    counts_per_mbq : float or None
        Counts collected per MBq in view, for the counting uncertainty of regions.
    """

    t_h: float = 0.0
    nuclide: str = ""
    calibration: str = ""
    calibration_relative_u: float | None = None
    counts_per_mbq: float | None = None

    @property
    def total_mbq(self) -> float:
        """Activity in the whole field of view."""
        return float(self.data.sum(dtype="float64")) * self.grid.voxel_volume_ml
