"""The volumes of interest of a treatment: concentration in marrow over time.

References
----------
[Vallot2024]_ Marrow of L2 to L4 as one volume.
[JCGM100]_ What is independent between images, and what is common to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from theradose.data import load_number
from theradose.formats.tables_samples import refuse_cell
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.vois import VoiCurve, VoiImage, VoiSeries
from theradose.quantify.sample_times import StatedTime, elapsed_times
from theradose.quantify.samples import check_neighbours
from theradose.uncertainty import Uncertain

MARROW_VOI = "marrow-voi"
"""Name of the region of the curve."""
_ML_PER_L = 1e3
_CALIBRATION = "calibration:images"
_DENSITY = "density:marrow-voi"


@dataclass(frozen=True, slots=True)
class VoiOptions:
    """What holds for all rows of a table; ``None`` is not stated.

    Attributes
    ----------
    start : datetime or None
        Start of the administration.
    timezone : str or None
        IANA zone of times without offset.
    repeatability_u : float or None
        Relative standard uncertainty of one image whose row states none; ``None`` takes the packaged assumption.
    calibration_u : float or None
        Relative standard uncertainty common to all images.
    density_g_per_ml : float or None
        Of rows that do not state one.
    density_u : float or None
        Relative standard uncertainty of the density.
    """

    start: datetime | None = None
    timezone: str | None = None
    repeatability_u: float | None = None
    calibration_u: float | None = None
    density_g_per_ml: float | None = None
    density_u: float | None = None


def voi_curve(series: VoiSeries, *, options: VoiOptions) -> tuple[VoiCurve, tuple[Finding, ...]]:
    """Return the concentration in a treatment's volume over time with its uncertainties.

    Raises
    ------
    StudyError
        One sentence with line and column for the first row that cannot be used.

    References
    ----------
    [Vallot2024]_, [JCGM100]_
    """
    images = series.images
    rows = [StatedTime(image.origin, image.t_h, image.measured_at, "measured_at") for image in images]
    times, timing = elapsed_times(rows, start=options.start, timezone=options.timezone)
    concentration = np.array([image.concentration_mbq_l for image in images]) / _ML_PER_L
    check_neighbours([image.origin for image in images], times, concentration, images[0].quantity)
    assumed = load_number("marrow_vois.yaml", "assumed_relative_u")
    repeatability = assumed if options.repeatability_u is None else options.repeatability_u
    u = [repeatability * image.concentration_mbq_l if image.u_mbq_l is None else image.u_mbq_l for image in images]
    curve = TimeActivityCurve(
        MARROW_VOI,
        np.array(times),
        concentration,
        np.array(u) / _ML_PER_L,
        {_CALIBRATION: options.calibration_u},
        "table",
    )
    volumes = [image.volume_ml for image in images if image.volume_ml is not None]
    result = VoiCurve(
        series=series,
        curve=curve,
        density_g_per_ml=_density(images, options),
        volume_ml=float(np.mean(volumes)) if volumes else None,
    )
    findings = [*timing, *_unstated(images, options, assumed), *_volumes(volumes)]
    return result, tuple(replace(finding, where=series.label) for finding in dict.fromkeys(findings))


def _density(images: Sequence[VoiImage], options: VoiOptions) -> Uncertain:
    """Return the mean density; a volume that is carried along has one, and what differs is noise of the CT."""
    largest = load_number("marrow_vois.yaml", "largest_density")
    stated = []
    for image in images:
        density = options.density_g_per_ml if image.density_g_per_ml is None else image.density_g_per_ml
        if density is None:
            raise refuse_cell(
                image.origin,
                "density_g_ml",
                "the dose needs the density of the volume: give the mean of its CT, or state one for all rows with "
                "--density.",
                "voi-density-missing",
            )
        if density > largest:
            raise refuse_cell(
                image.origin,
                "density_g_ml",
                f"{density:g} is no density of tissue in g/mL: write 1.12 for 1120 kg/m3.",
                "voi-density-range",
            )
        stated.append(density)
    return Uncertain.relative(float(np.mean(stated)), {_DENSITY: options.density_u})


def _unstated(images: Sequence[VoiImage], options: VoiOptions, assumed: float) -> list[Finding]:
    findings = []
    if options.repeatability_u is None and any(image.u_mbq_l is None for image in images):
        findings.append(
            Finding(
                "measurement-u-assumed",
                "info",
                f"The uncertainty of one image is not stated and its repeatability assumed to be {assumed:.0%}.",
            )
        )
    if options.calibration_u is None:
        findings.append(
            Finding(
                "calibration-u-not-stated",
                "info",
                "The uncertainty of the calibration of the images is not stated and missing from every result.",
            )
        )
    return findings


def _volumes(volumes: Sequence[float]) -> list[Finding]:
    level = load_number("marrow_vois.yaml", "volume_spread_level")
    if not volumes or max(volumes) <= (1 + level) * min(volumes):
        return []
    return [
        Finding(
            "voi-volume-varies",
            "warning",
            f"The volumes lie between {min(volumes):.4g} and {max(volumes):.4g} mL: one volume carried from image to "
            "image keeps partial volume alike; with others the curve changes by the outlines too.",
        )
    ]
