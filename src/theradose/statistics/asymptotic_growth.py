"""Asymptotic growth of a loss by dose, with an effect of the patient on its amplitude.

The loss of tumour j of patient i and grade g is

    y_ij = (a_g + u_i) (1 − exp(−D_ij / s_g)) + e_ij

with normal u and e. It is linear in u, so its likelihood is that of a normal vector and is maximised exactly (Laplace's
approximation is exact here). Lindstrom and Bates' algorithm, which alternates between penalised least squares and a
linear mixed model of the linearised curve, leaves out that the variance depends on s_g; its estimates differ.

References
----------
[LindstromBates1990]_ The alternating algorithm.
[Warfvinge2024]_ The curve, with grade on both parameters and the patient on the amplitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import StatisticsError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding

GrowthMethod = Literal["exact", "lindstrom-bates"]

_STEP = 1e-30
_DIFFERENCE = 1e-5
_FEWEST_BEYOND_PARAMETERS = 2
_SINGULAR = 1e-4
# Scales beyond so many times the doses are a constant or a straight line, of which the scale says nothing.
_UNDETERMINED = 20.0
_MOST_ROUNDS = 200
_ROUND_TOLERANCE = 1e-9
_STARTS = (0.2, 0.5, 1.5)


@dataclass(frozen=True, slots=True, eq=False)
class AsymptoticGrowthFit:
    """Fitted curves.

    Attributes
    ----------
    method : {"exact", "lindstrom-bates"}
        How they were fitted.
    grades : tuple of str
        In order.
    amplitude, scale : ndarray, shape (g,)
        a_g in the unit of the loss, and s_g in that of the dose.
    covariance : ndarray, shape (2 g, 2 g)
        Of amplitudes, then scales.
    patient_sd, residual_sd : float
        Of u and e; the former is 0 without an effect of the patient.
    log_likelihood : float
        Of the exact model, or of the last linearised one.
    patient_effect : bool
        Whether there is one; without several tumours of a patient there is not.
    converged : bool
        Whether the maximum was reached and every scale is determined.
    findings : tuple of Finding
        ``singular-fit``, ``growth-not-determined``.
    """

    method: GrowthMethod
    grades: tuple[str, ...]
    amplitude: Array
    scale: Array
    covariance: Array
    patient_sd: float
    residual_sd: float
    log_likelihood: float
    patient_effect: bool
    converged: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GrowthBand:
    """A curve at patient effect 0 with its pointwise interval, each of shape (m,)."""

    dose_gy: Array
    value: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Loss and dose, each divided by its size, with indicators of grade and patient."""

    dose: Array
    loss: Array
    grade: Array
    of_patient: Array
    dose_size: float
    loss_size: float
    names: tuple[str, ...]
    patient_effect: bool

    @property
    def grades(self) -> int:
        return len(self.names)


def fit_asymptotic_growth(
    *,
    dose_gy: Sequence[float] | Array,
    loss: Sequence[float] | Array,
    grades: Sequence[str],
    patients: Sequence[Hashable],
    method: GrowthMethod = "exact",
) -> AsymptoticGrowthFit:
    """Fit a curve of asymptotic growth for each grade, with one effect of the patient.

    Parameters
    ----------
    dose_gy, loss : array_like, shape (n,)
        Dose of each tumour, not negative, and its relative loss of volume.
    grades, patients : sequence, length n
        Grade and patient of each tumour.
    method : {"exact", "lindstrom-bates"}
        Maximum of the exact likelihood, or the alternating algorithm of other packages, for comparison.

    Raises
    ------
    StatisticsError
        ``growth-values`` for unequal lengths, values that are not finite, or negative doses; ``too-few-rows`` for a
        grade with fewer than four tumours or with one dose; ``constant-response``; with `lindstrom-bates`
        ``growth-not-determined`` for a scale that the data do not determine, and ``not-converged`` if the alternation
        does not end.

    References
    ----------
    [LindstromBates1990]_, [Warfvinge2024]_
    """
    rows = _rows(dose_gy, loss, grades, patients)
    start = _exact(rows)
    if method == "lindstrom-bates":
        if undetermined := _undetermined(rows, start):
            raise StatisticsError(
                f"The scale of the curve of {', '.join(undetermined)} is not determined, so the alternation of "
                "Lindstrom and Bates has nothing to linearise.",
                code="growth-not-determined",
            )
        point, covariance, value = _alternate(rows, start)
    else:
        point, covariance, value = start, _covariance(rows, start), _deviance(rows, start)
    return _fit(rows, method, point, covariance, value)


