"""Masses of liver and lungs that cannot be, and those that are to be checked.

References
----------
[Theradose]_ The bounds are conventions (``tare.yaml``).
"""

from __future__ import annotations

from theradose.data import load_yaml
from theradose.dose.tare.products import SETTINGS
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.numbers import format_number


def check_possible(organ: str, mass_g: float, *, part: bool = False) -> None:
    """Refuse a mass that no liver, or no lungs, have; a `part` of them may be as small as it likes.

    Raises
    ------
    PlanError
        ``tare-mass-impossible``.

    References
    ----------
    [Theradose]_
    """
    lowest, highest = load_yaml(SETTINGS)["possible-mass"][organ]["value"]
    if mass_g > highest or (mass_g < lowest and not part):
        raise PlanError(
            f"A mass of {mass_g / 1000:g} kg is not that of the {organ}: {lowest} g to {highest / 1000:g} kg are "
            "possible; check the unit.",
            code="tare-mass-impossible",
        )


def liver_findings(mass_g: float, *, part: bool = False) -> tuple[Finding, ...]:
    """Return a warning for a liver whose mass is unusual; a `part` of it may be small.

    References
    ----------
    [Theradose]_
    """
    lowest, highest = load_yaml(SETTINGS)["usual-mass"]["liver"]["value"]
    if mass_g <= highest and (part or mass_g >= lowest):
        return ()
    message = (
        f"A liver of {mass_g:g} g is unusual ({lowest} to {highest} g are not): check the mass and its unit, because "
        "the activity follows it."
    )
    return (Finding("tare-mass-unusual", "warning", message, "liver"),)


def lung_findings(mass_g: float, reference_g: float) -> tuple[Finding, ...]:
    """Return a warning for lungs whose mass is far from the reference, as that of an outline of a part of them.

    References
    ----------
    [Theradose]_
    """
    lowest, highest = load_yaml(SETTINGS)["usual-mass"]["lungs"]["value"]
    if lowest <= mass_g / reference_g <= highest:
        return ()
    message = (
        f"The lungs have {format_number(mass_g)} g, {format_number(mass_g / reference_g, digits=2)} of the reference "
        f"of {reference_g:g} g: an outline of a part of them gives neither their mass nor all counts of the shunt; "
        "check it, or state 'lung: {shunt, mass}'."
    )
    return (Finding("tare-mass-unusual", "warning", message, "lungs"),)
