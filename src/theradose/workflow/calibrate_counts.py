"""Dead time, gamma counters and probes: calibrations from tables of counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from theradose.data import load_yaml
from theradose.formats.decay import decay_factor
from theradose.formats.tables_calibration import read_known_sources, read_rates
from theradose.formats.tables_samples import refuse_cell
from theradose.model.calibration import DeadTime, DeadTimeModel, Factor, SourceGeometry
from theradose.model.counted_source import KnownSource
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide, canonical_nuclide, load_nuclide
from theradose.quantify.dead_time_fit import DeadTimeFit, fit_decaying_source, fit_known_ratios, solve_two_sources
from theradose.quantify.source_factor import KnownDeadTime, mean_factor, source_factor
from theradose.quantify.times import hours_since
from theradose.workflow.calibration_record import (
    Calibrated,
    RecordTarget,
    dated,
    open_record,
    refuse_options,
    store_sections,
)
from theradose.workflow.camera_factor import (
    activity_findings,
    dead_time_fields,
    known_dead_time,
    measured_factor,
    with_set_findings,
)

_S_PER_H = 3600.0
# Of counters and probes, as where a table of samples is counted without a record.
_COUNTER_MODEL: DeadTimeModel = "non-paralysable"


@dataclass(frozen=True, slots=True)
class StandardOptions:
    """How a counter or a probe is calibrated.

    Attributes
    ----------
    activity_mbq, activity_at, relative_u_activity : float, datetime or None, float or None
        Where the table is silent.
    volume_ml : float or None
        Filling of the tubes of a counter.
    distance_cm : float or None
        Distance to which the factor of a probe refers; that of the first reading by default.
    dead_time : KnownDeadTime or None
        Instead of the record's.
    fit_dead_time, dead_time_model : bool, str or None
        Find the dead time from standards of different activity, with this model.
    timezone : str or None
        IANA zone of times without offset.
    """

    activity_mbq: float | None = None
    activity_at: datetime | None = None
    relative_u_activity: float | None = None
    volume_ml: float | None = None
    distance_cm: float | None = None
    dead_time: KnownDeadTime | None = None
    fit_dead_time: bool = False
    dead_time_model: DeadTimeModel | None = None
    timezone: str | None = None


def calibrate_dead_time(
    path: Path, target: RecordTarget, *, model: DeadTimeModel | None = None, timezone: str | None = None
) -> Calibrated:
    """Find a dead time from a table of count rates and put it into a record.

    Rows with '1', '2' and '1+2' in the column ``source`` are the method of two sources; without that column the rows
    are one decaying source.

    Raises
    ------
    TheradoseError
        One sentence for what cannot be used, among it rates that do not resolve the dead time.
    """
    opened = open_record(target)
    nuclide = load_nuclide(canonical_nuclide(target.nuclide))
    readings = read_rates(path)
    two = any(reading.arrangement is not None for reading in readings)
    method: Literal["two-sources", "decaying-source"] = "two-sources" if two else "decaying-source"
    if two:
        fit, findings = solve_two_sources(readings, nuclide=nuclide, model=model or "paralysable", timezone=timezone)
    else:
        usual: DeadTimeModel = "paralysable" if target.kind == "camera" else _COUNTER_MODEL
        fit, findings = fit_decaying_source(readings, nuclide=nuclide, model=model, usual=usual, timezone=timezone)
    content = DeadTime(
        **dated(target, readings[0].counting.measured_at, [path], findings), **_dead_time_section(fit), method=method
    )
    return with_set_findings(store_sections(opened, target.path, {"dead_time": content}, findings))


def calibrate_counter(path: Path, target: RecordTarget, options: StandardOptions) -> Calibrated:
    """Find the efficiency of a gamma counter from standards of known activity and put it into a record.

    Raises
    ------
    TheradoseError
        One sentence with line and column for what cannot be used.
    """
    if options.fit_dead_time:
        refuse_options({"--dead-time": options.dead_time}, reason="The dead time is found by --fit-dead-time")
    opened = open_record(target)
    nuclide = load_nuclide(canonical_nuclide(target.nuclide))
    sources = _sources(path, options, nuclide)
    geometry = SourceGeometry(shape="tube", volume_ml=_tube_volume(sources, options))
    if not options.fit_dead_time:
        dead_time = known_dead_time(opened.record, options.dead_time)
        factor, findings = _factor(path, target, sources, nuclide, options, geometry, dead_time)
        return with_set_findings(store_sections(opened, target.path, {"factor": factor}, findings))
    fit, fitted = _fit_standards(sources, nuclide, options)
    section = DeadTime(
        **dated(target, sources[0].counting.measured_at, [path], fitted),
        **_dead_time_section(fit),
        method="known-activities",
    )
    dead_time = KnownDeadTime(fit.value_us, fit.u_us, fit.model)
    factor, findings = _factor(path, target, sources, nuclide, options, geometry, dead_time)
    return store_sections(opened, target.path, {"dead_time": section, "factor": factor}, (*fitted, *findings))


def calibrate_probe(path: Path, target: RecordTarget, options: StandardOptions) -> Calibrated:
    """Find counts per second and MBq of a probe at a distance and put them into a record.

    Readings at other distances are brought to it by the inverse square of the distance; that they then agree is part
    of what the readings show.

    Raises
    ------
    TheradoseError
        One sentence with line and column for what cannot be used.
    """
    opened = open_record(target)
    nuclide = load_nuclide(canonical_nuclide(target.nuclide))
    sources = _sources(path, options, nuclide)
    for source in sources:
        if source.distance_cm is None:
            raise refuse_cell(
                source.counting.origin, "distance_cm", "the distance of source and probe is needed: fill the cell, or "
                "give --distance.", "probe-distance",
            )  # fmt: skip
    distance_cm = options.distance_cm or sources[0].distance_cm or 0.0
    # At another distance the probe sees the share (d0/d)² of what it sees at d0.
    sources = [
        replace(source, counted_share=(distance_cm / (source.distance_cm or distance_cm)) ** 2) for source in sources
    ]
    geometry = SourceGeometry(shape="point", distance_cm=distance_cm)
    dead_time = known_dead_time(opened.record, options.dead_time)
    factor, findings = _factor(path, target, sources, nuclide, options, geometry, dead_time)
    return store_sections(opened, target.path, {"factor": factor}, findings)


def _sources(path: Path, options: StandardOptions, nuclide: Nuclide) -> list[KnownSource]:
    read = read_known_sources(
        path,
        nuclide=nuclide.name,
        activity_mbq=options.activity_mbq,
        activity_at=options.activity_at,
        relative_u_activity=options.relative_u_activity,
    )
    return [replace(source, distance_cm=source.distance_cm or options.distance_cm) for source in read]


def _tube_volume(sources: Sequence[KnownSource], options: StandardOptions) -> float:
    """Return the filling that all standards share, or refuse."""
    volumes = {source.volume_ml or options.volume_ml for source in sources}
    origin = sources[0].counting.origin
    if None in volumes:
        raise refuse_cell(
            origin, "volume_ml", "the efficiency of a well counter depends on the filling of the tube: fill the cell, "
            "or give --tube.", "counter-tube",
        )  # fmt: skip
    tolerance = load_yaml("calibration.yaml")["tube_volume_tolerance"]["value"]
    known = sorted(volume for volume in volumes if volume is not None)
    if known[-1] > (1 + tolerance) * known[0]:
        raise refuse_cell(
            origin, "volume_ml", f"the standards are filled with {known[0]:g} to {known[-1]:g} mL: calibrate each "
            "filling in a record of its own.", "counter-tube",
        )  # fmt: skip
    return math.fsum(known) / len(known)


def _factor(
    path: Path,
    target: RecordTarget,
    sources: Sequence[KnownSource],
    nuclide: Nuclide,
    options: StandardOptions,
    geometry: SourceGeometry,
    dead_time: KnownDeadTime | None,
) -> tuple[Factor, tuple[Finding, ...]]:
    results = [
        source_factor(source, nuclide=nuclide, timezone=options.timezone, dead_time=dead_time) for source in sources
    ]
    mean, scattered = mean_factor([result for result, _ in results])
    told = [finding for _, found in results for finding in found]
    findings = (
        *dict.fromkeys(told),
        *scattered,
        *activity_findings(mean, with_background=sources[0].counting.background_counts is not None),
    )
    content = Factor(
        **dated(target, sources[0].counting.measured_at, [path], findings),
        **measured_factor(mean),
        **dead_time_fields(dead_time),
        measurement="counts",
        geometry=geometry,
        readings=len(sources),
        highest_rate_cps=max(result.rate.gross_cps for result, _ in results),
        largest_deviation=mean.largest_deviation,
    )
    return content, findings


def _fit_standards(
    sources: Sequence[KnownSource], nuclide: Nuclide, options: StandardOptions
) -> tuple[DeadTimeFit, tuple[Finding, ...]]:
    """Fit the dead time to standards of different activity."""
    activities = []
    for source in sources:
        elapsed_h, _ = hours_since(source.activity_at, source.counting.measured_at, timezone=options.timezone)
        middle_h = elapsed_h + source.counting.counting_s / _S_PER_H / 2
        decayed = decay_factor(decay_constant_per_h=nuclide.decay_constant_per_h, elapsed_h=middle_h)
        activities.append(source.activity_mbq * decayed)
    countings = [source.counting for source in sources]
    return fit_known_ratios(
        countings=countings, shares=np.array(activities), model=options.dead_time_model, usual=_COUNTER_MODEL
    )


def _dead_time_section(fit: DeadTimeFit) -> dict[str, Any]:
    return {
        "value_us": fit.value_us,
        "u_us": fit.u_us,
        "model": fit.model,
        "readings": fit.readings,
        "highest_rate_cps": fit.highest_rate_cps,
        "largest_loss": fit.largest_loss,
        "chi_squared": fit.chi_squared,
        "degrees_of_freedom": fit.degrees_of_freedom,
    }
