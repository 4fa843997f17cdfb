"""The comparison of blood- and image-based marrow doses on paper."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from theradose.model.arrays import Array
from theradose.numbers import UNKNOWN, format_fixed, format_number
from theradose.report.agreement_drawings import draw_differences
from theradose.report.curves import FONTS
from theradose.report.marrow_comparison import (
    Analysis,
    CycleComparison,
    LateInfluence,
    MarrowComparison,
    PairAgreement,
    median_and_range,
)
from theradose.report.marrow_drawings import (
    draw_agreement,
    draw_cycles,
    draw_doses,
    draw_example,
    draw_late,
    draw_scatter,
)
from theradose.report.style import INK, MUTED, WARNING, figure_style, new_figure
from theradose.statistics.agreement import BlandAltman
from theradose.statistics.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODELS = ("mono", "bi", "tri")
_PAGE_IN = (8.27, 11.69)
_LEFT, _RIGHT, _TOP = 0.09, 0.95, 0.945
_LINE = 0.0142
_WRAP = 150
_NOTICE = "Research use only until a site has validated it."
_PRINTED = {"blood": "table_3_blood", "image": "table_4_image"}


def write_marrow_comparison(comparison: MarrowComparison, path: Path, *, as_published: bool) -> None:
    """Write the pages: summary, doses, agreement, late points, cycles; the same comparison gives the same bytes.

    Parameters
    ----------
    comparison : MarrowComparison
        What was found.
    path : Path
        The PDF.
    as_published : bool
        Whether the published tables and figures stand beside ours.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    metadata = {"CreationDate": None, "Title": "Red marrow: blood and images"}
    analyses = (comparison.published, comparison.ours) if as_published else (comparison.ours,)
    pages: list[Callable[[], Figure]] = [
        partial(_summary_page, comparison, as_published=as_published),
        partial(_reasons_page, comparison),
        partial(_dose_page, comparison, analyses),
        *(partial(_agreement_page, analysis) for analysis in analyses),
        partial(_late_page, comparison),
        partial(_cycle_page, analyses),
    ]
    with figure_style(), rc_context({"font.family": FONTS}), PdfPages(path, metadata=metadata) as document:
        for number, draw in enumerate(pages, start=1):
            figure = draw()
            figure.text(_LEFT, 0.022, _NOTICE, color=MUTED, fontsize=7)
            figure.text(_RIGHT, 0.022, f"{number} / {len(pages)}", color=MUTED, fontsize=7, ha="right")
            document.savefig(figure)


def _summary_page(comparison: MarrowComparison, *, as_published: bool) -> Figure:
    counts = comparison.treatments
    figure = _page(
        "Red marrow: blood and images side by side",
        f"{comparison.nuclide}; {counts['blood']} treatments with blood samples, {counts['image']} with images, "
        f"{counts['both']} with both",
    )
    settings = "; ".join(f"{name}: {value}" for name, value in comparison.settings.items())
    top = _paragraph(figure, f"{settings}.", _TOP - 0.036, colour=MUTED)
    for text in (*(reason.text for reason in comparison.gap[:1]), *comparison.late_explained[-1:]):
        top = _paragraph(figure, text, top)
    top = _heading(figure, "Self dose per administered activity, mGy/GBq: median [range], n", top)
    top = _dose_table(figure, comparison, top, as_published=as_published)
    for item in comparison.ours.doses:
        if item.left_out:
            text = f"{item.name}: {len(item.left_out)} treatments left out. {item.reason}"
            top = _paragraph(figure, text, top, colour=WARNING)
    unsupported = [item for item in comparison.ours.doses if item.flags.get("no-degrees-of-freedom")]
    for item in unsupported:
        text = (
            f"{item.name}: as many parameters as points in {item.flags['no-degrees-of-freedom']} treatments "
            "(no-degrees-of-freedom): nothing in their data could contradict the model."
        )
        top = _paragraph(figure, text, top, colour=WARNING)
    top = _heading(figure, "Image minus blood in the treatments with both (weighted fits)", top)
    top = _agreement_table(figure, comparison.ours, top)
    top = _heading(figure, f"Change of the dose without samples after {comparison.late_sample_h:g} h, or without the "
                   "last image, %", top)  # fmt: skip
    top = _late_table(figure, comparison, top, as_published=as_published)
    _write_findings(figure, comparison, top)
    return figure


