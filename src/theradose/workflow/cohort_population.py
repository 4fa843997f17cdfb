"""Populations from the curves of a cohort: tables to a record with its diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from theradose.acquire.blood import read_blood
from theradose.errors import FitError, StudyError
from theradose.formats.tables_curves import read_curves
from theradose.kinetics.compartments import FORMS as COMPARTMENT_FORMS
from theradose.kinetics.population import form_named
from theradose.kinetics.population_check import PredictiveCheck, predictive_check
from theradose.kinetics.population_compare import Error, Omega, PopulationCurve
from theradose.kinetics.population_fit import FittedPopulation, fit_population
from theradose.kinetics.population_forms import PopulationForm
from theradose.kinetics.population_posterior import PopulationPoints
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.population import PopulationRecord, SourceFile
from theradose.nuclides import Nuclide, load_nuclide
from theradose.plan.therapies import require_therapy
from theradose.provenance import hash_file, software_versions
from theradose.quantify.samples import SampleOptions, sample_curve
from theradose.statistics.nonlinear_mixed.fit import Method
from theradose.workflow.population import administered_activities

Sides = Literal["each", "sum", "separate"]
PHASE_FORMS = ("mono", "uptake", "bi", "f4", "f4d")
"""Forms that are compared by default for regions."""
_SIDES = ("left-", "right-")
_PLURALS = {"kidney": "kidneys"}
_SAME_TIME_H = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class PopulationOptions:
    """What is fitted.

    Attributes
    ----------
    tables : tuple of Path
        Curves, or blood samples.
    nuclide : str
        Of all patients.
    activity_mbq : float or None
        Given to every subject, where the table of treatments says nothing.
    treatments : Path or None
        Table of treatments.
    therapy : str or None
        For the record.
    blood : bool
        Whether the tables are blood samples.
    forms : tuple of str
        To choose from; the default ones if empty.
    omegas : tuple of str
        Kinds of covariance to choose from.
    error : str
        Scatter of the points.
    method : str
        Of the final fit.
    sides : {"each", "sum", "separate"}
        What becomes of left and right.
    infusion_h, amino_acids_until_h : float
        Lengths of the infusions.
    elimination_ratio : float or None
        Elimination with amino acids over that without; estimated by default.
    relative_u : float or None
        Of points without uncertainty.
    seed : int
        Of the visual predictive check.
    """

    tables: tuple[Path, ...]
    nuclide: str
    activity_mbq: float | None = None
    treatments: Path | None = None
    therapy: str | None = None
    blood: bool = False
    forms: tuple[str, ...] = ()
    omegas: tuple[Omega, ...] = ("diagonal", "full")
    error: Error | Literal["automatic"] = "automatic"
    method: Method = "laplace"
    sides: Sides = "each"
    infusion_h: float = 0.0
    amino_acids_until_h: float = 0.0
    elimination_ratio: float | None = None
    relative_u: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PopulationReport:
    """The populations of a cohort.

    Attributes
    ----------
    options : PopulationOptions
        What was asked for.
    nuclide : Nuclide
        Of all patients.
    record : PopulationRecord
        What is used for new patients.
    fitted : tuple of FittedPopulation
        In the order of the record.
    checks : tuple of PredictiveCheck
        Of each.
    findings : tuple of Finding
        What limits their use.
    """

    options: PopulationOptions
    nuclide: Nuclide
    record: PopulationRecord
    fitted: tuple[FittedPopulation, ...]
    checks: tuple[PredictiveCheck, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Curves by name of the population, with what was noticed."""

    groups: Mapping[str, list[PopulationCurve]]
    findings: list[Finding] = field(default_factory=list)


def population_of_cohort(
    options: PopulationOptions, *, on_step: Callable[[str], None] = lambda _: None
) -> PopulationReport:
    """Fit one population for each region of the tables.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used.
    """
    nuclide = load_nuclide(options.nuclide)
    if options.therapy is not None:
        require_therapy(options.therapy)
    on_step("reading tables")
    read = (_read_samples if options.blood else _read_regions)(options, nuclide)
    forms = _forms(options, nuclide)
    fitted = []
    for name, curves in read.groups.items():
        on_step(f"population of {name}, {len(curves)} curves")
        fitted.append(
            fit_population(
                curves,
                forms=forms,
                omegas=options.omegas,
                error=options.error,
                method=options.method,
                infusion_h=options.infusion_h,
            )
        )
    on_step("visual predictive checks")
    checks = tuple(predictive_check(item, seed=options.seed) for item in fitted)
    files = [*options.tables, *([] if options.treatments is None else [options.treatments])]
    record = PopulationRecord(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        software=software_versions(),
        therapy=options.therapy,
        nuclide=nuclide.name,
        sources=tuple(SourceFile(file=path.name, sha256=hash_file(path)) for path in files),
        populations=tuple(item.stated for item in fitted),
    )
    findings = (*read.findings, *(finding for item in fitted for finding in item.findings))
    return PopulationReport(options, nuclide, record, tuple(fitted), checks, tuple(dict.fromkeys(findings)))


