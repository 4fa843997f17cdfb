"""Red marrow dose from blood samples: one treatment or a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from theradose.acquire.blood import read_blood
from theradose.dose.marrow import (
    MarrowConcentration,
    MarrowRatio,
    MarrowRequest,
    marrow_from_specimen,
    marrow_methods,
    marrow_ratio,
)
from theradose.dose.svalues import DEFAULT_SEX, Sex
from theradose.errors import FitError, StudyError
from theradose.kinetics.integrate import integrate_curve
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY
from theradose.model.samples import BloodSeries, SampleCurve, Specimen, Treatment
from theradose.nuclides import Constant, Nuclide, load_nuclide
from theradose.quantify.samples import SampleOptions, early_area_findings, excess_findings, sample_curve
from theradose.uncertainty import Uncertain
from theradose.workflow.marrow_result import TreatmentMarrow
from theradose.workflow.population import integrate_blood_in_population, open_population
from theradose.workflow.treatments import (
    TreatmentDefaults,
    check_stated,
    check_unique,
    completed_treatment,
    stated_treatments,
    unstated_findings,
)

BLOOD_MODELS = ("mono", "bi", "tri")
"""Models tried for blood by default, as far as the samples support their parameters."""
_PARAMETERS_PER_PHASE = 2


@dataclass(frozen=True, slots=True, eq=False)
class BloodMarrowOptions:
    """What holds for every treatment, unless the table of treatments says otherwise.

    Attributes
    ----------
    nuclide : str
        In any spelling.
    samples : SampleOptions
        How samples become concentrations.
    activity_mbq : float or None
        Administered activity.
    infusion_h : float
        Length of the infusion.
    specimen : {"blood", "plasma", "serum"} or None
        Of rows that do not state one.
    haematocrit : float or None
        Of rows that do not state one.
    sex : {"M", "F"} or None
        Of the reference adult.
    ratio : str
        Ratio of marrow and blood: ``1``, ``sgouros`` or a number.
    method : str
        Name in ``marrow_methods``.
    models : tuple of str or None
        Models to try.
    marrow_mass_g : float or None
        Of the patient.
    whole_body_tia_mbq_h : Uncertain or None
        Time-integrated activity in the whole body.
    population : Path or None
        Record of populations of blood, to which every patient belongs.
    amino_acids_until_h : float or None
        End of the amino-acid infusion; that of the record by default.
    """

    nuclide: str
    samples: SampleOptions
    activity_mbq: float | None = None
    infusion_h: float = 0.0
    specimen: Specimen | None = None
    haematocrit: float | None = None
    sex: Sex | None = None
    ratio: str = "1"
    method: str = "s-value"
    models: tuple[str, ...] | None = None
    marrow_mass_g: float | None = None
    whole_body_tia_mbq_h: Uncertain | None = None
    population: Path | None = None
    amino_acids_until_h: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BloodMarrow(TreatmentMarrow):
    """Result of one treatment; its integral is that of the specimen, MBq·h/L.

    Attributes
    ----------
    curve : SampleCurve
        Concentration in the specimen.
    ratio : MarrowRatio
        Of marrow and blood.
    concentration : MarrowConcentration
        In red marrow, with what was assumed.
    """

    curve: SampleCurve
    ratio: MarrowRatio
    concentration: MarrowConcentration


def blood_marrow(
    paths: Sequence[Path], options: BloodMarrowOptions, *, treatments: Path | None = None
) -> tuple[BloodMarrow, ...]:
    """Return the red marrow dose of every treatment in the tables.

    Parameters
    ----------
    paths : sequence of Path
        Tables of blood samples.
    options : BloodMarrowOptions
        What holds for all.
    treatments : Path, optional
        Table of treatments; its cells come before `options`.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used.
    """
    nuclide = load_nuclide(options.nuclide)
    marrow_methods.get(options.method)
    marrow_ratio(choice=options.ratio, haematocrit=options.haematocrit)
    stated = stated_treatments(treatments)
    haematocrits = {key: item.haematocrit for key, item in stated.items() if item.haematocrit is not None}
    series = [
        item
        for path in paths
        for item in read_blood(
            path, specimen=options.specimen, haematocrit=options.haematocrit, haematocrits=haematocrits
        )
    ]
    check_unique(series)
    if options.whole_body_tia_mbq_h is not None and len(series) > 1:
        raise StudyError(
            f"One time-integrated activity of the whole body is stated for {len(series)} treatments: give each its own "
            "in a table of treatments.",
            code="whole-body-of-several",
        )
    check_stated(series, stated, treatments)
    defaults = TreatmentDefaults(
        activity_mbq=options.activity_mbq,
        start=options.samples.start,
        infusion_h=options.infusion_h,
        sex=options.sex,
        haematocrit=options.haematocrit,
        marrow_mass_g=options.marrow_mass_g,
        whole_body_tia_mbq_h=options.whole_body_tia_mbq_h,
    )
    return tuple(
        treatment_marrow(item, completed_treatment(stated, item, defaults), options, nuclide) for item in series
    )


def constants_used(results: Sequence[BloodMarrow], nuclide: Nuclide) -> tuple[Constant, ...]:
    """Return every constant that a result rests on, once."""
    used = [constant for result in results for constant in (*result.ratio.constants, *result.dose.constants)]
    return tuple(dict.fromkeys([nuclide.half_life_h, *used]))


def treatment_marrow(
    series: BloodSeries, treatment: Treatment, options: BloodMarrowOptions, nuclide: Nuclide
) -> BloodMarrow:
    """Return the red marrow dose of one treatment; what `treatment` states comes before `options`.

    Raises
    ------
    TheradoseError
        One sentence for the first row or option that cannot be used.
    """
    curve, sampled = sample_curve(series, nuclide=nuclide, options=replace(options.samples, start=treatment.start))
    tia, fitted = _integral(curve, treatment, options, nuclide)
    haematocrit = treatment.haematocrit if curve.haematocrit is None else curve.haematocrit
    ratio, noticed = marrow_ratio(choice=options.ratio, haematocrit=haematocrit)
    concentration = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=tia.value, specimen=curve.specimen, haematocrit=haematocrit, ratio=ratio.value
    )
    dose, dosed = marrow_methods.get(options.method)(
        MarrowRequest(
            marrow_tia_mbq_h_per_kg=concentration.marrow,
            nuclide=nuclide,
            sex=treatment.sex or DEFAULT_SEX,
            marrow_mass_g=treatment.marrow_mass_g,
            whole_body_tia_mbq_h=treatment.tia_mbq_h.get(TOTAL_BODY),
            organ_tia_mbq_h={organ: value for organ, value in treatment.tia_mbq_h.items() if organ != TOTAL_BODY},
        )
    )
    checked = excess_findings(curve.curve, treatment.activity_mbq)
    findings = [*sampled, *checked, *fitted, *early_area_findings(tia), *noticed, *dosed, *unstated_findings(treatment)]
    return BloodMarrow(
        curve=curve,
        treatment=treatment,
        tia=tia,
        ratio=ratio,
        concentration=concentration,
        dose=dose,
        findings=tuple(dict.fromkeys(replace(finding, where=series.label) for finding in findings)),
    )


def _integral(
    curve: SampleCurve, treatment: Treatment, options: BloodMarrowOptions, nuclide: Nuclide
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    infusion_h = treatment.infusion_h or 0.0
    if options.population is None:
        return integrate_samples(curve, nuclide=nuclide, models=options.models, infusion_h=infusion_h)
    try:
        return integrate_blood_in_population(
            replace(curve.curve, region=curve.specimen),
            open_population(options.population, nuclide=nuclide),
            nuclide=nuclide,
            administered_mbq=treatment.activity_mbq,
            infusion_h=infusion_h,
            amino_acids_until_h=options.amino_acids_until_h,
        )
    except FitError as error:
        raise FitError(f"{curve.series.label}: {error}", code=error.code) from None


def integrate_samples(
    curve: SampleCurve, *, nuclide: Nuclide, models: tuple[str, ...] | None = None, infusion_h: float = 0.0
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate the concentration of blood samples over the average of the models that they support.

    Raises
    ------
    FitError
        With the treatment, if no model can be fitted.
    """
    if models is None:
        supported = int((curve.curve.t_h >= infusion_h).sum()) // _PARAMETERS_PER_PHASE
        models = BLOOD_MODELS[: max(supported, 1)]
    try:
        return integrate_curve(curve.curve, nuclide=nuclide, models=models, infusion_h=infusion_h)
    except FitError as error:
        raise FitError(f"{curve.series.label}: {error}", code=error.code) from None
