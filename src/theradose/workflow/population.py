"""From a record of populations to the one of a region, checked against what is being done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from theradose.errors import FitError, StudyError
from theradose.formats.population_record import read_population
from theradose.formats.tables_treatments import read_treatments
from theradose.kinetics.infusion import points_after_infusion
from theradose.kinetics.population import Population, population_of, population_setting, shift_probability
from theradose.kinetics.population_forms import PhaseForm
from theradose.kinetics.single_time_point import Assumptions, integral_of_points, integrate_single_point
from theradose.kinetics.single_time_point_population import member_integral, population_points
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.population import PopulationRecord, RegionPopulation
from theradose.nuclides import Nuclide, load_nuclide
from theradose.workflow.study_file import StudyFile

METHOD = "population"
"""Name of the single-time-point method."""


@dataclass(frozen=True, slots=True, eq=False)
class PopulationSource:
    """A record and what the user states about its use.

    Attributes
    ----------
    path : Path
        Where the record is.
    record : PopulationRecord
        The record.
    measured_with : Nuclide
        Of the record.
    points : int
        Curves of at most this many points are those of a member of the population.
    """

    path: Path
    record: PopulationRecord
    measured_with: Nuclide
    points: int

    def takes(self, curve: TimeActivityCurve) -> bool:
        """Return whether a curve is integrated as that of a member: a single one always, a few where it has a name."""
        count = len(curve.t_h)
        return count == 1 or (count <= self.points and self.record.find(curve.region) is not None)

    def find(self, region: str) -> RegionPopulation:
        """Return the population of a region.

        Raises
        ------
        FitError
            ``population-region``.
        """
        found = self.record.find(region)
        if found is None:
            known = ", ".join(name for population in self.record.populations for name in population.regions)
            raise FitError(
                f"The population {self.path.name} has none for '{region}': it has {known}.", code="population-region"
            )
        return found


def open_population(
    path: Path,
    *,
    nuclide: Nuclide,
    therapy: str | None = None,
    measured_with: str | None = None,
    points: int | None = None,
) -> PopulationSource:
    """Read a record and refuse it where it is of something else.

    Parameters
    ----------
    path : Path
        Record.
    nuclide : Nuclide
        Of the patient.
    therapy : str, optional
        Of the patient, where it is known.
    measured_with : str, optional
        Nuclide of the record, stated where it is another one than the patient's: the biology is taken to be the same.
    points : int, optional
        Largest number of points; the packaged one by default.

    Raises
    ------
    StudyError
        The refusals of :func:`theradose.formats.population_record.read_population`, ``population-nuclide``,
        ``population-therapy``, ``population-points-range``.
    """
    record = read_population(path)
    known, most = load_nuclide(record.nuclide), int(population_setting("most_points"))
    stated = nuclide if measured_with is None else load_nuclide(measured_with)
    if stated.name != known.name:
        remedy = (
            f"it was measured with {known.name}: correct it"
            if measured_with is not None
            else f"the patient's is {nuclide.name}: if the biology is the same, state 'population_nuclide: "
            f"{known.name}' (--population-nuclide)"
        )
        raise StudyError(
            f"The population {path.name} is one of {known.name}, not {stated.name}; {remedy}.",
            code="population-nuclide",
        )
    if None not in (therapy, record.therapy) and therapy != record.therapy and measured_with is None:
        raise StudyError(
            f"The population {path.name} is of the therapy '{record.therapy}', but this is '{therapy}': name one of "
            "the same therapy.",
            code="population-therapy",
        )
    if points is not None and not 1 <= points <= most:
        raise StudyError(
            f"A population is used for 1 to {most} points, not {points}: correct 'points'.",
            code="population-points-range",
        )
    return PopulationSource(path, record, known, most if points is None else points)


def study_population(study_file: StudyFile, nuclide: Nuclide) -> PopulationSource | None:
    """Return the record that a study names, checked; ``None`` if it names none.

    Raises
    ------
    StudyError
        ``file-missing``, and the refusals of :func:`open_population`.
    """
    stated = study_file.study.single_time_point
    if stated is None or stated.population is None:
        return None
    return open_population(
        study_file.resolve(stated.population),
        nuclide=nuclide,
        therapy=study_file.study.therapy,
        measured_with=stated.population_nuclide,
        points=stated.points,
    )


def region_population(
    source: PopulationSource,
    curve: TimeActivityCurve,
    *,
    nuclide: Nuclide,
    infusion_h: float,
    amino_acids_until_h: float | None = None,
) -> tuple[Population, tuple[Finding, ...]]:
    """Return the population of a curve's region, and what limits its use.

    Raises
    ------
    FitError
        ``population-region``, ``population-form``, ``population-few-patients``.
    """
    stated, region = source.find(curve.region), curve.region
    population = population_of(
        stated,
        measured_with=source.measured_with,
        nuclide=nuclide,
        infusion_h=infusion_h,
        amino_acids_until_h=amino_acids_until_h,
    )
    message = (
        f"'{region}' is taken as a member of the population of {source.path.name}: {stated.patients} patients, form "
        f"'{stated.form}', points from {stated.t_h[0]:.4g} to {stated.t_h[1]:.4g} h."
    )
    findings = [Finding("population-used", "info", message, region)]
    if source.measured_with.name != nuclide.name:
        message = (
            f"The population was measured with {source.measured_with.name}: its biology is taken for that of "
            f"{nuclide.name}, and only physical decay was exchanged."
        )
        findings.append(Finding("population-other-nuclide", "warning", message, region))
    outside = curve.t_h[(curve.t_h < stated.t_h[0]) | (curve.t_h > stated.t_h[1])]
    if len(outside):
        times = ", ".join(f"{t_h:.4g}" for t_h in outside)
        message = (
            f"The points at {times} h lie outside the {stated.t_h[0]:.4g} to {stated.t_h[1]:.4g} h in which the "
            "population was measured: its curves were not seen there."
        )
        findings.append(Finding("population-time", "warning", message, region))
    return population, tuple(findings)


def integrate_in_population(
    curve: TimeActivityCurve,
    source: PopulationSource,
    *,
    nuclide: Nuclide,
    administered_mbq: float | None,
    infusion_h: float,
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate few points of a region as those of a member of its population.

    Raises
    ------
    FitError
        The refusals of :func:`region_population` and of the method.
    """
    curve, early = points_after_infusion(curve, infusion_h=infusion_h)
    population, noticed = region_population(source, curve, nuclide=nuclide, infusion_h=infusion_h)
    given = Assumptions(population=population, administered_mbq=administered_mbq)
    tia, findings = integrate_single_point(curve, nuclide=nuclide, method=METHOD, given=given)
    return tia, (*early, *noticed, *findings)


