"""Images of calibration sources: counts without dead time, and the region in which they are summed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from theradose.acquire.load import load_emission, series_files
from theradose.acquire.regions import load_regions
from theradose.acquire.sources import Content, find_sources
from theradose.data import load_number, load_yaml
from theradose.errors import CalibrationError
from theradose.formats.decay import frame_start_factor
from theradose.model.activity import EmissionImage, ImageUnit
from theradose.model.arrays import Array
from theradose.model.calibration import SourceGeometry
from theradose.model.contour import ContourSet
from theradose.model.equipment import Equipment
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import Nuclide
from theradose.quantify.decay import correct_decay
from theradose.quantify.source_factor import KnownDeadTime
from theradose.quantify.volume import equivalent_diameter_mm
from theradose.spatial.rasterise import rasterise
from theradose.spatial.source_region import (
    Axis,
    brightest,
    centre_of_source,
    counts_in,
    cylinder_region,
    grown_by_half_a_voxel,
    sphere_region,
)
from theradose.workflow.calibration_record import refuse_options

_H_PER_S = 1 / 3600
# A surface that lies anywhere within half a voxel of where it was drawn: half-width over the root of three.
_RECTANGULAR = math.sqrt(3)
_WHOLE_LABEL = "source"
_ROUND_OFF = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class SourceImage:
    """An image of counts, with the factors that turn its counts into those of a camera without dead time.

    Attributes
    ----------
    image : EmissionImage
        In counts or counts per second.
    counts : Volume
        Mean counts over the frame, not decay-corrected, corrected for dead time.
    counting_s : float
        Over which they were collected.
    detected_counts : float
        Counts of the projections, of which the image consists.
    files : tuple of Path
        Behind it.
    relative_u_dead_time : float
        Relative standard uncertainty of the correction for dead time.
    """

    image: EmissionImage
    counts: Volume
    counting_s: float
    detected_counts: float
    files: tuple[Path, ...]
    relative_u_dead_time: float

    @property
    def equipment(self) -> Equipment:
        """What the header says."""
        return self.image.equipment or Equipment()


@dataclass(frozen=True, slots=True, eq=False)
class CountedRegion:
    """A region of counts: the sum, its change when the surface moves by half a voxel, and the share of activity."""

    counts: float
    u_counts_by_surface: float
    share: float
    words: str
    voxels: RegionVoxels | None

    def sum_of(self, volume: Volume) -> float:
        """Return the sum of other values in the same region."""
        if self.voxels is None:
            return float(volume.data.sum(dtype=np.float64))
        return counts_in(volume, self.voxels)


def load_counts(
    path: Path,
    nuclide: Nuclide,
    dead_time: KnownDeadTime | None,
    timezone: str | None,
    activity_at: datetime | None,
) -> tuple[SourceImage, tuple[Finding, ...]]:
    """Load an image of a source in counts.

    Raises
    ------
    CalibrationError
        If the image is in activity already, or does not say over which time it was collected.
    """
    image, findings = load_emission(path, nuclide=nuclide.name, timezone=timezone, calibrated=True)
    if image.unit is ImageUnit.BQ_PER_ML:
        raise CalibrationError(
            f"'{path.name}' is in Bq/mL, but a sensitivity relates counts to activity: export the counts.",
            code="calibration-in-activity",
        )
    duration_s = image.count_duration_s or image.frame_duration_s
    if not duration_s:
        raise CalibrationError(
            f"'{path.name}' does not say over which time its counts were collected: export it with its rotations.",
            code="missing-count-duration",
        )
    decay, noticed = correct_decay(
        image, administered_at=activity_at or image.acquired_at, timezone=timezone, nuclide=nuclide
    )
    # The factor of a source is that of mean counts over the frame: undo what brings them to the start of the frame.
    to_start = float(
        frame_start_factor(decay_constant_per_h=nuclide.decay_constant_per_h, duration_h=duration_s * _H_PER_S)
    )
    scale = (duration_s if image.unit is ImageUnit.COUNTS_PER_SECOND else 1.0) / to_start
    values = image.volume.data * (decay.slice_factor * scale)[:, None, None]
    detected = float(values.sum(dtype=np.float64)) if image.total_counts is None else image.total_counts
    if not detected > 0:
        raise CalibrationError(f"'{path.name}' holds no counts: give the image of the source.", code="source-no-counts")
    factor, u_factor = 1.0, 0.0
    if dead_time is not None:
        factor, u_factor = dead_time.true_over_observed(detected / duration_s)
    else:
        findings = (*findings, no_dead_time(detected / duration_s))
    source = SourceImage(
        image, Volume(values * factor, image.volume.grid), duration_s, detected, series_files(path), u_factor
    )
    return source, (*findings, *noticed)


def counting_u(source: SourceImage, counts: float) -> float:
    """Return the standard uncertainty of counts in a region of a reconstructed image.

    The voxels of a reconstruction are no Poisson numbers; the detected counts are, of which the region has its share.
    """
    total = float(source.counts.data.sum(dtype=np.float64))
    return counts / math.sqrt(max(source.detected_counts * counts / total, 1.0)) if total > 0 else math.inf


def is_planar(path: Path) -> bool:
    """Return whether a file or folder holds planar images and no reconstructed ones."""
    sources, _ = find_sources(path)
    contents = {source.content for source in sources}
    return Content.PLANAR in contents and Content.EMISSION not in contents


def refuse_planar(path: Path) -> None:
    """Refuse planar images where a volume is needed.

    Raises
    ------
    CalibrationError
        ``planar-counts``.
    """
    if is_planar(path):
        raise CalibrationError(
            f"'{path.name}' is a planar image, on which spheres cannot be told apart: give the SPECT.",
            code="planar-counts",
        )


def no_dead_time(rate_cps: float) -> Finding:
    """Return the finding that no dead time was corrected at a count rate."""
    message = (
        f"No dead time was corrected at {rate_cps:.4g} cps: measure it with 'theradose calibrate dead-time', or state "
        "it with --dead-time."
    )
    return Finding("calibration-without-dead-time", "info", message)


@dataclass(frozen=True, slots=True)
class RegionChoice:
    """How the region of a source is found: by one of `file`, `threshold` and `margin_mm`, or the whole image.

    Attributes
    ----------
    geometry : SourceGeometry
        Of the source.
    file, name : Path or None, str or None
        Regions that were drawn, and which of them holds the source.
    threshold : float or None
        Part of the brightest voxels above which a voxel belongs to the source.
    margin_mm : float or None
        Distance by which the geometry is grown (shrunk if negative) around the source.
    stated_axis : {"x", "y", "z"} or None
        LPS axis along which a cylinder lies; ``None`` is z.
    """

    geometry: SourceGeometry
    file: Path | None = None
    name: str | None = None
    threshold: float | None = None
    margin_mm: float | None = None
    stated_axis: Axis | None = None

    @property
    def axis(self) -> Axis:
        """LPS axis along which a cylinder lies."""
        return self.stated_axis or "z"


def count_region(counts: Volume, choice: RegionChoice) -> tuple[CountedRegion, tuple[Finding, ...]]:
    """Return the counts of a source in the region that is asked for; without a choice all counts of the image.

    Raises
    ------
    CalibrationError, GeometryError
        If the region or the source is not in the image, a dimension is missing, or something is stated that would
        not be used.
    """
    _refuse_unused(choice)
    if choice.file is not None:
        voxels, findings = _drawn(counts.grid, choice.file, choice.name)
        return _of_mask(counts, voxels, f"region of {choice.file.name}"), findings
    if choice.threshold is not None:
        mask = counts.data >= choice.threshold * brightest(counts.data)
        return _of_mask(counts, RegionVoxels.from_mask(mask), f"voxels above {choice.threshold:.0%}"), ()
    if choice.margin_mm is None:
        return CountedRegion(float(counts.data.sum(dtype=np.float64)), 0.0, 1.0, "whole image", None), ()
    return _of_geometry(counts, choice, choice.margin_mm)


def _refuse_unused(choice: RegionChoice) -> None:
    """Refuse a second way of finding the region, and what belongs to one that was not chosen."""
    ways = {"--region": choice.file, "--threshold": choice.threshold, "--margin": choice.margin_mm}
    first, *others = [name for name, value in ways.items() if value is not None] or ["the whole image"]
    refuse_options({name: ways[name] for name in others}, reason=f"The counts are summed by {first}")
    if choice.file is None:
        refuse_options({"--region-name": choice.name}, reason="No region was drawn (--region)")
    if choice.margin_mm is None or choice.geometry.shape != "cylinder":
        refuse_options({"--axis": choice.stated_axis}, reason="Only a cylinder with --margin has an axis")


def _of_geometry(counts: Volume, choice: RegionChoice, margin_mm: float) -> tuple[CountedRegion, tuple[Finding, ...]]:
    radius_mm, half_height_mm = _dimensions(choice.geometry)
    centre_mm = centre_of_source(counts)
    whole = _solid(counts.grid, centre_mm, radius_mm, half_height_mm, choice.axis, 0.0)
    whole_share = load_number("calibration.yaml", "whole_source")
    if whole.voxel_count * counts.grid.voxel_volume_ml < whole_share * _volume_ml(radius_mm, half_height_mm):
        raise CalibrationError(
            f"A {choice.geometry.words()} does not fit into the image around its counts: correct its dimensions.",
            code="source-outside",
        )
    half_voxel = min(counts.grid.spacing_mm) / 2

    def summed(margin: float) -> tuple[float, RegionVoxels, float]:
        voxels = _solid(counts.grid, centre_mm, radius_mm, half_height_mm, choice.axis, margin)
        part = voxels.voxel_count * counts.grid.voxel_volume_ml / _volume_ml(radius_mm, half_height_mm)
        share = part if margin_mm < 0 else 1.0
        return counts_in(counts, voxels) / max(share, 1e-12), voxels, share

    value, voxels, share = summed(margin_mm)
    if not voxels.voxel_count:
        raise CalibrationError(
            f"Nothing is left of a {choice.geometry.words()} with a margin of {margin_mm:g} mm: take a smaller one.",
            code="source-outside",
        )
    change = abs(summed(margin_mm + half_voxel)[0] - summed(margin_mm - half_voxel)[0]) / 2 / _RECTANGULAR
    change = change if change > _ROUND_OFF * value else 0.0
    around = ", ".join(f"{component:.1f}" for component in centre_mm)
    words = f"{choice.geometry.words()} with a margin of {margin_mm:g} mm around ({around}) mm"
    region = CountedRegion(value * share, change * share, share, words, voxels)
    return region, _left_out(counts, region) if margin_mm >= 0 else ()


def _of_mask(counts: Volume, voxels: RegionVoxels, words: str) -> CountedRegion:
    mask = np.zeros(counts.grid.shape)
    mask[voxels.box] = voxels.fraction
    outer, inner = (
        float((counts.data * grown_by_half_a_voxel(mask, outwards=outwards)).sum(dtype=np.float64))
        for outwards in (True, False)
    )
    value = counts_in(counts, voxels)
    if not value > 0:
        raise CalibrationError(f"There are no counts in the {words}: choose another.", code="source-no-counts")
    return CountedRegion(value, abs(outer - inner) / 2 / _RECTANGULAR, 1.0, words, voxels)


def _drawn(grid: Grid, file: Path, name: str | None) -> tuple[RegionVoxels, tuple[Finding, ...]]:
    found, findings = load_regions(file, names={name or _WHOLE_LABEL: ("1",)})
    if isinstance(found, ContourSet):
        found, noticed = rasterise(found, grid, fractional=True)
        findings = (*findings, *noticed)
    if not found.grid.matches(grid):
        raise CalibrationError(
            f"The regions of '{file.name}' are not on the voxels of the image: draw them on it.", code="grid-mismatch"
        )
    if name is None and len(found.names) != 1:
        raise CalibrationError(
            f"'{file.name}' holds {len(found.names)} regions ({', '.join(found.names)}): say which one with "
            "--region-name.",
            code="region-ambiguous",
        )
    return found.voxels_of(name or found.names[0]), findings


def _left_out(counts: Volume, region: CountedRegion) -> tuple[Finding, ...]:
    total = float(counts.data.sum(dtype=np.float64))
    outside = 1 - region.counts / total
    if abs(outside) <= load_yaml("calibration.yaml")["counts_outside"]["value"]:
        return ()
    message = (
        f"{outside:.1%} of the counts of the image lie outside the region of the source: enlarge the margin, or find "
        "out where they come from."
    )
    return (Finding("source-counts-outside", "warning", message),)


def _dimensions(geometry: SourceGeometry) -> tuple[float, float | None]:
    """Return radius and half height (``None`` for a sphere) in mm."""
    if geometry.shape == "sphere" and (geometry.diameter_mm or geometry.volume_ml):
        return (geometry.diameter_mm or equivalent_diameter_mm(geometry.volume_ml or 0.0)) / 2, None
    if geometry.shape == "cylinder" and geometry.diameter_mm and geometry.height_mm:
        return geometry.diameter_mm / 2, geometry.height_mm / 2
    needed = {"cylinder": "--diameter and --height", "sphere": "--diameter or --volume"}.get(geometry.shape)
    raise CalibrationError(
        f"A region around a {geometry.shape} needs {needed}."
        if needed
        else f"A margin can be put around a cylinder or a sphere, not around a {geometry.shape}: leave --margin out.",
        code="source-geometry",
    )


def _volume_ml(radius_mm: float, half_height_mm: float | None) -> float:
    if half_height_mm is None:
        return 4 / 3 * math.pi * radius_mm**3 / 1000
    return 2 * math.pi * radius_mm**2 * half_height_mm / 1000


def _solid(
    grid: Grid, centre_mm: Array, radius_mm: float, half_height_mm: float | None, axis: Axis, margin_mm: float
) -> RegionVoxels:
    radius = max(radius_mm + margin_mm, 0.0)
    if half_height_mm is None:
        return sphere_region(grid, centre_mm=centre_mm, radius_mm=radius)
    half = max(half_height_mm + margin_mm, 0.0)
    return cylinder_region(grid, centre_mm=centre_mm, radius_mm=radius, half_height_mm=half, axis=axis)
