"""A part of the activity that stayed at the injection site: what that changes, and the dose there.

References
----------
[TissueExtravasation2021]_ Dose to the tissue from its mass and the effective half-life there.
[Arveschoug2020]_ The activity is resorbed and then reaches tumours and organs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from theradose.dose.injection_site import injection_site_dose
from theradose.dose.local import mass_range_findings
from theradose.errors import PhysicsError, PlanError
from theradose.model.finding import Finding
from theradose.model.plan import Formula, PlanInput, PlannedDose
from theradose.nuclides import Constant, load_nuclide
from theradose.numbers import format_percent
from theradose.plan.inputs.level1 import Level1Input
from theradose.plan.level1.doses import AT_SITE, administered, circulating
from theradose.plan.therapies import require_therapy
from theradose.plan.wording import activity_words, stated_words

SITE = "injection-site"
NOT_COMPUTED = "not computed"
_FORMULA = Formula(
    "D = f A T/ln 2 · Δ/m",
    "dose to the tissue at the injection site; f: part that stayed there, T: effective half-life there, Δ: energy of "
    "the electrons per decay, m: mass of the tissue",
    "Bolch2009: dose of a region to itself; TissueExtravasation2021: abstract, mono-exponential at the site",
    "verified",
)


def site_doses(*, request: Level1Input) -> tuple[PlannedDose, ...]:
    """Return the dose at the injection site; none unless mass and half-life there are stated.

    Raises
    ------
    PlanError
        ``half-life-above-physical``.

    References
    ----------
    [TissueExtravasation2021]_
    """
    stayed, site = request.at_injection_site, request.injection_site
    if stayed is None or site is None:
        return ()
    try:
        dose = injection_site_dose(
            activity_mbq=administered(request=request) * stayed.from_source(AT_SITE),
            effective_half_life_h=site.effective_half_life.from_source(f"half-life:{SITE}"),
            mass_g=site.mass.from_source(f"mass:{SITE}"),
            nuclide=load_nuclide(require_therapy(request.therapy).nuclide),
        )
    except PhysicsError as error:
        raise PlanError(str(error), code=error.code) from None
    return (PlannedDose(SITE, dose, basis=f"cycle {request.cycle}, tissue around it"),)


def site_formulas(*, request: Level1Input) -> tuple[Formula, ...]:
    """Return the formula of the dose at the injection site where it was computed.

    References
    ----------
    [TissueExtravasation2021]_
    """
    return () if request.injection_site is None else (_FORMULA,)


def site_constants(*, request: Level1Input) -> tuple[Constant, ...]:
    """Return the constants of the dose at the injection site where it was computed.

    References
    ----------
    [Bolch2009]_
    """
    if request.injection_site is None:
        return ()
    nuclide = load_nuclide(require_therapy(request.therapy).nuclide)
    return (nuclide.electron_energy_kev,)


def site_notes(*, request: Level1Input) -> tuple[str, ...]:
    """Return how much of the administered activity circulates, where not all of it does.

    References
    ----------
    [Arveschoug2020]_
    """
    if request.at_injection_site is None:
        return ()
    return (f"of it {activity_words(circulating(request=request).value)} in the circulation",)


def site_inputs(*, request: Level1Input) -> tuple[PlanInput, ...]:
    """Return what was stated about the injection site.

    References
    ----------
    [Arveschoug2020]_
    """
    stayed, site = request.at_injection_site, request.injection_site
    if stayed is None:
        return ()
    found = [
        PlanInput("at the injection site", stated_words(stayed, "%", inside="1")),
        PlanInput("in the circulation", activity_words(circulating(request=request).value), "computed"),
    ]
    if site is None:
        return (*found, PlanInput("dose at the injection site", NOT_COMPUTED))
    return (
        *found,
        PlanInput("tissue at the injection site", stated_words(site.mass, "g")),
        PlanInput("effective half-life there", stated_words(site.effective_half_life, "h")),
    )


def site_findings(*, request: Level1Input) -> Iterator[Finding]:
    """Yield what an extravasation means for the published doses and for the site itself.

    References
    ----------
    [Arveschoug2020]_, [TissueExtravasation2021]_
    """
    stayed, site = request.at_injection_site, request.injection_site
    if stayed is None:
        if request.purpose != "routine":
            yield Finding(
                "distribution-as-published",
                "warning",
                "The doses hold if all of the activity reached the circulation, as in the published patients: where a "
                "part stayed at the injection site, state 'at_injection_site'.",
            )
        return
    rest = circulating(request=request).value
    yield Finding(
        "extravasation",
        "warning",
        f"{format_percent(stayed.value)} of the activity stayed at the injection site. The published doses were "
        f"measured without that; they are applied to the {activity_words(rest)} that circulate. What the site releases "
        f"later comes on top, up to the doses of the whole {activity_words(request.activity.value)} (Arveschoug2020).",
        SITE,
    )
    if site is None:
        yield Finding(
            "injection-site-not-computed",
            "critical",
            "The dose to the tissue at the injection site is not computed and may be high: measure there and state "
            "'injection_site: {mass: 200 g, effective_half_life: 3 h}', as the guide on planning describes.",
            SITE,
        )
        return
    yield Finding(
        "injection-site-estimated",
        "warning",
        "The dose at the injection site is a mean over the stated mass, with one half-life from the administration on "
        "and all electrons absorbed in it: parts of it and the skin may receive several times as much.",
        SITE,
    )
    yield from (replace(finding, where=SITE) for finding in mass_range_findings(SITE, mass_g=site.mass.value))
