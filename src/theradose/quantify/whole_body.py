"""Whole-body activity by a probe that the patient's own activity calibrates.

References
----------
[Hindorf2010]_ Whole-body measurements with a single probe.
[Gear2023]_ Self-calibration before the first void.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import StudyError
from theradose.formats.decay import decay_factor
from theradose.formats.tables_samples import refuse_cell
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.samples import ProbeCurve, ProbeReading
from theradose.nuclides import Nuclide
from theradose.quantify.sample_times import StatedTime, elapsed_times
from theradose.uncertainty import ADMINISTERED_ACTIVITY

WHOLE_BODY = "whole-body"


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What holds for all readings.

    Attributes
    ----------
    administered_mbq : float
        Activity given, at the start of the administration.
    start : datetime or None
        Start of the administration; needed for clock times.
    timezone : str or None
        IANA zone of times without offset.
    repeatability_u : float or None
        Relative standard uncertainty of one reading besides counting (position); ``None`` takes the packaged one.
    administered_u : float or None
        Relative standard uncertainty of the administered activity; ``None`` is not stated.
    infusion_h : float
        Length of the infusion, during which not all of the activity is in the body.
    """

    administered_mbq: float
    start: datetime | None = None
    timezone: str | None = None
    repeatability_u: float | None = None
    administered_u: float | None = None
    infusion_h: float = 0.0


def net_rate(
    *,
    anterior_cps: float,
    posterior_cps: float | None,
    background_cps: float,
    counting_s: float | None,
    distance_ratio: float = 1.0,
) -> tuple[float, float]:
    """Return the net count rate of a reading, cps, and its relative standard uncertainty from counting.

    The geometric mean √((A − b)(P − b)) of two views hardly depends on the depth of the activity; it is brought to
    the distance of the calibration by the inverse square law.

    Parameters
    ----------
    anterior_cps, posterior_cps : float
        Gross count rates; ``None`` for a single view.
    background_cps : float
        Count rate without the patient, measured for as long.
    counting_s : float or None
        Counting time of each view; ``None`` leaves counting out of the uncertainty.
    distance_ratio : float
        Distance of this reading over that of the calibration.

    Raises
    ------
    StudyError
        If a view does not exceed the background.

    References
    ----------
    [Hindorf2010]_
    """
    gross = [anterior_cps] if posterior_cps is None else [anterior_cps, posterior_cps]
    net = [rate - background_cps for rate in gross]
    if min(net) <= 0:
        raise StudyError(
            f"{min(gross):g} cps do not exceed the background of {background_cps:g} cps: leave the reading out, or "
            "correct the background.",
            code="probe-below-background",
        )
    mean = math.prod(net) ** (1 / len(net)) * distance_ratio**2
    if counting_s is None:
        return mean, 0.0
    # The background is one measurement that both views share.
    from_views = math.fsum(rate / counting_s / own**2 for rate, own in zip(gross, net, strict=True))
    from_background = background_cps / counting_s * math.fsum(1 / own for own in net) ** 2
    return mean, math.sqrt(from_views + from_background) / len(net)


