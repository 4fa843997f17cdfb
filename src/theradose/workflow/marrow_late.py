"""What late samples and images change: areas with and without them, weighted as ours and unweighted as published.

One place does the unweighted, unbounded fits of a cohort, for the analysis of blood samples and for the comparison of
methods.

References
----------
[Vallot2024]_ Table 5, and the influence of the fourth image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number
from theradose.errors import FitError
from theradose.kinetics.fit import fit_model
from theradose.kinetics.published import UnweightedFit, fit_unweighted_curves
from theradose.model.curve import TimeActivityCurve, TimeIntegratedActivity
from theradose.nuclides import Nuclide
from theradose.workflow.marrow import BLOOD_MODELS

PHASES = {model: phases for phases, model in enumerate(BLOOD_MODELS, start=1)}
"""Exponentials of each model of the published analysis."""


@dataclass(frozen=True, slots=True, eq=False)
class PublishedFits:
    """Unweighted, unbounded fits by model, one per curve.

    Attributes
    ----------
    whole : mapping of str to tuple
        To all points; ``None`` where there are fewer points than parameters.
    early : mapping of str to tuple
        Without late points; ``None`` also where there are none.
    """

    whole: Mapping[str, tuple[UnweightedFit | None, ...]]
    early: Mapping[str, tuple[UnweightedFit | None, ...]]

    def change_percent(self, model: str) -> tuple[float | None, ...]:
        """Return by how much the area changes without late points; ``None`` where one of the two has none."""
        return tuple(
            100 * (without.area / whole.area - 1)
            if whole is not None and without is not None and whole.physical and without.physical
            else None
            for whole, without in zip(self.whole[model], self.early[model], strict=True)
        )


@dataclass(frozen=True, slots=True)
class WeightedChange:
    """By how much a weighted, bounded area changes without late points, or why it cannot be had."""

    percent: float | None
    reason: str = ""


def late_sample_time_h() -> float:
    """Return the time after which samples count as late."""
    return load_number("marrow.yaml", "late_sample_time")


def early_samples(curve: TimeActivityCurve) -> TimeActivityCurve | None:
    """Return a curve without its late samples, or ``None`` if it has none."""
    kept = curve.t_h <= late_sample_time_h()
    return None if kept.all() or not kept.any() else curve.at(kept)


def without_last(curve: TimeActivityCurve) -> TimeActivityCurve | None:
    """Return a curve without its last image, or ``None`` if that leaves fewer than two."""
    kept = np.arange(len(curve.t_h)) < len(curve.t_h) - 1
    return None if kept.sum() < 2 else curve.at(kept)


def published_fits(curves: Sequence[TimeActivityCurve], early: Sequence[TimeActivityCurve | None]) -> PublishedFits:
    """Fit the published models to all curves and to what is left of each without late points."""
    return PublishedFits(
        whole={model: _unweighted(curves, phases) for model, phases in PHASES.items()},
        early={model: _unweighted(early, phases) for model, phases in PHASES.items()},
    )


def weighted_change(
    tia: TimeIntegratedActivity,
    early: TimeActivityCurve,
    model: str,
    *,
    nuclide: Nuclide,
    infusion_h: float,
) -> WeightedChange:
    """Return what the weighted, bounded area of a model changes without late points."""
    fit = next((fit for fit in tia.fits if fit.model == model), None)
    if fit is None:
        return WeightedChange(None, f"The model '{model}' has more parameters than there are points.")
    try:
        without = fit_model(early, model, decay_constant_per_h=nuclide.decay_constant_per_h, infusion_h=infusion_h)
    except FitError as error:
        return WeightedChange(None, str(error))
    return WeightedChange(100 * (without.tia_mbq_h / fit.tia_mbq_h - 1))


def share_of_squares(curve: TimeActivityCurve, part: TimeActivityCurve) -> float:
    """Return the share of a part of the points in the sum of squares that an unweighted fit has to explain."""
    return float(np.sum(part.activity_mbq**2) / np.sum(curve.activity_mbq**2))


def _unweighted(curves: Sequence[TimeActivityCurve | None], phases: int) -> tuple[UnweightedFit | None, ...]:
    usable = [k for k, curve in enumerate(curves) if curve is not None and len(curve.t_h) >= 2 * phases]
    points = [(curve.t_h, curve.activity_mbq) for k in usable if (curve := curves[k]) is not None]
    fits: list[UnweightedFit | None] = [None] * len(curves)
    for k, fit in zip(usable, fit_unweighted_curves(curves=points, phases=phases), strict=True):
        fits[k] = fit
    return tuple(fits)
