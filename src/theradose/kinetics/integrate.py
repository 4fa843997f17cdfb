"""From a time-activity curve to its integral with every source of uncertainty.

Parameter uncertainty, the choice of model, and the sources common to all points are separate contributions:
``fit:<region>``, ``model:<region>``, and the curve's own common sources. Where the counts behind the points are known,
the part of the first that comes from counting statistics is ``counting:<region>``.

References
----------
[BurnhamAnderson2002]_ Average over models with the variance within and between them.
[Gear2018]_ Common sources act on the integral once, as a relative contribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.evaluate import bound_form, half_life, half_life_gradient
from theradose.kinetics.fit import check_curve, faster_clearance, fit_model
from theradose.kinetics.flags import INTEGRAL_UNSUPPORTED, SLOWER_THAN_DECAY, flag_findings
from theradose.kinetics.infusion import points_after_infusion
from theradose.kinetics.models import curve_gradient, curve_integral, curve_integral_gradient
from theradose.kinetics.select import Basis, support_weights, weigh_fits
from theradose.kinetics.settings import KineticsSettings, default_settings
from theradose.model.curve import CurveFit, TimeActivityCurve, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide
from theradose.uncertainty import Uncertain

_COMPARISON = "trapezoid"
# Each has one parameter more than the one before, the first has two.
_THYROID_MODELS = ("mono", "uptake", "thyroid")


def default_models(n_points: int) -> tuple[str, ...]:
    """Return the models tried for a curve of `n_points`; the trapezoid only stands in the table beside them."""
    if n_points <= 2:
        return ("mono", _COMPARISON)
    if n_points == 3:
        return ("mono", "uptake", _COMPARISON)
    return ("mono", "bi", "uptake", _COMPARISON)


def thyroid_models(n_points: int) -> tuple[str, ...]:
    """Return the models tried for the uptake of the thyroid, as far as `n_points` support their parameters."""
    return _THYROID_MODELS[: max(n_points - 1, 1)]


def integrate_curve(
    curve: TimeActivityCurve,
    *,
    nuclide: Nuclide,
    models: Sequence[str] | None = None,
    force_model: str | None = None,
    infusion_h: float = 0.0,
    settings: KineticsSettings | None = None,
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate a curve from 0 to infinity over the average of the models that its points support.

    Parameters
    ----------
    curve : TimeActivityCurve
        At least two points.
    nuclide : Nuclide
        Gives physical decay.
    models : sequence of str, optional
        Models to try; :func:`default_models` otherwise.
    force_model : str, optional
        The only model to use, for example because a user overrides the choice.
    infusion_h : float
        Length of a constant infusion that began at t = 0. Points during it are left out, and the area of every
        phase is that of the infused activity.
    settings : KineticsSettings, optional
        Bounds and levels; the packaged ones by default.

    Returns
    -------
    TimeIntegratedActivity
        Integral (MBq·h) and half-life of the last phase (h), each with its sources; every model tried with its
        weight.
    findings
        What limits the trust in the integral.

    Raises
    ------
    FitError
        ``one-time-point``, ``too-few-points`` if no model has few enough parameters, and the refusals of
        :func:`theradose.kinetics.fit.fit_model`.

    References
    ----------
    [BurnhamAnderson2002]_, [Gear2018]_
    """
    settings = settings or default_settings()
    check_curve(curve)
    curve, early = points_after_infusion(curve, infusion_h=infusion_h)
    n_points = len(curve.t_h)
    if force_model is not None:
        names: tuple[str, ...] = (force_model,)
    else:
        names = tuple(models) if models is not None else default_models(n_points)
    fits, refused = _fit_all(curve, names, nuclide=nuclide, infusion_h=infusion_h, settings=settings)
    weighted, basis = weigh_fits(fits, n_points=n_points, settings=settings)
    used = [fit for fit in weighted if fit.weight > 0]
    support = support_weights(used, basis=basis)
    value, half_life_h = _averages(curve, used, support)
    findings = [
        *early,
        *_curve_findings(curve),
        *_refusals(refused, curve),
        *_choice_findings(curve, used, basis, forced=force_model),
    ]
    for fit in used:
        if fit.weight >= settings.reported_weight:
            findings.extend(flag_findings(fit, curve, settings=settings))
    tia = TimeIntegratedActivity(
        region=curve.region,
        value=value,
        effective_half_life_h=half_life_h,
        extrapolated_fraction=_share(used, value, [fit.extrapolated_fraction for fit in used]),
        before_first_fraction=_share(used, value, [fit.before_first_fraction for fit in used]),
        chosen=used[0].model if len(used) == 1 else "average",
        fits=weighted,
        curve=curve,
        refused=refused,
    )
    return tia, tuple(findings)


