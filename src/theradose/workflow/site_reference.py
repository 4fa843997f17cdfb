"""Where the results of a run lie in the site's own cohort."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.cohort.reference import (
    SIZE_DEPENDENT,
    SIZE_INDEPENDENT,
    by_key,
    position_in,
    quantity_of,
    reference_organ,
)
from theradose.errors import DatabaseError
from theradose.model.cohort import IDENTIFIED, RegionRecord
from theradose.model.cohort_reference import CohortReference
from theradose.model.finding import Finding
from theradose.model.result import Estimate, Result, SiteResult
from theradose.store.pseudonyms import read_secret
from theradose.workflow.case import Case
from theradose.workflow.cohort_records import Identity, region_records
from theradose.workflow.cohort_reference import read_reference


@dataclass(frozen=True, slots=True)
class SitePosition:
    """The results beside the cohort, and what limits that."""

    results: tuple[SiteResult, ...] = ()
    findings: tuple[Finding, ...] = ()


def check_site_reference(case: Case) -> None:
    """Refuse ranges or a secret that cannot be used, before anything is computed.

    Raises
    ------
    TheradoseError
        As :func:`site_position`.
    """
    choice = case.study.reference
    if choice is not None:
        _patient(case, read_reference(case.study_file.resolve(choice.file)))


def site_position(case: Case, result: Result) -> SitePosition:
    """Return every quantity of a run that the site's reference ranges have, without the patient's own values in them.

    Raises
    ------
    TheradoseError
        ``reference-invalid``, ``secret-missing``, ``secret-invalid``; ``reference-secret`` for the secret of other
        pseudonyms.
    """
    choice = case.study.reference
    if choice is None:
        return SitePosition()
    reference = read_reference(case.study_file.resolve(choice.file))
    patient = _patient(case, reference)
    known = by_key(reference.ranges)
    found = []
    for region in region_records(result):
        for quantity in (*SIZE_INDEPENDENT, *SIZE_DEPENDENT):
            organ = reference_organ(region, quantity)
            value = quantity_of(region, quantity, activity_mbq=case.net_activity_mbq)
            ranged = known.get((case.study.therapy or "", organ or "", quantity))
            if ranged is None or value is None:
                continue
            place = position_in(
                ranged, value, patient=patient, fewest=reference.fewest_patients, level=reference.level,
                replicates=reference.replicates, seed=reference.seed,
            )  # fmt: skip
            found.append(
                SiteResult(
                    region=region.region,
                    organ=ranged.organ,
                    quantity=quantity,
                    unit=ranged.unit,
                    value=Estimate(value=value, u=_u(region, quantity)),
                    percent=None if place.rank is None else place.rank.value,
                    percent_low=None if place.rank is None else place.rank.low,
                    percent_high=None if place.rank is None else place.rank.high,
                    n=place.n,
                    patients=place.patients,
                    fewest_patients=reference.fewest_patients,
                    left_out=None if patient is None else place.left_out,
                    percentiles=place.percentiles,
                )
            )
    return SitePosition(tuple(found), tuple(_findings(choice.file, found, patient)))


def _patient(case: Case, reference: CohortReference) -> str | None:
    """Return how the reference calls the patient, ``None`` where that cannot be known."""
    given = (case.study.patient.id or "").strip()
    choice = case.study.reference
    if not given or choice is None:
        return None
    if reference.identity == IDENTIFIED:
        return given
    if choice.secret is None:
        return None
    identity = Identity(read_secret(case.study_file.resolve(choice.secret)))
    if identity.mark != reference.identity:
        raise DatabaseError(
            f"The secret '{choice.secret}' is not the one behind the pseudonyms of '{choice.file}' ({identity.mark}, "
            f"not {reference.identity}): name the secret of the database from which the ranges were made.",
            code="reference-secret",
        )
    return identity.patient(given)


def _u(region: RegionRecord, quantity: str) -> float | None:
    if quantity == "tiac_h":
        # The coefficient's own uncertainty has the activity's in it, and that of the integral has not.
        return None
    u: float | None = getattr(region, f"u_{quantity}")
    return u


def _findings(file: str, found: list[SiteResult], patient: str | None) -> list[Finding]:
    if not found:
        message = f"'{file}' has no range for the therapy and regions of this study."
        return [Finding("reference-no-range", "info", message)]
    findings = []
    if patient is None:
        message = (
            f"Whether the patient is in the cohort of '{file}' is not known, so that it may be compared with its own "
            "values: state the patient's id, and the secret of the pseudonyms under 'reference'."
        )
        findings.append(Finding("reference-patient-unknown", "warning", message))
    few = [item for item in found if item.percent is None]
    if few:
        message = (
            f"{len(few)} of {len(found)} quantities have fewer than {few[0].fewest_patients} other patients in the "
            "cohort and no rank in it."
        )
        findings.append(Finding("reference-few-patients", "info", message))
    return findings
