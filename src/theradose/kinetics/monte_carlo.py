"""Uncertainty of an integral by drawing the points again: a check on the propagation of covariances.

References
----------
[JCGM101]_ Propagation of distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import FitError
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.settings import KineticsSettings
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import Nuclide


@dataclass(frozen=True, slots=True)
class IntegralDistribution:
    """Distribution of a time-integrated activity.

    Attributes
    ----------
    mean_mbq_h, u_mbq_h : float
        Mean and standard deviation.
    interval_mbq_h : tuple of float
        From the 2.5th to the 97.5th percentile.
    draws, failed : int
        Draws asked for, and those that no model could integrate; these are not in the distribution.
    """

    mean_mbq_h: float
    u_mbq_h: float
    interval_mbq_h: tuple[float, float]
    draws: int
    failed: int


def integrate_draws(
    curve: TimeActivityCurve,
    *,
    nuclide: Nuclide,
    draws: int = 400,
    seed: int,
    models: Sequence[str] | None = None,
    force_model: str | None = None,
    infusion_h: float = 0.0,
    settings: KineticsSettings | None = None,
) -> IntegralDistribution:
    """Integrate the curve with its points drawn again, from the choice of the model on.

    Every draw adds normal noise of the stated independent uncertainty to each point, and multiplies all of them by
    one factor from the common sources whose size is stated. The spread of the choice of model, which the analytic
    uncertainty carries as a source of its own, is in the spread of the draws only as far as the noise changes it.

    Parameters
    ----------
    curve, nuclide, models, force_model, infusion_h, settings
        As for :func:`theradose.kinetics.integrate.integrate_curve`.
    draws : int
        At least two.
    seed : int
        Seed of the generator; the same seed gives the same numbers.

    Raises
    ------
    FitError
        ``draws-failed`` if fewer than two draws could be integrated; the refusals of ``integrate_curve`` for the
        curve itself.

    References
    ----------
    [JCGM101]_, clause 7.
    """
    # What is wrong with the curve itself is refused, not counted.
    integrate_curve(
        curve, nuclide=nuclide, models=models, force_model=force_model, infusion_h=infusion_h, settings=settings
    )
    generator = np.random.default_rng(seed)
    stated = [relative for relative in curve.common.values() if relative is not None]
    noise = generator.standard_normal((draws, len(curve.t_h)))
    factors = 1.0 + generator.standard_normal((draws, len(stated))) @ np.array(stated)
    values = []
    for factor, deviation in zip(factors, noise, strict=True):
        drawn = TimeActivityCurve(
            curve.region,
            curve.t_h,
            factor * (curve.activity_mbq + curve.u_independent_mbq * deviation),
            curve.u_independent_mbq,
            {},
            curve.source,
        )
        try:
            tia, _ = integrate_curve(
                drawn, nuclide=nuclide, models=models, force_model=force_model, infusion_h=infusion_h, settings=settings
            )
        except FitError:
            continue
        values.append(tia.value.value)
    if len(values) < 2:
        raise FitError(
            f"Only {len(values)} of {draws} draws of the curve of '{curve.region}' could be integrated: its points are "
            "too uncertain for a distribution.",
            code="draws-failed",
        )
    low, high = np.percentile(values, [2.5, 97.5])
    return IntegralDistribution(
        float(np.mean(values)), float(np.std(values, ddof=1)), (float(low), float(high)), draws, draws - len(values)
    )
