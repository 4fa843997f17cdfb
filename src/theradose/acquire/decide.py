"""Deciding what an emission image means: from the file, from the user, or not at all.

A declaration of the user wins over the file, and says so in a finding. What neither states is asked for by
name; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from theradose.acquire.clock import compare_administration, move_with_clock
from theradose.errors import PhysicsError, StudyError
from theradose.formats.facts import AdministrationFacts, Effect, EmissionFacts, Problem
from theradose.model.activity import DecayKind, DecayReference, EmissionImage, Evidence, ImageUnit
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.study import Declaration
from theradose.nuclides import canonical_nuclide

_SAME_TIME_S = 1.0
_INFORMATION = frozenset({"slices-resampled", "administration-undated", "duplicate-files", "header-warning"})


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What is decided about an emission image before its values are read.

    Attributes
    ----------
    facts : EmissionFacts
        With the user's declaration put in.
    nuclide : str or None
        Of file, declaration or study.
    problems : tuple of Problem
        Everything that stands against the use of the image, missing values included.
    findings : tuple of Finding
        What the user must know.
    """

    facts: EmissionFacts
    nuclide: str | None
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]


def decide(
    facts: EmissionFacts,
    *,
    declaration: Declaration,
    nuclide: str | None = None,
    administration_start: datetime | None = None,
    timezone: str | None = None,
    calibrated: bool = False,
) -> Decision:
    """Combine what the file says with what the user declares.

    Parameters
    ----------
    facts : EmissionFacts
        From a reader.
    declaration : Declaration
        The user's statements about this image.
    nuclide : str or None
        What was administered, by the study.
    administration_start : datetime or None
        From the study: compared with the file's, and used for values corrected to an administration that the file
        does not date.
    timezone : str or None
        IANA time zone of the study, for that comparison.
    calibrated : bool
        The study has a calibration factor for counts: a nuclear medicine volume without a unit is then taken
        as counts, which is an assumption.

    Raises
    ------
    StudyError
        For a decay reference that is no known word and no time, and for contradicting nuclides.
    """
    overridden: list[Finding] = []
    facts = _decide_unit(facts, declaration, calibrated, overridden)
    stated_start = facts.acquired_at
    facts = _decide_time(facts, declaration, overridden)
    facts = _decide_decay(facts, declaration, stated_start, overridden)
    facts = _decide_administration(facts, administration_start)
    overridden += compare_administration(
        facts.administration,
        administration_start,
        timezone=timezone,
        undone=facts.decay_kind is DecayKind.ADMINISTRATION,
    )
    name = _decide_nuclide(facts.administration, declaration, nuclide)
    problems = (*facts.problems, *_missing(facts, name))
    findings = (*overridden, *problem_findings(facts.problems), *_inferences(facts))
    return Decision(facts, name, problems, findings)


def build_image(decision: Decision, *, where: str) -> EmissionImage:
    """Read the values and return the image.

    Parameters
    ----------
    decision : Decision
        From :func:`decide`.
    where : str
        File or folder, for messages.

    Raises
    ------
    StudyError
        If the image is refused, or values are missing, naming all of them.
    DicomError
        If the pixels cannot be read.
    """
    require_usable(decision.problems, where=where)
    facts = decision.facts
    if facts.geometry.grid is None or facts.unit is None or facts.decay_kind is None or facts.acquired_at is None:
        raise ValueError("an image with missing values has problems")
    return EmissionImage(
        volume=Volume(facts.values(), facts.geometry.grid),
        unit=facts.unit,
        decay_reference=DecayReference(facts.decay_kind, facts.decay_moment),
        acquired_at=facts.acquired_at,
        frame_duration_s=facts.frame_duration_s,
        slice_delay_s=facts.slice_delay_s,
        count_duration_s=facts.count_duration_s,
        total_counts=facts.total_counts,
        nuclide=decision.nuclide,
        modality=facts.modality,
        evidence=facts.evidence,
        equipment=facts.equipment,
    )


def require_usable(problems: Sequence[Problem], *, where: str) -> None:
    """Raise for the first obstacle; missing values are all named in one sentence.

    Raises
    ------
    StudyError
        If something is refused or missing.
    """
    refused = [problem for problem in problems if problem.effect is Effect.REFUSED]
    if refused:
        raise StudyError(f"'{where}' cannot be used: {_lower(refused[0].message)}", code=refused[0].code)
    missing = [problem for problem in problems if problem.effect is Effect.NEEDS_INPUT]
    if missing:
        sentences = "; ".join(_lower(problem.message).rstrip(".") for problem in missing)
        raise StudyError(f"For '{where}' more must be stated: {sentences}.", code=missing[0].code)


