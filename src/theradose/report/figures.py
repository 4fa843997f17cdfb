"""All figures of a report."""

from __future__ import annotations

from theradose.model.result import Result
from theradose.report.cross_check import draw_cross_check
from theradose.report.cycles import draw_cycles
from theradose.report.inputs import ReportCurves, ReportImages
from theradose.report.marrow_plots import draw_marrow_budget
from theradose.report.planar import draw_planar
from theradose.report.plots import draw_budgets, draw_curves, draw_histograms
from theradose.report.scene import Scene
from theradose.report.slices import (
    draw_axial_overview,
    draw_dose_rates,
    draw_overlays,
    draw_overview,
    draw_targets,
)
from theradose.report.style import Picture


def draw_pictures(result: Result, images: ReportImages | None, curves: ReportCurves) -> tuple[Picture, ...]:
    """Draw every figure for which there are data.

    Returns
    -------
    tuple of Picture
        ``overview``, ``overview-axial``, ``slices-1`` …, ``dose-rates``, ``cross-check``, ``registration``,
        ``planar``, ``curves-1`` …, ``histograms``, ``budget-1`` …, ``marrow-budget``, ``cycles``.
    """
    drawn = (
        *(_draw_slices(result, images) if images is not None else ()),
        *draw_curves(result, curves),
        draw_histograms(result),
        *draw_budgets(result),
        draw_marrow_budget(result),
        draw_cycles(result),
    )
    return tuple(picture for picture in drawn if picture is not None)


def _draw_slices(result: Result, images: ReportImages) -> tuple[Picture | None, ...]:
    scene = Scene.of(images)
    return (
        draw_overview(result, images, scene),
        draw_axial_overview(result, images, scene),
        *draw_targets(result, images, scene),
        draw_dose_rates(result, images, scene),
        draw_cross_check(result, images, scene),
        draw_overlays(images, scene),
        draw_planar(images),
    )
