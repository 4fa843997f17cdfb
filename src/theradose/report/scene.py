"""The volumes of a report arranged for display, with their scales and the places worth looking at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.model.arrays import Array
from theradose.model.region import RegionKind
from theradose.model.result import RegionResult, Result
from theradose.numbers import format_given
from theradose.report.inputs import ReportImages, ordered_regions
from theradose.report.planes import Display, body_window, limited

BODY_HU = -400.0
"""CT number above which a voxel shows the patient."""

_BODY_ACTIVITY_FRACTION = 0.01
_DISPLAY_PERCENTILE = 99.98
_VOXELS_ASIDE = 3
_ZOOM_MM = 220.0
_MARGIN_MM = 80.0
_ISODOSE_LINES = 5
_SERIES = (1.0, 2.0, 5.0)


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
        dose_top = _region_top(images) or display_top(dose)
        threshold = BODY_HU if images.ct is not None else _BODY_ACTIVITY_FRACTION * display_top(activity)
        return cls(
            display=display,
            backdrop=backdrop,
            has_ct=images.ct is not None,
            activity=activity,
            dose=dose,
            body=body_window(display, backdrop, threshold=threshold),
            activity_top=display_top(activity),
            dose_top=dose_top,
            levels_gy=isodose_levels(dose_top),
        )

    @property
    def backdrop_words(self) -> str:
        """What lies beneath the colours."""
        return "CT" if self.has_ct else "activity"

    @property
    def levels_words(self) -> str:
        """The isodoses as text."""
        return ", ".join(format_given(level) for level in self.levels_gy) + " Gy" if self.levels_gy else "none"


def isodose_levels(top_gy: float) -> tuple[float, ...]:
    """Return up to five isodoses of the series 1, 2, 5, 10, … below `top_gy`, increasing."""
    if not top_gy > 0:
        return ()
    decade = math.floor(math.log10(top_gy))
    series = [float(f"{m:g}e{exponent}") for exponent in range(decade - 2, decade + 1) for m in _SERIES]
    return tuple(level for level in series if level < 0.95 * top_gy)[-_ISODOSE_LINES:]


def display_top(data: Array) -> float:
    """Return a display maximum that single noisy voxels do not set."""
    return float(np.percentile(data, _DISPLAY_PERCENTILE)) or float(data.max())


def _region_top(images: ReportImages) -> float:
    """Return the highest dose in any region, a few voxels aside; 0 without regions.

    Outside the regions, noise in air can exceed every dose of interest.
    """
    tops = [0.0]
    for region, voxels in zip(images.segmentation.regions, images.segmentation.voxels, strict=True):
        inside = images.dose.data[voxels.box][voxels.mostly_inside]
        if region.kind != RegionKind.WHOLE_BODY and inside.size:
            aside = min(_VOXELS_ASIDE, inside.size - 1)
            tops.append(float(np.partition(inside, inside.size - 1 - aside)[inside.size - 1 - aside]))
    return max(tops)


def targets_of(result: Result, images: ReportImages) -> tuple[RegionResult, ...]:
    """Return the regions worth a picture: lesions before the rest, each by falling dose."""
    return ordered_regions(
        [
            region
            for region in result.regions
            if region.kind != RegionKind.WHOLE_BODY
            and region.name in images.segmentation.names
            and images.segmentation.voxels_of(region.name).voxel_count > 0
        ]
    )


def hottest(scene: Scene, images: ReportImages, name: str | None) -> tuple[float, float, float]:
    """Return the display position of the highest dose in a region, or of the highest activity anywhere."""
    if name is None:
        z, y, x = np.unravel_index(int(np.argmax(scene.activity)), scene.activity.shape)
        return float(z), float(y), float(x)
    voxels = images.segmentation.voxels_of(name)
    inside = np.where(voxels.fraction >= 0.5 * voxels.fraction.max(), images.dose.data[voxels.box], -np.inf)
    offset = np.unravel_index(int(np.argmax(inside)), inside.shape)
    slice_, row, column = (float(start + step) for start, step in zip(voxels.origin, offset, strict=True))
    return scene.display.position((slice_, row, column))


def zoom_window(
    scene: Scene, images: ReportImages, name: str, position: tuple[float, float, float]
) -> tuple[slice, slice, slice]:
    """Return a cube around a region, inside the body where the body is larger."""
    voxels = images.segmentation.voxels_of(name)
    sizes = [voxels.fraction.shape[axis] for axis in scene.display.order]
    spacing = scene.display.spacing_mm
    length_mm = max(_ZOOM_MM, max(n * d for n, d in zip(sizes, spacing, strict=True)) + _MARGIN_MM)
    z, y, x = (
        limited(body, centre=centre, length=length_mm / step)
        for body, centre, step in zip(scene.body, position, spacing, strict=True)
    )
    return z, y, x
