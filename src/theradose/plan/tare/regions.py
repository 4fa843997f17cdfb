"""Regions of a plan of radioembolisation with their mean doses: compartments, normal liver, perfused volumes, lungs.

References
----------
[deWit2023]_ Compartments and lungs; [Weber2022]_ what limits are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from theradose.dose.tare.compartments import CERTAIN_ZERO, total_of
from theradose.dose.tare.mean_dose import compartment_dose_gy, lung_dose_gy
from theradose.dose.tare.products import setting
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.plan.tare.limits import LESION, LUNGS, NORMAL, PERFUSED, WHOLE_NORMAL
from theradose.plan.tare.masses import check_possible, lung_findings
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.volumes import PlannedVolume
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class RegionOfPlan:
    """A region with its dose.

    Attributes
    ----------
    label : str
        For the reader: the compartment, with its perfused volume where there are several.
    organ : str
        What limits call it.
    dose_gy : Uncertain
        Mean dose.
    basis : str
        Where it comes from, if not from the plan: ``delivered``.
    """

    label: str
    organ: str
    dose_gy: Uncertain
    basis: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LungMass:
    """The mass of both lungs in g, where it comes from, and the findings and constants that come with it."""

    mass_g: Uncertain
    source: str
    findings: tuple[Finding, ...] = ()
    constants: tuple[Constant, ...] = ()


def regions_of_plan(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    activity_mbq: Mapping[str, Uncertain],
    conversion: Uncertain,
    lung_mass_g: Uncertain,
) -> tuple[RegionOfPlan, ...]:
    """Return the mean doses at the activities of the perfused volumes.

    Regions are each compartment, the normal liver and the whole of each perfused volume, all normal liver where its
    mass is known, and the lungs.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    regions: list[RegionOfPlan] = []
    for planned in volumes:
        prefix = prefix_of(planned, volumes)

        def dose(names: Sequence[str], planned: PlannedVolume = planned) -> Uncertain:
            activity = activity_mbq[planned.volume.name]
            return compartment_dose_gy(volume=planned.volume, names=names, activity_mbq=activity, conversion=conversion)

        regions += [
            RegionOfPlan(part.name, LESION, dose([part.name])) for part in planned.volume.compartments if part.is_tumour
        ]
        if planned.normal_names:
            regions.append(RegionOfPlan(normal_label(planned, prefix), NORMAL, dose(planned.normal_names)))
        regions.append(RegionOfPlan(prefix + PERFUSED, PERFUSED, dose(planned.all_names)))
    whole = _whole_normal(request, volumes, activity_mbq, conversion)
    regions += [] if whole is None else [RegionOfPlan(WHOLE_NORMAL, WHOLE_NORMAL, whole)]
    lungs = [
        lung_dose_gy(
            activity_mbq=activity_mbq[planned.volume.name],
            shunt=planned.volume.shunt,
            residual=planned.volume.residual,
            mass_g=lung_mass_g,
            conversion=conversion,
        )
        for planned in volumes
    ]
    return (*regions, RegionOfPlan(LUNGS, LUNGS, total_of(lungs)))


def prefix_of(planned: PlannedVolume, volumes: Sequence[PlannedVolume]) -> str:
    """Return what stands before the names of a perfused volume's regions, where there are several volumes."""
    return f"{planned.volume.name}: " if len(volumes) > 1 else ""


def normal_label(planned: PlannedVolume, prefix: str) -> str:
    """Return the name of a perfused volume's normal liver: that of its only such compartment, or a general one."""
    return planned.normal_names[0] if len(planned.normal_names) == 1 else prefix + NORMAL


def lung_mass(request: TareRequest) -> LungMass:
    """Return the mass of the lungs, with a finding where it is a reference value or unlike it.

    Raises
    ------
    PlanError
        ``tare-mass-impossible`` for a stated mass that no lungs have.

    References
    ----------
    [deWit2023]_, [Theradose]_
    """
    inputs, scout = request.inputs, request.scout
    reference = setting("lung-mass", "mass of both lungs, reference")
    if inputs.lung is not None and inputs.lung.mass is not None:
        mass = inputs.lung.mass.from_source("mass:lungs")
        check_possible("lungs", mass.value)
        return LungMass(mass, "stated", lung_findings(mass.value, reference.value))
    if scout is not None and scout.lungs is not None and inputs.scout is not None:
        mass = Uncertain.relative(scout.mass_g(scout.lungs), {"mass:lungs": inputs.scout.u_mass})
        origin = f"outline of the lungs with the density map ({scout.density.method})"
        return LungMass(mass, origin, lung_findings(mass.value, reference.value))
    message = f"The mass of the lungs is not stated and was taken as {reference.value:g} g, a convention: measure it."
    finding = Finding("tare-lung-mass-reference", "warning", message, "lungs")
    assumed = Uncertain(reference.value, {}, frozenset({"mass:lungs"}))
    return LungMass(assumed, "reference", (finding,), (reference,))


def _whole_normal(
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    activity_mbq: Mapping[str, Uncertain],
    conversion: Uncertain,
) -> Uncertain | None:
    energy, perfused = CERTAIN_ZERO, CERTAIN_ZERO
    for planned in volumes:
        if planned.normal_names:
            mass = total_of(part.mass_g for part in planned.volume.select(planned.normal_names))
            energy += mass * compartment_dose_gy(
                volume=planned.volume,
                names=planned.normal_names,
                activity_mbq=activity_mbq[planned.volume.name],
                conversion=conversion,
            )
            perfused += mass
    whole = whole_normal_mass(request, volumes)
    if whole is None and request.inputs.intent == "bilobar":
        whole = perfused
    return None if whole is None or not whole.value > 0 else energy / whole


def whole_normal_mass(request: TareRequest, volumes: Sequence[PlannedVolume]) -> Uncertain | None:
    """Return the mass of all normal liver, stated or by the scout image; ``None`` where neither tells it.

    References
    ----------
    [Weber2022]_
    """
    inputs, scout = request.inputs, request.scout
    if inputs.liver_mass is None:
        if scout is None or inputs.scout is None:
            return None
        return Uncertain.relative(scout.mass_g(scout.normal_liver), {"mass:liver": inputs.scout.u_mass})
    liver = inputs.liver_mass.from_source("mass:liver")
    tumours = [part.mass_g for planned in volumes for part in planned.volume.compartments if part.is_tumour]
    return liver - total_of(tumours)
