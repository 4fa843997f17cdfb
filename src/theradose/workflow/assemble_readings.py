"""From readings to the parts of the result document that they fill."""

from __future__ import annotations

from typing import Any

from theradose.model.result import ConstantResult, Estimate, ThyroidResult, WholeBodyResult
from theradose.nuclides import Nuclide
from theradose.workflow.case import Case
from theradose.workflow.document_parts import budget_lines, estimate, integral_fields
from theradose.workflow.marrow import constants_used
from theradose.workflow.marrow_document import treatment_document
from theradose.workflow.readings import Readings

_MBQ_PER_GBQ = 1e3
_UNKNOWN = Estimate(value=None, u=None)


def whole_body_result(case: Case, readings: Readings) -> WholeBodyResult | None:
    """Return the whole body by a probe."""
    body = readings.whole_body
    if body is None:
        return None
    return WholeBodyResult(
        scope="whole body by probe",
        excreted_fraction=tuple(body.probe.excreted_fraction.tolist()),
        **integral_fields(case, body.tia),
    )


def thyroid_result(case: Case, readings: Readings) -> ThyroidResult | None:
    """Return the thyroid by uptake measurements."""
    thyroid = readings.thyroid
    if thyroid is None:
        return None
    dose = thyroid.dose
    return ThyroidResult(
        uptake_fraction=tuple(thyroid.uptake.uptake.tolist()),
        mass_g=_UNKNOWN if dose is None else estimate(dose.mass_g),
        dose_gy=_UNKNOWN if dose is None else estimate(dose.dose_gy),
        dose_per_activity_gy_gbq=_UNKNOWN
        if dose is None
        else estimate(dose.dose_gy * (_MBQ_PER_GBQ / case.net_activity_mbq)),
        budget=() if dose is None else budget_lines(dose.dose_gy),
        **integral_fields(case, thyroid.tia),
    )


def marrow_result(readings: Readings) -> dict[str, Any] | None:
    """Return the dose to red marrow by method: ``blood`` as in ``docs/formats/blood.md``."""
    return None if readings.blood is None else {"blood": treatment_document(readings.blood)}


def constants_of_readings(readings: Readings, nuclide: Nuclide) -> tuple[ConstantResult, ...]:
    """Return every constant that the dose to red marrow rests on."""
    if readings.blood is None:
        return ()
    return tuple(
        ConstantResult(name=c.name, value=c.value, unit=c.unit, source=c.source, status=c.status)
        for c in constants_used([readings.blood], nuclide)
    )
