"""Foci of blood cells with the dose rate that the marrow laboratory measured: model by treatment, and line by dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from theradose.biology.foci import blood_dose, blood_self_dose_rate
from theradose.biology.foci_dose import FociLine, foci_by_dose
from theradose.biology.foci_fit import Errors, FociFit, fit_foci
from theradose.data import load_number, load_yaml
from theradose.errors import FitError, StudyError
from theradose.formats.tables_foci import read_foci
from theradose.kinetics.course import TimeCourse
from theradose.model.finding import Finding
from theradose.model.foci import FociSample
from theradose.nuclides import Constant, load_nuclide
from theradose.quantify.samples import SampleOptions
from theradose.workflow.document_parts import Origin, origin_of
from theradose.workflow.marrow import BloodMarrowOptions, blood_marrow

_OF_MARROW = "marrow-"
"""Beginning of the findings of the marrow laboratory that say nothing of blood."""


@dataclass(frozen=True, slots=True, eq=False)
class FociOptions:
    """What is analysed.

    Attributes
    ----------
    foci : Path
        Table of foci.
    blood : Path or None
        Table of blood samples of the same treatments, for the dose rate; without it the table of foci states doses.
    treatments : Path or None
        Table of treatments, for the infusion.
    nuclide : str or None
        In blood, needed with `blood`.
    errors : str
        Of the counts, as of :func:`theradose.biology.foci_fit.fit_foci`.
    unrepaired : float or None
        Share that is held.
    until_h : float or None
        Last sample of the line by dose; the packaged time by default.
    """

    foci: Path
    blood: Path | None = None
    treatments: Path | None = None
    nuclide: str | None = None
    errors: Errors = "quasi-poisson"
    unrepaired: float | None = None
    until_h: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TreatmentFoci:
    """Foci of one treatment; `fit` and `dose_rate` are ``None`` where the dose rate is not known or nothing was fitted.

    Attributes
    ----------
    label, patient : str
        Treatment, and patient.
    samples : tuple of FociSample
        In the order of time.
    dose_mgy : tuple of float or None
        To blood at each sample.
    dose_rate : TimeCourse or None
        To blood, mGy/h.
    fit : FociFit or None
        The model.
    """

    label: str
    patient: str
    samples: tuple[FociSample, ...]
    dose_mgy: tuple[float | None, ...]
    dose_rate: TimeCourse | None
    fit: FociFit | None


@dataclass(frozen=True, slots=True, eq=False)
class FociReport:
    """What was found; `line` is ``None`` where the samples do not determine one."""

    options: FociOptions
    files: Origin
    until_h: float
    treatments: tuple[TreatmentFoci, ...]
    line: FociLine | None
    line_samples: tuple[tuple[str, float], ...]
    constants: tuple[Constant, ...]
    findings: tuple[Finding, ...]


def foci_of_cohort(options: FociOptions) -> FociReport:
    """Return the analysis of foci.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used.
    """
    samples = read_foci(options.foci)
    if options.blood is None and not any(sample.blood_dose_mgy is not None for sample in samples):
        raise StudyError(
            "Foci need the dose to blood: give --blood with the samples of the same treatments, or fill "
            "'blood_dose_mgy'.",
            code="foci-dose-missing",
        )
    rates, findings = ({}, []) if options.blood is None else _dose_rates(options)
    until = options.until_h or load_number("haematology.yaml", "foci_linear_until")
    by_label: dict[str, list[FociSample]] = {}
    for sample in samples:
        by_label.setdefault(sample.treatment.label, []).append(sample)
    treatments = []
    for label, members in by_label.items():
        treatment, noticed = _treatment(label, sorted(members, key=lambda item: item.t_h), rates, options)
        treatments.append(treatment)
        findings += noticed
    line, used, noticed = _line(treatments, until)
    return FociReport(
        options=options,
        files=origin_of(options.foci, options.blood, options.treatments),
        until_h=until,
        treatments=tuple(treatments),
        line=line,
        line_samples=used,
        constants=(
            _constant("foci are linear in dose until", "foci_linear_until"),
            _constant("largest plausible slope of foci by dose", "largest_induction"),
        ),
        findings=tuple(dict.fromkeys([*findings, *noticed])),
    )


def _dose_rates(options: FociOptions) -> tuple[dict[str, TimeCourse], list[Finding]]:
    """Return the dose rate to blood by treatment, from the curves of the marrow laboratory."""
    if options.nuclide is None or options.blood is None:
        raise StudyError("The dose rate of blood samples needs the nuclide: state --nuclide, for example Lu-177.",
                         code="foci-nuclide")  # fmt: skip
    nuclide = load_nuclide(options.nuclide)
    results = blood_marrow(
        [options.blood], BloodMarrowOptions(options.nuclide, SampleOptions()), treatments=options.treatments
    )
    rates = {
        result.curve.series.label: blood_self_dose_rate(
            tia=result.tia, nuclide=nuclide, blood_tia_mbq_h_per_kg=result.concentration.blood.value
        )
        for result in results
    }
    findings = [
        finding
        for result in results
        for finding in result.findings
        if finding.severity != "info" and not finding.code.startswith(_OF_MARROW)
    ]
    findings.append(
        Finding(
            "foci-self-dose",
            "warning",
            "The dose rate to blood is that of charged particles from activity in blood: photons of the rest of the "
            "body are left out, so doses are too low and the induction per dose is too high.",
            "cohort",
        )
    )
    return rates, findings


def _treatment(
    label: str, samples: Sequence[FociSample], rates: Mapping[str, TimeCourse], options: FociOptions
) -> tuple[TreatmentFoci, list[Finding]]:
    rate = rates.get(label)
    times = [sample.t_h for sample in samples]
    if rate is None:
        doses = [0.0 if sample.t_h <= 0 else sample.blood_dose_mgy for sample in samples]
        noticed = (
            [Finding("foci-no-dose-rate", "warning", "There are no blood samples of this treatment, so the model was "
                     "not fitted.", label)] if options.blood is not None else []
        )  # fmt: skip
        return TreatmentFoci(label, samples[0].treatment.subject, tuple(samples), tuple(doses), None, None), noticed
    doses = blood_dose(t_h=times, dose_rate=rate).tolist()
    fit, noticed = None, []
    try:
        fit = fit_foci(
            t_h=times,
            cells=[sample.cells for sample in samples],
            foci=[sample.foci for sample in samples],
            dose_rate=rate,
            errors=options.errors,
            unrepaired=options.unrepaired,
        )
        noticed = [replace(finding, where=label) for finding in fit.findings]
    except FitError as error:
        noticed = [Finding("foci-not-fitted", "warning", str(error), label)]
    return TreatmentFoci(label, samples[0].treatment.subject, tuple(samples), tuple(doses), rate, fit), noticed


def _line(
    treatments: Sequence[TreatmentFoci], until_h: float
) -> tuple[FociLine | None, tuple[tuple[str, float], ...], list[Finding]]:
    """Return the line by dose over early samples, one background for each treatment, and its samples."""
    used = [
        (treatment.label, dose, sample)
        for treatment in treatments
        for sample, dose in zip(treatment.samples, treatment.dose_mgy, strict=True)
        if dose is not None and sample.t_h <= until_h
    ]
    labels = [label for label, _, _ in used]
    kept = [item for item in used if labels.count(item[0]) > 1]
    try:
        line = foci_by_dose(
            dose_mgy=[dose for _, dose, _ in kept],
            cells=[sample.cells for _, _, sample in kept],
            foci=[sample.foci for _, _, sample in kept],
            patients=[label for label, _, _ in kept],
        )
    except FitError as error:
        return None, (), [Finding("foci-no-line", "warning", str(error), "cohort")]
    return line, tuple((label, dose) for label, dose, _ in kept), _unit_findings(line.slope_per_mgy.value)


def _unit_findings(slope_per_mgy: float) -> list[Finding]:
    """Say where the slope is beyond what is seen of cells, as with doses in Gy in the column of mGy."""
    most = load_number("haematology.yaml", "largest_induction")
    if slope_per_mgy <= most:
        return []
    message = (
        f"The slope is {slope_per_mgy:.3g} foci per cell and mGy, above {most:g}, which no cells are known to reach: "
        "check that doses are in mGy and that foci are counted in all of the cells."
    )
    return [Finding("foci-slope-implausible", "critical", message, "cohort")]


def _constant(words: str, name: str) -> Constant:
    record = load_yaml("haematology.yaml")[name]
    return Constant(words, record["value"], record["unit"], record["source"],
                    record["status"], record["edition"])  # fmt: skip
