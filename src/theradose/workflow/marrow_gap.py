"""Why image-based marrow doses exceed those from blood, in sentences with the numbers of a cohort.

References
----------
[Vallot2024]_, [Hemmingsson2023]_ Doses by both methods in the same patients.
[Sgouros1993]_ Ratio of marrow and blood, and plasma in blood.
[Santoro2018]_ Recovery of the vertebrae.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.dose.marrow import MarrowRequest, marrow_methods, marrow_ratio
from theradose.dose.marrow_image import split_marrow_uptake
from theradose.dose.svalues import DEFAULT_SEX
from theradose.nuclides import Nuclide
from theradose.report.marrow_comparison import GapReason
from theradose.workflow.marrow import BloodMarrow
from theradose.workflow.marrow_vois import VoiMarrow

Matched = Sequence[tuple[BloodMarrow, VoiMarrow]]


def gap_ratio(matched: Matched) -> tuple[float, ...]:
    """Return median, smallest and largest ratio of the self doses, image over blood."""
    ratios = [image.dose.self_gy.value / blood.dose.self_gy.value for blood, image in matched]
    return (float(np.median(ratios)), min(ratios), max(ratios)) if ratios else ()


def explained_gap(
    matched: Matched, nuclide: Nuclide, *, blood_method: str, image_method: str, recovery_applied: bool
) -> tuple[GapReason, ...]:
    """Return the reasons, those with a known factor first; none without treatments that have both."""
    if not matched:
        return ()
    total = gap_ratio(matched)[0]
    absorbed = _absorbed(matched, nuclide, blood_method=blood_method, image_method=image_method)
    return (
        _observed(matched, total),
        absorbed,
        _specific(matched, total / (absorbed.factor or 1.0)),
        _specimen(matched),
        _ratio(matched),
        _recovery(recovery_applied),
        GapReason(
            "no reference",
            None,
            "Which of the two is nearer to the true dose cannot be decided from such data: there is no reference "
            "method, and neither dose predicts toxicity consistently.",
            "Vallot 2024, conclusion",
        ),
    )


def _observed(matched: Matched, total: float) -> GapReason:
    published = load_yaml("marrow_image.yaml")
    mono, bi, tri = published["image_to_blood_vallot2024"]["value"]
    least, most = published["image_to_blood_hemmingsson2023_range"]["value"]
    _, low, high = gap_ratio(matched)
    text = (
        f"In {len(matched)} treatments with both, the image-based self dose is {total:.2g} times that from blood "
        f"({low:.2g} to {high:.2g}). Published ratios are {mono:g}, {bi:g} and {tri:g} (medians of mono-, bi- and "
        f"tri-exponential curves) and {published['image_to_blood_hemmingsson2023']['value']:g} ({least:g} to {most:g})."
    )
    return GapReason("observed", total, text, "Vallot 2024; Hemmingsson 2023, Table 3")


def _absorbed(matched: Matched, nuclide: Nuclide, *, blood_method: str, image_method: str) -> GapReason:
    factors = []
    for blood, _ in matched:
        request = MarrowRequest(blood.concentration.marrow, nuclide, blood.treatment.sex or DEFAULT_SEX)
        by_image, by_blood = (
            marrow_methods.get(name)(request)[0].self_gy.value for name in (image_method, blood_method)
        )
        factors.append(by_image / by_blood)
    factor = float(np.median(factors))
    source = "OLINDA 2 dose factors; ICRP 89 masses"
    if image_method == blood_method:
        text = f"Both doses use the method '{blood_method}', so that the absorbed fraction explains nothing here."
        return GapReason("absorbed fraction", 1.0, text, source)
    text = (
        f"For the same concentration in marrow the method '{image_method}' of the images gives {factor:.3g} times the "
        f"dose of the method '{blood_method}' of the blood: with local deposition all electron energy stays in marrow "
        f"(absorbed fraction 1), by the dose factor of the reference adult {1 / factor:.2f} of it."
    )
    return GapReason("absorbed fraction", factor, text, source)


def _specific(matched: Matched, remaining: float) -> GapReason:
    splits = [
        split_marrow_uptake(
            image_tia_mbq_h_per_kg=image.concentration.marrow, blood_tia_mbq_h_per_kg=blood.concentration.marrow
        )[0]
        for blood, image in matched
    ]
    share = float(np.median([split.specific.value / split.total.value for split in splits]))
    half_lives = [
        float(np.median([item.tia.effective_half_life_h.value for item in items]))
        for items in zip(*matched, strict=True)
    ]
    text = (
        f"What remains, a factor of {remaining:.2g}, is concentration: {share:.0%} (median) of the activity in the "
        "marrow volume is not explained by the blood in it. Receptors on haematopoietic stem cells take the peptide up "
        f"specifically and keep it; the last phase has {half_lives[1]:.3g} h of effective half-life in images and "
        f"{half_lives[0]:.3g} h in blood (medians). Blood with a ratio of 1 cannot see this part."
    )
    return GapReason("specific uptake", remaining, text, "Hemmingsson 2023; Vallot 2024, discussion")


def _specimen(matched: Matched) -> GapReason:
    specimens = Counter(blood.curve.specimen for blood, _ in matched)
    converted = [blood.curve.haematocrit for blood, _ in matched if blood.curve.specimen != "blood"]
    known = [value for value in converted if value is not None]
    source = "Sgouros 1993; Vallot 2024 counts plasma and reports no haematocrit"
    if not known:
        example = _example_haematocrit()
        factor = 1 / (1 - example)
        text = (
            f"The specimen is whole blood in {specimens['blood']} of {len(matched)} treatments. Plasma taken for blood "
            f"would make the blood dose 1/(1 - haematocrit) too high ({factor:.3g} at {example}) and the gap that "
            "much smaller than it is: published blood doses may hide a part of it so."
        )
        return GapReason("specimen", None, text, source)
    factor = float(np.median([1 / (1 - value) for value in known]))
    text = (
        f"The specimen is plasma or serum in {len(known)} of {len(matched)} treatments and was converted with the "
        f"haematocrit; taken for whole blood, the blood dose would be {factor:.3g} times as high and the gap that much "
        "smaller. The published analysis does that."
    )
    return GapReason("specimen", factor, text, source)


def _ratio(matched: Matched) -> GapReason:
    used = float(np.median([blood.ratio.value.value for blood, _ in matched]))
    example = _example_haematocrit()
    extracellular, _ = marrow_ratio(choice="sgouros", haematocrit=example)
    text = (
        f"The ratio of the concentrations in marrow and blood is {used:.3g}. Extracellular fluid alone would give "
        f"{extracellular.value.value:.2f} at a haematocrit of {example}, a lower blood dose and a wider gap; a "
        "ratio fitted to images would close it by definition."
    )
    return GapReason("marrow to blood", None, text, "Sgouros 1993; EANM 2022 takes 1 for peptides")


def _example_haematocrit() -> float:
    return load_number("marrow.yaml", "example_haematocrit")


def _recovery(applied: bool) -> GapReason:
    published = load_yaml("marrow_image.yaml")["recovery_l2_l4"]
    value = float(published["value"])
    if applied:
        text = "The marrow volume is corrected for partial volume."
        return GapReason("partial volume", None, text, "Santoro 2018")
    text = (
        f"The marrow volume is not corrected for partial volume: a recovery of {value:g}, as measured in a phantom of "
        f"the vertebrae, would make the image-based dose {1 / value:.3g} times as high and the gap wider."
    )
    return GapReason("partial volume", None, text, "Santoro 2018")
