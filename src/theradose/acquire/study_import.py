"""Building a study file from DICOM headers: each value with the tag that it came from."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from theradose.acquire.pairing import Candidate, Scan, group_scans, series_path
from theradose.acquire.planar import plan_planar
from theradose.acquire.selection import SkippedSource, select_sources
from theradose.acquire.sources import Content, Source, find_sources
from theradose.acquire.study_draft import ImportedValue, StudyDraft
from theradose.errors import StudyError
from theradose.formats.dicom.values import hours_between, read_number, read_text, tag_label
from theradose.formats.facts import EmissionFacts
from theradose.model.activity import Evidence, ImageUnit
from theradose.model.study import Study
from theradose.provenance import package_version

_SAME_ACTIVITY = 1e-3
_SAME_START_H = 1 / 60
_ADMINISTRATION_EVIDENCE = {
    "nuclide": "nuclide",
    "activity": "administered activity",
    "start": "administration start",
}
_GEOMETRY_EXAMPLES = {
    "orientation": ("orientation", "[1, 0, 0, 0, 1, 0]"),
    "position_mm": ("position", "[x, y, z]"),
    "spacing_mm": ("spacing", "[z, y, x]"),
}
_EXAMPLES = {
    "missing-unit": ("unit", "Bq/mL, counts or cps"),
    "missing-time": ("acquired_at", "start of the acquisition, as 2026-03-03T10:30:00"),
    "missing-decay-reference": ("decay_reference", "acquisition, series-start, administration or a date and time"),
}


_PLANAR_EXAMPLES = {
    "planar-view": ("views", "[anterior, posterior], what detector 1 and 2 saw"),
    "missing-exposure": ("frame_duration", "time over which a pixel collected counts, as 600 s"),
}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What :func:`import_study` wrote.

    Attributes
    ----------
    study : Path
        The file.
    values : tuple of ImportedValue
        Everything concluded from the headers.
    missing : tuple of str
        Key and explanation of each value that must be filled in.
    refused : tuple of SkippedSource
        Emission series, CTs and regions that cannot be used, and damaged files.
    skipped : tuple of SkippedSource
        What a study has no place for, as projections.
    """

    study: Path
    values: tuple[ImportedValue, ...]
    missing: tuple[str, ...]
    refused: tuple[SkippedSource, ...]
    skipped: tuple[SkippedSource, ...]

    @property
    def complete(self) -> bool:
        """Whether every emission series of the folder is in the study."""
        return all(item.kind != Content.EMISSION for item in self.refused)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-compatible values."""
        return {
            "study": str(self.study),
            "values": [
                {
                    "key": item.key,
                    "value": item.value,
                    "tag": item.source,
                    "assumed": item.assumed,
                    "where": item.where,
                }
                for item in self.values
            ],
            "missing": list(self.missing),
            "refused": [item.to_json() for item in self.refused],
            "skipped": [item.to_json() for item in self.skipped],
        }


def import_study(
    dicom_dir: Path, out: Path, *, force: bool = False, progress: Callable[[int, int], None] | None = None
) -> ImportReport:
    """Write a study file for the DICOM of one treatment cycle.

    Patient name and birth date are not written.

    Parameters
    ----------
    dicom_dir : Path
        Folder that is searched recursively.
    out : Path
        Study file to write; paths in it are relative to its folder.
    force : bool
        Replace an existing file, which is kept beside the new one as ``.bak``.
    progress : callable, optional
        Called with the number of headers read and their total.

    Returns
    -------
    ImportReport
        What was concluded from which tag, what is missing and what was left out.

    Raises
    ------
    StudyError
        If there is no emission image, or images of several patients; ``study-exists``, ``out-is-folder``.
    """
    _require_writable(out, force=force)
    sources, quarantined = find_sources(dicom_dir, progress=progress)
    selection = select_sources(dicom_dir, sources, quarantined)
    scans = group_scans(selection.candidates, selection.cts, selection.regions, selection.unusable)
    draft = StudyDraft()
    _write_head(draft)
    for item in selection.refused:
        draft.comment(f"Not used: {item.kind} '{item.file}': {item.message} [{item.code}]")
    _write_patient(draft, selection.candidates[0])
    _write_administration(draft, [candidate.decision.facts for candidate in selection.candidates])
    _write_calibration(draft, selection.candidates)
    _write_timepoints(draft, scans, sources, out.parent)
    _write_planar(draft, selection.planar, sources, out.parent, first=len(scans) + 1)
    text = "\n".join(draft.lines) + "\n"
    Study.model_validate(yaml.safe_load(text))
    _write(out, text)
    return ImportReport(out, tuple(draft.values), tuple(draft.missing), selection.refused, selection.skipped)


def _require_writable(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise StudyError(
            f"'{out}' is a folder: name the study file to write, for example --out {out / 'study.yaml'}.",
            code="out-is-folder",
        )
    if out.exists() and not force:
        raise StudyError(
            f"'{out}' exists and may hold your own entries: choose another --out, or replace it with --force, which "
            f"keeps it as {out.name}.bak.",
            code="study-exists",
        )


def _write_head(draft: StudyDraft) -> None:
    draft.text(f"# Written by theradose {package_version()} from DICOM headers: each value names the tag it came from.")
    draft.text("# A value marked 'needed' must be filled in before 'theradose run'.")
    draft.text("schema_version: 1")
    draft.absent("", "timezone", "not stated: IANA name, as Europe/Paris")


def _write_patient(draft: StudyDraft, candidate: Candidate) -> None:
    dataset = candidate.series.dataset
    draft.text("patient:")
    patient_id, sex = read_text(dataset, "PatientID"), read_text(dataset, "PatientSex")
    weight, height = read_number(dataset, "PatientWeight"), read_number(dataset, "PatientSize")
    entries = (
        ("id", json.dumps(patient_id, ensure_ascii=False) if patient_id else None, "PatientID"),
        ("sex", sex if sex in ("F", "M", "O") else None, "PatientSex"),
        ("weight", f"{weight:.6g} kg" if weight else None, "PatientWeight"),
        ("height", f"{height * 100:.6g} cm" if height else None, "PatientSize"),
    )
    for key, value, keyword in entries:
        if value is None:
            draft.absent("  ", key, "not stated")
        else:
            draft.stated("  ", key, value, tag_label(keyword), path="patient.")
    for key in ("therapy", "protocol", "cycle"):
        draft.absent("", key, "not stated")


def _write_administration(draft: StudyDraft, facts: Sequence[EmissionFacts]) -> None:
    stated = [item.administration for item in facts]
    evidence = [piece for item in stated for piece in item.evidence]
    undated = [note.message for item in stated for note in item.problems if note.code == "administration-undated"]
    nuclides = sorted({item.nuclide for item in stated if item.nuclide is not None})
    activities = [item.activity_mbq for item in stated if item.activity_mbq is not None]
    if activities and max(activities) <= min(activities) * (1 + _SAME_ACTIVITY):
        activities = activities[:1]
    starts = [item.start for item in stated if item.start is not None]
    if starts and max(abs(hours_between(starts[0], start)) for start in starts) <= _SAME_START_H:
        starts = starts[:1]
    activity_texts = [f"{activity:.6g} MBq" for activity in activities]
    start_texts = [start.isoformat() for start in starts]
    start_advice = undated[0].rstrip(".") if undated else "date and time, as 2026-03-02T10:00:00"
    draft.text("administrations:")
    _one_value(draft, "  - ", "nuclide", nuclides, evidence, "what was administered, as Lu-177")
    _one_value(draft, "    ", "activity", activity_texts, evidence, "measured activity, as 7.4 GBq")
    draft.absent("    ", "residual", "not stated")
    _one_value(draft, "    ", "start", start_texts, evidence, start_advice)
    draft.absent("    ", "duration", "not stated")


def _one_value(
    draft: StudyDraft, prefix: str, key: str, values: Sequence[str], evidence: Sequence[Evidence], advice: str
) -> None:
    """Write the value of the administration on which all images agree, or ask."""
    path = "administrations[0]."
    if len(values) == 1:
        piece = next(item for item in evidence if item.quantity == _ADMINISTRATION_EVIDENCE[key])
        draft.stated(prefix, key, values[0], piece.source, path=path, assumed=piece.assumed)
    elif values:
        contradiction = " or ".join(dict.fromkeys(values))
        draft.needed(prefix, key, f"the headers contradict each other: {contradiction}", path=path)
    else:
        draft.needed(prefix, key, advice, path=path)


def _write_calibration(draft: StudyDraft, candidates: Sequence[Candidate]) -> None:
    if all(candidate.decision.facts.unit is ImageUnit.BQ_PER_ML for candidate in candidates):
        draft.absent("", "calibration", "not stated: the images are in Bq/mL")
    else:
        draft.needed("", "calibration", "{camera: …, sensitivity: … cps/MBq, u: … %}, unless the values are Bq/mL",
                     path="")  # fmt: skip


def _write_timepoints(draft: StudyDraft, scans: Sequence[Scan], sources: Sequence[Source], folder: Path) -> None:
    draft.text("timepoints:")
    any_regions = any(len(scan.regions) == 1 for scan in scans)
    for number, scan in enumerate(scans, start=1):
        path, indent = f"timepoints[{number - 1}].", "    "
        draft.text(f"  - id: tp{number}")
        _write_emission(draft, scan, sources, folder, path, f"tp{number}")
        if scan.ct is None:
            draft.absent(indent, "ct", scan.ct_reason)
        else:
            _write_path(draft, "ct", scan.ct, sources, folder, path, scan.ct_reason)
        if len(scan.regions) == 1:
            _write_path(draft, "regions", scan.regions[0], sources, folder, path, scan.regions_reason)
        elif scan.regions:
            names = " or ".join(_relative(source.files[0], folder) for source in scan.regions)
            draft.needed(indent, "regions", f"choose {names}", path=path)
        elif not any_regions and number == 1:
            draft.needed(indent, "regions", "an RTSTRUCT or SEG at one time point, or 'drafts'", path=path)
        else:
            draft.absent(indent, "regions", scan.regions_reason)


def _write_planar(
    draft: StudyDraft,
    pairs: Sequence[tuple[Source, ...]],
    sources: Sequence[Source],
    folder: Path,
    *,
    first: int,
) -> None:
    for number, pair in enumerate(pairs, start=first):
        path = f"timepoints[{number - 1}]."
        plan = plan_planar(pair)
        draft.text(f"  - id: tp{number}")
        found = _planar_path(pair, sources, folder)
        when = "" if plan.acquired_at is None else f", acquired on {plan.acquired_at.isoformat(' ', 'seconds')}"
        reason = f"{tag_label('ImageType')}: planar views{when}"
        if found is None:
            draft.needed("    ", "planar", "a folder of their own: the views lie among other images", path=path)
        else:
            draft.stated("    ", "planar", json.dumps(_relative(found, folder), ensure_ascii=False), reason, path=path)
        draft.values += [
            ImportedValue(item.quantity, item.value, item.source, item.assumed, f"tp{number}") for item in plan.evidence
        ]
        asked = [_PLANAR_EXAMPLES[problem.code] for problem in plan.problems if problem.code in _PLANAR_EXAMPLES]
        if asked:
            draft.text("    declare:")
        for key, what in asked:
            draft.needed("      ", key, what, path=f"{path}declare.")


def _planar_path(pair: tuple[Source, ...], sources: Sequence[Source], folder: Path) -> Path | None:
    """Return the file of a pair, or the folder that holds its files and no other planar image."""
    files = [file for source in pair for file in source.files]
    if len(files) == 1:
        return files[0]
    common = Path(os.path.commonpath([file.parent for file in files]))
    others = [s for s in sources if s.content is Content.PLANAR and s not in pair]
    shared = any(common in file.parents for other in others for file in other.files)
    return None if shared or folder.resolve().is_relative_to(common.resolve()) else common


def _write_emission(
    draft: StudyDraft, scan: Scan, sources: Sequence[Source], folder: Path, path: str, where: str
) -> None:
    chosen = scan.chosen
    if chosen is None:
        names = [_relative(candidate.source.files[0], folder) for candidate in scan.candidates]
        draft.needed("    ", "activity", f"choose the reconstruction: {' or '.join(names)}", path=path)
        return
    facts = chosen.decision.facts
    unit = facts.unit.value if facts.unit else "unknown unit"
    when = "at an unknown time" if facts.acquired_at is None else f"on {facts.acquired_at.isoformat(' ', 'seconds')}"
    reason = f"{tag_label('SeriesInstanceUID')}: {chosen.series.modality} in {unit}, acquired {when}"
    _write_path(draft, "activity", chosen.source, sources, folder, path, reason)
    draft.values += [
        ImportedValue(item.quantity, item.value, item.source, item.assumed, where) for item in facts.evidence
    ]
    _write_declarations(draft, chosen, path)


def _write_declarations(draft: StudyDraft, chosen: Candidate, path: str) -> None:
    asked = [_EXAMPLES[problem.code] for problem in chosen.decision.problems if problem.code in _EXAMPLES]
    words = " and ".join(chosen.decision.facts.geometry.missing).replace("pixel size", "pixel spacing")
    for key, (noun, example) in _GEOMETRY_EXAMPLES.items():
        if noun in words:
            asked.append((key, f"{example}, because the file does not state {words}"))
    if asked:
        draft.text("    declare:")
    for key, what in asked:
        draft.needed("      ", key, what, path=f"{path}declare.")


def _write_path(
    draft: StudyDraft, key: str, source: Source, sources: Sequence[Source], folder: Path, path: str, reason: str
) -> None:
    found = series_path(source, sources, study_folder=folder)
    if found is None:
        draft.needed("    ", key, "a folder of its own: its files are spread among those of other series", path=path)
    else:
        draft.stated("    ", key, json.dumps(_relative(found, folder), ensure_ascii=False), reason, path=path)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _write(out: Path, text: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and out.read_text(encoding="utf-8") != text:
        out.replace(out.with_name(f"{out.name}.bak"))
    partial = out.with_name(f".{out.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(out)