def constant_log_likelihood(
    *, loss: Sequence[float] | Array, grades: Sequence[str], patients: Sequence[Hashable]
) -> float:
    """Return the log-likelihood of a loss that does not depend on the dose, the limit of the curve at a scale of 0.

    References
    ----------
    [Warfvinge2024]_
    """
    rows = _rows(np.ones(len(loss)), loss, grades, patients, constant=True)
    point = np.concatenate([_means(rows), np.zeros(rows.grades), [math.log(float(np.std(rows.loss))), 0.7]])
    free = [*range(rows.grades), 2 * rows.grades, *([2 * rows.grades + 1] if rows.patient_effect else [])]
    best = _minimise(lambda x: _deviance(rows, x, shape=np.ones(len(rows.dose))), point, free)
    return -_deviance(rows, best, shape=np.ones(len(rows.dose))) / 2 - len(rows.loss) * math.log(rows.loss_size)


def standard_errors(fit: AsymptoticGrowthFit, grade: str) -> tuple[float, float]:
    """Return the standard errors of amplitude and scale of a grade.

    References
    ----------
    [Warfvinge2024]_
    """
    k = fit.grades.index(grade)
    amplitude, scale = np.sqrt(np.diag(fit.covariance))[[k, len(fit.grades) + k]]
    return float(amplitude), float(scale)


def growth_band(fit: AsymptoticGrowthFit, grade: str, dose_gy: Array, *, level: float = 0.95) -> GrowthBand:
    """Return the curve of a grade with its interval by propagation of the covariance.

    Parameters
    ----------
    fit : AsymptoticGrowthFit
        The model.
    grade : str
        One of its grades.
    dose_gy : ndarray, shape (m,)
        Doses.
    level : float
        Of the pointwise interval.

    References
    ----------
    [Warfvinge2024]_
    """
    from scipy import stats

    k, g = fit.grades.index(grade), len(fit.grades)
    a, s = float(fit.amplitude[k]), float(fit.scale[k])
    decay = np.exp(-dose_gy / s)
    gradient = np.column_stack([1 - decay, -a * decay * dose_gy / s**2])
    part = fit.covariance[np.ix_([k, g + k], [k, g + k])]
    reach = float(stats.norm.ppf((1 + level) / 2)) * np.sqrt(np.einsum("mi,ij,mj->m", gradient, part, gradient))
    value = a * (1 - decay)
    return GrowthBand(*map(frozen, (dose_gy, value, value - reach, value + reach)))


