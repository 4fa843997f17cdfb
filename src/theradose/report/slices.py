"""Pictures of activity and dose in the patient: projections, fused slices with isodoses, overlays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.model.arrays import Array
from theradose.model.region import RegionKind
from theradose.model.result import RegionResult, Result
from theradose.numbers import format_estimate, format_number
from theradose.report.inputs import ReportImages
from theradose.report.panels import (
    ACTIVITY_MAP,
    BAR_IN,
    DOSE_MAP,
    GREY_MAP,
    KEY_IN,
    SOFT_TISSUE_HU,
    TITLE_IN,
    Panel,
    add_panel,
    bar_below,
    frame,
    isodose_key,
    outline_regions,
    show,
    show_activity,
    show_backdrop,
    show_dose,
)
from theradose.report.planes import Plane, View
from theradose.report.reporting import study_value
from theradose.report.scene import Scene, display_top, hottest, targets_of, zoom_window
from theradose.report.style import PAGE_WIDTH_IN, Picture, figure_style, new_figure, render, shortened
from theradose.spatial.overlay import AlignedPair

_COLUMNS = 3
_GAP_IN, _EDGE_IN = 0.08, 0.01
_WIDTH_IN = PAGE_WIDTH_IN - 2 * _EDGE_IN
_PANEL_IN = (_WIDTH_IN - (_COLUMNS - 1) * _GAP_IN) / _COLUMNS
_OVERVIEW_HEIGHT_IN = 2.3
_PROJECTION_HEIGHT_IN = 1.75
_OVERLAY_HEIGHT_IN = 3.2
_LARGE, _SMALL_COLUMNS = 2, 4
_SMALL_IN = (_WIDTH_IN - (_SMALL_COLUMNS - 1) * _GAP_IN) / _SMALL_COLUMNS
_LESIONS_DRAWN, _OTHERS_DRAWN = 12, 8
_PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
_TITLE_LENGTH, _HEADING_LENGTH, _SMALL_TITLE_LENGTH = 30, 90, 15
_CONVENTION = "Radiological convention: the patient's right is on the left; the bar is 5 cm."
_NOT_CORRECTED = "The dose map is not corrected for recovery (partial volume)."


def draw_overview(result: Result, images: ReportImages, scene: Scene) -> Picture:
    """Draw the projection of activity beside coronal slices of activity and dose through the main target."""
    targets = targets_of(result, images)
    view = View("coronal", scene.body)
    index = view.normal_index(hottest(scene, images, targets[0].name if targets else None))
    width_in, tall_in = _fitted(view, scene, _PANEL_IN, _OVERVIEW_HEIGHT_IN)
    bottom_in = BAR_IN + KEY_IN
    titles = (
        "Activity, maximum projection",
        "Activity on CT, coronal" if scene.has_ct else "Activity, coronal",
        f"Absorbed dose on {scene.backdrop_words}, coronal",
    )
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, bottom_in + tall_in + TITLE_IN)
        lefts = [_EDGE_IN + column * (_WIDTH_IN - width_in) / (_COLUMNS - 1) for column in range(_COLUMNS)]
        projection, activity, dose = (
            add_panel(figure, (left, bottom_in, width_in, tall_in), view, index, dark=scene.has_ct and left > _EDGE_IN)
            for left in lefts
        )
        show(projection, scene, view.project(scene.activity), GREY_MAP, scene.activity_top)
        for panel in (activity, dose):
            show_backdrop(panel, scene)
        show_activity(activity, scene)
        show_dose(dose, scene)
        panels = (projection, activity, dose)
        outline_regions(panels[1:], scene, images)
        frame(panels, scene)
        for panel, title in zip(panels, titles, strict=True):
            panel.axes.set_title(title, loc="left", pad=3)
        bar_below(figure, projection, GREY_MAP, scene.activity_top, "MBq/mL")
        bar_below(figure, activity, ACTIVITY_MAP if scene.has_ct else GREY_MAP, scene.activity_top, "MBq/mL")
        bar_below(figure, dose, DOSE_MAP, scene.dose_top, "Gy", scene.levels_gy)
        isodose_key(figure, scene, lefts[2] + 0.08, KEY_IN - 0.03)
        through = f"through {targets[0].name}" if targets else "through the highest activity"
        return render(
            figure,
            name="overview",
            caption=(
                f"Reference time point; slices {through}. Isodoses at {scene.levels_words}. Outlines: lesions solid, "
                f"other regions dashed. Values above a scale have its last colour. {_NOT_CORRECTED} {_CONVENTION}"
            ),
            alternative=f"Activity projection and coronal dose slice {through}; isodoses {scene.levels_words}.",
        )


def draw_axial_overview(result: Result, images: ReportImages, scene: Scene) -> Picture | None:
    """Draw whole axial dose slices through the three main targets; a sagittal one fills an empty place."""
    targets = targets_of(result, images)[:_COLUMNS]
    if not targets:
        return None
    places: list[tuple[RegionResult, Plane]] = [(target, "axial") for target in targets]
    if len(places) < _COLUMNS:
        places.append((targets[0], "sagittal"))
    tall_in = max(_fitted(View(plane, scene.body), scene, _PANEL_IN, _PROJECTION_HEIGHT_IN)[1] for _, plane in places)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _EDGE_IN + tall_in + TITLE_IN)
        panels = []
        for column, (target, plane) in enumerate(places):
            view = View(plane, scene.body)
            width_in, height_in = _fitted(view, scene, _PANEL_IN, tall_in)
            box = (_left(column, _PANEL_IN), _EDGE_IN + tall_in - height_in, width_in, height_in)
            index = view.normal_index(hottest(scene, images, target.name))
            panels.append(add_panel(figure, box, view, index, dark=scene.has_ct))
            panels[-1].axes.set_title(f"{shortened(target.name, _TITLE_LENGTH)}, {plane}", loc="left", pad=3)
        _show_dose_panels(panels, scene, images)
        frame(panels, scene)
        return render(
            figure,
            name="overview-axial",
            caption="Absorbed dose through the highest dose in each region; colours and isodoses as above.",
            alternative=f"Dose slices through {', '.join(target.name for target in targets)}.",
        )


def draw_targets(result: Result, images: ReportImages, scene: Scene) -> tuple[Picture, ...]:
    """Draw dose slices through the targets: the first two large in three planes, the others small and axial.

    Every row is a picture of its own, so that pages fill; the last one carries scale and caption for all.
    """
    targets = targets_of(result, images)
    drawn = _drawn_targets(targets)
    small = drawn[_LARGE:]
    rows = [[target] for target in drawn[:_LARGE]]
    rows += [small[start : start + _SMALL_COLUMNS] for start in range(0, len(small), _SMALL_COLUMNS)]
    left_out = f" Regions not drawn: {len(targets) - len(drawn)}." if len(targets) > len(drawn) else ""
    caption = (
        f"Absorbed dose on {scene.backdrop_words} through the highest dose in each region: axial, coronal and sagittal "
        f"for the first {min(_LARGE, len(drawn))}, axial for the others. The mean is that of the results. "
        f"{_NOT_CORRECTED} {_CONVENTION}{left_out}"
    )
    return tuple(
        _draw_target_row(
            row, f"slices-{number}", caption if number == len(rows) else "", images, scene, large=number <= _LARGE
        )
        for number, row in enumerate(rows, 1)
    )


def _drawn_targets(targets: Sequence[RegionResult]) -> list[RegionResult]:
    """Return the targets within the limits for lesions and for other regions, in their order."""
    lesions = [target for target in targets if target.kind == RegionKind.LESION]
    others = [target for target in targets if target.kind != RegionKind.LESION]
    return [*lesions[:_LESIONS_DRAWN], *others[:_OTHERS_DRAWN]]


def draw_dose_rates(result: Result, images: ReportImages, scene: Scene) -> Picture | None:
    """Draw the coronal projection of the dose rate at each time point on one scale."""
    if not images.dose_rates:
        return None
    view = View("coronal", scene.body)
    columns = max(len(images.dose_rates), _COLUMNS)
    slot_in = (_WIDTH_IN - (columns - 1) * _GAP_IN) / columns
    width_in, tall_in = _fitted(view, scene, slot_in, _PROJECTION_HEIGHT_IN)
    top = max(display_top(volume.data) for volume in images.dose_rates.values())
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, BAR_IN + tall_in + TITLE_IN)
        panels = []
        for column, (timepoint, volume) in enumerate(images.dose_rates.items()):
            panel = add_panel(figure, (_left(column, width_in), BAR_IN, width_in, tall_in), view, 0, dark=False)
            panel.axes.set_title(timepoint, loc="left", pad=3)
            show(panel, scene, view.project(scene.display.arrange(volume.data)), GREY_MAP, top)
            panels.append(panel)
        frame(panels, scene)
        bar_below(figure, panels[0], GREY_MAP, top, "Gy/h")
        return render(
            figure,
            name="dose-rates",
            caption=(
                f"Dose rate at each time point{_of_engine(result)}, coronal maximum projection, one scale. "
                f"{_NOT_CORRECTED}"
            ),
            alternative=f"Dose rate at {len(images.dose_rates)} time points, up to {format_number(top)} Gy/h.",
        )


def draw_overlays(images: ReportImages, scene: Scene) -> Picture | None:
    """Draw each registered image over the reference in two complementary colours."""
    if not images.overlays:
        return None
    views = View("coronal", scene.body), View("axial", scene.body)
    width_mm = views[0].size_mm(scene.display)[0]
    heights_mm = [view.size_mm(scene.display)[1] for view in views]
    # Both planes of a time point stand above each other; those of a single one side by side.
    beside = len(images.overlays) == 1
    columns = max(len(images.overlays), _COLUMNS)
    slot_in = (_WIDTH_IN - (columns - 1) * _GAP_IN) / columns
    scale = min(slot_in / width_mm, _OVERLAY_HEIGHT_IN / (max if beside else sum)(heights_mm))
    wide_in, coronal_in, axial_in = (length * scale for length in (width_mm, *heights_mm))
    tall_in = max(coronal_in, axial_in) if beside else coronal_in + _GAP_IN + axial_in
    bottoms_in = (_EDGE_IN + tall_in - coronal_in, _EDGE_IN + tall_in - axial_in if beside else _EDGE_IN)
    position = hottest(scene, images, None)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, _EDGE_IN + tall_in + TITLE_IN)
        panels = []
        for column, overlay in enumerate(images.overlays):
            sizes = zip(views, bottoms_in, (coronal_in, axial_in), strict=True)
            for number, (view, bottom_in, high_in) in enumerate(sizes):
                box = (_left(column + (number if beside else 0), wide_in), bottom_in, wide_in, high_in)
                panel = add_panel(figure, box, view, view.normal_index(position), dark=overlay.kind == "ct")
                show(panel, scene, _two_colours(overlay, scene, panel), None, 1.0)
                panels.append(panel)
            panels[-2].axes.set_title(f"{overlay.timepoint}, {_kind_words(overlay)}", loc="left", pad=3)
        frame(panels, scene)
        return render(
            figure,
            name="registration",
            caption=(
                "Registered image over the reference, coronal and axial through the highest activity. Blue: more in "
                "the reference; orange: more in the registered image; grey: both agree."
            ),
            alternative="Overlays of " + ", ".join(overlay.timepoint for overlay in images.overlays) + ".",
        )


def _draw_target_row(
    targets: Sequence[RegionResult], name: str, caption: str, images: ReportImages, scene: Scene, *, large: bool
) -> Picture:
    """Draw one target in three planes, or up to four in the axial one; with a caption also the scale."""
    size_in = _PANEL_IN if large else _SMALL_IN
    planes = _PLANES if large else _PLANES[:1]
    bottom_in = BAR_IN if caption else _EDGE_IN
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, bottom_in + size_in + TITLE_IN)
        panels: list[Panel] = []
        for region in targets:
            position = hottest(scene, images, region.name)
            window = zoom_window(scene, images, region.name, position)
            for number, plane in enumerate(planes):
                view = View(plane, window)
                box = (_left(len(panels), size_in), bottom_in, size_in, size_in)
                panels.append(add_panel(figure, box, view, view.normal_index(position), dark=scene.has_ct))
                if number == 0:
                    panels[-1].axes.set_title(_heading(region, large), loc="left", pad=3, fontweight="bold")
        _show_dose_panels(panels, scene, images)
        frame(panels, scene, square=True)
        if caption:
            bar_below(figure, panels[0], DOSE_MAP, scene.dose_top, "Gy", scene.levels_gy)
            isodose_key(figure, scene, _left(1, size_in), BAR_IN - 0.07)
        return render(
            figure,
            name=name,
            caption=caption,
            alternative=(
                f"Dose slices through {', '.join(region.name for region in targets)}; isodoses {scene.levels_words}."
            ),
        )


def _heading(region: RegionResult, large: bool) -> str:
    """Return the title of a target's panels, short enough for their width."""
    dose = format_estimate(region.dose_gy)
    return (
        f"{shortened(region.name, _HEADING_LENGTH)}, mean {dose} Gy"
        if large
        else f"{shortened(region.name, _SMALL_TITLE_LENGTH)}, {dose} Gy"
    )


