"""The doses of a run beside what is published for its therapy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from theradose.model.finding import Finding
from theradose.model.reference import ReferenceMethod
from theradose.model.region import RegionKind
from theradose.model.result import Estimate, PublishedResult, RegionResult
from theradose.plan.reference_ranges import (
    LESION,
    MARROW_METHODS,
    RED_MARROW,
    PublishedRange,
    expected_dose,
    plausibility_findings,
    published_range,
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A dose per activity with the organ and methods of the table that it is compared with."""

    region: str
    organ: str
    methods: tuple[ReferenceMethod, ...]
    estimate: Estimate


def published_results(
    therapy: str | None, regions: tuple[RegionResult, ...], marrow: dict[str, Any] | None
) -> tuple[PublishedResult, ...]:
    """Return each dose per activity of a therapy beside the published range, where there is one."""
    found = []
    for item in _compared(regions, marrow):
        value = item.estimate.value
        known = therapy and published_range(therapy=therapy, organ=item.organ, methods=item.methods)
        if not known or value is None:
            continue
        mean = expected_dose(therapy=str(therapy), organ=item.organ, methods=item.methods)
        found.append(
            PublishedResult(
                region=item.region,
                dose_per_activity_gy_gbq=item.estimate,
                low_gy_gbq=known.low_gy_gbq,
                high_gy_gbq=known.high_gy_gbq,
                mean_gy_gbq=None if mean is None else mean.dose_per_activity_gy_gbq.value,
                sources=tuple(dict.fromkeys(row.source for row in known.rows)),
                position=_position(value, known),
            )
        )
    return tuple(found)


def _position(value: float, known: PublishedRange) -> Literal["below", "within", "above"] | None:
    if known.is_average:
        return None
    return "below" if value < known.low_gy_gbq else "above" if value > known.high_gy_gbq else "within"


def published_findings(
    therapy: str | None, regions: tuple[RegionResult, ...], marrow: dict[str, Any] | None
) -> tuple[Finding, ...]:
    """Return what the published doses say against those of a run."""
    return tuple(
        finding
        for item in _compared(regions, marrow)
        if item.estimate.value is not None
        for finding in plausibility_findings(
            therapy=therapy,
            organ=item.organ,
            methods=item.methods,
            dose_per_activity_gy_gbq=item.estimate.value,
            where=item.region,
        )
    )


def _compared(regions: tuple[RegionResult, ...], marrow: dict[str, Any] | None) -> Iterator[_Compared]:
    for region in regions:
        organ = LESION if region.kind == RegionKind.LESION else region.name
        yield _Compared(region.name, organ, (), region.dose_per_activity_gy_gbq)
    for name, methods in MARROW_METHODS.items():
        way = name.removeprefix(f"{RED_MARROW}-by-")
        if marrow is not None and way in marrow:
            estimate = Estimate.model_validate(marrow[way]["dose_per_activity_gy_gbq"])
            yield _Compared(name, RED_MARROW, methods, estimate)