def _fit_all(
    curve: TimeActivityCurve,
    names: Sequence[str],
    *,
    nuclide: Nuclide,
    infusion_h: float,
    settings: KineticsSettings,
) -> tuple[list[CurveFit], dict[str, str]]:
    """Fit every model that has few enough parameters; return why others were not, or raise it if none has."""
    fits: list[CurveFit] = []
    refused: dict[str, FitError] = {}
    for name in names:
        try:
            fits.append(
                fit_model(
                    curve,
                    name,
                    decay_constant_per_h=nuclide.decay_constant_per_h,
                    infusion_h=infusion_h,
                    settings=settings,
                )
            )
        except FitError as error:
            if error.code != "too-few-points":
                raise
            refused[name] = error
    if not fits:
        raise next(iter(refused.values()))
    return fits, {name: str(error) for name, error in refused.items()}


def _refusals(refused: Mapping[str, str], curve: TimeActivityCurve) -> list[Finding]:
    return [Finding("model-refused", "warning", sentence, curve.region) for sentence in refused.values()]


def _averages(
    curve: TimeActivityCurve, used: Sequence[CurveFit], support: Sequence[float]
) -> tuple[Uncertain, Uncertain]:
    """Return integral and half-life with their sources; what the two share is carried by equal names.

    The estimate and the part ``fit`` of its uncertainty are weighted by the fits' weights. ``model`` is what is
    missing to the second moment over all models, weighted by how far the points support each.
    """
    moments = [_pair_moments(fit) for fit in used]
    pairs, covariances = (np.array(parts) for parts in zip(*moments, strict=True))
    weights = np.array([fit.weight for fit in used])
    mean = weights @ pairs
    within = np.tensordot(weights, covariances, axes=1)
    supported = np.array(support)
    between = (supported[:, None] * (pairs - mean)).T @ (pairs - mean)
    between += np.tensordot(supported, covariances, axes=1) - within
    integral, last = Uncertain(mean[0]), Uncertain(mean[1])
    counted = weights @ [_counting_share(fit, curve) for fit in used]
    for source, covariance in (("fit", (1 - counted) * within), ("counting", counted * within), ("model", between)):
        u_integral = math.sqrt(max(covariance[0, 0], 0.0))
        shared = covariance[0, 1] / u_integral if u_integral > 0 else 0.0
        own = math.sqrt(max(covariance[1, 1] - shared**2, 0.0))
        integral = integral.with_contribution(f"{source}:{curve.region}", u_integral)
        last = last.with_contribution(f"{source}:{curve.region}", shared)
        last = last.with_contribution(f"{source}-half-life:{curve.region}", own)
    for source, relative in curve.common.items():
        stated = None if relative is None else relative * mean[0]
        integral = integral.with_contribution(source, stated)
    if any(INTEGRAL_UNSUPPORTED in fit.flags for fit in used):
        integral = integral.with_contribution(f"before-first-point:{curve.region}", None)
    return integral, last


