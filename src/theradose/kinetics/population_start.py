"""A first guess of the mean curve of a population: all points as those of one patient.

References
----------
[Theradose]_ From the rates of two phases to those of two compartments is textbook algebra.
[Puszkiel2019]_ The elimination with and without amino acids.
"""

from __future__ import annotations

import numpy as np

from theradose.data import load_yaml
from theradose.kinetics.compartments import CompartmentForm
from theradose.kinetics.population import SETTINGS
from theradose.kinetics.population_forms import PhaseForm, PopulationForm
from theradose.model.arrays import Array

# A guess stays within this many natural logarithms of the first one unless the points contradict it.
_LOOSE = 1.0
# Spread between patients for the weights of the pooled points.
_SPREAD = 0.3
_SMALLEST_SHARE = 0.05
_SLOWEST_SHARE = 0.1
_DEEP_PER_FIRST = 0.2


def first_guess(form: PopulationForm, t_h: Array, log_fraction: Array, relative_u: Array) -> Array:
    """Return the parameters of one curve through all points, shape (K,).

    Parameters
    ----------
    form : PopulationForm
        The curve.
    t_h, log_fraction, relative_u : ndarray, shape (N,)
        Points of all patients.

    References
    ----------
    [Theradose]_
    """
    from scipy.optimize import least_squares

    assert isinstance(form, PhaseForm | CompartmentForm)
    guess = _phases_start if isinstance(form, PhaseForm) else _blood_start
    start = guess(form, t_h, log_fraction)  # type: ignore[arg-type]
    x, weight = t_h[:, None], 1 / np.hypot(relative_u, _SPREAD)

    def residual(phi: Array) -> Array:
        return np.concatenate([weight * (form.value(phi, x) - log_fraction), (phi - start) / _LOOSE])

    def jacobian(phi: Array) -> Array:
        return np.concatenate([weight[:, None] * form.gradient(phi, x), np.eye(len(start)) / _LOOSE])

    return np.asarray(least_squares(residual, start, jac=jacobian).x)


def _pooled(t_h: Array, log_fraction: Array) -> tuple[Array, Array]:
    """Return mean logarithms of the points at neighbouring times, with the times."""
    order = np.argsort(t_h)
    groups = np.split(order, np.flatnonzero(np.diff(np.log(t_h[order])) > _SPREAD) + 1)
    times = np.array([np.exp(np.log(t_h[group]).mean()) for group in groups])
    return times, np.array([log_fraction[group].mean() for group in groups])


def _last_phase(times: Array, logs: Array) -> tuple[float, float]:
    """Return effective rate and logarithm of the amplitude of the line through the last two times."""
    if len(times) == 1:
        return 1 / float(times[0]), float(logs[0]) + 1.0
    rate = max(-float(np.diff(logs[-2:])[0] / np.diff(times[-2:])[0]), _SLOWEST_SHARE / float(times[-1]))
    return rate, float(logs[-1]) + rate * float(times[-1])


def _phases_start(form: PhaseForm, t_h: Array, log_fraction: Array) -> Array:
    """Return equal amplitudes, the slowest rate by the last points, and the fastest one by the first."""
    times, logs = _pooled(t_h, log_fraction)
    rate, log_amplitude = _last_phase(times, logs)
    slowest = max(rate - form.decay_constant_per_h, _SLOWEST_SHARE * rate)
    excess = np.geomspace(slowest, max(1 / float(times[0]), 2 * slowest), form.n_rates)
    scales = np.full(form.n_amplitudes, log_amplitude)
    if form.scale == "integral":
        scales = np.zeros(form.n_amplitudes)
        scales[0] = log_amplitude - np.log(rate)
    return np.concatenate([scales, np.log(excess)])


def _blood_start(form: CompartmentForm, t_h: Array, log_fraction: Array) -> Array:
    """Return the rates of two compartments with the first and last slope; a third one is slow and small."""
    times, logs = _pooled(t_h, log_fraction)
    last, log_last = _last_phase(times, logs)
    slow = max(last - form.decay_constant_per_h, _SLOWEST_SHARE * last)
    fast, log_first = _last_phase(times[:2], logs[:2])
    fast = max(fast - form.decay_constant_per_h, 2 * slow)
    share = float(np.clip(np.exp(log_last - log_first), _SMALLEST_SHARE, 1 - _SMALLEST_SHARE))
    back = (1 - share) * slow + share * fast
    out = fast * slow / back
    exchange = [max(fast + slow - back - out, _SLOWEST_SHARE * out), back]
    for _ in range(2, form.compartments):
        exchange += [_DEEP_PER_FIRST * exchange[0], slow]
    start = np.log([np.exp(-log_first), out, *exchange])
    if form.elimination_ratio is not None:
        return np.asarray(start)
    return np.append(start, np.log(published_elimination_ratio()))


def published_elimination_ratio() -> float:
    """Return by how much amino acids raised the elimination of the published cohort.

    References
    ----------
    [Puszkiel2019]_
    """
    settings = load_yaml(SETTINGS)
    return float(settings["elimination_with_amino_acids"]["value"] / settings["elimination"]["value"])
