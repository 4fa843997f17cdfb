"""Reference ranges of a site on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from theradose.model.cohort_reference import CohortReference, PercentileResult, ReferenceRange
from theradose.model.finding import Finding
from theradose.numbers import UNKNOWN, format_number
from theradose.report.agreement_drawings import plain_logarithm
from theradose.report.blocks import Cell, Column, Illustration, Paragraph, Section, Table, row
from theradose.report.pages import Pages
from theradose.report.quantities import organ_name, quantity_name, quantity_unit
from theradose.report.style import (
    ACCENT,
    HAIRLINE,
    INK,
    PAGE_WIDTH_IN,
    WARNING,
    Picture,
    figure_style,
    new_figure,
    render,
)
from theradose.statistics.percentiles import fewest_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DOSE = "dose_per_activity_gy_gbq"
_ROW_IN = 0.34
_BESIDE = 0.26


def reference_pages(reference: CohortReference, findings: tuple[Finding, ...]) -> Pages:
    """Return the pages of the reference ranges of a site."""
    pictures: list[Picture] = []
    sections = []
    for therapy, group in groupby(reference.ranges, key=lambda item: item.therapy):
        ranges = tuple(group)
        doses = [item for item in ranges if item.quantity == _DOSE]
        blocks: list[Table | Illustration] = []
        if doses:
            pictures.append(_picture(therapy, doses))
            blocks.append(Illustration.of(pictures[-1]))
        quantities = dict.fromkeys(item.quantity for item in ranges)
        for quantity in sorted(quantities, key=lambda name: name != _DOSE):
            blocks += _tables([item for item in ranges if item.quantity == quantity])
        sections.append(Section(therapy, therapy, tuple(blocks)))
    patients = {value.patient for item in reference.ranges for value in item.values}
    return Pages(
        title="Reference ranges of the site",
        subject=", ".join(reference.sources),
        summary=(
            Paragraph(f"{len(patients)} patients in {reference.treatments} treatments."),
            Paragraph(_rule(reference)),
        ),
        sections=tuple(sections),
        pictures=tuple(pictures),
        findings=findings,
    )


def _rule(reference: CohortReference) -> str:
    level = reference.level
    median, quartiles, outer = (fewest_values(percent, level=level) for percent in (50, 25, 5))
    return (
        f"Percentiles are given from {reference.fewest_patients} patients on, with intervals of {100 * level:g} % that "
        "assume no distribution: by order statistics with one value per patient, else by drawing patients with all "
        f"their values ({reference.replicates} times, seed {reference.seed}). With one value per patient the median "
        f"has an interval from {median} values on, quartiles from {quartiles}, and the 5th and 95th percentile from "
        f"{outer}; an end that the number of values does not determine is shown as {UNKNOWN}. These are ranges of what "
        "was measured here, not of what is normal or safe."
    )


def _tables(ranges: Sequence[ReferenceRange]) -> Iterator[Table]:
    quantity = ranges[0].quantity
    unit = quantity_unit(quantity)
    percents = [item.percent for item in max((item.percentiles for item in ranges), key=len)]
    with_published = any(item.published for item in ranges)
    columns = (
        Column("Organ", stretch=1.0), Column("Patients", "", "right"), Column("Values", "", "right"),
        Column("Median", unit, "right"), Column("Range", unit, "right"),
        *((Column("Published", unit, "right"),) if with_published else ()),
    )  # fmt: skip
    rows = tuple(
        row(
            Cell(organ_name(item.organ), strong=True), str(item.patients), str(item.n), format_number(item.median),
            f"{format_number(item.min)} – {format_number(item.max)}",
            *((_published(item),) if with_published else ()),
        )
        for item in ranges
    )  # fmt: skip
    notes = tuple(dict.fromkeys(
        f"{organ_name(item.organ)}: {'; '.join(item.published.sources)}." for item in ranges if item.published
    ))  # fmt: skip
    explained = ("Published: range of all published patients (mean weighted by patients).",) if with_published else ()
    yield Table(quantity_name(quantity), columns, rows, (*explained, *notes))
    if percents:
        yield Table(
            f"{quantity_name(quantity)}, percentiles",
            (Column("Organ", stretch=1.0), *(Column(f"{percent:g} %", unit, "right") for percent in percents)),
            tuple(
                row(Cell(organ_name(item.organ), strong=True), *(_percentile(one) for one in item.percentiles))
                for item in ranges
                if item.percentiles
            ),
        )


def _percentile(item: PercentileResult) -> str:
    return f"{format_number(item.value)} [{format_number(item.low)}, {format_number(item.high)}]"


def _published(item: ReferenceRange) -> str:
    known = item.published
    if known is None:
        return UNKNOWN
    span = (
        f"{format_number(known.low, digits=2)} on average"
        if known.low == known.high
        else f"{format_number(known.low, digits=2)} – {format_number(known.high, digits=2)}"
    )
    return span if known.mean is None else f"{span} ({format_number(known.mean, digits=2)})"


def _picture(therapy: str, ranges: Sequence[ReferenceRange]) -> Picture:
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, 0.75 + _ROW_IN * len(ranges))
        axes = figure.subplots()
        for place, item in enumerate(ranges):
            _draw(axes, item, -place)
        axes.set_xscale("log")
        plain_logarithm(axes, "x")
        axes.set_yticks([-place for place in range(len(ranges))], [organ_name(item.organ) for item in ranges])
        axes.set_ylim(-len(ranges) + 0.4, 0.6)
        axes.set_xlabel(f"{quantity_name(_DOSE)} ({quantity_unit(_DOSE)})")
        axes.tick_params(axis="y", length=0)
        height = figure.get_size_inches()[1]
        figure.subplots_adjust(left=0.2, right=0.98, bottom=0.5 / height, top=1 - 0.1 / height)
        return render(
            figure,
            name=f"reference-{therapy}",
            caption="Dose per activity at this site (blue: every value; bars: 5 to 95 and 25 to 75 %; line: median) "
            "and published (orange: range and mean). Sides of paired organs and lesions are taken together.",
            alternative="; ".join(
                f"{organ_name(item.organ)} median {format_number(item.median)} of {item.patients} patients"
                for item in ranges
            ),
        )


def _draw(axes: Axes, item: ReferenceRange, place: float) -> None:
    known = {one.percent: one.value for one in item.percentiles}
    values = [one.value for one in item.values]
    axes.axhline(place - 0.5, color=HAIRLINE, linewidth=0.5)
    for low, high, width in ((5, 95, 2.0), (25, 75, 5.0)):
        ends = [value for value in (known.get(low), known.get(high)) if value is not None]
        if len(ends) == 2:
            axes.plot(ends, (place + 0.1,) * 2, color=ACCENT, alpha=0.35, linewidth=width, solid_capstyle="butt")
    axes.plot(values, [place + 0.1] * len(values), "|", color=ACCENT, markersize=5, alpha=0.45, markeredgewidth=0.6)
    axes.plot([item.median], [place + 0.1], "|", color=INK, markersize=11, markeredgewidth=1.4)
    if item.published is not None:
        axes.plot(
            (item.published.low, item.published.high), (place - _BESIDE,) * 2, color=WARNING, linewidth=1.2, marker="|",
            markersize=4,
        )  # fmt: skip
        if item.published.mean is not None:
            axes.plot([item.published.mean], [place - _BESIDE], "o", color=WARNING, markersize=3)
