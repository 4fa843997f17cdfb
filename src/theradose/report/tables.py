"""The result as CSV tables: UTF-8, decimal point, full precision, units in the headers, unknown values empty."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from theradose.model.result import Estimate, FitResult, RegionResult, Result
from theradose.report.reporting import study_value

Value = str | float | int | None

_ESTIMATES = ("volume_ml", "mass_g", "recovery", "tia_mbq_h", "tiac_h", "effective_half_life_h", "dose_gy",
              "dose_per_activity_gy_gbq", "alpha_gy", "bed_gy", "eqd2_gy")  # fmt: skip
_PLAIN = ("kind", "code", "drafted_by", "method", "outlined_on", "verified_by", "density_g_per_ml", "chosen_model",
          "extrapolated_fraction", "before_first_fraction")  # fmt: skip

HEADERS: Mapping[str, tuple[str, ...]] = {
    "regions": ("region", *_PLAIN, *(name for field in _ESTIMATES for name in (field, f"u_{field}"))),
    "curves": ("subject", "region", "t_h", "activity_mbq", "u_mbq"),
    "fits": ("region", "model", "weight", "aicc", "chi_squared", "tia_mbq_h", "u_tia_mbq_h", "flags", "parameter",
             "parameter_value", "u_parameter"),
    "activity_check": ("timepoint", "t_h", "modality", "unit_found", "decay_reference_found", "dead_time_factor",
                       "total_activity_mbq", "expected_activity_mbq", "fraction_of_expected"),
    "findings": ("severity", "code", "where", "message"),
    "dvh": ("region", "dose_gy", "cumulative_fraction", "differential_ml_per_gy"),
    "budget": ("region", "source", "group", "relative_u", "share"),
    "reporting": ("item", "value"),
}  # fmt: skip
"""Header of each table by file stem."""

_FORMULA = re.compile(r"[=+\-@\t\r]")
_LINE_ENDS = re.compile(r"\s*[\r\n\x0b\x0c\u0085\u2028\u2029]+\s*")


def write_tables(result: Result, folder: Path) -> tuple[Path, ...]:
    """Write every table of the result into `folder`, which is made if needed, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: Mapping[str, Iterable[Sequence[Value]]] = {
        "regions": region_rows(result),
        "curves": _curve_rows(result),
        "fits": _fit_rows(result),
        "activity_check": _activity_rows(result),
        "findings": ((f.severity, f.code, f.where, f.message) for f in result.findings),
        "dvh": _dvh_rows(result),
        "budget": ((r.name, b.source, b.group, b.relative_u, b.share) for r in result.regions for b in r.budget),
        "reporting": ((item.item, item.value) for item in result.reporting),
    }
    paths = []
    for name, header in HEADERS.items():
        paths.append(write_table(folder / f"{name}.csv", header, rows[name]))
    return tuple(paths)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Value]]) -> Path:
    """Write one CSV table and return its file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cell_text(value) for value in row] for row in rows)
    return path


def cell_text(value: Value) -> str:
    """Return a cell: numbers in full precision, text on one line and never a formula for a spreadsheet."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value) if math.isfinite(value) else ""
    text = _LINE_ENDS.sub(" ", value)
    return f"'{text}" if _FORMULA.match(text) else text


def _pair(estimate: Estimate | None) -> tuple[Value, Value]:
    return (None, None) if estimate is None else (estimate.value, estimate.u)


def region_rows(result: Result) -> Iterable[Sequence[Value]]:
    """Yield the rows of the table ``regions``."""
    for region in result.regions:
        estimates = (_pair(getattr(region, field)) for field in _ESTIMATES)
        yield (
            region.name,
            *(getattr(region, field) for field in _PLAIN),
            *(number for pair in estimates for number in pair),
        )


def _curve_rows(result: Result) -> Iterable[Sequence[Value]]:
    subject = study_value(result.study, "patient", "id")
    for region in result.regions:
        curve = region.curve
        for point in zip(curve.t_h, curve.activity_mbq, curve.u_mbq, strict=True):
            yield subject, region.name, *point


def _fit_rows(result: Result) -> Iterable[Sequence[Value]]:
    for region in result.regions:
        for fit in region.models:
            for parameter in _parameters(fit) or [(None, None, None)]:
                yield _fit_row(region, fit) + parameter


def _fit_row(region: RegionResult, fit: FitResult) -> tuple[Value, ...]:
    return (
        region.name, fit.model, fit.weight, fit.aicc, fit.chi_squared, *_pair(fit.tia_mbq_h), " ".join(fit.flags),
    )  # fmt: skip


def _parameters(fit: FitResult) -> list[tuple[Value, Value, Value]]:
    """Return name, value and standard uncertainty of each parameter."""
    variances = [row[index] if index < len(row) else None for index, row in enumerate(fit.covariance)]
    return [
        (name, value, None if variance is None or variance < 0 else math.sqrt(variance))
        for (name, value), variance in zip_longest(fit.parameters.items(), variances[: len(fit.parameters)])
    ]


def _activity_rows(result: Result) -> Iterable[Sequence[Value]]:
    return ([getattr(image, field) for field in HEADERS["activity_check"]] for image in result.images)


def _dvh_rows(result: Result) -> Iterable[Sequence[Value]]:
    for region in result.regions:
        if region.dvh is None:
            continue
        curve = region.dvh.curve
        # The differential histogram has one value per bin, the cumulative one per edge.
        for edge in zip_longest(curve.dose_gy, curve.cumulative_fraction, curve.differential_ml_per_gy):
            yield region.name, *edge
