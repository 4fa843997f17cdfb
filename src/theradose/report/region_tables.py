"""Tables about the regions: models, dose-volume figures, origin."""

from __future__ import annotations

import math
from collections.abc import Sequence

from theradose.model.region import OutlinedOn
from theradose.model.result import DvhResult, RegionResult, Result
from theradose.numbers import format_estimate, format_fixed, format_number, format_percent, words
from theradose.report.blocks import Cell, Column, Table, row
from theradose.report.inputs import ordered_regions
from theradose.report.readings import reading_models
from theradose.report.summary import region_name, with_groups
from theradose.uncertainty import SOURCE_GROUPS

_ALMOST_NONE = 5e-4
_LEVELS_SHOWN = 8
_METHODS = {"rtstruct": "structure set,", "seg": "segmentation object,", "threshold": "threshold,"}


def fit_table(result: Result) -> Table:
    """Return every fitted model of every region and reading."""
    rows = []
    fitted = [(region.name, region.models) for region in ordered_regions(result.regions)]
    for name, models in (*fitted, *reading_models(result)):
        for number, fit in enumerate(models):
            used = fit.weight > 0
            rows.append(
                row(
                    Cell(name if number == 0 else "", strong=True), Cell(fit.model, strong=used),
                    Cell(format_fixed(fit.weight, 2), "good" if used else "muted", strong=used),
                    format_fixed(fit.aicc, 1), format_fixed(fit.chi_squared, 2),
                    format_estimate(fit.tia_mbq_h), Cell(", ".join(map(words, fit.flags)), "muted"),
                )
            )  # fmt: skip
    return Table(
        "Fitted models",
        (Column("Region", stretch=0.6), Column("Model"), Column("Weight", "", "right"),
         Column("AICc", "", "right"), Column("χ²", "", "right"), Column("Integrated\nactivity", "MBq·h", "estimate"),
         Column("Flags", stretch=1.0)),
        tuple(rows),
        ("A weight above 0 marks what was integrated. ± of a model is that of its fit alone. Parameters and "
         "covariances are in fits.csv and result.json.",),
    )  # fmt: skip


def budget_table(result: Result) -> Table:
    """Return the relative standard uncertainty of each region's dose by group of sources."""
    shown = [region for region in ordered_regions(result.regions) if region.budget]
    present = {line.group for region in shown for line in region.budget}
    groups = [group for group in dict.fromkeys((*SOURCE_GROUPS.values(), "other")) if group in present]
    rows = []
    for region, heading in with_groups(shown):
        total = region.dose_gy.value and region.dose_gy.u and abs(region.dose_gy.u / region.dose_gy.value)
        cells = [_group_cell(region, group) for group in groups]
        rows.append(row(Cell(region.name, strong=True), format_percent(total), *cells, group=heading))
    return Table(
        "Relative standard uncertainty of the absorbed dose by source",
        (Column("Region", stretch=1.0), Column("All", "", "right"),
         *(Column(group.replace(" ", "\n", 1), "", "right") for group in groups)),
        tuple(rows),
        ("k = 1; the squares of the parts add up to that of all. A volume drawn too large takes in activity and adds "
         "mass: both act through one source, with opposite sign. Each source by name is in budget.csv.",),
    )  # fmt: skip


def _group_cell(region: RegionResult, group: str) -> Cell:
    lines = [line for line in region.budget if line.group == group]
    if not lines:
        return Cell("", "muted")
    if any(line.relative_u is None for line in lines):
        return Cell("not stated", "warning")
    return Cell(format_percent(math.hypot(*(line.relative_u or 0.0 for line in lines))))


def dvh_table(result: Result) -> Table:
    """Return the dose-volume figures of every region."""
    shown = [region for region in ordered_regions(result.regions) if region.dvh is not None]
    levels = _telling_levels([region.dvh for region in shown if region.dvh is not None])
    rows = []
    for region, group in with_groups(shown):
        if region.dvh is None:
            continue
        doses_gy = (region.dvh.mean_gy, region.dvh.d95_gy, region.dvh.d50_gy, region.dvh.d2_gy)
        volumes = (region.dvh.volume_fraction_at_gy.get(level, 0.0) for level in levels)
        rows.append(
            row(
                Cell(region.name, strong=True), *map(format_number, doses_gy),
                format_percent(region.dvh.common_relative_u),
                *(format_percent(volume).removesuffix(" %") for volume in volumes), group=group,
            )
        )  # fmt: skip
    return Table(
        "Dose-volume figures of the dose map",
        (Column("Region", stretch=1.0), Column("Mean", "Gy", "right"), Column("D95", "Gy", "right"),
         Column("D50", "Gy", "right"), Column("D2", "Gy", "right"), Column("±", "common", "right"),
         *(Column(f"V{level}", "%", "right") for level in levels)),
        tuple(rows),
        ("V10: share of the volume with at least 10 Gy. The dose map is not corrected for recovery: its mean differs "
         "from the absorbed dose in the results where that is corrected, or rests on a stated mass. ± is the standard "
         "uncertainty that all figures of a region share, without noise of voxels, resolution and outline.",),
    )  # fmt: skip


def _telling_levels(histograms: Sequence[DvhResult]) -> list[str]:
    """Return the doses that not every region exceeds everywhere, evenly thinned to what a page can hold."""
    levels = sorted({level for dvh in histograms for level in dvh.volume_fraction_at_gy}, key=float)
    telling = [
        level for level in levels
        if any(_ALMOST_NONE < dvh.volume_fraction_at_gy.get(level, 0.0) < 1 - _ALMOST_NONE for dvh in histograms)
    ]  # fmt: skip
    step = -(-len(telling) // _LEVELS_SHOWN) or 1
    return telling[::step]


def region_table(result: Result) -> Table:
    """Return where outline, density and recovery of every region came from."""
    rows = [
        row(
            Cell(region_name(region), strong=True), _outline_words(region), region.drafted_by,
            Cell(region.verified_by or "not verified", "" if region.verified_by else "warning"),
            format_number(region.density_g_per_ml), format_estimate(region.recovery),
            format_percent(region.before_first_fraction), format_percent(region.extrapolated_fraction),
            group=group,
        )
        for region, group in with_groups(ordered_regions(result.regions))
    ]  # fmt: skip
    return Table(
        "Origin of each region and of its dose",
        (Column("Region", stretch=1.0), Column("Outlined by method", stretch=1.1), Column("Drafted by", stretch=0.8),
         Column("Verified by", stretch=0.7), Column("Density", "g/mL", "right"), Column("Recovery", "", "estimate"),
         Column("Before\nfirst point", "of integral", "right"), Column("After\nlast point", "of integral", "right")),
        tuple(rows),
    )  # fmt: skip


def _outline_words(region: RegionResult) -> str:
    """Return how a region was outlined, and on which image."""
    image = {OutlinedOn.CT: ", on the CT", OutlinedOn.EMISSION: ", on the emission image"}
    return _method_words(region.method) + image.get(OutlinedOn(region.outlined_on), "")


def _method_words(method: str) -> str:
    source, _, rest = method.partition(":")
    return " ".join(filter(None, (_METHODS.get(source, source), rest.replace(":", " ")))).rstrip(",")
