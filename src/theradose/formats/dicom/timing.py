"""When an image was acquired, and to which moment its values are decay-corrected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.formats.decay import frame_start_factor
from theradose.formats.dicom.series import Instance, Series
from theradose.formats.dicom.values import hours_between, read_date_time, read_text, read_texts, tag_label
from theradose.formats.facts import AdministrationFacts, Effect, Problem
from theradose.model.activity import DecayKind, Evidence
from theradose.model.arrays import Array

_DECAY_FACTOR_TOLERANCE = 0.01
_CORRECTIONS = {
    "NONE": DecayKind.ACQUISITION,
    "START": DecayKind.SERIES_START,
    "ADMIN": DecayKind.ADMINISTRATION,
}


@dataclass(frozen=True, slots=True, eq=False)
class Timing:
    """Times of an emission image, as in :class:`~theradose.formats.facts.EmissionFacts`."""

    acquired_at: datetime | None
    frame_duration_s: float | None
    slice_delay_s: Array | None
    decay_kind: DecayKind | None
    decay_moment: datetime | None
    evidence: tuple[Evidence, ...]
    problems: tuple[Problem, ...]


def first_acquisition(series: Series) -> datetime | None:
    """Return the start of the earliest frame, ``None`` unless every file states its start."""
    times = [instance.acquired_at for instance in series.instances if instance.acquired_at is not None]
    return min(times) if times and len(times) == len(series.instances) else None


def read_timing(
    series: Series, order: Sequence[int], administration: AdministrationFacts, *, in_activity: bool
) -> Timing:
    """Read the times of a series with one slice per file.

    Parameters
    ----------
    series : Series
        Files of one volume.
    order : sequence of int
        File of each slice of the stack.
    administration : AdministrationFacts
        For the moment of ADMIN and the half-life of the decay-factor check.
    in_activity : bool
        Whether the values are in Bq/mL; only then do decay factors have a meaning here.
    """
    evidence: list[Evidence] = []
    problems: list[Problem] = []
    acquired_at = first_acquisition(series)
    if acquired_at is not None:
        source = f"{tag_label('AcquisitionDate')}, {tag_label('AcquisitionTime')}"
        evidence.append(Evidence("acquisition start", acquired_at.isoformat(sep=" "), source))
    duration = _common_duration(series.instances, evidence)
    delay = _slice_delay(series.instances, order, acquired_at, evidence)
    kind, moment = _decay_reference(series, acquired_at, administration, evidence)
    if in_activity and kind is not None and kind is not DecayKind.ACQUISITION:
        _check_decay_factor(series, kind, moment, acquired_at, delay, order, administration, problems)
    return Timing(acquired_at, duration, delay, kind, moment, tuple(evidence), tuple(problems))


def corrected_for_decay(series: Series) -> bool:
    """Return whether Corrected Image lists a decay correction."""
    return "DECY" in read_texts(series.dataset, "CorrectedImage")


def _common_duration(instances: tuple[Instance, ...], evidence: list[Evidence]) -> float | None:
    durations = [instance.frame_duration_s for instance in instances if instance.frame_duration_s]
    if not durations:
        return None
    duration = float(np.median(durations))
    varying = "" if max(durations) - min(durations) < 1 else f", median of {min(durations):g} to {max(durations):g}"
    evidence.append(Evidence("frame duration", f"{duration:g} s{varying}", tag_label("ActualFrameDuration")))
    return duration


def _slice_delay(
    instances: tuple[Instance, ...],
    order: Sequence[int],
    acquired_at: datetime | None,
    evidence: list[Evidence],
) -> Array | None:
    """Return the start of each slice's frame after the first, ``None`` if all start together.

    Acquisition times that differ say it directly. Otherwise differences of the frame reference times do, which
    hold whether a vendor writes the start or the middle of the frame.
    """
    if acquired_at is not None:
        delays = [(instance.acquired_at - acquired_at).total_seconds() for instance in instances
                  if instance.acquired_at is not None]  # fmt: skip
        source = tag_label("AcquisitionTime")
        if max(delays) <= 0:
            references = [instance.frame_reference_s for instance in instances]
            known = [reference for reference in references if reference is not None]
            if len(known) != len(instances):
                return None
            delays = [reference - min(known) for reference in known]
            source = tag_label("FrameReferenceTime")
        if max(delays) > 0:
            beds = len({round(delay) for delay in delays})
            evidence.append(
                Evidence("bed positions", f"{beds} frames, the last {max(delays):g} s after the first", source)
            )
            return np.array(delays)[list(order)]
    return None


def _decay_reference(
    series: Series,
    acquired_at: datetime | None,
    administration: AdministrationFacts,
    evidence: list[Evidence],
) -> tuple[DecayKind | None, datetime | None]:
    source = tag_label("DecayCorrection")
    stated = read_text(series.dataset, "DecayCorrection")
    kind = _CORRECTIONS.get(stated)
    if kind is None:
        return None, None
    evidence.append(Evidence("decay reference", f"{kind.value} ('{stated}')", source))
    if kind is DecayKind.ADMINISTRATION:
        return kind, administration.start
    if kind is DecayKind.ACQUISITION:
        return kind, None
    series_start = read_date_time(series.dataset, "SeriesDate", "SeriesTime")
    if acquired_at is not None and (series_start is None or series_start > acquired_at):
        evidence.append(
            Evidence(
                "decay reference moment", acquired_at.isoformat(sep=" "), tag_label("AcquisitionTime"), assumed=True
            )  # fmt: skip
        )
        return kind, acquired_at
    if series_start is not None:
        evidence.append(Evidence("decay reference moment", series_start.isoformat(sep=" "), tag_label("SeriesTime")))
    return kind, series_start


def _check_decay_factor(
    series: Series,
    kind: DecayKind,
    moment: datetime | None,
    acquired_at: datetime | None,
    delay: Array | None,
    order: Sequence[int],
    administration: AdministrationFacts,
    problems: list[Problem],
) -> None:
    """Compare the decay factors of the slices with what the stated reference implies."""
    factors = [series.instances[index].decay_factor for index in order]
    half_life_h = administration.half_life_h
    if moment is None or acquired_at is None or not half_life_h or None in factors:
        return
    rate_per_h = math.log(2) / half_life_h
    waited_h = hours_between(moment, acquired_at) + (np.zeros(len(factors)) if delay is None else delay / 3600)
    duration_h = np.array([series.instances[index].frame_duration_s or 0.0 for index in order]) / 3600
    expected = frame_start_factor(decay_constant_per_h=rate_per_h, duration_h=duration_h, delay_h=waited_h)
    ratio = np.array(factors, float) / expected
    worst = float(ratio[np.argmax(np.abs(np.log(ratio)))])
    if abs(worst - 1) > _DECAY_FACTOR_TOLERANCE:
        at = int(np.argmax(np.abs(np.log(ratio))))
        problems.append(
            Problem(
                "decay-factor-differs",
                f"The decay factor is {factors[at]:g}, but correction to the {kind.value.replace('-', ' ')} implies "
                f"{expected[at]:.4g}: the stated decay reference is followed, so check the activity.",
                Effect.NOTE,
            )
        )
