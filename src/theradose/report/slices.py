"""Pictures of activity and dose in the patient: projections, fused slices with isodoses, overlays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from theradose.model.arrays import Array
from theradose.model.region import RegionKind
from theradose.model.result import RegionResult, Result
from theradose.report.inputs import RegistrationOverlay, ReportImages, ordered_regions
from theradose.report.numbers import format_estimate, format_given, format_number
from theradose.report.planes import Display, Plane, View, body_window, limited
from theradose.report.style import (
    HAIRLINE,
    INK,
    MUTED,
    PAGE_WIDTH_IN,
    Picture,
    fading,
    figure_style,
    new_figure,
    render,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOFT_TISSUE_HU = (-160.0, 240.0)
"""Display window of the CT."""

_BODY_HU = -400.0
_BODY_ACTIVITY_FRACTION = 0.01
_DISPLAY_PERCENTILE = 99.98
_ZOOM_MM = 220.0
_MARGIN_MM = 80.0
_MAX_HEIGHT_IN = 3.1
_TARGETS, _ROWS_PER_FIGURE = 6, 3
_ISODOSE_LINES = 5
_ISODOSE_COLOURS = ("#56b4e9", "#00c19a", "#f0e442", "#ff9d2e", "#ff4fa3")
_NICE = (1.0, 2.0, 5.0)
_DOSE_MAP, _ACTIVITY_MAP = "viridis", "inferno"


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The volumes in display order with their scales.

    Attributes
    ----------
    display : Display
        Order of the axes.
    backdrop : ndarray
        CT in HU, or activity where there is no CT.
    has_ct : bool
        Which of the two.
    activity, dose : ndarray
        MBq/mL and Gy.
    body : tuple of slice
        Box of the patient.
    activity_top, dose_top : float
        Upper end of the colour scales.
    levels_gy : tuple of float
        Isodoses.
    """

    display: Display
    backdrop: Array
    has_ct: bool
    activity: Array
    dose: Array
    body: tuple[slice, slice, slice]
    activity_top: float
    dose_top: float
    levels_gy: tuple[float, ...]

    @classmethod
    def of(cls, images: ReportImages) -> Scene:
        """Arrange the images of a report."""
        display = Display.of(images.activity.grid)
        activity = display.arrange(images.activity.data)
        dose = display.arrange(images.dose.data)
        backdrop = activity if images.ct is None else display.arrange(images.ct.data)
        threshold = _BODY_HU if images.ct is not None else _BODY_ACTIVITY_FRACTION * _top(activity)
        dose_top = _top(dose)
        return cls(
            display=display,
            backdrop=backdrop,
            has_ct=images.ct is not None,
            activity=activity,
            dose=dose,
            body=body_window(display, backdrop, threshold=threshold),
            activity_top=_top(activity),
            dose_top=dose_top,
            levels_gy=isodose_levels(dose_top),
        )

    @property
    def backdrop_words(self) -> str:
        """What lies beneath the colours."""
        return "CT" if self.has_ct else "activity (grey)"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Axes that show a plane."""

    axes: Axes
    view: View
    index: int


def isodose_levels(top_gy: float) -> tuple[float, ...]:
    """Return up to five isodoses of the series 1, 2, 5, 10, … below `top_gy`, increasing."""
    if not top_gy > 0:
        return ()
    decade = math.floor(math.log10(top_gy))
    series = [
        mantissa * 10.0**exponent for exponent in range(decade - 2, decade + 1) for mantissa in _NICE
    ]
    return tuple(level for level in series if level < 0.95 * top_gy)[-_ISODOSE_LINES:]


def targets_of(result: Result, images: ReportImages) -> tuple[RegionResult, ...]:
    """Return the regions worth a picture: lesions before the rest, each by falling dose."""
    shown = [
        region
        for region in result.regions
        if region.kind != RegionKind.WHOLE_BODY
        and region.name in images.segmentation.names
        and images.segmentation.voxels_of(region.name).voxel_count > 0
    ]
    return ordered_regions(shown)


def draw_overview(result: Result, images: ReportImages, scene: Scene) -> Picture:
    """Draw the projection of activity beside coronal slices of activity and dose through the main target."""
    targets = targets_of(result, images)
    position = _hottest(scene, images, targets[0].name if targets else None)
    view = View("coronal", scene.body)
    width_mm, height_mm = view.size_mm(scene.display)
    panel_in = min((PAGE_WIDTH_IN - 0.2) / 3, _MAX_HEIGHT_IN * width_mm / height_mm)
    panel_height_in = panel_in * height_mm / width_mm
    height_in = panel_height_in + 0.62
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        gap = (PAGE_WIDTH_IN - 3 * panel_in) / 2
        titles = (
            "Activity, maximum projection",
            "Activity on CT, coronal" if scene.has_ct else "Activity, coronal",
            f"Absorbed dose on {scene.backdrop_words}, coronal",
        )
        panels = []
        for column, title in enumerate(titles):
            left = column * (panel_in + gap) / PAGE_WIDTH_IN
            axes = figure.add_axes(
                (left, 0.42 / height_in, panel_in / PAGE_WIDTH_IN, panel_height_in / height_in)
            )
            axes.set_title(title, loc="left", pad=3, color=INK)
            panels.append(Panel(axes, view, view.normal_index(position)))
        _frame(panels, scene)
        extent = view.extent_mm(scene.display)
        projection = panels[0].axes.imshow(
            view.project(scene.activity), cmap="gray_r", vmin=0, vmax=scene.activity_top, extent=extent,
            origin="lower", interpolation="bilinear",
        )  # fmt: skip
        _draw_backdrop(panels[1:], scene)
        fused = panels[1].axes.imshow(
            view.cut(scene.activity, panels[1].index), cmap=_activity_map(scene), vmin=0,
            vmax=scene.activity_top, extent=extent, origin="lower", interpolation="bilinear",
        )  # fmt: skip
        _draw_dose(panels[2:], scene)
        _outline(panels[1:], scene, images)
        unit = "MBq/mL"
        _bar_below(figure, panels[0].axes, projection.cmap.name, scene.activity_top, unit, height_in)
        _bar_below(figure, panels[1].axes, fused.cmap.name, scene.activity_top, unit, height_in)
        _bar_below(figure, panels[2].axes, _DOSE_MAP, scene.dose_top, "Gy", height_in, scene.levels_gy)
        through = f"through {targets[0].name}" if targets else "through the highest dose"
        return render(
            figure,
            name="overview",
            caption=(
                f"Reference time point, slices {through}. Isodoses at {_levels_text(scene)}. White: outlines of "
                "regions. Radiological convention: the patient's right is on the left."
            ),
            alternative=f"Activity projection and coronal dose slice {through}; isodoses {_levels_text(scene)}.",
        )


def draw_targets(result: Result, images: ReportImages, scene: Scene) -> tuple[Picture, ...]:
    """Draw axial, coronal and sagittal dose slices through each target, three targets to a sheet."""
    targets = targets_of(result, images)
    drawn = targets[:_TARGETS]
    sheets = [drawn[start : start + _ROWS_PER_FIGURE] for start in range(0, len(drawn), _ROWS_PER_FIGURE)]
    left_out = f" {len(targets) - len(drawn)} further regions are not drawn." if len(targets) > len(drawn) else ""
    return tuple(
        _draw_target_sheet(sheet, f"slices-{number}", left_out if number == len(sheets) else "", images, scene)
        for number, sheet in enumerate(sheets, 1)
    )


def draw_dose_rates(images: ReportImages, scene: Scene) -> Picture | None:
    """Draw the coronal projection of the dose rate at each time point on one scale."""
    if not images.dose_rates:
        return None
    view = View("coronal", scene.body)
    width_mm, height_mm = view.size_mm(scene.display)
    columns = max(len(images.dose_rates), 3)
    panel_in = min(PAGE_WIDTH_IN / columns - 0.08, 2.2 * width_mm / height_mm)
    panel_height_in = panel_in * height_mm / width_mm
    height_in = panel_height_in + 0.62
    top = max(_top(volume.data) for volume in images.dose_rates.values())
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        panels = []
        for column, (timepoint, volume) in enumerate(images.dose_rates.items()):
            left = column * (panel_in + 0.08) / PAGE_WIDTH_IN
            axes = figure.add_axes(
                (left, 0.42 / height_in, panel_in / PAGE_WIDTH_IN, panel_height_in / height_in)
            )
            axes.set_title(timepoint, loc="left", pad=3)
            axes.imshow(
                view.project(scene.display.arrange(volume.data)), cmap="gray_r", vmin=0, vmax=top,
                extent=view.extent_mm(scene.display), origin="lower", interpolation="bilinear",
            )  # fmt: skip
            panels.append(Panel(axes, view, 0))
        _frame(panels, scene)
        _bar_below(figure, panels[0].axes, "gray_r", top, "Gy/h", height_in)
        return render(
            figure,
            name="dose-rates",
            caption="Absorbed dose rate at each time point, coronal maximum projection, one scale.",
            alternative=f"Dose rate at {len(images.dose_rates)} time points, up to {format_number(top)} Gy/h.",
        )


def draw_overlays(images: ReportImages, scene: Scene) -> Picture | None:
    """Draw each registered image over the reference in two complementary colours."""
    if not images.overlays:
        return None
    coronal, axial = View("coronal", scene.body), View("axial", scene.body)
    width_mm, coronal_mm = coronal.size_mm(scene.display)
    axial_mm = axial.size_mm(scene.display)[1]
    columns = max(len(images.overlays), 3)
    scale = min((PAGE_WIDTH_IN / columns - 0.08) / width_mm, 3.4 / (coronal_mm + axial_mm))
    height_in = (coronal_mm + axial_mm) * scale + 0.32
    position = _hottest(scene, images, None)
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        panels = []
        for column, overlay in enumerate(images.overlays):
            left = column * (width_mm * scale + 0.08) / PAGE_WIDTH_IN
            for view, bottom_in, tall_mm in (
                (coronal, axial_mm * scale + 0.06, coronal_mm),
                (axial, 0.0, axial_mm),
            ):
                axes = figure.add_axes(
                    (left, bottom_in / height_in, width_mm * scale / PAGE_WIDTH_IN, tall_mm * scale / height_in)
                )
                panel = Panel(axes, view, view.normal_index(position))
                axes.imshow(
                    _two_colours(overlay, scene, panel), extent=view.extent_mm(scene.display),
                    origin="lower" if view.upwards else "upper", interpolation="bilinear",
                )  # fmt: skip
                panels.append(panel)
            panels[-2].axes.set_title(f"{overlay.timepoint} ({_kind_words(overlay)})", loc="left", pad=3)
        _frame(panels, scene)
        return render(
            figure,
            name="registration",
            caption=(
                "Registered image over the reference, coronal and axial through the highest activity. Blue: only "
                "the reference; orange: only the registered image; grey: both agree."
            ),
            alternative="Overlays of " + ", ".join(overlay.timepoint for overlay in images.overlays) + ".",
        )


def _draw_target_sheet(
    targets: Sequence[RegionResult], name: str, left_out: str, images: ReportImages, scene: Scene
) -> Picture:
    side_in = (PAGE_WIDTH_IN - 0.16) / 3
    row_in = side_in + 0.24
    height_in = row_in * len(targets) + 0.5
    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
    with figure_style():
        figure = new_figure(PAGE_WIDTH_IN, height_in)
        panels = []
        for row, region in enumerate(targets):
            position = _hottest(scene, images, region.name)
            zoom = _zoom(scene, images, region.name, position)
            bottom = (height_in - (row + 1) * row_in) / height_in
            for column, plane in enumerate(planes):
                left = column * (side_in + 0.08) / PAGE_WIDTH_IN
                axes = figure.add_axes((left, bottom, side_in / PAGE_WIDTH_IN, side_in / height_in))
                view = View(plane, zoom)
                panels.append(Panel(axes, view, view.normal_index(position)))
            heading = f"{region.name}    {format_estimate(region.dose_gy)} Gy mean"
            panels[-3].axes.set_title(heading, loc="left", pad=3, fontweight="bold")
        _frame(panels, scene, square=True)
        _draw_backdrop(panels, scene)
        _draw_dose(panels, scene)
        _outline(panels, scene, images)
        _bar_below(figure, panels[-3].axes, _DOSE_MAP, scene.dose_top, "Gy", height_in, scene.levels_gy)
        names = ", ".join(region.name for region in targets)
        return render(
            figure,
            name=name,
            caption=(
                f"Absorbed dose on {scene.backdrop_words}: axial, coronal and sagittal slices through the highest "
                f"dose in each region. Isodoses at {_levels_text(scene)}.{left_out}"
            ),
            alternative=f"Dose slices through {names}.",
        )


def _draw_backdrop(panels: Sequence[Panel], scene: Scene) -> None:
    low, high = SOFT_TISSUE_HU if scene.has_ct else (0.0, scene.activity_top)
    for panel in panels:
        panel.axes.imshow(
            panel.view.cut(scene.backdrop, panel.index), cmap="gray" if scene.has_ct else "gray_r", vmin=low,
            vmax=high, extent=panel.view.extent_mm(scene.display),
            origin="lower" if panel.view.upwards else "upper", interpolation="bilinear",
        )  # fmt: skip


def _draw_dose(panels: Sequence[Panel], scene: Scene) -> None:
    wash = fading(_DOSE_MAP, opaque_from=0.15, opacity=0.6)
    for panel in panels:
        dose = panel.view.cut(scene.dose, panel.index)
        extent = panel.view.extent_mm(scene.display)
        panel.axes.imshow(
            dose, cmap=wash, vmin=0, vmax=scene.dose_top, extent=extent,
            origin="lower" if panel.view.upwards else "upper", interpolation="bilinear",
        )  # fmt: skip
        inside = [
            (level, colour)
            for level, colour in zip(scene.levels_gy, _ISODOSE_COLOURS, strict=False)
            if dose.min() < level < dose.max()
        ]
        if inside and min(dose.shape) > 1:
            panel.axes.contour(
                *_centres(extent, dose.shape), dose, levels=[level for level, _ in inside],
                colors=[colour for _, colour in inside], linewidths=0.8,
            )  # fmt: skip


def _outline(panels: Sequence[Panel], scene: Scene, images: ReportImages) -> None:
    colour = "white" if scene.has_ct else INK
    for region in images.segmentation.regions:
        if region.kind == RegionKind.WHOLE_BODY:
            continue
        mask = scene.display.arrange(images.segmentation.mask(region.name))
        for panel in panels:
            cut = panel.view.cut(mask, panel.index)
            if min(cut.shape) > 1 and cut.min() < 0.5 < cut.max():
                panel.axes.contour(
                    *_centres(panel.view.extent_mm(scene.display), cut.shape), cut, levels=[0.5],
                    colors=[colour], linewidths=0.7 if region.kind == RegionKind.LESION else 0.45,
                    linestyles="solid" if region.kind == RegionKind.LESION else "dashed",
                )  # fmt: skip


def _frame(panels: Sequence[Panel], scene: Scene, *, square: bool = False) -> None:
    """Remove the axes' furniture and write the orientation letters and a 5 cm scale."""
    from matplotlib.patheffects import withStroke

    for panel in panels:
        axes = panel.axes
        dark = scene.has_ct and square
        axes.set_facecolor("black" if dark else "white")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(HAIRLINE)
        left, right, bottom, top = panel.view.extent_mm(scene.display)
        if square:
            half = max(abs(right - left), abs(top - bottom)) / 2
            middle_x, middle_y, sense = (left + right) / 2, (bottom + top) / 2, 1 if top > bottom else -1
            left, right = middle_x - half, middle_x + half
            bottom, top = middle_y - sense * half, middle_y + sense * half
        axes.autoscale(enable=False)
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        halo = [withStroke(linewidth=1.6, foreground="black")]
        places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"),
                  (0.5, 0.02, "center", "bottom"), (0.5, 0.98, "center", "top"))  # fmt: skip
        for letter, (x, y, across, along) in zip(panel.view.letters(scene.display), places, strict=True):
            axes.text(
                x, y, letter, transform=axes.transAxes, ha=across, va=along, fontsize=7, color="white",
                path_effects=halo,
            )  # fmt: skip
        start, height = left + 0.05 * (right - left), bottom + 0.05 * (top - bottom)
        axes.plot([start, start + 50.0], [height, height], color="white", linewidth=1.6, path_effects=halo)


