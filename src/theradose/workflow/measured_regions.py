"""From the time points of a study to integrals of its regions and the marrow volume: what every job on images needs."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap
from theradose.model.region import Segmentation
from theradose.model.transform import Registration
from theradose.quantify.regions import RegionQuantity
from theradose.store.steps import StepStore
from theradose.workflow.case import Case, InputHashes
from theradose.workflow.doses import integrate_regions, recovery_curve, reference_density
from theradose.workflow.marrow_measure import MarrowMeasurement, measure_marrow
from theradose.workflow.outcome import PlanarOnlyOutcome
from theradose.workflow.planar import PlanarStudy, measure_planar
from theradose.workflow.planar_only import planar_only_outcomes
from theradose.workflow.regions import Outlines, segment_timepoints
from theradose.workflow.timepoints import LoadedTimepoint, align_timepoints, load_timepoints


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRegions:
    """Everything that was measured in regions, before any dose map.

    Attributes
    ----------
    loaded : tuple of LoadedTimepoint
        In order of time.
    reference : LoadedTimepoint
        The one on whose grid maps are.
    registrations : dict of str to Registration
        From the reference to each time point.
    outlines : Outlines
        Regions as drawn and on each time point.
    density : DensityMap
        On the reference grid.
    planar : PlanarStudy
        Planar time points.
    integrated : list of (RegionQuantity, TimeIntegratedActivity)
        Of each region of the SPECT/CT that has a curve, in the order of the segmentation.
    planar_only : tuple of PlanarOnlyOutcome
        Regions that only planar images show.
    marrow : MarrowMeasurement or None
        Concentration in the spongiosa of the vertebrae; ``None`` if they are not outlined or it cannot be had.
    findings : tuple of Finding
        Of all steps and of the calibration.
    """

    loaded: tuple[LoadedTimepoint, ...]
    reference: LoadedTimepoint
    registrations: dict[str, Registration]
    outlines: Outlines
    density: DensityMap
    planar: PlanarStudy
    integrated: list[tuple[RegionQuantity, TimeIntegratedActivity]]
    planar_only: tuple[PlanarOnlyOutcome, ...]
    marrow: MarrowMeasurement | None
    findings: tuple[Finding, ...]

    @property
    def segmentation(self) -> Segmentation:
        """Regions on the reference grid."""
        return self.outlines.segmentations[self.reference.timepoint.id]

    @property
    def imaged_tias(self) -> dict[str, TimeIntegratedActivity]:
        """Integrals of the regions of the SPECT/CT."""
        return {tia.region: tia for _, tia in self.integrated}

    @property
    def tias(self) -> dict[str, TimeIntegratedActivity]:
        """Integrals of all regions."""
        return self.imaged_tias | {item.region.name: item.tia for item in self.planar_only}


def measured_regions(case: Case, steps: StepStore, hashes: InputHashes) -> MeasuredRegions:
    """Load, align, outline and integrate; steps that were computed before are read.

    Parameters
    ----------
    case : Case
        A study with time points.
    steps : StepStore
        Finished steps.
    hashes : InputHashes
        Of the files of the study.

    Raises
    ------
    TheradoseError
        In one sentence, if a file or an outline cannot be used.
    """
    loaded, findings = load_timepoints(case, steps, hashes)
    registrations, aligned = align_timepoints(case, loaded, steps, hashes)
    outlines, outlined = segment_timepoints(case, loaded, registrations)
    reference = next(item for item in loaded if item.timepoint.id == case.reference_id)
    segmentation = outlines.segmentations[case.reference_id]
    density, weighed = reference_density(case, reference)
    recovery, recovered = recovery_curve(case)
    planar, projected = measure_planar(case, reference, segmentation, density)
    integrated, fitted = integrate_regions(case, loaded, outlines, registrations, recovery, planar)
    planar_only, drawn = planar_only_outcomes(case, planar, segmentation.names)
    marrow, noticed = measure_marrow(case, loaded, outlines, registrations, steps, hashes)
    every = (
        *case.calibration_findings, *findings, *aligned, *outlined, *weighed, *recovered, *projected, *fitted, *drawn,
        *noticed,
    )  # fmt: skip
    return MeasuredRegions(
        loaded=loaded,
        reference=reference,
        registrations=registrations,
        outlines=outlines,
        density=density,
        planar=planar,
        integrated=integrated,
        planar_only=planar_only,
        marrow=marrow,
        findings=tuple(dict.fromkeys(every)),
    )
