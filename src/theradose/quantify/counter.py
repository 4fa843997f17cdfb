"""A sample in a counter: from counts to the concentration in the specimen when it was drawn.

References
----------
[JCGM100]_ Propagation of counting statistics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.formats.decay import frame_start_factor
from theradose.model.samples import CounterCalibration
from theradose.quantify.dead_time import true_count_rate, true_rate_gradient

_ML_PER_L = 1e3
_S_PER_H = 3600.0


@dataclass(frozen=True, slots=True)
class CountedSample:
    """A sample after counting.

    Attributes
    ----------
    concentration_mbq_l : float
        Activity concentration of the specimen when it was drawn.
    u_counting_mbq_l : float
        Its standard uncertainty from counting sample and background.
    activity_mbq : float
        Activity in the tube at the start of counting.
    lost_fraction : float
        Share of the pulses that dead time lost.
    """

    concentration_mbq_l: float
    u_counting_mbq_l: float
    activity_mbq: float
    lost_fraction: float


def count_sample(
    *,
    counts: float,
    counting_s: float,
    background_cps: float,
    calibration: CounterCalibration,
    amount_ml: float,
    dilution: float,
    delay_h: float,
    decay_constant_per_h: float,
) -> CountedSample:
    """Return the concentration of a specimen when it was drawn, from the counts of an aliquot.

    C = (n_gross − n_background) / (ε V) · dilution · λΔ/(1 − e^(−λΔ)) · e^(+λ(t_counted − t_drawn)), where n is
    corrected for dead time and Δ is the counting time. The sign of the last exponent is that of the definition: the
    activity was higher when the sample was drawn.

    Parameters
    ----------
    counts : float
        Gross counts.
    counting_s : float
        Counting time.
    background_cps : float
        Count rate of an empty tube, counted for as long as the sample.
    calibration : CounterCalibration
        Efficiency and dead time.
    amount_ml : float
        Volume of the aliquot.
    dilution : float
        Volume after over volume before dilution.
    delay_h : float
        Hours from drawing to the start of counting.
    decay_constant_per_h : float
        λ.

    Raises
    ------
    CalibrationError
        If no true count rate gives the observed one with the stated dead time.

    References
    ----------
    [JCGM100]_, [Vallot2024]_ (which prints the exponent with the other sign)
    """
    gross = counts / counting_s
    true, stretch = gross, 1.0
    if calibration.dead_time_us is not None:
        tau_us, model = calibration.dead_time_us, calibration.dead_time_model
        true = true_count_rate(observed_cps=gross, dead_time_us=tau_us, model=model)
        stretch = true_rate_gradient(observed_cps=gross, true_cps=true, dead_time_us=tau_us, model=model)
    net = true - background_cps
    u_net = math.hypot(stretch * math.sqrt(counts) / counting_s, math.sqrt(background_cps / counting_s))
    since_drawn = float(
        frame_start_factor(decay_constant_per_h=decay_constant_per_h, duration_h=counting_s / _S_PER_H, delay_h=delay_h)
    )
    activity_per_cps = since_drawn / calibration.efficiency_cps_per_mbq
    per_litre = dilution * _ML_PER_L / amount_ml
    return CountedSample(
        concentration_mbq_l=net * activity_per_cps * per_litre,
        u_counting_mbq_l=u_net * activity_per_cps * per_litre,
        activity_mbq=net / calibration.efficiency_cps_per_mbq,
        lost_fraction=1 - gross / true if true > 0 else 0.0,
    )
