"""From readings to the parts of the result document that they fill."""

from __future__ import annotations

from typing import Any

from theradose.dose.marrow import DEFAULT_METHOD
from theradose.model.result import ConstantResult, Estimate, ThyroidResult, WholeBodyResult
from theradose.nuclides import Nuclide
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.case import Case
from theradose.workflow.document_parts import (
    budget_lines,
    constant_document,
    constant_result,
    estimate,
    integral_fields,
)
from theradose.workflow.marrow import constants_used
from theradose.workflow.marrow_document import treatment_document
from theradose.workflow.marrow_image import ImageMarrow
from theradose.workflow.marrow_image_document import image_marrow_document
from theradose.workflow.readings import Readings

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
        else estimate(dose.dose_gy * MBQ_PER_GBQ / case.administered_mbq),
        budget=() if dose is None else budget_lines(dose.dose_gy),
        **integral_fields(case, thyroid.tia),
    )


def marrow_result(case: Case, readings: Readings, image: ImageMarrow | None) -> dict[str, Any] | None:
    """Return the dose to red marrow by method, as in ``docs/formats/blood.md`` and ``docs/formats/marrow.md``."""
    methods: dict[str, Any] = {}
    if readings.blood is not None:
        method = case.study.marrow.method or DEFAULT_METHOD
        constants = constants_used([readings.blood], case.nuclide)
        methods["blood"] = {
            "method": method,
            **treatment_document(readings.blood),
            "constants": [constant_document(constant) for constant in constants],
        }
    if image is not None:
        methods["image"] = image_marrow_document(image)
    return methods or None


def constants_of_marrow(readings: Readings, image: ImageMarrow | None, nuclide: Nuclide) -> tuple[ConstantResult, ...]:
    """Return every constant that the doses to red marrow rest on."""
    used = () if readings.blood is None else constants_used([readings.blood], nuclide)
    used += () if image is None else image.constants
    return tuple(map(constant_result, used))
