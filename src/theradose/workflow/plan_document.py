"""A plan as a JSON document (``docs/formats/plan.md``)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from theradose.model.document import pair_document
from theradose.model.plan import Plan, PlannedDose
from theradose.plan.probability import dose_interval, interval, interval_coverage
from theradose.provenance import software_versions
from theradose.report.content import BANNER
from theradose.workflow.document_parts import constant_document


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the document of a plan."""
    return {
        "schema": "theradose/plan/1",
        "planner": plan.planner,
        "title": plan.title,
        "subject": plan.subject,
        "summary": plan.summary,
        "statement": BANNER,
        "activity_mbq": pair_document(plan.activity_mbq),
        "activity_interval_mbq": None if plan.activity_mbq is None else _ends(interval(plan.activity_mbq)),
        "activity_meaning": plan.activity_meaning,
        "accepted_probability": plan.accepted_probability,
        "interval_coverage": interval_coverage(),
        "doses": [_dose(dose) for dose in plan.doses],
        "formula": [asdict(formula) for formula in plan.formulas],
        "constants": [constant_document(constant) for constant in plan.constants],
        "level": None if plan.level is None else plan.level.model_dump(),
        "level_in_general": None if plan.level_in_general is None else plan.level_in_general.model_dump(),
        "inputs": [asdict(item) for item in plan.inputs],
        "tables": [asdict(table) for table in plan.tables],
        "details": dict(plan.details),
        "findings": [finding.to_json() for finding in plan.findings],
        "software": software_versions(),
    }


def _ends(ends: tuple[float, float] | None) -> list[float] | None:
    return None if ends is None else list(ends)


def _dose(dose: PlannedDose) -> dict[str, Any]:
    return {
        "target": dose.target,
        "basis": dose.basis,
        "quantity": dose.quantity,
        "dose_gy": pair_document(dose.dose_gy),
        "interval_gy": _ends(dose_interval(dose)),
        "limit_gy": None if dose.limit is None else dose.limit.value_gy,
        "p_exceed": dose.p_exceed,
        "limit": None if dose.limit is None else dose.limit.model_dump(mode="json"),
    }
