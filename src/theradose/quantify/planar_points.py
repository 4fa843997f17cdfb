"""Which planar points of a region can be used, and with what uncertainty.

References
----------
[Roth2018]_, [Warfvinge2024]_ Planar images at several times, scaled by one SPECT/CT.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.planar import PlanarRegion, PlanarTimepoint
from theradose.quantify.hybrid import PlanarRate
from theradose.quantify.regions import WHOLE_FIELD
from theradose.quantify.remainder import REMAINDER

FIELDS = (WHOLE_FIELD, REMAINDER)
"""What is measured beside the regions: everything in view, and the body beside all regions."""


def eligible_points(
    name: str, measured: Sequence[tuple[PlanarTimepoint, PlanarRegion]], scale_t_h: float
) -> tuple[list[tuple[PlanarTimepoint, PlanarRegion]], tuple[Finding, ...]]:
    """Return the planar points of a region that can be used, none if the region is not eligible, with the reasons."""
    limits = {key: entry["value"] for key, entry in load_yaml("planar.yaml").items()}
    nearest = min(measured, key=lambda entry: abs(entry[0].t_h - scale_t_h))[1]
    findings = []
    overlap = nearest.overlap or 0.0
    shares = (
        f"other regions lie over {nearest.covered_share:.0%} of its projection and give {overlap:.0%} of its net counts"
    )
    if overlap > limits["overlap_limit"]:
        message = f"'{name}' cannot be measured on the planar images: {shares} (limit {limits['overlap_limit']:.0%})."
        return [], (Finding("planar-not-eligible", "critical", message, name),)
    if name not in FIELDS and nearest.contrast < limits["least_contrast"]:
        message = (
            f"'{name}' is not visible on the planar images: its net counts are {nearest.contrast:.0%} of the "
            f"background at {scale_t_h:.4g} h (at least {limits['least_contrast']:.0%} are needed)."
        )
        return [], (Finding("planar-not-eligible", "critical", message, name),)
    if overlap > limits["overlap_warning"]:
        message = f"The planar curve of '{name}' is partly that of others: {shares}."
        findings.append(Finding("planar-overlap", "warning", message, name))
    elif nearest.area_share < 1:
        message = (
            f"'{name}' is measured on {nearest.area_share:.0%} of its projection; over the rest lie other regions."
        )
        findings.append(Finding("planar-part-measured", "info", message, name))
    usable = []
    for timepoint, region in measured:
        significance = 1 / region.rate.relative_u if region.rate.relative_u > 0 else float("inf")
        if significance < limits["least_significance"]:
            message = (
                f"'{name}' has net counts of only {significance:.1f} standard uncertainties at {timepoint.t_h:.4g} h: "
                "the planar point is not used."
            )
            findings.append(Finding("planar-point-excluded", "warning", message, name))
        else:
            usable.append((timepoint, region))
    return usable, tuple(findings)


def planar_rates(
    usable: Sequence[tuple[PlanarTimepoint, PlanarRegion]], scale_t_h: float, measurement_relative_u: float
) -> list[PlanarRate]:
    """Return the rates with everything that is independent between planar points.

    Counts of other regions have another time course than the region. By how much that bends its curve is estimated from
    the background, whose course relative to the region's is measured.
    """
    _, anchor = min(usable, key=lambda entry: abs(entry[0].t_h - scale_t_h))
    rates = []
    for timepoint, region in usable:
        bend = 0.0
        if region.overlap and anchor.background_cps > 0 and region.background_cps > 0:
            relative = (region.background_cps / anchor.background_cps) / (region.rate.value / anchor.rate.value)
            bend = region.overlap * abs(relative - 1)
        relative_u = float(np.sqrt(region.rate.relative_u**2 + measurement_relative_u**2 + bend**2))
        rates.append(PlanarRate(timepoint.id, timepoint.t_h, region.rate.value, relative_u))
    return rates
