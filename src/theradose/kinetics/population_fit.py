"""A population from the curves of its patients.

References
----------
[LindstromBates1990]_, [PinheiroBates1995]_ The two approximations of the marginal likelihood.
[BurnhamAnderson2002]_ The criterion that compares forms.
[Hou2021]_ Log-normal distribution between patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population import population_setting
from theradose.kinetics.population_compare import (
    COMPARED_RESIDUALS,
    RESIDUALS,
    Candidate,
    Error,
    Omega,
    PooledPoints,
    PopulationCurve,
    compared_candidate,
    criterion,
    pooled_points,
    try_candidate,
)
from theradose.kinetics.population_forms import PhaseForm, PopulationForm
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.population import PopulationFit, RegionPopulation
from theradose.statistics.nonlinear_mixed.diagnostics import Diagnostics, diagnose
from theradose.statistics.nonlinear_mixed.fit import Method, NonlinearMixedFit
from theradose.statistics.nonlinear_mixed.residual import ResidualKind


@dataclass(frozen=True, slots=True, eq=False)
class FittedPopulation:
    """A population with what tells whether it may be used.

    Attributes
    ----------
    stated : RegionPopulation
        For the record.
    curves : tuple of PopulationCurve
        What it was estimated from.
    form : PopulationForm
        The curve.
    fit : NonlinearMixedFit
        Of the engine.
    diagnostics : Diagnostics
        Residuals and shrinkage.
    candidates : tuple of Candidate
        All that was compared, the best first.
    findings : tuple of Finding
        What limits its use.
    """

    stated: RegionPopulation
    curves: tuple[PopulationCurve, ...]
    form: PopulationForm
    fit: NonlinearMixedFit
    diagnostics: Diagnostics
    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]


def fit_population(
    curves: Sequence[PopulationCurve],
    *,
    forms: Sequence[PopulationForm],
    omegas: Sequence[Omega] = ("diagonal", "full"),
    error: Error | Literal["automatic"] = "automatic",
    method: Method = "laplace",
    infusion_h: float = 0.0,
) -> FittedPopulation:
    """Fit a population of curves by the form that AIC prefers.

    Parameters
    ----------
    curves : sequence of PopulationCurve
        One per patient, or one per side of a pair.
    forms : sequence of PopulationForm
        To choose from.
    omegas : sequence of {"diagonal", "full"}
        Kinds of the covariance between patients to choose from; all after the first are tried for the best form only.
    error : {"automatic", "stated", "scaled", "proportional", "both"}
        Relative scatter of the points: the stated uncertainty, that times an estimated factor, an estimated one, or
        the stated and an estimated one in quadrature. ``automatic`` is the first, unless the points scatter more: no
        form describes all patients, and what is missing is then a scatter of its own (the last one, or a factor by
        ``lindstrom-bates``).
    method : {"laplace", "lindstrom-bates"}
        Of the final fit; the forms are compared by the latter, which is the faster one.
    infusion_h : float
        Length of the infusion; points of a sum of exponentials lie after it.

    Raises
    ------
    FitError
        ``population-few-patients``, ``population-points`` for points during the infusion, ``population-error`` for
        ``both`` by ``lindstrom-bates``, and ``population-not-determined`` if no form can be fitted.

    References
    ----------
    [LindstromBates1990]_, [PinheiroBates1995]_, [BurnhamAnderson2002]_
    """
    regions = tuple(sorted({curve.region for curve in curves}))
    _check(curves, forms, regions, infusion_h)
    if error == "both" and method == "lindstrom-bates":
        raise FitError(
            "The algorithm of Lindstrom and Bates has no scatter that is stated and estimated: choose 'laplace', or "
            "'scaled'.",
            code="population-error",
        )
    ask = _Question(tuple(curves), tuple(forms), tuple(omegas), regions, pooled_points(curves))
    if error != "automatic":
        return ask.settle(ask.compare(COMPARED_RESIDUALS[error]), error, method)
    ordered = ask.compare("scaled")
    tried = ask.settle(ordered, "scaled", "lindstrom-bates")
    if tried.stated.error_scale <= population_setting("scatter_factor"):
        return ask.settle(ordered, "stated", method)
    return tried if method == "lindstrom-bates" else ask.settle(ordered, "both", method)


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What is fitted."""

    curves: tuple[PopulationCurve, ...]
    forms: tuple[PopulationForm, ...]
    omegas: tuple[Omega, ...]
    regions: tuple[str, ...]
    data: PooledPoints

    def compare(self, residual: ResidualKind) -> list[Candidate]:
        """Return all forms, the best first."""
        candidates = [compared_candidate(form, self.omegas[0], self.data, residual) for form in self.forms]
        best = min(candidates, key=criterion)
        candidates += [compared_candidate(best.form, omega, self.data, residual) for omega in self.omegas[1:]]
        return sorted(candidates, key=criterion)

    def settle(self, ordered: Sequence[Candidate], error: Error, method: Method) -> FittedPopulation:
        """Return the population by the first form whose fit converges."""
        attempts: list[tuple[Error, Method]] = [(error, method)]
        if method == "laplace":
            attempts.append(("scaled" if error == "both" else error, "lindstrom-bates"))
        for candidate, (scatter, way) in product(ordered, attempts):
            final = None
            if candidate.aic is not None:
                final = try_candidate(candidate, self.data, residual=RESIDUALS[scatter], method=way)
            if final is not None and final.converged:
                break
        else:
            raise FitError(
                f"The points of '{', '.join(self.regions)}' do not determine a population by "
                f"{', '.join(form.name for form in self.forms)}: name a form with fewer parameters, or add patients "
                "and time points.",
                code="population-not-determined",
            )
        diagnostics = diagnose(final)
        stated = _stated(final, candidate, self.curves, self.regions, scatter, diagnostics)
        return FittedPopulation(
            stated=stated,
            curves=self.curves,
            form=candidate.form,
            fit=final,
            diagnostics=diagnostics,
            candidates=tuple(ordered),
            findings=(*_approximated(stated, method), *_findings(stated, final, diagnostics)),
        )


