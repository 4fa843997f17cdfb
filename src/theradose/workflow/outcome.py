"""Everything that a run computed, before it becomes a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from theradose.biology.rbe import RbeWeightedDose
from theradose.biology.responses import Response
from theradose.biology.tissue import Tissue
from theradose.dose.dvh import RegionDoses
from theradose.dose.transported import TransportFactor
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap, RegionDose
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.model.planar import PlanarTimepoint
from theradose.model.region import Region, Segmentation
from theradose.model.transform import Registration
from theradose.quantify.activity import ActivityRecord
from theradose.quantify.check import ActivityCheck
from theradose.quantify.regions import RegionQuantity
from theradose.spatial.masses import RegionMass
from theradose.uncertainty import Uncertain
from theradose.workflow.engine_maps import EngineMaps
from theradose.workflow.marrow_measure import MarrowMeasurement


@dataclass(frozen=True, slots=True, eq=False)
class TimepointOutcome:
    """One time point: its activity, how it was made, and how it lies to the reference.

    Attributes
    ----------
    id : str
        Id in the study.
    activity : ActivityMap
        On its own grid.
    record : ActivityRecord
        What was found in the file and done to the values.
    check : ActivityCheck
        Activity in view against the decayed administered activity.
    ct : Volume or None
        HU on the CT's own grid.
    registration : Registration
        Reference space to this time point's space.
    segmentation : Segmentation
        Regions on the grid of `activity`.
    """

    id: str
    activity: ActivityMap
    record: ActivityRecord
    check: ActivityCheck
    ct: Volume | None
    registration: Registration
    segmentation: Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class RegionBed:
    """Biologically effective dose of one region.

    Attributes
    ----------
    tissue : Tissue
        Its parameters.
    g : Uncertain
        Lea-Catcheside factor of the region's own time course.
    bed_gy, eqd2_gy : Uncertain
        Of the region's dose.
    doses : RegionDoses or None
        Biologically effective doses of the voxels of the dose map, Gy; ``None`` without a map.
    kinetics : str
        Whose time course the voxels have: ``region``, or the model of the fits of voxels.
    map : Volume or None
        The biologically effective dose in the box of the region, Gy, float32.
    repopulation_loss_gy : float or None
        What regrowth takes back of `bed_gy`, which is without it; ``None`` where the study states no regrowth.
    """

    tissue: Tissue
    g: Uncertain
    bed_gy: Uncertain
    eqd2_gy: Uncertain
    doses: RegionDoses | None
    kinetics: str
    map: Volume | None
    repopulation_loss_gy: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RegionMeaning:
    """What the dose of a region means, as far as parameters are known; `responses` by the name of the model."""

    bed: RegionBed | None = None
    rbe_weighted: RbeWeightedDose | None = None
    responses: Mapping[str, Response] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RegionOutcome:
    """One region from curve to dose; `transport` is ``None`` for local deposition, `cross` without cross-check."""

    region: Region
    quantity: RegionQuantity
    tia: TimeIntegratedActivity
    mass: RegionMass
    dose: RegionDose
    doses: RegionDoses
    transport: TransportFactor | None = None
    cross: RegionDose | None = None
    meaning: RegionMeaning = RegionMeaning()


@dataclass(frozen=True, slots=True, eq=False)
class PlanarOnlyOutcome:
    """A region that only planar images show, from curve to dose."""

    region: Region
    tia: TimeIntegratedActivity
    mass_g: Uncertain
    dose: RegionDose
    meaning: RegionMeaning = RegionMeaning()


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The whole run.

    Attributes
    ----------
    timepoints : tuple of TimepointOutcome
        In order of time.
    reference_id : str
        Time point whose grid the maps are on.
    density : DensityMap
        On the reference grid.
    ct : Volume or None
        HU on the reference grid, for pictures.
    tia : Volume
        MBq·h/mL on the reference grid.
    maps : EngineMaps
        Gy on the reference grid, by each engine.
    dose_u : Volume or None
        Standard uncertainty of the dose in Gy where voxels were fitted one by one, NaN elsewhere; ``None`` where the
        map follows the time courses of regions.
    dose_rates : mapping of str to Volume
        Gy/h on the reference grid by time point.
    regions : tuple of RegionOutcome
        In the order of the reference segmentation.
    whole_field : TimeIntegratedActivity or None
        Of everything in view; ``None`` if it could not be fitted.
    findings : tuple of Finding
        Of all steps.
    planar : tuple of PlanarTimepoint
        Planar time points, in order of time.
    planar_only : tuple of PlanarOnlyOutcome
        Regions that are on no SPECT/CT.
    marrow : MarrowMeasurement or None
        Concentration in the spongiosa of the vertebrae; ``None`` if they are not outlined.
    """

    timepoints: tuple[TimepointOutcome, ...]
    reference_id: str
    density: DensityMap
    ct: Volume | None
    tia: Volume
    maps: EngineMaps
    dose_u: Volume | None
    dose_rates: Mapping[str, Volume]
    regions: tuple[RegionOutcome, ...]
    whole_field: TimeIntegratedActivity | None
    findings: tuple[Finding, ...]
    planar: tuple[PlanarTimepoint, ...] = ()
    planar_only: tuple[PlanarOnlyOutcome, ...] = ()
    marrow: MarrowMeasurement | None = None

    @property
    def dose(self) -> DoseMap:
        """The dose map of the study's engine."""
        return self.maps.dose

    @property
    def reference(self) -> TimepointOutcome:
        """The reference time point."""
        return next(timepoint for timepoint in self.timepoints if timepoint.id == self.reference_id)
