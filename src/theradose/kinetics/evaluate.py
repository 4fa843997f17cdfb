"""Fitted curves at any time, with their bands."""

from __future__ import annotations

import math

import numpy as np

from theradose.kinetics.models import ModelForm, curve_gradient, curve_models, curve_value
from theradose.model.arrays import Array
from theradose.model.curve import CurveFit, TimeIntegratedActivity


def bound_form(fit: CurveFit) -> tuple[ModelForm, Array]:
    """Return the model of a fit, bound as it was fitted, and the parameters as an array."""
    model = curve_models.get(fit.model)
    form = model.bind(t_h=fit.sample_t_h, decay_constant_per_h=fit.decay_constant_per_h, infusion_h=fit.infusion_h)
    return form, np.array([fit.parameters[name] for name in form.parameters])


def evaluate_fit(fit: CurveFit, t_h: Array) -> tuple[Array, Array]:
    """Return the fitted activity and its k = 1 standard uncertainty from the parameters, both MBq, shape (n,).

    Parameters
    ----------
    fit : CurveFit
        The fit.
    t_h : ndarray, shape (n,)
        Hours after the start of the administration.

    References
    ----------
    [JCGM100]_, equation 13.
    """
    form, parameters = bound_form(fit)
    times = np.asarray(t_h, float)
    gradient = curve_gradient(form, parameters, times)
    variance = np.einsum("nk,kl,nl->n", gradient, fit.covariance, gradient)
    return curve_value(form, parameters, times), np.sqrt(np.maximum(variance, 0.0))


def evaluate_tia(tia: TimeIntegratedActivity, t_h: Array) -> tuple[Array, Array]:
    """Return the averaged activity and its k = 1 standard uncertainty, both MBq, shape (n,).

    The variance is that within the models plus that between them; sources common to all points (calibration,
    recovery) are not in it.

    References
    ----------
    [BurnhamAnderson2002]_ Unconditional variance of an average over models.
    """
    used = [fit for fit in tia.fits if fit.weight > 0]
    weights = np.array([fit.weight for fit in used])[:, None]
    values, bands = map(np.array, zip(*(evaluate_fit(fit, t_h) for fit in used), strict=True))
    mean = np.sum(weights * values, axis=0)
    variance = np.sum(weights * (bands**2 + (values - mean) ** 2), axis=0)
    return mean, np.sqrt(variance)


def half_life(form: ModelForm, parameters: Array) -> float:
    """Return the effective half-life of the last phase in h."""
    return math.log(2) / form.terminal_rate(parameters[: form.n_linear], parameters[form.n_linear :])[0]


def half_life_gradient(fit: CurveFit) -> Array:
    """Return the derivative of the effective half-life of the last phase by every parameter, shape (K,)."""
    form, parameters = bound_form(fit)
    rate, position = form.terminal_rate(parameters[: form.n_linear], parameters[form.n_linear :])
    gradient = np.zeros(len(parameters))
    if position is not None:
        gradient[form.n_linear + position] = -math.log(2) / rate**2
    return gradient
