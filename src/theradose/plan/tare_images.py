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
from theradose.dose.tare_products import SETTINGS, Microspheres
from theradose.dose.tare_voxel import (
    VoxelCompartment,
    complete_decay_dose,
    divide_territory,
    mass_mean_gy,
    outside_share,
    relative_activity,
)
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.plan import PlanTable
from theradose.plan.inputs.tare import TareInput, VerificationInput
from theradose.plan.tare_request import TareImage, TareRequest
from theradose.plan.tare_text import shown
from theradose.plan.tare_volumes import NORMAL_LIVER, PlannedVolume
from theradose.uncertainty import Uncertain

BREMSSTRAHLUNG = "90Y-bremsstrahlung"


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
    curve : mapping of str to list of float
        Cumulative histogram.
    """

    label: str
    mean_gy: float
    indices: Mapping[str, float]
    curve: Mapping[str, list[float]]

    def to_json(self) -> dict[str, object]:
        """Return the object of ``details.dvh``."""
        return {"compartment": self.label, "mean_gy": self.mean_gy, **self.indices, "curve": dict(self.curve)}


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """What was delivered to a compartment.

    Attributes
    ----------
    label : str
        Compartment.
    planned_gy : Uncertain or None
        By the plan, at the activity that was given; ``None`` for what is no compartment of the plan.
    delivered_gy : Uncertain
        By the image.
    voxels : CompartmentVoxels or None
        Histogram; ``None`` without an image.
    """

    label: str
    planned_gy: Uncertain | None
    delivered_gy: Uncertain
    voxels: CompartmentVoxels | None


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
    found, findings = _voxel_doses(activity, scout, parts, spheres, conversion_j_per_gbq, stated.engine)
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
        message = f"{outside:.1%} of the counts of the liver lie outside the perfused volumes and are not used."
        findings.append(Finding("tare-counts-outside", "warning", message, "liver"))
    ones = Volume(np.ones(image.values.grid.shape, np.float32), image.values.grid)
    for name, voxels in image.tumours.items():
        outside = outside_share(counts=ones, liver=voxels, territories=used)
        if outside > smallest:
            message = f"{outside:.1%} of the volume of '{name}' lie outside the perfused volumes and get no dose."
            findings.append(Finding("tare-tumour-outside", "warning", message, name))
    return tuple(findings)


def verify(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    planned_gy: Mapping[str, Uncertain],
    planned_total_mbq: float,
    spheres: Microspheres,
    conversion: Uncertain,
) -> tuple[tuple[Delivered, ...], tuple[Finding, ...]]:
    """Return the delivered beside the planned dose of each compartment; nothing without a verification.

    Parameters
    ----------
    request : TareRequest
        With the verification and, for an image, its values.
    volumes : sequence of PlannedVolume
        Of the plan.
    planned_gy : mapping of str to Uncertain
        Dose of each compartment at `planned_total_mbq`.
    planned_total_mbq : float
        Whole planned activity.
    spheres : Microspheres
        Product.
    conversion : Uncertain
        Energy of complete decay, J/GBq.

    Raises
    ------
    PlanError
        ``tare-verification`` for activities that cannot be, or a product without such an image.

    References
    ----------
    [Chiesa2021]_, [Gear2023]_
    """
    stated = request.inputs.verification
    if stated is None:
        return (), ()
    scale = stated.administered.value / planned_total_mbq
    expected = {label: dose * scale for label, dose in planned_gy.items()}
    if stated.kind == "stated":
        return _by_statement(stated, volumes, expected, conversion), ()
    _check_kind(stated, spheres)
    return _by_image(request.inputs, request.delivered, volumes, expected, spheres, conversion)


def dvh_table(found: Sequence[CompartmentVoxels], title: str) -> PlanTable:
    """Return means and indices of the histograms."""
    names = list(found[0].indices)
    rows = tuple(
        (item.label, f"{item.mean_gy:.4g}", *(f"{item.indices[name]:.4g}" for name in names)) for item in found
    )
    columns = ("compartment", "mean (Gy)", *(f"{name.removesuffix('_gy').upper()} (Gy)" for name in names))
    note = "Dx is the least dose of the hottest x % of the volume. The resolution of the image blurs these numbers."
    return PlanTable(title, columns, rows, (note,))


def verification_table(found: Sequence[Delivered], kind: str) -> PlanTable:
    """Return planned and delivered doses side by side."""
    rows = tuple(
        (
            item.label,
            shown(item.planned_gy, "Gy"),
            shown(item.delivered_gy, "Gy"),
            f"{item.delivered_gy.value / item.planned_gy.value:.3f}"
            if item.planned_gy and item.planned_gy.value
            else "—",
        )
        for item in found
    )
    title = f"Planned and delivered, {kind}"
    return PlanTable(title, ("compartment", "planned at the given activity", "delivered", "ratio"), rows)


def _voxel_doses(
    activity: Volume,
    image: TareImage,
    parts: Sequence[VoxelCompartment],
    spheres: Microspheres,
    conversion_j_per_gbq: float,
    engine: str,
) -> tuple[tuple[CompartmentVoxels, ...], tuple[Finding, ...]]:
    dose, findings = complete_decay_dose(
        activity=activity,
        density=image.density,
        spheres=spheres,
        conversion_j_per_gbq=conversion_j_per_gbq,
        engine=engine,
        regions={part.name: part.voxels for part in parts},
    )
    wanted = load_yaml(SETTINGS)["dvh-indices"]["volume"]["value"]
    found = []
    for part in parts:
        doses = RegionDoses(dose, part.voxels)
        histogram = doses.histogram()
        found.append(
            CompartmentVoxels(
                part.name,
                mass_mean_gy(dose=dose, density=image.density, voxels=part.voxels),
                {f"d{100 * fraction:g}_gy": doses.dose_to_hottest(fraction) for fraction in wanted},
                {
                    "dose_gy": histogram.dose_gy.tolist(),
                    "cumulative_fraction": histogram.cumulative_fraction.tolist(),
                },
            )
        )
    return tuple(found), findings


def _check_kind(stated: VerificationInput, spheres: Microspheres) -> None:
    if stated.kind.startswith("166Ho") != (spheres.nuclide == "Ho-166"):
        raise PlanError(
            f"A verification by {stated.kind} does not fit {spheres.title}, which are labelled with {spheres.nuclide}: "
            "correct 'kind' or 'product'.",
            code="tare-verification",
        )


def _by_statement(
    stated: VerificationInput,
    volumes: Sequence[PlannedVolume],
    expected: Mapping[str, Uncertain],
    conversion: Uncertain,
) -> tuple[Delivered, ...]:
    masses = {part.name: part.mass_g for planned in volumes for part in planned.volume.compartments}
    unknown = sorted(stated.activities.keys() - masses.keys())
    if unknown:
        raise PlanError(
            f"The verification names '{', '.join(unknown)}', which is no compartment: valid names are "
            f"{', '.join(masses)}.",
            code="tare-verification",
        )
    total = sum(activity.value for activity in stated.activities.values())
    if total > stated.administered.value:
        raise PlanError(
            f"The compartments hold {total:g} MBq, more than the {stated.administered.value:g} MBq administered: "
            "correct one of the activities.",
            code="tare-activity-above-administered",
        )
    return tuple(
        Delivered(
            label,
            expected[label],
            activity.from_source(f"activity:{label}") * conversion / masses[label],
            None,
        )
        for label, activity in stated.activities.items()
    )


def _by_image(
    inputs: TareInput,
    image: TareImage | None,
    volumes: Sequence[PlannedVolume],
    expected: Mapping[str, Uncertain],
    spheres: Microspheres,
    conversion: Uncertain,
) -> tuple[tuple[Delivered, ...], tuple[Finding, ...]]:
    stated = inputs.verification
    if image is None or stated is None or stated.image is None:
        raise ValueError("a verification by image needs the image")
    several = len(volumes) > 1
    findings = list(image.findings)
    administered = stated.administered.value
    parts: list[VoxelCompartment] = []
    for planned in volumes:
        prefix = f"{planned.volume.name}: " if several else ""
        normal = next((name.removeprefix(prefix) for name in planned.normal_names), NORMAL_LIVER)
        divided = divide_territory(
            counts=image.values,
            density=image.density,
            territory=image.territories[planned.volume.name],
            tumours=image.tumours,
            normal_name=normal,
        )
        parts += [
            VoxelCompartment(prefix + part.name, part.is_tumour, part.voxels, part.volume_ml, part.mass_g, part.counts)
            for part in divided
        ]
    if stated.kind == BREMSSTRAHLUNG:
        activity = _relative(image, volumes, administered)
        message = (
            "A bremsstrahlung image of 90Y is no measurement of activity: it was scaled to the activity that was "
            "given, and the doses are qualitative."
        )
        findings.append(Finding("tare-bremsstrahlung-qualitative", "warning", message))
    else:
        activity = Volume(np.maximum(image.values.data, 0.0), image.values.grid)
        findings += _activity_findings(image.values, administered)
    found, noticed = _voxel_doses(activity, image, parts, spheres, conversion.value, "local")
    u = {"calibration:verification": stated.image.u_activity}
    delivered = [
        Delivered(
            voxels.label,
            expected.get(voxels.label),
            Uncertain.relative(voxels.mean_gy, {**u, f"mass:{voxels.label}": stated.image.u_mass}),
            voxels,
        )
        for voxels in found
    ]
    return tuple(delivered), (*findings, *noticed, *coverage_findings(image))


def _relative(image: TareImage, volumes: Sequence[PlannedVolume], administered_mbq: float) -> Volume:
    """Spread what stays in the liver over all perfused volumes together: an image tells their shares by its counts."""
    retained = sum(planned.volume.retained_fraction.value for planned in volumes) / len(volumes)
    counts = {name: voxels.sum_of(np.maximum(image.values.data, 0.0)) for name, voxels in image.territories.items()}
    total = sum(counts.values())
    activities = [administered_mbq * retained * value / total for value in counts.values()]
    return relative_activity(
        counts=image.values, territories=tuple(image.territories.values()), activity_mbq=activities
    )


def _activity_findings(activity: Volume, administered_mbq: float) -> tuple[Finding, ...]:
    total = float(np.maximum(activity.data, 0.0).sum(dtype=np.float64)) * activity.grid.voxel_volume_ml
    tolerance = load_yaml(SETTINGS)["activity-tolerance"]["value"]
    if total <= administered_mbq * (1 + tolerance):
        return ()
    message = (
        f"The image holds {total:.4g} MBq at the administration, more than the {administered_mbq:.4g} MBq given: check "
        "the unit, the decay correction and the calibration of the image."
    )
    return (Finding("tare-activity-above-administered", "critical", message),)