def _bar_below(
    figure: Figure, axes: Axes, colours: str, top: float, unit: str, height_in: float,
    levels: Sequence[float] = (),
) -> None:  # fmt: skip
    """Draw a colour bar under `axes`, with the isodoses marked in their colours."""
    from matplotlib import colormaps

    name = colours.removesuffix("-fading")
    box = axes.get_position()
    width_in = box.width * figure.get_size_inches()[0]
    bar = figure.add_axes((box.x0, box.y0 - 0.17 / height_in, box.width * (1 - 0.42 / width_in), 0.075 / height_in))
    bar.imshow(np.linspace(0, 1, 256)[None], cmap=colormaps[name], aspect="auto", extent=(0, top or 1.0, 0, 1))
    bar.set_yticks([])
    bar.tick_params(length=1.5, pad=1.5, labelsize=6.5)
    bar.spines[:].set_visible(False)
    bar.text(1.02, 0.5, unit, transform=bar.transAxes, va="center", fontsize=7, color=MUTED)
    for level, colour in zip(levels, _ISODOSE_COLOURS, strict=False):
        bar.plot([level, level], [-0.35, 1.35], color=colour, linewidth=1.4, clip_on=False)


def _two_colours(overlay: RegistrationOverlay, scene: Scene, panel: Panel) -> Array:
    """Return an RGB image: reference and moving in complementary colours, equal values grey."""
    parts = []
    for volume in (overlay.reference, overlay.moving):
        low, high = SOFT_TISSUE_HU if overlay.kind == "ct" else (0.0, _top(volume.data))
        cut = panel.view.cut(scene.display.arrange(volume.data), panel.index)
        parts.append(np.clip((cut - low) / max(high - low, 1e-12), 0, 1))
    reference, moving = parts
    rgb = np.stack([moving, (reference + moving) / 2, reference], axis=-1)
    # Light on dark shows blue for the reference alone; emission is drawn dark on white to save ink.
    image: Array = rgb if overlay.kind == "ct" else 1.0 - rgb[..., ::-1]
    return image