def integrate_blood_in_population(
    curve: TimeActivityCurve,
    source: PopulationSource,
    *,
    nuclide: Nuclide,
    administered_mbq: float | None,
    infusion_h: float,
    amino_acids_until_h: float | None,
) -> tuple[TimeIntegratedActivity, tuple[Finding, ...]]:
    """Integrate samples of blood or plasma as those of a member of its population, MBq·h/L.

    Raises
    ------
    FitError
        ``activity-missing``, the refusals of :func:`region_population` and of the method.
    """
    if administered_mbq is None:
        raise FitError(
            f"The population of '{curve.region}' is one of shares of the administered activity: state --activity.",
            code="activity-missing",
        )
    population, noticed = region_population(
        source, curve, nuclide=nuclide, infusion_h=infusion_h, amino_acids_until_h=amino_acids_until_h
    )
    if isinstance(population.form, PhaseForm):
        raise FitError(
            f"The population of '{curve.region}' in {source.path.name} is one of a region: make one of blood with "
            "'theradose cohort population --blood'.",
            code="population-form",
        )
    integral = member_integral(curve, population, nuclide=nuclide, administered_mbq=administered_mbq)
    tia, findings = integral_of_points(curve, integral, method=METHOD)
    return tia, (*noticed, *findings)


def shift_findings(
    source: PopulationSource,
    members: Sequence[tuple[TimeActivityCurve, float]],
    *,
    nuclide: Nuclide,
    infusion_h: float,
) -> tuple[Finding, ...]:
    """Say which regions of several patients lie, as a group, too far from the mean of their population.

    Parameters
    ----------
    source : PopulationSource
        The record.
    members : sequence of (TimeActivityCurve, float)
        Curves with the administered activities, MBq.
    nuclide : Nuclide
        Of the patients.
    infusion_h : float
        Length of the infusion.
    """
    fewest, level = int(population_setting("fewest_patients")), population_setting("mismatch_probability")
    findings = []
    for stated in source.record.populations:
        own = [
            population_points(curve, administered_mbq=activity)
            for curve, activity in members
            if curve.region in stated.regions
        ]
        if len(own) < fewest:
            continue
        population = population_of(stated, measured_with=source.measured_with, nuclide=nuclide, infusion_h=infusion_h)
        probability = shift_probability(population, own)
        if probability < level:
            where = ", ".join(stated.regions)
            message = (
                f"The {len(own)} curves of '{where}' lie, as a group, elsewhere than the population: patients of it "
                f"would do so with a probability of {probability:.1g}. Their integrals are biased towards another "
                "population; fit one of these patients."
            )
            findings.append(Finding("population-shift", "critical", message, where))
    return tuple(findings)


def administered_activities(treatments: Path | None) -> dict[str, float]:
    """Return what a table of treatments says that each subject was given, MBq.

    Raises
    ------
    StudyError
        ``activity-two-cycles`` for a subject with two treatments, whose curves nobody can tell apart.
    """
    found: dict[str, float] = {}
    for (subject, _), treatment in ({} if treatments is None else read_treatments(treatments)).items():
        if treatment.activity_mbq is None:
            continue
        if subject in found:
            raise StudyError(
                f"{treatment.origin.file}, line {treatment.origin.line}: subject '{subject}' has a second treatment, "
                "but curves name no cycle: give each treatment its own subject.",
                code="activity-two-cycles",
            )
        found[subject] = treatment.activity_mbq
    return found
