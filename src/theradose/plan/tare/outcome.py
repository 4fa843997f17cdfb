"""What the planner of radioembolisation found, before it is put into words.

References
----------
[deWit2023]_, [Weber2022]_, [Chiesa2021]_ As in the planner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theradose.dose.tare.products import Microspheres
from theradose.model.finding import Finding
from theradose.plan.tare.checks import LimitCheck
from theradose.plan.tare.images import CompartmentVoxels
from theradose.plan.tare.judgement import Judgement
from theradose.plan.tare.limits import PERFUSED
from theradose.plan.tare.prescription import Alternative
from theradose.plan.tare.regions import LungMass, RegionOfPlan
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.volumes import PlannedVolume
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the planner found.

    Attributes
    ----------
    request : TareRequest
        What was asked.
    spheres : Microspheres
        Product.
    method : str
        That was used.
    volumes : tuple of PlannedVolume
        As the method sees them.
    needed_mbq : mapping of str to Uncertain
        Activity of each perfused volume, uncertain as the answer to what its target needs.
    total_mbq : Uncertain
        Sum of these.
    regions : tuple of RegionOfPlan
        With their doses.
    lungs : LungMass
        Mass of the lungs.
    checks : tuple of LimitCheck
        Each limit and target beside each planned region that it is for.
    judged : tuple of LimitCheck
        The same beside what was delivered; empty without a verification.
    alternatives : tuple of Alternative
        The chosen method first.
    voxels : tuple of CompartmentVoxels
        On the scout image.
    judgement : Judgement or None
        What was delivered beside the plan; ``None`` without a verification.
    findings : tuple of Finding
        What limits the plan.
    """

    request: TareRequest
    spheres: Microspheres
    method: str
    volumes: tuple[PlannedVolume, ...]
    needed_mbq: Mapping[str, Uncertain]
    total_mbq: Uncertain
    regions: tuple[RegionOfPlan, ...]
    lungs: LungMass
    checks: tuple[LimitCheck, ...]
    judged: tuple[LimitCheck, ...]
    alternatives: tuple[Alternative, ...]
    voxels: tuple[CompartmentVoxels, ...]
    judgement: Judgement | None
    findings: tuple[Finding, ...]

    @property
    def activity_is_planned(self) -> bool:
        """Whether the activity follows from a target or the rule."""
        inputs = self.request.inputs
        stated = inputs.activity is not None or any(volume.activity is not None for volume in inputs.perfused_volumes)
        return self.method == "bsa" or not stated

    @property
    def sees_one_compartment(self) -> bool:
        """Whether the plan is for perfused volumes as a whole."""
        inputs = self.request.inputs
        targets = [inputs.target, *(volume.target for volume in inputs.perfused_volumes)]
        for_whole = any(target is not None and target.compartment.endswith(PERFUSED) for target in targets)
        return self.method == "mono" or for_whole or inputs.intent == "segmentectomy"
