"""What is measured beside images: the whole body by a probe, blood samples, and the uptake of the thyroid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from theradose.acquire.blood import read_blood
from theradose.acquire.uptake import read_uptake
from theradose.data import load_number
from theradose.dose.local import mass_range_findings, photon_finding, region_dose
from theradose.dose.marrow import DEFAULT_METHOD
from theradose.dose.marrow_image import RestOfBody
from theradose.errors import FitError, StudyError
from theradose.kinetics.evaluate import evaluate_tia
from theradose.kinetics.integrate import thyroid_models
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import RegionDose
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY
from theradose.model.samples import BloodSeries, CounterCalibration, Treatment
from theradose.model.uptake import UptakeCurve
from theradose.quantify.samples import SampleOptions
from theradose.quantify.thyroid import THYROID, UptakeOptions, uptake_curve
from theradose.quantify.whole_body import WHOLE_BODY, ProbeOptions
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case
from theradose.workflow.counter_record import counter_of_choice
from theradose.workflow.curves import infusion_of, integrate_measured
from theradose.workflow.marrow import BloodMarrow, BloodMarrowOptions, treatment_marrow
from theradose.workflow.marrow_result import with_whole_body_if_possible
from theradose.workflow.marrow_settings import stated_sex
from theradose.workflow.whole_body import WholeBodyByProbe, whole_body_by_probe

RED_MARROW_BY_BLOOD = "red marrow by blood"
_PAIRED = {"left-kidney": "kidneys", "right-kidney": "kidneys"}
_COUNTED_APART = ("kidneys", "liver", "spleen")


@dataclass(frozen=True, slots=True, eq=False)
class ThyroidUptake:
    """What uptake measurements say about the thyroid; there is no dose without its mass."""

    uptake: UptakeCurve
    tia: TimeIntegratedActivity
    dose: RegionDose | None


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Everything that was measured beside images; ``None`` is what was not.

    Attributes
    ----------
    whole_body : WholeBodyByProbe or None
        By a probe.
    blood : BloodMarrow or None
        Red marrow by blood samples.
    thyroid : ThyroidUptake or None
        By counts over the neck.
    findings : tuple of Finding
        Of all three.
    """

    whole_body: WholeBodyByProbe | None
    blood: BloodMarrow | None
    thyroid: ThyroidUptake | None
    findings: tuple[Finding, ...]


def evaluate_readings(
    case: Case, *, tias: Mapping[str, TimeIntegratedActivity], field_of_view: TimeIntegratedActivity | None
) -> Readings:
    """Evaluate the tables that the study names.

    Parameters
    ----------
    case : Case
        Study with its nuclide and zero of time.
    tias : mapping of str to TimeIntegratedActivity
        Integrals of the imaged regions, for the dose from organs to red marrow.
    field_of_view : TimeIntegratedActivity or None
        Of everything in view of the images, which must be a part of what the probe sees.

    Raises
    ------
    TheradoseError
        One sentence with file, line and column for the first row that cannot be used.
    """
    findings: list[Finding] = []
    whole_body = _whole_body(case)
    if whole_body is not None:
        findings += _placed(whole_body.findings, WHOLE_BODY)
        findings += [] if field_of_view is None else _compared(whole_body.tia, field_of_view)
    blood, noticed = _blood(case, tias, whole_body)
    findings += noticed
    thyroid, noticed = _thyroid(case)
    findings += noticed
    return Readings(whole_body, blood, thyroid, tuple(dict.fromkeys(findings)))


def rest_of_body(readings: Readings, tias: Mapping[str, TimeIntegratedActivity]) -> RestOfBody:
    """Return the integrals from which the dose to red marrow from outside it follows; none without a probe."""
    if readings.whole_body is None:
        return RestOfBody()
    return RestOfBody(readings.whole_body.tia.value, _organs(tias))


def _whole_body(case: Case) -> WholeBodyByProbe | None:
    if case.study.probe is None:
        return None
    options = ProbeOptions(
        case.net_activity_mbq,
        start=case.start,
        timezone=case.study.timezone,
        administered_u=case.administered_relative_u,
        infusion_h=infusion_of(case),
    )
    return whole_body_by_probe(case.study_file.resolve(case.study.probe), nuclide=case.nuclide, options=options)


def _compared(body: TimeIntegratedActivity, field: TimeIntegratedActivity) -> list[Finding]:
    """Say where the images show more activity than the whole body holds by the probe."""
    limit = load_number("samples.yaml", "contradiction_multiple")
    by_probe, u_probe = evaluate_tia(body, field.curve.t_h)
    common = math.hypot(_common_u(body), _common_u(field))
    u = np.hypot(np.hypot(u_probe, field.curve.u_independent_mbq), common * by_probe)
    excess = field.curve.activity_mbq - by_probe
    findings = []
    for i in np.flatnonzero(excess > limit * u):
        message = (
            f"The image at {field.curve.t_h[i]:.3g} h holds {field.curve.activity_mbq[i]:.4g} MBq, more than the "
            f"{by_probe[i]:.4g} MBq of the whole body by probe: the calibration of the camera or of the probe is wrong."
        )
        findings.append(Finding("field-exceeds-whole-body", "warning", message, WHOLE_BODY))
    return findings


