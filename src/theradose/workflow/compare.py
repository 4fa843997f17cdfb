"""What changed between two results, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.model.result import Estimate, RegionResult, Result
from theradose.report.document import read_result
from theradose.store.runs import RESULT_DOCUMENT, run_folder

_QUANTITIES = ("volume_ml", "mass_g", "tia_mbq_h", "effective_half_life_h", "dose_gy", "dose_per_activity_gy_gbq")
_IGNORED_SOFTWARE = {"source_sha256"}


@dataclass(frozen=True, slots=True)
class ComparedQuantity:
    """One number of one region in both results with its k = 1 uncertainty; ``None`` where a result does not have it."""

    region: str
    quantity: str
    first: float | None
    second: float | None
    first_u: float | None
    second_u: float | None
    relative_difference: float | None
    in_standard_uncertainties: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All compared numbers and the differences in what they were made from."""

    first: str
    second: str
    rows: tuple[ComparedQuantity, ...]
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as a JSON-compatible document."""
        names = ComparedQuantity.__slots__
        rows = [{name: getattr(row, name) for name in names} for row in self.rows]
        return {"first": self.first, "second": self.second, "rows": rows, "reasons": list(self.reasons)}


def compare_results(first: Path, second: Path) -> Comparison:
    """Compare two run folders or their ``result.json``."""
    one = read_result(run_folder(first) / RESULT_DOCUMENT)
    two = read_result(run_folder(second) / RESULT_DOCUMENT)
    regions = {region.name: region for region in one.regions}
    others = {region.name: region for region in two.regions}
    rows = [
        _compare(name, quantity, regions.get(name), others.get(name))
        for name in dict.fromkeys((*regions, *others))
        for quantity in _QUANTITIES
    ]
    return Comparison(one.run_id, two.run_id, tuple(rows), tuple(_reasons(one, two)))


def _compare(name: str, quantity: str, one: RegionResult | None, two: RegionResult | None) -> ComparedQuantity:
    first = getattr(one, quantity) if one is not None else None
    second = getattr(two, quantity) if two is not None else None
    a = first.value if first is not None else None
    b = second.value if second is not None else None
    if first is None or second is None or a is None or b is None or not a:
        return ComparedQuantity(name, quantity, a, b, _u(first), _u(second), None, None)
    # The larger of the two uncertainties: the results share their data, so that adding them would count it twice.
    u = max(first.u or 0.0, second.u or 0.0)
    return ComparedQuantity(name, quantity, a, b, first.u, second.u, b / a - 1, (b - a) / u if u else None)


def _u(estimate: Estimate | None) -> float | None:
    return None if estimate is None else estimate.u


def _reasons(one: Result, two: Result) -> list[str]:
    reasons = [
        f"{name}: {one.software.get(name, 'none')} → {two.software.get(name, 'none')}"
        for name in dict.fromkeys((*one.software, *two.software))
        if one.software.get(name) != two.software.get(name) and name not in _IGNORED_SOFTWARE
    ]
    if one.software.get("source_sha256") != two.software.get("source_sha256"):
        reasons.append("the program's sources differ")
    reasons += [f"study.{line}" for line in _differences(one.study, two.study)]
    chosen = {region.name: region.chosen_model for region in one.regions}
    reasons += [
        f"{region.name}: model {chosen[region.name]} → {region.chosen_model}"
        for region in two.regions
        if region.name in chosen and chosen[region.name] != region.chosen_model
    ]
    return reasons or ["nothing that the results record differs"]


def _differences(one: Any, two: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        keys = dict.fromkeys((*one, *two))
        return [line for key in keys for line in _differences(one.get(key), two.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = enumerate(zip(one, two, strict=True))
        return [line for number, (a, b) in pairs for line in _differences(a, b, f"{path}[{number}]")]
    return [] if one == two else [f"{path}: {one!r} → {two!r}"]
