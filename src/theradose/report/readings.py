"""What was measured beside images, as rows of the results and as a section of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from theradose.model.result import BudgetResult, Estimate, FitResult, Result, ThyroidResult, WholeBodyResult
from theradose.numbers import UNKNOWN, format_estimate, format_fixed, format_percent
from theradose.report.blocks import Block, Cell, Column, Row, Table, row

MARROW_METHODS = {"blood": "red marrow by blood", "image": "red marrow by image"}
"""How the methods of red marrow dosimetry are called in tables."""


def marrow_sites(result: Result) -> tuple[str, ...]:
    """Return the regions in which red marrow was measured by image."""
    return tuple((result.marrow or {}).get("image", {}).get("sites", ()))


def reading_rows(result: Result) -> tuple[Row, ...]:
    """Return the rows of the results that are not regions of the images."""
    body, thyroid, marrow = result.whole_body, result.thyroid, result.marrow or {}
    groups = {
        "Whole body": [] if body is None else [_body_row(body)],
        "Thyroid": [] if thyroid is None else [_thyroid_row(thyroid)],
        "Red marrow": [_marrow_row(name, marrow[name]) for name in MARROW_METHODS if name in marrow],
    }
    return tuple(
        Row(line.cells, "" if number else group) for group, lines in groups.items() for number, line in enumerate(lines)
    )


def reading_blocks(result: Result) -> tuple[Block, ...]:
    """Return the tables of the probe and of the thyroid."""
    blocks: list[Block] = []
    body, thyroid = result.whole_body, result.thyroid
    if body is not None and body.excreted_fraction is not None:
        blocks.append(
            _points(
                "Whole body by probe", body, "Excreted", body.excreted_fraction,
                "Excreted: share of the administered activity that has left the body, physical decay taken out.",
            )
        )  # fmt: skip
    if thyroid is not None:
        blocks.append(
            _points(
                "Thyroid by uptake measurements", thyroid, "Uptake", thyroid.uptake_fraction,
                "Uptake: share of the administered activity in the thyroid, physical decay taken out.",
            )
        )  # fmt: skip
    return tuple(blocks)


def reading_budget(result: Result) -> tuple[BudgetResult, ...]:
    """Return the lines of the budgets of red marrow and thyroid."""
    marrow = result.marrow or {}
    lines = [
        BudgetResult.model_validate(line)
        for name in MARROW_METHODS
        if name in marrow
        for line in marrow[name]["budget"]
    ]
    return (*lines, *(result.thyroid.budget if result.thyroid is not None else ()))


def reading_models(result: Result) -> tuple[tuple[str, tuple[FitResult, ...]], ...]:
    """Return what was fitted to readings, with every model."""
    body, marrow = result.whole_body, result.marrow or {}
    blood, image = marrow.get("blood"), marrow.get("image")
    fitted = []
    if body is not None and body.excreted_fraction is not None:
        fitted.append((body.scope, body.models))
    if result.thyroid is not None:
        fitted.append(("thyroid", result.thyroid.models))
    if blood is not None:
        fitted.append(("blood (per litre)", tuple(_fit_of(model, "tia_mbq_h_per_l") for model in blood["models"])))
    if image is not None:
        fitted.append(("spongiosa (per mL)", tuple(_fit_of(model, "tia_mbq_h_per_ml") for model in image["models"])))
    return tuple(fitted)


def _fit_of(model: Mapping[str, Any], integral: str) -> FitResult:
    return FitResult(
        model=model["name"], parameters=model["parameters"], covariance=(),
        tia_mbq_h=Estimate.model_validate(model[integral]), aicc=model["aicc"],
        chi_squared=model["chi_squared"], weight=model["weight"], flags=tuple(model["flags"]),
    )  # fmt: skip


def _points(
    caption: str, part: WholeBodyResult | ThyroidResult, label: str, fractions: tuple[float, ...], note: str
) -> Table:
    points = zip(part.curve.t_h, part.curve.activity_mbq, part.curve.u_mbq, fractions, strict=True)
    return Table(
        caption,
        (Column("Time", "h", "right"), Column("Activity", "MBq", "estimate"), Column(label, "", "right"),
         Column("", stretch=1.0)),
        tuple(
            row(format_fixed(t_h, 1), format_estimate(Estimate(value=activity, u=u)), format_percent(fraction), "")
            for t_h, activity, u, fraction in points
        ),
        (note,),
    )  # fmt: skip


def _body_row(body: WholeBodyResult) -> Row:
    return row(
        Cell(body.scope), Cell(UNKNOWN), Cell(UNKNOWN), Cell(format_estimate(body.tia_mbq_h)),
        Cell(format_estimate(body.effective_half_life_h)), Cell(UNKNOWN), Cell(UNKNOWN),
    )  # fmt: skip


def _thyroid_row(thyroid: ThyroidResult) -> Row:
    return row(
        Cell("thyroid", strong=True), Cell(UNKNOWN), Cell(format_estimate(thyroid.mass_g)),
        Cell(format_estimate(thyroid.tia_mbq_h)), Cell(format_estimate(thyroid.effective_half_life_h)),
        Cell(format_estimate(thyroid.dose_gy), strong=True), Cell(format_estimate(thyroid.dose_per_activity_gy_gbq)),
    )  # fmt: skip


def _marrow_row(name: str, marrow: Mapping[str, Any]) -> Row:
    tia, half_life, dose, per_activity = (
        Estimate.model_validate(marrow[key])
        for key in ("marrow_tia_mbq_h", "effective_half_life_h", "dose_gy", "dose_per_activity_gy_gbq")
    )
    label = MARROW_METHODS[name] + ("\u00a0‡" if any(line["share"] is None for line in marrow["budget"]) else "")
    return row(
        Cell(label, strong=True), Cell(UNKNOWN), Cell(UNKNOWN), Cell(format_estimate(tia)),
        Cell(format_estimate(half_life)), Cell(format_estimate(dose), strong=True), Cell(format_estimate(per_activity)),
    )  # fmt: skip
