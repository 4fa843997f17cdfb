"""What a department's phantom shows: true beside measured numbers, verdicts, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from theradose.model.result import Estimate, FindingResult, Result
from theradose.validation.site_phantom import SitePhantom

SCHEMA = "theradose/site-validation/1"
WHOLE_PHANTOM = "whole phantom"
NOT_JUDGED = "-"


@dataclass(frozen=True, slots=True)
class Check:
    """One number of the phantom.

    Attributes
    ----------
    insert : str
        Name in the phantom file, or ``whole phantom``.
    quantity : str
        ``total_activity``, ``activity``, ``volume``, ``concentration`` or ``dose``.
    unit : str
        Of both values.
    true, measured : Estimate
        At the reference time.
    tolerance : float or None
        Largest relative deviation that passes; ``None`` where the number is stated and not measured.
    """

    insert: str
    quantity: str
    unit: str
    true: Estimate
    measured: Estimate
    tolerance: float | None

    @property
    def ratio(self) -> Estimate:
        """Measured over true; its u is ``None`` unless both are stated. Their errors are taken for independent."""
        true, measured = self.true, self.measured
        if true.value is None or measured.value is None:
            return Estimate(value=None, u=None)
        ratio = measured.value / true.value
        if true.u is None or measured.u is None or not measured.value:
            return Estimate(value=ratio, u=None)
        return Estimate(value=ratio, u=abs(ratio) * math.hypot(true.u / true.value, measured.u / measured.value))

    @property
    def deviation(self) -> float:
        """Measured over true minus one; NaN without a measured value."""
        value = self.ratio.value
        return math.nan if value is None else value - 1

    @property
    def passed(self) -> bool | None:
        """Whether the deviation is within the tolerance; ``None`` where there is none."""
        return None if self.tolerance is None else abs(self.deviation) <= self.tolerance

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL`` or ``-``."""
        return {None: NOT_JUDGED, True: "pass", False: "FAIL"}[self.passed]

    def to_json(self) -> dict[str, Any]:
        """Return the row of the document."""
        return {
            "insert": self.insert,
            "quantity": self.quantity,
            "unit": self.unit,
            "true": self.true.model_dump(),
            "measured": self.measured.model_dump(),
            "ratio": self.ratio.model_dump(),
            "deviation": None if math.isnan(self.deviation) else self.deviation,
            "tolerance": self.tolerance,
            "passed": self.passed,
        }


@dataclass(frozen=True, slots=True)
class UsedCalibration:
    """The camera and what turned its counts into activity.

    Attributes
    ----------
    camera : str
        Name, with maker, model and serial number where a record states them.
    source : str
        Path of the record relative to the phantom file, ``phantom file``, or ``image`` for images in Bq/mL.
    sha256 : str or None
        Of the record.
    factor : Estimate
        cps/MBq.
    measured_at : datetime or None
        Of the record's factor.
    valid_until : date or None
        The first day on which a section of the record that was used ends.
    recovery : str or None
        Name of the recovery set.
    """

    camera: str
    source: str
    sha256: str | None
    factor: Estimate
    measured_at: datetime | None
    valid_until: date | None
    recovery: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the part of the document."""
        return {
            "camera": self.camera,
            "source": self.source,
            "sha256": self.sha256,
            "factor_cps_per_mbq": self.factor.model_dump(),
            "measured_at": None if self.measured_at is None else self.measured_at.isoformat(),
            "valid_until": None if self.valid_until is None else self.valid_until.isoformat(),
            "recovery": self.recovery,
        }


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files behind one path of the phantom file: their number, and one SHA-256 over theirs."""

    path: str
    files: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the row of the document."""
        return {"path": self.path, "files": self.files, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, eq=False)
class SiteValidation:
    """A phantom from DICOM to dose.

    Attributes
    ----------
    phantom : SitePhantom
        The file.
    phantom_file : InputFiles
        Its name and hash.
    created, acquired_at : datetime
        Of this comparison, and of the image.
    calibration : UsedCalibration
        Camera and factor.
    checks : tuple of Check
        Whole phantom first, then insert by insert.
    findings : tuple of FindingResult
        Warnings and critical findings that concern the phantom.
    inputs : tuple of InputFiles
        What was read.
    result : Result
        Document of the run of the main job.
    run_folder, certificate, document : Path
        Where that run and the certificate are.
    """

    phantom: SitePhantom
    phantom_file: InputFiles
    created: datetime
    acquired_at: datetime
    calibration: UsedCalibration
    checks: tuple[Check, ...]
    findings: tuple[FindingResult, ...]
    inputs: tuple[InputFiles, ...]
    result: Result
    run_folder: Path
    certificate: Path
    document: Path

    @property
    def failed(self) -> tuple[Check, ...]:
        """Numbers outside their tolerance."""
        return tuple(check for check in self.checks if check.passed is False)

    @property
    def critical(self) -> tuple[FindingResult, ...]:
        """Findings that say that a number is probably wrong."""
        return tuple(finding for finding in self.findings if finding.severity == "critical")

    @property
    def passed(self) -> bool:
        """Whether all judged numbers are within their tolerance and no finding is critical."""
        return not self.failed and not self.critical

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``docs/formats/validation.md``."""
        software: Mapping[str, str] = self.result.software
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "phantom": self.phantom.phantom,
            "performed_by": self.phantom.performed_by,
            "created": self.created.isoformat(timespec="seconds"),
            "acquired_at": self.acquired_at.isoformat(timespec="seconds"),
            "nuclide": self.phantom.nuclide,
            "reference_time": self.phantom.reference_time.isoformat(),
            "calibration": self.calibration.to_json(),
            "checks": [check.to_json() for check in self.checks],
            "findings": [finding.model_dump() for finding in self.findings],
            "inputs": [item.to_json() for item in (self.phantom_file, *self.inputs)],
            "run_id": self.result.run_id,
            "software": dict(software),
            "certificate": self.certificate.name,
        }
