"""Blood- and image-based marrow doses of a cohort side by side, ours and as published.

References
----------
[Vallot2024]_ The comparison that this repeats beside our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.kinetics.evaluate import evaluate_fit
from theradose.kinetics.published import UnweightedFit
from theradose.model.arrays import Array
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.nuclides import Constant, Nuclide, load_nuclide
from theradose.report.marrow_comparison import Analysis, ExampleCurve, MarrowComparison
from theradose.workflow.marrow import BloodMarrow, BloodMarrowOptions, blood_marrow
from theradose.workflow.marrow_cohort import (
    analysis,
    published_doses,
    published_late,
    treatment_name,
    weighted_doses,
    weighted_late,
)
from theradose.workflow.marrow_gap import explained_gap, gap_ratio
from theradose.workflow.marrow_late import (
    PublishedFits,
    early_samples,
    late_sample_time_h,
    published_fits,
    share_of_squares,
    without_last,
)
from theradose.workflow.marrow_vois import VoiMarrow, VoiMarrowOptions, image_marrow_table

_GRID_POINTS = 400


@dataclass(frozen=True, slots=True, eq=False)
class ComparedCohort:
    """A comparison and the results of the single treatments."""

    comparison: MarrowComparison
    blood: tuple[BloodMarrow, ...]
    image: tuple[VoiMarrow, ...]
    constants: tuple[Constant, ...]


def compare_marrow(
    samples: Sequence[Path],
    images: Sequence[Path],
    blood: BloodMarrowOptions,
    image: VoiMarrowOptions,
    *,
    treatments: Path | None = None,
    noticed: Sequence[Finding] = (),
) -> ComparedCohort:
    """Compare the red marrow doses from blood samples and from images over a cohort.

    Parameters
    ----------
    samples, images : sequence of Path
        Tables of blood samples and of volumes of interest.
    blood : BloodMarrowOptions
        What holds for all samples.
    image : VoiMarrowOptions
        What holds for all images; the same nuclide.
    treatments : Path, optional
        Table of treatments.
    noticed : sequence of Finding
        What is known about the input already.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used; ``nothing-in-common`` if no treatment has
        both samples and images.
    """
    nuclide = load_nuclide(blood.nuclide)
    by_blood = blood_marrow(samples, blood, treatments=treatments)
    by_image = image_marrow_table(images, image, treatments=treatments)
    matched = _matched(by_blood, by_image)
    if not matched:
        raise StudyError(
            f"None of {len(by_blood)} treatments with samples is among the {len(by_image)} with images: give both the "
            "same 'subject' and 'cycle'.",
            code="nothing-in-common",
        )
    early_blood = [early_samples(result.tia.curve) for result in by_blood]
    early_image = [without_last(result.tia.curve) for result in by_image]
    blood_fits = published_fits([result.tia.curve for result in by_blood], early_blood)
    image_fits = published_fits([result.tia.curve for result in by_image], early_image)
    ours, of_pairs = _weighted(by_blood, by_image, early_blood, early_image, nuclide)
    published, _ = _published(by_blood, by_image, early_blood, early_image, blood_fits, image_fits, nuclide)
    unpaired = len(by_blood) + len(by_image) - 2 * len(matched)
    findings = [*noticed, *of_pairs]
    findings += [finding for one in by_blood for finding in one.findings]
    findings += [finding for one in by_image for finding in one.findings]
    if unpaired:
        message = f"{unpaired} treatments have samples or images only and take part in the medians, not in the pairs."
        findings.append(Finding("treatments-unpaired", "info", message, "cohort"))
    comparison = MarrowComparison(
        nuclide=nuclide.name,
        treatments={"blood": len(by_blood), "image": len(by_image), "both": len(matched)},
        settings={
            "blood method": blood.method,
            "ratio of marrow and blood": blood.ratio,
            "image method": image.method,
            "distribution in the volume": image.image.distribution,
            "recovery": "none" if image.image.recovery is None else f"{image.image.recovery.value:g}",
        },
        late_sample_h=late_sample_time_h(),
        ours=ours,
        published=published,
        gap=explained_gap(
            matched,
            nuclide,
            blood_method=blood.method,
            image_method=image.method,
            recovery_applied=image.image.recovery is not None,
        ),
        gap_ratio=gap_ratio(matched),
        late_explained=_late_explained(by_blood, early_blood, ours, published),
        example=_example(by_blood, early_blood, blood_fits),
        printed=_printed(),
        findings=tuple(dict.fromkeys(findings)),
    )
    used = [constant for result in by_blood for constant in (*result.ratio.constants, *result.dose.constants)]
    used += [constant for result in by_image for constant in result.constants]
    return ComparedCohort(comparison, by_blood, by_image, tuple(dict.fromkeys([nuclide.half_life_h, *used])))


def _weighted(
    by_blood: Sequence[BloodMarrow],
    by_image: Sequence[VoiMarrow],
    early_blood: Sequence[TimeActivityCurve | None],
    early_image: Sequence[TimeActivityCurve | None],
    nuclide: Nuclide,
) -> tuple[Analysis, tuple[Finding, ...]]:
    blood, image = weighted_doses("blood", by_blood), weighted_doses("image", by_image)
    late = (
        *weighted_late("blood", by_blood, early_blood, blood, nuclide),
        *weighted_late("image", by_image, early_image, image, nuclide),
    )
    return analysis("weighted", (*blood, *image), late)


def _published(
    by_blood: Sequence[BloodMarrow],
    by_image: Sequence[VoiMarrow],
    early_blood: Sequence[TimeActivityCurve | None],
    early_image: Sequence[TimeActivityCurve | None],
    blood_fits: PublishedFits,
    image_fits: PublishedFits,
    nuclide: Nuclide,
) -> tuple[Analysis, tuple[Finding, ...]]:
    blood = published_doses("blood", by_blood, blood_fits, nuclide)
    image = published_doses("image", by_image, image_fits, nuclide)
    late = (
        *published_late("blood", by_blood, early_blood, blood_fits, blood),
        *published_late("image", by_image, early_image, image_fits, image),
    )
    return analysis("as-published", (*blood, *image), late)


def _matched(
    by_blood: Sequence[BloodMarrow], by_image: Sequence[VoiMarrow]
) -> tuple[tuple[BloodMarrow, VoiMarrow], ...]:
    images = {treatment_name(result): result for result in by_image}
    return tuple((result, images[name]) for result in by_blood if (name := treatment_name(result)) in images)


def _late_explained(
    results: Sequence[BloodMarrow],
    early: Sequence[TimeActivityCurve | None],
    ours: Analysis,
    published: Analysis,
) -> tuple[str, ...]:
    """Say why late samples do not move an unweighted mono-exponential."""
    hour = late_sample_time_h()
    shares = [
        1 - share_of_squares(result.tia.curve, curve)
        for result, curve in zip(results, early, strict=True)
        if curve is not None
    ]
    unweighted, weighted = published.late_of("blood", "mono"), ours.late_of("blood", "mono")
    if not shares or not len(unweighted.percent) or not len(weighted.percent):
        return (f"No treatment has samples after {hour:g} h: what they change cannot be seen.",)
    below = _shortfall(ours, published)
    low, high = np.percentile(weighted.percent, [5, 95])
    return (
        f"Least squares without weights explains squares of concentrations. The samples after {hour:g} h hold "
        f"{np.median(shares):.2g} of that sum (median of {len(shares)} treatments), so that dropping them moves the "
        f"unweighted mono-exponential dose by {np.median(np.abs(unweighted.percent)):.2f} % (median; at most "
        f"{np.abs(unweighted.percent).max():.2f} %).",
        "Weighted by the uncertainty of each sample, late samples count as much as early ones: without them the same "
        f"model moves by {low:.0f} to {high:+.0f} % in nine of ten treatments.",
        "That late samples do not matter is therefore a property of the unweighted fit and not of the patients: the "
        "late area is missing with and without them" + below,
    )


def _shortfall(ours: Analysis, published: Analysis) -> str:
    mono, bi = published.of("blood", "mono").by_treatment(), ours.of("blood", "bi").by_treatment()
    deviations = [100 * (mono[name] / bi[name] - 1) for name in mono if name in bi]
    if not deviations:
        return "."
    return (
        f", and the unweighted mono-exponential dose lies {np.median(deviations):+.0f} % (median) from the weighted "
        "bi-exponential one."
    )


def _example(
    results: Sequence[BloodMarrow], early: Sequence[TimeActivityCurve | None], fits: PublishedFits
) -> ExampleCurve | None:
    """Return the treatment whose unweighted mono-exponential misses its weighted area as the median treatment does."""
    candidates = []
    for k, (result, curve) in enumerate(zip(results, early, strict=True)):
        whole, without = fits.whole["mono"][k], fits.early["mono"][k]
        if curve is not None and whole is not None and without is not None and whole.physical and without.physical:
            candidates.append((whole.area / result.tia.value.value, k))
    if not candidates:
        return None
    candidates.sort()
    _, k = candidates[len(candidates) // 2]
    result = results[k]
    curve = result.tia.curve
    grid = np.linspace(result.treatment.infusion_h or 0.0, float(curve.t_h[-1]), _GRID_POINTS)
    weighted = next((fit for fit in result.tia.fits if fit.model == "bi"), result.tia.fits[0])
    return ExampleCurve(
        treatment=treatment_name(result),
        t_h=curve.t_h,
        concentration_mbq_l=curve.activity_mbq,
        u_mbq_l=curve.u_independent_mbq,
        late=curve.t_h > late_sample_time_h(),
        grid_h=grid,
        curves={
            "mono, unweighted": _value(fits.whole["mono"][k], grid),
            "mono, unweighted, no late samples": _value(fits.early["mono"][k], grid),
            f"{weighted.model}, weighted": evaluate_fit(weighted, grid)[0],
        },
    )


def _value(fit: UnweightedFit | None, t_h: Array) -> Array:
    if fit is None:
        return np.full_like(t_h, np.nan)
    return np.asarray(np.exp(-np.outer(t_h, fit.rates_per_h)) @ np.array(fit.amplitudes))


def _printed() -> dict[str, Any]:
    return {name: entry["value"] for name, entry in load_yaml("marrow_vallot2024.yaml").items()}