def _show_dose_panels(panels: Sequence[Panel], scene: Scene, images: ReportImages) -> None:
    for panel in panels:
        show_backdrop(panel, scene)
        show_dose(panel, scene)
    outline_regions(panels, scene, images)


def _left(column: int, width_in: float) -> float:
    """Return the left edge of a column of panels."""
    return _EDGE_IN + column * (width_in + _GAP_IN)


def _fitted(view: View, scene: Scene, width_in: float, height_in: float) -> tuple[float, float]:
    """Return the size of a plane inside a box, in inches."""
    width_mm, height_mm = view.size_mm(scene.display)
    scale = min(width_in / width_mm, height_in / height_mm)
    return width_mm * scale, height_mm * scale


def _two_colours(overlay: AlignedPair, scene: Scene, panel: Panel) -> Array:
    """Return an RGB image: reference and moving in complementary colours, equal values grey."""
    parts = []
    for volume in (overlay.reference, overlay.moving):
        low, high = SOFT_TISSUE_HU if overlay.kind == "ct" else (0.0, display_top(volume.data))
        cut = panel.view.cut(scene.display.arrange(volume.data), panel.index)
        parts.append(np.clip((cut - low) / max(high - low, 1e-12), 0, 1))
    reference, moving = parts
    mean = (reference + moving) / 2
    # CT is drawn light on black; emission dark on white, with the colours exchanged so that their names hold.
    channels = [moving, mean, reference] if overlay.kind == "ct" else [1 - reference, 1 - mean, 1 - moving]
    image: Array = np.stack(channels, axis=-1)
    return image


def _of_engine(result: Result) -> str:
    """Say by which engine the dose rates are where that is not the one of the doses."""
    engine = study_value(result.study, "dose", "engine")
    other = study_value(result.study, "dose", "dose_rates") == "local" and engine not in (None, "local")
    return f" by local deposition, not by {engine}" if other else ""


def _kind_words(overlay: AlignedPair) -> str:
    return "CT" if overlay.kind == "ct" else "emission"
