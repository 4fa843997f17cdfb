"""Limits and targets of radioembolisation that hold for a product, an intent and a patient.

References
----------
[deWit2023]_ Table 1; [Weber2022]_ Tables 2 to 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from theradose.dose.tare.products import setting
from theradose.model.limit import Limit
from theradose.plan.inputs.tare import TareInput
from theradose.plan.limits import load_limits

PARENCHYMA = "liver-parenchyma"
NORMAL, WHOLE_NORMAL, LUNGS, LESION, PERFUSED = (
    "normal-perfused-liver", "whole-normal-liver", "lungs", "lesion", "perfused-liver"
)  # fmt: skip


def tare_limits(*, inputs: TareInput, product: str) -> tuple[Limit, ...]:
    """Return all limits and targets that nothing known excludes, the site's own last.

    Sources that differ stay apart: each is an entry of its own.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    known = known_of_patient(inputs)
    packaged = (limit for limit in load_limits() if product in limit.therapies and limit.holds_for(known))
    return (*packaged, *(limit.as_limit() for limit in inputs.limits))


def known_of_patient(inputs: TareInput) -> Mapping[str, str]:
    """Return what limits depend on, as far as it is stated.

    References
    ----------
    [Weber2022]_
    """
    scenario = {"lobar": "lobectomy" if inputs.lobectomy else "unilobar"}.get(inputs.intent, inputs.intent)
    compromised = inputs.pretreated or inputs.liver_function == "compromised"
    known = {"scenario": scenario, "liver": "compromised" if compromised else "uncompromised"}
    if inputs.disease is not None:
        known["disease"] = inputs.disease
    known["bilirubin"] = "not-stated"
    if inputs.bilirubin is not None:
        known["bilirubin"] = _side(inputs.bilirubin.value, "bilirubin-threshold")
    if inputs.hepatic_reserve is not None:
        known["reserve"] = _side(inputs.hepatic_reserve, "reserve-threshold")
    return known


def _side(value: float, threshold: str) -> str:
    return "above" if value > setting(threshold, threshold).value else "below"


def region_of(limit: Limit, *, intent: str) -> str:
    """Return the region that a limit is compared with.

    What is printed for the liver parenchyma without more is compared with the normal liver that is perfused; in a
    segmentectomy, which ablates that, with all normal liver.

    References
    ----------
    [deWit2023]_, [Theradose]_
    """
    if limit.organ != PARENCHYMA:
        return limit.organ
    return WHOLE_NORMAL if intent == "segmentectomy" else NORMAL
