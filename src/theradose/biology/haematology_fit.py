"""The response of one patient's marrow, from a prior and the patient's own counts, and what it predicts.

The logarithms of the parameters have independent normal distributions before counts are known, and the logarithms of
the counts a normal error. The mode of the posterior is found by least squares; its distribution is drawn from the
normal approximation at the mode and re-weighted by the exact posterior, so that intervals are those of the model and
not of the approximation. How far that was needed is the effective number of draws.

References
----------
[Friberg2002]_ The model.
[JCGM101]_ Distributions by draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.biology.haematology import (
    TRANSIT_COMPARTMENTS,
    CycleDoseRate,
    Effect,
    MarrowResponse,
    ResponseRates,
    log_relative_counts,
)
from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen
from theradose.model.counts import LABELS
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.statistics.intervals import Interval

PARAMETERS = ("baseline", "mtt_h", "gamma", "alpha_per_gy")
ILLUSTRATIVE = "illustrative"
_SPREADS = ("sd_baseline", "sd_mtt", "sd_gamma", "sd_alpha")
_TOLERANCE = 1e-8
# Enough for the weights of draws and for intervals, where no derivative is taken.
_DRAW_TOLERANCE = 1e-5
_DRAWS = 1000
_FEWEST_EFFECTIVE = 100
# The proposal has heavier tails than the normal approximation, so that no draw weighs too much.
_DEGREES_OF_FREEDOM = 5
_STEP = 1e-4
_GRID_H = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class ResponsePrior:
    """What is assumed of a patient's marrow before counts are known.

    Attributes
    ----------
    quantity : str
        Kind of cells.
    median : ndarray, shape (4,)
        Medians of :data:`PARAMETERS`.
    sd_log : ndarray, shape (4,)
        Standard deviations of their logarithms.
    sd_residual : float
        Standard deviation of the logarithm of a count about the model.
    source, status, edition : str
        As of a constant; ``illustrative`` for the packaged ones.
    """

    quantity: str
    median: Array
    sd_log: Array
    sd_residual: float
    source: str
    status: str
    edition: str

    def __post_init__(self) -> None:
        for name in ("median", "sd_log"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))
        positive = (self.median > 0).all() and (self.sd_log > 0).all() and self.sd_residual > 0
        if self.median.shape != (4,) or self.sd_log.shape != (4,) or not positive:
            raise PhysicsError(
                f"A prior of {self.quantity} needs positive medians and spreads of {', '.join(PARAMETERS)} and a "
                "positive spread of counts.",
                code="haematology-prior",
            )

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Medians with the source of the prior."""
        units = ("10⁹/L", "h", "1", "1/Gy")
        return tuple(
            Constant(f"prior median of {name.partition('_')[0]}, {LABELS[self.quantity]}", float(value), unit,
                     self.source, self.status, self.edition)
            for name, value, unit in zip(PARAMETERS, self.median, units, strict=True)
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ResponseFit:
    """Posterior of the response of one patient's marrow.

    Attributes
    ----------
    prior : ResponsePrior
        What was assumed.
    effect : {"proliferation", "loss"}
        How the dose acts.
    parameters : MarrowResponse
        Mode of the posterior.
    covariance_log : ndarray, shape (4, 4)
        Of the logarithms of the parameters, at the mode.
    draws : ndarray, shape (n, 4)
        Parameters drawn from the posterior.
    weights : ndarray, shape (n,)
        Of the draws; they add up to one.
    residuals : ndarray, shape (m,)
        Of the logarithms of the counts at the mode, in standard deviations.
    findings : tuple of Finding
        What to know.
    """

    prior: ResponsePrior
    effect: Effect
    parameters: MarrowResponse
    covariance_log: Array
    draws: Array
    weights: Array
    residuals: Array
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        for name in ("covariance_log", "draws", "weights", "residuals"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def effective_draws(self) -> float:
        """How many equally weighted draws tell as much."""
        return float(1 / np.sum(self.weights**2))


@dataclass(frozen=True, slots=True)
class PredictedNadir:
    """Lowest count in a span of time, and when.

    Attributes
    ----------
    count : Interval
        In the unit of the prior.
    relative_decline : Interval
        From the count at the start of the span.
    after_h : Interval
        Hours since the start of the span.
    """

    count: Interval
    relative_decline: Interval
    after_h: Interval


def packaged_prior(quantity: str) -> ResponsePrior:
    """Return the illustrative prior of a kind of cells.

    Raises
    ------
    PhysicsError
        ``haematology-quantity`` for cells that the model does not describe.
    """
    priors = load_yaml("haematology.yaml")["response_priors"]
    if quantity not in priors:
        raise PhysicsError(f"The response of {quantity} has no prior: the model is for {', '.join(priors)}.",
                           code="haematology-quantity")  # fmt: skip
    record = priors[quantity]
    value = record["value"]
    return ResponsePrior(
        quantity,
        np.array([value[name] for name in PARAMETERS]),
        np.array([value[name] for name in _SPREADS]),
        value["sd_residual"],
        record["source"],
        record["status"],
        record["edition"],
    )


def fit_response(
    *,
    t_h: Sequence[float] | Array,
    counts: Sequence[float] | Array,
    dose_rate: CycleDoseRate,
    prior: ResponsePrior,
    effect: Effect = "proliferation",
    draws: int = _DRAWS,
    seed: int = 0,
) -> ResponseFit:
    """Return the posterior of a patient's parameters.

    Parameters
    ----------
    t_h : array_like, shape (m,)
        Times of the counts in ascending order, on the clock of the dose rate.
    counts : array_like, shape (m,)
        Positive counts in the unit of the prior.
    dose_rate : CycleDoseRate
        To red marrow, Gy/h.
    prior : ResponsePrior
        Of the same kind of cells.
    effect : {"proliferation", "loss"}
        As of :func:`theradose.biology.haematology.myelosuppression`.
    draws : int
        Number of draws.
    seed : int
        Of the draws.

    Raises
    ------
    PhysicsError
        ``haematology-counts`` without positive counts; ``haematology-times``, ``haematology-solver``.

    References
    ----------
    [Friberg2002]_, [JCGM101]_
    """
    from scipy.optimize import least_squares

    times, measured = np.asarray(t_h, float), np.asarray(counts, float)
    if not len(measured) or len(measured) != len(times) or not (measured > 0).all():
        raise PhysicsError("A response needs positive counts, each with its time: leave out rows without a value.",
                           code="haematology-counts")  # fmt: skip
    log_median, log_measured = np.log(prior.median), np.log(measured)

    def deviations(z: Array, tolerance: float = _TOLERANCE) -> Array:
        """Return the deviations of counts and of parameters in standard deviations, rows of z to rows."""
        modelled = _log_counts(np.exp(log_median + prior.sd_log * z), times, dose_rate, effect, tolerance)
        return np.hstack([(log_measured - modelled) / prior.sd_residual, z])

    def derivatives(z: Array) -> Array:
        steps = _STEP * np.eye(len(PARAMETERS))
        sides = deviations(np.vstack([z + steps, z - steps]))
        return np.asarray((sides[: len(PARAMETERS)] - sides[len(PARAMETERS) :]).T / (2 * _STEP))

    solution = least_squares(lambda z: deviations(z[None])[0], np.zeros(len(PARAMETERS)), jac=derivatives, xtol=1e-9)
    jacobian = derivatives(solution.x)
    covariance = np.linalg.inv(jacobian.T @ jacobian)
    rng = np.random.default_rng(seed)
    tails = np.sqrt(_DEGREES_OF_FREEDOM / rng.chisquare(_DEGREES_OF_FREEDOM, draws))
    standard = rng.standard_normal((draws, len(PARAMETERS))) * tails[:, None]
    drawn = solution.x + standard @ np.linalg.cholesky(covariance).T
    log_proposal = (
        -0.5 * (_DEGREES_OF_FREEDOM + len(PARAMETERS)) * np.log1p(np.sum(standard**2, axis=1) / _DEGREES_OF_FREEDOM)
    )
    log_weights = -0.5 * np.sum(deviations(drawn, _DRAW_TOLERANCE) ** 2, axis=1) - log_proposal
    weights = np.exp(log_weights - log_weights.max())
    fit = ResponseFit(
        prior=prior,
        effect=effect,
        parameters=_parameters(np.exp(log_median + prior.sd_log * solution.x)),
        covariance_log=covariance * np.outer(prior.sd_log, prior.sd_log),
        draws=np.exp(log_median + prior.sd_log * drawn),
        weights=weights / weights.sum(),
        residuals=solution.fun[: len(times)],
        findings=(),
    )
    return replace(fit, findings=_findings(fit))


def posterior_interval(fit: ResponseFit, values: Array, mode: float, *, level: float = 0.9) -> Interval:
    """Return a number of each draw as value at the mode with the quantiles over the draws.

    Parameters
    ----------
    fit : ResponseFit
        Whose draws they are.
    values : ndarray, shape (n,)
        The number by draw.
    mode : float
        The number at the mode.
    level : float
        Probability inside the interval.
    """
    order = np.argsort(values)
    cumulative = np.cumsum(fit.weights[order]) - 0.5 * fit.weights[order]
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], cumulative, np.asarray(values)[order])
    return Interval(float(mode), float(low), float(high))