def _rows(
    dose_gy: Sequence[float] | Array,
    loss: Sequence[float] | Array,
    grades: Sequence[str],
    patients: Sequence[Hashable],
    *,
    constant: bool = False,
) -> _Rows:
    dose, y = np.asarray(dose_gy, float), np.asarray(loss, float)
    if not dose.shape == y.shape == (len(grades),) == (len(patients),) or not np.isfinite([dose, y]).all():
        raise StatisticsError(
            "Dose, loss, grade and patient are needed of every tumour, all finite.", code="growth-values"
        )
    if (dose < 0).any():
        raise StatisticsError(f"The dose in row {int(np.argmax(dose < 0)) + 1} is negative: correct it.",
                              code="growth-values")  # fmt: skip
    names, of_grade = np.unique([str(grade) for grade in grades], return_inverse=True)
    for k, name in enumerate(names):
        n = int((of_grade == k).sum())
        if n < 2 + _FEWEST_BEYOND_PARAMETERS or (not constant and np.ptp(dose[of_grade == k]) == 0):
            raise StatisticsError(
                f"{n} tumours of {name} do not determine amplitude and scale of a curve: at least "
                f"{2 + _FEWEST_BEYOND_PARAMETERS} with different doses are needed.",
                code="too-few-rows",
            )
    if np.ptp(y) == 0:
        raise StatisticsError("The loss is the same for all tumours: there is no curve.", code="constant-response")
    _, of_patient = np.unique([str(patient) for patient in patients], return_inverse=True)
    loss_size, dose_size = float(np.sqrt(np.mean(y**2))), float(np.mean(dose))
    indicator = (of_patient[None, :] == np.arange(of_patient.max() + 1)[:, None]).astype(float)
    return _Rows(
        dose / dose_size, y / loss_size, of_grade, indicator, dose_size, loss_size, tuple(map(str, names)),
        bool(of_patient.max() + 1 < len(y)),
    )  # fmt: skip


def _exact(rows: _Rows) -> Array:
    """Return the point (amplitudes, logarithms of scales, logarithm of σ, τ = ratio of σ_u to σ) of the maximum."""
    g = rows.grades
    free = list(range(2 * g + 1 + rows.patient_effect))
    found = []
    for scale in _STARTS:
        for ratio in (0.3, 1.5) if rows.patient_effect else (0.0,):
            means = _means(rows) / (1 - math.exp(-1 / scale))
            spread = math.log(float(np.std(rows.loss)))
            start = np.concatenate([means, np.full(g, math.log(scale)), [spread, ratio]])
            found.append(_minimise(lambda x: _deviance(rows, x), start, free))
    best = min(found, key=lambda point: _deviance(rows, point))
    best[-1] = abs(best[-1])
    return best


def _means(rows: _Rows) -> Array:
    return np.array([rows.loss[rows.grade == k].mean() for k in range(rows.grades)])


def _minimise(function: Callable[[Array], float], start: Array, free: Sequence[int]) -> Array:
    """Return the minimum over the free coordinates, with gradients by complex steps and a last Newton polish."""
    from scipy import optimize

    def whole(x: Array) -> Array:
        point = start.astype(x.dtype)
        point[free] = x
        return point

    def gradient(x: Array) -> Array:
        steps = np.eye(len(x)) * 1j * _STEP
        return np.array([complex(function(whole(x + step))).imag for step in steps]) / _STEP

    def real(x: Array) -> float:
        value = float(np.real(function(whole(x))))
        return value if math.isfinite(value) else math.inf

    with np.errstate(all="ignore"):
        x = np.asarray(optimize.minimize(real, start[free], jac=gradient, method="BFGS", options={"gtol": 1e-9}).x)
        for _ in range(5):
            slope, curvature = gradient(x), _differences(gradient, x)
            try:
                step = np.linalg.solve(curvature, slope)
            except np.linalg.LinAlgError:
                break
            if not np.isfinite(step).all() or not real(x - step) <= real(x):
                break
            x = x - step
    return whole(x)


def _differences(gradient: Callable[[Array], Array], x: Array) -> Array:
    steps = np.eye(len(x)) * _DIFFERENCE
    columns = np.array([(gradient(x + step) - gradient(x - step)) / (2 * _DIFFERENCE) for step in steps])
    return np.asarray((columns + columns.T) / 2)


def _deviance(rows: _Rows, point: Array, shape: Array | None = None) -> float:
    """Return −2 log likelihood in the units of `rows`; analytic, so that complex steps give its gradient."""
    g = rows.grades
    sigma2, ratio = np.exp(2 * point[2 * g]), point[2 * g + 1]
    f = 1 - np.exp(-rows.dose / np.exp(point[g : 2 * g])[rows.grade]) if shape is None else shape
    rest = rows.loss - point[:g][rows.grade] * f
    squares, shared = rows.of_patient @ (f * f), rows.of_patient @ (f * rest)
    inner = 1 + ratio**2 * squares
    quadratic = rest @ rest - ratio**2 * np.sum(shared**2 / inner)
    n = len(rows.loss)
    deviance: float = n * np.log(2 * math.pi * sigma2) + np.sum(np.log(inner)) + quadratic / sigma2
    return deviance


