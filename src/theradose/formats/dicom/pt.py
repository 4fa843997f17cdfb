"""Reading PET objects, which often hold quantitative SPECT."""

from __future__ import annotations

from functools import partial

from theradose.formats.dicom.administration import read_administration
from theradose.formats.dicom.equipment import (
    collimator_code,
    describe_equipment,
    energy_windows_kev,
    read_equipment,
    window_words,
)
from theradose.formats.dicom.geometry import stack_of_files
from theradose.formats.dicom.scale import read_scale, read_values
from theradose.formats.dicom.series import Series
from theradose.formats.dicom.timing import first_acquisition, read_timing
from theradose.formats.dicom.values import read_integer, read_texts, tag_label
from theradose.formats.facts import NOTHING_DECLARED, EmissionFacts, Problem
from theradose.model.activity import Evidence, ImageUnit
from theradose.model.study import Declaration

_NOT_STATIC = ("DYNAMIC", "GATED")
_COLLIMATORS_WITH_HOLES = ("PARA", "PINH", "FANB", "CONE", "SLNT", "ASTG")
_PET_WINDOW_ABOVE_KEV = 500.0


def read_pt(series: Series, declaration: Declaration = NOTHING_DECLARED) -> EmissionFacts:
    """Describe a PET series: one slice per file, values in ``Units``.

    Parameters
    ----------
    series : Series
        Files of SOP class Positron Emission Tomography Image Storage.
    declaration : Declaration
        Orientation, position and spacing that the user states.
    """
    stack = stack_of_files(series, declaration)
    scale = read_scale(series)
    administration = read_administration(series.dataset, first_acquisition(series))
    timing = read_timing(series, stack.order, administration, in_activity=scale.unit is ImageUnit.BQ_PER_ML)
    counts = [instance.counts for instance in series.instances]
    total_counts = None if None in counts else sum(count for count in counts if count is not None)
    evidence = (*scale.evidence, *timing.evidence, *administration.evidence, *stack.geometry.evidence)
    return EmissionFacts(
        modality=series.modality,
        geometry=stack.geometry,
        values=partial(read_values, series, stack, scale),
        unit=scale.unit,
        unit_stated=scale.stated,
        decay_kind=timing.decay_kind,
        decay_moment=timing.decay_moment,
        acquired_at=timing.acquired_at,
        frame_duration_s=timing.frame_duration_s,
        count_duration_s=timing.frame_duration_s if scale.unit is ImageUnit.COUNTS else None,
        total_counts=total_counts,
        slice_delay_s=timing.slice_delay_s,
        administration=administration,
        evidence=(*evidence, *read_equipment(series), *_spect_evidence(series)),
        problems=(
            *_series_problems(series),
            *stack.geometry.problems,
            *timing.problems,
            *administration.problems,
        ),
        equipment=describe_equipment(
            series, spacing_mm=stack.geometry.grid.spacing_mm if stack.geometry.grid is not None else None
        ),
    )


def _series_problems(series: Series) -> tuple[Problem, ...]:
    kind = read_texts(series.dataset, "SeriesType")[:1]
    if kind and kind[0] in _NOT_STATIC:
        return (
            Problem(
                "several-volumes",
                f"The series is {kind[0].lower()}, with several volumes of the same body: "
                "give a static or whole-body series.",
            ),
        )
    stated = read_integer(series.dataset, "NumberOfSlices")
    present = series.shape[0]
    if stated > present:
        return (
            Problem(
                "missing-slices",
                f"The header states {stated} slices but {present} are here: send the whole series.",
            ),
        )
    return ()


def _spect_evidence(series: Series) -> tuple[Evidence, ...]:
    """Say if the object cannot be PET: a collimator with holes, or a window below 511 keV."""
    collimator = collimator_code(series.dataset)
    below = tuple(window for window in energy_windows_kev(series.dataset) if window[1] < _PET_WINDOW_ABOVE_KEV)
    if not below and collimator not in _COLLIMATORS_WITH_HOLES:
        return ()
    keywords = [name for name, found in (("CollimatorType", collimator), ("EnergyWindowRangeSequence", below)) if found]
    window = f", energy window {window_words(below)}" if below else ""
    return (
        Evidence(
            "acquisition",
            f"SPECT in a PET object (collimator {collimator or 'not stated'}{window})",
            ", ".join(map(tag_label, keywords)),
        ),
    )
