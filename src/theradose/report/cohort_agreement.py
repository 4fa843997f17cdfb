"""Agreement of methods on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

import numpy as np

from theradose.cohort.agreement import Compared, Unpaired
from theradose.model.finding import Finding
from theradose.numbers import UNKNOWN, format_number
from theradose.report.agreement_drawings import draw_differences, draw_identity, draw_limits
from theradose.report.blocks import Block, Cell, Column, Illustration, Paragraph, Section, Table, row
from theradose.report.pages import Pages
from theradose.report.quantities import organ_name, quantity_name, quantity_unit
from theradose.report.style import PAGE_WIDTH_IN, Picture, figure_style, new_figure, render, shortened
from theradose.statistics.agreement import Correlation
from theradose.statistics.intervals import Interval

_ROW_IN = 2.3
_LISTED = 40
_NAME_LENGTH = 22


def agreement_pages(
    compared: Sequence[Compared],
    unpaired: Sequence[Unpaired],
    findings: tuple[Finding, ...],
    *,
    sources: Sequence[tuple[str, str, int]],
    level: float,
) -> Pages:
    """Return the pages of a comparison.

    Parameters
    ----------
    compared, unpaired
        Of :func:`~theradose.cohort.agreement.compare_methods`.
    findings : tuple of Finding
        What limits it.
    sources : sequence of (str, str, int)
        Name, place and number of rows of each method.
    level : float
        Of the confidence intervals.
    """
    pictures = tuple(_picture(item, number) for number, item in enumerate(compared) if item.absolute is not None)
    figures = [Illustration.of(picture) for picture in pictures]
    return Pages(
        title="Agreement of methods",
        subject=", ".join(name for name, _, _ in sources),
        summary=tuple(Paragraph(_sentence(item)) for item in compared),
        sections=(
            Section("methods", "Methods", (_methods_table(sources),)),
            Section("medians", "Medians", (_medians_table(compared),)),
            Section("agreement", "Agreement", _agreement_blocks(compared, level)),
            Section("figures", "Differences", tuple(figures)),
            Section("unpaired", "Rows without a partner", tuple(_unpaired_blocks(unpaired))),
        ),
        pictures=pictures,
        findings=findings,
    )


def _sentence(item: Compared) -> str:
    head = f"{_place(item)}: {item.first} against {item.second}, {_counts(item)}"
    ratio = f"ratio of medians {format_number(item.ratio_of_medians)}"
    if item.absolute is None:
        return f"{head}: {ratio}; too few patients for limits of agreement."
    result, unit = (item.absolute, quantity_unit(item.quantity)) if item.relative is None else (item.relative, "%")
    return (
        f"{head}: bias {_interval(result.bias)} {unit}, limits of agreement {format_number(result.lower.value)} to "
        f"{format_number(result.upper.value)} {unit}, {ratio}."
    )


def _methods_table(sources: Sequence[tuple[str, str, int]]) -> Table:
    return Table(
        "Methods",
        (Column("Method"), Column("Source", stretch=1.0), Column("Rows", "", "right")),
        tuple(
            row(Cell(name, strong=True), PurePath(place).name or place, str(count)) for name, place, count in sources
        ),
        ("Rows are paired by patient, cycle and region. Differences are the first method minus the second.",),
    )


def _medians_table(compared: Sequence[Compared]) -> Table:
    columns = (
        Column("Organ", stretch=1.0), Column("Quantity"), Column("Pairs", "", "right"), Column("Patients", "", "right"),
        Column("First method", "", "right"), Column("Second method", "", "right"), Column("Ratio", "", "right"),
    )  # fmt: skip
    rows = tuple(
        row(
            Cell(organ_name(item.organ), strong=True), _quantity(item), str(len(item.keys)), str(item.patients),
            _range(item.values[0]), _range(item.values[1]), format_number(item.ratio_of_medians),
            group=_group(compared, number),
        )
        for number, item in enumerate(compared)
    )  # fmt: skip
    return Table("Median and range of each method", columns, rows, ("Median [smallest – largest]; ratio of medians.",))


def _agreement_blocks(compared: Sequence[Compared], level: float) -> tuple[Block, ...]:
    limits = tuple(
        row(
            Cell(organ_name(item.organ), strong=True), unit, _interval(one.bias), _interval(one.lower),
            _interval(one.upper), format_number(one.sd, digits=2), group=_group(compared, number) if first else "",
        )
        for number, item in enumerate(compared)
        for first, one, unit in (
            (True, item.absolute, quantity_unit(item.quantity)), (False, item.relative, "%")
        )
        if one is not None
    )  # fmt: skip
    coefficients = tuple(
        row(
            Cell(organ_name(item.organ), strong=True), _quantity(item), _interval(item.concordance),
            _correlation(item.pearson), _correlation(item.spearman), group=_group(compared, number),
        )
        for number, item in enumerate(compared)
        if item.absolute is not None
    )  # fmt: skip
    if not limits:
        return (Paragraph("There are too few patients for limits of agreement."),)
    return (
        Table(
            "Bias and limits of agreement",
            (Column("Organ", stretch=1.0), Column("Unit"), Column("Bias", "", "right"),
             Column("Lower limit", "", "right"), Column("Upper limit", "", "right"), Column("SD", "", "right")),
            limits,
            (f"With intervals of {100 * level:g} %. Per cent are of the mean of a pair. Between the limits lie 95 % of "
             "differences if they are normally distributed; with several pairs of one patient their variance within "
             "and between patients is told apart. Intervals of the limits are exact for one pair per patient (Carkeet "
             "2015), and recovered from those of the variances for several (Zou 2013).",),
        ),
        Table(
            "Concordance and correlation",
            (Column("Organ", stretch=1.0), Column("Quantity"), Column("Lin's concordance", "", "right"),
             Column("Pearson", "", "right"), Column("Spearman", "", "right")),
            coefficients,
            ("A correlation says that two methods rank patients alike, not that they agree. Intervals take pairs for "
             "independent.",),
        ),
    )  # fmt: skip


def _unpaired_blocks(unpaired: Sequence[Unpaired]) -> Iterator[Block]:
    if not unpaired:
        return
    shown = unpaired[:_LISTED]
    yield Table(
        "Rows without a partner",
        (Column("Method"), Column("Patient", stretch=1.0), Column("Cycle", "", "right"), Column("Region", stretch=1.0),
         Column("In the other method")),
        tuple(
            row(item.method, item.patient, str(item.cycle), item.region, f"{item.other}: {item.reason}")
            for item in shown
        ),
        (f"{len(unpaired) - len(shown)} more stand in unpaired.csv.",) if len(unpaired) > len(shown) else (),
    )  # fmt: skip


def _picture(item: Compared, number: int) -> Picture:
    unit = quantity_unit(item.quantity)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _ROW_IN)
        left, middle, right = figure.subplots(1, 3)
        names = (shortened(item.first, _NAME_LENGTH), shortened(item.second, _NAME_LENGTH))
        means, differences = item.values.mean(axis=0), item.values[0] - item.values[1]
        positive = bool((item.values > 0).all())
        if positive:
            draw_identity(left, item.values, labels=names, unit=unit, title="Both methods")
        else:
            left.set_axis_off()
        if item.absolute is not None and (means > 0).all():
            draw_differences(middle, means, differences, unit=unit, mean_unit=unit, title="Difference")
            draw_limits(middle, item.absolute)
        else:
            middle.set_axis_off()
        if item.relative is not None:
            percent = np.asarray(100 * differences / means)
            draw_differences(right, means, percent, unit="% of mean", mean_unit=unit, title="Difference in per cent")
            draw_limits(right, item.relative)
        else:
            right.set_axis_off()
        figure.subplots_adjust(left=0.075, right=0.99, bottom=0.2, top=0.87, wspace=0.42)
        return render(
            figure,
            name=f"agreement-{number}",
            caption=f"{_place(item)}: {item.first} against {item.second}, {_counts(item)}. Bias (solid) and limits of "
            "agreement (dashed) with their intervals; points beyond the axes are triangles.",
            alternative=_sentence(item),
        )


def _group(compared: Sequence[Compared], number: int) -> str:
    """Return the heading of a row where the pair of methods changes."""
    item = compared[number]
    before = compared[number - 1] if number else None
    if before is not None and (before.first, before.second, before.quantity) == (
        item.first,
        item.second,
        item.quantity,
    ):
        return ""
    return f"{quantity_name(item.quantity)}: {item.first} against {item.second}"


def _place(item: Compared) -> str:
    return f"{organ_name(item.organ)}, {quantity_name(item.quantity).lower()}"


def _quantity(item: Compared) -> str:
    unit = quantity_unit(item.quantity)
    return f"{quantity_name(item.quantity)}{f', {unit}' if unit else ''}"


def _counts(item: Compared) -> str:
    return f"{len(item.keys)} pairs of {item.patients} patients"


def _range(values: np.ndarray) -> str:
    median, low, high = (format_number(float(value)) for value in (np.median(values), values.min(), values.max()))
    return f"{median} [{low} – {high}]"


def _interval(item: Interval | None) -> str:
    if item is None:
        return UNKNOWN
    return f"{format_number(item.value)} [{format_number(item.low)}, {format_number(item.high)}]"


def _correlation(item: Correlation | None) -> str:
    return UNKNOWN if item is None else _interval(Interval(item.value, item.low, item.high))
