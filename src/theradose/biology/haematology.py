"""Blood counts after irradiation of red marrow: proliferating cells, three transit compartments, circulating cells.

The counts are those of the model of myelosuppression of chemotherapy, driven by the dose rate to red marrow instead of
the concentration of a drug. With k = (n + 1)/MTT for n transit compartments, and all compartments equal to the count
before therapy C₀ at first,

    dP/dt  = k P (1 − E) (C₀/C)^γ − k P
    dT₁/dt = k P − k T₁,  dT₂/dt = k T₁ − k T₂,  dT₃/dt = k T₂ − k T₃
    dC/dt  = k T₃ − k C

with E = α Ḋ/k, so that α is the share of proliferating cells that a small dose kills, per Gy. The model was published
with E on the proliferation; ``effect="loss"`` removes the cells beside it, −α Ḋ P, which no feedback amplifies. The
equations are solved for the logarithms of the compartments relative to C₀: they stay positive, and their absolute
error is the relative one of the counts.

No parameters for radionuclide therapy are published: what a user does not state is illustrative.

References
----------
[Friberg2002]_ The equations; their use with a dose rate is a choice of this program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import PhysicsError
from theradose.kinetics.course import TimeCourse, course_of_phases
from theradose.model.arrays import Array, frozen

TRANSIT_COMPARTMENTS = 3
_STATES = TRANSIT_COMPARTMENTS + 2
_FULL_PRECISION = 1e-12
_LARGEST_EXPONENT = 200.0
Effect = Literal["proliferation", "loss"]


@dataclass(frozen=True, slots=True, eq=False)
class CycleDoseRate:
    """Dose rate to a tissue over cycles, Gy/h: the courses of all cycles that have begun, added.

    Attributes
    ----------
    start_h : ndarray, shape (k,)
        Start of each cycle on one clock, in ascending order.
    courses : tuple of TimeCourse
        Dose rate of each cycle in Gy/h since its start, one curve each.
    """

    start_h: Array
    courses: tuple[TimeCourse, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_h", frozen(self.start_h, float))
        if len(self.start_h) != len(self.courses) or (np.diff(self.start_h) <= 0).any():
            raise PhysicsError("Cycles need one start and one dose rate each, in the order of time.",
                               code="cycles-order")  # fmt: skip

    def value(self, t_h: float) -> float:
        """Return the dose rate at a time, Gy/h."""
        return sum(
            float(course.value(np.array([t_h - start]))[0, 0])
            for start, course in zip(self.start_h, self.courses, strict=True)
            if t_h >= start
        )

    def from_time(self, start_h: float) -> Callable[[float], float]:
        """Return the dose rate as a function of the time until the next knot, for many calls."""
        begun = [
            (start_h - start, course)
            for start, course in zip(self.start_h, self.courses, strict=True)
            if start <= start_h
        ]
        if any(elapsed < course.knots_h[-1] for elapsed, course in begun):
            return self.value
        rates = np.concatenate([course.rates_per_h for _, course in begun])
        now = np.concatenate(
            [
                course.coefficients[:, 0] * np.exp(-course.rates_per_h * (elapsed - course.knots_h[-1]))
                for elapsed, course in begun
            ]
        )
        return lambda t_h: float(now @ np.exp(-rates * (t_h - start_h)))

    @property
    def knots_h(self) -> Array:
        """Times at which the dose rate or a derivative of it jumps."""
        knots = [start + course.knots_h for start, course in zip(self.start_h, self.courses, strict=True)]
        return np.unique(np.concatenate(knots)) if knots else np.zeros(0)


def dose_rate_of_cycles(
    *,
    start_h: Sequence[float] | Array,
    dose_gy: Sequence[float] | Array,
    effective_half_life_h: Sequence[float] | Array,
) -> CycleDoseRate:
    """Return the dose rate of cycles of which only dose and effective half-life are known: one phase each.

    Parameters
    ----------
    start_h, dose_gy, effective_half_life_h : array_like, shape (k,)
        Start on one clock in h, absorbed dose in Gy, and effective half-life in the tissue in h.

    Raises
    ------
    PhysicsError
        ``cycles-dose`` for a dose that is negative or a half-life that is not positive; ``cycles-order``.

    References
    ----------
    [Friberg2002]_
    """
    doses, half_lives = np.asarray(dose_gy, float), np.asarray(effective_half_life_h, float)
    if not ((doses >= 0).all() and (half_lives > 0).all() and np.isfinite(doses).all()):
        raise PhysicsError("Cycles need doses that are not negative and positive effective half-lives.",
                           code="cycles-dose")  # fmt: skip
    rates = np.log(2) / half_lives
    return CycleDoseRate(
        np.asarray(start_h, float),
        tuple(course_of_phases([dose * rate], [rate]) for dose, rate in zip(doses, rates, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class MarrowResponse:
    """Parameters of the model.

    Attributes
    ----------
    baseline : float
        Count before therapy, in any unit; the predicted counts are in the same.
    mtt_h : float
        Mean transit time from proliferation to blood, h.
    gamma : float
        Exponent of the feedback of circulating on proliferating cells.
    alpha_per_gy : float
        Sensitivity of proliferating cells, 1/Gy.
    """

    baseline: float
    mtt_h: float
    gamma: float
    alpha_per_gy: float

    def __post_init__(self) -> None:
        if not (self.baseline > 0 and self.mtt_h > 0 and self.gamma >= 0 and self.alpha_per_gy >= 0):
            raise PhysicsError(
                "A count before therapy and a mean transit time are positive, gamma and alpha not negative: "
                f"{self.baseline:g}, {self.mtt_h:g} h, {self.gamma:g} and {self.alpha_per_gy:g} 1/Gy were given.",
                code="haematology-parameters",
            )

    @property
    def rate_per_h(self) -> float:
        """Rate k of all transitions, 1/h."""
        return (TRANSIT_COMPARTMENTS + 1) / self.mtt_h


def myelosuppression(
    *,
    t_h: Sequence[float] | Array,
    parameters: MarrowResponse,
    dose_rate: CycleDoseRate,
    effect: Effect = "proliferation",
    tolerance: float = _FULL_PRECISION,
) -> Array:
    """Return the circulating counts at times, in the unit of the count before therapy.

    Parameters
    ----------
    t_h : array_like, shape (n,)
        Times in ascending order on the clock of the dose rate; before the first cycle the count is that before
        therapy.
    parameters : MarrowResponse
        Of one kind of cells of one patient.
    dose_rate : CycleDoseRate
        To red marrow, Gy/h.
    effect : {"proliferation", "loss"}
        Whether irradiation acts on the proliferation, as published, or removes cells beside it.
    tolerance : float
        Relative error of the counts per step of the solver.

    Raises
    ------
    PhysicsError
        ``haematology-times`` for times out of order, ``haematology-solver`` if the equations cannot be solved.

    References
    ----------
    [Friberg2002]_, [Petzold1983]_ The solver, which changes to implicit formulas where the equations are stiff.
    """
    rates = ResponseRates.of([parameters])
    relative = log_relative_counts(t_h=t_h, rates=rates, dose_rate=dose_rate, effect=effect, tolerance=tolerance)
    return np.asarray(parameters.baseline * np.exp(relative[:, 0]))


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRates:
    """What the shape of the response of many patients, or draws, depends on; arrays of shape (m,).

    Attributes
    ----------
    rate_per_h, gamma, alpha_per_gy : ndarray, shape (m,)
        Rate of all transitions, exponent of the feedback, and sensitivity.
    """

    rate_per_h: Array
    gamma: Array
    alpha_per_gy: Array

    @classmethod
    def of(cls, parameters: Sequence[MarrowResponse]) -> ResponseRates:
        """Return the rates of parameters."""
        rows = [(item.rate_per_h, item.gamma, item.alpha_per_gy) for item in parameters]
        return cls(*(frozen(column, float) for column in np.array(rows).T.copy()))


def log_relative_counts(
    *,
    t_h: Sequence[float] | Array,
    rates: ResponseRates,
    dose_rate: CycleDoseRate,
    effect: Effect = "proliferation",
    tolerance: float = _FULL_PRECISION,
) -> Array:
    """Return ln(C/C₀) at times for many sets of parameters at once, shape (n, m).

    One set is solved by a method that changes to implicit formulas where the equations are stiff; many sets together
    by an explicit one of order 8, which needs no Jacobian.

    Parameters
    ----------
    t_h, dose_rate, effect, tolerance
        As of :func:`myelosuppression`.
    rates : ResponseRates
        Of m sets.

    Raises
    ------
    PhysicsError
        As :func:`myelosuppression`.

    References
    ----------
    [Friberg2002]_, [Petzold1983]_
    """
    from scipy.integrate import solve_ivp

    times = np.asarray(t_h, float)
    if (np.diff(times) < 0).any():
        raise PhysicsError("Times of counts must be in ascending order: sort them.", code="haematology-times")
    sets = len(rates.rate_per_h)
    relative = np.zeros((len(times), sets))
    state = np.zeros(_STATES * sets)
    last = times.max(initial=-np.inf)
    edges = np.append(dose_rate.knots_h[dose_rate.knots_h < last], last)
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        inside = (times > start) & (times <= end)
        stops = np.unique(np.append(times[inside], end))
        problem = _Span(rates, dose_rate.from_time(float(start)), effect, float(start))
        how = {"method": "LSODA", "jac": problem.jacobian} if sets == 1 else {"method": "DOP853"}
        solution = solve_ivp(problem.slope, (start, end), state, t_eval=stops, rtol=tolerance, atol=tolerance, **how)
        if not solution.success:
            raise PhysicsError(f"The counts cannot be computed from these parameters: {solution.message}",
                               code="haematology-solver")  # fmt: skip
        states = solution.y.reshape(_STATES, sets, len(stops))
        relative[inside] = states[-1, :, np.searchsorted(stops, times[inside])]
        state = solution.y[:, -1]
    return relative


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """The equations between two jumps of the dose rate, for the logarithms of the compartments relative to C₀."""

    rates: ResponseRates
    dose_rate: Callable[[float], float]
    effect: Effect
    start_h: float

    def slope(self, t_h: float, state: Array) -> Array:
        """Return the derivatives of the states, shape (5 m,)."""
        k, killed = self.rates.rate_per_h, self._killed(t_h)
        rows = state.reshape(_STATES, -1)
        feedback = np.exp(np.minimum(-self.rates.gamma * rows[-1], _LARGEST_EXPONENT))
        slope = np.empty_like(rows)
        slope[0] = (k - killed) * feedback - k if self.effect == "proliferation" else k * (feedback - 1) - killed
        # Trial steps of the solver may be absurd; they are rejected.
        slope[1:] = k * np.expm1(np.minimum(rows[:-1] - rows[1:], _LARGEST_EXPONENT))
        return slope.ravel()

    def jacobian(self, t_h: float, state: Array) -> Array:
        """Return the derivatives of the slopes of one set, shape (5, 5)."""
        k, gamma = self.rates.rate_per_h[0], self.rates.gamma[0]
        amplified = k - self._killed(t_h)[0] if self.effect == "proliferation" else k
        jacobian = np.zeros((_STATES, _STATES))
        jacobian[0, -1] = -gamma * amplified * np.exp(-gamma * state[-1])
        flow = k * np.exp(state[:-1] - state[1:])
        rows = np.arange(1, _STATES)
        jacobian[rows, rows - 1], jacobian[rows, rows] = flow, -flow
        return jacobian

    def _killed(self, t_h: float) -> Array:
        # A step of the solver may begin a rounding error before the jump.
        return np.asarray(self.rates.alpha_per_gy * self.dose_rate(max(t_h, self.start_h)))
