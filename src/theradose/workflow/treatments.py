"""Treatments of a cohort: what a table states about each, completed by what holds for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from theradose.dose.svalues import Sex
from theradose.errors import StudyError
from theradose.formats.tables_treatments import read_treatments
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY
from theradose.model.samples import CellOrigin, Treatment
from theradose.uncertainty import Uncertain

TreatmentKey = tuple[str, str | None]
"""Subject and cycle."""


class Measured(Protocol):
    """The samples or images of one treatment."""

    @property
    def subject(self) -> str:
        """Name of the patient."""
        ...

    @property
    def cycle(self) -> str | None:
        """Cycle, as written."""
        ...

    @property
    def label(self) -> str:
        """Name of the treatment for findings."""
        ...

    @property
    def origin(self) -> CellOrigin:
        """Its first row."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TreatmentDefaults:
    """What holds where the table of treatments is silent; ``None`` is not stated.

    Attributes
    ----------
    activity_mbq : float or None
        Administered activity.
    start : datetime or None
        Start of the administration.
    infusion_h : float
        Its length.
    sex : {"M", "F"} or None
        Of the reference adult.
    haematocrit : float or None
        Volume fraction of cells in blood.
    marrow_mass_g : float or None
        Of the patient.
    whole_body_tia_mbq_h : Uncertain or None
        Time-integrated activity in the whole body.
    """

    activity_mbq: float | None = None
    start: datetime | None = None
    infusion_h: float = 0.0
    sex: Sex | None = None
    haematocrit: float | None = None
    marrow_mass_g: float | None = None
    whole_body_tia_mbq_h: Uncertain | None = None


def stated_treatments(path: Path | None) -> Mapping[TreatmentKey, Treatment]:
    """Return the rows of a table of treatments; none without a table."""
    return {} if path is None else read_treatments(path)


def completed_treatment(
    stated: Mapping[TreatmentKey, Treatment], measured: Measured, defaults: TreatmentDefaults
) -> Treatment:
    """Return the treatment that was measured, with the defaults where the table is silent."""
    treatment = stated.get((measured.subject, measured.cycle), Treatment(measured.origin))
    body = {} if defaults.whole_body_tia_mbq_h is None else {TOTAL_BODY: defaults.whole_body_tia_mbq_h}
    return replace(
        treatment,
        activity_mbq=defaults.activity_mbq if treatment.activity_mbq is None else treatment.activity_mbq,
        start=treatment.start or defaults.start,
        infusion_h=defaults.infusion_h if treatment.infusion_h is None else treatment.infusion_h,
        sex=treatment.sex or defaults.sex,
        haematocrit=defaults.haematocrit if treatment.haematocrit is None else treatment.haematocrit,
        marrow_mass_g=defaults.marrow_mass_g if treatment.marrow_mass_g is None else treatment.marrow_mass_g,
        tia_mbq_h={**body, **treatment.tia_mbq_h},
    )


def check_stated(measured: Sequence[Measured], stated: Mapping[TreatmentKey, Treatment], path: Path | None) -> None:
    """Refuse a treatment that was measured but has no row in the table of treatments.

    Raises
    ------
    StudyError
        ``treatment-missing``.
    """
    if path is None:
        return
    for item in measured:
        if (item.subject, item.cycle) not in stated:
            raise StudyError(
                f"The treatment '{item.label}' of {item.origin.file} has no row in {path.name}: add one with its "
                "'subject' and 'cycle'.",
                code="treatment-missing",
            )


def check_unique(measured: Sequence[Measured]) -> None:
    """Refuse a treatment that occurs in more than one table.

    Raises
    ------
    StudyError
        ``treatment-twice``.
    """
    seen: dict[TreatmentKey, Measured] = {}
    for item in measured:
        key = (item.subject, item.cycle)
        if key in seen:
            raise StudyError(
                f"The treatment '{item.label}' of {item.origin.file} is also in {seen[key].origin.file}: give each "
                "treatment once, with its own 'subject' and 'cycle'.",
                code="treatment-twice",
            )
        seen[key] = item


def unstated_findings(treatment: Treatment) -> tuple[Finding, ...]:
    """Return what is not known about a treatment and what was assumed instead."""
    findings = []
    if treatment.activity_mbq is None:
        findings.append(
            Finding(
                "administered-activity-missing",
                "warning",
                "The administered activity is not stated, so that there is no dose per activity.",
            )
        )
    if treatment.sex is None:
        findings.append(
            Finding("sex-assumed", "info", "The sex is not stated; the dose factors are those of the reference man.")
        )
    if not treatment.infusion_h:
        findings.append(
            Finding(
                "infusion-not-stated",
                "info",
                "No infusion is stated and the administration counts as a bolus: the area of a phase is too large by "
                "(exp(x) - 1)/x with x the rate times the length of an infusion.",
            )
        )
    return tuple(findings)
