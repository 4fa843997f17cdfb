"""Where the doses of a run lie against published ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theradose.model.result import PublishedResult, Result, SiteResult
from theradose.numbers import UNKNOWN, format_estimate, format_fixed, format_number
from theradose.report.blocks import Cell, Column, Table, Tone, row
from theradose.report.quantities import quantity_name, quantity_unit

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


def site_table(result: Result) -> Table:
    """Return the quantities of each region with their place in the site's own cohort."""
    rows = tuple(
        row(
            Cell(item.region, strong=True), quantity_name(item.quantity), format_estimate(item.value),
            quantity_unit(item.quantity), _middle(item), _rank(item), f"{item.n} of {item.patients}",
        )
        for item in result.site
    )  # fmt: skip
    return Table(
        "The site's own cohort",
        (Column("Region", stretch=1.0), Column("Quantity"), Column("This treatment", "", "estimate"), Column("Unit"),
         Column("Median [5 – 95 %]", "", "right"), Column("Below this treatment", "", "right"),
         Column("Values of patients", "", "right")),
        rows,
        tuple(_site_notes(result)),
    )  # fmt: skip


def _site_notes(result: Result) -> Iterator[str]:
    if not result.site:
        return
    level = "their intervals take patients with several values as one"
    yield f"Per cent of the cohort below the value, ties counted half; {level}."
    left_out = [item.left_out for item in result.site]
    if None in left_out:
        yield "The patient may be among them."
    else:
        yield "The patient's own values are left out."
    if any(item.percent is None for item in result.site):
        yield f"No rank is given for fewer than {result.site[0].fewest_patients} other patients."


def _middle(item: SiteResult) -> str:
    known = {one.percent: one.value for one in item.percentiles}
    if not known:
        return UNKNOWN
    low, median, high = (format_number(known.get(percent)) for percent in (5.0, 50.0, 95.0))
    return f"{median} [{low} – {high}]"


def _rank(item: SiteResult) -> str:
    if item.percent is None:
        return UNKNOWN
    low, high = (format_fixed(end, 0) for end in (item.percent_low, item.percent_high))
    return f"{format_fixed(item.percent, 0)} % [{low}, {high}]"


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
