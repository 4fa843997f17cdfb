"""The figure of the marrow section: uncertainty budgets by method."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.model.result import BudgetResult, Estimate, Result
from theradose.report.marrow import marrow_parts
from theradose.report.plots import draw_budget_sheet
from theradose.report.readings import MARROW_METHODS
from theradose.report.style import Picture
from theradose.uncertainty import source_group


@dataclass(frozen=True, slots=True)
class MarrowBudget:
    """What the bars of a budget need."""

    name: str
    dose_gy: Estimate
    budget: tuple[BudgetResult, ...]


def draw_marrow_budget(result: Result) -> Picture | None:
    """Draw the budgets of the marrow doses that the result holds."""
    budgets = [
        MarrowBudget(
            MARROW_METHODS[name],
            Estimate.model_validate(part["dose_gy"]),
            tuple(
                BudgetResult.model_validate({**line, "group": source_group(line["source"])}) for line in part["budget"]
            ),
        )
        for name, part in marrow_parts(result).items()
        if part["budget"]
    ]
    return draw_budget_sheet(budgets, "marrow-budget") if budgets else None
