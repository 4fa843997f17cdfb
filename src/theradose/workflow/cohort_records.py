"""From the result of a run to what the site keeps of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.data import load_number
from theradose.errors import DatabaseError
from theradose.model.cohort import IDENTIFIED, QUANTITIES, RegionRecord, TreatmentRecord
from theradose.model.region import RegionKind
from theradose.model.result import Result
from theradose.provenance import hash_file
from theradose.report.document import read_result
from theradose.spatial.naming import canonical_region
from theradose.store.pseudonyms import Secret
from theradose.store.runs import RESULT_DOCUMENT, RUN_DOCUMENT

_RED_MARROW_BY = "red-marrow-by-"
_THYROID = "thyroid-by-uptake"
_WHOLE_BODY = "whole-body-by-probe"
_BY_PROBE = "whole body by probe"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whether patients keep their ids: without a secret they do."""

    secret: Secret | None = None

    @property
    def mark(self) -> str:
        """As :attr:`~theradose.model.cohort.TreatmentRecord.identity`."""
        return IDENTIFIED if self.secret is None else self.secret.mark

    def patient(self, patient: str) -> str:
        """Return how a patient is called."""
        return patient if self.secret is None else self.secret.pseudonym("patient", patient)

    def run(self, run_id: str) -> str:
        """Return how a run is called: a run-id tells when it was made, about when the patient was treated."""
        return run_id if self.secret is None else self.secret.pseudonym("run", run_id)

    def moment(self, patient: str, moment: datetime) -> datetime:
        """Return a time as it is kept."""
        most = int(load_number("cohort.yaml", "moved_days"))
        return moment if self.secret is None else self.secret.moved(patient, moment, most_days=most)


def result_files(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the result documents that paths name: run folders, documents, or folders with any of them below.

    Raises
    ------
    DatabaseError
        ``result-missing`` for a path without one.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif (path / RESULT_DOCUMENT).is_file():
            found.append(path / RESULT_DOCUMENT)
        else:
            below = sorted(
                file for file in path.rglob(RESULT_DOCUMENT)
                if not any(part.startswith(".") for part in file.relative_to(path).parts)
            )  # fmt: skip
            if not below:
                raise DatabaseError(
                    f"'{path}' holds no {RESULT_DOCUMENT}: give a run folder, its document, or a folder of runs.",
                    code="result-missing",
                )
            found += below
    return tuple(dict.fromkeys(file.resolve() for file in found))


def treatment_of_file(file: Path, identity: Identity) -> TreatmentRecord:
    """Return the record of a result document, with the hash of the inputs from the run's record beside it.

    Raises
    ------
    TheradoseError
        For a document that is none, and ``cohort-patient`` for a result without the id of a patient.
    """
    result = read_result(file)
    beside = file.parent / RUN_DOCUMENT
    input_hash = json.loads(beside.read_text(encoding="utf-8"))["input_hash"] if beside.is_file() else None
    return treatment_record(result, identity, input_hash=input_hash, result_sha256=hash_file(file))


def treatment_record(
    result: Result, identity: Identity, *, input_hash: str | None, result_sha256: str
) -> TreatmentRecord:
    """Return the record of a result.

    Raises
    ------
    DatabaseError
        ``cohort-patient``.
    """
    study = result.study
    patient = str((study.get("patient") or {}).get("id") or "").strip()
    if not patient:
        raise DatabaseError(
            f"The result {result.run_id} names no patient: add 'patient: {{id: …}}' to its study and run it again.",
            code="cohort-patient",
        )
    given = study["administrations"]
    starts = sorted(item["start"] for item in given)
    calibration = study.get("calibration") or {}
    return TreatmentRecord(
        patient=identity.patient(patient),
        cycle=_cycle(study),
        identity=identity.mark,
        therapy=_line(study.get("therapy")),
        nuclide=given[0]["nuclide"],
        activity_mbq=math.fsum(item["activity"] - (item["residual"] or 0.0) for item in given),
        administered_at=identity.moment(patient, datetime.fromisoformat(starts[0])).isoformat(),
        run=identity.run(result.run_id),
        input_hash=input_hash,
        result_sha256=result_sha256,
        software=result.software["theradose"],
        source_sha256=result.software.get("source_sha256"),
        engine=None if result.dose_engine is None else result.dose_engine.engine,
        calibration=_line(calibration.get("camera")),
        replaces=None,
        regions=tuple(region_records(result)),
    )


def _line(text: str | None) -> str | None:
    """Return text as a table holds it: one line, without blanks around it."""
    return " ".join((text or "").split()) or None


def _cycle(study: dict[str, Any]) -> int:
    """Return the cycle of a study as its ledger counts it."""
    earlier = [item["cycle"] for item in study.get("previous_cycles") or ()]
    return int(study.get("cycle") or max(earlier, default=0) + 1)


def region_records(result: Result) -> Iterator[RegionRecord]:
    """Yield what is kept of each region of a result."""
    for region in result.regions:
        yield _record(region.name, region.kind, region.model_dump(), model=region.chosen_model)
    if result.marrow is not None:
        for way in ("blood", "image"):
            if (part := result.marrow.get(way)) is not None:
                fields = {**part, "tia_mbq_h": part["marrow_tia_mbq_h"], "volume_ml": None}
                yield _record(f"{_RED_MARROW_BY}{way}", canonical_region("red-marrow").kind.value, fields,
                              model=part["model"])  # fmt: skip
    if result.thyroid is not None:
        yield _record(_THYROID, RegionKind.ORGAN.value, result.thyroid.model_dump(), model=result.thyroid.chosen_model)
    whole = result.whole_body
    if whole is not None and whole.scope == _BY_PROBE:
        yield _record(_WHOLE_BODY, RegionKind.WHOLE_BODY.value, whole.model_dump(), model=whole.chosen_model)


def _record(name: str, kind: str, fields: dict[str, Any], *, model: str) -> RegionRecord:
    numbers: dict[str, float | None] = {}
    for quantity in QUANTITIES:
        pair = fields.get(quantity) or {"value": None, "u": None}
        numbers |= {quantity: pair["value"], f"u_{quantity}": pair["u"]}
    return RegionRecord(name, kind, model, fields["extrapolated_fraction"], **numbers)
