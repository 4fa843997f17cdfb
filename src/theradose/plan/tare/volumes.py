"""Perfused volumes of a plan, from stated compartments or from the scout image, and the doses of their regions.

References
----------
[deWit2023]_ Compartments of each position of the catheter; [Chiesa2021]_ compartments of the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from theradose.dose.tare.compartments import (
    CERTAIN_ONE,
    CERTAIN_ZERO,
    ActivityRatio,
    Compartment,
    ConcentrationRatio,
    PerfusedVolume,
)
from theradose.dose.tare.mean_dose import lung_shunt
from theradose.dose.tare.voxel import VoxelCompartment, divide_territory
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.numbers import format_percent
from theradose.plan.inputs.tare import CompartmentInput, PerfusedVolumeInput, TargetInput
from theradose.plan.tare.limits import PERFUSED
from theradose.plan.tare.masses import check_possible, liver_findings
from theradose.plan.tare.request import TareRequest
from theradose.uncertainty import Uncertain

NORMAL_LIVER = "normal liver"
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class PlannedVolume:
    """A perfused volume with its part of the plan.

    Attributes
    ----------
    volume : PerfusedVolume
        Compartments, shunt and residual.
    stated : PerfusedVolumeInput
        What was stated of it.
    share : float or None
        Part of the whole activity; ``None`` where it has a target or an activity of its own.
    voxels : tuple of VoxelCompartment
        Its compartments on the scout image; empty without one.
    """

    volume: PerfusedVolume
    stated: PerfusedVolumeInput
    share: float | None
    voxels: tuple[VoxelCompartment, ...] = ()

    @property
    def normal_names(self) -> tuple[str, ...]:
        """Compartments of normal liver."""
        return tuple(part.name for part in self.volume.compartments if not part.is_tumour)

    @property
    def all_names(self) -> tuple[str, ...]:
        """All compartments."""
        return tuple(part.name for part in self.volume.compartments)


def planned_volumes(request: TareRequest) -> tuple[tuple[PlannedVolume, ...], tuple[Finding, ...]]:
    """Return the perfused volumes of a plan.

    Raises
    ------
    PlanError
        ``tare-reference`` without exactly one compartment that the ratios refer to; ``tare-liver-mass`` for tumours or
        perfused volumes heavier than the liver; ``tare-mass-impossible`` for a liver that cannot be.

    References
    ----------
    [deWit2023]_, [Chiesa2021]_
    """
    inputs = request.inputs
    stated = inputs.perfused_volumes or (PerfusedVolumeInput(name="liver", compartments=inputs.compartments),)
    shunt, findings = _shunt(request)
    residual = CERTAIN_ZERO if inputs.residual is None else inputs.residual.from_source("residual")
    if inputs.residual is None and any(item.residual is None for item in stated):
        message = "No residual in vial and catheter is stated, so that all of the prepared activity counts as given."
        findings = (*findings, Finding("tare-residual-not-stated", "info", message))
    several = len(stated) > 1
    volumes = []
    for item in stated:
        prefix = f"{item.name}: " if several else ""
        voxels = _voxels(request, item)
        parts = _from_image(request, voxels, prefix) if voxels else _from_statement(item.compartments, prefix)
        volume = PerfusedVolume(
            item.name,
            parts,
            shunt if item.shunt is None else item.shunt.from_source(f"lung-shunt:{item.name}"),
            residual if item.residual is None else item.residual.from_source(f"residual:{item.name}"),
        )
        own = item.activity is not None or item.target is not None
        share = None if own else (item.share if several and item.share is not None else 1.0)
        volumes.append(PlannedVolume(volume, item, share, tuple(replace(v, name=prefix + v.name) for v in voxels)))
    return tuple(volumes), (*findings, *_mass_findings(request, volumes))


def target_names(volumes: Sequence[PlannedVolume], target: TargetInput) -> tuple[PlannedVolume, tuple[str, ...]]:
    """Return the perfused volume and the compartments that a target names.

    Raises
    ------
    PlanError
        ``tare-target`` if no compartment, or more than one, has that name.
    """
    wanted = target.compartment
    found: list[tuple[PlannedVolume, tuple[str, ...]]] = []
    for planned in volumes:
        prefix = f"{planned.volume.name}: "
        if wanted in (PERFUSED, prefix + PERFUSED):
            found.append((planned, planned.all_names))
        found += [(planned, (name,)) for name in planned.all_names if wanted in (name, name.removeprefix(prefix))]
    if len(found) != 1:
        valid = [*(name for planned in volumes for name in planned.all_names), PERFUSED]
        raise PlanError(
            f"The target '{wanted}' names {len(found)} compartments: name one of {', '.join(valid)}.",
            code="tare-target",
        )
    return found[0]


def _shunt(request: TareRequest) -> tuple[Uncertain, tuple[Finding, ...]]:
    inputs, scout = request.inputs, request.scout
    if inputs.lung is not None and inputs.lung.shunt is not None:
        return inputs.lung.shunt.from_source("lung-shunt"), ()
    if inputs.lung is not None and inputs.lung.counts is not None:
        counts = inputs.lung.counts
        shunt = lung_shunt(
            lung_counts=counts.lungs.from_source("counting:lungs"),
            liver_counts=counts.liver.from_source("counting:liver"),
        )
        return shunt, ()
    if scout is None or scout.lungs is None or inputs.scout is None:
        raise PlanError(
            "The lung shunt is neither stated nor on the scout image: give 'lung: {shunt: 6 %}', or name the region of "
            "the lungs in 'scout'.",
            code="tare-shunt",
        )
    lungs, liver = (Uncertain(voxels.sum_of(scout.values.data)) for voxels in (scout.lungs, scout.liver))
    value = lung_shunt(lung_counts=lungs, liver_counts=liver).value
    message = (
        f"The lung shunt of {format_percent(value)} was taken from the counts of the scout image in lungs and liver."
    )
    return (
        Uncertain.relative(value, {"lung-shunt": inputs.scout.u_activity}),
        (Finding("tare-shunt-from-image", "info", message, "lungs"),),
    )


def _voxels(request: TareRequest, item: PerfusedVolumeInput) -> tuple[VoxelCompartment, ...]:
    scout = request.scout
    if scout is None or item.compartments:
        return ()
    return divide_territory(
        counts=scout.values,
        density=scout.density,
        territory=scout.territories[item.name],
        tumours=scout.tumours,
        normal_name=NORMAL_LIVER,
    )


def _from_image(request: TareRequest, voxels: Sequence[VoxelCompartment], prefix: str) -> tuple[Compartment, ...]:
    scout = request.inputs.scout
    if scout is None:
        raise ValueError("compartments of an image need the input of that image")
    first = voxels[0]
    # Without counts in normal liver the mean of the volume is the reference: only proportions matter.
    reference = first.concentration
    if first.is_tumour or not first.counts > 0:
        reference = math.fsum(v.counts for v in voxels) / math.fsum(v.mass_g for v in voxels)
    parts = []
    for voxel in voxels:
        label = prefix + voxel.name
        u_ratio = {} if voxel is first else {f"concentration-ratio:{label}": scout.u_activity}
        parts.append(
            Compartment(
                label,
                voxel.is_tumour,
                Uncertain.relative(voxel.mass_g, {f"mass:{label}": scout.u_mass}),
                ConcentrationRatio(Uncertain.relative(voxel.concentration / reference, u_ratio)),
            )
        )
    return tuple(parts)


def _from_statement(stated: Sequence[CompartmentInput], prefix: str) -> tuple[Compartment, ...]:
    references = [item for item in stated if item.is_reference]
    if len(references) != 1:
        named = ", ".join(item.name for item in references) or "none"
        raise PlanError(
            f"Ratios are over the one compartment without a ratio, but {named} of {len(stated)} has none: state the "
            "normal liver without a ratio and give all others one.",
            code="tare-reference",
        )
    reference_mass = references[0].mass.from_source(f"mass:{prefix}{references[0].name}")
    return tuple(
        Compartment(
            prefix + item.name,
            item.is_tumour,
            item.mass.from_source(f"mass:{prefix}{item.name}"),
            _ratio(item, prefix + item.name, reference_mass),
        )
        for item in stated
    )


def _ratio(item: CompartmentInput, label: str, reference_mass_g: Uncertain) -> ConcentrationRatio:
    if item.concentration_ratio is not None:
        return ConcentrationRatio(item.concentration_ratio.from_source(f"concentration-ratio:{label}"))
    if item.activity_ratio is not None:
        ratio = ActivityRatio(item.activity_ratio.from_source(f"activity-ratio:{label}"))
        return ratio.to_concentration_ratio(
            mass_g=item.mass.from_source(f"mass:{label}"), reference_mass_g=reference_mass_g
        )
    return ConcentrationRatio(CERTAIN_ONE)


def _mass_findings(request: TareRequest, volumes: Sequence[PlannedVolume]) -> tuple[Finding, ...]:
    """Refuse masses that cannot be, and return what is to be checked of the liver's."""
    parts = [part for planned in volumes for part in planned.volume.compartments]
    tumours = math.fsum(part.mass_g.value for part in parts if part.is_tumour)
    perfused = math.fsum(part.mass_g.value for part in parts)
    if request.inputs.liver_mass is None:
        check_possible("liver", perfused, part=True)
        return liver_findings(perfused, part=True)
    liver = request.inputs.liver_mass.value
    for name, mass in (("tumours", tumours), ("perfused volumes", perfused)):
        if mass > liver * (1 + _ROUNDING):
            raise PlanError(
                f"The {name} have {mass:g} g, more than the {liver:g} g stated for the whole liver: correct one of the "
                "masses.",
                code="tare-liver-mass",
            )
    check_possible("liver", liver)
    return liver_findings(liver)
