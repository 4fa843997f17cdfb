"""Reading nuclear medicine objects: reconstructed volumes, projections and planar images."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from theradose.formats.dicom.administration import read_administration
from theradose.formats.dicom.equipment import describe_equipment, read_equipment
from theradose.formats.dicom.geometry import stack_of_files, stack_of_frames
from theradose.formats.dicom.scale import read_scale, read_values
from theradose.formats.dicom.series import Series
from theradose.formats.dicom.timing import corrected_for_decay, first_acquisition, read_timing
from theradose.formats.dicom.values import read_items, read_number, read_numbers, read_text, read_texts, tag_label
from theradose.formats.facts import NOTHING_DECLARED, EmissionFacts, Problem
from theradose.model.activity import DecayKind, Evidence, ImageUnit
from theradose.model.study import Declaration

_SINGLE_VECTORS = {
    "EnergyWindowVector": "energy windows",
    "RRIntervalVector": "cardiac phases",
    "TimeSlotVector": "time slots",
    "PhaseVector": "phases",
    "TimeSliceVector": "time slices",
}


class NmKind(StrEnum):
    """What a nuclear medicine object holds."""

    VOLUME = "volume"
    PROJECTIONS = "projections"
    PLANAR = "planar"
    UNKNOWN = "unknown"


def classify_nm(series: Series) -> NmKind:
    """Say what an object holds from the third value of Image Type."""
    values = read_texts(series.dataset, "ImageType")
    acquisition = values[2] if len(values) > 2 else ""
    if acquisition.startswith("RECON"):
        return NmKind.VOLUME
    if "TOMO" in acquisition:
        return NmKind.PROJECTIONS
    if acquisition in ("STATIC", "WHOLE BODY", "DYNAMIC", "GATED"):
        return NmKind.PLANAR
    return NmKind.UNKNOWN


def read_nm(series: Series, declaration: Declaration = NOTHING_DECLARED) -> EmissionFacts:
    """Describe a reconstructed volume.

    The values are counts unless a real world value mapping or ``Units`` says otherwise; only a declaration or
    a calibration turns that convention into a decision, so the unit stays unknown here.

    Parameters
    ----------
    series : Series
        One multi-frame file, or one file per slice.
    declaration : Declaration
        Orientation, position and spacing that the user states.
    """
    single_files = len(series.instances) > 1
    stack = stack_of_files(series, declaration) if single_files else stack_of_frames(series, declaration)
    scale = read_scale(series)
    administration = read_administration(series.dataset, first_acquisition(series))
    timing = read_timing(
        series, stack.order if single_files else (0,), administration, in_activity=scale.unit is ImageUnit.BQ_PER_ML
    )
    kind = timing.decay_kind
    decay_evidence: tuple[Evidence, ...] = ()
    if kind is None and read_text(series.dataset, "CorrectedImage") and not corrected_for_decay(series):
        kind = DecayKind.ACQUISITION
        source = f"{tag_label('CorrectedImage')} without DECY"
        decay_evidence = (Evidence("decay reference", f"{kind.value} (not corrected)", source, assumed=True),)
    rotation_s, duration_evidence = _rotation_duration(series)
    return EmissionFacts(
        modality=series.modality,
        geometry=stack.geometry,
        values=partial(read_values, series, stack, scale),
        unit=scale.unit,
        unit_stated=scale.stated,
        decay_kind=kind,
        decay_moment=timing.decay_moment,
        acquired_at=timing.acquired_at,
        # Without the rotations a frame may be one projection or all of them: too vague to count by.
        frame_duration_s=timing.frame_duration_s if rotation_s is None else rotation_s,
        count_duration_s=rotation_s,
        total_counts=series.instances[0].counts if not single_files else None,
        slice_delay_s=timing.slice_delay_s if single_files else None,
        administration=administration,
        evidence=(
            *scale.evidence,
            *timing.evidence,
            *decay_evidence,
            *duration_evidence,
            *administration.evidence,
            *stack.geometry.evidence,
            *read_equipment(series),
        ),
        problems=(
            *_frame_problems(series),
            *stack.geometry.problems,
            *timing.problems,
            *administration.problems,
        ),
        equipment=describe_equipment(
            series, spacing_mm=stack.geometry.grid.spacing_mm if stack.geometry.grid is not None else None
        ),
    )


def _frame_problems(series: Series) -> tuple[Problem, ...]:
    """Refuse objects whose frames are not the slices of one volume."""
    image_type = read_texts(series.dataset, "ImageType")
    if len(image_type) > 2 and "GATED" in image_type[2]:
        return (Problem("several-volumes", "The object is gated, with one volume per phase: give the ungated one."),)
    for keyword, meaning in _SINGLE_VECTORS.items():
        count = len(set(read_numbers(series.dataset, keyword)))
        if count > 1:
            return (
                Problem(
                    "several-volumes",
                    f"The object holds {count} {meaning} ({tag_label(keyword)}): give one volume per object.",
                ),
            )
    slices = read_numbers(series.dataset, "SliceVector")
    if len(set(slices)) < len(slices):
        return (
            Problem(
                "several-volumes",
                f"The object holds {len(slices)} frames of {len(set(slices))} slices: give one volume per object.",
            ),
        )
    return ()


def _rotation_duration(series: Series) -> tuple[float | None, tuple[Evidence, ...]]:
    """Return the length of the rotations: time per projection times projections, over all rotations."""
    total = 0.0
    views = []
    for item in read_items(series.dataset, "RotationInformationSequence"):
        per_frame_ms = read_number(item, "ActualFrameDuration")
        frames = read_number(item, "NumberOfFramesInRotation")
        if not per_frame_ms or not frames:
            return None, ()
        total += per_frame_ms * frames / 1000
        views.append(f"{frames:g} views of {per_frame_ms / 1000:g} s")
    if total == 0:
        return None, ()
    source = (
        f"{tag_label('RotationInformationSequence')} {tag_label('ActualFrameDuration')} × "
        f"{tag_label('NumberOfFramesInRotation')}"
    )
    return total, (Evidence("acquisition duration", f"{total:g} s ({', '.join(views)})", source),)