def _reasons_page(comparison: MarrowComparison) -> Figure:
    figure = _page("Why the two differ, and why late samples seem not to matter", "")
    top = _TOP - 0.02
    top = _heading(figure, "From blood to images", top)
    for reason in comparison.gap:
        factor = "" if reason.factor is None else f" (× {format_number(reason.factor)})"
        figure.text(_LEFT, top, f"{reason.name}{factor}", va="top", fontweight="bold")
        top = _paragraph(figure, f"{reason.text} [{reason.source}]", top - _LINE)
    top = _heading(figure, "Late samples", top)
    for text in comparison.late_explained:
        top = _paragraph(figure, text, top)
    if comparison.example is not None:
        height = 0.24
        bottom = max(top - height - 0.045, 0.07)
        middle = (_LEFT + _RIGHT) / 2
        for left, logarithmic in ((_LEFT, False), (middle + 0.05, True)):
            axes = figure.add_axes((left, bottom, middle - _LEFT - 0.05, height))
            draw_example(axes, comparison.example, logarithmic=logarithmic)
            if not logarithmic:
                label = comparison.example.treatment.label
                axes.set_title(f"{label}: what an unweighted fit sees", loc="left")
            else:
                axes.set_title("the same, logarithmic", loc="left")
    return figure


def _dose_page(comparison: MarrowComparison, analyses: Sequence[Analysis]) -> Figure:
    subtitle = (
        "Points are treatments, boxes quartiles, whiskers 5 and 95 %, the number is the median; triangles: beyond"
    )
    figure = _page("Dose by method and model", subtitle)
    height = 0.335
    for row, analysis in enumerate(analyses):
        bottom = _TOP - 0.075 - height - row * (height + 0.115)
        axes = figure.add_axes((_LEFT, bottom, _RIGHT - _LEFT, height))
        published = analysis.name == "as-published"
        doses = [item for item in analysis.doses if item.model in MODELS or not published]
        title = (
            "As published (Figure 1, Tables 3 and 4): unweighted, unbounded"
            if published
            else "Weighted, rates bounded by physical decay"
        )
        draw_doses(axes, doses, title=title)
        if published:
            _paragraph(figure, _r_squared(comparison, analysis), bottom - 0.043, colour=MUTED)
    return figure


def _r_squared(comparison: MarrowComparison, analysis: Analysis) -> str:
    parts = []
    for item in analysis.doses:
        printed = comparison.printed[f"r_squared_{item.method}"][item.model][0]
        own = format_fixed(float(np.median(item.r_squared)), 3) if len(item.r_squared) else UNKNOWN
        parts.append(f"{item.name} {own} ({printed:g})")
    return (
        f"Median R² here (and printed): {', '.join(parts)}. A high R² says that the first hours are described; it "
        "is no criterion for the area."
    )


def _agreement_page(analysis: Analysis) -> Figure:
    published = analysis.name == "as-published"
    title = "Agreement of images and blood" + (", as published (Figures 2 and 3)" if published else ", weighted")
    subtitle = "Image minus blood by their mean; lines: bias and 95 % limits of agreement with their 95 % intervals"
    figure = _page(title, subtitle)
    height, gap = 0.15, 0.125
    bottom = _TOP - 0.058 - height
    compared = [image for image in MODELS if any(analysis.agreement_of(f"image {image}", f"blood {b}") for b in MODELS)]
    rows = [(image, False) for image in compared]
    if compared and len(compared) < len(MODELS):
        rows.append((compared[-1], True))
    for image, relative in rows:
        for column, blood in enumerate(MODELS):
            axes = figure.add_axes(_cell(column, bottom, height))
            pair = analysis.agreement_of(f"image {image}", f"blood {blood}")
            if pair is None:
                _refused(axes, f"image {image} − blood {blood}", analysis.of("blood", blood).reason)
                continue
            number = {"bi": " (Figure 2)", "tri": " (Figure 3)"}.get(image, "") if published and not relative else ""
            draw_agreement(axes, pair, title=f"{pair.first} − {pair.second}{number}", relative=relative)
            result = pair.relative if relative else pair.absolute
            axes.text(0.0, -0.3, _limits_text(result), transform=axes.transAxes, va="top", fontsize=7)
        bottom -= height + gap
    top = bottom + height + 0.012
    if not compared:
        text = "Not drawn: limits of agreement need at least three patients who have both methods."
        top = _paragraph(figure, text, _TOP - 0.05, colour=WARNING)
    for image in MODELS:
        item = analysis.of("image", image)
        if not len(item.treatments):
            number = " (Figure 3)" if published and image == "tri" else ""
            text = f"Image {image}{number} is not drawn: {len(item.left_out)} treatments are refused."
            top = _paragraph(figure, f"{text} {item.reason}", top, colour=WARNING)
    return figure


