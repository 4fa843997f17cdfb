"""Picture of two dose maps of the same activity and of their difference."""

from __future__ import annotations

import numpy as np

from theradose.model.result import Result
from theradose.numbers import format_number
from theradose.report.inputs import ReportImages
from theradose.report.panels import (
    BAR_IN,
    DOSE_MAP,
    TITLE_IN,
    add_panel,
    bar_below,
    frame,
    outline_regions,
    show,
)
from theradose.report.planes import View
from theradose.report.scene import BODY_HU, Scene, hottest, targets_of
from theradose.report.style import PAGE_WIDTH_IN, Picture, figure_style, new_figure, render

_COLUMNS = 3
_GAP_IN, _EDGE_IN, _TALLEST_IN = 0.08, 0.01, 2.3
_DIFFERENCE_MAP = "RdBu_r"
# Part of the differences in the patient that the scale shows; single noisy voxels lie beyond it.
_SHOWN_PERCENTILE = 99.5


def draw_cross_check(result: Result, images: ReportImages, scene: Scene) -> Picture | None:
    """Draw a coronal slice of both dose maps, and of the second minus the first on a scale around zero."""
    if images.cross_dose is None:
        return None
    targets = targets_of(result, images)
    view = View("coronal", scene.body)
    index = view.normal_index(hottest(scene, images, targets[0].name if targets else None))
    cross = scene.display.arrange(images.cross_dose.data)
    difference = cross - scene.dose
    # In air a little energy is a large dose.
    patient = scene.backdrop > BODY_HU if scene.has_ct else np.ones(difference.shape, bool)
    limit = float(np.percentile(np.abs(difference[patient]), _SHOWN_PERCENTILE))
    # Two maps that agree within rounding differ by nothing that a picture should show.
    limit = max(limit, 1e-6 * scene.dose_top) or 1.0
    width_mm, height_mm = view.size_mm(scene.display)
    slot_in = (PAGE_WIDTH_IN - 2 * _EDGE_IN - (_COLUMNS - 1) * _GAP_IN) / _COLUMNS
    scale = min(slot_in / width_mm, _TALLEST_IN / height_mm)
    width_in, tall_in = width_mm * scale, height_mm * scale
    first, second = images.dose.engine, images.cross_dose.engine
    shown = (
        (first, scene.dose, DOSE_MAP, 0.0, scene.dose_top),
        (second, cross, DOSE_MAP, 0.0, scene.dose_top),
        (f"{second} − {first}", difference, _DIFFERENCE_MAP, -limit, limit),
    )
    step_in = (PAGE_WIDTH_IN - 2 * _EDGE_IN - width_in) / (_COLUMNS - 1)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, BAR_IN + tall_in + TITLE_IN)
        panels = []
        for column, (title, data, colours, low, top) in enumerate(shown):
            dark = colours == DOSE_MAP
            box = (_EDGE_IN + column * step_in, BAR_IN, width_in, tall_in)
            panel = add_panel(figure, box, view, index, dark=dark)
            show(panel, scene, view.cut(data, index), colours, top, low)
            panel.axes.set_title(title, loc="left", pad=3)
            bar_below(figure, panel, colours, top, "Gy", low=low)
            panels.append(panel)
        outline_regions(panels, scene, images)
        frame(panels, scene)
        through = f"through {targets[0].name}" if targets else "through the highest activity"
        return render(
            figure,
            name="cross-check",
            caption=(
                f"Absorbed dose by both engines, coronal {through}, and the difference of the maps in Gy: red where "
                f"{second} gives more, blue where it gives less."
            ),
            alternative=f"Dose by {first} and {second} and their difference, up to {format_number(limit)} Gy.",
        )
