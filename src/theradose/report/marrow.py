"""The section about red marrow: from images, from blood, or both side by side, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from theradose.data import load_yaml
from theradose.model.result import Estimate, Result
from theradose.numbers import (
    NOT_STATED,
    UNKNOWN,
    format_estimate,
    format_fixed,
    format_given,
    format_number,
    format_percent,
    words,
)
from theradose.report.blocks import Block, Cell, Column, Illustration, Paragraph, Table, present, row

METHODS = ("image", "blood")
"""Keys of ``marrow`` in the result, in the order of the columns."""

_TITLES = {"image": "From images", "blood": "From blood"}
_REASONS = {
    "margin": "− margin below the surface",
    "processes": "− arches and processes",
    "lesions": "− lesions and their margin",
    "below-window": "− below the HU window",
    "above-window": "− above the HU window",
}
_DOSE_METHODS = {
    "local-deposition": "local deposition: all electron energy stays in marrow",
    "s-value": "S value of the reference adult",
}
# How the constants of the two methods are called.
_S_VALUE, _ELECTRONS = "S(red-marrow <- red-marrow)", "mean electron energy"
_DISTRIBUTIONS = {
    "spongiosa": "alike in all spongiosa",
    "active-marrow": "in active marrow alone",
}


def marrow_parts(result: Result) -> dict[str, Mapping[str, Any]]:
    """Return what the result holds of each method."""
    known = result.marrow or {}
    return {name: known[name] for name in METHODS if known.get(name)}


def marrow_section(result: Result, pictures: Iterable[Illustration]) -> tuple[Block, ...]:
    """Return the blocks of the section; none without a marrow dose."""
    parts = marrow_parts(result)
    if not parts:
        return ()
    return present(
        (
            _comparison(parts),
            *(Paragraph(text) for text in explanation(parts)),
            *pictures,
            _volume(parts),
        )
    )


def explanation(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why images and blood give different doses, with the figures of this patient where both are known."""
    data = load_yaml("marrow_image.yaml")
    mean = data["image_to_blood_hemmingsson2023"]["value"]
    medians = [format_fixed(value, 1) for value in data["image_to_blood_vallot2024"]["value"]]
    published = (
        f"Image-based doses of red marrow were {format_given(mean)} times the blood-based ones on average in 16 "
        f"patients (Hemmingsson 2023) and {', '.join(medians[:-1])} and {medians[-1]} times for mono-, bi- and "
        "tri-exponential curves, as ratios of medians (Vallot 2024)."
    )
    reasons = (
        "Blood shows what circulates: its method takes the marrow to have a fixed ratio of that and nothing bound. "
        "Images show what is in spongiosa, bound or circulating, together with what spills in from its surroundings "
        "and without what is lost to them. A limit that was set with one method does not hold for the other."
    )
    if len(parts) < len(METHODS):
        return [f"{reasons} {published}"]
    return [_decomposed(parts), f"{reasons} {published}"]


