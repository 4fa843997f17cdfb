"""A population from the curves of its patients, and the choice among forms of curves.

The logarithm of every point is the logarithm of the curve of its patient plus an error, so that the scatter is relative
and its size does not depend on the curve. The engine is that of :mod:`theradose.statistics.nonlinear_mixed`.

References
----------
[LindstromBates1990]_, [PinheiroBates1995]_ The two approximations of the marginal likelihood.
[BurnhamAnderson2002]_ The criterion that compares forms.
[Hou2021]_ Log-normal distribution between patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import FitError, StatisticsError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population import PopulationPoints, population_setting
from theradose.kinetics.population_forms import PhaseForm, PopulationForm
from theradose.kinetics.population_start import first_guess
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.model.population import PopulationFit, RegionPopulation
from theradose.statistics.nonlinear_mixed.diagnostics import Diagnostics, diagnose
from theradose.statistics.nonlinear_mixed.fit import Method, NonlinearMixedFit, fit_nonlinear_mixed
from theradose.statistics.nonlinear_mixed.residual import ResidualKind

Omega = Literal["diagonal", "full"]
Error = Literal["stated", "scaled", "proportional", "both"]
_RESIDUAL: dict[Error, ResidualKind] = {
    "stated": "stated",
    "scaled": "scaled",
    "proportional": "constant",
    "both": "stated-constant",
}
# The alternating algorithm has no sum of two variances: it compares the forms with a scaled one instead.
_COMPARED: dict[Error, ResidualKind] = {**_RESIDUAL, "both": "scaled"}

# Logarithms that no curve in any unit of ours has, and standard deviations of logarithms that nobody can see.
_LARGEST_LOGARITHM = 25.0
_SMALLEST_SPREAD = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class PopulationCurve:
    """The points of one curve of one patient.

    Attributes
    ----------
    patient, region : str
        Whose, and of what.
    points : PopulationPoints
        Fractions of the administered activity.
    """

    patient: str
    region: str
    points: PopulationPoints


@dataclass(frozen=True, slots=True)
class Candidate:
    """One form with one kind of Ω, as it was compared.

    Attributes
    ----------
    form, omega
        What was fitted.
    log_likelihood, aic, bic : float or None
        By the algorithm of Lindstrom and Bates; ``None`` where the points do not determine the form.
    singular : bool
        Whether a direction of Ω is zero.
    varying : tuple of str
        Parameters that vary between patients; one whose spread came out as zero does not.
    parameters : int
        Number of estimated parameters.
    """

    form: PopulationForm
    omega: Omega
    log_likelihood: float | None
    aic: float | None
    bic: float | None
    singular: bool
    varying: tuple[str, ...]
    parameters: int

    @property
    def usable(self) -> bool:
        """Whether the form may describe the population."""
        return self.aic is not None and not self.singular


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


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    subjects: list[int]
    x: Array
    y: Array
    u: Array


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
    fitted = _fit(curves, forms, omegas, "stated" if error == "automatic" else error, method, regions)
    if error != "automatic" or _scatter(fitted) <= population_setting("scatter_factor"):
        return fitted
    return _fit(curves, forms, omegas, "scaled" if method == "lindstrom-bates" else "both", method, regions)


def _fit(
    curves: Sequence[PopulationCurve],
    forms: Sequence[PopulationForm],
    omegas: Sequence[Omega],
    error: Error,
    method: Method,
    regions: tuple[str, ...],
) -> FittedPopulation:
    data = _data(curves)
    candidates = [_candidate(form, omegas[0], data, _COMPARED[error]) for form in forms]
    best = min(candidates, key=_rank)
    candidates += [_candidate(best.form, omega, data, _COMPARED[error]) for omega in omegas[1:]]
    ordered = sorted(candidates, key=_rank)
    for candidate in ordered:
        final = None
        if candidate.aic is not None:
            final = _try(candidate, data, residual=_RESIDUAL[error], method=method)
        if final is not None and final.converged:
            break
    else:
        raise FitError(
            f"The points of '{', '.join(regions)}' do not determine a population by "
            f"{', '.join(form.name for form in forms)}: name a form with fewer parameters, or add patients and time "
            "points.",
            code="population-not-determined",
        )
    diagnostics = diagnose(final)
    stated = _stated(final, candidate, curves, regions, error, diagnostics)
    return FittedPopulation(
        stated=stated,
        curves=tuple(curves),
        form=candidate.form,
        fit=final,
        diagnostics=diagnostics,
        candidates=tuple(ordered),
        findings=_findings(stated, final, diagnostics),
    )


def _scatter(fitted: FittedPopulation) -> float:
    """Return the root mean square of the residuals from the population, in standard deviations."""
    return float(np.sqrt(np.mean(fitted.diagnostics.population**2)))


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


def _data(curves: Sequence[PopulationCurve]) -> _Data:
    points = [curve.points for curve in curves]
    return _Data(
        subjects=[number for number, item in enumerate(points) for _ in item.t_h],
        x=np.concatenate([item.t_h for item in points]),
        y=np.log(np.concatenate([item.fraction for item in points])),
        u=np.concatenate([item.relative_u for item in points]),
    )


def _try(candidate: Candidate, data: _Data, *, residual: ResidualKind, method: Method) -> NonlinearMixedFit | None:
    """Return a fit, ``None`` where the points do not determine the form."""
    form = candidate.form
    start = first_guess(form, data.x, data.y, data.u)
    try:
        # A search that goes astray overflows, and is then given up.
        with np.errstate(all="ignore"):
            fit = fit_nonlinear_mixed(
                form,
                subjects=data.subjects,
                x=data.x,
                y=data.y,
                u=data.u,
                start=dict(zip(form.parameters, start.tolist(), strict=True)),
                random=candidate.varying,
                structure=candidate.omega,
                residual=residual,
                method=method,
                # Within 1e-4 of the optimum, or the start of the exact likelihood.
                rough=True,
            )
    except (np.linalg.LinAlgError, StatisticsError):
        return None
    # A parameter that runs away means that the form has one too many.
    sound = np.isfinite(fit.log_likelihood) and np.abs(fit.coefficients).max() < _LARGEST_LOGARITHM
    return fit if sound else None


def _candidate(form: PopulationForm, omega: Omega, data: _Data, residual: ResidualKind) -> Candidate:
    """Return a form as it is compared; where spreads come out as zero, with the other parameters varying alone."""
    varying = tuple(name for name in form.parameters if name != CompartmentForm.ELIMINATION_RATIO)
    while True:
        tried = Candidate(form, omega, None, None, None, False, varying, 0)
        fit = _try(tried, data, residual=residual, method="lindstrom-bates")
        if fit is None:
            return tried
        spread = np.sqrt(np.diag(fit.population.omega))
        kept = tuple(name for name, sd in zip(varying, spread, strict=True) if sd > _SMALLEST_SPREAD)
        if not fit.singular or omega == "full" or not 0 < len(kept) < len(varying):
            count = round((fit.aic + 2 * fit.log_likelihood) / 2)
            return Candidate(form, omega, fit.log_likelihood, fit.aic, fit.bic, fit.singular, varying, count)
        varying = kept


def _rank(candidate: Candidate) -> tuple[bool, float]:
    """Return the order of preference: what is usable, by AIC."""
    return not candidate.usable, math.inf if candidate.aic is None else candidate.aic


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