def assumption_findings(evidence: Sequence[Evidence]) -> tuple[Finding, ...]:
    """Return a finding for each conclusion that its source only suggests."""
    return tuple(
        Finding("assumption", "info", f"The {item.quantity} is assumed: {item.value} ({item.source}).")
        for item in evidence
        if item.assumed
    )


def problem_findings(problems: Sequence[Problem]) -> tuple[Finding, ...]:
    """Return a finding for each problem that does not prevent the use of an image."""
    return tuple(
        Finding(problem.code, "info" if problem.code in _INFORMATION else "warning", problem.message)
        for problem in problems
        if problem.effect is Effect.NOTE
    )


def missing_geometry(missing: Sequence[str]) -> tuple[Problem, ...]:
    """Return the problem of an incomplete geometry, empty if nothing is missing."""
    if not missing:
        return ()
    listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
    return (
        Problem(
            "missing-geometry",
            f"The file does not state {listed}: add to the time point 'declare: {{orientation: [1, 0, 0, 0, 1, 0], "
            "position_mm: [x, y, z], spacing_mm: [z, y, x]}' with what is missing.",
            Effect.NEEDS_INPUT,
        ),
    )


def _decide_unit(
    facts: EmissionFacts, declaration: Declaration, calibrated: bool, overridden: list[Finding]
) -> EmissionFacts:
    if declaration.unit is not None:
        unit = ImageUnit(declaration.unit)
        if facts.unit_stated and facts.unit is not unit:
            stated = facts.unit.value if facts.unit else facts.unit_stated
            overridden.append(_override("unit", f"the file states '{stated}'", unit.value))
        evidence = Evidence("unit", unit.value, "study")
    elif facts.unit is None and not facts.unit_stated and calibrated and facts.modality == "NM":
        unit = ImageUnit.COUNTS
        evidence = Evidence("unit", unit.value, "nuclear medicine values without unit are counts", assumed=True)
    else:
        return facts
    return replace(facts, unit=unit, evidence=_replaced(facts.evidence, evidence))


def _decide_time(facts: EmissionFacts, declaration: Declaration, overridden: list[Finding]) -> EmissionFacts:
    if declaration.frame_duration is not None:
        seconds = declaration.frame_duration * 3600
        evidence = Evidence("frame duration", f"{seconds:g} s", "study")
        facts = replace(
            facts,
            frame_duration_s=seconds,
            count_duration_s=seconds,
            evidence=_replaced(facts.evidence, evidence),
        )
    moment = declaration.acquired_at
    if moment is None:
        return facts
    stated = facts.acquired_at
    if stated is not None:
        same_kind = (stated.tzinfo is None) == (moment.tzinfo is None)
        if not same_kind or abs((stated - moment).total_seconds()) > _SAME_TIME_S:
            overridden.append(
                _override("acquisition start", f"the file states {stated.isoformat(sep=' ')}", moment.isoformat())
            )
    evidence = Evidence("acquisition start", moment.isoformat(sep=" "), "study")
    return replace(facts, acquired_at=moment, evidence=_replaced(facts.evidence, evidence))


def _decide_decay(
    facts: EmissionFacts, declaration: Declaration, stated_start: datetime | None, overridden: list[Finding]
) -> EmissionFacts:
    """Decide to which moment the values refer; `stated_start` is the start of the acquisition by the file."""
    text = declaration.decay_reference
    kind, moment = facts.decay_kind, facts.decay_moment
    if text is not None:
        kind, moment = _parse_decay_reference(text)
        if facts.decay_kind is not None and facts.decay_kind is not kind:
            overridden.append(_override("decay reference", f"the file states '{facts.decay_kind}'", text))
        facts = replace(facts, evidence=_replaced(facts.evidence, Evidence("decay reference", text, "study")))
        if moment is None and kind is facts.decay_kind:
            moment = facts.decay_moment
        elif kind is DecayKind.ADMINISTRATION:
            moment = facts.administration.start
        elif kind is DecayKind.SERIES_START:
            return replace(facts, decay_kind=kind, decay_moment=facts.acquired_at)
    facts = replace(facts, decay_kind=kind, decay_moment=moment)
    return facts if kind is DecayKind.EXPLICIT else _keep_scanner_clock(facts, stated_start)


def _keep_scanner_clock(facts: EmissionFacts, stated_start: datetime | None) -> EmissionFacts:
    """Move a decay moment of the scanner together with the start of the acquisition that the user declares."""
    moment, declared = facts.decay_moment, facts.acquired_at
    if moment is None or stated_start is None or declared is None or declared == stated_start:
        return facts
    moved = move_with_clock(moment, stated=stated_start, declared=declared)
    text = f"{moment.isoformat(sep=' ')} by the scanner's clock, {moved.isoformat(sep=' ')} by the declared one"
    evidence = Evidence("decay reference moment", text, "file and study")
    return replace(facts, decay_moment=moved, evidence=_replaced(facts.evidence, evidence))


