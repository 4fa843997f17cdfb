"""The samples of a treatment: concentration in the specimen over time.

References
----------
[Gear2023]_ Which instrument can count samples, and counting later when there is too much activity.
[JCGM100]_ What is independent between samples, and what is common to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.formats.tables_samples import refuse_cell
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity, sudden_fall
from theradose.model.finding import Finding
from theradose.model.samples import (
    BloodSample,
    BloodSeries,
    CellOrigin,
    CounterCalibration,
    Instrument,
    SampleCurve,
    Specimen,
    StatedConcentration,
    TubeCount,
)
from theradose.nuclides import Nuclide
from theradose.quantify.counter import CountedSample, count_sample
from theradose.quantify.sample_times import StatedTime, elapsed_times
from theradose.quantify.times import hours_since

_ML_PER_L = 1e3
_UNSTATED_COUNTER = "counter:samples"


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What holds for all samples of a table.

    Attributes
    ----------
    start : datetime or None
        Start of the administration.
    timezone : str or None
        IANA zone of times without offset.
    calibration : CounterCalibration or None
        Needed for counts.
    instrument : {"gamma-counter", "activity-meter"}
        What measured the samples.
    repeatability_u : float or None
        Relative standard uncertainty of one sample besides counting; ``None`` takes the packaged assumption.
    """

    start: datetime | None = None
    timezone: str | None = None
    calibration: CounterCalibration | None = None
    instrument: Instrument = "gamma-counter"
    repeatability_u: float | None = None


def early_area_findings(tia: TimeIntegratedActivity) -> tuple[Finding, ...]:
    """Return a finding if much of the integral lies before the first sample."""
    level = load_yaml("samples.yaml")["early_area_level"]["value"]
    if tia.before_first_fraction <= level:
        return ()
    return (
        Finding(
            "area-before-first-sample",
            "warning",
            f"{tia.before_first_fraction:.0%} of the integral lies before the first sample at {tia.curve.t_h[0]:.3g} h "
            "and rests on extrapolation: draw an earlier sample.",
            tia.region,
        ),
    )