def _limits_text(result: BlandAltman) -> str:
    return (
        f"bias {_interval(result.bias)}\nlimits {_interval(result.lower)}\n"
        f"to {_interval(result.upper)}\nn = {result.pairs} of {result.subjects} patients; slope "
        f"{format_fixed(result.slope.value, 2)}"
    )


def _interval(item: Interval) -> str:
    return f"{format_number(item.value)} [{format_number(item.low)}, {format_number(item.high)}]"


def _late_page(comparison: MarrowComparison) -> Figure:
    hour = f"{comparison.late_sample_h:g} h"
    figure = _page("What late samples and the last image change", f"Blood without samples after {hour}; images without "
                   "the last one")  # fmt: skip
    height = 0.235
    bottom = _TOP - 0.06 - height
    middle = (_LEFT + _RIGHT) / 2
    for left, method in ((_LEFT, "blood"), (middle + 0.05, "image")):
        axes = figure.add_axes((left, bottom, middle - _LEFT - 0.05, height))
        ways = [
            (name, analysis.late_of(method, model))
            for model in MODELS
            for name, analysis in (("unweighted", comparison.published), ("weighted", comparison.ours))
        ]
        draw_late(axes, ways, title=f"{method}, {ways[0][1].considered} treatments")
        axes.tick_params(axis="x", labelsize=6)
    top = _paragraph(figure, _image_late_text(comparison), bottom - 0.042)
    height, step = 0.155, 0.215
    bottom = top - 0.025 - height
    for row, (name, analysis) in enumerate((("unweighted", comparison.published), ("weighted", comparison.ours))):
        for column, model in enumerate(MODELS):
            axes = figure.add_axes(_cell(column, bottom - row * step, height))
            late = analysis.late_of("blood", model)
            number = {"bi": " (Figure 4)", "tri": " (Figure 5)"}.get(model, "") if name == "unweighted" else ""
            title = f"blood {model}, {name}{number}"
            if not len(late.percent):
                _refused(axes, title, late.reason)
                continue
            means, differences = (late.whole + late.early) / 2, late.whole - late.early
            draw_differences(axes, means, differences, unit="mGy/GBq", mean_unit="mGy/GBq", title=title, changes=True)
    return figure


def _image_late_text(comparison: MarrowComparison) -> str:
    bi = comparison.ours.late_of("image", "bi")
    low, high, *further = comparison.printed["image_late_bi"]
    printed = f"{low:g} to {high:g} % and {' and '.join(f'+{value:g}' for value in further)} %"
    if len(bi.left_out):
        return (
            f"Images: the bi-exponential is refused for {len(bi.left_out)} treatments without their last image. "
            f"{bi.reason} Such fits were published with changes of {printed}: nothing but chance determines them."
        )
    return f"Images: published changes of the bi-exponential without the fourth image are {printed}."