def _covariance(rows: _Rows, point: Array) -> Array:
    """Return the covariance of amplitudes and logarithms of scales from the second derivatives."""
    g = rows.grades
    free = list(range(2 * g + 1 + (rows.patient_effect and point[-1] > _SINGULAR)))

    def gradient(x: Array) -> Array:
        steps = np.eye(len(free)) * 1j * _STEP
        full = [np.concatenate([x + step, point[len(free) :]]) for step in steps]
        return np.array([complex(_deviance(rows, one)).imag for one in full]) / _STEP

    information = _differences(gradient, point[free]) / 2
    try:
        return np.asarray(np.linalg.inv(information)[: 2 * g, : 2 * g])
    except np.linalg.LinAlgError:
        return np.full((2 * g, 2 * g), np.nan)


def _alternate(rows: _Rows, start: Array) -> tuple[Array, Array, float]:
    """Return point, covariance and deviance of the alternation of Lindstrom and Bates."""
    g, n = rows.grades, len(rows.loss)
    point, ratio = start.copy(), float(start[-1])
    effects = np.zeros(len(rows.of_patient))
    for _ in range(_MOST_ROUNDS):
        before = point.copy()
        fixed, effects = _penalised(rows, point[: 2 * g], effects, ratio)
        columns, z, work = _linearised(rows, fixed, effects)
        try:
            ratio = _profiled_ratio(rows, columns, z, work) if rows.patient_effect else 0.0
            _, inverse, sigma2, deviance = _linear(rows, columns, z, work, ratio)
        except np.linalg.LinAlgError:
            # A scale ran off, so that its column is zero.
            break
        point = np.concatenate([fixed, [math.log(sigma2) / 2, ratio]])
        if np.max(np.abs(point - before)) < _ROUND_TOLERANCE:
            return point, sigma2 * inverse, deviance
    raise StatisticsError(
        f"The alternation of Lindstrom and Bates did not settle on curves of {n} tumours within {_MOST_ROUNDS} "
        "rounds: use the exact method.",
        code="not-converged",
    )