def excess_findings(curve: TimeActivityCurve, administered_mbq: float | None) -> tuple[Finding, ...]:
    """Return a finding if blood would hold more than was administered; `curve` is of one litre (MBq)."""
    litres = load_yaml("samples.yaml")["smallest_blood_volume"]["value"]
    highest = float(curve.activity_mbq.max())
    if administered_mbq is None or highest * litres <= administered_mbq:
        return ()
    return (
        Finding(
            "sample-above-administered",
            "critical",
            f"{litres:g} L of the specimen at its highest, {highest:.4g} MBq/L, would hold more than the "
            f"{administered_mbq:.4g} MBq that were administered: check the units of the samples and of the activity.",
            curve.region,
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Concentrations of the specimen, one per sample, and what is known about them."""

    concentration_mbq_l: Array
    u_mbq_l: Array
    assumes_repeatability: bool
    counter: str
    counter_u: float | None
    tube_activity_mbq: tuple[float | None, ...]
    findings: tuple[Finding, ...]


def sample_curve(
    series: BloodSeries, *, nuclide: Nuclide, options: SampleOptions
) -> tuple[SampleCurve, tuple[Finding, ...]]:
    """Return the concentration of a treatment's specimen over time with its uncertainties.

    Counting, and the repeatability of drawing and pipetting, are independent between samples; the efficiency of the
    counter is common to all. The curve holds the activity in one litre of the specimen.

    Raises
    ------
    StudyError, CalibrationError
        One sentence with line and column for the first row that cannot be used.

    References
    ----------
    [Gear2023]_, [JCGM100]_
    """
    samples = series.samples
    rows = [StatedTime(sample.origin, sample.t_h, sample.drawn_at, "drawn_at") for sample in samples]
    times, timing = elapsed_times(rows, start=options.start, timezone=options.timezone)
    specimen, assumed = _specimen(samples[0])
    assumed_u = load_yaml("samples.yaml")["assumed_relative_u"]["value"]
    repeatability = assumed_u if options.repeatability_u is None else options.repeatability_u
    counted = [(sample, sample.measurement) for sample in samples if isinstance(sample.measurement, TubeCount)]
    stated = [sample.measurement for sample in samples if isinstance(sample.measurement, StatedConcentration)]
    if stated:
        column, measured = "concentration_mbq_l", _stated(stated, repeatability)
    else:
        column, measured = "counts", _counted(counted, times, specimen, nuclide, options, repeatability)
    check_neighbours([sample.origin for sample in samples], times, measured.concentration_mbq_l, column)
    haematocrits = [sample.haematocrit for sample in samples if sample.haematocrit is not None]
    common = {measured.counter: measured.counter_u}
    curve = SampleCurve(
        series=series,
        specimen=specimen,
        haematocrit=math.fsum(haematocrits) / len(haematocrits) if haematocrits else None,
        curve=TimeActivityCurve(
            "blood", np.array(times), measured.concentration_mbq_l, measured.u_mbq_l, common, "samples"
        ),
    )
    findings = (*timing, *assumed, *measured.findings, *_unstated(measured, options), *_meter(measured, options))
    return curve, tuple(replace(finding, where=series.label) for finding in dict.fromkeys(findings))


def _stated(measurements: Sequence[StatedConcentration], repeatability: float) -> _Measured:
    findings: tuple[Finding, ...] = ()
    if any(item.counted_at is not None for item in measurements):
        findings = (
            Finding(
                "counted-at-unused",
                "info",
                "Concentrations are taken as those at the time of drawing; 'counted_at' was not used to correct decay.",
            ),
        )
    return _Measured(
        concentration_mbq_l=np.array([item.concentration_mbq_l for item in measurements]),
        u_mbq_l=np.array(
            [
                repeatability * item.concentration_mbq_l if item.u_mbq_l is None else item.u_mbq_l
                for item in measurements
            ]
        ),
        assumes_repeatability=any(item.u_mbq_l is None for item in measurements),
        counter=_UNSTATED_COUNTER,
        counter_u=None,
        tube_activity_mbq=tuple(
            None if item.sample_ml is None else item.concentration_mbq_l * item.sample_ml / _ML_PER_L
            for item in measurements
        ),
        findings=findings,
    )


def _counted(
    samples: Sequence[tuple[BloodSample, TubeCount]],
    times: Sequence[float],
    specimen: Specimen,
    nuclide: Nuclide,
    options: SampleOptions,
    repeatability: float,
) -> _Measured:
    calibration = options.calibration
    if calibration is None:
        raise refuse_cell(
            samples[0][0].origin,
            "counts",
            "counts need the efficiency of the counter in cps/MBq for this nuclide and tube: state it, or give "
            "'concentration_mbq_l'.",
            "counter-calibration-missing",
        )
    results: list[CountedSample] = []
    findings: list[Finding] = []
    for (sample, tube), t_h in zip(samples, times, strict=True):
        delay_h, found = _delay(sample, tube, t_h, options)
        findings.extend(found)
        results.append(_count(sample, tube, specimen, calibration, delay_h, nuclide))
    concentration = np.array([result.concentration_mbq_l for result in results])
    origins = [sample.origin.line for sample, _ in samples]
    return _Measured(
        concentration_mbq_l=concentration,
        u_mbq_l=np.hypot([result.u_counting_mbq_l for result in results], repeatability * concentration),
        assumes_repeatability=True,
        counter=f"counter:{calibration.name}",
        counter_u=calibration.relative_u,
        tube_activity_mbq=tuple(result.activity_mbq for result in results),
        findings=(*findings, *_counter_findings(origins, results, calibration, nuclide)),
    )


def _count(
    sample: BloodSample,
    tube: TubeCount,
    specimen: Specimen,
    calibration: CounterCalibration,
    delay_h: float,
    nuclide: Nuclide,
) -> CountedSample:
    try:
        result = count_sample(
            counts=tube.counts,
            counting_s=tube.counting_s,
            background_cps=tube.background_cps,
            calibration=calibration,
            amount_ml=_amount_ml(tube, specimen),
            dilution=tube.dilution,
            delay_h=delay_h,
            decay_constant_per_h=nuclide.decay_constant_per_h,
        )
    except CalibrationError as error:
        raise refuse_cell(sample.origin, "counts", str(error), error.code) from None
    if result.concentration_mbq_l <= 0:
        raise refuse_cell(
            sample.origin,
            "counts",
            f"{tube.counts / tube.counting_s:.4g} cps do not exceed the background of {tube.background_cps:.4g} cps: "
            "remove the row, or correct the background.",
            "sample-below-background",
        )
    return result


def _delay(
    sample: BloodSample, tube: TubeCount, t_h: float, options: SampleOptions
) -> tuple[float, tuple[Finding, ...]]:
    """Return the hours from drawing to counting."""
    if sample.drawn_at is not None:
        delay, findings = hours_since(sample.drawn_at, tube.counted_at, timezone=options.timezone)
    elif options.start is not None:
        since_start, findings = hours_since(options.start, tube.counted_at, timezone=options.timezone)
        delay = since_start - t_h
    else:
        raise refuse_cell(
            sample.origin,
            "drawn_at",
            "counts need the clock time of drawing to correct decay until counting: fill 'drawn_at', or state the "
            "start of the administration.",
            "administration-start-missing",
        )
    if delay < 0:
        raise refuse_cell(
            sample.origin,
            "counted_at",
            f"the sample was counted {-delay:.4g} h before it was drawn: correct one of the times.",
            "sample-counted-before-drawn",
        )
    return delay, findings


def _amount_ml(tube: TubeCount, specimen: Specimen) -> float:
    if tube.amount_unit == "mL":
        return tube.amount
    name = "blood_density" if specimen == "blood" else "plasma_density"
    return tube.amount / load_number("samples.yaml", name)


def _specimen(sample: BloodSample) -> tuple[Specimen, tuple[Finding, ...]]:
    if sample.specimen is not None:
        return sample.specimen, ()
    finding = Finding(
        "specimen-assumed",
        "warning",
        "The specimen is not stated and was taken as whole blood: if it is plasma or serum, the concentration in blood "
        "and the dose are too high by 1/(1 - haematocrit), 1.72 at 0.42; fill the column 'specimen'.",
    )
    return "blood", (finding,)


def check_neighbours(origins: Sequence[CellOrigin], t_h: Sequence[float], concentration: Array, column: str) -> None:
    """Refuse a value so far off the ones beside it that it is in another unit.

    A first value in a larger unit looks like a fast phase and is not seen.

    Raises
    ------
    StudyError
        ``mixed-units``.
    """
    limit = load_yaml("samples.yaml")["impossible_step"]["value"]
    steps = concentration[1:] / concentration[:-1]
    dips = np.concatenate([(steps[:-1] < 1 / limit) & (steps[1:] > limit), [False]])
    wrong = np.flatnonzero((steps > limit) | dips).tolist()
    fallen = sudden_fall(t_h, concentration.tolist(), limit=limit)
    if fallen is not None:
        wrong.append(fallen - 1)
    if wrong:
        first = min(wrong)
        raise refuse_cell(
            origins[first + 1],
            column,
            f"the value is {steps[first]:.3g} times the one before it, which clearance cannot explain: check whether "
            "all rows are in one unit.",
            "mixed-units",
        )


def _counter_findings(
    lines: Sequence[int], results: Sequence[CountedSample], calibration: CounterCalibration, nuclide: Nuclide
) -> list[Finding]:
    levels = load_yaml("samples.yaml")
    findings = []
    busiest = max(range(len(results)), key=lambda i: results[i].lost_fraction)
    lost = results[busiest].lost_fraction
    if lost > levels["reported_dead_time_loss"]["value"]:
        advised = levels["advised_dead_time_loss"]["value"]
        # At small losses the lost share is proportional to the true rate.
        wait_h = math.log(lost / (1 - lost) / advised) / nuclide.decay_constant_per_h
        findings.append(
            Finding(
                "counter-dead-time",
                "warning",
                f"Dead time lost {lost:.0%} of the counts of the sample in line {lines[busiest]}: count it again "
                f"about {wait_h:.0f} h later, or dilute it, to lose less than {advised:.0%}.",
            )
        )
    if calibration.dead_time_us is None:
        findings.append(
            Finding(
                "dead-time-not-applied",
                "info",
                f"The dead time of the counter '{calibration.name}' is not stated and was not corrected.",
            )
        )
    multiple = levels["background_multiple"]["value"]
    findings += [
        Finding(
            "sample-near-background",
            "warning",
            f"The net count rate in line {line} is below {multiple:g} standard uncertainties: count longer.",
        )
        for line, result in zip(lines, results, strict=True)
        if result.concentration_mbq_l < multiple * result.u_counting_mbq_l
    ]
    return findings


def _unstated(measured: _Measured, options: SampleOptions) -> list[Finding]:
    findings = []
    if options.repeatability_u is None and measured.assumes_repeatability:
        assumed = load_yaml("samples.yaml")["assumed_relative_u"]["value"]
        findings.append(
            Finding(
                "measurement-u-assumed",
                "info",
                f"The repeatability of one sample (drawing, pipetting) is not stated and assumed to be {assumed:.0%}.",
            )
        )
    if measured.counter_u is None:
        findings.append(
            Finding(
                "calibration-u-not-stated",
                "info",
                "The uncertainty of the counter's calibration is not stated and missing from every result.",
            )
        )
    return findings


def _meter(measured: _Measured, options: SampleOptions) -> list[Finding]:
    """Return the advice against weak samples in an activity meter."""
    if options.instrument != "activity-meter":
        return []
    lowest = load_yaml("samples.yaml")["activity_meter_lowest_activity"]["value"]
    known = [activity for activity in measured.tube_activity_mbq if activity is not None]
    complete = len(known) == len(measured.tube_activity_mbq)
    if complete and min(known) >= lowest:
        return []
    weakest = f"down to {min(known):.3g} MBq" if complete else "of unknown activity"
    return [
        Finding(
            "activity-meter-too-weak",
            "warning",
            f"The samples, {weakest}, were measured in an activity meter, which is accurate down to a few MBq only: "
            "count them in a gamma counter.",
        )
    ]
