"""What was delivered, by an image of the treatment or by stated activities, beside what was planned.

References
----------
[Chiesa2021]_ Verification on images; [Gear2023]_ bremsstrahlung images are qualitative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theradose.data import load_yaml
from theradose.dose.tare.products import SETTINGS, Microspheres
from theradose.dose.tare.voxel import VoxelCompartment, divide_territory, relative_activity
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.numbers import format_number
from theradose.plan.inputs.tare import VerificationInput
from theradose.plan.tare.images import CompartmentVoxels, coverage_findings, voxel_doses
from theradose.plan.tare.limits import LUNGS, WHOLE_NORMAL
from theradose.plan.tare.regions import RegionOfPlan, prefix_of
from theradose.plan.tare.request import TareImage, TareRequest
from theradose.plan.tare.volumes import NORMAL_LIVER, PlannedVolume
from theradose.uncertainty import ADMINISTERED_ACTIVITY, Uncertain

BREMSSTRAHLUNG = "90Y-bremsstrahlung"


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """What was delivered to a compartment, or to a region that an image shows beside them.

    Attributes
    ----------
    label : str
        Compartment, ``lungs`` or ``whole-normal-liver``.
    volume : str
        Perfused volume; empty for lungs and all normal liver.
    is_tumour : bool
        Whether it is tumour.
    planned_gy : Uncertain or None
        By the plan, at the activity that was given; ``None`` for what is no compartment of the plan.
    energy_gy_g : Uncertain
        Dose times mass, by the verification.
    mass_g : Uncertain
        Mass.
    voxels : CompartmentVoxels or None
        Histogram; ``None`` without an image.
    """

    label: str
    volume: str
    is_tumour: bool
    planned_gy: Uncertain | None
    energy_gy_g: Uncertain
    mass_g: Uncertain
    voxels: CompartmentVoxels | None = None

    @property
    def delivered_gy(self) -> Uncertain:
        """Mean dose."""
        return self.energy_gy_g / self.mass_g


def verify(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    regions: Sequence[RegionOfPlan],
    planned_net_mbq: float,
    lung_mass_g: Uncertain,
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
    regions : sequence of RegionOfPlan
        With their doses at `planned_net_mbq`.
    planned_net_mbq : float
        Whole planned activity without the residual.
    lung_mass_g : Uncertain
        Mass of both lungs.
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
    scale = stated.administered / planned_net_mbq
    expected = {region.label: region.dose_gy * scale for region in regions}
    if stated.kind == "stated":
        return _by_statement(stated, volumes, expected, lung_mass_g, conversion), ()
    _check_kind(stated, spheres)
    return _by_image(request, volumes, expected, spheres, conversion)


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
    lung_mass_g: Uncertain,
    conversion: Uncertain,
) -> tuple[Delivered, ...]:
    parts = {part.name: (planned.volume.name, part) for planned in volumes for part in planned.volume.compartments}
    unknown = sorted(stated.activities.keys() - parts.keys() - {LUNGS})
    if unknown:
        raise PlanError(
            f"The verification names '{', '.join(unknown)}', which is no compartment: valid names are "
            f"{', '.join((*parts, LUNGS))}.",
            code="tare-verification",
        )
    total = sum(activity.value for activity in stated.activities.values())
    if total > stated.administered:
        raise PlanError(
            f"The compartments hold {total:g} MBq, more than the {stated.administered:g} MBq administered: "
            "correct one of the activities.",
            code="tare-activity-above-administered",
        )
    found = []
    for label, activity in stated.activities.items():
        energy = activity.from_source(f"activity:{label}") * conversion
        if label in parts:
            volume, part = parts[label]
            found.append(Delivered(label, volume, part.is_tumour, expected[label], energy, part.mass_g))
        else:
            found.append(Delivered(label, "", False, expected[label], energy, lung_mass_g))
    return tuple(found)


def _by_image(
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    expected: Mapping[str, Uncertain],
    spheres: Microspheres,
    conversion: Uncertain,
) -> tuple[tuple[Delivered, ...], tuple[Finding, ...]]:
    stated, image = request.inputs.verification, request.delivered
    if image is None or stated is None or stated.image is None:
        raise ValueError("a verification by image needs the image")
    findings = list(image.findings)
    administered = stated.administered
    parts = _parts(image, volumes, with_lungs=stated.kind != BREMSSTRAHLUNG)
    sources = {"calibration:verification": stated.image.u_activity}
    if stated.kind == BREMSSTRAHLUNG:
        activity = _relative(image, volumes, administered)
        sources[ADMINISTERED_ACTIVITY] = request.inputs.activity_meter_u
        message = (
            "A bremsstrahlung image of 90Y is no measurement of activity: it was scaled to the activity that was "
            "given, and the doses are qualitative."
        )
        findings.append(Finding("tare-bremsstrahlung-qualitative", "warning", message))
    else:
        activity = Volume(np.maximum(image.values.data, 0.0), image.values.grid)
        findings += _activity_findings(image.values, administered)
    voxels, noticed = voxel_doses(activity, image, [part for _, part in parts], spheres, conversion.value, "local")
    delivered = []
    for (volume, part), doses in zip(parts, voxels, strict=True):
        mass = Uncertain.relative(part.mass_g, {f"mass:{part.name}": stated.image.u_mass})
        energy = Uncertain.relative(doses.mean_gy * part.mass_g, sources)
        delivered.append(Delivered(part.name, volume, part.is_tumour, expected.get(part.name), energy, mass, doses))
    return tuple(delivered), (*findings, *noticed, *coverage_findings(image))


def _parts(
    image: TareImage, volumes: Sequence[PlannedVolume], *, with_lungs: bool
) -> list[tuple[str, VoxelCompartment]]:
    """Return the compartments of the image with their perfused volumes, then all normal liver and the lungs."""
    parts: list[tuple[str, VoxelCompartment]] = []
    for planned in volumes:
        prefix = prefix_of(planned, volumes)
        normal = next((name.removeprefix(prefix) for name in planned.normal_names), NORMAL_LIVER)
        divided = divide_territory(
            counts=image.values,
            density=image.density,
            territory=image.territories[planned.volume.name],
            tumours=image.tumours,
            normal_name=normal,
        )
        parts += [(planned.volume.name, replace(part, name=prefix + part.name)) for part in divided]
    others = {WHOLE_NORMAL: image.normal_liver}
    if with_lungs and image.lungs is not None:
        others[LUNGS] = image.lungs
    voxel_ml = image.values.grid.voxel_volume_ml
    return parts + [
        ("", VoxelCompartment(name, False, voxels, voxels.voxel_count * voxel_ml, image.mass_g(voxels),
                              voxels.sum_of(np.maximum(image.values.data, 0.0))))
        for name, voxels in others.items()
        if voxels.voxel_count > 0
    ]  # fmt: skip


def _relative(image: TareImage, volumes: Sequence[PlannedVolume], administered_mbq: float) -> Volume:
    """Spread what stays in the liver over all perfused volumes together: an image tells their shares by its counts.

    The counts of a volume are those of the part 1 − L of what was given there.
    """
    counts = {name: voxels.sum_of(np.maximum(image.values.data, 0.0)) for name, voxels in image.territories.items()}
    given = sum(counts[planned.volume.name] / (1 - planned.volume.shunt.value) for planned in volumes)
    activities = [administered_mbq * value / given for value in counts.values()]
    return relative_activity(
        counts=image.values, territories=tuple(image.territories.values()), activity_mbq=activities
    )


def _activity_findings(activity: Volume, administered_mbq: float) -> tuple[Finding, ...]:
    total = float(np.maximum(activity.data, 0.0).sum(dtype=np.float64)) * activity.grid.voxel_volume_ml
    tolerance = load_yaml(SETTINGS)["activity-tolerance"]["value"]
    if total <= administered_mbq * (1 + tolerance):
        return ()
    message = (
        f"The image holds {format_number(total)} MBq at the administration, more than the "
        f"{format_number(administered_mbq)} MBq given: check the unit, the decay correction and the calibration of "
        "the image."
    )
    return (Finding("tare-activity-above-administered", "critical", message),)
