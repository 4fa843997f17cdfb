"""From planar files of a calibration source to its views: one, or two opposite ones.

A source needs less than a patient. It is summed in each view by itself, so that it does not matter which side a single
view shows or whether the posterior view is turned. It also states more: one time of exposure for all views.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from theradose.acquire.decide import problem_findings, require_usable
from theradose.acquire.planar import agreed_nuclide, plan_planar, planar_equipment, planar_sources, window_of
from theradose.errors import CalibrationError
from theradose.formats.dicom.planar import PlanarFrame, read_counts
from theradose.formats.facts import NOTHING_DECLARED, Effect, Problem
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.planar import SourceView, SourceViews, View

_ONE_VIEW = "planar-single-view"
_UNKNOWN_SIDE = "planar-view"


def load_source_views(path: Path, *, nuclide: str) -> tuple[SourceViews, tuple[Finding, ...]]:
    """Load the static planar view or views of a source.

    Parameters
    ----------
    path : Path
        A file with all views and windows, or a folder of them.
    nuclide : str
        Of the calibration, as ``Lu-177``.

    Raises
    ------
    CalibrationError
        ``planar-incomplete`` if the files do not say when or how long they were acquired or which views they show,
        ``planar-whole-body`` for scans, ``planar-exposures`` if views were exposed for different times.
    StudyError
        ``no-series``, ``nuclide-conflict``, or the reason of a refusal.
    """
    sources = planar_sources(path)
    plan = plan_planar(sources)
    frames = plan.facts.frames
    problems = [problem for problem in plan.problems if not _needless(problem, frames)]
    require_usable([problem for problem in problems if problem.effect is not Effect.NEEDS_INPUT], where=path.name)
    if not frames:
        raise CalibrationError(f"'{path.name}' holds no planar image: correct the path.", code="no-series")
    if frames[0].technique != "static":
        raise CalibrationError(
            f"'{path.name}' is a whole-body scan, of which no pixel was exposed all the time: image the source with a "
            "static acquisition.",
            code="planar-whole-body",
        )
    lacking = [problem for problem in problems if problem.effect is Effect.NEEDS_INPUT]
    exposures = {frame.duration_s for frame in frames}
    if len(exposures) > 1:
        raise CalibrationError(
            f"The views of '{path.name}' were exposed for different times: give views of the same length, or one view.",
            code="planar-exposures",
        )
    (exposure_s,) = exposures
    spacing = frames[0].spacing_mm
    if lacking or exposure_s is None or spacing is None:
        reason = lacking[0].message.partition(": add ")[0] if lacking else "The file lacks what is needed"
        raise CalibrationError(
            f"'{path.name}' cannot be used: {reason[0].lower()}{reason[1:]}; read the counts off the workstation and "
            "give them as a table with --planar.",
            code="planar-incomplete",
        )
    agreed_nuclide(plan.facts.administration.nuclide, NOTHING_DECLARED, nuclide)
    windows = tuple(sorted({window_of(frame) for frame in frames}))
    views = SourceViews(
        views=tuple(
            SourceView(np.stack([read_counts(_frame_of(own, window)) for window in windows]), _start(own))
            for own in _by_view(frames)
        ),
        windows=windows,
        spacing_mm=spacing,
        exposure_s=exposure_s,
        equipment=planar_equipment(sources, windows) or Equipment(),
        files=tuple(dict.fromkeys(file for source in sources for file in source.files)),
    )
    return views, problem_findings(plan.problems)


def _needless(problem: Problem, frames: Sequence[PlanarFrame]) -> bool:
    """Return whether a problem of patients' images is none of a source's: one view, of whichever side."""
    alone = len({(frame.path, frame.detector) for frame in frames}) == 1
    return problem.code == _ONE_VIEW or (problem.code == _UNKNOWN_SIDE and alone)


def _by_view(frames: Sequence[PlanarFrame]) -> list[list[PlanarFrame]]:
    sides: tuple[View | None, ...] = (*View, None)
    groups = [[frame for frame in frames if frame.view is side] for side in sides]
    return [group for group in groups if group]


def _frame_of(frames: Sequence[PlanarFrame], window: object) -> PlanarFrame:
    found = [frame for frame in frames if window_of(frame) == window]
    if len(found) != 1:
        raise CalibrationError(
            f"A view of '{frames[0].path.name}' has {len(found)} images of one energy window: name the file or folder "
            "of one acquisition.",
            code="planar-repeated",
        )
    return found[0]


def _start(frames: Sequence[PlanarFrame]) -> datetime:
    times = [frame.acquired_at for frame in frames if frame.acquired_at is not None]
    return min(times, key=lambda moment: moment.replace(tzinfo=None))