def probe_curve(
    readings: Sequence[ProbeReading], *, nuclide: Nuclide, options: ProbeOptions
) -> tuple[ProbeCurve, tuple[Finding, ...]]:
    """Return the activity in the whole body.

    All of the administered activity A0 is in the body until the first void, so that a reading then calibrates the
    others: A(t) = A0 e^(−λ t_c) R(t)/R(t_c). The mean over all readings before the first void is used.

    Parameters
    ----------
    readings : sequence of ProbeReading
        At least one before the first void.
    nuclide : Nuclide
        Gives physical decay.
    options : ProbeOptions
        Administered activity, zero of time, uncertainties.

    Raises
    ------
    StudyError
        With line and column for the first reading that cannot be used.

    References
    ----------
    [Hindorf2010]_, [Gear2023]_
    """
    rows = [StatedTime(item.origin, item.t_h, item.measured_at, "measured_at") for item in readings]
    times, findings = elapsed_times(rows, start=options.start, timezone=options.timezone)
    _check_infusion(readings, times, options.infusion_h)
    rates, u_counting = np.array([_rate(reading, readings[0]) for reading in readings]).T
    decay = np.array([decay_factor(decay_constant_per_h=nuclide.decay_constant_per_h, elapsed_h=t_h) for t_h in times])
    before = np.array([reading.before_void for reading in readings])
    assumed = load_number("samples.yaml", "assumed_relative_u")
    repeatability = assumed if options.repeatability_u is None else options.repeatability_u
    u_reading = np.hypot(u_counting, repeatability)
    per_activity = rates[before] / (options.administered_mbq * decay[before])
    factor = float(np.mean(per_activity))
    u_factor = float(np.sqrt(np.sum((u_reading[before] * per_activity) ** 2))) / before.sum() / factor
    activity = rates / factor
    fraction = activity / options.administered_mbq
    retained = fraction / decay
    curve = TimeActivityCurve(
        WHOLE_BODY,
        np.array(times),
        activity,
        u_reading * activity,
        {"probe:self-calibration": u_factor, ADMINISTERED_ACTIVITY: options.administered_u},
        "probe",
    )
    noticed = [*findings, *_findings(readings, times, retained - 1, u_reading, options, assumed)]
    return ProbeCurve(curve, fraction, 1 - retained), tuple(noticed)


def _check_infusion(readings: Sequence[ProbeReading], times: Sequence[float], infusion_h: float) -> None:
    """Refuse a calibrating reading during the infusion."""
    for reading, t_h in zip(readings, times, strict=True):
        if reading.before_void and t_h < infusion_h:
            raise refuse_cell(
                reading.origin,
                "before_void",
                f"the reading at {t_h:.3g} h lies within the infusion of {infusion_h:.3g} h, when not all of the "
                "activity is in the body: mark only readings after its end.",
                "probe-during-infusion",
            )


def _rate(reading: ProbeReading, first: ProbeReading) -> tuple[float, float]:
    ratio = 1.0
    if reading.distance_cm is not None and first.distance_cm is not None:
        ratio = reading.distance_cm / first.distance_cm
    try:
        return net_rate(
            anterior_cps=reading.anterior_cps,
            posterior_cps=reading.posterior_cps,
            background_cps=reading.background_cps,
            counting_s=reading.counting_s,
            distance_ratio=ratio,
        )
    except StudyError as error:
        raise refuse_cell(reading.origin, "anterior_cps", str(error), error.code) from None


def _findings(
    readings: Sequence[ProbeReading],
    times: Sequence[float],
    gained: np.ndarray,
    u_reading: np.ndarray,
    options: ProbeOptions,
    assumed: float,
) -> list[Finding]:
    findings = []
    multiple = load_yaml("samples.yaml")["contradiction_multiple"]["value"]
    risen = [t_h for t_h, gain, u in zip(times, gained, u_reading, strict=True) if gain > multiple * u]
    if risen:
        findings.append(
            Finding(
                "probe-above-administered",
                "warning",
                f"The reading at {risen[0]:.4g} h shows more activity than was given: check distance, background and "
                "which readings were taken before the first void.",
                WHOLE_BODY,
            )
        )
    if readings[0].posterior_cps is None:
        findings.append(
            Finding(
                "probe-single-view",
                "warning",
                "The probe saw the patient from one side only, so that its readings change as the activity moves in "
                "depth: measure from the front and from the back.",
                WHOLE_BODY,
            )
        )
    if options.repeatability_u is None:
        findings.append(
            Finding(
                "measurement-u-assumed",
                "info",
                f"The repeatability of one probe reading is not stated and assumed to be {assumed:.0%}.",
                WHOLE_BODY,
            )
        )
    return findings
