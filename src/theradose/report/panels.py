"""Drawing on one plane of the patient: backdrop, dose with isodoses, outlines, letters and colour bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theradose.model.arrays import Array
from theradose.model.region import RegionKind
from theradose.numbers import format_given
from theradose.report.inputs import ReportImages
from theradose.report.planes import View
from theradose.report.scene import Scene
from theradose.report.style import HAIRLINE, INK, MUTED, fading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

SOFT_TISSUE_HU = (-160.0, 240.0)
"""Display window of the CT."""

DOSE_MAP, ACTIVITY_MAP, GREY_MAP = "viridis", "inferno", "gray_r"
BAR_IN, KEY_IN, TITLE_IN = 0.3, 0.16, 0.2
"""Heights that a colour bar, a key of isodoses and a title need outside a panel."""

_ISODOSE_COLOURS = ("#56b4e9", "#00c19a", "#f0e442", "#ff9d2e", "#ff4fa3")
_SCALE_MM = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Axes that show a plane; `dark` says whether white or black can be read on it."""

    axes: Axes
    view: View
    index: int
    dark: bool


def add_panel(
    figure: Figure, box_in: tuple[float, float, float, float], view: View, index: int, *, dark: bool
) -> Panel:
    """Return a panel at (left, bottom, width, height) in inches."""
    width_in, height_in = figure.get_size_inches()
    left, bottom, width, height = box_in
    axes = figure.add_axes((left / width_in, bottom / height_in, width / width_in, height / height_in))
    return Panel(axes, view, index, dark)


def show(panel: Panel, scene: Scene, data: Array, colours: str | Colormap | None, top: float, low: float = 0.0) -> None:
    """Draw a slice or an RGB image from `low` to `top`."""
    panel.axes.imshow(
        data, cmap=colours, vmin=low, vmax=top, extent=panel.view.extent_mm(scene.display),
        origin="lower" if panel.view.upwards else "upper", interpolation="bilinear",
    )  # fmt: skip


def show_backdrop(panel: Panel, scene: Scene) -> None:
    """Draw the CT in a soft-tissue window, or the activity in grey."""
    cut = panel.view.cut(scene.backdrop, panel.index)
    if scene.has_ct:
        show(panel, scene, cut, "gray", SOFT_TISSUE_HU[1], SOFT_TISSUE_HU[0])
    else:
        show(panel, scene, cut, GREY_MAP, scene.activity_top)


def show_activity(panel: Panel, scene: Scene) -> None:
    """Draw the activity over the CT; without CT the backdrop is the activity already."""
    if scene.has_ct:
        cut = panel.view.cut(scene.activity, panel.index)
        show(panel, scene, cut, fading(ACTIVITY_MAP, opaque_from=0.25, opacity=0.75), scene.activity_top)


def show_dose(panel: Panel, scene: Scene) -> None:
    """Draw the dose as a wash with isodose lines."""
    dose = panel.view.cut(scene.dose, panel.index)
    show(panel, scene, dose, fading(DOSE_MAP, opaque_from=0.15, opacity=0.6), scene.dose_top)
    inside = [
        (level, colour)
        for level, colour in zip(scene.levels_gy, _ISODOSE_COLOURS, strict=False)
        if dose.min() < level < dose.max()
    ]
    if inside and min(dose.shape) > 1:
        panel.axes.contour(
            *_centres(panel, scene, dose.shape), dose, levels=[level for level, _ in inside],
            colors=[colour for _, colour in inside], linewidths=0.9,
        )  # fmt: skip


def outline_regions(panels: Sequence[Panel], scene: Scene, images: ReportImages) -> None:
    """Draw the outlines of all regions: lesions solid, the rest dashed."""
    for region in images.segmentation.regions:
        if region.kind == RegionKind.WHOLE_BODY:
            continue
        mask = scene.display.arrange(images.segmentation.mask(region.name))
        lesion = region.kind == RegionKind.LESION
        for panel in panels:
            cut = panel.view.cut(mask, panel.index)
            if min(cut.shape) > 1 and cut.min() < 0.5 < cut.max():
                panel.axes.contour(
                    *_centres(panel, scene, cut.shape), cut, levels=[0.5],
                    colors=["white" if panel.dark else INK], linewidths=0.8 if lesion else 0.5,
                    linestyles="solid" if lesion else "dashed",
                )  # fmt: skip


