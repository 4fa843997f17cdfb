"""The model of foci fitted to what was counted in samples of one treatment.

A sample is a number of foci in a number of cells; its mean is cells · (b + k ((1 − q) R(t; μ) + q D(t))) with the
background b. Counts have Poisson errors, or more: ``quasi-poisson`` widens the intervals by Pearson's chi-squared per
degree of freedom, ``negative-binomial`` has the variance m + a m². Intervals are those of the profile likelihood, which
respects the bounds of the parameters.

References
----------
[Moraitis2024]_ The model.
[McCullaghNelder1989]_ Counts with and without over-dispersion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from theradose.biology.foci import blood_dose, remembered_dose
from theradose.data import load_number
from theradose.errors import FitError
from theradose.kinetics.course import TimeCourse
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.statistics.intervals import Interval

Errors = Literal["poisson", "quasi-poisson", "negative-binomial"]
PARAMETERS = ("background", "induction_per_mgy", "unrepaired", "repair_per_h")
_DISPERSION = len(PARAMETERS)
_REPAIR_RANGE_PER_H = (1e-3, 20.0)
_DISPERSION_RANGE = (1e-8, 10.0)
_DISPERSION_STARTS = (1e-3, 0.03, 0.3)
_REPAIR_STARTS_PER_H = (0.02, 0.1, 0.3, 1.0)
_AT_BOUND = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class FociFit:
    """The model of foci of one treatment.

    Attributes
    ----------
    errors : {"poisson", "quasi-poisson", "negative-binomial"}
        Of the counts.
    background : Interval
        Foci per cell without irradiation.
    induction_per_mgy : Interval
        Foci per cell and mGy, k.
    unrepaired : Interval
        Share q.
    repair_per_h : Interval
        Rate μ, 1/h.
    dispersion : float
        Pearson's chi-squared per degree of freedom; the factor a of ``negative-binomial``; ``nan`` if there is no
        degree of freedom.
    deviance : float
        Twice the distance of the logarithms of the likelihood to that of a perfect fit.
    degrees_of_freedom : int
        Samples less parameters.
    fitted : ndarray, shape (n,)
        Foci per cell of each sample.
    residuals : ndarray, shape (n,)
        Of Pearson.
    findings : tuple of Finding
        What to know.
    """

    errors: Errors
    background: Interval
    induction_per_mgy: Interval
    unrepaired: Interval
    repair_per_h: Interval
    dispersion: float
    deviance: float
    degrees_of_freedom: int
    fitted: Array
    residuals: Array
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        for name in ("fitted", "residuals"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def repair_half_life_h(self) -> Interval:
        """ln 2 over the rate, h."""
        rate = self.repair_per_h
        return Interval(*(math.log(2) / value for value in (rate.value, rate.high, rate.low)))


def fit_foci(
    *,
    t_h: Sequence[float] | Array,
    cells: Sequence[float] | Array,
    foci: Sequence[float] | Array,
    dose_rate: TimeCourse,
    errors: Errors = "quasi-poisson",
    unrepaired: float | None = None,
    level: float = 0.95,
) -> FociFit:
    """Return the model of foci by maximum likelihood.

    Parameters
    ----------
    t_h : array_like, shape (n,)
        Times of the samples since the start of the administration; those before it count for the background alone.
    cells, foci : array_like, shape (n,)
        Cells looked at and foci counted in them.
    dose_rate : TimeCourse
        To blood, mGy/h.
    errors : {"poisson", "quasi-poisson", "negative-binomial"}
        Of the counts.
    unrepaired : float, optional
        Share that is held, for example 0; fitted if it is not given.
    level : float
        Of the intervals.

    Raises
    ------
    FitError
        ``foci-samples`` for fewer samples than parameters, ``foci-counts`` for counts that are none, ``foci-errors``.

    References
    ----------
    [Moraitis2024]_, [McCullaghNelder1989]_
    """
    if errors not in get_args(Errors):
        raise FitError(f"'{errors}' are no errors of counts: choose {', '.join(get_args(Errors))}.",
                       code="foci-errors")  # fmt: skip
    problem = _Problem.of(t_h, cells, foci, dose_rate, errors, unrepaired)
    best = problem.best()
    dof = len(problem.foci) - int(problem.free[:_DISPERSION].sum())
    mean = problem.per_cell(best) * problem.cells
    spread = math.exp(best[_DISPERSION]) if errors == "negative-binomial" else 0.0
    variance = mean + spread * mean**2
    residuals = (problem.foci - mean) / np.sqrt(variance)
    chi_squared = float(np.sum(residuals**2))
    ratio = chi_squared / dof if dof else math.nan
    scale = max(ratio, 1.0) if errors == "quasi-poisson" and dof else 1.0
    background, induction, share, log_rate = (problem.interval(best, k, scale, level) for k in range(_DISPERSION))
    return FociFit(
        errors=errors,
        background=background,
        induction_per_mgy=induction,
        unrepaired=share,
        repair_per_h=Interval(math.exp(log_rate.value), math.exp(log_rate.low), math.exp(log_rate.high)),
        dispersion=spread if errors == "negative-binomial" else ratio,
        deviance=problem.deviance(best),
        degrees_of_freedom=dof,
        fitted=problem.per_cell(best),
        residuals=residuals,
        findings=_findings(errors, best, dof, chi_squared),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Likelihood of background, induction, unrepaired share, ln of the rate of repair, and ln of the dispersion."""

    t_h: Array
    cells: Array
    foci: Array
    dose_rate: TimeCourse
    dose_mgy: Array
    bounds: tuple[tuple[float, float], ...]
    scales: Array
    errors: Errors

    @classmethod
    def of(
        cls,
        t_h: Sequence[float] | Array,
        cells: Sequence[float] | Array,
        foci: Sequence[float] | Array,
        dose_rate: TimeCourse,
        errors: Errors,
        unrepaired: float | None,
    ) -> _Problem:
        times, looked, counted = (np.asarray(item, float) for item in (t_h, cells, foci))
        if not (len(times) == len(looked) == len(counted)) or not ((looked > 0).all() and (counted >= 0).all()):
            raise FitError("Foci need one time, a positive number of cells and a count of foci for each sample.",
                           code="foci-counts")  # fmt: skip
        parameters = len(PARAMETERS) - (unrepaired is not None) + (errors == "negative-binomial")
        if len(times) < parameters:
            raise FitError(
                f"{len(times)} samples do not determine {parameters} parameters of foci: add samples, or hold the "
                "share that is never repaired.",
                code="foci-samples",
            )
        dose = blood_dose(t_h=times, dose_rate=dose_rate)
        per_cell = counted / looked
        background = max(float(per_cell.max()), 1 / float(looked.sum()))
        induction = background / max(float(dose.max()), 1e-12)
        bounds = (
            (0.0, 2 * background),
            (0.0, 1e3 * induction),
            (0.0, 1.0) if unrepaired is None else (unrepaired, unrepaired),
            (math.log(_REPAIR_RANGE_PER_H[0]), math.log(_REPAIR_RANGE_PER_H[1])),
            (math.log(_DISPERSION_RANGE[0]), math.log(_DISPERSION_RANGE[1])),
        )
        scales = np.array([background, induction, 1.0, 1.0, 1.0])
        return cls(times, looked, counted, dose_rate, dose, bounds, scales, errors)

    @property
    def free(self) -> Array:
        """Which parameters are fitted."""
        return np.array([low < high for low, high in self.bounds])

    def per_cell(self, parameters: Array) -> Array:
        """Return the foci per cell of each sample."""
        background, induction, unrepaired, log_repair, _ = parameters
        repairable = remembered_dose(t_h=self.t_h, dose_rate=self.dose_rate, repair_per_h=math.exp(log_repair))
        return np.asarray(background + induction * ((1 - unrepaired) * repairable + unrepaired * self.dose_mgy))

    def deviance(self, parameters: Array) -> float:
        """Return twice the logarithm of the likelihood of a perfect Poisson fit over that of the parameters."""
        from scipy.special import gammaln, xlogy

        mean = np.maximum(self.per_cell(parameters) * self.cells, 1e-12)
        if self.errors != "negative-binomial":
            return float(2 * np.sum(xlogy(self.foci, self.foci / mean) - self.foci + mean))
        size = math.exp(-parameters[_DISPERSION])
        log_likelihood = (
            gammaln(self.foci + size) - gammaln(size) - size * np.log1p(mean / size)
            + xlogy(self.foci, mean / (mean + size))
        )  # fmt: skip
        return float(2 * np.sum(xlogy(self.foci, self.foci) - self.foci - log_likelihood))

    def best(self, held: tuple[int, float] | None = None, start: Array | None = None) -> Array:
        """Return the parameters of greatest likelihood, one of them held on request."""
        if start is not None:
            return self._descend([start], held)
        background, induction = self.scales[:2]
        poisson = replace(self, errors="poisson")._descend(
            [np.array([0.2 * background, induction, 0.1, math.log(rate), 0.0]) for rate in _REPAIR_STARTS_PER_H]
        )
        if self.errors != "negative-binomial":
            return poisson
        return self._descend([np.append(poisson[:_DISPERSION], math.log(start)) for start in _DISPERSION_STARTS])

    def _descend(self, starts: Sequence[Array], held: tuple[int, float] | None = None) -> Array:
        from scipy.optimize import minimize

        bounds = list(self.bounds)
        if held is not None:
            bounds[held[0]] = (held[1], held[1])
        if self.errors != "negative-binomial":
            bounds[_DISPERSION] = (0.0, 0.0)
        limits = np.array(bounds) / self.scales[:, None]
        found = [
            minimize(
                lambda scaled: self.deviance(scaled * self.scales),
                np.clip(item / self.scales, limits[:, 0], limits[:, 1]),
                method="L-BFGS-B",
                bounds=limits,
                options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
            )
            for item in starts
        ]
        return np.asarray(min(found, key=lambda item: item.fun).x * self.scales)

    def interval(self, best: Array, index: int, scale: float, level: float) -> Interval:
        """Return the profile-likelihood interval of a parameter, as far as its bounds."""
        from scipy.optimize import brentq
        from scipy.stats import chi2

        low, high = self.bounds[index]
        value = float(best[index])
        if low == high:
            return Interval(value, value, value)
        allowed = scale * float(chi2.ppf(level, 1))
        least = self.deviance(best)

        def excess(at: float) -> float:
            return self.deviance(self.best((index, at), best)) - least - allowed

        ends = []
        for bound in (low, high):
            ends.append(bound if excess(bound) <= 0 else float(brentq(excess, value, bound, xtol=1e-6, rtol=1e-6)))
        return Interval(value, *ends)


