"""Lindstrom and Bates' algorithm: penalised least squares and a linear mixed model in turn, until both agree.

References
----------
[LindstromBates1990]_, [PinheiroBates2000]_
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Covariance
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.data import Observations
from theradose.statistics.nonlinear_mixed.linear_step import LinearSolution, LinearStep

_MOST_TURNS = 500
_ROUGH_TURNS = 100
_MOST_STEPS = 100
_MOST_HALVINGS = 40
_CLOSE = 1e-10
_ROUGHLY_CLOSE = 1e-4
_ROUNDING = 1e-15
# Where nlme's search for Ω begins, as a share of the precision of one subject's observations.
_FIRST_PRECISION = 0.375
# A contraction that does not halve the change in so many turns does not come close in all of them.
_STALLED_TURNS = 25


def _stalled(changes: Sequence[float]) -> bool:
    """Return whether the smallest change of the last turns is more than half of the smallest before them."""
    earlier, later = changes[:-_STALLED_TURNS], changes[-_STALLED_TURNS:]
    return bool(earlier) and min(later) > min(earlier) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Alternation:
    """Where the algorithm ended.

    Attributes
    ----------
    numbers : ndarray
        Numbers of Λ, in units of σ where that is estimated.
    solution : LinearSolution
        The linear mixed model there.
    step : LinearStep
        What it was solved from.
    log_weights : float
        Σ log of the weights of the observations.
    converged : bool
        Whether a further turn would change nothing.
    """

    numbers: Array
    solution: LinearSolution
    step: LinearStep
    log_weights: float
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """A nonlinear mixed model whose residual variance does not depend on the curve.

    Attributes
    ----------
    curve : MixedCurve
        The curve.
    data : Observations
        What was observed; weights are 1/u.
    varying : ndarray, shape (K, q)
        Which parameters have a random effect.
    covariance : Covariance
        Of the random effects.
    sigma2 : float or None
        Residual variance in units of u², where it is stated.
    reml : bool
        Whether the linear step has the restricted likelihood.
    proportional : bool
        Whether the standard deviations of the observations follow the curves of their subjects, turn by turn.
    """

    curve: MixedCurve
    data: Observations
    varying: Array
    covariance: Covariance
    sigma2: float | None
    reml: bool = False
    proportional: bool = False

    def reweighted(self, beta: Array, b: Array) -> Linearised:
        """Return the model with the weights that follow from these effects; the same where weights are given."""
        if not self.proportional:
            return self
        size = np.abs(self.curve.value(self._phi(beta, b), self.data.x))
        if not (size[self.data.counts > 0] > 0).all():
            raise StatisticsError(
                "The curve is zero at an observation, where a proportional scatter is zero too: leave it out, or "
                "choose 'constant' or 'scaled'.",
                code="mixed-model",
            )
        return replace(self, data=replace(self.data, u=np.where(self.data.counts > 0, size, 1.0)))

    def _phi(self, beta: Array, b: Array) -> Array:
        return np.asarray(self.data.design @ beta + (b @ self.varying.T)[:, None, :])

    def _penalised(self, beta: Array, z: Array, factor: Array) -> float:
        with np.errstate(all="ignore"):
            value = self.curve.value(self._phi(beta, z @ factor.T), self.data.x)
            squares = np.where(self.data.counts > 0, ((self.data.y - value) / self.data.u) ** 2, 0.0)
        total = float(np.sum(squares)) / (self.sigma2 or 1.0) + float(np.sum(z**2))
        return total if np.isfinite(total) else np.inf

    def linear_step(self, beta: Array, b: Array) -> LinearStep:
        """Return the linear mixed model at these effects."""
        phi = self._phi(beta, b)
        weight = self.data.counts / self.data.u
        slope = self.curve.gradient(phi, self.data.x) * weight[..., None]
        x = np.einsum("mnk,mnkp->mnp", slope, self.data.design)
        z = slope @ self.varying
        w = (self.data.y - self.curve.value(phi, self.data.x)) * weight
        w = w + x @ beta + np.einsum("mnq,mq->mn", z, b)
        return LinearStep.of(x, z, w, size=self.data.size, sigma2=self.sigma2, reml=self.reml)

    def penalised_fit(self, beta: Array, z: Array, factor: Array) -> tuple[Array, Array]:
        """Return fixed and random effects that minimise the penalised sum of squares for a given Λ."""
        # With a stated residual variance Λ is absolute, and z is in units of the random effects themselves.
        level = self._penalised(beta, z, factor)
        for _ in range(_MOST_STEPS):
            solution = self._solve(beta, z, factor)
            step_beta, step_z = solution.beta - beta, solution.z - z
            length = 1.0
            for _ in range(_MOST_HALVINGS):
                reached = self._penalised(beta + length * step_beta, z + length * step_z, factor)
                if reached < level:
                    break
                length /= 2
            else:
                break
            beta, z = beta + length * step_beta, z + length * step_z
            if level - reached <= _ROUNDING * abs(level):
                break
            level = reached
        return beta, z

    def _solve(self, beta: Array, z: Array, factor: Array) -> LinearSolution:
        return self.linear_step(beta, z @ factor.T).solve(factor / np.sqrt(self.sigma2 or 1.0))

    def alternate(self, beta: Array, *, rough: bool = False) -> Alternation | None:
        """Run both steps in turn from fixed effects `beta`, shape (P,); ``None`` where that leads nowhere.

        As in R's nlme the first linear model is that at `beta` without random effects: where several ends are possible,
        both reach the same one. If that fails, the search begins at the least squares of all observations. A `rough`
        result is for comparisons only.
        """
        end = self._turns(beta, rough=rough)
        if end is not None and (end.converged or rough):
            return end
        order = self.covariance.order
        with suppress(np.linalg.LinAlgError):
            beta, _ = self.penalised_fit(beta, np.zeros((len(self.data.y), order)), np.zeros((order, order)))
        ends = [found for found in (end, self._turns(beta, rough=rough)) if found is not None]
        return min(ends, key=lambda found: (not found.converged, found.solution.deviance), default=None)

    def begin(self, beta: Array) -> Alternation | None:
        """Return the linear model at `beta` with a spread that observations just show, if there is one."""
        step = self.linear_step(beta, np.zeros((len(self.data.y), self.covariance.order)))
        with suppress(np.linalg.LinAlgError):
            return self._end(step, self.covariance.numbers(np.diag(step.noticeable)), converged=False)
        return None

    def _turns(self, beta: Array, *, rough: bool) -> Alternation | None:
        close, turns = (_ROUGHLY_CLOSE, _ROUGH_TURNS) if rough else (_CLOSE, _MOST_TURNS)
        b = np.zeros((len(self.data.y), self.covariance.order))
        z, weighted, converged = b, self.reweighted(beta, b), False
        step, changes = weighted.linear_step(beta, b), list[float]()
        with suppress(np.linalg.LinAlgError), np.errstate(all="ignore"):
            numbers = step.best(self.covariance, self.covariance.numbers(np.diag(step.noticeable / _FIRST_PRECISION)))
            for _ in range(turns):
                before, factor = beta, self.covariance.factor(numbers)
                weighted = weighted.reweighted(beta, z @ factor.T)
                beta, z = weighted.penalised_fit(beta, z, factor)
                step = weighted.linear_step(beta, z @ factor.T)
                numbers = step.best(self.covariance, numbers)
                if not (np.isfinite(beta).all() and np.isfinite(numbers).all()):
                    return None
                # Both in units in which observations show them.
                sigma2 = step.solve(self.covariance.factor(numbers)).sigma2
                moved = np.sqrt(np.diagonal(step.xx) / sigma2) * (beta - before)
                turned = (self.covariance.factor(numbers) - factor) / step.noticeable[:, None]
                most = max(1.0, float(np.abs(factor / step.noticeable[:, None]).max()))
                changes.append(max(float(np.abs(moved).max()), float(np.abs(turned).max()) / most))
                converged = changes[-1] <= close
                if converged or _stalled(changes):
                    break
            return weighted._end(step, numbers, converged=converged)
        return None

    def _end(self, step: LinearStep, numbers: Array, *, converged: bool) -> Alternation:
        log_weights = -float(np.sum(self.data.counts * np.log(self.data.u)))
        return Alternation(numbers, step.solve(self.covariance.factor(numbers)), step, log_weights, converged)
