"""Where the doses of a run lie against published ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theradose.model.result import PublishedResult, Result
from theradose.numbers import UNKNOWN, format_estimate, format_number
from theradose.report.blocks import Cell, Column, Table, Tone, row

_TONES: dict[str, Tone] = {"within": "good", "below": "warning", "above": "warning"}


def published_table(result: Result) -> Table:
    """Return dose per activity and published range of each region that has one."""
    rows = tuple(
        row(
            Cell(item.region, strong=True), format_estimate(item.dose_per_activity_gy_gbq),
            format_number(item.mean_gy_gbq, digits=2), _span(item),
            Cell(UNKNOWN) if item.position is None else Cell(item.position, _TONES[item.position]),
            str(len(item.sources)),
        )
        for item in result.published
    )  # fmt: skip
    return Table(
        "Published doses per activity",
        (Column("Region", stretch=1.0), Column("This treatment", "Gy/GBq", "estimate"),
         Column("Published mean", "Gy/GBq", "right"), Column("Published range", "Gy/GBq", "right"),
         Column("This treatment is"), Column("Sources", "", "right")),
        rows,
        ("The mean is weighted by patients, of the sources that state one with their number; the range spans all "
         "published patients. A dose outside three times the range is a finding.", *_sources(result.published)),
    )  # fmt: skip


def _sources(items: Sequence[PublishedResult]) -> Iterator[str]:
    """Yield the sources, once for all regions that share them."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        shared.setdefault(item.sources, []).append(item.region)
    for sources, regions in shared.items():
        yield f"{', '.join(regions)}: {'; '.join(sources)}."


def _span(item: PublishedResult) -> str:
    low, high = (format_number(value, digits=2) for value in (item.low_gy_gbq, item.high_gy_gbq))
    return f"{low} on average" if item.position is None else f"{low} – {high}"
