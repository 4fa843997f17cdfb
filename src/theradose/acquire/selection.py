"""What of a folder a study can use, what is refused and why, and what is of no use to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from theradose.acquire.decide import decide
from theradose.acquire.pairing import Candidate
from theradose.acquire.planar import plan_planar
from theradose.acquire.sources import Content, Source, describe_ct, describe_emission
from theradose.errors import StudyError, TheradoseError
from theradose.formats.dicom.files import Quarantined
from theradose.formats.dicom.values import hours_between
from theradose.formats.facts import NOTHING_DECLARED, Effect, Problem

_BY_HAND = "write the study by hand (docs/formats/study.md, docs/formats/images.md)"
_NOUNS = {
    Content.EMISSION: "emission series",
    Content.PROJECTIONS: "set of projections",
    Content.PLANAR: "planar series",
    Content.CT: "CT series",
    Content.REGIONS: "region object",
    Content.DOSE: "dose",
    Content.OTHER: "other DICOM object",
}
_PLURALS = {
    Content.EMISSION: "emission series",
    Content.PROJECTIONS: "sets of projections",
    Content.PLANAR: "planar series",
    Content.CT: "CT series",
    Content.REGIONS: "region objects",
    Content.DOSE: "doses",
    Content.OTHER: "other DICOM objects",
}
_USED = (Content.EMISSION, Content.CT, Content.REGIONS, Content.PLANAR)
_SAME_PAIR_H = 0.5
"""Views of one conjugate pair in separate files start at most this far apart: one after the other by a single head."""


@dataclass(frozen=True, slots=True)
class SkippedSource:
    """A series or file that the study does not use, with the reason.

    Attributes
    ----------
    id : str
        Series Instance UID or file name.
    kind : str
        What it holds, as :class:`~theradose.acquire.sources.Content`; ``unreadable`` for a damaged file.
    file : str
        Its first file, relative to the folder.
    code, message : str
        The reason.
    """

    id: str
    kind: str
    file: str
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values."""
        return {"id": self.id, "kind": self.kind, "file": self.file, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The series of one patient from which a study is built.

    Attributes
    ----------
    candidates : tuple of Candidate
        Emission series that can be used.
    cts, regions : tuple of Source
        CTs and region objects that can be used.
    planar : tuple of tuple of Source
        Planar series that can be used, those of one pair together, in order of time.
    unusable : dict of Source to str
        CTs and region objects that were refused, with the sentence.
    refused : tuple of SkippedSource
        Emission series, CTs and regions that cannot be used, and damaged files.
    skipped : tuple of SkippedSource
        What a study has no place for.
    """

    candidates: tuple[Candidate, ...]
    cts: tuple[Source, ...]
    regions: tuple[Source, ...]
    planar: tuple[tuple[Source, ...], ...]
    unusable: dict[Source, str]
    refused: tuple[SkippedSource, ...]
    skipped: tuple[SkippedSource, ...]


def select_sources(folder: Path, sources: Sequence[Source], quarantined: Sequence[Quarantined]) -> Selection:
    """Choose what a study can use.

    Parameters
    ----------
    folder : Path
        Where the sources were found.
    sources, quarantined : sequence
        From :func:`~theradose.acquire.sources.find_sources`.

    Raises
    ------
    StudyError
        ``no-series`` without a usable emission series, ``several-patients``.
    """
    candidates: list[Candidate] = []
    refused: list[SkippedSource] = []
    for source in sources:
        if source.content is Content.EMISSION:
            candidate, problem = _candidate(source)
            if candidate is not None:
                candidates.append(candidate)
            elif problem is not None:
                refused.append(_skip(source, problem, folder))
    damaged = [_quarantined(entry, folder) for entry in quarantined if entry.code != "not-dicom"]
    if not candidates:
        raise StudyError(_nothing_usable(folder, sources, quarantined, (*refused, *damaged)), code="no-series")
    _require_one_patient(candidates, folder)
    patient = candidates[0].source.patient_id
    usable: dict[Content, list[Source]] = {Content.CT: [], Content.REGIONS: []}
    unusable: dict[Source, str] = {}
    for source in sources:
        if source.content in usable:
            problem = _other_patient(source, patient) or _obstacle(source)
            if problem is None:
                usable[source.content].append(source)
                continue
            refused.append(_skip(source, problem, folder))
            if problem.code != "other-patient":
                unusable[source] = problem.message
    pairs, unpaired = _planar_pairs(sources, patient)
    refused += [_skip(source, problem, folder) for source, problem in unpaired]
    return Selection(
        tuple(candidates),
        tuple(usable[Content.CT]),
        tuple(usable[Content.REGIONS]),
        pairs,
        unusable,
        (*refused, *damaged),
        tuple(_skip(source, _no_use(source), folder) for source in sources if source.content not in _USED),
    )


def _candidate(source: Source) -> tuple[Candidate | None, Problem | None]:
    """Return the emission series as a candidate, or what stands against it."""
    problems = list(source.problems)
    decision = None
    try:
        decision = decide(describe_emission(source), declaration=NOTHING_DECLARED)
        problems += decision.problems
    except TheradoseError as error:
        problems.append(Problem(error.code, str(error)))
    refused = next((problem for problem in problems if problem.effect is Effect.REFUSED), None)
    return (Candidate(source, decision), None) if decision is not None and refused is None else (None, refused)


def _planar_pairs(
    sources: Sequence[Source], patient: str
) -> tuple[tuple[tuple[Source, ...], ...], list[tuple[Source, Problem]]]:
    """Return the planar series that can be used, joined by the time of their start, and the others with the reason."""
    dated: list[tuple[datetime, Source]] = []
    refused: list[tuple[Source, Problem]] = []
    for source in sources:
        if source.content is not Content.PLANAR:
            continue
        problem = _other_patient(source, patient) or next(
            (found for found in source.problems if found.effect is Effect.REFUSED), None
        )
        plan = None if problem is not None else plan_planar((source,))
        start = None if plan is None else plan.acquired_at
        if problem is None and (plan is None or not plan.facts.frames):
            problem = next(iter(plan.problems if plan is not None else ()), Problem("planar-type", "It has no frames."))
        if problem is None and start is None:
            problem = Problem("missing-time", "It does not state when it was acquired.")
        if problem is not None or start is None:
            refused.append((source, problem or Problem("missing-time", "It does not state when it was acquired.")))
        else:
            dated.append((start, source))
    dated.sort(key=lambda entry: entry[0].replace(tzinfo=None))
    pairs: list[list[tuple[datetime, Source]]] = []
    for start, source in dated:
        whole = source.series is not None and not plan_planar((source,)).problems
        if pairs and not whole and abs(hours_between(pairs[-1][0][0], start)) <= _SAME_PAIR_H:
            pairs[-1].append((start, source))
        else:
            pairs.append([(start, source)])
    return tuple(tuple(source for _, source in pair) for pair in pairs), refused


def _obstacle(source: Source) -> Problem | None:
    """Return why a CT or a region object cannot be used, ``None`` if it can."""
    problems = list(source.problems)
    if source.content is Content.CT:
        facts = describe_ct(source)
        problems += [*facts.problems, *facts.geometry.problems]
        if facts.geometry.grid is None:
            problems.append(Problem("missing-geometry", f"It does not state {' and '.join(facts.geometry.missing)}."))
    return next((problem for problem in problems if problem.effect is Effect.REFUSED), None)


def _other_patient(source: Source, patient: str) -> Problem | None:
    if source.patient_id and patient and source.patient_id != patient:
        return Problem(
            "other-patient", f"It is of patient '{source.patient_id}', but the emission images are of '{patient}'."
        )
    return None


def _require_one_patient(candidates: Sequence[Candidate], folder: Path) -> None:
    first: dict[str, str] = {}
    for candidate in candidates:
        first.setdefault(candidate.source.patient_id, _relative(candidate.source.files[0], folder))
    if len(first) > 1:
        named = "; ".join(f"{patient or 'without id'}: {file}" for patient, file in sorted(first.items()))
        raise StudyError(
            f"The folder holds images of {len(first)} patients ({named}): import one patient at a time.",
            code="several-patients",
        )


def _nothing_usable(
    folder: Path, sources: Sequence[Source], quarantined: Sequence[Quarantined], refused: Sequence[SkippedSource]
) -> str:
    """Say what is in the folder instead of an emission series, and what to do."""
    if refused:
        reasons = "; ".join(f"'{item.file}': {_clause(item.message)}" for item in refused)
        return f"'{folder}' holds no emission image that can be used: {reasons}."
    counts = Counter(_NOUNS.get(source.content, f"{source.modality} file") for source in sources)
    plurals = {noun: _PLURALS[content] for content, noun in _NOUNS.items()}
    found = [f"{count} {noun if count == 1 else plurals.get(noun, f'{noun}s')}" for noun, count in counts.items()]
    if quarantined:
        others = len(quarantined)
        found.append(f"{others} file{'' if others == 1 else 's'} that {'is' if others == 1 else 'are'} no image")
    if not found:
        return f"'{folder}' is empty: name the folder that holds the DICOM of one treatment cycle."
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    advice = "name the folder with the reconstructed SPECT or PET in DICOM"
    if any(source.content is Content.VOLUME for source in sources):
        advice = f"NIfTI and Interfile state neither unit nor time, so {_BY_HAND}"
    elif any(source.content in (Content.PLANAR, Content.PROJECTIONS) for source in sources):
        advice = (
            "a study needs a reconstructed volume, which planar images complete: export the reconstructed SPECT or PET"
        )
    return f"'{folder}' holds {listed}, but no reconstructed emission image in DICOM: {advice}."


def _no_use(source: Source) -> Problem:
    if source.problems:
        return source.problems[0]
    if source.content is Content.VOLUME:
        return Problem("not-used", f"{source.modality} states neither unit nor time: name it in the study by hand.")
    return Problem("not-used", f"The study does not use this {_NOUNS[source.content]}.")


def _skip(source: Source, problem: Problem, folder: Path) -> SkippedSource:
    return SkippedSource(
        source.id, source.content.value, _relative(source.files[0], folder), problem.code, problem.message
    )


def _quarantined(entry: Quarantined, folder: Path) -> SkippedSource:
    return SkippedSource(entry.path.name, "unreadable", _relative(entry.path, folder), entry.code, entry.message)


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file != folder else file.name


def _clause(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")
