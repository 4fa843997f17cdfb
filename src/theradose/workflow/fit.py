"""Fits of a whole table of time-activity curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.errors import FitError
from theradose.formats.tables_curves import SubjectCurve, read_curves
from theradose.kinetics.integrate import integrate_curve
from theradose.kinetics.models import curve_models
from theradose.kinetics.single_time_point import (
    Assumptions,
    integrate_single_point,
    single_time_point_methods,
)
from theradose.model.curve import CurveFit, TimeIntegratedActivity
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.nuclides import Nuclide, load_nuclide
from theradose.report.curves import CurvePage, write_curve_pages, write_curve_summary
from theradose.workflow.document_parts import finite
from theradose.workflow.population import (
    METHOD,
    PopulationSource,
    administered_activities,
    integrate_in_population,
    open_population,
    shift_findings,
)


@dataclass(frozen=True, slots=True)
class SinglePointChoice:
    """How curves of one point are integrated: a single-time-point method and what is assumed for all of them."""

    method: str
    given: Assumptions


@dataclass(frozen=True, slots=True, eq=False)
class PopulationChoice:
    """Curves of few points are those of members of a population, and what each subject was given.

    Attributes
    ----------
    path : Path
        Record.
    measured_with : str or None
        Nuclide of the record, where it is another one.
    points : int or None
        Largest number of points.
    activity_mbq : float or None
        Given to every subject.
    treatments : Path or None
        Table with what each subject was given; its cells come before `activity_mbq`.
    """

    path: Path
    measured_with: str | None = None
    points: int | None = None
    activity_mbq: float | None = None
    treatments: Path | None = None


@dataclass(frozen=True, slots=True)
class RefusedCurve:
    """A curve that cannot be fitted as asked, with the sentence that says why."""

    subject: str
    region: str
    error: FitError


@dataclass(frozen=True, slots=True, eq=False)
class FittedTable:
    """Every curve of a table: fitted or refused.

    Attributes
    ----------
    fits : tuple of CurvePage
        The fitted curves in the order of the table.
    refused : tuple of RefusedCurve
        The others.
    files : tuple of Path
        What was written.
    findings : tuple of Finding
        About all curves together.
    """

    fits: tuple[CurvePage, ...]
    refused: tuple[RefusedCurve, ...]
    files: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``theradose fit --json``."""
        return {
            "fits": [_described(page) for page in self.fits],
            "refused": [
                {"subject": item.subject, "region": item.region, "code": item.error.code, "message": str(item.error)}
                for item in self.refused
            ],
            "findings": [finding.to_json() for finding in self.findings],
        }

    def require_complete(self) -> None:
        """Refuse in one sentence if any curve was refused."""
        if not self.refused:
            return
        first = self.refused[0]
        if len(self.refused) == 1 and not self.fits:
            raise first.error
        raise FitError(
            f"{len(self.refused)} of {len(self.refused) + len(self.fits)} curves cannot be fitted as asked; the first, "
            f"of subject '{first.subject}': {first.error}",
            code=first.error.code,
        )


