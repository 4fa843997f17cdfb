"""The activity of each perfused volume, by the chosen method and by the others for comparison.

References
----------
[deWit2023]_, [Kao2013]_, [Chiesa2021]_, [Grosser2015]_ The methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from theradose.dose.tare.bsa import bsa_activity
from theradose.dose.tare.compartments import CERTAIN_ZERO
from theradose.dose.tare.mean_dose import compartment_activity_mbq
from theradose.dose.tare.products import Microspheres, uncertain_constant
from theradose.errors import PlanError
from theradose.numbers import format_percent
from theradose.plan.body import check_body
from theradose.plan.inputs.tare import TareInput, TargetInput
from theradose.plan.tare.request import TareRequest
from theradose.plan.tare.volumes import PlannedVolume, target_names
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain

_RESIN = "resin"


@dataclass(frozen=True, slots=True, eq=False)
class Alternative:
    """The activity by another method or with another conversion.

    Attributes
    ----------
    method, conversion : str
        How.
    activity_mbq : Uncertain
        Whole activity.
    """

    method: str
    conversion: str
    activity_mbq: Uncertain


def chosen_method(inputs: TareInput, *, has_image: bool, compartments: int) -> str:
    """Return the method that is used, where ``auto`` decides by what is there.

    Raises
    ------
    PlanError
        ``tare-method`` for a method whose inputs are missing.

    References
    ----------
    [deWit2023]_ One compartment where the distribution is not representative.
    """
    method = inputs.method
    stated = [item for volume in inputs.perfused_volumes for item in volume.compartments]
    by_activity = any(item.activity_ratio is not None for item in (*inputs.compartments, *stated))
    if method == "bsa":
        return method
    if not inputs.scout_representative:
        return "mono"
    if method == "auto":
        if has_image:
            return "voxel"
        if compartments == 1:
            return "mono"
        return "partition" if by_activity else "compartments"
    needed = {"voxel": (has_image, "a 'scout' image"), "partition": (by_activity, "an 'activity_ratio'")}
    there, what = needed.get(method, (True, ""))
    if not there:
        raise PlanError(f"The method '{method}' needs {what}: give it, or leave 'method' out.", code="tare-method")
    return method


def prescribe(
    *, request: TareRequest, volumes: Sequence[PlannedVolume], spheres: Microspheres, conversion: Uncertain, method: str
) -> dict[str, Uncertain]:
    """Return the activity of each perfused volume.

    Where it follows from a target dose its uncertainty is that of the activity which the target needs.

    Raises
    ------
    PlanError
        ``tare-target``, ``tare-method``.

    References
    ----------
    [deWit2023]_, [Grosser2015]_
    """
    inputs = request.inputs
    if method == "bsa":
        total = surface_activity(inputs, spheres, volumes)
    elif inputs.activity is not None:
        total = Uncertain(inputs.activity)
    elif inputs.target is not None:
        planned, _ = target_names(volumes, inputs.target)
        total = _for_target(volumes, inputs.target, conversion) / (planned.share or 1.0)
    else:
        return {planned.volume.name: _own(planned, conversion) for planned in volumes}
    return {planned.volume.name: total * (planned.share or 0.0) for planned in volumes}


def as_given(activity_mbq: Mapping[str, Uncertain], inputs: TareInput) -> dict[str, Uncertain]:
    """Return the activities as numbers that are given: uncertain by the activity meter alone.

    A planned activity is uncertain as the answer to what the target needs; once it is prepared, it is that number, and
    the dose is uncertain instead.

    References
    ----------
    [JCGM100]_
    """
    u = inputs.activity_meter_u
    return {
        name: Uncertain.relative(activity.value, {ADMINISTERED_ACTIVITY: u}) for name, activity in activity_mbq.items()
    }


def surface_activity(inputs: TareInput, spheres: Microspheres, volumes: Sequence[PlannedVolume]) -> Uncertain:
    """Return the activity by body surface area.

    Raises
    ------
    PlanError
        ``tare-bsa`` for another product than resin, without body size, where the shunt forbids it, or where perfused
        volumes have no shares.

    References
    ----------
    [Grosser2015]_
    """
    height, weight, fraction = inputs.patient.height, inputs.patient.weight, inputs.tumour_fraction
    shared = all(planned.share is not None for planned in volumes)
    if spheres.material != _RESIN or height is None or weight is None or fraction is None or not shared:
        raise PlanError(
            "The rule by body surface area is for resin microspheres and needs 'patient: {height: 175 cm, weight: 75 "
            "kg}', 'tumour_fraction: 10 %' and, of several perfused volumes, their shares: give these or another "
            "method.",
            code="tare-bsa",
        )
    shunt = max(planned.volume.shunt.value for planned in volumes)
    check_body(weight_kg=weight, height_cm=height)
    rule = bsa_activity(height_cm=height, weight_kg=weight, tumour_fraction=fraction, shunt=shunt)
    if not rule.activity_mbq > 0:
        raise PlanError(
            f"The rule by body surface area gives no activity at a lung shunt of {format_percent(shunt)}: use "
            "another method.",
            code="tare-bsa",
        )
    return Uncertain(rule.activity_mbq, not_stated=frozenset({"body-surface-rule"}))


def alternatives(
    *, request: TareRequest, volumes: Sequence[PlannedVolume], spheres: Microspheres, method: str
) -> tuple[Alternative, ...]:
    """Return the activity by the chosen method, by others and with each conversion, where the inputs allow it.

    One compartment means that the mean of the perfused volume gets the target dose.

    References
    ----------
    [deWit2023]_, [Grosser2015]_
    """
    inputs = request.inputs
    even = tuple(replace(planned, volume=planned.volume.as_one_compartment()) for planned in volumes)
    chosen = spheres.conversion(inputs.conversion)
    tried = [(method, inputs.conversion, volumes)]
    aimed = inputs.target is not None or any(volume.target is not None for volume in inputs.perfused_volumes)
    if aimed and method != "bsa":
        others = {name: item for name, item in spheres.conversions.items() if item.value != chosen.value}
        tried += [(method, name, volumes) for name in others]
        tried += [("mono", inputs.conversion, even)] if method != "mono" else []
    if method != "bsa" and _has_surface_rule(inputs, spheres, volumes):
        tried.append(("bsa", inputs.conversion, volumes))
    found = []
    for name, conversion, of_method in tried:
        constant = uncertain_constant(spheres.conversion(conversion), f"dose-constant:{spheres.nuclide}")
        parts = prescribe(request=request, volumes=of_method, spheres=spheres, conversion=constant, method=name)
        found.append(Alternative(name, conversion, sum(parts.values(), start=CERTAIN_ZERO)))
    return tuple(found)


def _has_surface_rule(inputs: TareInput, spheres: Microspheres, volumes: Sequence[PlannedVolume]) -> bool:
    """Whether the rule by body surface area gives an activity."""
    try:
        surface_activity(inputs, spheres, volumes)
    except PlanError:
        return False
    return True


def _for_target(volumes: Sequence[PlannedVolume], target: TargetInput, conversion: Uncertain) -> Uncertain:
    planned, names = target_names(volumes, target)
    return compartment_activity_mbq(
        volume=planned.volume, names=names, dose_gy=Uncertain(target.dose), conversion=conversion
    )


def _own(planned: PlannedVolume, conversion: Uncertain) -> Uncertain:
    if planned.stated.activity is not None:
        return Uncertain(planned.stated.activity)
    if planned.stated.target is None:
        raise ValueError("a perfused volume without share has an activity or a target")
    return _for_target([planned], planned.stated.target, conversion)
