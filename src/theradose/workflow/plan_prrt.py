"""The request of the planner ``prrt``: its input with the results and limits that it names."""

from __future__ import annotations

from pathlib import Path

from theradose.errors import PlanError, StudyError
from theradose.plan.cycles.cycle import Cycle
from theradose.plan.cycles.history import stated_cycle
from theradose.plan.inputs.prrt import CycleEntry, PrrtInput
from theradose.plan.prrt.planner import PrrtRequest
from theradose.workflow.ledger import read_cycle
from theradose.workflow.limit_files import limits_with_files


def prrt_request(inputs: PrrtInput, folder: Path) -> PrrtRequest:
    """Return the request of an input whose paths are relative to `folder`.

    Raises
    ------
    PlanError
        For a result or a file of limits that cannot be read, or a limit that is not known.
    """
    cycles = tuple(_cycle(entry, folder, position) for position, entry in enumerate(inputs.history))
    limits = None if inputs.limits is None else limits_with_files(inputs.limits, folder)
    return PrrtRequest(inputs, cycles, limits)


def _cycle(given: CycleEntry, folder: Path, position: int) -> Cycle:
    if given.result is None:
        return stated_cycle(given)
    try:
        return read_cycle(folder / given.result, number=given.cycle, activity_mbq=given.activity)
    except StudyError as error:
        raise PlanError(f"history[{position}]: {error}", code=error.code) from None
