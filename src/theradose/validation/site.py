"""A department's own phantom from DICOM to activity, volume and dose, by the functions of the main job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from theradose.errors import StudyError, TheradoseError
from theradose.formats.calibration_record import read_calibration_record
from theradose.model.calibration import CalibrationRecord
from theradose.model.result import Estimate, FindingResult, RegionResult, Result
from theradose.numbers import NOT_STATED
from theradose.provenance import hash_file, hash_parameters
from theradose.uncertainty import Uncertain
from theradose.validation.documents import stamped, write_document
from theradose.validation.site_certificate import write_site_certificate
from theradose.validation.site_document import WHOLE_PHANTOM, Check, InputFiles, SiteValidation, UsedCalibration
from theradose.validation.site_phantom import SitePhantom, read_phantom
from theradose.validation.site_study import (
    SPHERE,
    TIMEPOINT,
    TrueInsert,
    phantom_nuclide,
    phantom_study,
    true_insert,
    true_total_mbq,
)
from theradose.workflow.document_parts import estimate
from theradose.workflow.run import input_hashes, run_study_file

OUT_FOLDER = "validation"
PHANTOM_FILE = "phantom file"
_BEFORE_REFERENCE = ("acquired-before-administration", "point-before-administration")
# The decay of a phantom is physical: one image is all that its integral needs.
_EXPECTED = frozenset({"single-time-point", "fewer-timepoints-than-protocol"})


def validate_site(
    path: Path, *, out: Path | None = None, on_step: Callable[[str], None] | None = None
) -> SiteValidation:
    """Take a phantom of known content from its images to doses, compare, and write the certificate.

    Parameters
    ----------
    path : Path
        Phantom file.
    out : Path, optional
        Folder of the certificate and of the run; ``validation`` beside the phantom file by default.
    on_step : callable, optional
        Told the name of each step as it starts.

    Raises
    ------
    TheradoseError
        In one sentence, if something is missing in the phantom file, or images cannot be used.
    """
    phantom = read_phantom(path)
    study_file = phantom_study(phantom, path)
    out = path.parent / OUT_FOLDER if out is None else out
    try:
        run = run_study_file(study_file, results=out, on_step=on_step)
    except TheradoseError as error:
        if error.code in _BEFORE_REFERENCE:
            raise StudyError(
                f"The image was not acquired after reference_time, {phantom.reference_time.isoformat()}: state an "
                "earlier reference_time, and assayed_at for each activity that was measured at another moment.",
                code="phantom-reference-time",
            ) from None
        raise
    created = datetime.now(UTC)
    certificate = out / stamped("site-validation", created, ".pdf")
    done = SiteValidation(
        phantom=phantom,
        phantom_file=InputFiles(path.name, 1, hash_file(path)),
        created=created,
        acquired_at=phantom.reference_time + timedelta(hours=run.result.images[0].t_h),
        calibration=_used_calibration(phantom, path.parent, run.result),
        checks=compare(phantom, run.result),
        findings=_concerning(phantom, run.result),
        inputs=_inputs(run.folder),
        result=run.result,
        run_folder=run.folder,
        certificate=certificate,
        document=certificate.with_suffix(".json"),
    )
    write_site_certificate(done, certificate)
    write_document(done.to_json(), done.document)
    return done


def compare(phantom: SitePhantom, result: Result) -> tuple[Check, ...]:
    """Return true beside measured numbers of a phantom, at its reference time.

    Raises
    ------
    StudyError
        ``insert-missing`` if an insert has no region in the result.
    """
    regions = {region.name: region for region in result.regions}
    checks = [_total(phantom, result)]
    for insert in phantom.inserts:
        if insert.region not in regions:
            raise StudyError(
                f"The insert '{insert.name}' is not among the regions that have a dose ({', '.join(regions)}): correct "
                "its name, join it with the name in the file under 'names', or give it an 'outline'.",
                code="insert-missing",
            )
        checks += _insert_checks(phantom, true_insert(phantom, insert), regions[insert.region])
    return tuple(checks)


def _total(phantom: SitePhantom, result: Result) -> Check:
    image = result.images[0]
    true = true_total_mbq(phantom)
    field = result.field_of_view
    relative_u = None
    if field is not None and field.tia_mbq_h.value and field.tia_mbq_h.u is not None:
        relative_u = field.tia_mbq_h.u / field.tia_mbq_h.value
    value = image.fraction_of_expected * true.value
    measured = Estimate(value=value, u=None if relative_u is None else relative_u * value)
    tolerance = phantom.tolerance("total_activity")
    return Check(WHOLE_PHANTOM, "total_activity", "MBq", _estimate(true), measured, tolerance)


def _insert_checks(phantom: SitePhantom, true: TrueInsert, region: RegionResult) -> list[Check]:
    insert, decay = true.insert, phantom_nuclide(phantom).decay_constant_per_h
    activity, volume, dose = _scaled(region.tia_mbq_h, decay), region.volume_ml, region.dose_gy
    # A sphere of the stated volume measures no volume.
    measures_volume = insert.outline is None or insert.outline.method != SPHERE
    rows = (
        ("activity", "MBq", true.activity_mbq, activity),
        ("volume", "mL", true.volume_ml, volume),
        ("concentration", "MBq/mL", true.concentration_mbq_ml, _quotient(activity, volume)),
        ("dose", "Gy", true.dose_gy, dose),
    )
    return [
        Check(
            insert.name,
            quantity,
            unit,
            _estimate(expected),
            measured,
            phantom.tolerance(quantity, insert) if quantity != "volume" or measures_volume else None,
        )
        for quantity, unit, expected, measured in rows
    ]


def _estimate(quantity: Uncertain) -> Estimate:
    """Return a true value; where one of its sources is not stated its u is not known."""
    return Estimate(value=quantity.value, u=None) if quantity.not_stated else estimate(quantity)


def _scaled(value: Estimate, factor: float) -> Estimate:
    return Estimate(
        value=None if value.value is None else factor * value.value, u=None if value.u is None else factor * value.u
    )


def _quotient(activity: Estimate, volume: Estimate) -> Estimate:
    """Return a concentration; activity and volume share sources that a document does not tell, so u is not known."""
    if activity.value is None or not volume.value:
        return Estimate(value=None, u=None)
    return Estimate(value=activity.value / volume.value, u=None)


def _concerning(phantom: SitePhantom, result: Result) -> tuple[FindingResult, ...]:
    """Return warnings and critical findings about the image, the calibration or an insert."""
    places = {"", TIMEPOINT, *(insert.region for insert in phantom.inserts)}
    return tuple(
        finding
        for finding in result.findings
        if finding.severity != "info" and finding.where in places and finding.code not in _EXPECTED
    )


def _used_calibration(phantom: SitePhantom, folder: Path, result: Result) -> UsedCalibration:
    stated = result.study.get("calibration") or {}
    name, value, u = stated.get("record"), stated.get("sensitivity"), stated.get("u")
    record = None if name is None else read_calibration_record(folder / name)
    # A value that the phantom file states goes before the record's, with a finding.
    own = phantom.calibration is not None and phantom.calibration.sensitivity is not None
    factor = None if record is None or own else record.factor
    recovery = None if record is None or "recovery" in _given(phantom) else record.recovery
    sections = (factor, recovery, None if record is None or "dead_time" in _given(phantom) else record.dead_time)
    return UsedCalibration(
        camera=stated.get("camera", NOT_STATED) if record is None else _instrument_words(record),
        source=PHANTOM_FILE if own else "image, in Bq/mL" if value is None or name is None else name,
        sha256=None if own or name is None else hash_file(folder / name),
        factor=Estimate(value=value, u=None if value is None or u is None else value * u),
        measured_at=None if factor is None else factor.measured_at,
        valid_until=min((section.valid_until for section in sections if section is not None), default=None),
        recovery=stated.get("recovery") if recovery is None else recovery.name,
    )


def _given(phantom: SitePhantom) -> set[str]:
    """Return what the phantom file itself states about the calibration."""
    return set() if phantom.calibration is None else phantom.calibration.model_fields_set


def _instrument_words(record: CalibrationRecord) -> str:
    instrument = record.instrument
    parts = [instrument.manufacturer, instrument.model, instrument.serial and f"serial number {instrument.serial}"]
    known = ", ".join(part for part in parts if part)
    return f"{instrument.name} ({known})" if known else instrument.name


def _inputs(run_folder: Path) -> tuple[InputFiles, ...]:
    return tuple(
        InputFiles(name, len(files), next(iter(files.values())) if len(files) == 1 else hash_parameters(files))
        for name, files in input_hashes(run_folder).items()
    )
