"""The request of the planner ``prrt``: its input with the results and limits that it names."""

from __future__ import annotations

from pathlib import Path

from theradose.errors import PlanError, StudyError
from theradose.model.finding import Finding
from theradose.model.result import Result
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.history import stated_cycle
from theradose.plan.inputs.prrt import CycleEntry, PrrtInput
from theradose.plan.prrt.planner import PrrtRequest
from theradose.plan.therapies import load_therapies
from theradose.workflow.ledger import (
    cycle_of_result,
    read_cycle_result,
    require_one_course,
    restated_findings,
    stated_of,
)
from theradose.workflow.limit_files import limits_with_files


def prrt_request(inputs: PrrtInput, folder: Path) -> PrrtRequest:
    """Return the request of an input whose paths are relative to `folder`.

    Raises
    ------
    PlanError
        For a result or a file of limits that cannot be read, or a limit that is not known.
    """
    limits = None if inputs.limits is None else limits_with_files(inputs.limits, folder)
    cycles: list[Cycle] = []
    results: list[Result] = []
    findings: list[Finding] = []
    for position, given in enumerate(inputs.history):
        findings += _zone_findings(position, given)
        if given.result is None:
            cycles.append(stated_cycle(given))
            continue
        try:
            results.append(read_cycle_result(folder / given.result))
            require_one_course(results, patient=inputs.patient.id, therapy=inputs.therapy)
            cycles.append(
                cycle_of_result(results[-1], number=given.cycle, activity_mbq=given.activity, start=given.start)
            )
        except StudyError as error:
            raise PlanError(f"history[{position}]: {error}", code=error.code) from None
        findings += restated_findings(results[-1], number=given.cycle, activity_mbq=given.activity, start=given.start)
    therapy, patient = stated_of(results, "therapy"), stated_of(results, "patient")
    known = inputs.model_copy(
        update={
            "therapy": inputs.therapy or (therapy if therapy in load_therapies() else None),
            "patient": inputs.patient.model_copy(update={"id": inputs.patient.id or patient}),
        }
    )
    return PrrtRequest(known, tuple(cycles), limits, tuple(findings))


def _zone_findings(position: int, given: CycleEntry) -> tuple[Finding, ...]:
    if given.start is None or given.start.tzinfo is not None:
        return ()
    return (
        Finding(
            "start-without-zone",
            "warning",
            f"'start' of history[{position}] has no time zone, and is not compared with times that have one: write "
            f"{given.start.isoformat()}+01:00, with the offset of the site.",
        ),
    )
