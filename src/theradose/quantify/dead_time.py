"""Dead time of a detector: from the observed to the true count rate, and back.

References
----------
[Uribe2017]_ for the paralysable model of 177Lu.
[Adams1974]_ Both models, and the dead time from two sources.
"""

from __future__ import annotations

import math

from theradose.errors import CalibrationError
from theradose.model.calibration import DeadTimeModel


def true_count_rate(*, observed_cps: float, dead_time_us: float, model: DeadTimeModel = "paralysable") -> float:
    """Return the count rate that a detector without dead time would have shown, in cps.

    Paralysable: the solution n of m = n exp(−nτ) with n < 1/τ. Non-paralysable: n = m/(1 − mτ).

    Parameters
    ----------
    observed_cps : float
        Observed rate m.
    dead_time_us : float
        Dead time τ.
    model : {"paralysable", "non-paralysable"}
        Gamma cameras are modelled as paralysable for 177Lu.

    Raises
    ------
    CalibrationError
        If no true rate gives the observed one: m > 1/(eτ) (paralysable) or m ≥ 1/τ (non-paralysable), or if
        the rate or the dead time is negative or not finite.

    References
    ----------
    [Uribe2017]_ for the paralysable model of 177Lu.
    """
    if not (0 <= observed_cps < math.inf and 0 <= dead_time_us < math.inf):
        raise CalibrationError(
            f"A count rate of {observed_cps:g} cps with a dead time of {dead_time_us:g} us cannot be "
            "corrected: both must be finite and not negative.",
            code="dead-time-invalid",
        )
    lost = observed_cps * dead_time_us * 1e-6
    if lost == 0.0:
        return observed_cps
    limit = 1 / math.e if model == "paralysable" else 1.0
    if lost > limit or (model == "non-paralysable" and lost == limit):
        raise CalibrationError(
            f"An observed count rate of {observed_cps:.6g} cps is impossible with a {model} dead time of "
            f"{dead_time_us:g} us, which allows at most {limit / dead_time_us * 1e6:.6g} cps: check the dead "
            "time and the counts, or image later.",
            code="dead-time-limit",
        )
    if model == "non-paralysable":
        return observed_cps / (1 - lost)
    from scipy.special import lambertw

    return float(-lambertw(-lost).real) / (dead_time_us * 1e-6)


def observed_count_rate(*, true_cps: float, dead_time_us: float, model: DeadTimeModel = "paralysable") -> float:
    """Return the count rate that a detector shows, in cps: n exp(−nτ), or n/(1 + nτ).

    References
    ----------
    [Adams1974]_
    """
    return true_cps * live_share(true_cps=true_cps, dead_time_us=dead_time_us, model=model)


def live_share(*, true_cps: float, dead_time_us: float, model: DeadTimeModel = "paralysable") -> float:
    """Return the part of the counts that a detector shows: exp(−nτ), or 1/(1 + nτ).

    References
    ----------
    [Adams1974]_
    """
    busy = true_cps * dead_time_us * 1e-6
    return math.exp(-busy) if model == "paralysable" else 1 / (1 + busy)


def true_rate_gradient(*, observed_cps: float, true_cps: float, dead_time_us: float, model: DeadTimeModel) -> float:
    """Return the derivative of the true by the observed count rate: how an error of the counts grows.

    References
    ----------
    [Adams1974]_
    """
    busy = true_cps * dead_time_us * 1e-6
    if busy == 0:
        return 1.0
    return true_cps / observed_cps / (1 - busy) if model == "paralysable" else (1 + busy) ** 2