def _findings(errors: Errors, best: Array, dof: int, chi_squared: float) -> tuple[Finding, ...]:
    from scipy.stats import chi2

    findings = []
    log_low, log_high = (math.log(rate) for rate in _REPAIR_RANGE_PER_H)
    if best[3] - log_low < _AT_BOUND or log_high - best[3] < _AT_BOUND or best[1] == 0:
        findings.append(
            Finding(
                "foci-not-determined",
                "warning",
                "The samples do not determine induction and repair: the fit ends at a bound of its parameters.",
                "foci",
            )
        )
    if errors == "poisson" and dof and chi2.sf(chi_squared, dof) < load_number("haematology.yaml", "significance"):
        findings.append(
            Finding(
                "foci-overdispersed",
                "warning",
                f"Pearson's chi-squared is {chi_squared:.3g} with {dof} degrees of freedom: the counts scatter more "
                "than Poisson errors, whose intervals are too narrow; take quasi-poisson or negative-binomial.",
                "foci",
            )
        )
    if errors == "quasi-poisson" and not dof:
        findings.append(
            Finding(
                "foci-no-degrees-of-freedom",
                "warning",
                "There are as many samples as parameters: the scatter of the counts is not known, and Poisson errors "
                "were taken.",
                "foci",
            )
        )
    return tuple(findings)
