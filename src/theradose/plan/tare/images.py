"""Doses by voxels of the scout image, and what was delivered by an image of the treatment.

References
----------
[Chiesa2021]_ Patient-relative calibration, planning and verification on images.
[Gear2023]_ Bremsstrahlung images are qualitative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.dose.dvh import RegionDoses
from theradose.dose.tare.products import SETTINGS, Microspheres
from theradose.dose.tare.voxel import (
    VoxelCompartment,
    complete_decay_dose,
    mass_mean_gy,
    outside_share,
    relative_activity,
)
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.plan import PlanTable
from theradose.numbers import format_number, format_percent, words
from theradose.plan.tare.request import TareImage, TareRequest
from theradose.plan.tare.volumes import PlannedVolume
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class CompartmentVoxels:
    """The doses of a compartment's voxels.

    Attributes
    ----------
    label : str
        Compartment.
    mean_gy : float
        Energy over mass.
    indices : mapping of str to float
        ``d70_gy`` and the like: least dose of the hottest part of the volume.
    volume_fraction_at_gy : mapping of str to float
        Part of the volume that gets at least so many Gy.
    curve : mapping of str to list of float
        Cumulative histogram.
    """

    label: str
    mean_gy: float
    indices: Mapping[str, float]
    volume_fraction_at_gy: Mapping[str, float]
    curve: Mapping[str, list[float]]

    def to_json(self) -> dict[str, object]:
        """Return the object of ``details.dvh``."""
        return {
            "compartment": self.label,
            "mean_gy": self.mean_gy,
            **self.indices,
            "volume_fraction_at_gy": dict(self.volume_fraction_at_gy),
            "curve": dict(self.curve),
        }


def scout_doses(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    given_mbq: Mapping[str, Uncertain],
    spheres: Microspheres,
    conversion_j_per_gbq: float,
) -> tuple[tuple[CompartmentVoxels, ...], tuple[Finding, ...]]:
    """Return the doses of the voxels of each compartment at the planned activities; nothing without a scout image.

    References
    ----------
    [Chiesa2021]_
    """
    scout, stated = request.scout, request.inputs.scout
    on_image = [planned for planned in volumes if planned.voxels]
    if scout is None or stated is None or not on_image:
        return (), ()
    territories = [scout.territories[planned.volume.name] for planned in on_image]
    retained = [given_mbq[p.volume.name].value * p.volume.retained_fraction.value for p in on_image]
    activity = relative_activity(counts=scout.values, territories=territories, activity_mbq=retained)
    parts = [voxel for planned in on_image for voxel in planned.voxels]
    found, findings = voxel_doses(activity, scout, parts, spheres, conversion_j_per_gbq, stated.engine)
    return found, (*findings, *coverage_findings(scout))


def coverage_findings(image: TareImage) -> tuple[Finding, ...]:
    """Return what of the liver's counts, and of the tumours, lies outside all perfused volumes.

    References
    ----------
    [Chiesa2021]_
    """
    smallest = load_yaml(SETTINGS)["outside-share"]["value"]
    used = tuple(image.territories.values())
    findings = []
    outside = outside_share(counts=image.values, liver=image.liver, territories=used)
    if outside > smallest:
        message = (
            f"{format_percent(outside)} of the counts of the liver lie outside the perfused volumes and are not used."
        )
        findings.append(Finding("tare-counts-outside", "warning", message, "liver"))
    ones = Volume(np.ones(image.values.grid.shape, np.float32), image.values.grid)
    for name, voxels in image.tumours.items():
        outside = outside_share(counts=ones, liver=voxels, territories=used)
        if outside > smallest:
            message = (
                f"{format_percent(outside)} of the volume of '{name}' lie outside the perfused volumes and get no dose."
            )
            findings.append(Finding("tare-tumour-outside", "warning", message, name))
    return tuple(findings)


def dvh_table(found: Sequence[CompartmentVoxels], title: str) -> PlanTable:
    """Return means and indices of the histograms."""
    names = list(found[0].indices)
    rows = tuple(
        (words(item.label), *map(format_number, (item.mean_gy, *(item.indices[name] for name in names))))
        for item in found
    )
    columns = ("compartment", "mean, Gy", *(f"{name.removesuffix('_gy').upper()}, Gy" for name in names))
    note = "Dx is the least dose of the hottest x % of the volume. The resolution of the image blurs these numbers."
    return PlanTable(title, columns, rows, (note,))


def voxel_doses(
    activity: Volume,
    image: TareImage,
    parts: Sequence[VoxelCompartment],
    spheres: Microspheres,
    conversion_j_per_gbq: float,
    engine: str,
) -> tuple[tuple[CompartmentVoxels, ...], tuple[Finding, ...]]:
    """Return the doses of the voxels of each compartment of an image from an activity in MBq/mL.

    References
    ----------
    [Chiesa2021]_
    """
    dose, findings = complete_decay_dose(
        activity=activity,
        density=image.density,
        spheres=spheres,
        conversion_j_per_gbq=conversion_j_per_gbq,
        engine=engine,
        regions={part.name: part.voxels for part in parts},
    )
    wanted = load_yaml(SETTINGS)["dvh-indices"]["volume"]["value"]
    levels = load_yaml("dose.yaml")["reported_doses"]["value"]
    found = []
    for part in parts:
        doses = RegionDoses(dose, part.voxels)
        histogram = doses.histogram()
        found.append(
            CompartmentVoxels(
                part.name,
                mass_mean_gy(dose=dose, density=image.density, voxels=part.voxels),
                {f"d{100 * fraction:g}_gy": doses.dose_to_hottest(fraction) for fraction in wanted},
                {f"{level:g}": doses.fraction_at(level) for level in levels if level <= histogram.dose_gy[-1]},
                {
                    "dose_gy": histogram.dose_gy.tolist(),
                    "cumulative_fraction": histogram.cumulative_fraction.tolist(),
                },
            )
        )
    return tuple(found), findings
