"""From planar files to one pair of opposite views that lie over each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from theradose.acquire.clock import compare_administration
from theradose.acquire.decide import assumption_findings, problem_findings, require_usable
from theradose.acquire.sources import Content, Source, find_sources
from theradose.data import load_yaml
from theradose.errors import PhysicsError, StudyError
from theradose.formats.dicom.equipment import describe_equipment
from theradose.formats.dicom.planar import PlanarFacts, PlanarFrame, read_counts, read_planar
from theradose.formats.dicom.values import tag_label
from theradose.formats.facts import NOTHING_DECLARED, Effect, Problem
from theradose.model.activity import Evidence
from theradose.model.arrays import Array
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.planar import EnergyWindow, PlanarPair, View
from theradose.model.study import Declaration
from theradose.nuclides import canonical_nuclide

_TURNED, _FROM_BEHIND = "as-anterior", "from-behind"


@dataclass(frozen=True, slots=True, eq=False)
class PlanarPlan:
    """What is decided about a planar acquisition before its pixels are read.

    Attributes
    ----------
    facts : PlanarFacts
        What the files say; the frames have the views that the study declares.
    exposure_s, elapsed_s : float or None
        As in :class:`~theradose.model.planar.PlanarPair`.
    evidence : tuple of Evidence
        Conclusions.
    problems : tuple of Problem
        Everything that stands against the use of the images, missing values included.
    """

    facts: PlanarFacts
    exposure_s: float | None
    elapsed_s: float | None
    evidence: tuple[Evidence, ...]
    problems: tuple[Problem, ...]

    @property
    def acquired_at(self) -> datetime | None:
        """Start of the first frame."""
        times = [frame.acquired_at for frame in self.facts.frames if frame.acquired_at is not None]
        return min(times, key=lambda time: time.replace(tzinfo=None), default=None)


def planar_sources(path: Path) -> tuple[Source, ...]:
    """Return the planar series in a file or folder.

    Raises
    ------
    StudyError
        ``file-missing``, ``no-series``.
    """
    sources, quarantined = find_sources(path)
    found = tuple(source for source in sources if source.content is Content.PLANAR)
    if not found:
        if len(quarantined) == 1 and path.is_file():
            raise StudyError(f"'{path.name}' cannot be used: {quarantined[0].message}", code=quarantined[0].code)
        kinds = ", ".join(sorted({source.content.value for source in sources})) or "nothing readable"
        raise StudyError(f"There is no planar image in '{path}' but {kinds}: correct the path.", code="no-series")
    return found


def plan_planar(sources: Sequence[Source], declaration: Declaration = NOTHING_DECLARED) -> PlanarPlan:
    """Say what planar images are, what they lack, and what the study declares about them."""
    facts = read_planar([source.series for source in sources if source.series is not None])
    problems = [problem for source in sources for problem in source.problems]
    if declaration.views:
        facts = replace(facts, frames=tuple(_declared_view(frame, declaration) for frame in facts.frames))
    evidence = list(facts.evidence)
    evidence += _view_evidence(facts.frames)
    exposure_s, elapsed_s, timed = _exposure(facts.frames, declaration)
    evidence += timed
    problems += [*facts.problems, *_obstacles(facts.frames, exposure_s, declaration)]
    return PlanarPlan(facts, exposure_s, elapsed_s, tuple(evidence), tuple(problems))


def load_planar(
    path: Path,
    *,
    declaration: Declaration = NOTHING_DECLARED,
    nuclide: str | None = None,
    administration_start: datetime | None = None,
    timezone: str | None = None,
) -> tuple[PlanarPair, tuple[Finding, ...]]:
    """Load a pair of opposite planar views.

    Parameters
    ----------
    path : Path
        A file with all views and windows, or a folder of them.
    declaration : Declaration
        What the user states because the files do not: ``acquired_at``, ``frame_duration`` (time over which a pixel
        collected counts), ``views`` (of detector 1, 2 …), ``posterior`` (``as-anterior`` if that view is turned to lie
        over the anterior one, ``from-behind`` if not).
    nuclide : str or None
        What was administered, by the study.
    administration_start : datetime or None
        From the study, compared with the file's.
    timezone : str or None
        IANA time zone of the study, for that comparison.

    Raises
    ------
    StudyError
        ``no-series``, ``planar-view``, ``planar-windows``, ``missing-time``, ``missing-exposure``,
        ``posterior-mirror``, ``nuclide-conflict``, or the reason of a refusal.
    DicomError
        If pixels cannot be decoded.
    """
    sources = planar_sources(path)
    plan = plan_planar(sources, declaration)
    require_usable(plan.problems, where=path.name)
    frames, acquired_at = plan.facts.frames, declaration.acquired_at or plan.acquired_at
    if acquired_at is None or plan.exposure_s is None or plan.elapsed_s is None:
        raise ValueError("a planar image with missing values has problems")
    windows = tuple(sorted({window_of(frame) for frame in frames}))
    anterior, posterior = (np.stack([_head_up(_frame(frames, view, window)) for window in windows]) for view in View)
    turned, mirror_evidence, findings = _is_turned(frames, declaration, anterior, posterior, where=path.name)
    if not turned:
        posterior = posterior[..., ::-1]
    spacing = frames[0].spacing_mm
    evidence = (*plan.evidence, *mirror_evidence)
    pair = PlanarPair(
        windows=windows,
        anterior=anterior,
        posterior=posterior,
        spacing_mm=spacing if spacing is not None else (0.0, 0.0),
        acquired_at=acquired_at,
        exposure_s=plan.exposure_s,
        elapsed_s=plan.elapsed_s,
        technique=frames[0].technique,
        nuclide=agreed_nuclide(plan.facts.administration.nuclide, declaration, nuclide),
        evidence=evidence,
        equipment=planar_equipment(sources, windows),
    )
    compared = compare_administration(plan.facts.administration, administration_start, timezone=timezone, undone=False)
    return pair, (*findings, *compared, *problem_findings(plan.problems), *assumption_findings(evidence))


def planar_equipment(sources: Sequence[Source], windows: Sequence[EnergyWindow]) -> Equipment | None:
    """Return what the header of planar images says of the camera, with the energy windows of all of them."""
    series = next((source.series for source in sources if source.series is not None), None)
    if series is None:
        return None
    stated = tuple((window.low_kev, window.high_kev) for window in windows if window.high_kev < float("inf"))
    # Planar images are not reconstructed.
    return replace(describe_equipment(series, spacing_mm=None), energy_windows_kev=stated, reconstruction={})


def _declared_view(frame: PlanarFrame, declaration: Declaration) -> PlanarFrame:
    views = declaration.views or ()
    if not 1 <= frame.detector <= len(views):
        return frame
    return replace(frame, view=View(views[frame.detector - 1]), view_source="study", view_assumed=False)


def _view_evidence(frames: Sequence[PlanarFrame]) -> list[Evidence]:
    stated = dict.fromkeys((f"{frame.view} view", frame.view_source, frame.view_assumed) for frame in frames
                           if frame.view is not None)  # fmt: skip
    windows = sorted({frame.window for frame in frames if frame.window is not None})
    found = [Evidence(quantity, "detector", source, assumed) for quantity, source, assumed in stated]
    if windows:
        listed = ", ".join(str(window) for window in windows)
        found.append(Evidence("energy windows", listed, tag_label("EnergyWindowRangeSequence")))
    return found


def _exposure(
    frames: Sequence[PlanarFrame], declaration: Declaration
) -> tuple[float | None, float | None, list[Evidence]]:
    """Return the time over which a pixel collected counts and the length of the acquisition."""
    durations = [frame.duration_s for frame in frames if frame.duration_s]
    elapsed = max(durations, default=None)
    if declaration.frame_duration is not None:
        seconds = declaration.frame_duration * 3600
        return seconds, max(seconds, elapsed or 0.0), [Evidence("exposure", f"{seconds:g} s", "study")]
    if not frames or elapsed is None:
        return None, None, []
    if frames[0].technique == "static":
        return elapsed, elapsed, [Evidence("exposure", f"{elapsed:g} s", tag_label("ActualFrameDuration"))]
    velocity, length = frames[0].scan_velocity_mm_s, frames[0].field_length_mm
    if not velocity or not length:
        return None, elapsed, []
    source = f"{tag_label('FieldOfViewDimensions')} / {tag_label('ScanVelocity')}"
    text = f"{length / velocity:g} s ({length:g} mm at {velocity:g} mm/s)"
    return length / velocity, elapsed, [Evidence("exposure", text, source)]


def _obstacles(frames: Sequence[PlanarFrame], exposure_s: float | None, declaration: Declaration) -> list[Problem]:
    if not frames:
        return []
    problems = []
    if len({(frame.shape, frame.spacing_mm, frame.technique) for frame in frames}) > 1:
        problems.append(Problem("planar-mixed", "The views have different sizes, pixels or techniques: name one pair."))
    if any(frame.spacing_mm is None for frame in frames):
        problems.append(Problem("missing-geometry", "The file does not state the size of a pixel: export it again."))
    problems += _view_problems(frames)
    if any(frame.along_row in ("A", "P") or frame.along_column in ("A", "P", "L", "R") for frame in frames):
        problems.append(
            Problem("planar-oblique", "The stated orientation is not that of views from front and back: correct it.")
        )
    if declaration.acquired_at is None and any(frame.acquired_at is None for frame in frames):
        problems.append(
            Problem(
                "missing-time",
                "The file does not state the start of the acquisition: add 'declare: {acquired_at: "
                "2026-03-03T10:30:00}' to the time point.",
                Effect.NEEDS_INPUT,
            )
        )
    if exposure_s is None:
        scanned = frames[0].technique == "whole-body"
        reason = (
            "the length of the detector and the scan velocity, from which the exposure of a pixel follows"
            if scanned
            else "how long it collected counts"
        )
        problems.append(
            Problem(
                "missing-exposure",
                f"The file does not state {reason}: add 'declare: {{frame_duration: 600 s}}' to the time point.",
                Effect.NEEDS_INPUT,
            )
        )
    return problems


def _view_problems(frames: Sequence[PlanarFrame]) -> list[Problem]:
    unknown = sorted({frame.detector for frame in frames if frame.view is None})
    if unknown:
        return [
            Problem(
                "planar-view",
                f"The file does not say which side of the patient detector {', '.join(map(str, unknown))} saw: add "
                "'declare: {views: [anterior, posterior]}' (of detector 1, 2 …) to the time point.",
                Effect.NEEDS_INPUT,
            )
        ]
    problems = []
    per_view = {view: [window_of(frame) for frame in frames if frame.view is view] for view in View}
    absent = [view.value for view, windows in per_view.items() if not windows]
    if absent:
        message = f"There is no {absent[0]} view: a conjugate view needs the anterior and the posterior one."
        problems.append(Problem("planar-single-view", message))
    elif any(len(set(windows)) < len(windows) for windows in per_view.values()):
        message = "A view occurs more than once for an energy window: name the file or folder of one acquisition."
        problems.append(Problem("planar-repeated", message))
    elif len({frozenset(windows) for windows in per_view.values()}) > 1:
        problems.append(Problem("planar-windows", "The two views have different energy windows: name one pair."))
    if len({frame.window for frame in frames}) > 1 and any(frame.window is None for frame in frames):
        message = (
            f"The limits of an energy window are not stated ({tag_label('EnergyWindowRangeSequence')}): export again."
        )
        problems.append(Problem("planar-windows", message))
    return problems


def window_of(frame: PlanarFrame) -> EnergyWindow:
    """Return the energy window of a frame, an unlimited one if none is stated."""
    # A single window without limits is the photopeak of whatever was imaged.
    return frame.window or EnergyWindow(0.0, float("inf"))


def _frame(frames: Sequence[PlanarFrame], view: View, window: EnergyWindow) -> PlanarFrame:
    return next(frame for frame in frames if frame.view is view and window_of(frame) == window)


def _head_up(frame: PlanarFrame) -> Array:
    counts = read_counts(frame)
    return counts[::-1] if frame.along_column == "H" else counts


def _is_turned(
    frames: Sequence[PlanarFrame], declaration: Declaration, anterior: Array, posterior: Array, *, where: str
) -> tuple[bool, tuple[Evidence, ...], tuple[Finding, ...]]:
    """Return whether the posterior view is stored so that it lies over the anterior one.

    The file's orientation says it; else the study; else the images, if turning makes a difference.
    """
    rows = {view: {frame.along_row for frame in frames if frame.view is view} for view in View}
    over, behind = (_similarity(anterior, view) for view in (posterior, posterior[..., ::-1]))
    by_images = f"correlation with the anterior view {over:.3f} as stored, {behind:.3f} turned"
    stated: bool | None = None
    source = "study"
    if declaration.posterior is not None:
        stated = declaration.posterior == _TURNED
    elif all(len(found) == 1 and found <= {"L", "R"} for found in rows.values()):
        stated, source = rows[View.ANTERIOR] == rows[View.POSTERIOR], tag_label("ImageOrientationPatient")
    difference = load_yaml("planar.yaml")["mirror_difference"]["value"]
    if stated is None:
        if abs(over - behind) < difference:
            raise StudyError(
                f"'{where}' does not say whether the posterior view is turned, and the images look alike both ways "
                f"({by_images}): add 'declare: {{posterior: {_FROM_BEHIND}}}' or '{_TURNED}' to the time point.",
                code="posterior-mirror",
            )
        turned = over > behind
        message = (
            f"The file does not say whether the posterior view is turned; by the images it is "
            f"{_TURNED if turned else _FROM_BEHIND} ({by_images}): declare 'posterior' if that is wrong."
        )
        finding = Finding("posterior-mirror-assumed", "warning", message)
        return turned, (Evidence("posterior view", _TURNED if turned else _FROM_BEHIND, by_images),), (finding,)
    evidence = (Evidence("posterior view", _TURNED if stated else _FROM_BEHIND, source),)
    contradicted = (behind - over if stated else over - behind) >= difference
    if not contradicted:
        return stated, evidence, ()
    message = (
        f"The posterior view is {_TURNED if stated else _FROM_BEHIND} by the {'study' if source == 'study' else 'file'}"
        f", but the images fit better the other way ({by_images}): check the sides."
    )
    return stated, evidence, (Finding("posterior-mirror-contradicted", "critical", message),)


def _similarity(first: Array, second: Array) -> float:
    """Return the correlation of two stacks of views after a square root, which evens out bright organs."""
    one, other = (np.sqrt(np.maximum(stack.sum(axis=0), 0)).ravel() for stack in (first, second))
    if not one.std() > 0 or not other.std() > 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def agreed_nuclide(stated: str | None, declaration: Declaration, given: str | None) -> str | None:
    """Return the nuclide by the file, the declaration and the study, which must not contradict each other.

    Raises
    ------
    StudyError
        ``nuclide-conflict``, or a name that is not known.
    """
    try:
        declared = canonical_nuclide(declaration.nuclide) if declaration.nuclide else stated
    except PhysicsError as error:
        raise StudyError(str(error), code=error.code) from None
    if declared is not None and given is not None and declared != given:
        raise StudyError(
            f"The planar image is of {declared} but the study administers {given}: correct the study, or add "
            f"'declare: {{nuclide: {given}}}' to the time point if the header is wrong.",
            code="nuclide-conflict",
        )
    return declared or given
