"""The limits of the trial whose style a plan follows.

References
----------
[deWit2023]_ The trials P-PRRT and ILUMINET.
[Warfvinge2024]_ Who may go beyond the lower cap of ILUMINET.
"""

from __future__ import annotations

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.plan.inputs.prrt import PrrtInput, RiskFactors
from theradose.plan.limits import limit_named


def default_limits(inputs: PrrtInput) -> tuple[tuple[Limit, ...], tuple[Finding, ...]]:
    """Return the limits of the style where the input names none.

    References
    ----------
    [deWit2023]_, [Warfvinge2024]_
    """
    data = load_yaml("cycles.yaml")
    style = data["styles"][inputs.style]["value"]
    findings: tuple[Finding, ...] = ()
    name = style["limit"]
    if "extended_limit" in style:
        extended, findings = _beyond_lower_cap(inputs.risk_factors, age_below=style["age_below"])
        name = style["extended_limit"] if extended else name
    beside = data["beside"]["value"]
    names = (name, *beside["every"], *beside.get(inputs.therapy, ()))
    return tuple(limit_named(item) for item in names), findings


def style_findings(inputs: PrrtInput, *, own_limits: bool) -> tuple[Finding, ...]:
    """Return whether limits or a number of cycles are those of a trial of another therapy.

    References
    ----------
    [deWit2023]_, [Warfvinge2024]_
    """
    style = load_yaml("cycles.yaml")["styles"][inputs.style]["value"]
    if inputs.therapy is None or inputs.therapy in style["therapies"]:
        return ()
    taken = [] if own_limits else ["limits"]
    taken += ["cycles_left"] if "cycles" in style and inputs.cycles_left is None else []
    if not taken:
        return ()
    return (
        Finding(
            "style-of-another-therapy",
            "warning",
            f"What is not stated is taken from the style {inputs.style}, a trial of {', '.join(style['therapies'])} "
            f"and not of {inputs.therapy}: state {' and '.join(repr(key) for key in taken)}.",
        ),
    )


def _beyond_lower_cap(risk: RiskFactors, *, age_below: float) -> tuple[bool, tuple[Finding, ...]]:
    stated = {
        "age": None if risk.age is None else risk.age < age_below,
        "renal_tolerance": None if risk.renal_tolerance is None else risk.renal_tolerance == "good",
        "haematologic_tolerance": (
            None if risk.haematologic_tolerance is None else risk.haematologic_tolerance == "good"
        ),
        "progression": None if risk.progression is None else not risk.progression,
    }
    silent = [name for name, favourable in stated.items() if favourable is None]
    if silent and False not in stated.values():
        finding = Finding(
            "risk-factors-not-stated",
            "info",
            f"The lower cap is taken because {', '.join(silent)} of 'risk_factors' is not stated.",
        )
        return False, (finding,)
    return all(stated.values()), ()