def _cycle_page(analyses: Sequence[Analysis]) -> Figure:
    subtitle = "Lines are patients, the heavy line their median; below: treatments and the line of equality"
    figure = _page("First and last cycle, and images by blood", subtitle)
    height = 0.185
    bottom = _TOP - 0.065 - height
    for row, analysis in enumerate(analyses):
        for column, (method, model) in enumerate((("blood", "mono"), ("blood", "bi"), ("image", "bi"))):
            axes = figure.add_axes(_cell(column, bottom - row * (height + 0.1), height))
            cycles, title = analysis.cycles_of(method, model), f"{method} {model}, {analysis.name}"
            if cycles is None:
                _refused(axes, title, "No patient has more than one cycle with a dose.")
                continue
            draw_cycles(axes, cycles, title=title)
            axes.text(0.0, -0.15, _cycles_text(cycles), transform=axes.transAxes, va="top", fontsize=7)
    bottom -= len(analyses) * (height + 0.1)
    for column, (first, second) in enumerate((("mono", "mono"), ("bi", "bi"), ("bi", "tri"))):
        axes = figure.add_axes(_cell(column, bottom, height))
        pair = analyses[-1].agreement_of(f"image {first}", f"blood {second}")
        if pair is None:
            _refused(axes, f"image {first}, blood {second}", "Fewer than three patients have both.")
            continue
        draw_scatter(axes, pair, title=_scatter_title(pair))
    return figure


def _scatter_title(pair: PairAgreement) -> str:
    return (
        f"r {format_fixed(pair.pearson.value, 2)}, ρ {format_fixed(pair.spearman.value, 2)}, "
        f"concordance {format_fixed(pair.concordance.value, 2)}"
    )


def _cycles_text(cycles: CycleComparison) -> str:
    if cycles.agreement is None:
        return f"too few patients for a test ({len(cycles.subjects)})"
    bias = cycles.agreement.bias
    return (
        f"last − first {format_number(bias.value, digits=2)} % "
        f"[{format_number(bias.low, digits=2)}, {format_number(bias.high, digits=2)}]\n"
        f"{len(cycles.subjects)} patients, Wilcoxon p = {format_fixed(cycles.p, 2)}"
    )


def _page(title: str, subtitle: str) -> Figure:
    figure = new_figure(*_PAGE_IN)
    figure.text(_LEFT, _TOP, title, fontsize=13, fontweight="bold", va="bottom")
    figure.text(_LEFT, _TOP - 0.018, subtitle, color=MUTED, va="bottom")
    return figure


def _heading(figure: Figure, text: str, top: float) -> float:
    figure.text(_LEFT, top - 0.008, text, va="top", fontsize=9.5, fontweight="bold")
    return top - 0.008 - 1.7 * _LINE


def _paragraph(figure: Figure, text: str, top: float, *, colour: str = INK) -> float:
    """Write a paragraph and return where the next one begins."""
    for line in textwrap.wrap(text, _WRAP):
        figure.text(_LEFT, top, line, va="top", color=colour)
        top -= _LINE
    return top - 0.35 * _LINE


def _row(figure: Figure, cells: Sequence[str], columns: Sequence[float], top: float, *, colour: str = INK) -> float:
    for text, x in zip(cells, columns, strict=True):
        figure.text(_LEFT + x, top, text, va="top", color=colour)
    return top - _LINE


def _dose_table(figure: Figure, comparison: MarrowComparison, top: float, *, as_published: bool) -> float:
    columns = (0.0, 0.15, 0.41, 0.66)
    header = ["", "weighted, bounded", "as published, this cohort", "printed in Vallot 2024"]
    shown = 4 if as_published else 2
    top = _row(figure, header[:shown], columns[:shown], top, colour=MUTED)
    for item in comparison.ours.doses:
        cells = [item.name, _summary(item.mgy_per_gbq, len(item.left_out))]
        if as_published and item.model in MODELS:
            other = comparison.published.of(item.method, item.model)
            cells += [
                _summary(other.mgy_per_gbq, len(other.left_out)),
                _printed(comparison.printed[_PRINTED[item.method]][item.model]),
            ]
        top = _row(figure, cells, columns[: len(cells)], top)
    return top - 0.5 * _LINE


