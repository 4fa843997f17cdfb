"""What a batch leaves behind: one document, tables of studies and doses, pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.model.result import Result
from theradose.provenance import software_versions
from theradose.report.batch_pages import batch_pages
from theradose.report.document import read_result
from theradose.report.tables import HEADERS, Value, region_rows
from theradose.store.runs import RESULT_DOCUMENT
from theradose.workflow.batch import Batch
from theradose.workflow.batch_studies import BatchStudy
from theradose.workflow.batch_task import Status, StudyOutcome
from theradose.workflow.cohort_database import AddedResult
from theradose.workflow.report_folder import write_report_folder

SCHEMA = "theradose/batch/1"
_OF_STUDY = ("name", "patient", "therapy", "cycle")
_DOSES = (*_OF_STUDY, "run_id", *HEADERS["regions"])
_STUDIES = (*_OF_STUDY, "status", "study", "run_id", "folder", "code", "message", "critical", "warning", "seconds",
            "processor_s", "worker", "attempt", "peak_memory_mib")  # fmt: skip


def batch_results(batch: Batch) -> dict[Path, Result]:
    """Return the result of every study that has one, by its study file."""
    return {
        outcome.study: read_result(outcome.folder / RESULT_DOCUMENT)
        for outcome in batch.outcomes
        if outcome.folder is not None
    }


def batch_document(batch: Batch, results: dict[Path, Result], added: Sequence[AddedResult] = ()) -> dict[str, Any]:
    """Return the document of a batch.

    Parameters
    ----------
    batch : Batch
        What was run.
    results : dict of Path to Result
        Of :func:`batch_results`.
    added : sequence of AddedResult
        What became of the results in the site's database.
    """
    counts = Counter(outcome.status for outcome in batch.outcomes)
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": software_versions(),
        "begun": batch.begun.isoformat(timespec="seconds"),
        "scheduler": batch.scheduler,
        "seconds": round(batch.seconds, 3),
        "ended_by": None
        if batch.ended_by is None
        else {"code": batch.ended_by.code, "message": batch.ended_by.message},
        "counts": {status.value: counts[status] for status in Status},
        "studies": [
            _study(study, outcome, results.get(study.path))
            for study, outcome in zip(batch.studies, batch.outcomes, strict=True)
        ],
        "workers": _workers(batch.outcomes),
        "database": [item.to_json() for item in added],
        "findings": [asdict(finding) for finding in batch.findings],
    }


def write_batch(batch: Batch, document: dict[str, Any], results: dict[Path, Result], folder: Path) -> tuple[Path, ...]:
    """Write ``report.pdf``, ``report.json``, ``tables/studies.csv`` and ``tables/doses.csv``; return the files."""
    rows = ([*(entry[name] for name in _OF_STUDY), *_numbers(entry)] for entry in document["studies"])
    return write_report_folder(
        folder,
        pages=batch_pages(document, results.values(), batch.findings),
        document=document,
        tables={"studies": (_STUDIES, rows), "doses": (_DOSES, _doses(batch.studies, results))},
        created=datetime.fromisoformat(document["created"]),
    )


def _study(study: BatchStudy, outcome: StudyOutcome, result: Result | None) -> dict[str, Any]:
    severities = Counter(finding.severity for finding in ([] if result is None else result.findings))
    return {
        "name": study.name,
        "study": str(study.path),
        "patient": study.patient,
        "therapy": study.therapy,
        "cycle": study.cycle,
        "after": [str(path) for path in study.after],
        "status": outcome.status.value,
        "run_id": None if result is None else result.run_id,
        "folder": None if outcome.folder is None else str(outcome.folder),
        "reason": None if outcome.reason is None else asdict(outcome.reason),
        "findings": None if result is None else {name: severities[name] for name in ("critical", "warning")},
        "seconds": round(outcome.seconds, 3),
        "processor_s": round(outcome.processor_s, 3),
        "worker": outcome.worker or None,
        "attempt": outcome.attempt,
        "peak_memory_mib": None if outcome.peak_memory_mib is None else round(outcome.peak_memory_mib, 1),
    }


def _workers(outcomes: Sequence[StudyOutcome]) -> list[dict[str, Any]]:
    """Return what each process did; those that were lost are there with what they finished."""
    workers = []
    for name in sorted({outcome.worker for outcome in outcomes if outcome.worker}):
        own = [outcome for outcome in outcomes if outcome.worker == name]
        peaks = [outcome.peak_memory_mib for outcome in own if outcome.peak_memory_mib is not None]
        workers.append(
            {
                "worker": name,
                "studies": len(own),
                "seconds": round(sum(outcome.seconds for outcome in own), 3),
                "peak_memory_mib": round(max(peaks), 1) if peaks else None,
            }
        )
    return workers


def _numbers(entry: dict[str, Any]) -> tuple[Value, ...]:
    reason, findings = entry["reason"] or {}, entry["findings"] or {}
    return (
        entry["status"], entry["study"], entry["run_id"], entry["folder"], reason.get("code"), reason.get("message"),
        findings.get("critical"), findings.get("warning"), entry["seconds"], entry["processor_s"], entry["worker"],
        entry["attempt"], entry["peak_memory_mib"],
    )  # fmt: skip


def _doses(studies: Sequence[BatchStudy], results: dict[Path, Result]) -> Iterable[Sequence[Value]]:
    for study in studies:
        if (result := results.get(study.path)) is not None:
            leading = (study.name, study.patient, study.therapy, study.cycle, result.run_id)
            yield from ((*leading, *row) for row in region_rows(result))