def predict_counts(*, fit: ResponseFit, t_h: Sequence[float] | Array, dose_rate: CycleDoseRate) -> tuple[Array, Array]:
    """Return the counts at times at the mode, shape (m,), and for every draw, shape (n, m).

    References
    ----------
    [Friberg2002]_
    """
    rows = np.vstack([_row(fit.parameters), fit.draws])
    curves = np.exp(_log_counts(rows, np.asarray(t_h, float), dose_rate, fit.effect, _DRAW_TOLERANCE))
    return curves[0], curves[1:]


def predict_nadir(
    *, fit: ResponseFit, dose_rate: CycleDoseRate, start_h: float, end_h: float, level: float = 0.9
) -> PredictedNadir:
    """Return the lowest count between two times with its posterior interval.

    The interval is that of the parameters, of a model whose prior may be illustrative: it holds no error of a single
    count and none of the dose.

    Parameters
    ----------
    fit : ResponseFit
        Of the patient.
    dose_rate : CycleDoseRate
        Of all cycles, those to come included.
    start_h, end_h : float
        Span on the clock of the dose rate, h.
    level : float
        Probability inside the intervals.

    References
    ----------
    [Friberg2002]_
    """
    grid = np.linspace(start_h, end_h, max(2, int((end_h - start_h) / _GRID_H)) + 1)
    mode, draws = predict_counts(fit=fit, t_h=grid, dose_rate=dose_rate)
    curves = np.vstack([mode, draws])
    lowest = curves.argmin(axis=1)
    counts = curves[np.arange(len(curves)), lowest]
    numbers = (counts, 1 - counts / curves[:, 0], grid[lowest] - start_h)
    return PredictedNadir(*(posterior_interval(fit, item[1:], item[0], level=level) for item in numbers))


