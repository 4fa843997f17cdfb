"""Physical decay between the moment to which stored values refer and the start of the frame.

References
----------
[DICOMPS3.3]_, section C.8.9.1, Decay Correction (0054,1102): NONE, START and ADMIN.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.errors import StudyError
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.model.activity import DecayKind, EmissionImage, Evidence
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.quantify.times import hours_since

_MINUTES_OF_EXAMPLE = 10


@dataclass(frozen=True, slots=True, eq=False)
class DecayCorrection:
    """What turns stored values into values at the start of the first frame.

    Attributes
    ----------
    slice_factor : ndarray, shape (z,)
        Factor for each slice.
    evidence : tuple of Evidence
        What was found and done.
    """

    slice_factor: Array
    evidence: tuple[Evidence, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "slice_factor", frozen(self.slice_factor, float))


def correct_decay(
    image: EmissionImage, *, administered_at: datetime, timezone: str | None, nuclide: Nuclide
) -> tuple[DecayCorrection, tuple[Finding, ...]]:
    """Return the factors that turn the values of an image into values at the start of its first frame.

    Slices that were acquired later (several beds) are brought back to the start of the first frame by
    physical decay, so that the whole map belongs to one moment.

    Parameters
    ----------
    image : EmissionImage
        Values as stored, shape (z, y, x).
    administered_at : datetime
        Start of the first administration, to which ``administration`` refers unless the image says otherwise.
    timezone : str or None
        IANA time zone of the study.
    nuclide : Nuclide
        Gives the decay constant.

    Raises
    ------
    StudyError
        If the moment to which the values refer is needed and not known.

    References
    ----------
    [DICOMPS3.3]_, section C.8.9.1.
    """
    slices = image.volume.grid.shape[0]
    kind = image.decay_reference.kind
    rate = nuclide.decay_constant_per_h
    if kind is DecayKind.ACQUISITION:
        return _from_frame_means(image, slices, rate)
    moment = image.decay_reference.moment
    if moment is None and kind is DecayKind.ADMINISTRATION:
        moment = administered_at
    if moment is None:
        raise StudyError(
            f"The values are decay-corrected to '{kind}', but that moment is not known: add "
            "'declare: {decay_reference: <date and time>}' to the time point.",
            code="missing-decay-moment",
        )
    elapsed_h, findings = hours_since(moment, image.acquired_at, timezone=timezone)
    factor = decay_factor(decay_constant_per_h=rate, elapsed_h=elapsed_h)
    done = (
        f"values refer to {moment.isoformat()} ({kind}); multiplied by {factor:.6g} for {elapsed_h:.4g} h of "
        "physical decay to the start of the frame"
    )
    evidence = (Evidence("decay correction", done, f"half-life {nuclide.half_life_h.value:g} h"),)
    return DecayCorrection(np.full(slices, factor), evidence), findings


def _from_frame_means(image: EmissionImage, slices: int, rate: float) -> tuple[DecayCorrection, tuple[Finding, ...]]:
    delay_s = np.zeros(slices) if image.slice_delay_s is None else image.slice_delay_s
    to_first_frame = np.exp(rate * delay_s / 3600)
    if image.frame_duration_s is None:
        example = float(frame_start_factor(decay_constant_per_h=rate, duration_h=_MINUTES_OF_EXAMPLE / 60))
        finding = Finding(
            "frame-duration-missing",
            "warning",
            "The values are means over the acquisition, but its duration is not known: activities are too low by "
            f"about {100 * (example - 1):.2g} % per {_MINUTES_OF_EXAMPLE} minutes; add "
            "'declare: {frame_duration: …}' to the time point.",
        )
        evidence = (Evidence("decay correction", "none: duration of the frame unknown", "image", True),)
        return DecayCorrection(to_first_frame, evidence), (finding,)
    in_frame = float(frame_start_factor(decay_constant_per_h=rate, duration_h=image.frame_duration_s / 3600))
    done = (
        f"values are means over frames of {image.frame_duration_s:g} s; multiplied by {in_frame:.6g} to the "
        "start of the frame"
    )
    if delay_s.any():
        done += f" and by up to {to_first_frame.max():.6g} to the start of the first bed"
    evidence = (Evidence("decay correction", done, "frame duration of the image"),)
    return DecayCorrection(in_frame * to_first_frame, evidence), ()