def fit_table(
    path: Path,
    *,
    nuclide: str,
    models: Sequence[str] | None = None,
    relative_u: float | None = None,
    infusion_h: float = 0.0,
    single: SinglePointChoice | None = None,
    population: PopulationChoice | None = None,
    out: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FittedTable:
    """Fit and integrate every curve of a table.

    Parameters
    ----------
    path : Path
        Table of curves.
    nuclide : str
        Name of the nuclide.
    models : sequence of str, optional
        Models to try on every curve; those that its points support otherwise. A single one is prescribed.
    relative_u : float, optional
        Relative standard uncertainty of points without one.
    infusion_h : float
        Length of a constant infusion that began at t = 0.
    single : SinglePointChoice, optional
        For curves of one point, which are refused without it.
    population : PopulationChoice, optional
        For curves of few points.
    out : Path, optional
        Folder for a page per curve (``curves.pdf``) and a summary (``fits_summary.csv``).
    progress : callable
        Called with the number of curves done and of all.

    Raises
    ------
    StudyError, FitError
        For a table that cannot be read, an unknown nuclide or model. What concerns one curve only is in `refused`.
    """
    known = load_nuclide(nuclide)
    for name in models or ():
        curve_models.get(name)
    if single is not None:
        single_time_point_methods.get(single.method)
    members = None if population is None else _Members.of(population, known)
    curves = read_curves(path, relative_u=relative_u)
    fits: list[CurvePage] = []
    refused: list[RefusedCurve] = []
    for done, item in enumerate(curves):
        progress(done, len(curves))
        try:
            fits.append(_fit(item, nuclide=known, models=models, infusion_h=infusion_h, single=single, members=members))
        except FitError as error:
            refused.append(RefusedCurve(item.subject, item.curve.region, error))
    progress(len(curves), len(curves))
    shifted = () if members is None else members.shift_findings(fits, nuclide=known, infusion_h=infusion_h)
    return FittedTable(tuple(fits), tuple(refused), _write(fits, nuclide=known, out=out, progress=progress), shifted)


def _fit(
    item: SubjectCurve,
    *,
    nuclide: Nuclide,
    models: Sequence[str] | None,
    infusion_h: float,
    single: SinglePointChoice | None,
    members: _Members | None,
) -> CurvePage:
    if members is not None and members.source.takes(item.curve):
        tia, findings = integrate_in_population(
            item.curve,
            members.source,
            nuclide=nuclide,
            administered_mbq=members.activity_mbq(item.subject),
            infusion_h=infusion_h,
        )
        return CurvePage(item.subject, tia, findings)
    if single is not None and len(item.curve.t_h) == 1:
        tia, findings = integrate_single_point(item.curve, nuclide=nuclide, method=single.method, given=single.given)
        return CurvePage(item.subject, tia, findings)
    prescribed = models[0] if models is not None and len(models) == 1 else None
    tia, findings = integrate_curve(
        item.curve, nuclide=nuclide, models=models, force_model=prescribed, infusion_h=infusion_h
    )
    return CurvePage(item.subject, tia, findings)


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """A record with what each subject was given."""

    source: PopulationSource
    activities: Mapping[str, float]
    activity: float | None

    @classmethod
    def of(cls, chosen: PopulationChoice, nuclide: Nuclide) -> _Members:
        source = open_population(chosen.path, nuclide=nuclide, measured_with=chosen.measured_with, points=chosen.points)
        return cls(source, administered_activities(chosen.treatments), chosen.activity_mbq)

    def activity_mbq(self, subject: str) -> float | None:
        return self.activities.get(subject, self.activity)

    def shift_findings(self, pages: Sequence[CurvePage], *, nuclide: Nuclide, infusion_h: float) -> tuple[Finding, ...]:
        """Return what all curves that were taken as members tell together."""
        taken = [
            (page.tia.curve, activity)
            for page in pages
            if page.tia.chosen == METHOD and (activity := self.activity_mbq(page.subject)) is not None
        ]
        return shift_findings(self.source, taken, nuclide=nuclide, infusion_h=infusion_h)


def _write(
    pages: Sequence[CurvePage], *, nuclide: Nuclide, out: Path | None, progress: Callable[[int, int], None]
) -> tuple[Path, ...]:
    if out is None or not pages:
        return ()
    out.mkdir(parents=True, exist_ok=True)
    summary, drawn = out / "fits_summary.csv", out / "curves.pdf"
    write_curve_summary(pages, summary)
    write_curve_pages(pages, drawn, nuclide=nuclide.name, progress=progress)
    return summary, drawn


def _described(page: CurvePage) -> dict[str, Any]:
    tia = page.tia
    return {
        "subject": page.subject,
        "region": tia.region,
        "chosen": tia.chosen,
        "tia_mbq_h": pair_document(tia.value),
        "effective_half_life_h": pair_document(tia.effective_half_life_h),
        "extrapolated_fraction": tia.extrapolated_fraction,
        "before_first_fraction": tia.before_first_fraction,
        "models": [_model(fit) for fit in tia.fits],
        "flags": list(curve_flags(tia, page.findings)),
        "findings": [
            {"code": finding.code, "severity": finding.severity, "message": finding.message}
            for finding in page.findings
        ],
    }


def curve_flags(tia: TimeIntegratedActivity, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the codes of the findings of a curve and the flags of its leading fit, each once."""
    leading = max(tia.fits, key=lambda fit: fit.weight)
    return tuple(dict.fromkeys([*(finding.code for finding in findings), *leading.flags]))


def _model(fit: CurveFit) -> dict[str, Any]:
    return {
        "name": fit.model,
        "parameters": dict(fit.parameters),
        "tia_mbq_h": {"value": fit.tia_mbq_h, "u": finite(fit.u_tia_mbq_h)},
        "effective_half_life_h": fit.effective_half_life_h,
        "chi_squared": fit.chi_squared,
        "aicc": finite(fit.aicc),
        "weight": fit.weight,
        "flags": list(fit.flags),
    }
