"""What the documents of a result are made from: the result, its images and its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from theradose.errors import GeometryError
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap
from theradose.model.grid import Volume
from theradose.model.region import RegionKind, Segmentation
from theradose.model.result import RegionResult


@dataclass(frozen=True, slots=True, eq=False)
class RegistrationOverlay:
    """Two images of the same patient on the reference grid, to judge a registration by eye.

    Attributes
    ----------
    timepoint : str
        The time point that was moved.
    reference, moving : Volume
        The fixed image and the registered one, both on the reference grid.
    kind : {"ct", "emission"}
        What the images are: HU, or activity in any unit.
    """

    timepoint: str
    reference: Volume
    moving: Volume
    kind: Literal["ct", "emission"]


@dataclass(frozen=True, slots=True, eq=False)
class ReportImages:
    """Images and curves behind a result; all volumes lie on the grid of `activity`.

    Attributes
    ----------
    activity : Volume
        Activity concentration at the reference time point, MBq/mL.
    dose : DoseMap
        Absorbed dose, Gy.
    segmentation : Segmentation
        Regions.
    ct : Volume or None
        CT numbers in HU.
    dose_rates : mapping of str to Volume
        Absorbed dose rate in Gy/h by time point, in order of time.
    overlays : sequence of RegistrationOverlay
        One for each registered time point.
    tias : mapping of str to TimeIntegratedActivity
        Fitted curves by region, for plotting.
    """

    activity: Volume
    dose: DoseMap
    segmentation: Segmentation
    ct: Volume | None = None
    dose_rates: Mapping[str, Volume] = field(default_factory=dict)
    overlays: Sequence[RegistrationOverlay] = ()
    tias: Mapping[str, TimeIntegratedActivity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        grids = {"dose map": self.dose.grid, "segmentation": self.segmentation.grid}
        if self.ct is not None:
            grids["CT"] = self.ct.grid
        grids |= {f"dose rate map of {name}": volume.grid for name, volume in self.dose_rates.items()}
        for overlay in self.overlays:
            grids[f"overlay of {overlay.timepoint}"] = overlay.reference.grid
            grids[f"registered image of {overlay.timepoint}"] = overlay.moving.grid
        for name, grid in grids.items():
            if not grid.matches(self.activity.grid):
                raise GeometryError(
                    f"The {name} is not on the grid of the reference activity map: resample it first.",
                    code="report-grid",
                )


def ordered_regions(regions: Sequence[RegionResult]) -> tuple[RegionResult, ...]:
    """Return the regions in the order of all tables and figures: lesions before the rest, each by falling dose."""
    return tuple(sorted(regions, key=lambda r: (r.kind != RegionKind.LESION, -(r.dose_gy.value or 0.0))))
