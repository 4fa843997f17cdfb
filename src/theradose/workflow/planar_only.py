"""Regions that only planar images show: absolute activity by the conjugate view, dose with a stated mass."""

from __future__ import annotations

import numpy as np

from theradose.dose.local import region_dose
from theradose.errors import FitError, StudyError
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.region import Region, RegionKind
from theradose.spatial.naming import canonical_region
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case
from theradose.workflow.curves import integrate_measured
from theradose.workflow.outcome import PlanarOnlyOutcome
from theradose.workflow.planar import PlanarStudy, usable_rates
from theradose.workflow.timepoints import placed


def planar_only_outcomes(
    case: Case, planar: PlanarStudy, outlined: tuple[str, ...]
) -> tuple[tuple[PlanarOnlyOutcome, ...], tuple[Finding, ...]]:
    """Return curve, integral and dose of each region that the study draws on planar images alone.

    Parameters
    ----------
    case : Case
        The study.
    planar : PlanarStudy
        What was measured.
    outlined : tuple of str
        Regions of the SPECT/CT, which have hybrid curves instead.

    Raises
    ------
    StudyError
        ``planar-sensitivity-missing`` or ``planar-mass-missing`` for a region without SPECT.
    """
    outcomes, findings = [], []
    for name in dict.fromkeys(roi.region for roi in case.study.rois):
        if name in outlined:
            continue
        mass = next((item.mass for item in case.overrides_of(name) if item.mass is not None), None)
        if case.study.planar.sensitivity is None:
            raise StudyError(
                f"'{name}' is on planar images only, which gives an activity only with 'planar: {{sensitivity: … "
                "cps/MBq, u: … %}' of one view in air: add it, measure it with 'theradose calibrate camera', or "
                "outline the region on the SPECT/CT.",
                code="planar-sensitivity-missing",
            )
        if mass is None:
            raise StudyError(
                f"'{name}' is on planar images only, which show no mass: add it as 'overrides: [{{region: {name}, "
                "mass: … g, reason: …}]', or outline the region on the SPECT/CT.",
                code="planar-mass-missing",
            )
        curve, noticed = _absolute_curve(name, planar)
        findings += placed(noticed, name)
        if curve is None:
            continue
        model = next((item.model for item in case.overrides_of(name) if item.model is not None), None)
        try:
            tia, fitted = integrate_measured(case, curve, force_model=model)
        except FitError as error:
            findings.append(Finding("region-not-fitted", "critical", f"There is no dose for '{name}': {error}", name))
            continue
        findings += placed(fitted, name)
        message = (
            f"'{name}' was measured on planar images only: activity over and under it counts as background, and "
            "nothing corrects for its size."
        )
        findings.append(Finding("planar-only", "warning", message, name))
        findings += [
            Finding("override", "info", f"The mass of {mass:g} g is stated; reason given: {override.reason}.", name)
            for override in case.overrides_of(name)
            if override.mass is not None
        ]
        mass_g = Uncertain.relative(mass, {f"mass:{name}": None})
        known = canonical_region(name, names=case.study.names, kind=RegionKind.OTHER)
        verified = next((item.by for item in case.study.verified if item.region == name), None)
        region = Region(name, known.kind, known.code, mass, "study", "planar region", verified)
        outcomes.append(
            PlanarOnlyOutcome(region, tia, mass_g, region_dose(tia=tia, mass_g=mass_g, nuclide=case.nuclide))
        )
    return tuple(outcomes), tuple(findings)


def _absolute_curve(name: str, planar: PlanarStudy) -> tuple[TimeActivityCurve | None, tuple[Finding, ...]]:
    """Return the activity at each planar time point; all of its uncertainty but that of the counts is common."""
    rates, findings = usable_rates(planar, name)
    measured = {item.id: item.regions[name].activity_mbq for item in planar.timepoints if name in item.regions}
    activities = [one for rate in rates if (one := measured[rate.timepoint]) is not None]
    if not activities:
        message = f"There is no dose for '{name}': no planar image shows it."
        return None, (*findings, Finding("region-not-fitted", "critical", message, name))
    activity = np.array([one.value for one in activities])
    curve = TimeActivityCurve(
        region=name,
        t_h=np.array([rate.t_h for rate in rates]),
        activity_mbq=activity,
        u_independent_mbq=activity * np.array([rate.relative_u for rate in rates]),
        common=_common(activities[0], f"planar:{name}:"),
        source="planar",
    )
    return curve, findings


def _common(activity: Uncertain, counting: str) -> dict[str, float | None]:
    """Return the relative uncertainties of an activity but those whose name begins with `counting`."""
    stated: dict[str, float | None] = {
        source: abs(u) / activity.value
        for source, u in activity.contributions.items()
        if not source.startswith(counting)
    }
    return stated | dict.fromkeys(sorted(activity.not_stated))