def _zoom(
    scene: Scene, images: ReportImages, name: str, position: tuple[float, float, float]
) -> tuple[slice, slice, slice]:
    """Return a cube around a region, inside the body where the body is larger."""
    voxels = images.segmentation.voxels_of(name)
    sizes = [voxels.fraction.shape[axis] for axis in scene.display.order]
    spacing = scene.display.spacing_mm
    length_mm = max(_ZOOM_MM, max(n * d for n, d in zip(sizes, spacing, strict=True)) + _MARGIN_MM)
    windows = [
        limited(
            scene.body[axis], centre=position[axis], length=length_mm / spacing[axis],
            available=scene.display.shape[axis],
        )
        for axis in range(3)
    ]  # fmt: skip
    return windows[0], windows[1], windows[2]


def _hottest(scene: Scene, images: ReportImages, name: str | None) -> tuple[float, float, float]:
    """Return the display position of the highest dose in a region, or of the highest activity anywhere."""
    if name is None:
        z, y, x = np.unravel_index(int(np.argmax(scene.activity)), scene.activity.shape)
        return float(z), float(y), float(x)
    voxels = images.segmentation.voxels_of(name)
    inside = np.where(voxels.fraction >= 0.5 * voxels.fraction.max(), images.dose.data[voxels.box], -np.inf)
    offset = np.unravel_index(int(np.argmax(inside)), inside.shape)
    z, y, x = (float(start + step) for start, step in zip(voxels.origin, offset, strict=True))
    return scene.display.position((z, y, x))


def _centres(extent: tuple[float, float, float, float], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the coordinates of the pixel centres of an image with `extent` whose first row is at index 0."""
    left, right, bottom, top = extent
    low, high = min(bottom, top), max(bottom, top)
    rows, columns = shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = low + (np.arange(rows) + 0.5) * (high - low) / rows
    return x, y


def _activity_map(scene: Scene) -> object:
    from matplotlib import colormaps

    return fading(_ACTIVITY_MAP, opaque_from=0.25, opacity=0.75) if scene.has_ct else colormaps["gray_r"]


def _top(data: Array) -> float:
    """Return a display maximum that single noisy voxels do not set."""
    return float(np.percentile(data, _DISPLAY_PERCENTILE)) or float(data.max())


def _levels_text(scene: Scene) -> str:
    return ", ".join(format_given(level) for level in scene.levels_gy) + " Gy"


def _kind_words(overlay: RegistrationOverlay) -> str:
    return "CT" if overlay.kind == "ct" else "emission"