def _log_counts(rows: Array, t_h: Array, dose_rate: CycleDoseRate, effect: Effect, tolerance: float) -> Array:
    """Return the logarithms of counts of rows of parameters, shape (m, n)."""
    baseline, mtt_h, gamma, alpha = rows.T
    rates = ResponseRates((TRANSIT_COMPARTMENTS + 1) / mtt_h, gamma, alpha)
    relative = log_relative_counts(t_h=t_h, rates=rates, dose_rate=dose_rate, effect=effect, tolerance=tolerance)
    return np.asarray(np.log(baseline)[:, None] + relative.T)


def _parameters(row: Array) -> MarrowResponse:
    return MarrowResponse(*(float(value) for value in row))


def _row(parameters: MarrowResponse) -> Array:
    return np.array([getattr(parameters, name) for name in PARAMETERS])


def _findings(fit: ResponseFit) -> tuple[Finding, ...]:
    findings = []
    if fit.prior.status == ILLUSTRATIVE:
        findings.append(
            Finding(
                "response-illustrative",
                "warning",
                f"The prior of the response of {LABELS[fit.prior.quantity]} is illustrative: no parameters for "
                "radionuclide therapy are published, and what is predicted rests on it wherever the patient's counts "
                "do not decide.",
                fit.prior.quantity,
            )
        )
    if fit.effective_draws < _FEWEST_EFFECTIVE:
        findings.append(
            Finding(
                "response-approximation",
                "warning",
                f"Only {fit.effective_draws:.0f} of {len(fit.draws)} draws of the posterior count: its intervals are "
                "uncertain.",
                fit.prior.quantity,
            )
        )
    return tuple(findings)
