"""From the inputs of the planners of 131I to their requests: the files of uptake, probe and blood that they name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from theradose.acquire.blood import read_blood
from theradose.acquire.uptake import read_uptake
from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.errors import PlanError
from theradose.model.plan import PlanCurve
from theradose.model.samples import BloodSeries
from theradose.nuclides import load_nuclide
from theradose.plan.inputs.dtc import DtcInput
from theradose.plan.inputs.mibg import MibgInput
from theradose.plan.inputs.radioiodine import Tracer
from theradose.plan.inputs.thyroid import ThyroidInput
from theradose.plan.radioiodine.blood import BLOOD, DtcRequest
from theradose.plan.radioiodine.mibg import MibgRequest
from theradose.plan.radioiodine.residence import MeasuredResidence
from theradose.plan.radioiodine.uptake import ThyroidRequest, check_uptake, uptake_residence
from theradose.quantify.samples import SampleOptions, early_area_findings, excess_findings, sample_curve
from theradose.quantify.thyroid import UptakeOptions, uptake_curve
from theradose.quantify.whole_body import WHOLE_BODY, ProbeOptions
from theradose.uncertainty import Uncertain
from theradose.workflow.counter_record import counter_of_choice
from theradose.workflow.marrow import integrate_samples
from theradose.workflow.whole_body import whole_body_by_probe

_TRACER_ACTIVITY = "activity:tracer"
_ML_PER_L = 1e3


def thyroid_request(given: ThyroidInput, folder: Path) -> ThyroidRequest:
    """Return the request of the planner ``thyroid``, with the uptake fitted to a table of counts.

    Raises
    ------
    TheradoseError
        One sentence for the first file or row that cannot be used.
    """
    if not isinstance(given.uptake_curve, str) or given.tracer is None:
        return ThyroidRequest(given)
    tracer = given.tracer
    options = UptakeOptions(tracer.activity, tracer.start, tracer.timezone, given.measurement_u)
    uptake, findings = uptake_curve(
        read_uptake(folder / given.uptake_curve), nuclide=load_nuclide(NUCLIDE), options=options
    )
    check_uptake(uptake.uptake, uptake.curve.t_h)
    measured = uptake_residence(uptake.curve, administered_mbq=_activity(tracer), given=given, findings=findings)
    return ThyroidRequest(given, measured)


def dtc_request(given: DtcInput, folder: Path) -> DtcRequest:
    """Return the request of the planner ``dtc``, with residence times fitted to probe readings and blood samples.

    Raises
    ------
    TheradoseError
        One sentence for the first file or row that cannot be used.
    """
    tracer = given.tracer
    if tracer is None:
        return DtcRequest(given)
    whole_body = None
    if given.probe is not None:
        whole_body = _probe(folder / given.probe, tracer.activity, tracer.start, tracer.timezone)
    return DtcRequest(given, whole_body, None if given.blood is None else _blood(given, tracer, folder))


def mibg_request(given: MibgInput, folder: Path) -> MibgRequest:
    """Return the request of the planner ``mibg``, with the residence time fitted to probe readings.

    Raises
    ------
    TheradoseError
        One sentence for the first file or row that cannot be used.
    """
    if given.probe is None:
        return MibgRequest(given)
    return MibgRequest(given, _probe(folder / given.probe, given.activity.value, given.start, given.timezone))


def _activity(tracer: Tracer) -> Uncertain:
    return Uncertain.relative(tracer.activity, {_TRACER_ACTIVITY: tracer.u})


def _probe(path: Path, activity_mbq: float, start: datetime | None, timezone: str | None) -> MeasuredResidence:
    # The patient's own activity calibrates the probe, so that its uncertainty cancels in the residence time.
    options = ProbeOptions(activity_mbq, start=start, timezone=timezone, administered_u=0.0)
    body = whole_body_by_probe(path, nuclide=load_nuclide(NUCLIDE), options=options)
    how = f"{path.name}, {len(body.tia.curve.t_h)} readings, {body.tia.chosen}"
    findings = tuple(replace(finding, where=finding.where or WHOLE_BODY) for finding in body.findings)
    curve = PlanCurve("whole body", "MBq", body.tia)
    return MeasuredResidence(body.tia.value / activity_mbq, how, findings, (curve,))


def _blood(given: DtcInput, tracer: Tracer, folder: Path) -> MeasuredResidence:
    path = folder / (given.blood or "")
    nuclide = load_nuclide(NUCLIDE)
    haematocrit = None if given.haematocrit is None else given.haematocrit.value
    series = _only_series(read_blood(path, specimen=given.specimen, haematocrit=haematocrit), path)
    counter, checked = counter_of_choice(given.counter, folder.joinpath, [path], nuclide=NUCLIDE)
    options = SampleOptions(
        start=tracer.start, timezone=tracer.timezone, calibration=counter, instrument=given.counter.instrument
    )
    curve, sampled = sample_curve(series, nuclide=nuclide, options=options)
    tia, fitted = integrate_samples(curve, nuclide=nuclide)
    per_litre = tia.value
    if curve.specimen != BLOOD:
        cells = Uncertain(curve.haematocrit or 0.0).with_contribution("haematocrit", _haematocrit_u(given))
        per_litre = per_litre * (1 - cells)
    findings = (
        *checked,
        *sampled,
        *excess_findings(curve.curve, tracer.activity),
        *fitted,
        *early_area_findings(tia),
    )
    placed = tuple(replace(finding, where=finding.where or BLOOD) for finding in findings)
    how = f"{path.name}, {len(tia.curve.t_h)} samples of {curve.specimen}, {tia.chosen}"
    measured = PlanCurve(curve.specimen, "MBq/L", tia)
    return MeasuredResidence(per_litre / _ML_PER_L / _activity(tracer), how, placed, (measured,))


def _haematocrit_u(given: DtcInput) -> float | None:
    return None if given.haematocrit is None else given.haematocrit.u


def _only_series(series: tuple[BloodSeries, ...], path: Path) -> BloodSeries:
    if len(series) != 1:
        raise PlanError(
            f"The table {path.name} holds {len(series)} treatments: keep the samples of one.",
            code="blood-several-treatments",
        )
    return series[0]
