"""Constancy of an instrument by a long-lived sealed source: a reading beside what decay lets expect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theradose.data import load_yaml
from theradose.errors import CalibrationError, UnitError
from theradose.formats.tables_calibration import read_constancy
from theradose.model.calibration import CalibrationRecord, ConstancyCheck
from theradose.model.counted_source import ConstancyReading, Counting
from theradose.model.finding import Finding
from theradose.model.samples import CellOrigin
from theradose.provenance import package_version
from theradose.quantify.constancy import ConstancyResult, check_constancy, source_nuclide
from theradose.quantify.times import hours_since
from theradose.units import conversion_factor, parse_quantity
from theradose.workflow.calibration_record import (
    Calibrated,
    append_check,
    hash_inputs,
    now,
    refuse_options,
    reopen_record,
)

_OPTION = "READING"


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How a constancy check is made.

    Attributes
    ----------
    source, nuclide : str or None
        Name and nuclide of the sealed source, where a table is silent.
    measured_at : datetime or None
        Of a reading that is given as a number.
    relative_u : float or None
        Relative standard uncertainty of such a reading.
    tolerance : float or None
        Largest deviation of the ratio from 1; ``None`` is the packaged one of the kind of instrument.
    as_reference : bool
        Make the reading the reference of later ones.
    timezone : str or None
        IANA zone of times without offset.
    """

    source: str | None = None
    nuclide: str | None = None
    measured_at: datetime | None = None
    relative_u: float | None = None
    tolerance: float | None = None
    as_reference: bool = False
    timezone: str | None = None


def check_record(path: Path, reading: str, options: CheckOptions) -> Calibrated:
    """Append readings of sealed sources to a record.

    Parameters
    ----------
    path : Path
        The record.
    reading : str
        A net count rate such as '5230 cps', or the path of a table of counts.
    options : CheckOptions
        What the reading does not say.

    Raises
    ------
    TheradoseError
        One sentence for what cannot be used. A failed check is no error but a finding.
    """
    opened = reopen_record(path)
    record = opened.record
    tolerance = options.tolerance
    if tolerance is None:
        tolerance = float(load_yaml("calibration.yaml")["constancy_tolerance"][record.kind]["value"])
    table = Path(reading)
    if options.as_reference:
        refuse_options({"--tolerance": options.tolerance}, reason="A reference reading is compared with none")
    if table.suffix.lower() == ".csv":
        refuse_options(
            {"--at": options.measured_at, "--u": options.relative_u},
            reason="A table of counts says when they were measured and how many they are",
        )
        readings = read_constancy(table, source=options.source, nuclide=options.nuclide)
        files = [table]
    else:
        readings, files = (_stated(reading, options),), []
    inputs = hash_inputs(files)
    checks = list(record.constancy)
    findings: list[Finding] = []
    for item in readings:
        result, noticed = check_constancy(
            item,
            checks=checks,
            tolerance=tolerance,
            as_reference=options.as_reference,
            timezone=options.timezone,
        )
        findings += [*noticed, *_reference_findings(record, item.source, result)]
        checks.append(
            ConstancyCheck(
                measured_at=item.counting.measured_at,
                source=item.source,
                nuclide=source_nuclide(item.nuclide),
                reading_cps=result.reading_cps,
                u_cps=result.u_cps,
                reference=result.reference is None,
                reference_at=None if result.reference is None else result.reference.measured_at,
                expected_cps=result.expected_cps,
                ratio=result.ratio,
                u_ratio=result.u_ratio,
                tolerance=None if result.reference is None else tolerance,
                passed=result.passed,
                made_at=now(),
                software=f"theradose {package_version()}",
                inputs=inputs,
            )
        )
    added = checks[len(record.constancy) :]
    return append_check(opened, path, added, findings)


def _reference_findings(record: CalibrationRecord, source: str, result: ConstancyResult) -> list[Finding]:
    """Return a finding if the reference reading is older than the factor that it should watch."""
    if record.factor is None or result.reference is None:
        return []
    older = hours_since(result.reference.measured_at, record.factor.measured_at, timezone=None)[0]
    limit_d = load_yaml("calibration.yaml")["constancy_interval"][record.kind]["value"]
    if older <= limit_d * conversion_factor("d", "h"):
        return []
    message = (
        f"The reference reading of '{source}' on {result.reference.measured_at:%Y-%m-%d} is from long before the "
        f"factor was measured on {record.factor.measured_at:%Y-%m-%d}: it watches the former factor; start anew with "
        "--reference when the factor is measured."
    )
    return [Finding("constancy-reference-old", "warning", message, source)]


def _stated(reading: str, options: CheckOptions) -> ConstancyReading:
    """Return a count rate that is given as a number."""
    try:
        rate = parse_quantity(reading, "cps")
    except UnitError as error:
        raise UnitError(
            f"The reading is neither a count rate nor a table that ends in .csv: {error}", code=error.code
        ) from None
    if not rate > 0:
        raise CalibrationError(f"A count rate of {rate:g} cps is no reading: it must be positive.", code="option-range")
    needed = {"--source": options.source, "--nuclide": options.nuclide, "--at": options.measured_at}
    missing = [name for name, value in needed.items() if value is None]
    if missing or options.measured_at is None:
        raise CalibrationError(
            f"A count rate needs {missing[0]} beside it: name the sealed source, its nuclide and the moment of the "
            "reading.",
            code="constancy-source",
        )
    relative_u = options.relative_u or 0.0
    counting = Counting(CellOrigin(_OPTION, 0), options.measured_at, rate, 1.0, u_counts=relative_u * rate)
    return ConstancyReading(counting, str(options.source), str(options.nuclide))