def _forms(options: PopulationOptions, nuclide: Nuclide) -> list[PopulationForm]:
    names = options.forms or (COMPARTMENT_FORMS if options.blood else PHASE_FORMS)
    forms = [
        form_named(
            name,
            nuclide=nuclide,
            measured_with=nuclide,
            infusion_h=options.infusion_h,
            amino_acids_until_h=options.amino_acids_until_h,
            elimination_ratio=options.elimination_ratio if options.amino_acids_until_h > 0 else 1.0,
        )
        for name in names
    ]
    unfit = [name for name in names if (name in COMPARTMENT_FORMS) != options.blood]
    if unfit:
        what = f"blood ({', '.join(COMPARTMENT_FORMS)})" if options.blood else f"regions ({', '.join(PHASE_FORMS)} …)"
        raise FitError(f"'{unfit[0]}' of --models is no form for {what}: name one of these.", code="population-form")
    return forms


def _read_regions(options: PopulationOptions, nuclide: Nuclide) -> _Read:
    del nuclide  # activities are those present
    activities = administered_activities(options.treatments)
    curves: dict[str, dict[str, TimeActivityCurve]] = {}
    for path in options.tables:
        for item in read_curves(path, relative_u=options.relative_u):
            own = curves.setdefault(item.subject, {})
            if item.curve.region in own:
                raise StudyError(
                    f"{path.name}: subject '{item.subject}' has '{item.curve.region}' in another table too: give each "
                    "treatment its own subject.",
                    code="population-curve-twice",
                )
            own[item.curve.region] = item.curve
    groups: dict[str, list[PopulationCurve]] = {}
    for subject, regions in curves.items():
        activity = _activity(subject, activities.get(subject, options.activity_mbq))
        for name, curve in _by_sides(subject, regions, options.sides):
            points = PopulationPoints(
                curve.t_h, curve.activity_mbq / activity, curve.u_independent_mbq / curve.activity_mbq
            )
            groups.setdefault(name, []).append(PopulationCurve(subject, curve.region, points))
    findings = [
        Finding(
            "population-sides",
            "info",
            f"Left and right are curves of their own in one population of '{name}': both sides of a patient are alike, "
            "and the uncertainty of the mean counts patients, not sides.",
            name,
        )
        for name, members in groups.items()
        if len({member.region for member in members}) > 1
    ]
    return _Read(groups, findings)


def _activity(subject: str, activity_mbq: float | None) -> float:
    if activity_mbq is None:
        raise StudyError(
            f"The administered activity of subject '{subject}' is not stated, and a population is one of shares of it: "
            "give --activity, or a table with --treatments.",
            code="activity-missing",
        )
    return activity_mbq


def _by_sides(
    subject: str, regions: Mapping[str, TimeActivityCurve], sides: Sides
) -> list[tuple[str, TimeActivityCurve]]:
    """Return the curves with the names of their populations."""
    named = []
    for region, curve in regions.items():
        side = next((prefix for prefix in _SIDES if region.startswith(prefix)), None)
        if side is None or sides == "separate":
            named.append((region, curve))
        elif sides == "each":
            named.append((region.removeprefix(side), curve))
        elif side == _SIDES[0] or _SIDES[0] + region.removeprefix(side) not in regions:
            named.append(_summed(subject, regions, region.removeprefix(side)))
    return named


def _summed(subject: str, regions: Mapping[str, TimeActivityCurve], organ: str) -> tuple[str, TimeActivityCurve]:
    pair = [regions.get(prefix + organ) for prefix in _SIDES]
    left, right = pair
    if left is None or right is None:
        raise StudyError(
            f"Subject '{subject}' has one side of '{organ}' only, and both are to be added: leave the subject out, or "
            "choose '--sides each'.",
            code="population-sides",
        )
    if left.t_h.shape != right.t_h.shape or np.abs(left.t_h - right.t_h).max() > _SAME_TIME_H:
        raise StudyError(
            f"Left and right '{organ}' of subject '{subject}' have different times, and both are to be added: choose "
            "'--sides each'.",
            code="population-sides",
        )
    name = _PLURALS.get(organ, organ)
    summed = TimeActivityCurve(
        name,
        left.t_h,
        left.activity_mbq + right.activity_mbq,
        np.hypot(left.u_independent_mbq, right.u_independent_mbq),
        {},
        left.source,
    )
    return name, summed


def _read_samples(options: PopulationOptions, nuclide: Nuclide) -> _Read:
    """Return the concentrations of blood samples by specimen: blood and plasma are populations of their own."""
    activities = administered_activities(options.treatments)
    groups: dict[str, list[PopulationCurve]] = {}
    findings: list[Finding] = []
    for series in (series for path in options.tables for series in read_blood(path)):
        sampled, noticed = sample_curve(series, nuclide=nuclide, options=SampleOptions())
        curve = sampled.curve
        activity = _activity(series.subject, activities.get(series.subject, options.activity_mbq))
        points = PopulationPoints(
            curve.t_h, curve.activity_mbq / activity, curve.u_independent_mbq / curve.activity_mbq
        )
        groups.setdefault(sampled.specimen, []).append(PopulationCurve(series.subject, sampled.specimen, points))
        findings += [replace(finding, where="") for finding in noticed]
    return _Read(groups, findings)