def _late_table(figure: Figure, comparison: MarrowComparison, top: float, *, as_published: bool) -> float:
    columns = (0.0, 0.15, 0.41, 0.66)
    header = ["", "weighted, bounded", "unweighted, unbounded", "printed in Vallot 2024: mean [range]"]
    shown = 4 if as_published else 3
    top = _row(figure, header[:shown], columns[:shown], top, colour=MUTED)
    for item in comparison.ours.late:
        other = comparison.published.late_of(item.method, item.model)
        cells = [
            f"{item.method} {item.model}",
            _changes(item.percent, len(item.left_out)),
            _changes(other.percent, len(other.left_out)),
            _printed_late(comparison, item),
        ]
        top = _row(figure, cells[:shown], columns[:shown], top)
    return top - 0.5 * _LINE


def _agreement_table(figure: Figure, analysis: Analysis, top: float) -> float:
    columns = (0.0, 0.15, 0.39, 0.59, 0.72)
    header = ("", "bias %", "limits of agreement %", "concordance", "Pearson, Spearman")
    top = _row(figure, header, columns, top, colour=MUTED)
    for image in (*MODELS, "chosen"):
        for blood in (*MODELS, "chosen"):
            pair = analysis.agreement_of(f"image {image}", f"blood {blood}")
            if pair is None or (image == "chosen") != (blood == "chosen"):
                continue
            result = pair.relative
            cells = (
                f"{image} − {blood}",
                f"{format_fixed(result.bias.value, 0)} [{format_fixed(result.bias.low, 0)}, "
                f"{format_fixed(result.bias.high, 0)}]",
                f"{format_fixed(result.lower.value, 0)} to {format_fixed(result.upper.value, 0)}",
                format_fixed(pair.concordance.value, 2),
                f"{format_fixed(pair.pearson.value, 2)}, {format_fixed(pair.spearman.value, 2)}",
            )
            top = _row(figure, cells, columns, top)
    return top - 0.5 * _LINE


def _write_findings(figure: Figure, comparison: MarrowComparison, top: float) -> None:
    counts: dict[tuple[str, str], list[str]] = {}
    for finding in comparison.findings:
        if finding.severity != "info":
            counts.setdefault((finding.severity, finding.code), []).append(finding.where)
    if not counts:
        return
    top = _heading(figure, "Findings", top)
    for (severity, code), places in counts.items():
        if top < 0.05:
            return
        where = places[0] if len(places) == 1 else f"{len(places)} times, first {places[0]}"
        top = _row(figure, (f"{severity}: {code}", where), (0.0, 0.35), top, colour=WARNING)


def _summary(values: Array, left_out: int) -> str:
    numbers = median_and_range(values)
    if numbers is None:
        return f"refused ({left_out})" if left_out else UNKNOWN
    median, low, high = (format_number(value) for value in numbers)
    more = f", {left_out} left out" if left_out else ""
    return f"{median} [{low}, {high}], {len(values)}{more}"


def _changes(values: Array, left_out: int) -> str:
    numbers = median_and_range(values)
    if numbers is None:
        return f"refused ({left_out})" if left_out else UNKNOWN
    median, low, high = (format_fixed(value, 2 if abs(value) < 10 else 0) for value in numbers)
    more = f", {left_out} left out" if left_out else ""
    return f"{median} [{low}, {high}], {len(values)}{more}"


def _printed(numbers: Sequence[float]) -> str:
    median, low, high = numbers
    return f"{median:g} [{low:g}, {high:g}]"


def _printed_late(comparison: MarrowComparison, item: LateInfluence) -> str:
    if item.method == "blood":
        return _printed(comparison.printed["table_5_blood_late"][item.model])
    if item.model != "bi":
        return UNKNOWN
    low, high, *further = comparison.printed["image_late_bi"]
    return f"{low:g} to {high:g}; {', '.join(f'+{value:g}' for value in further)}"


def _refused(axes: Axes, title: str, reason: str) -> None:
    axes.set_axis_off()
    axes.set_title(title, loc="left")
    axes.text(0.0, 0.9, "\n".join(textwrap.wrap(f"Not drawn. {reason}", 38)), va="top", color=WARNING,
              transform=axes.transAxes)  # fmt: skip


def _cell(column: int, bottom: float, height: float) -> tuple[float, float, float, float]:
    """Return the rectangle of one of three axes beside each other."""
    width, gap = 0.225, 0.0925
    return _LEFT + 0.005 + column * (width + gap), bottom, width, height