def _decomposed(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Part the ratio of the two self doses into that of the activities and that of the dose factors."""
    dose_ratio, activity_ratio = (
        float(parts["image"][key]["value"]) / float(parts["blood"][key]["value"])
        for key in ("self_gy", "marrow_tia_mbq_h")
    )
    return (
        f"The self dose from images is {format_number(dose_ratio)} times that from blood: the images show "
        f"{format_number(activity_ratio)} times the activity in red marrow, and the dose per activity is "
        f"{format_number(dose_ratio / activity_ratio)} times that of the other method."
    )


def _comparison(parts: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = [Column("", stretch=0.9), *(Column(_TITLES[name], stretch=1.0) for name in parts)]
    lines: list[tuple[str, str, bool]] = [
        ("Measured in", "measured", False),
        ("Activity is taken to be", "distribution", False),
        ("Curve", "curve", False),
        ("Effective half-life, h", "half_life", False),
        ("Integral as measured", "integral", False),
        ("Activity in red marrow, MBq·h", "activity", False),
        ("Beyond the part of the blood", "specific", False),
        ("Dose factor", "factor", False),
        ("Dose from red marrow, Gy", "self", False),
        ("Dose from the rest of the body, Gy", "cross", False),
        ("Dose to red marrow, Gy", "dose", True),
        ("Dose per activity, mGy/GBq", "per_activity", True),
    ]
    described = {name: _described(name, part) for name, part in parts.items()}
    lines = [line for line in lines if any(described[name][line[1]] != UNKNOWN for name in parts)]
    rows = [
        row(Cell(label, strong=True), *(Cell(described[name][key], strong=strong) for name in parts))
        for label, key, strong in lines
    ]
    notes = []
    if any(part.get("cross_gy", {}).get("value") is None for part in parts.values()):
        notes.append("not known: the time-integrated activity of the whole body is missing; it does not count as 0.")
    return Table("Dose to red marrow by method", tuple(columns), tuple(rows), tuple(notes))


def _described(name: str, part: Mapping[str, Any]) -> dict[str, str]:
    image = name == "image"
    cross = _estimate(part.get("cross_gy"))
    per_activity = _estimate(part.get("dose_per_activity_gy_gbq"), 1e3)
    return {
        "measured": _image_place(part) if image else _blood_place(part),
        "distribution": _DISTRIBUTIONS.get(part["distribution"], part["distribution"])
        if image
        else f"in the ratio {format_number(part.get('rmblr'))} to blood ({part.get('rmblr_choice', NOT_STATED)})",
        "curve": _curve(part),
        "half_life": format_estimate(_estimate(part.get("effective_half_life_h"))),
        "integral": f"{format_estimate(_estimate(part.get('tia_mbq_h_per_ml' if image else 'tia_mbq_h_per_l')))} "
        f"MBq·h/{'mL' if image else 'L'}",
        "activity": format_estimate(_estimate(part.get("marrow_tia_mbq_h"))),
        "specific": _specific(part),
        "factor": _factor(part),
        "self": format_estimate(_estimate(part.get("self_gy"))),
        "cross": "not known" if cross is None else format_estimate(cross),
        "dose": format_estimate(_estimate(part.get("dose_gy"))),
        "per_activity": UNKNOWN if per_activity is None else format_estimate(per_activity),
    }


def _curve(part: Mapping[str, Any]) -> str:
    before, after = (format_percent(part.get(key)) for key in ("before_first_fraction", "extrapolated_fraction"))
    return f"{part.get('model', NOT_STATED)}; {before} of the integral before the first, {after} after the last point"


def _image_place(part: Mapping[str, Any]) -> str:
    recovery = _estimate(part.get("recovery"))
    corrected = "not corrected for recovery" if recovery is None else f"recovery {format_estimate(recovery)}"
    weighted = f", weighted by {part['weighted_by']}" if part.get("weighted_by") else ""
    return f"{format_number(part['volume_ml'])} mL of {', '.join(map(words, part['sites']))}{weighted}; {corrected}"


def _specific(part: Mapping[str, Any]) -> str:
    """Return the share of the activity that the blood does not explain."""
    specific, total = (_estimate(part.get(key)) for key in ("specific_tia_mbq_h_per_kg", "marrow_tia_mbq_h_per_kg"))
    if specific is None or total is None or specific.value is None or not total.value:
        return UNKNOWN
    return f"{format_percent(specific.value / total.value)} of it ({format_estimate(specific)} MBq·h/kg)"


def _blood_place(part: Mapping[str, Any]) -> str:
    haematocrit = part.get("haematocrit")
    stated = "" if haematocrit is None else f", haematocrit {format_given(haematocrit)}"
    return f"{part.get('specimen', NOT_STATED)}{stated}"


def _factor(part: Mapping[str, Any]) -> str:
    """Return the dose method with the one constant that it rests on."""
    method = str(part.get("method") or NOT_STATED)
    for constant in part.get("constants", ()):
        if method == "s-value" and str(constant["name"]).startswith(_S_VALUE):
            return f"{_DOSE_METHODS[method]}: {constant['source']} ({constant['status']})"
        if method == "local-deposition" and str(constant["name"]).startswith(_ELECTRONS):
            return f"{_DOSE_METHODS[method]}, {format_given(constant['value'])} keV per decay"
    return _DOSE_METHODS.get(method, method)


def _volume(parts: Mapping[str, Mapping[str, Any]]) -> Table | None:
    image = parts.get("image")
    if image is None:
        return None
    outlined = float(image["outlined_ml"])
    rows = [row(Cell("Outlined", strong=True), format_number(outlined), "")]
    rows += [
        row(Cell(_REASONS.get(reason, reason)), format_number(volume), format_percent(volume / outlined))
        for reason, volume in image["excluded_ml"].items()
        if volume > 0
    ]
    kept = float(image["volume_ml"])
    rows.append(
        row(Cell("Spongiosa", strong=True), Cell(format_number(kept), strong=True), format_percent(kept / outlined))
    )
    moved = [
        f"{one['timepoint']} {one['method']} ({format_fixed(one['shift_mm'], 1)} mm, "
        f"{format_fixed(one['rotation_deg'], 1)}°)"
        for one in image["registrations"]
    ]
    return Table(
        "Marrow volume",
        (Column("Part", stretch=1.0), Column("Volume", "mL", "right"), Column("Share", "", "right")),
        tuple(rows),
        (
            f"Density {format_estimate(_estimate(image['density_g_per_ml']))} g/mL. Alignment of the vertebrae, with "
            f"the distance from that of the whole image: {', '.join(moved)}.",
        ),
    )


def _estimate(pair: Mapping[str, Any] | None, factor: float = 1.0) -> Estimate | None:
    if not pair or pair.get("value") is None:
        return None
    u = pair.get("u")
    return Estimate(value=factor * pair["value"], u=None if u is None else factor * u)
