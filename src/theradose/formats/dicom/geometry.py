"""From slice positions or a multi-frame header to one grid, or to the list of what is missing.

Slices become a grid in the order of their positions along the slice normal. Positions that deviate from equal
steps by more than rounding are resampled linearly onto equal steps; a gap of one slice or more is refused. A
multi-frame nuclear medicine object states its first position and a signed spacing: positive means that
frames follow along the normal (row direction × column direction), negative against it (DICOM PS3.3, NM
Reconstruction module, Spacing Between Slices).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.formats.dicom.series import Series
from theradose.formats.dicom.values import read_items, read_number, read_numbers, read_text, tag_label
from theradose.formats.facts import Effect, Geometry, Problem
from theradose.model.activity import Evidence
from theradose.model.arrays import Array
from theradose.model.grid import Grid
from theradose.model.study import Declaration

_ROUNDING = 0.01
"""Deviation from equal steps, as a fraction of the step, that is rounding of the header."""
_MAX_GAP = 1.5
"""A gap above this multiple of the median gap means that a slice is missing."""
_SAME_POSITION_MM = 1e-3
_LEANING = 1e-3
"""Sideways drift of slice positions per mm along the normal above which the stack is sheared."""
_ORTHONORMAL = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class SliceStack:
    """How stored slices become the slices of a grid.

    Attributes
    ----------
    geometry : Geometry
        Grid, or what is missing.
    order : tuple of int
        Stored slice (file or frame) of each slice of the stack.
    positions_mm : ndarray or None
        Positions of the ordered slices along the normal, where they need resampling; else ``None``.
    """

    geometry: Geometry
    order: tuple[int, ...]
    positions_mm: Array | None = None


def stack_of_files(series: Series, declaration: Declaration) -> SliceStack:
    """Build the stack of a series with one slice per file."""
    shape = series.shape
    positions = [instance.position_mm for instance in series.instances]
    source = tag_label("ImagePositionPatient")
    if len(positions) == 1 and declaration.position_mm is not None:
        positions, source = [declaration.position_mm], "study"
    orientation, orientation_source = _declared(
        declaration.orientation, series.instances[0].orientation, tag_label("ImageOrientationPatient")
    )
    spacing, spacing_source = _pixel_spacing(series.dataset, declaration)
    return _stack(
        shape,
        positions,
        orientation,
        spacing,
        _single_slice_step(series.dataset, declaration),
        series.frame_of_reference,
        (source, orientation_source, spacing_source),
    )


def stack_of_frames(series: Series, declaration: Declaration) -> SliceStack:
    """Build the stack of a multi-frame nuclear medicine object from its detector information."""
    dataset = series.dataset
    detector, place = _detector(dataset)
    orientation, orientation_source = _declared(
        declaration.orientation,
        read_numbers(detector, "ImageOrientationPatient"),
        f"{place}{tag_label('ImageOrientationPatient')}",
    )
    position, position_source = _declared(
        declaration.position_mm,
        read_numbers(detector, "ImagePositionPatient"),
        f"{place}{tag_label('ImagePositionPatient')}",
    )
    spacing, spacing_source = _pixel_spacing(dataset, declaration)
    step, step_source = _declared(
        (declaration.spacing_mm[0],) if declaration.spacing_mm else None,
        read_numbers(dataset, "SpacingBetweenSlices"),
        tag_label("SpacingBetweenSlices"),
    )
    frames = series.shape[0]
    axes = _axes(orientation)
    signed = step[0] if len(step) == 1 and step[0] != 0 else None
    missing = _missing(position, axes, spacing)
    if signed is None and frames > 1:
        thickness = read_text(dataset, "SliceThickness")
        hint = f"; {tag_label('SliceThickness')} is {thickness} mm" if thickness else ""
        missing.append(f"the spacing of the slices ({tag_label('SpacingBetweenSlices')}{hint})")
    if missing or axes is None:
        return SliceStack(Geometry(series.shape, None, tuple(missing)), tuple(range(frames)))
    normal = np.cross(axes[0], axes[1])
    length = signed if signed is not None else read_number(dataset, "SliceThickness") or spacing[0]
    numbers = read_numbers(dataset, "SliceVector")
    slices = [number - 1 for number in numbers] if len(set(numbers)) == frames else range(frames)
    positions = [tuple(np.array(position) + index * length * normal) for index in slices]
    stack = _stack(
        series.shape,
        positions,
        orientation,
        spacing,
        abs(length),
        series.frame_of_reference,
        (position_source, orientation_source, spacing_source),
    )
    found = Evidence("slice spacing", f"{length:g} mm, signed along the slice normal", step_source)
    return _with_evidence(stack, (*stack.geometry.evidence, found))


def stack_of_groups(series: Series, declaration: Declaration) -> SliceStack:
    """Build the stack of an enhanced multi-frame object from its functional groups."""
    dataset = series.dataset
    shared = read_items(dataset, "SharedFunctionalGroupsSequence")
    frames = read_items(dataset, "PerFrameFunctionalGroupsSequence")
    groups = [(frame, *shared) for frame in frames] or [shared]
    positions = [_group_numbers(group, "PlanePositionSequence", "ImagePositionPatient") for group in groups]
    orientations = {_group_numbers(group, "PlaneOrientationSequence", "ImageOrientationPatient") for group in groups}
    spacings = {_group_numbers(group, "PixelMeasuresSequence", "PixelSpacing") for group in groups}
    thickness = _group_numbers(groups[0], "PixelMeasuresSequence", "SliceThickness")
    label = "functional groups "
    orientation, orientation_source = _declared(
        declaration.orientation,
        orientations.pop() if len(orientations) == 1 else (),
        label + tag_label("ImageOrientationPatient"),
    )
    spacing, spacing_source = _declared(
        declaration.spacing_mm[1:] if declaration.spacing_mm else None,
        spacings.pop() if len(spacings) == 1 else (),
        label + tag_label("PixelSpacing"),
    )
    return _stack(
        series.shape,
        positions,
        orientation,
        spacing,
        thickness[0] if thickness else None,
        series.frame_of_reference,
        (label + tag_label("ImagePositionPatient"), orientation_source, spacing_source),
    )


def resample_slices(data: Array, stack: SliceStack) -> Array:
    """Interpolate ordered slices linearly from their stored positions onto the equal steps of the grid."""
    if stack.positions_mm is None:
        return data
    stored = stack.positions_mm
    wanted = np.linspace(stored[0], stored[-1], len(stored))
    upper = np.clip(np.searchsorted(stored, wanted), 1, len(stored) - 1)
    weight = ((wanted - stored[upper - 1]) / (stored[upper] - stored[upper - 1])).astype(np.float32)
    result = np.empty_like(data)
    for index, (above, share) in enumerate(zip(upper, weight, strict=True)):
        result[index] = (1 - share) * data[above - 1] + share * data[above]
    return result


def _stack(
    shape: tuple[int, int, int],
    positions: Sequence[tuple[float, ...]],
    orientation: tuple[float, ...],
    spacing: tuple[float, ...],
    single_step_mm: float | None,
    frame_of_reference: str | None,
    sources: tuple[str, str, str],
) -> SliceStack:
    """Order slices by position and build their grid; see the module for the rules."""
    stored_order = tuple(range(shape[0]))
    axes = _axes(orientation)
    incomplete = [position for position in positions if len(position) != 3]
    missing = _missing((incomplete or [*positions, ()])[0], axes, spacing)
    if shape[0] == 1 and single_step_mm is None:
        missing.append(f"the thickness of the only slice ({tag_label('SliceThickness')})")
    if len(positions) != shape[0] and not missing:
        missing.append("the position of each slice")
    if missing or axes is None:
        return SliceStack(Geometry(shape, None, tuple(missing)), stored_order)
    points = np.array(positions)
    row, column = axes
    normal = np.cross(row, column)
    along = (points - points[0]) @ normal
    order = np.argsort(along, kind="stable")
    points, along = points[order], along[order]
    problem, resampled = _check_steps(points, along, normal)
    if problem is not None and problem.effect is Effect.REFUSED:
        return SliceStack(Geometry(shape, None, (), (), (problem,)), stored_order)
    step = (along[-1] - along[0]) / (len(along) - 1) if len(along) > 1 else float(single_step_mm or 0.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = normal * step, column * spacing[0], row * spacing[1]
    affine[:3, 3] = points[0]
    evidence = (
        Evidence("position of the first slice", _vector(points[0]), sources[0]),
        Evidence("orientation", _vector((*row, *column)), sources[1]),
        Evidence("voxel size (z, y, x)", _vector((step, *spacing)) + " mm", f"{sources[0]}, {sources[2]}"),
    )
    geometry = Geometry(shape, Grid(shape, affine, frame_of_reference), (), evidence, (problem,) if problem else ())
    return SliceStack(geometry, tuple(order.tolist()), along if resampled else None)


def _check_steps(points: Array, along: Array, normal: Array) -> tuple[Problem | None, bool]:
    """Return what is wrong with the slice positions, and whether they need resampling."""
    if len(along) < 2:
        return None, False
    drift = np.linalg.norm(points - points[0] - (along - along[0])[:, None] * normal, axis=1).max()
    gaps = np.diff(along)
    if gaps.min() < _SAME_POSITION_MM:
        repeated = int((gaps < _SAME_POSITION_MM).sum())
        return Problem(
            "duplicate-slices",
            f"{repeated} slices lie where another one lies, as in gated or dynamic series: "
            "give a series with one volume.",
        ), False  # fmt: skip
    length = along[-1] - along[0]
    if drift > _LEANING * length:
        return Problem(
            "slices-sheared",
            f"The slice positions drift sideways by {drift:.1f} mm, as with a tilted gantry: "
            "resample the series to a rectangular volume.",
        ), False  # fmt: skip
    median = float(np.median(gaps))
    if gaps.max() > _MAX_GAP * median:
        at = int(gaps.argmax())
        return Problem(
            "missing-slices",
            f"There is a gap of {gaps[at]:.2f} mm after slice {at + 1}, where slices are {median:.2f} mm apart: "
            "send the missing slices.",
        ), False  # fmt: skip
    equal = np.linspace(along[0], along[-1], len(along))
    deviation = float(np.abs(along - equal).max())
    if deviation <= _ROUNDING * median:
        return None, False
    return Problem(
        "slices-resampled",
        f"The slice gaps vary from {gaps.min():.2f} to {gaps.max():.2f} mm, so slices were interpolated linearly "
        f"by up to {deviation:.2f} mm onto equal steps of {length / (len(along) - 1):.3f} mm.",
        Effect.NOTE,
    ), True  # fmt: skip


def _axes(orientation: tuple[float, ...]) -> tuple[Array, Array] | None:
    """Return the unit vectors along a row and down a column, ``None`` if they are not orthonormal."""
    if len(orientation) != 6:
        return None
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column))) > _ORTHONORMAL:
        return None
    row = row / lengths[0]
    column = column - (column @ row) * row
    return row, column / np.linalg.norm(column)


def _missing(position: tuple[float, ...], axes: tuple[Array, Array] | None, spacing: tuple[float, ...]) -> list[str]:
    missing = []
    if len(position) != 3:
        missing.append(f"the position ({tag_label('ImagePositionPatient')})")
    if axes is None:
        missing.append(f"a valid orientation ({tag_label('ImageOrientationPatient')})")
    if len(spacing) != 2 or min(spacing) <= 0:
        missing.append(f"the pixel size ({tag_label('PixelSpacing')})")
    return missing


def _detector(dataset: Any) -> tuple[Any, str]:
    """Return where a nuclear medicine object keeps its geometry: a detector item, or the top level."""
    for item in read_items(dataset, "DetectorInformationSequence"):
        if read_numbers(item, "ImagePositionPatient") or read_numbers(item, "ImageOrientationPatient"):
            return item, f"{tag_label('DetectorInformationSequence')} "
    return dataset, ""


def _pixel_spacing(dataset: Any, declaration: Declaration) -> tuple[tuple[float, ...], str]:
    declared = declaration.spacing_mm[1:] if declaration.spacing_mm else None
    return _declared(declared, read_numbers(dataset, "PixelSpacing"), tag_label("PixelSpacing"))


def _single_slice_step(dataset: Any, declaration: Declaration) -> float | None:
    if declaration.spacing_mm is not None:
        return abs(declaration.spacing_mm[0])
    spacing = read_number(dataset, "SpacingBetweenSlices") or read_number(dataset, "SliceThickness")
    return abs(spacing) if spacing else None


def _declared(
    declared: tuple[float, ...] | None, stated: tuple[float, ...], source: str
) -> tuple[tuple[float, ...], str]:
    """Prefer what the user declares over what the file states."""
    return (stated, source) if declared is None else (declared, "study")


def _group_numbers(group: tuple[Any, ...], sequence: str, keyword: str) -> tuple[float, ...]:
    for part in group:
        for item in read_items(part, sequence):
            return read_numbers(item, keyword)
    return ()


def _with_evidence(stack: SliceStack, evidence: tuple[Evidence, ...]) -> SliceStack:
    geometry = stack.geometry
    return SliceStack(
        Geometry(geometry.shape, geometry.grid, geometry.missing, evidence, geometry.problems),
        stack.order,
        stack.positions_mm,
    )


def _vector(values: Sequence[float] | Array) -> str:
    return ", ".join(f"{value:g}" for value in values)
