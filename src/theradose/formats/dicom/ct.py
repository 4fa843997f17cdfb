"""Reading CT as Hounsfield units."""

from __future__ import annotations

from functools import partial

from theradose.formats.dicom.geometry import stack_of_files, stack_of_groups
from theradose.formats.dicom.scale import Scale, read_values
from theradose.formats.dicom.series import Series
from theradose.formats.dicom.uids import ENHANCED_CT_IMAGE
from theradose.formats.dicom.values import read_items, read_number, read_text, read_texts, tag_label
from theradose.formats.facts import NOTHING_DECLARED, CtFacts, Problem
from theradose.model.activity import Evidence
from theradose.model.study import Declaration


def read_ct(series: Series, declaration: Declaration = NOTHING_DECLARED) -> CtFacts:
    """Describe a CT series.

    Parameters
    ----------
    series : Series
        One slice per file, or one enhanced multi-frame file.
    declaration : Declaration
        Orientation, position and spacing that the user states.
    """
    if series.sop_class == ENHANCED_CT_IMAGE:
        return _read_enhanced(series, declaration)
    stack = stack_of_files(series, declaration)
    rescale_type = read_text(series.dataset, "RescaleType") or "HU"
    slopes = [instance.slope for instance in series.instances]
    problems = _scale_problems(rescale_type, stated=None not in slopes)
    localizer = "LOCALIZER" in read_texts(series.dataset, "ImageType")
    if localizer:
        problems = (Problem("ct-localizer", "The images are localizers, not slices."),)
    return CtFacts(
        geometry=stack.geometry,
        values=partial(read_values, series, stack, None),
        evidence=(
            Evidence("unit", "HU", tag_label("RescaleType"), assumed="RescaleType" not in series.dataset),
            *stack.geometry.evidence,
        ),  # fmt: skip
        problems=(*problems, *stack.geometry.problems),
    )


def _read_enhanced(series: Series, declaration: Declaration) -> CtFacts:
    stack = stack_of_groups(series, declaration)
    transform = None
    for group in read_items(series.dataset, "SharedFunctionalGroupsSequence"):
        for item in read_items(group, "PixelValueTransformationSequence"):
            transform = item
    slope = None if transform is None else read_number(transform, "RescaleSlope")
    rescale_type = "" if transform is None else read_text(transform, "RescaleType")
    intercept = 0.0 if transform is None else read_number(transform, "RescaleIntercept") or 0.0
    scale = Scale(None, "HU", () if slope is None else ((slope, intercept),) * len(series.instances))
    return CtFacts(
        geometry=stack.geometry,
        values=partial(read_values, series, stack, scale),
        evidence=(Evidence("unit", rescale_type, tag_label("RescaleType")), *stack.geometry.evidence),
        problems=(*_scale_problems(rescale_type, stated=slope is not None), *stack.geometry.problems),
    )


def _scale_problems(rescale_type: str, *, stated: bool) -> tuple[Problem, ...]:
    if not stated or rescale_type != "HU":
        given = f"are in '{rescale_type}'" if stated else "have no rescale slope"
        return (Problem("ct-not-hu", f"The CT values {given}, not in Hounsfield units: give the original CT series."),)
    return ()
