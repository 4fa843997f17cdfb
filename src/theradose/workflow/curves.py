"""From a measured curve to its integral, as the study asks: fitted, or by a single-time-point method."""

from __future__ import annotations

import json

from theradose.errors import StudyError
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.single_time_point import Assumptions, DoseFactor, integrate_single_point
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.study import PreviousCycle, SingleTimePoint
from theradose.workflow.case import Case, earlier_result_file
from theradose.workflow.population import integrate_in_population, study_population

EARLIER_HALF_LIFE = "earlier-half-life"


def integrate_measured(
    case: Case,
    curve: TimeActivityCurve,
    *,
    force_model: str | None = None,
    models: tuple[str, ...] | None = None,
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate a curve of the study.

    One point goes to the study's single-time-point method, unless a model is prescribed, and so do a few points of a
    region that has a population; everything else is fitted, with the length of the infusion if the study states one.
    """
    stated = case.study.single_time_point
    population = None if force_model is not None else study_population(case.study_file, case.nuclide)
    if population is not None and population.takes(curve):
        return integrate_in_population(
            curve,
            population,
            nuclide=case.nuclide,
            administered_mbq=case.net_activity_mbq,
            infusion_h=infusion_of(case),
        )
    if len(curve.t_h) == 1 and stated is not None and force_model is None:
        given, findings = _assumptions(case, stated, curve.region)
        tia, limits = integrate_single_point(curve, nuclide=case.nuclide, method=stated.method, given=given)
        return tia, (*findings, *limits)
    return integrate_curve(
        curve, nuclide=case.nuclide, models=models, force_model=force_model, infusion_h=infusion_of(case)
    )


def infusion_of(case: Case) -> float:
    """Return the length of the only administration in h; a split one counts as given at once."""
    administrations = case.study.administrations
    return administrations[0].duration or 0.0 if len(administrations) == 1 else 0.0


def _assumptions(case: Case, stated: SingleTimePoint, region: str) -> tuple[Assumptions, tuple[Finding, ...]]:
    factors = tuple(
        DoseFactor(entry.t, entry.factor, entry.u) for entry in stated.dose_factors if entry.region == region
    )
    half_life_h, relative_u = stated.half_lives.get(region), stated.u
    earlier = _earlier_with_result(case)
    if half_life_h is not None or stated.method != EARLIER_HALF_LIFE or earlier is None:
        return Assumptions(half_life_h, relative_u, factors), ()
    half_life_h, fitted_u = _earlier_half_life(case, earlier, region)
    if half_life_h is None:
        return Assumptions(None, relative_u, factors), ()
    message = f"The effective half-life of '{region}', {half_life_h:.4g} h, is that of cycle {earlier.cycle}."
    relative_u = fitted_u if relative_u is None else relative_u
    return Assumptions(half_life_h, relative_u, factors), (Finding("earlier-half-life-used", "info", message, region),)


def _earlier_with_result(case: Case) -> PreviousCycle | None:
    """Return the latest earlier cycle that has a result."""
    cycles = [cycle for cycle in case.study.previous_cycles if cycle.result is not None]
    return max(cycles, key=lambda cycle: cycle.cycle, default=None)


def _earlier_half_life(case: Case, cycle: PreviousCycle, region: str) -> tuple[float | None, float | None]:
    """Return the half-life of a region in an earlier result and its relative uncertainty, where they are known."""
    path = earlier_result_file(case.study_file.resolve(cycle.result or ""))
    try:
        regions = json.loads(path.read_text(encoding="utf-8"))["regions"]
        estimates = {entry["name"]: entry["effective_half_life_h"] for entry in regions}
    except (OSError, ValueError, KeyError, TypeError):
        raise StudyError(
            f"The earlier result '{cycle.result}' cannot be read: name a run folder or its result.json.",
            code="earlier-result-unreadable",
        ) from None
    estimate = estimates.get(region) or {"value": None, "u": None}
    value, u = estimate["value"], estimate["u"]
    return value, (None if not value or u is None else u / value)