def frame(panels: Sequence[Panel], scene: Scene, *, square: bool = False) -> None:
    """Set the limits, remove the axes' furniture, write the orientation letters and a 5 cm scale."""
    from matplotlib.patheffects import withStroke

    for panel in panels:
        axes = panel.axes
        axes.set_facecolor("black" if panel.dark else "white")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set(visible=True, color=HAIRLINE)
        left, right, bottom, top = panel.view.extent_mm(scene.display)
        if square:
            half = max(abs(right - left), abs(top - bottom)) / 2
            across, along, sense = (left + right) / 2, (bottom + top) / 2, 1 if top > bottom else -1
            left, right, bottom, top = across - half, across + half, along - sense * half, along + sense * half
        axes.autoscale(enable=False)
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        colour = "white" if panel.dark else INK
        halo = [withStroke(linewidth=1.4, foreground="black" if panel.dark else "white")]
        places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"),
                  (0.5, 0.02, "center", "bottom"), (0.5, 0.98, "center", "top"))  # fmt: skip
        for letter, (x, y, horizontal, vertical) in zip(panel.view.letters(scene.display), places, strict=True):
            axes.text(
                x, y, letter, transform=axes.transAxes, ha=horizontal, va=vertical, fontsize=7, color=colour,
                path_effects=halo,
            )  # fmt: skip
        x, y = left + 0.05 * (right - left), bottom + 0.05 * (top - bottom)
        axes.plot([x, x + _SCALE_MM], [y, y], color=colour, linewidth=1.5, path_effects=halo, solid_capstyle="butt")


def bar_below(
    figure: Figure,
    panel: Panel,
    colours: str,
    top: float,
    unit: str,
    levels: Sequence[float] = (),
    *,
    low: float = 0.0,
) -> None:
    """Draw a colour bar under a panel, with the isodoses marked in their colours."""
    from matplotlib import colormaps

    width_in, height_in = figure.get_size_inches()
    box = panel.axes.get_position()
    bar = figure.add_axes(
        (box.x0 + 0.08 / width_in, box.y0 - 0.15 / height_in, box.width - 0.55 / width_in, 0.075 / height_in)
    )
    bar.imshow(np.linspace(0, 1, 256)[None], cmap=colormaps[colours], aspect="auto", extent=(low, top or 1.0, 0, 1))
    bar.set_yticks([])
    bar.locator_params(axis="x", nbins=5)
    bar.tick_params(length=1.5, pad=1.5, labelsize=6.5)
    bar.spines[:].set_visible(False)
    bar.text(1.03, 0.4, unit, transform=bar.transAxes, va="center", fontsize=7, color=MUTED)
    for level, colour in zip(levels, _ISODOSE_COLOURS, strict=False):
        bar.plot([level, level], [0, 1.6], color=colour, linewidth=1.3, clip_on=False)


def isodose_key(figure: Figure, scene: Scene, left_in: float, top_in: float) -> None:
    """Draw the key of the isodose lines with its upper left corner at a place in inches from the bottom left."""
    from matplotlib.lines import Line2D

    if not scene.levels_gy:
        return
    width_in, height_in = figure.get_size_inches()
    lines = [Line2D([], [], color=colour, linewidth=1.6) for colour in _ISODOSE_COLOURS[: len(scene.levels_gy)]]
    labels = [format_given(level) for level in scene.levels_gy]
    labels[-1] += " Gy"
    figure.legend(
        lines, labels, loc="upper left", bbox_to_anchor=(left_in / width_in, top_in / height_in),
        ncols=len(labels), handlelength=0.9, handletextpad=0.35, columnspacing=0.8, borderaxespad=0, borderpad=0,
        fontsize=7,
    )  # fmt: skip


def _centres(panel: Panel, scene: Scene, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the coordinates of the pixel centres."""
    left, right, bottom, top = panel.view.extent_mm(scene.display)
    low, high = min(bottom, top), max(bottom, top)
    rows, columns = shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = low + (np.arange(rows) + 0.5) * (high - low) / rows
    return x, y
