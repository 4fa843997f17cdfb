"""Toxicity of a cohort: from tables of counts, or the site's database of doses, to relations, risks and forecasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from theradose.biology.haematology_fit import packaged_prior
from theradose.cohort.counts import PatientCourses, count_courses
from theradose.cohort.forecast import CountForecast, NextCycle, forecast_counts
from theradose.cohort.risk import RiskAnalysis, risk_models
from theradose.cohort.toxicity import ToxicityAnalysis, analyse_toxicity
from theradose.cohort.toxicity_rows import exposures
from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.tables_counts import check_cycle_doses, read_counts, read_cycle_doses, read_patient_facts
from theradose.model.cohort import IDENTIFIED, TreatmentRecord, cohort_rows
from theradose.model.counts import LABELS, QUANTITIES, BloodCount, DoseOfCycle, Moment, PatientFacts
from theradose.model.finding import Finding
from theradose.model.samples import CellOrigin
from theradose.store.pseudonyms import read_secret
from theradose.units import MBQ_PER_GBQ
from theradose.workflow.cohort_database import database_treatments
from theradose.workflow.cohort_records import Identity
from theradose.workflow.document_parts import Origin, origin_of

_MARROW = "red-marrow"
_BY = "-by-"
_OTHERS = ("spleen", "whole-body", "total-body")


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityOptions:
    """What is analysed.

    Attributes
    ----------
    counts : Path
        Table of counts.
    doses : Path or None
        Table of doses.
    database : str or None
        The site's database instead of a table.
    secret : Path or None
        Behind the pseudonyms of the database, which ids of the tables are turned into.
    patients : Path or None
        Table of patients.
    lower_limits : mapping
        Of normal, by quantity and sex.
    grade : int
        Whose odds are related to dose.
    with_influenced : bool
        Whether counts under transfusion or growth factor may be lowest counts.
    risk : str or None
        Kind of count whose risk is modelled.
    forecast : str or None
        Patient whose next cycle is forecast.
    exposure : str or None
        Dose of the forecast; the first to red marrow by default.
    following : NextCycle
        The cycle to come.
    half_life_h : float or None
        Effective half-life in marrow where the table has none.
    seed : int
        Of all draws.
    """

    counts: Path
    doses: Path | None = None
    database: str | None = None
    secret: Path | None = None
    patients: Path | None = None
    lower_limits: Mapping[tuple[str, str | None], float] = field(default_factory=dict)
    grade: int = 2
    with_influenced: bool = False
    risk: str | None = None
    forecast: str | None = None
    exposure: str | None = None
    following: NextCycle = NextCycle()
    half_life_h: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityReport:
    """What was found."""

    options: ToxicityOptions
    files: Origin
    patients: tuple[PatientCourses, ...]
    analysis: ToxicityAnalysis
    risk: RiskAnalysis | None
    forecasts: tuple[CountForecast, ...]
    findings: tuple[Finding, ...]


def toxicity_of_cohort(options: ToxicityOptions, *, on_step: Callable[[str], None] = lambda _: None) -> ToxicityReport:
    """Return the analysis of a cohort.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used.
    """
    on_step("reading tables")
    counts = read_counts(options.counts)
    facts = {} if options.patients is None else read_patient_facts(options.patients)
    doses, counts, facts = _doses(options, counts, facts)
    patients, noticed = count_courses(
        counts, doses, facts=facts, lower_limits=options.lower_limits, with_influenced=options.with_influenced
    )
    if not patients:
        raise StudyError("No patient has both counts and doses: the names in the tables must agree.",
                         code="counts-without-doses")  # fmt: skip
    used = [dose for patient in patients for dose in patient.doses]
    on_step("relations of counts and dose")
    analysis = analyse_toxicity(patients, doses=used, facts=facts, grade=options.grade)
    risk = None
    if options.risk is not None:
        on_step("models of risk")
        risk = risk_models(
            patients, quantity=options.risk, doses=used, facts=facts, grade=options.grade, seed=options.seed
        )
    forecasts = _forecasts(options, patients, used, on_step)
    findings = [*noticed, *analysis.findings, *(risk.findings if risk else ())]
    findings += [finding for forecast in forecasts for finding in forecast.fit.findings]
    return ToxicityReport(
        options=options,
        files=origin_of(options.counts, options.doses, options.patients),
        patients=patients,
        analysis=analysis,
        risk=risk,
        forecasts=forecasts,
        findings=tuple(dict.fromkeys(findings)),
    )


def _forecasts(
    options: ToxicityOptions,
    patients: Sequence[PatientCourses],
    doses: Sequence[DoseOfCycle],
    on_step: Callable[[str], None],
) -> tuple[CountForecast, ...]:
    if options.forecast is None:
        return ()
    patient = next((item for item in patients if item.patient == options.forecast), None)
    if patient is None:
        raise StudyError(f"There is no patient '{options.forecast}' with counts and doses: correct --forecast.",
                         code="forecast-patient")  # fmt: skip
    marrow = [key for key in exposures(doses) if key.startswith(_MARROW)]
    exposure = options.exposure or (marrow[0] if marrow else None)
    if exposure is None:
        raise StudyError("A forecast needs doses to red marrow: add rows of the region 'red-marrow'.",
                         code="forecast-dose")  # fmt: skip
    forecasts = []
    for quantity in load_yaml("haematology.yaml")["response_priors"]:
        if patient.course(quantity) is not None:
            on_step(f"response of {LABELS[quantity]}")
            forecasts.append(
                forecast_counts(
                    patient,
                    prior=packaged_prior(quantity),
                    exposure=exposure,
                    following=options.following,
                    half_life_h=options.half_life_h,
                    seed=options.seed,
                )
            )
    return tuple(forecasts)


def _doses(
    options: ToxicityOptions, counts: tuple[BloodCount, ...], facts: dict[str, PatientFacts]
) -> tuple[tuple[DoseOfCycle, ...], tuple[BloodCount, ...], dict[str, PatientFacts]]:
    """Return the doses, and counts and facts with the names and dates that the patients have beside them."""
    if (options.doses is None) == (options.database is None):
        raise StudyError("Counts need doses beside them: give either --doses or --database.", code="doses-source")
    if options.doses is not None:
        return read_cycle_doses(options.doses), counts, facts
    assert options.database is not None
    treatments = database_treatments(options.database)
    doses = tuple(_of_database(treatments, options.database, by_days=counts[0].moment.date is None))
    check_cycle_doses(doses)
    if not treatments or treatments[0].identity == IDENTIFIED or options.secret is None:
        return doses, counts, facts
    identity = Identity(read_secret(options.secret))
    if identity.mark != treatments[0].identity:
        raise StudyError(
            f"The secret {options.secret.name} is not the one behind the pseudonyms of the database: give that one.",
            code="database-identity",
        )
    moved = tuple(
        replace(count, patient=identity.patient(count.patient), moment=_moved(identity, count)) for count in counts
    )
    return doses, moved, {
        identity.patient(name): replace(fact, patient=identity.patient(name)) for name, fact in facts.items()
    }  # fmt: skip


def _moved(identity: Identity, count: BloodCount) -> Moment:
    if count.moment.date is None:
        return count.moment
    return replace(count.moment, date=identity.moment(count.patient, count.moment.date))


def _of_database(treatments: Sequence[TreatmentRecord], place: str, *, by_days: bool) -> list[DoseOfCycle]:
    """Return marrow, spleen and whole-body doses of a database, on days since the first cycle where counts are."""
    zero: dict[str, datetime] = {}
    for treatment in treatments:
        if treatment.administered_at is not None:
            moment = datetime.fromisoformat(treatment.administered_at).replace(tzinfo=None)
            zero[treatment.patient] = min(moment, zero.get(treatment.patient, moment))
    doses = []
    for item in cohort_rows(tuple(treatments)):
        treatment, region = item.treatment, item.region
        name, _, method = region.region.partition(_BY)
        if region.dose_gy is None or treatment.administered_at is None or name not in (_MARROW, *_OTHERS):
            continue
        moment = datetime.fromisoformat(treatment.administered_at).replace(tzinfo=None)
        days = (moment - zero[treatment.patient]) / timedelta(days=1)
        doses.append(
            DoseOfCycle(
                origin=CellOrigin(place, 0),
                patient=treatment.patient,
                cycle=str(treatment.cycle),
                moment=Moment(t_d=days) if by_days else Moment(moment, with_time=True),
                region=name,
                method=method,
                dose_gy=region.dose_gy,
                u_dose_gy=region.u_dose_gy,
                activity_gbq=treatment.activity_mbq / MBQ_PER_GBQ,
                effective_half_life_h=region.effective_half_life_h,
            )
        )
    return doses


def checked_quantity(name: str, option: str) -> str:
    """Return the kind of count that an option names.

    Raises
    ------
    StudyError
        ``option-choice``.
    """
    if name not in QUANTITIES:
        raise StudyError(f"'{name}' of {option} is no count: choose one of {', '.join(QUANTITIES)}.",
                         code="option-choice")  # fmt: skip
    return name


def checked_lower_limit(quantity: str, value: float, option: str) -> float:
    """Return a lower limit of normal in g/dL or 10⁹/L, which no laboratory puts below the limit of grade 2.

    Raises
    ------
    StudyError
        ``option-range``.
    """
    record = load_yaml("haematology.yaml")["quantities"][quantity]
    low, high = record["grades"]["value"]["2"], record["plausible"]["value"][1]
    if not low <= value <= high:
        unit = record["unit"].replace("1e9", "10⁹")
        raise StudyError(
            f"{value:g} of {option} is no lower limit of normal of {LABELS[quantity]}, which lies between {low:g} and "
            f"{high:g} {unit}: give it in {unit}.",
            code="option-range",
        )
    return value
