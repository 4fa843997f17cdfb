"""What a plan of radioembolisation was told, as rows for its reader.

References
----------
[deWit2023]_, [Weber2022]_ What limits and doses depend on.
"""

from __future__ import annotations

from collections.abc import Iterator

from theradose.model.plan import PlanInput
from theradose.numbers import format_given, format_given_percent, words
from theradose.plan.inputs.tare import TargetInput, VerificationInput
from theradose.plan.tare.outcome import Outcome
from theradose.plan.tare.volumes import PlannedVolume
from theradose.plan.wording import stated_words, with_u

_ASSUMED, _DEFAULT = "assumed", "default"
_OUTLINED = {"ct": "volume from CT", "cone-beam-ct": "volume from cone-beam CT"}


def plan_inputs(found: Outcome) -> tuple[PlanInput, ...]:
    """Return the rows; what nobody stated says where it is from.

    References
    ----------
    [deWit2023]_, [Weber2022]_
    """
    inputs = found.request.inputs
    volumes = [row for planned in found.volumes for row in _volume_rows(found, planned)]
    verification = inputs.verification
    return (
        *_patient_rows(found),
        *(() if inputs.target is None else (_target_row(inputs.target),)),
        *(() if inputs.activity is None else (PlanInput("activity", f"{format_given(inputs.activity)} MBq"),)),
        *volumes,
        *(() if inputs.liver_mass is None else (PlanInput("liver mass", stated_words(inputs.liver_mass, "g")),)),
        PlanInput("mass of the lungs", with_u(found.lungs.mass_g, "g"), found.lungs.source),
        *(() if verification is None else _verification_rows(verification)),
    )


def _patient_rows(found: Outcome) -> Iterator[PlanInput]:
    inputs = found.request.inputs
    stated_conversion = "conversion" in inputs.model_fields_set
    yield PlanInput("product", found.spheres.title)
    yield PlanInput("intent", inputs.intent + (", growth of the other lobe wanted" if inputs.lobectomy else ""))
    if inputs.disease is None:
        yield PlanInput("disease", "limits and targets of all", "not stated")
    else:
        yield PlanInput("disease", inputs.disease)
    yield PlanInput("liver function", inputs.liver_function)
    yield PlanInput("pre-treated", "yes" if inputs.pretreated else "no")
    if inputs.bilirubin is not None:
        yield PlanInput("total bilirubin", stated_words(inputs.bilirubin, "mg/dL"))
    if inputs.hepatic_reserve is not None:
        yield PlanInput("hepatic reserve", format_given_percent(inputs.hepatic_reserve))
    yield PlanInput("conversion", inputs.conversion, "stated" if stated_conversion else _DEFAULT)
    if inputs.scout is not None:
        yield PlanInput("scout image", inputs.scout.agent)
        yield PlanInput("it stands for the treatment", "yes" if inputs.scout_representative else "no",
                        "stated" if "scout_representative" in inputs.model_fields_set else _DEFAULT)  # fmt: skip
    elif not inputs.scout_representative:
        yield PlanInput("distribution known before", "no")


def _volume_rows(found: Outcome, planned: PlannedVolume) -> Iterator[PlanInput]:
    inputs, volume, item = found.request.inputs, planned.volume, planned.stated
    if item.target is not None:
        yield _target_row(item.target, volume.name)
    if item.activity is not None:
        yield PlanInput(f"activity, {volume.name}", f"{format_given(item.activity)} MBq")
    if item.share is not None and len(found.volumes) > 1:
        yield PlanInput(f"share, {volume.name}", format_given_percent(item.share))
    for part in volume.compartments:
        text = f"{with_u(part.mass_g, 'g')}, concentration ratio {with_u(part.ratio.value)}"
        yield PlanInput(part.name, text, "scout image" if planned.voxels else "stated")
    where = [item.catheter, _OUTLINED.get(item.volume_from or "", "")]
    if any(where):
        yield PlanInput(f"catheter, {volume.name}", ", ".join(text for text in where if text))
    lung = inputs.lung
    shunt = "stated"
    if item.shunt is None and (lung is None or lung.shunt is None):
        shunt = "scout image" if lung is None or lung.counts is None else "counts"
    yield PlanInput(f"lung shunt, {volume.name}", with_u(volume.shunt * 100.0, "%"), shunt)
    assumed = item.residual is None and inputs.residual is None
    yield PlanInput(f"residual, {volume.name}", with_u(volume.residual * 100.0, "%"), _ASSUMED if assumed else "stated")


def _target_row(target: TargetInput, volume: str = "") -> PlanInput:
    where = ", ".join(filter(None, (volume, words(target.compartment))))
    return PlanInput(f"target, {where}", f"{format_given(target.dose)} Gy")


def _verification_rows(stated: VerificationInput) -> Iterator[PlanInput]:
    moment = "" if stated.administered_at is None else f" on {stated.administered_at.isoformat(' ', 'minutes')}"
    zone = f" ({stated.timezone})" if moment and stated.timezone else ""
    yield PlanInput("administered", f"{format_given(stated.administered)} MBq{moment}{zone}")
    yield PlanInput("verification", "activities" if stated.kind == "stated" else words(stated.kind))
    for label, activity in stated.activities.items():
        yield PlanInput(f"activity delivered, {words(label)}", stated_words(activity, "MBq"))
