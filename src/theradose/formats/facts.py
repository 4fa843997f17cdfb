"""What an image file says about itself: the common result of all readers, before anybody decides.

A reader never guesses: what the file does not say stays ``None`` and is named in ``problems``. The values
themselves are read only when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from theradose.model.activity import DecayKind, Evidence, ImageUnit
from theradose.model.arrays import Array
from theradose.model.equipment import Equipment
from theradose.model.grid import Grid
from theradose.model.study import Declaration

NOTHING_DECLARED = Declaration()
"""The user states nothing beyond the file."""


class Effect(StrEnum):
    """What a problem means for the use of an image, in increasing order of severity."""

    NOTE = "ok"
    """Worth knowing; the image can be used."""
    NEEDS_INPUT = "needs-input"
    """Usable once the user states something."""
    REFUSED = "refused"
    """Not usable for dosimetry."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One obstacle or observation, with its code and one sentence."""

    code: str
    message: str
    effect: Effect = Effect.REFUSED


def worst_effect(problems: tuple[Problem, ...]) -> Effect:
    """Return the most severe effect, ``NOTE`` if there is none."""
    order = list(Effect)
    return max((problem.effect for problem in problems), key=order.index, default=Effect.NOTE)


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Where the voxels are.

    Attributes
    ----------
    shape : tuple of int
        Slices, rows, columns.
    grid : Grid or None
        ``None`` if something is missing.
    missing : tuple of str
        What the file does not state, in words.
    evidence, problems : tuple
        How it was concluded, and what stands against it.
    """

    shape: tuple[int, int, int]
    grid: Grid | None
    missing: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class AdministrationFacts:
    """What an image header says about the administration.

    Attributes
    ----------
    nuclide : str or None
        Canonical name, as ``Lu-177``.
    half_life_h : float or None
        Half-life in the header, which is the one the scanner corrected with.
    activity_mbq : float or None
        Administered activity.
    start : datetime or None
        Start of the administration; ``None`` if only a time of day is given that cannot be dated safely.
    undated_start : timedelta or None
        That time of day, since midnight.
    radiopharmaceutical : str
        As written; empty if absent.
    """

    nuclide: str | None = None
    half_life_h: float | None = None
    activity_mbq: float | None = None
    start: datetime | None = None
    undated_start: timedelta | None = None
    radiopharmaceutical: str = ""
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class EmissionFacts:
    """What a file or series with emission data says.

    Attributes
    ----------
    modality : str
        DICOM modality, or the name of the file format.
    geometry : Geometry
        Where the voxels are.
    values : callable
        Reads the values, shape of the geometry, rescaled to `unit`, float32.
    unit : ImageUnit or None
        ``None`` if the file does not state a unit that can become activity.
    unit_stated : str
        The unit as written; empty if absent.
    decay_kind : DecayKind or None
        ``None`` if the file does not say to which moment it is decay-corrected.
    decay_moment : datetime or None
        That moment, where the kind has one and the file states it.
    acquired_at : datetime or None
        Start of the first frame.
    frame_duration_s, count_duration_s, total_counts : float or None
        As in :class:`~theradose.model.activity.EmissionImage`.
    slice_delay_s : ndarray or None
        Start of each slice's frame after `acquired_at`.
    administration : AdministrationFacts
        Nuclide, activity and time of the administration.
    evidence : tuple of Evidence
        What was concluded from what.
    problems : tuple of Problem
        Everything that stands against the use of the image, apart from missing values.
    equipment : Equipment or None
        What a calibration is compared with; ``None`` for formats that do not tell it.
    """

    modality: str
    geometry: Geometry
    values: Callable[[], Array]
    unit: ImageUnit | None = None
    unit_stated: str = ""
    decay_kind: DecayKind | None = None
    decay_moment: datetime | None = None
    acquired_at: datetime | None = None
    frame_duration_s: float | None = None
    count_duration_s: float | None = None
    total_counts: float | None = None
    slice_delay_s: Array | None = None
    administration: AdministrationFacts = field(default_factory=AdministrationFacts)
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()
    equipment: Equipment | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CtFacts:
    """What a CT says; `values` reads Hounsfield units, float32."""

    geometry: Geometry
    values: Callable[[], Array]
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()