def _pair_moments(fit: CurveFit) -> tuple[np.ndarray, np.ndarray]:
    """Return integral and half-life of one fit and their covariance, shapes (2,) and (2, 2).

    A rate that physical decay holds is somewhere between the bound and faster clearance: with s the root of the rise
    of chi-squared, likely values are half-normal, s ≥ 0, with the mean √(2/π) and the variance 1 − 2/π. The fit is the
    end of that range and its covariance the second moment about the end; here is the middle, with the spread about it.
    The fit stays as it is for a single phase, which then is retention without clearance (microspheres, many lesions)
    and not the poorly known tail of another phase; where the points contradict it because they fall even slower than
    physical decay; and where they allow that there is no activity at all.
    """
    form, parameters = bound_form(fit)
    gradient = np.stack([curve_integral_gradient(form, parameters), half_life_gradient(fit)])
    pair = np.array([fit.tia_mbq_h, fit.effective_half_life_h])
    contradicted = {SLOWER_THAN_DECAY, "poor-fit"} <= set(fit.flags)
    single = len(parameters) - form.n_linear == 1
    if not len(fit.faster) or single or contradicted or not curve_integral(form, fit.faster) > 0:
        return pair, gradient @ fit.covariance @ gradient.T
    end = faster_clearance(form, parameters, fit.faster)
    covariance = gradient @ (fit.covariance - np.outer(end, end)) @ gradient.T
    distance = np.array([curve_integral(form, fit.faster), half_life(form, fit.faster)]) - pair
    return pair + math.sqrt(2 / math.pi) * distance, covariance + (1 - 2 / math.pi) * np.outer(distance, distance)


def _counting_share(fit: CurveFit, curve: TimeActivityCurve) -> float:
    """Return the share of counting statistics in the variance of the integral that the points cause.

    The integral answers to the points as gᵀ V Jᵀ W says, with J the derivative of the curve by the parameters.
    """
    if curve.counting_share is None:
        return 0.0
    form, parameters = bound_form(fit)
    by_parameter = curve_gradient(form, parameters, curve.t_h)
    response = curve_integral_gradient(form, parameters) @ fit.covariance @ by_parameter.T / curve.u_independent_mbq**2
    variance = (response * curve.u_independent_mbq) ** 2
    return float(variance @ curve.counting_share / variance.sum()) if variance.any() else 0.0


def _share(used: Sequence[CurveFit], value: Uncertain, fractions: Sequence[float]) -> float:
    parts = (fit.weight * fit.tia_mbq_h * fraction for fit, fraction in zip(used, fractions, strict=True))
    return math.fsum(parts) / value.value


def _curve_findings(curve: TimeActivityCurve) -> list[Finding]:
    low = curve.t_h[curve.activity_mbq <= 0]
    if not len(low):
        return []
    times = ", ".join(f"{t:.4g} h" for t in low)
    return [
        Finding(
            "non-positive-activity",
            "warning",
            f"The activity at {times} is zero or negative and entered the fit as measured: check the region and "
            "the background.",
            curve.region,
        )
    ]


def _choice_findings(
    curve: TimeActivityCurve, used: Sequence[CurveFit], basis: Basis, *, forced: str | None
) -> list[Finding]:
    """Say how the model was chosen where it was not by AICc."""
    name, n_points = used[0].model, len(curve.t_h)
    if forced is not None:
        message = f"The model '{name}' was prescribed; no other was weighed against it."
        return [Finding("model-prescribed", "info", message, curve.region)]
    if basis == "simplest":
        message = (
            f"With {n_points} points no model can be weighed against another, so the simplest, '{name}', was taken: "
            "uptake before the first point or a slower phase after the last one would not be seen, and the "
            "uncertainty does not cover them."
        )
        return [Finding("model-not-compared", "warning", message, curve.region)]
    if basis == "only-unrejected":
        message = (
            f"The points reject every simpler model (chi-squared far beyond chance), so '{name}' was taken although "
            f"{n_points} points are too few to weigh it by AICc; the uncertainty does not cover another shape."
        )
        return [Finding("model-outside-average", "warning", message, curve.region)]
    return []