def _approximated(stated: RegionPopulation, asked: Method) -> tuple[Finding, ...]:
    if stated.fit.method == asked:
        return ()
    message = (
        "The exact likelihood has no clear maximum: the population is that of the algorithm of Lindstrom and Bates."
    )
    return (Finding("population-approximated", "warning", message, ", ".join(stated.regions)),)


def _check(
    curves: Sequence[PopulationCurve], forms: Sequence[PopulationForm], regions: tuple[str, ...], infusion_h: float
) -> None:
    patients, fewest = len({curve.patient for curve in curves}), int(population_setting("fewest_patients"))
    if patients < fewest:
        raise FitError(
            f"A population of '{', '.join(regions)}' needs at least {fewest} patients, and there are {patients}.",
            code="population-few-patients",
        )
    earliest = infusion_h if any(isinstance(form, PhaseForm) for form in forms) else 0.0
    for curve in curves:
        first = float(curve.points.t_h.min())
        if not first > 0 or first < earliest:
            raise FitError(
                f"The curve of '{curve.region}' of patient '{curve.patient}' has a point at {first:.4g} h: points of a "
                f"population lie after the administration{f' of {infusion_h:.4g} h' if infusion_h else ''}, leave it "
                "out.",
                code="population-points",
            )


def _stated(
    fit: NonlinearMixedFit,
    chosen: Candidate,
    curves: Sequence[PopulationCurve],
    regions: tuple[str, ...],
    error: Error,
    diagnostics: Diagnostics,
) -> RegionPopulation:
    """Return the population for the record.

    Both sides of a pair are curves of their own, but not independent: the covariance of the mean is enlarged as if the
    second side told nothing new.
    """
    patients = len({curve.patient for curve in curves})
    varying, sigma = fit.population.varying, fit.population.sigma
    times = np.concatenate([curve.points.t_h for curve in curves])
    shrinkage = varying @ diagnostics.effect_shrinkage
    form = chosen.form
    return RegionPopulation(
        regions=regions,
        form=form.name,
        parameters=form.parameters,
        mean=tuple(fit.coefficients.tolist()),
        covariance_of_mean=_matrix(fit.covariance * len(curves) / patients),
        omega=_matrix(varying @ fit.population.omega @ varying.T),
        error_scale={"stated": 1.0, "scaled": sigma, "proportional": 0.0, "both": 1.0}[error],
        error_u={"stated": 0.0, "scaled": 0.0, "proportional": sigma, "both": sigma}[error],
        patients=patients,
        curves=len(curves),
        points=len(times),
        t_h=(float(times.min()), float(times.max())),
        infusion_h=form.infusion_h if isinstance(form, CompartmentForm) else 0.0,
        amino_acids_until_h=form.amino_acids_until_h if isinstance(form, CompartmentForm) else 0.0,
        elimination_ratio=form.elimination_ratio if isinstance(form, CompartmentForm) else 1.0,
        fit=PopulationFit(
            method=fit.method,
            omega=chosen.omega,
            error=error,
            log_likelihood=fit.log_likelihood,
            aic=fit.aic,
            bic=fit.bic,
            converged=fit.converged,
            singular=fit.singular,
            shrinkage=tuple(float(shrinkage[k]) if varying[k].any() else None for k in range(len(varying))),
        ),
    )


def _matrix(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in ((values + values.T) / 2).tolist())


def _findings(stated: RegionPopulation, fit: NonlinearMixedFit, diagnostics: Diagnostics) -> tuple[Finding, ...]:
    where = ", ".join(stated.regions)
    findings = list(fit.findings)
    few, level = int(population_setting("few_patients")), population_setting("scatter_factor")
    if stated.patients < few:
        message = (
            f"The population has {stated.patients} patients: its spread is poorly known, and the coverage of the "
            f"intervals was simulated from {few} on."
        )
        findings.append(Finding("population-few-patients", "warning", message, where))
    scatter = float(np.sqrt(np.mean(diagnostics.population**2)))
    if stated.fit.error == "stated" and not 1 / level <= scatter <= level:
        message = (
            f"The points scatter {scatter:.2f} times as much as their stated uncertainties and the spread of the "
            "population explain: another form, or an estimated scatter ('--error scaled' or 'both'), may describe them."
        )
        findings.append(Finding("population-scatter", "warning", message, where))
    elif stated.fit.error == "both" or (stated.fit.error == "scaled" and stated.error_scale > level):
        found = f"{stated.error_u:.1%} beside" if stated.fit.error == "both" else f"{stated.error_scale:.2f} times"
        message = (
            f"The points scatter {found} their stated uncertainties: the form does not describe every patient, and "
            "the posterior counts that."
        )
        findings.append(Finding("population-scatter", "warning", message, where))
    return tuple(findings)
