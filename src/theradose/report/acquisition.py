"""Tables about the images: activity check, evidence, registration."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.model.result import ImageResult, Result
from theradose.numbers import format_fixed, format_number, format_percent
from theradose.report.alike import join_alike
from theradose.report.blocks import Cell, Column, Row, Table, Tone, row
from theradose.report.remarks import places_words, values_words
from theradose.report.summary import wholes

_SHORT = 24
"""Length of a value that is repeated for each time point rather than said once with its numbers left out."""


def image_table(result: Result) -> Table:
    """Return the images with the check of their activity."""
    columns = (
        Column("Time point"), Column("Time", "h", "right"), Column("Modality"), Column("Matrix", "z × y × x"),
        Column("Voxel", "mm"), Column("Unit, decay reference", stretch=1.0), Column("Dead time", "factor", "right"),
        Column("Image total", "MBq", "right"), Column("Expected", "MBq", "right"),
        Column("Found", "of expected", "right"),
    )  # fmt: skip
    return Table(
        "Images and activity check",
        columns,
        tuple(_image_row(image, result) for image in result.images),
        ("Expected: the administered activity after physical decay only. Excretion and activity outside the field "
         "of view lower what is found; more than expected points to calibration, units or times.",),
    )  # fmt: skip


def planar_table(result: Result) -> Table:
    """Return the planar images, how they lie to the SPECT/CT, and how much of each region they could tell."""
    return Table(
        "Planar images",
        (
            Column("Time point"), Column("Time", "h", "right"), Column("Technique"), Column("Matrix", "rows × columns"),
            Column("Pixel", "mm"), Column("Exposure", "s", "right"), Column("Scatter", stretch=1.0),
            Column("Dead time", "factor", "right"), Column("Shift", "mm to head, left", "right"),
            Column("Correlation", "with SPECT", "right"),
        ),
        tuple(
            row(
                Cell(image.timepoint, strong=True), format_fixed(image.t_h, 1), image.technique,
                " × ".join(str(n) for n in image.shape), " × ".join(format_number(d) for d in image.spacing_mm),
                format_number(image.exposure_s), image.scatter, format_number(image.dead_time_factor, digits=4),
                ", ".join(format_fixed(step, 1) for step in image.shift_mm or ()), format_fixed(image.correlation, 2),
            )
            for image in result.planar
        ),
        ("Planar images give the shape of the curves, the SPECT their size.",),
    )  # fmt: skip


def _image_row(image: ImageResult, result: Result) -> Row:
    stored = f"{image.unit_found}, {image.decay_reference_found}"
    return row(
        Cell(image.timepoint, strong=True), format_fixed(image.t_h, 1), image.modality,
        " × ".join(str(n) for n in image.shape), " × ".join(format_number(d) for d in image.spacing_mm), stored,
        format_number(image.dead_time_factor, digits=4), format_number(image.total_activity_mbq),
        format_number(image.expected_activity_mbq),
        Cell(format_percent(image.fraction_of_expected), _activity_tone(image.timepoint, result), strong=True),
    )  # fmt: skip


def _activity_tone(timepoint: str, result: Result) -> Tone:
    """Return the tone of the worst finding about the activity of a time point."""
    severities = {f.severity for f in result.findings if f.where == timepoint and "activity" in f.code}
    return "critical" if "critical" in severities else "warning" if "warning" in severities else ""


def evidence_table(result: Result) -> Table:
    """Return what was read from where, one row for each quantity and source."""
    found: dict[tuple[bool, str, str], list[tuple[str, str]]] = {}
    for image in result.images:
        for line in image.assumptions:
            found.setdefault((line.assumed, line.quantity, line.source), []).append((image.timepoint, line.value))
    quantities = list(dict.fromkeys(quantity for _, quantity, _ in found))
    ordered = sorted(found.items(), key=lambda item: (not item[0][0], quantities.index(item[0][1])))
    return Table(
        "What was read and what was assumed",
        (Column("Quantity"), Column("Value", stretch=1.2), Column("Source", stretch=1.4), Column("Status"),
         Column("Time points")),
        tuple(
            row(
                quantity, _evidence_value(entries), source,
                Cell("assumed", "warning") if assumed else Cell("read", "muted"),
                places_words(tuple(dict.fromkeys(timepoint for timepoint, _ in entries)), wholes(result))
                .replace("all time points", "all"),
            )
            for (assumed, quantity, source), entries in ordered
        ),
    )  # fmt: skip


def _evidence_value(entries: Sequence[tuple[str, str]]) -> str:
    """Return the value that holds for all time points, or what each has of its own."""
    joined = join_alike(entries)
    if len(joined) > 1:
        return "; ".join(f"{', '.join(alike.places)}: {alike.text}" for alike in joined)
    if not joined[0].values:
        return joined[0].text
    if len(joined[0].text) <= _SHORT:
        return ", ".join(f"{place} {value}" for place, value in dict.fromkeys(entries))
    return f"{joined[0].text}: {values_words(joined[0])}"


def registration_table(result: Result) -> Table:
    """Return how each image came into the space of the reference, and how well."""
    rows = []
    for image in result.images:
        if image.registration is None:
            continue
        moved, quality = image.registration, image.registration.quality
        rows.append(
            row(
                Cell(image.timepoint, strong=True), moved.method,
                ", ".join(format_fixed(step, 1) for step in moved.translation_mm),
                format_fixed(moved.rotation_deg, 1), format_fixed(quality.get("displacement_mm"), 1),
                " → ".join(format_fixed(quality.get(f"mutual_information_{when}"), 2) for when in ("before", "after")),
                format_fixed(quality.get("normalised_mutual_information"), 2),
                format_fixed(quality.get("edge_correlation"), 2), format_percent(quality.get("overlap_fraction")),
            )
        )  # fmt: skip
    return Table(
        "Registration",
        (Column("Time point", stretch=1.0), Column("By"), Column("Shift (L, P, S)", "mm", "right"),
         Column("Rotation", "deg", "right"), Column("Displacement", "mm", "right"),
         Column("Mutual information", "before → after, nat", "right"), Column("Normalised", "1 to 2", "right"),
         Column("Edges", "correlation", "right"), Column("Overlap", "of reference", "right")),
        tuple(rows),
        ("Shift and displacement are those of the middle of the reference image and of what it shows. All measures "
         "compare the images that were registered.",),
    )  # fmt: skip
