"""Forms of a population compared: one fit each, by the faster approximation.

The logarithm of every point is the logarithm of the curve of its patient plus an error, so that the scatter is relative
and its size does not depend on the curve. The engine is that of :mod:`theradose.statistics.nonlinear_mixed`.

References
----------
[LindstromBates1990]_ The approximation by which forms are compared.
[BurnhamAnderson2002]_ The criterion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population_forms import PopulationForm
from theradose.kinetics.population_posterior import PopulationPoints
from theradose.kinetics.population_start import first_guess
from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.fit import Method, NonlinearMixedFit, fit_nonlinear_mixed
from theradose.statistics.nonlinear_mixed.residual import ResidualKind

Omega = Literal["diagonal", "full"]
"""Kind of the covariance between patients."""

Error = Literal["stated", "scaled", "proportional", "both"]
"""Scatter of the points."""

RESIDUALS: dict[Error, ResidualKind] = {
    "stated": "stated",
    "scaled": "scaled",
    "proportional": "constant",
    "both": "stated-constant",
}
"""Scatter of the logarithms as the engine names it."""

COMPARED_RESIDUALS: dict[Error, ResidualKind] = {**RESIDUALS, "both": "scaled"}
"""The same for comparisons, whose algorithm has no sum of two variances."""

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


@dataclass(frozen=True, slots=True, eq=False)
class PooledPoints:
    """All points one after another: number of the curve, time in h, logarithm of the fraction, relative uncertainty."""

    subjects: list[int]
    x: Array
    y: Array
    u: Array


def pooled_points(curves: Sequence[PopulationCurve]) -> PooledPoints:
    """Return the points of all curves."""
    points = [curve.points for curve in curves]
    return PooledPoints(
        subjects=[number for number, item in enumerate(points) for _ in item.t_h],
        x=np.concatenate([item.t_h for item in points]),
        y=np.log(np.concatenate([item.fraction for item in points])),
        u=np.concatenate([item.relative_u for item in points]),
    )


def try_candidate(
    candidate: Candidate, data: PooledPoints, *, residual: ResidualKind, method: Method
) -> NonlinearMixedFit | None:
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


def compared_candidate(form: PopulationForm, omega: Omega, data: PooledPoints, residual: ResidualKind) -> Candidate:
    """Return a form as it is compared; where spreads come out as zero, with the other parameters varying alone."""
    varying = tuple(name for name in form.parameters if name != CompartmentForm.ELIMINATION_RATIO)
    while True:
        tried = Candidate(form, omega, None, None, None, False, varying, 0)
        fit = try_candidate(tried, data, residual=residual, method="lindstrom-bates")
        if fit is None:
            return tried
        spread = np.sqrt(np.diag(fit.population.omega))
        kept = tuple(name for name, sd in zip(varying, spread, strict=True) if sd > _SMALLEST_SPREAD)
        if not fit.singular or omega == "full" or not 0 < len(kept) < len(varying):
            count = round((fit.aic + 2 * fit.log_likelihood) / 2)
            return Candidate(form, omega, fit.log_likelihood, fit.aic, fit.bic, fit.singular, varying, count)
        varying = kept


def criterion(candidate: Candidate) -> float:
    """Return AIC; a form that the points do not determine comes last."""
    return math.inf if candidate.aic is None else candidate.aic
