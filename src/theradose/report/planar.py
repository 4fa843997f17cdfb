"""Picture of the planar images with the regions measured on them."""

from __future__ import annotations

from theradose.quantify.regions import WHOLE_FIELD
from theradose.quantify.remainder import REMAINDER
from theradose.report.inputs import ReportImages
from theradose.report.panels import GREY_MAP
from theradose.report.scene import display_top
from theradose.report.style import INK, MUTED, PAGE_WIDTH_IN, PALETTE, Picture, figure_style, new_figure, render

_COLUMNS = 4
_GAP_IN, _EDGE_IN, _TITLE_IN, _KEY_IN = 0.08, 0.01, 0.2, 0.34
_TALLEST_IN = 2.6
_SCALE_MM = 50.0


def draw_planar(images: ReportImages) -> Picture | None:
    """Draw the geometric mean of each planar pair with its regions of interest; each on a scale of its own."""
    shown = list(images.planar)
    if not shown:
        return None
    width_in = (PAGE_WIDTH_IN - 2 * _EDGE_IN - (_COLUMNS - 1) * _GAP_IN) / _COLUMNS
    rows, columns = shown[0].pair.shape
    tall_in = min(width_in * rows * shown[0].pair.spacing_mm[0] / (columns * shown[0].pair.spacing_mm[1]), _TALLEST_IN)
    lines = -(-len(shown) // _COLUMNS)
    height_in = lines * (tall_in + _TITLE_IN) + _KEY_IN
    names = list(dict.fromkeys(name for item in shown for name in item.regions if name not in (WHOLE_FIELD, REMAINDER)))
    colours = {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(names)}
    with figure_style():
        from matplotlib.lines import Line2D

        figure = new_figure(PAGE_WIDTH_IN, height_in)
        for number, item in enumerate(shown):
            line, column = divmod(number, _COLUMNS)
            left = _EDGE_IN + column * (width_in + _GAP_IN)
            bottom = height_in - (line + 1) * (tall_in + _TITLE_IN)
            axes = figure.add_axes(
                (left / PAGE_WIDTH_IN, bottom / height_in, width_in / PAGE_WIDTH_IN, tall_in / height_in)
            )
            axes.imshow(item.image, cmap=GREY_MAP, vmin=0, vmax=display_top(item.image), interpolation="nearest",
                        aspect=item.pair.spacing_mm[0] / item.pair.spacing_mm[1])  # fmt: skip
            for name in names:
                region = item.regions.get(name)
                if region is None:
                    continue
                for mask, style in ((region.mask, "solid"), (region.background, "dotted")):
                    if mask.any() and not mask.all():
                        axes.contour(mask.astype(float), levels=[0.5], colors=[colours[name]], linewidths=0.7,
                                     linestyles=style)  # fmt: skip
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"{item.id}, {item.t_h:.1f} h", loc="left", pad=3)
            bar = _SCALE_MM / item.pair.spacing_mm[1]
            last = item.pair.shape[0] - 1
            axes.plot([0.04 * columns, 0.04 * columns + bar], [0.96 * last] * 2, color=INK, linewidth=1.4)
            for text, x, align in (("R", 0.02, "left"), ("L", 0.98, "right")):
                axes.text(x, 0.5, text, transform=axes.transAxes, ha=align, va="center", fontsize=7, color=MUTED)
        handles = [Line2D([], [], color=colours[name], linewidth=1.4) for name in names]
        figure.legend(
            handles, names, loc="lower center", ncols=min(max(len(names), 1), 6), fontsize=7, handlelength=1.0,
            columnspacing=0.9, borderaxespad=0.1,
        )  # fmt: skip
        return render(
            figure,
            name="planar",
            caption=(
                "Planar images, geometric mean of both views after scatter correction, seen from the front; each has "
                "its own grey scale. Solid: region of interest, without what others cover; dotted: background. The "
                "bar is 5 cm."
            ),
            alternative="Planar images at " + ", ".join(f"{item.t_h:.1f} h" for item in shown) + " with their regions.",
        )
