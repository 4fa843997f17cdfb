"""The certificate of a department's phantom: one page for a quality binder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from theradose.data import load_number
from theradose.numbers import NOT_STATED, format_estimate, format_given
from theradose.report.blocks import Cell, Column, Fact, Row, Table, row
from theradose.report.certificate import Certificate, write_certificate
from theradose.report.remarks import remarks
from theradose.report.summary import wholes
from theradose.validation.certificate import SIGNATURES, verdict_cell, versions_and_hash
from theradose.validation.site_document import NOT_JUDGED, WHOLE_PHANTOM, Check, SiteValidation
from theradose.validation.site_phantom import CONVENTIONS

_NAMED = 3
_QUANTITIES = {
    "total_activity": "Activity in view",
    "activity": "Activity",
    "volume": "Volume",
    "concentration": "Concentration",
    "dose": "Dose",
}


def write_site_certificate(done: SiteValidation, path: Path) -> None:
    """Write the certificate of a phantom."""
    versions, package = versions_and_hash()
    inputs = (done.phantom_file, *done.inputs)
    certificate = Certificate(
        title="Site validation certificate",
        subtitle=f"{done.phantom.phantom} · {done.phantom.nuclide} · from DICOM to activity, volume and dose",
        passed=done.passed,
        verdict=_verdict(done),
        created=done.created,
        facts=_facts(done),
        tables=(_table(done),),
        remarks=remarks(done.findings[: _listed()], wholes=wholes(done.result)),
        notes=_notes(done),
        hashes=(
            package,
            *(Fact(f"{item.path} ({item.files} files)" if item.files > 1 else item.path, item.sha256)
              for item in inputs),
        ),
        versions=versions,
        signatures=SIGNATURES,
    )  # fmt: skip
    write_certificate(certificate, path)


def _listed() -> int:
    return int(load_number(CONVENTIONS, "listed_findings"))


def _verdict(done: SiteValidation) -> str:
    judged = [check for check in done.checks if check.passed is not None]
    if done.passed:
        return f"All {len(judged)} measured numbers lie within their tolerances of what was filled in."
    parts = []
    if done.failed:
        named = ", ".join(
            f"{_QUANTITIES[check.quantity].lower()} of {check.insert} ({_signed(check.deviation)})"
            for check in done.failed[:_NAMED]
        )
        more = f" and {len(done.failed) - _NAMED} more" if len(done.failed) > _NAMED else ""
        parts.append(
            f"{len(done.failed)} of {len(judged)} measured numbers are outside their tolerances: {named}{more}"
        )
    if done.critical:
        parts.append(f"{len(done.critical)} findings are critical")
    return "; ".join(parts) + ". Do not use this chain for patients before the cause is found."


def _facts(done: SiteValidation) -> tuple[Fact, ...]:
    used = done.calibration
    factor = NOT_STATED if used.factor.value is None else f"{format_estimate(used.factor)} cps/MBq"
    expired = used.valid_until is not None and done.acquired_at.date() > used.valid_until
    return (
        Fact("Performed by", done.phantom.performed_by or NOT_STATED),
        Fact("Compared", _moment(done.created)),
        Fact("Image acquired", _moment(done.acquired_at)),
        Fact("Reference time", _moment(done.phantom.reference_time)),
        Fact("Camera", used.camera),
        Fact("Calibration from", used.source),
        Fact("Factor", factor),
        Fact("Calibration measured", NOT_STATED if used.measured_at is None else f"{used.measured_at:%Y-%m-%d}"),
        Fact("Recovery", used.recovery or "none"),
        Fact("Calibration holds until", NOT_STATED if used.valid_until is None else used.valid_until.isoformat(),
             "critical" if expired else ""),
    )  # fmt: skip


def _table(done: SiteValidation) -> Table:
    columns = (
        Column("Quantity", stretch=1.0), Column("True", "", "right"), Column("Measured", "", "right"), Column("Unit"),
        Column("Measured over true", "", "right"), Column("Deviation", "", "right"), Column("Tolerance", "", "right"),
        Column("", "", "right"),
    )  # fmt: skip
    rows: list[Row] = []
    before = WHOLE_PHANTOM
    for check in done.checks:
        rows.append(_row(check, group="" if check.insert == before else check.insert))
        before = check.insert
    notes: tuple[str, ...] = (
        "Standard uncertainties (k = 1); an unknown one is —. Activity, concentration and dose refer to the reference "
        "time.",
    )
    if any(check.passed is None for check in done.checks):
        notes += (f"{NOT_JUDGED}: the outline is a sphere of the stated volume, which measures no volume.",)
    return Table("True and measured", columns, tuple(rows), notes)


def _row(check: Check, group: str) -> Row:
    tolerance = NOT_JUDGED if check.tolerance is None else f"{format_given(100 * check.tolerance)} %"
    return row(
        _QUANTITIES[check.quantity], format_estimate(check.true), format_estimate(check.measured), check.unit,
        format_estimate(check.ratio), _signed(check.deviation), tolerance,
        Cell(check.verdict, "muted") if check.passed is None else verdict_cell(check.passed),
        group=group,
    )  # fmt: skip


def _signed(deviation: float) -> str:
    return f"{100 * deviation:+.1f} %".replace("-", "−")


def _notes(done: SiteValidation) -> tuple[str, ...]:
    notes = [
        "The images went through the functions of the main job: decay state, calibration, dead time, outlines, "
        "recovery, masses, local deposition of electrons. Both doses are those of the complete physical decay after "
        "the reference time, with the same dose constant, so that their ratio shows activity, recovery and mass. "
        "Errors of true and measured numbers are taken for independent.",
    ]
    left = len(done.findings) - _listed()
    if left > 0:
        notes.append(f"{left} further findings stand in the report of the run {done.result.run_id}.")
    notes.append(
        f"Run {done.result.run_id}. Repeat this after each update of the program and before the calibration expires."
    )
    return tuple(notes)


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        return f"{moment:%Y-%m-%d %H:%M}"
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
