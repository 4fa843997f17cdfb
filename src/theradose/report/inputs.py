"""What the documents of a result are made from: the result, its images and its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from theradose.errors import GeometryError
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap
from theradose.model.grid import Volume
from theradose.model.planar import PlanarTimepoint
from theradose.model.region import RegionKind, Segmentation
from theradose.model.result import RegionResult
from theradose.spatial.overlay import AlignedPair


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
    overlays : sequence of AlignedPair
        One for each registered time point.
    tias : mapping of str to TimeIntegratedActivity
        Fitted curves by region, for plotting.
    whole_body : TimeIntegratedActivity or None
        Fitted curve of the whole body or of everything in view.
    planar : sequence of PlanarTimepoint
        Planar images with their regions, in order of time.
    """

    activity: Volume
    dose: DoseMap
    segmentation: Segmentation
    ct: Volume | None = None
    dose_rates: Mapping[str, Volume] = field(default_factory=dict)
    overlays: Sequence[AlignedPair] = ()
    tias: Mapping[str, TimeIntegratedActivity] = field(default_factory=dict)
    whole_body: TimeIntegratedActivity | None = None
    planar: Sequence[PlanarTimepoint] = ()

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