def _penalised(rows: _Rows, fixed: Array, effects: Array, ratio: float) -> tuple[Array, Array]:
    """Return the curves and effects of penalised least squares for a ratio of the standard deviations."""
    from scipy import optimize

    g = rows.grades
    with_effects = ratio > _SINGULAR

    def residuals(x: Array) -> Array:
        own = ratio * (x[2 * g :] @ rows.of_patient) if with_effects else 0.0
        f = 1 - np.exp(-rows.dose / np.exp(x[g : 2 * g])[rows.grade])
        return np.concatenate([rows.loss - (x[:g][rows.grade] + own) * f, x[2 * g :]])

    start = np.concatenate([fixed, effects / ratio]) if with_effects else fixed
    x = optimize.least_squares(residuals, start, method="trf", xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    return x[: 2 * g], (ratio * x[2 * g :] if with_effects else np.zeros_like(effects))


def _linearised(rows: _Rows, fixed: Array, effects: Array) -> tuple[Array, Array, Array]:
    """Return the columns of the curves' parameters, that of the effects, and the working response."""
    g = rows.grades
    scale = np.exp(fixed[g:])[rows.grade]
    decay = np.exp(-rows.dose / scale)
    own = effects @ rows.of_patient
    amplitude = fixed[:g][rows.grade] + own
    of_grade = (rows.grade[:, None] == np.arange(g)).astype(float)
    columns = np.hstack([of_grade * (1 - decay)[:, None], of_grade * (-amplitude * decay * rows.dose / scale)[:, None]])
    z = 1 - decay
    work = rows.loss - amplitude * z + columns @ fixed + own * z
    return columns, z, work


def _linear(rows: _Rows, columns: Array, z: Array, work: Array, ratio: float) -> tuple[Array, Array, float, float]:
    """Return coefficients, inverse information, residual variance and deviance of the linearised model."""
    squares = rows.of_patient @ (z * z)
    inner = 1 + ratio**2 * squares

    def weighted(left: Array, right: Array) -> Array:
        a, b = rows.of_patient @ (left * z[:, None]), rows.of_patient @ (right * z[:, None])
        return np.asarray(left.T @ right - ratio**2 * (a / inner[:, None]).T @ b)

    y = work[:, None]
    inverse = np.linalg.inv(weighted(columns, columns))
    coefficients = inverse @ weighted(columns, y)
    rest = y - columns @ coefficients
    n = len(work)
    sigma2 = float(weighted(rest, rest)[0, 0]) / n
    return coefficients[:, 0], inverse, sigma2, n * (math.log(2 * math.pi * sigma2) + 1) + float(np.sum(np.log(inner)))


def _profiled_ratio(rows: _Rows, columns: Array, z: Array, work: Array) -> float:
    from scipy import optimize

    def deviance(log_ratio: float) -> float:
        return _linear(rows, columns, z, work, math.exp(log_ratio))[3]

    grid = np.linspace(-7, 4, 45)
    values = [deviance(float(x)) for x in grid]
    k = int(np.argmin(values))
    if k == 0:
        return 0.0
    found = optimize.minimize_scalar(
        deviance, bounds=(grid[k - 1], grid[min(k + 1, len(grid) - 1)]), method="bounded", options={"xatol": 1e-11}
    )
    return math.exp(float(found.x))


def _undetermined(rows: _Rows, point: Array) -> list[str]:
    """Return the grades whose scale lies far from all doses."""
    scale = np.exp(point[rows.grades : 2 * rows.grades])
    doses = [rows.dose[rows.grade == k] for k in range(rows.grades)]
    return [
        name
        for name, own, d in zip(rows.names, scale, doses, strict=True)
        if not float(d.min()) / _UNDETERMINED < own < float(d.max()) * _UNDETERMINED
    ]


def _fit(rows: _Rows, method: GrowthMethod, point: Array, covariance: Array, deviance: float) -> AsymptoticGrowthFit:
    g, n = rows.grades, len(rows.loss)
    scale = np.exp(point[g : 2 * g])
    sizes = np.concatenate([np.full(g, rows.loss_size), scale * rows.dose_size])
    findings = [
        Finding(
            "growth-not-determined",
            "warning",
            f"The scale of the curve of {name} is not determined: the loss is about constant, or rises in a straight "
            "line, over the doses.",
        )
        for name in _undetermined(rows, point)
    ]
    if rows.patient_effect and point[-1] < _SINGULAR:
        findings.append(
            Finding(
                "singular-fit",
                "info",
                "The standard deviation of the patient effect on the amplitude is estimated as zero.",
            )
        )
    variances = np.diag(covariance)
    converged = bool(np.isfinite(covariance).all() and (variances > 0).all())
    return AsymptoticGrowthFit(
        method=method,
        grades=rows.names,
        amplitude=frozen(point[:g] * rows.loss_size),
        scale=frozen(scale * rows.dose_size),
        covariance=frozen(covariance * np.outer(sizes, sizes)),
        patient_sd=float(point[-1] * math.exp(point[2 * g])) * rows.loss_size,
        residual_sd=math.exp(float(point[2 * g])) * rows.loss_size,
        log_likelihood=-float(deviance) / 2 - n * math.log(rows.loss_size),
        patient_effect=rows.patient_effect,
        converged=converged and not any(f.code == "growth-not-determined" for f in findings),
        findings=tuple(findings),
    )
