"""The dose to blood per activity, however the residence times of blood and whole body are stated.

References
----------
[Lassmann2008]_ Both measured.
[Haenscheid2009]_ The whole body alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.dose.radioiodine.blood import (
    BloodDose,
    blood_dose_by_single_measurement,
    blood_dose_per_activity,
)
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.plan import PlanInput
from theradose.numbers import format_percent
from theradose.plan.inputs.dtc import DtcInput
from theradose.plan.radioiodine.residence import MeasuredResidence
from theradose.plan.radioiodine.whole_body import StatedWholeBody, whole_body_residence
from theradose.plan.wording import stated_words, with_u
from theradose.uncertainty import Uncertain

BLOOD = "blood"
_ML_PER_L = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class DtcRequest:
    """What the planner takes: the input, and what was fitted to the files that it names.

    Attributes
    ----------
    inputs : DtcInput
        What was stated.
    whole_body : MeasuredResidence or None
        By a probe, h.
    blood : MeasuredResidence or None
        By samples, h/mL of whole blood.
    """

    inputs: DtcInput
    whole_body: MeasuredResidence | None = None
    blood: MeasuredResidence | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PatientBlood:
    """What the planner needs of the patient.

    Attributes
    ----------
    dose : BloodDose
        Per administered activity.
    whole_body_residence_h : Uncertain
        Of the whole body.
    blood_residence_h : Uncertain or None
        Of all blood; ``None`` without its volume.
    blood_residence_h_per_l : Uncertain or None
        Of 1 L of blood; ``None`` where it was not measured.
    inputs : tuple of PlanInput
        What was stated.
    findings : tuple of Finding
        What limits it.
    """

    dose: BloodDose
    whole_body_residence_h: Uncertain
    blood_residence_h: Uncertain | None
    blood_residence_h_per_l: Uncertain | None
    inputs: tuple[PlanInput, ...]
    findings: tuple[Finding, ...]


def blood_of(request: DtcRequest) -> PatientBlood:
    """Return the dose to blood per activity that an input describes.

    Raises
    ------
    PlanError
        ``half-life-above-physical``, ``residence-above-mean-life``, ``blood-above-whole-body``.

    References
    ----------
    [Lassmann2008]_, [Haenscheid2009]_
    """
    given = request.inputs
    whole_body, stated = whole_body_residence(
        StatedWholeBody(
            given.whole_body_residence, given.whole_body_half_life, given.whole_body_retention, request.whole_body
        )
    )
    weight = given.weight.from_source("weight")
    volume = None if given.blood_volume is None else given.blood_volume.from_source("volume:blood")
    inputs = [stated]
    if given.blood_volume is not None:
        inputs.append(PlanInput("volume of blood", stated_words(given.blood_volume, "L", inside="mL")))
    findings = [*_of(request.whole_body), *_of(request.blood)]
    if given.method == "single-measurement":
        # The input refuses the method without a volume.
        assert volume is not None
        dose = blood_dose_by_single_measurement(
            whole_body_residence_h=whole_body, blood_volume_ml=volume, weight_kg=weight
        )
        findings += _single_findings(given)
        return PatientBlood(dose, whole_body, None, None, tuple(inputs), tuple(findings))
    per_ml, own_inputs, own_findings = _blood_residence(request, volume)
    dose = blood_dose_per_activity(blood_residence_h_per_ml=per_ml, whole_body_residence_h=whole_body, weight_kg=weight)
    blood = None if volume is None else per_ml * volume
    if blood is not None and blood.value > whole_body.value:
        raise PlanError(
            f"The residence time of the blood, {blood.value:.4g} h, is longer than that of the whole body that holds "
            f"it, {whole_body.value:.4g} h: check both and the volume of blood.",
            code="blood-above-whole-body",
        )
    return PatientBlood(dose, whole_body, blood, per_ml * _ML_PER_L, (*inputs, *own_inputs), (*findings, *own_findings))


def _of(measured: MeasuredResidence | None) -> tuple[Finding, ...]:
    return () if measured is None else measured.findings


def _blood_residence(
    request: DtcRequest, volume: Uncertain | None
) -> tuple[Uncertain, tuple[PlanInput, ...], tuple[Finding, ...]]:
    """Return the residence time per millilitre of whole blood."""
    given = request.inputs
    if request.blood is not None:
        per_litre = with_u(request.blood.value * _ML_PER_L, "h/L")
        item = PlanInput("residence time in 1 L of blood", f"{per_litre}: {request.blood.how}", "samples")
        return request.blood.value, (item,), ()
    # The input refuses a residence time without a volume.
    assert given.blood_residence is not None and volume is not None
    per_ml = given.blood_residence.from_source("residence:blood") / volume
    specimen = given.specimen or BLOOD
    items: tuple[PlanInput, ...] = (
        PlanInput(f"residence time of {specimen}", stated_words(given.blood_residence, "h")),
    )
    if given.specimen is None:
        message = "The specimen is not stated and was taken as whole blood: state 'specimen', blood, plasma or serum."
        return per_ml, items, (Finding("specimen-assumed", "warning", message, BLOOD),)
    if given.haematocrit is None or given.specimen == "blood":
        return per_ml, items, ()
    items = (*items, PlanInput("haematocrit", stated_words(given.haematocrit, "%", inside="1")))
    message = (
        f"The residence time of {specimen} counts for the part 1 − haematocrit of blood, as if cells held nothing."
    )
    per_ml = per_ml * (1 - given.haematocrit.from_source("haematocrit"))
    unusual = _unusual_haematocrit(given.haematocrit.value)
    return per_ml, items, (Finding("blood-from-plasma", "info", message, BLOOD), *unusual)


def _unusual_haematocrit(value: float) -> tuple[Finding, ...]:
    record = load_yaml("radioiodine.yaml")["haematocrit-range"]
    lowest, highest = record["value"]
    if lowest <= value <= highest:
        return ()
    message = f"A haematocrit of {value:g} is outside {lowest:g} to {highest:g} ({record['source']}): check it."
    return (Finding("haematocrit-unusual", "warning", message, BLOOD),)


def _single_findings(given: DtcInput) -> list[Finding]:
    constants = load_yaml("radioiodine.yaml")
    deviation = constants["single-measurement-deviation"]["value"]
    message = (
        "No blood was measured: a share of the whole body is taken for it, with a mean absolute deviation of the blood "
        f"dose of {format_percent(deviation)} ({constants['single-measurement-deviation']['source']})."
    )
    findings = [Finding("blood-not-measured", "warning", message, BLOOD)]
    earliest, latest = constants["single-measurement-window"]["value"]
    reading = given.whole_body_retention
    if reading is not None and not earliest <= reading.t <= latest:
        message = (
            f"The whole body was counted at {reading.t:g} h; the deviation was found for {earliest:g} to {latest:g} h "
            "(day 1 or 2)."
        )
        findings.append(Finding("single-measurement-time", "warning", message, BLOOD))
    return findings
