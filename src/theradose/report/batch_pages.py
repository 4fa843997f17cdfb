"""Pages of a batch: which studies were run, which were not and why, and the doses at a glance."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import median
from typing import Any

from theradose.model.finding import Finding
from theradose.model.result import Result
from theradose.numbers import format_given, words
from theradose.report.blocks import Block, Cell, Column, Fact, Facts, Paragraph, Section, Table, Tone, present, row
from theradose.report.pages import Pages

_TONES: Mapping[str, Tone] = {"refused": "critical", "failed": "critical", "not-run": "warning", "reused": "muted"}
_KINDS = ("organ", "lesion")


def batch_pages(document: Mapping[str, Any], results: Collection[Result], findings: Sequence[Finding]) -> Pages:
    """Return the pages of a batch.

    Parameters
    ----------
    document : mapping
        Of the schema ``theradose/batch/1``.
    results : collection of Result
        Of the studies that have one.
    findings : sequence of Finding
        About the batch as a whole.
    """
    studies = document["studies"]
    facts: tuple[Block, ...] = (
        Facts(tuple(Fact(words(name), str(number)) for name, number in document["counts"].items() if number)),
    )
    ended = document["ended_by"]
    return Pages(
        title="Runs of a cohort",
        subject=f"{len(studies)} studies, begun {document['begun']}",
        summary=facts if ended is None else (*facts, Paragraph(ended["message"])),
        sections=(
            Section("unfinished", "Studies without a result", present((_unfinished(studies),))),
            Section("doses", "Doses per activity", present((_doses(results),))),
            Section("studies", "Studies", present((_studies(studies),))),
            Section("workers", "Where they ran", present((_workers(document["workers"]),))),
        ),
        findings=tuple(findings),
    )


def _unfinished(studies: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "Studies without a result and why",
        (Column("Study"), Column("Status"), Column("Reason", stretch=1.0)),
        tuple(
            row(study["name"], _status(study), f"{study['reason']['message']} [{study['reason']['code']}]")
            for study in studies
            if study["reason"] is not None
        ),
    )


def _doses(results: Collection[Result]) -> Table:
    found: dict[tuple[str, str], list[float]] = {}
    for result in results:
        for region in result.regions:
            value = region.dose_per_activity_gy_gbq.value
            if region.kind in _KINDS and value is not None:
                found.setdefault((region.kind, "lesions" if region.kind == "lesion" else region.name), []).append(value)
    return Table(
        "Dose per administered activity over all cycles, without uncertainties",
        (Column("Region", stretch=1.0), Column("Number", "", "right"), Column("Lowest", "Gy/GBq", "right"),
         Column("Median", "Gy/GBq", "right"), Column("Highest", "Gy/GBq", "right")),
        tuple(
            row(words(name), str(len(values)), *(f"{of(values):.3g}" for of in (min, median, max)))
            for (kind, name), values in sorted(found.items(), key=lambda item: (_KINDS.index(item[0][0]), item[0][1]))
        ),
        ("Several lesions of one cycle count each.",),
    )  # fmt: skip


def _studies(studies: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "All studies",
        (Column("Study", stretch=1.0), Column("Patient"), Column("Cycle", "", "right"), Column("Status"),
         Column("Critical", "", "right"), Column("Time", "s", "right"), Column("Run")),
        tuple(
            row(study["name"], study["patient"] or "–", "–" if study["cycle"] is None else str(study["cycle"]),
                _status(study), "–" if study["findings"] is None else str(study["findings"]["critical"]),
                f"{study['seconds']:.1f}", Cell(study["run_id"] or "–", mono=True))
            for study in studies
        ),
        ("Critical: how many critical findings its own report has.",),
    )  # fmt: skip


def _workers(workers: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "Processes",
        (Column("Process", stretch=1.0), Column("Studies", "", "right"), Column("Time", "s", "right"),
         Column("Most memory", "MiB", "right")),
        tuple(
            row(worker["worker"], str(worker["studies"]), f"{worker['seconds']:.1f}",
                "–" if worker["peak_memory_mib"] is None else format_given(round(worker["peak_memory_mib"])))
            for worker in workers
        ),
    )  # fmt: skip


def _status(study: Mapping[str, Any]) -> Cell:
    return Cell(study["status"], _TONES.get(study["status"], "good"))