def _common_u(tia: TimeIntegratedActivity) -> float:
    return math.hypot(*(u or 0.0 for u in tia.curve.common.values()))


def _blood(
    case: Case, tias: Mapping[str, TimeIntegratedActivity], whole_body: WholeBodyByProbe | None
) -> tuple[BloodMarrow | None, list[Finding]]:
    if case.study.blood is None:
        return None, []
    choice, series = case.study.marrow, _series(case)
    counter, checked = _counter(case)
    options = BloodMarrowOptions(
        nuclide=case.nuclide.name,
        samples=SampleOptions(
            start=case.start,
            timezone=case.study.timezone,
            calibration=counter,
            instrument=case.study.counter.instrument,
        ),
        ratio=choice.rmblr,
        method=choice.method or DEFAULT_METHOD,
        models=choice.models,
    )
    treatment = Treatment(
        series.samples[0].origin,
        activity_mbq=case.net_activity_mbq,
        activity_relative_u=case.administered_relative_u,
        start=case.start,
        infusion_h=infusion_of(case),
        sex=stated_sex(case),
        haematocrit=choice.haematocrit,
        marrow_mass_g=choice.mass,
    )
    known = {} if whole_body is None else {TOTAL_BODY: whole_body.tia.value, **_organs(tias)}
    marrow, noticed = with_whole_body_if_possible(
        lambda whole: treatment_marrow(
            series, replace(treatment, tia_mbq_h=known) if whole else treatment, options, case.nuclide
        ),
        where=RED_MARROW_BY_BLOOD,
    )
    return marrow, _placed((*checked, *noticed, *marrow.findings), RED_MARROW_BY_BLOOD, everywhere=True)


def _series(case: Case) -> BloodSeries:
    """Return the samples of the study's treatment; a table of several must name its patient and cycle."""
    study = case.study
    path = case.study_file.resolve(study.blood or "")
    series = read_blood(path, specimen=study.marrow.specimen, haematocrit=study.marrow.haematocrit)
    if len(series) == 1:
        return series[0]
    wanted = (study.patient.id, None if study.cycle is None else str(study.cycle))
    matching = [item for item in series if (item.subject, item.cycle) == wanted]
    if not matching:
        named = ", ".join(item.label for item in series)
        raise StudyError(
            f"The table {path.name} holds {len(series)} treatments ({named}), none of which is patient '{wanted[0]}' "
            f"cycle {wanted[1]}: keep the samples of this cycle only, or correct 'subject' and 'cycle'.",
            code="blood-several-treatments",
        )
    return matching[0]


def _counter(case: Case) -> tuple[CounterCalibration | None, tuple[Finding, ...]]:
    resolve = case.study_file.resolve
    return counter_of_choice(case.study.counter, resolve, [resolve(case.study.blood or "")], nuclide=case.nuclide.name)


def _organs(tias: Mapping[str, TimeIntegratedActivity]) -> dict[str, Uncertain]:
    """Return the integrals of organs that have a dose factor of their own; a single kidney stands for itself."""
    organs: dict[str, Uncertain] = {}
    for region, tia in tias.items():
        organ = _PAIRED.get(region, region)
        if organ in _COUNTED_APART:
            organs[organ] = organs[organ] + tia.value if organ in organs else tia.value
    return organs


def _thyroid(case: Case) -> tuple[ThyroidUptake | None, list[Finding]]:
    if case.study.uptake is None:
        return None, []
    options = UptakeOptions(case.net_activity_mbq, start=case.start, timezone=case.study.timezone)
    uptake, measured = uptake_curve(
        read_uptake(case.study_file.resolve(case.study.uptake)), nuclide=case.nuclide, options=options
    )
    try:
        tia, fitted = integrate_measured(case, uptake.curve, models=thyroid_models(len(uptake.curve.t_h)))
    except FitError as error:
        raise FitError(f"Thyroid uptake: {error}", code=error.code) from None
    findings = _placed((*measured, *fitted), THYROID)
    mass_g = case.study.thyroid.mass
    if mass_g is None:
        message = "The mass of the thyroid is not stated ('thyroid: {mass: 25 g}'), so that there is no dose."
        findings.append(Finding("thyroid-mass-missing", "warning", message, THYROID))
        return ThyroidUptake(uptake, tia, None), findings
    findings += _placed((photon_finding(case.nuclide),), THYROID)
    findings += mass_range_findings(THYROID, mass_g=mass_g)
    mass = Uncertain.relative(mass_g, {f"mass:{THYROID}": case.study.thyroid.u})
    return ThyroidUptake(uptake, tia, region_dose(tia=tia, mass_g=mass, nuclide=case.nuclide)), findings


def _placed(findings: tuple[Finding, ...], where: str, *, everywhere: bool = False) -> list[Finding]:
    return [replace(finding, where=where) if everywhere or not finding.where else finding for finding in findings]
