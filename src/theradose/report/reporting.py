"""The reporting list: for each item what the result states, or that it is not stated.

The items and their source are data (``data/reporting.yaml``); here each item's identifier is tied to the
place of its value in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from theradose.data import load_yaml
from theradose.model.region import RegionKind
from theradose.model.result import Estimate, RegionResult, ReportingItem, Result
from theradose.numbers import (
    NOT_STATED,
    format_estimate,
    format_fixed,
    format_given,
    format_given_unit,
    format_number,
    format_percent,
    format_unit,
)
from theradose.report.inputs import ordered_regions

_LISTED = 4
"""Regions named in a value before the rest is only counted."""


@dataclass(frozen=True, slots=True)
class ReportingList:
    """The list as data.

    Attributes
    ----------
    items : mapping of str to str
        Wording of each item by identifier, in order.
    source, status : str
        Where the list comes from, and whether that source's own text was read.
    """

    items: Mapping[str, str]
    source: str
    status: str


@cache
def load_reporting_list() -> ReportingList:
    """Return the packaged reporting list."""
    document = load_yaml("reporting.yaml")
    items = {entry["id"]: entry["item"] for entry in document["items"]}
    return ReportingList(items, document["source"].strip(), document["status"])


def engine_words(result: Result) -> str | None:
    """Return the dose engine in a few words: its name, its histories, and what it was compared with."""
    engine = result.dose_engine
    if engine is None:
        stated = study_value(result.study, "dose", "engine")
        return None if stated is None else str(stated)
    sampled = f", {format_number(float(engine.statistics.histories))} histories" if engine.statistics else ""
    return engine.engine + sampled + (f", cross-check {result.cross_check.engine}" if result.cross_check else "")


def reporting_items(result: Result) -> tuple[ReportingItem, ...]:
    """Return every item of the reporting list with its value in `result`, or ``not stated``.

    The result's own ``reporting`` is not looked at, so that it can still be empty.
    """
    return tuple(
        ReportingItem(item=wording, value=_VALUES[name](result) or NOT_STATED)
        for name, wording in load_reporting_list().items.items()
    )


def count_stated(items: Sequence[ReportingItem]) -> int:
    """Return how many items have a value."""
    return sum(item.value != NOT_STATED for item in items)


def study_value(study: Mapping[str, Any], *keys: str) -> Any:
    """Return a nested value of the study dictionary, ``None`` where a level is missing."""
    value: Any = study
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def administrations(result: Result) -> Sequence[Mapping[str, Any]]:
    """Return the administrations of the study."""
    return result.study.get("administrations") or ()


def duration_words(hours: float | None, before: str) -> str:
    """Return the duration of an administration after `before`, empty if it is not stated."""
    if hours is None:
        return ""
    return before + ("bolus" if hours == 0 else f"over {format_given(60 * hours)} min")


def _patient(result: Result) -> str | None:
    patient = result.study.get("patient") or {}
    weight, height = patient.get("weight"), patient.get("height")
    return _join(
        (patient.get("id"), patient.get("sex"),
         weight and format_given_unit(weight, "kg"), height and format_given_unit(height, "cm"))
    )  # fmt: skip


def _therapy(result: Result) -> str | None:
    cycle = result.study.get("cycle")
    return _join((result.study.get("therapy"), result.study.get("protocol"), cycle and f"cycle {cycle}"))


def _previous_cycles(result: Result) -> str | None:
    cycles = result.study.get("previous_cycles") or ()
    return _join(f"cycle {cycle['cycle']}: {format_given_unit(cycle.get('activity'), 'MBq')}" for cycle in cycles)


def _radiopharmaceutical(result: Result) -> str | None:
    return _join(
        (*sorted({a["nuclide"] for a in administrations(result) if a.get("nuclide")}), result.study.get("therapy"))
    )


def _administered(result: Result) -> str | None:
    return _join(
        f"{format_given_unit(a['activity'], 'MBq')} measured, residual not stated"
        if a.get("residual") is None
        else format_given_unit(a["activity"] - a["residual"], "MBq")
        for a in administrations(result)
        if a.get("activity")
    )


def _administration_time(result: Result) -> str | None:
    return _join(
        f"{a['start']}" + duration_words(a.get("duration"), ", ") for a in administrations(result) if a.get("start")
    )


def _residual(result: Result) -> str | None:
    return _join(
        format_given_unit(a["residual"], "MBq") for a in administrations(result) if a.get("residual") is not None
    )


def _calibration_factor(result: Result) -> str | None:
    sensitivity, u, record = (study_value(result.study, "calibration", key) for key in ("sensitivity", "u", "record"))
    scaled = {image.unit_found for image in result.images} == {"Bq/mL"}
    if scaled and record is not None:
        # The factor of the record was not used, and neither was its uncertainty.
        u = None
    if sensitivity is None or scaled:
        return "by the scanner (Bq/mL), u not stated" if scaled and u is None else (
            f"by the scanner (Bq/mL), u {format_percent(u)}" if scaled else None
        )  # fmt: skip
    source = "" if record is None else f", calibration {record}"
    return f"{format_given_unit(sensitivity, 'cps/MBq')}, u {NOT_STATED if u is None else format_percent(u)}{source}"


def _recovery(result: Result) -> str | None:
    applied = [region for region in result.regions if region.recovery is not None]
    return _per_region(applied, lambda region: format_estimate(region.recovery))


def _dead_time(result: Result) -> str | None:
    factors = [
        f"{image.timepoint}: × {format_number(image.dead_time_factor, digits=4)}"
        for image in result.images
        if image.dead_time_factor is not None
    ]
    return _join(factors)


def _imaging_times(result: Result) -> str | None:
    return _join(f"{format_fixed(image.t_h, 1)} h" for image in result.images)


def _activities(result: Result) -> str | None:
    points = sum(len(region.curve.t_h) for region in result.regions)
    return f"{points} values in {len(result.regions)} regions (table of curves)" if points else None


def _registration(result: Result) -> str | None:
    return _join(dict.fromkeys(i.registration.method for i in result.images if i.registration is not None))


def _region_method(result: Result) -> str | None:
    origins = dict.fromkeys((region.method, region.drafted_by) for region in result.regions)
    return _join(f"{method}, drafted by {author}" for method, author in origins if method != NOT_STATED)


def _region_responsible(result: Result) -> str | None:
    verified = [region for region in result.regions if region.verified_by]
    names = ", ".join(dict.fromkeys(region.verified_by or "" for region in verified))
    return f"{len(verified)} of {len(result.regions)} regions verified by {names}" if verified else None


def _volume_mass(result: Result) -> str | None:
    return _per_region(
        result.regions, lambda region: f"{format_estimate(region.volume_ml)} mL, {format_estimate(region.mass_g)} g"
    )


def _lesions(result: Result) -> str | None:
    lesions = [region for region in result.regions if region.kind == RegionKind.LESION]
    return f"{len(lesions)} lesions" if lesions else None


def _tumour_volume(result: Result) -> str | None:
    burden = result.tumour_burden
    return f"{format_unit(burden.volume_ml, 'mL')} in {burden.lesions} lesions" if burden else None


def _tumour_activity(result: Result) -> str | None:
    burden = result.tumour_burden
    return format_unit(burden.activity_mbq, "MBq") if burden else None


def _curve_model(result: Result) -> str | None:
    return _per_region(result.regions, lambda region: region.chosen_model)


def _curve_parameters(result: Result) -> str | None:
    fitted = [region for region in result.regions if region.fit is not None and region.fit.covariance]
    return f"{len(fitted)} of {len(result.regions)} regions (table of fits, result.json)" if fitted else None


def _goodness(result: Result) -> str | None:
    fitted = [region for region in result.regions if region.fit is not None]
    return _per_region(fitted, lambda region: f"χ² {format_fixed(region.fit.chi_squared, 2)}" if region.fit else "")


def _extrapolation(result: Result) -> str | None:
    return _per_region(result.regions, lambda region: format_percent(region.extrapolated_fraction))


def _engine(result: Result) -> str | None:
    dose = result.study.get("dose") or {}
    data = dose.get("nuclear_data")
    return _join((engine_words(result), data and f"nuclear data {data}"))


def _mass_scaling(result: Result) -> str | None:
    stated = [region for region in result.regions if region.density_g_per_ml is not None]
    return _per_region(stated, lambda region: f"{format_number(region.density_g_per_ml)} g/mL")


def _budget(result: Result) -> str | None:
    known = {line.source.partition(":")[0] for r in result.regions for line in r.budget if line.share is not None}
    unknown = {line.source.partition(":")[0] for r in result.regions for line in r.budget if line.share is None}
    if not known:
        return None
    return ", ".join(sorted(known)) + (f"; not stated: {', '.join(sorted(unknown))}" if unknown else "")


def _dose_volume(result: Result) -> str | None:
    shown = [region for region in result.regions if region.dvh is not None]
    return f"{len(shown)} of {len(result.regions)} regions" if shown else None


def _bed(result: Result) -> str | None:
    shown = [region for region in result.regions if region.bed_gy is not None]
    return _per_region(shown, lambda region: f"{format_estimate(region.bed_gy)} Gy")


def _whole_body(result: Result) -> str | None:
    body = result.whole_body
    return f"{format_estimate(body.tia_mbq_h)} MBq·h ({body.scope})" if body else None


def _limits(result: Result) -> str | None:
    # A limit of a pair stands once for each side.
    return _join(
        dict.fromkeys(
            f"{limit.organ} {format_given_unit(limit.limit_gy, 'Gy')}"
            + ("" if limit.quantity == "absorbed-dose" else f" {limit.quantity}")
            for limit in result.limits
        )
    )


def _nuclear_data(result: Result) -> str | None:
    names = ", ".join(constant.name for constant in result.constants)
    data = study_value(result.study, "dose", "nuclear_data")
    return f"{str(data or NOT_STATED).upper()}; sources in the table of constants ({names})" if names else None


def _software(result: Result) -> str | None:
    version = result.software.get("theradose")
    return version and f"theradose {version}"


def _integrity(result: Result) -> str | None:
    return f"SHA-256 of {len(result.files)} files" if result.files else None


def _deviations(result: Result) -> str | None:
    return _join(f"{o['region']}: {o['reason']}" for o in result.study.get("overrides") or ())


def _estimates(result: Result, *, field: str, unit: str) -> str | None:
    """List one estimate of each region."""
    known = [region for region in result.regions if _estimate_of(region, field).value is not None]
    return _per_region(known, lambda region: f"{format_estimate(_estimate_of(region, field))} {unit}")


def _estimate_of(region: RegionResult, field: str) -> Estimate:
    estimate: Estimate = getattr(region, field)
    return estimate


def _evidence(result: Result, *, quantities: tuple[str, ...]) -> str | None:
    """Return what the readers of the images concluded on `quantities`, each named if there are several."""
    lines = [line for image in result.images for line in image.assumptions]
    stated = []
    for quantity in quantities:
        values = _join(dict.fromkeys(line.value for line in lines if line.quantity == quantity))
        if values:
            stated.append(f"{quantity}: {values}" if len(quantities) > 1 else values)
    return "; ".join(stated) or None


def _nothing(_: Result) -> None:
    """Return that the result has no place for this item."""


def _per_region(regions: Sequence[RegionResult], value: Callable[[RegionResult], str]) -> str | None:
    named = [f"{region.name} {value(region)}" for region in ordered_regions(regions)[:_LISTED]]
    rest = len(regions) - len(named)
    return "; ".join([*named, f"and {rest} more"] if rest else named) or None


def _join(parts: Iterable[str | None]) -> str | None:
    return ", ".join(str(part) for part in parts if part) or None


def _marrow(result: Result) -> str | None:
    return _join(sorted(result.marrow)) if result.marrow else None


_VALUES: Mapping[str, Callable[[Result], str | None]] = {
    "patient": _patient,
    "therapy": _therapy,
    "previous-cycles": _previous_cycles,
    "radiopharmaceutical": _radiopharmaceutical,
    "administered-activity": _administered,
    "administration-time": _administration_time,
    "residual-activity": _residual,
    "dose-calibrator": _nothing,
    "imaging-system": partial(_evidence, quantities=("imaging system",)),
    "collimator": partial(_evidence, quantities=("collimator",)),
    "acquisition": partial(_evidence, quantities=("energy window", "acquisition duration", "frame duration")),
    "reconstruction": partial(_evidence, quantities=("reconstruction", "corrections")),
    "calibration-factor": _calibration_factor,
    "recovery": _recovery,
    "dead-time": _dead_time,
    "imaging-times": _imaging_times,
    "activities-per-time-point": _activities,
    "registration": _registration,
    "region-method": _region_method,
    "region-responsible": _region_responsible,
    "region-volume-mass": _volume_mass,
    "lesions-individually": _lesions,
    "tumour-volume": _tumour_volume,
    "tumour-activity": _tumour_activity,
    "curve-model": _curve_model,
    "curve-parameters": _curve_parameters,
    "goodness-of-fit": _goodness,
    "tia": partial(_estimates, field="tia_mbq_h", unit="MBq·h"),
    "tiac": partial(_estimates, field="tiac_h", unit="h"),
    "effective-half-life": partial(_estimates, field="effective_half_life_h", unit="h"),
    "extrapolation": _extrapolation,
    "dose-engine": _engine,
    "mass-scaling": _mass_scaling,
    "absorbed-dose": partial(_estimates, field="dose_gy", unit="Gy"),
    "dose-per-activity": partial(_estimates, field="dose_per_activity_gy_gbq", unit="Gy/GBq"),
    "uncertainty-budget": _budget,
    "dose-volume": _dose_volume,
    "bed": _bed,
    "whole-body": _whole_body,
    "marrow": _marrow,
    "limits": _limits,
    "nuclear-data": _nuclear_data,
    "software": _software,
    "input-integrity": _integrity,
    "responsible-persons": _nothing,
    "deviations": _deviations,
}
