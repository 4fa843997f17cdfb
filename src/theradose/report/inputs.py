"""What the documents of a result are made from: its images and its curves."""

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
    """Images behind a result; all volumes lie on the grid of `activity`.

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
    planar : sequence of PlanarTimepoint
        Planar images with their regions, in order of time.
    cross_dose : DoseMap or None
        Absorbed dose by the engine of a cross-check, Gy.
    """

    activity: Volume
    dose: DoseMap
    segmentation: Segmentation
    ct: Volume | None = None
    dose_rates: Mapping[str, Volume] = field(default_factory=dict)
    overlays: Sequence[AlignedPair] = ()
    planar: Sequence[PlanarTimepoint] = ()
    cross_dose: DoseMap | None = None

    def __post_init__(self) -> None:
        grids = {"dose map": self.dose.grid, "segmentation": self.segmentation.grid}
        if self.ct is not None:
            grids["CT"] = self.ct.grid
        if self.cross_dose is not None:
            grids["dose map of the cross-check"] = self.cross_dose.grid
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


@dataclass(frozen=True, slots=True, eq=False)
class ReportCurves:
    """Fitted curves behind a result, for plotting; ``None`` is what was not measured.

    Attributes
    ----------
    regions : mapping of str to TimeIntegratedActivity
        By name of the region.
    field_of_view : TimeIntegratedActivity or None
        Of everything in view of the images.
    whole_body : TimeIntegratedActivity or None
        By a probe.
    thyroid : TimeIntegratedActivity or None
        By uptake measurements.
    blood : TimeIntegratedActivity or None
        Of one litre of the specimen.
    marrow : TimeIntegratedActivity or None
        Of one millilitre of spongiosa.
    """

    regions: Mapping[str, TimeIntegratedActivity] = field(default_factory=dict)
    field_of_view: TimeIntegratedActivity | None = None
    whole_body: TimeIntegratedActivity | None = None
    thyroid: TimeIntegratedActivity | None = None
    blood: TimeIntegratedActivity | None = None
    marrow: TimeIntegratedActivity | None = None


def ordered_regions(regions: Sequence[RegionResult]) -> tuple[RegionResult, ...]:
    """Return the regions in the order of all tables and figures: lesions before the rest, each by falling dose."""
    return tuple(sorted(regions, key=lambda r: (r.kind != RegionKind.LESION, -(r.dose_gy.value or 0.0))))