def _parse_decay_reference(text: str) -> tuple[DecayKind, datetime | None]:
    words = [kind.value for kind in DecayKind if kind is not DecayKind.EXPLICIT]
    if text in words:
        return DecayKind(text), None
    try:
        return DecayKind.EXPLICIT, datetime.fromisoformat(text)
    except ValueError:
        raise StudyError(
            f"'{text}' is not a decay reference: write {', '.join(words)} or a date and time such as "
            "2026-03-03T10:30:00.",
            code="decay-reference-invalid",
        ) from None


def _decide_administration(facts: EmissionFacts, start: datetime | None) -> EmissionFacts:
    """Date the administration to which values are corrected; the file's own date is what the scanner used."""
    if facts.decay_kind is not DecayKind.ADMINISTRATION or facts.decay_moment is not None or start is None:
        return facts
    evidence = Evidence("decay reference moment", start.isoformat(sep=" "), "study")
    return replace(facts, decay_moment=start, evidence=_replaced(facts.evidence, evidence))


def _decide_nuclide(administration: AdministrationFacts, declaration: Declaration, nuclide: str | None) -> str | None:
    try:
        declared = canonical_nuclide(declaration.nuclide) if declaration.nuclide else None
        given = canonical_nuclide(nuclide) if nuclide else None
    except PhysicsError as error:
        raise StudyError(str(error), code=error.code) from None
    stated = declared or administration.nuclide
    if stated is not None and given is not None and stated != given:
        raise StudyError(
            f"The image is of {stated} but the study administers {given}: correct the study, or add "
            f"'declare: {{nuclide: {given}}}' to the time point if the header is wrong.",
            code="nuclide-conflict",
        )
    return stated or given


def _missing(facts: EmissionFacts, nuclide: str | None) -> tuple[Problem, ...]:
    problems = [*missing_geometry(facts.geometry.missing)]
    if facts.unit is None:
        problems.append(_missing_unit(facts))
    if facts.acquired_at is None:
        problems.append(_ask("missing-time", "the start of the acquisition", "acquired_at: 2026-03-03T10:30:00"))
    if facts.decay_kind is None:
        problems.append(
            _ask(
                "missing-decay-reference",
                "to which moment the values are decay-corrected",
                "decay_reference: acquisition",
            )  # fmt: skip
        )
    elif facts.decay_kind is DecayKind.ADMINISTRATION and facts.decay_moment is None:
        problems.append(
            Problem(
                "missing-administration",
                "The values are decay-corrected to the administration, whose time the file does not state: add 'start' "
                "to the administration in the study.",
                Effect.NEEDS_INPUT,
            )
        )
    elif facts.decay_kind is DecayKind.SERIES_START and facts.decay_moment is None:
        problems.append(
            _ask("missing-decay-reference", "the moment of the series start", "decay_reference: 2026-03-03T10:30:00")
        )
    if nuclide is None:
        problems.append(_ask("missing-nuclide", "the nuclide", "nuclide: Lu-177"))
    return tuple(problems)


def _missing_unit(facts: EmissionFacts) -> Problem:
    if facts.unit_stated:
        return Problem(
            "unit-not-activity",
            f"The values are in '{facts.unit_stated}', which is no activity concentration: export them in Bq/mL, "
            "or add 'declare: {unit: Bq/mL}' to the time point if the header is wrong.",
        )
    return _ask("missing-unit", "the unit of the values (Bq/mL, counts or cps)", "unit: Bq/mL")


def _ask(code: str, what: str, declaration: str) -> Problem:
    return Problem(
        code, f"The file does not state {what}: add 'declare: {{{declaration}}}' to the time point.", Effect.NEEDS_INPUT
    )


def _override(quantity: str, stated: str, declared: str) -> Finding:
    message = f"The study declares the {quantity} as {declared}, but {stated}: the study is followed."
    return Finding(f"{quantity.replace(' ', '-')}-overridden", "warning", message)


def _inferences(facts: EmissionFacts) -> tuple[Finding, ...]:
    """Turn conclusions that a reader of the result must see into findings."""
    spect = [item for item in facts.evidence if item.quantity == "acquisition"]
    found = tuple(Finding("spect-in-pet-object", "info", f"This is {item.value}.") for item in spect)
    return (*found, *assumption_findings(facts.evidence))


def _replaced(evidence: tuple[Evidence, ...], new: Evidence) -> tuple[Evidence, ...]:
    return (*(item for item in evidence if item.quantity != new.quantity), new)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
