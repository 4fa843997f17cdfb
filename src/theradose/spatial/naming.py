"""Canonical names of regions, so that ``Kidney_L``, ``Niere li`` and ``rein gauche`` are one region."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from theradose.data import load_yaml
from theradose.model.region import RegionKind
from theradose.nuclides import Constant

_NUMBERED = re.compile(r"(.+?)\d*")
_CASE_BOUNDARY = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class CanonicalRegion:
    """What a name stands for.

    Attributes
    ----------
    name : str
        Canonical name, otherwise the given one in kebab case.
    kind : RegionKind
        Organ, lesion, whole body or other.
    code : str or None
        SNOMED CT code.
    meaning : str or None
        Meaning of the code.
    """

    name: str
    kind: RegionKind
    code: str | None
    meaning: str | None


def canonical_region(
    name: str,
    *,
    names: Mapping[str, tuple[str, ...]] | None = None,
    kind: RegionKind = RegionKind.OTHER,
) -> CanonicalRegion:
    """Return what a region's name stands for.

    Parameters
    ----------
    name : str
        Name as given by a file or a user.
    names : mapping of str to tuple of str, optional
        The user's own names: canonical or free name to the spellings that mean it. It wins over everything.
    kind : RegionKind
        Kind to assume for a name that says nothing, for example because a file states it.

    Returns
    -------
    CanonicalRegion
        Lesions keep their name in kebab case and get the code of a lesion.
    """
    words = _words(name)
    for chosen, spellings in (names or {}).items():
        if words in (_words(chosen), *map(_words, spellings)):
            return _described(_known(_words(chosen)) or chosen, kind)
    return _described(_known(words) or "-".join(words) or name, kind)


def in_warm_surroundings(name: str) -> bool:
    """Return whether a canonical region lies in tissue of like activity, so that no recovery applies to it."""
    return name in load_yaml("regions.yaml")["in_warm_surroundings"]


def paired_regions() -> dict[str, tuple[str, ...]]:
    """Return the paired organs with the names of their sides, as ``kidneys`` with ``left-kidney, right-kidney``."""
    data = load_yaml("regions.yaml")
    return {
        name: tuple(f"{side}-{entry['paired']}" for side in data["sides"])
        for name, entry in data["regions"].items()
        if "paired" in entry
    }


def pair_of(region: str) -> str:
    """Return the paired organ that a region is a side of, ``kidneys`` of ``left-kidney``; the region if it is none."""
    return next((pair for pair, sides in paired_regions().items() if region in sides), region)


def reference_mass_g(name: str, *, sex: Literal["male", "female"]) -> Constant | None:
    """Return the mass of a canonical region in the reference adult, ``None`` if there is none."""
    masses = load_yaml("regions.yaml")["masses"]
    value = masses["values"].get(name, {}).get(sex)
    if value is None:
        return None
    return Constant(
        name=f"mass of {name} in the reference {sex}",
        value=float(value),
        unit=masses["unit"],
        source=masses["source"],
        status=masses["status"],
        edition=masses["edition"],
    )


def _words(name: str) -> tuple[str, ...]:
    """Split a name into plain lower-case words, without accents."""
    split = _CASE_BOUNDARY.sub(" ", name)
    plain = "".join(c for c in unicodedata.normalize("NFKD", split) if not unicodedata.combining(c))
    return tuple(filter(None, _SEPARATORS.split(plain.casefold())))


def _known(words: tuple[str, ...]) -> str | None:
    """Return the canonical name for a name in words, with its side for a paired organ."""
    if "-".join(words) in _canonical_names():
        return "-".join(words)
    if words in _phrases():
        return _phrases()[words]
    data = load_yaml("regions.yaml")
    spellings = data["sides"]
    sides = {side for side in spellings for word in words if word in spellings[side]}
    bare = tuple(w for w in words if w not in data["fillers"] and not any(w in spellings[side] for side in sides))
    entry = _phrases().get(bare)
    if entry is None or not sides:
        return entry
    paired = data["regions"][entry].get("paired")
    return f"{sides.pop()}-{paired}" if paired and len(sides) == 1 else None


@cache
def _phrases() -> Mapping[tuple[str, ...], str]:
    """All spellings, in words, with their canonical names."""
    regions = load_yaml("regions.yaml")["regions"]
    return {_words(spelling): name for name, entry in regions.items() for spelling in entry["words"]}


@cache
def _canonical_names() -> Mapping[str, Mapping[str, Any]]:
    """All canonical names, sides included, with their entries."""
    data = load_yaml("regions.yaml")
    entries: dict[str, Mapping[str, Any]] = dict(data["regions"])
    for entry in data["regions"].values():
        if "paired" in entry:
            entries |= {f"{side}-{entry['paired']}": entry for side in data["sides"]}
    return entries


def _described(name: str, kind: RegionKind) -> CanonicalRegion:
    entry = _canonical_names().get(name)
    if entry is not None:
        return CanonicalRegion(name, RegionKind(entry["kind"]), entry["code"], entry["meaning"])
    if kind is RegionKind.LESION or (kind is RegionKind.OTHER and _names_lesion(_words(name))):
        lesion = load_yaml("regions.yaml")["lesion"]
        return CanonicalRegion(name, RegionKind.LESION, lesion["code"], lesion["meaning"])
    return CanonicalRegion(name, kind, None, None)


def _names_lesion(words: tuple[str, ...]) -> bool:
    """Whether a name says that the region is a lesion."""
    data = load_yaml("regions.yaml")
    if any(word in data["lesion_negations"] for word in words):
        return False
    return any(
        word.startswith(tuple(data["lesion_words"]))
        or (match := _NUMBERED.fullmatch(word)) is not None
        and match[1] in data["lesion_abbreviations"]
        for word in words
    )
