"""Which series belong together: reconstructions of one scan, its CT, its regions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from theradose.acquire.decide import Decision
from theradose.acquire.sources import Content, Source
from theradose.formats.dicom.series import Series, referenced_frames, referenced_series
from theradose.formats.dicom.timing import first_acquisition
from theradose.formats.dicom.values import hours_between, tag_label
from theradose.model.activity import ImageUnit

_SAME_SCAN_H = 1 / 60
_SAME_VISIT_H = 3.0
"""CT and SPECT of one visit follow each other; without a common frame of reference no more time may lie between."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An emission series that may become a time point."""

    source: Source
    decision: Decision

    @property
    def series(self) -> Series:
        """The DICOM series."""
        if self.source.series is None:
            raise ValueError("a candidate is a DICOM series")
        return self.source.series

    @property
    def acquired_at(self) -> datetime | None:
        """Start of the first frame."""
        return self.decision.facts.acquired_at


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """One scan: its emission series, of which `chosen` is used, with CT and regions.

    Attributes
    ----------
    candidates : tuple of Candidate
        Reconstructions of the same acquisition.
    chosen : Candidate or None
        The only one, or the only one in Bq/mL; otherwise ``None``.
    ct : Source or None
        CT of the scan.
    ct_reason : str
        Why this CT, or why none.
    regions : tuple of Source
        Region objects that fit equally well.
    regions_reason : str
        Why these.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    ct: Source | None
    ct_reason: str
    regions: tuple[Source, ...]
    regions_reason: str


def group_scans(
    candidates: Sequence[Candidate],
    cts: Sequence[Source],
    regions: Sequence[Source],
    refused: Mapping[Source, str] = MappingProxyType({}),
) -> tuple[Scan, ...]:
    """Group emission series by acquisition, in order of time, and find CT and regions for each.

    Parameters
    ----------
    candidates : sequence of Candidate
        Emission series that can be used.
    cts, regions : sequence of Source
        CTs and region objects that can be used.
    refused : mapping of Source to str
        CTs and region objects that cannot, with the sentence that says why; a scan that they belong to repeats it.
    """
    dated = sorted((c for c in candidates if c.acquired_at is not None), key=_printed_time)
    groups: list[list[Candidate]] = []
    for candidate in dated:
        if groups and _hours_apart(groups[-1][0].acquired_at, candidate.acquired_at) <= _SAME_SCAN_H:
            groups[-1].append(candidate)
        else:
            groups.append([candidate])
    groups += [[candidate] for candidate in candidates if candidate.acquired_at is None]
    alone = len(groups) == 1
    return tuple(_explain(_scan(group, cts, regions, alone=alone), refused, alone=alone) for group in groups)


def series_path(source: Source, sources: Sequence[Source], *, study_folder: Path) -> Path | None:
    """Return the path by which a study names a series.

    The folder of the series if it holds no other series of that content and not the study itself; otherwise
    the first file, which stands for its series. ``None`` if the files are spread among those of other series.
    """
    if len(source.files) == 1:
        return source.files[0]
    folder = Path(os.path.commonpath([file.parent for file in source.files]))
    rivals = [other for other in sources if other is not source and other.content is source.content]
    shared = any(folder in file.parents for other in rivals for file in other.files)
    if not shared and not study_folder.resolve().is_relative_to(folder.resolve()):
        return folder
    if all(file.parent == folder for file in source.files):
        return source.files[0]
    return None


def _scan(group: list[Candidate], cts: Sequence[Source], regions: Sequence[Source], *, alone: bool) -> Scan:
    in_activity = [c for c in group if c.decision.facts.unit is ImageUnit.BQ_PER_ML]
    chosen = group[0] if len(group) == 1 else in_activity[0] if len(in_activity) == 1 else None
    ct, ct_reason = _find_ct(group[0], cts)
    found, regions_reason = _find_regions(group, ct, regions, alone=alone)
    return Scan(tuple(group), chosen, ct, ct_reason, found, regions_reason)


def _explain(scan: Scan, refused: Mapping[Source, str], *, alone: bool) -> Scan:
    """Say for a scan without CT or regions which ones would fit but were refused."""
    ct_reason, regions_reason = scan.ct_reason, scan.regions_reason
    ct, _ = _find_ct(scan.candidates[0], [source for source in refused if source.content is Content.CT])
    if scan.ct is None and ct is not None:
        ct_reason = f"refused: {refused[ct]}"
    drawn = [source for source in refused if source.content is Content.REGIONS]
    found, _ = _find_regions(list(scan.candidates), scan.ct or ct, drawn, alone=alone)
    if not scan.regions and found:
        regions_reason = f"refused: {refused[found[0]]}"
    return replace(scan, ct_reason=ct_reason, regions_reason=regions_reason)


def _find_ct(candidate: Candidate, cts: Sequence[Source]) -> tuple[Source | None, str]:
    frame = candidate.series.frame_of_reference
    study = candidate.series.study_uid
    ranked = []
    for position, ct in enumerate(cts):
        if ct.series is None:
            continue
        same_frame = frame is not None and ct.series.frame_of_reference == frame
        apart = _hours_apart(candidate.acquired_at, first_acquisition(ct.series))
        if same_frame or apart <= _SAME_VISIT_H:
            same_study = ct.series.study_uid == study
            ranked.append((not same_frame, not same_study, apart, -ct.series.shape[0], position, ct))
    if not ranked:
        return None, "no CT with the same frame of reference or of the same visit"
    best = min(ranked, key=lambda entry: entry[:5])
    frame_label = tag_label("FrameOfReferenceUID")
    reason = f"same {frame_label}" if not best[0] else f"{best[2]:.2g} h apart, another {frame_label}"
    others = f", chosen among {len(ranked)} by study, time and number of slices" if len(ranked) > 1 else ""
    return best[5], reason + others


def _find_regions(
    group: list[Candidate], ct: Source | None, regions: Sequence[Source], *, alone: bool
) -> tuple[tuple[Source, ...], str]:
    emission = {candidate.series.uid for candidate in group}
    ct_uid = {ct.series.uid} if ct is not None and ct.series is not None else set()
    frames = {candidate.series.frame_of_reference for candidate in group} - {None}
    drawn = [(source, source.series) for source in regions if source.series is not None]
    rules = (
        ("its references name the emission series", [s for s, part in drawn if referenced_series(part) & emission]),
        ("its references name the CT series", [s for s, part in drawn if referenced_series(part) & ct_uid]),
        (f"same {tag_label('FrameOfReferenceUID')}", [s for s, part in drawn if referenced_frames(part) & frames]),
        ("only scan of its study", [s for s, part in drawn if alone and part.study_uid == group[0].series.study_uid]),
    )
    for reason, found in rules:
        if found:
            return tuple(found), reason
    return (), "no structure set or segmentation refers to this scan"


def _hours_apart(first: datetime | None, second: datetime | None) -> float:
    return float("inf") if first is None or second is None else abs(hours_between(first, second))


def _printed_time(candidate: Candidate) -> datetime:
    return (candidate.acquired_at or datetime.min).replace(tzinfo=None)
