"""What was delivered, by an image of the treatment or by stated activities, beside what was planned.

References
----------
[Chiesa2021]_ Verification on images; [Gear2023]_ bremsstrahlung images are qualitative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.dose.tare.products import SETTINGS, Microspheres
from theradose.dose.tare.voxel import VoxelCompartment, divide_territory, relative_activity
from theradose.errors import PlanError
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.plan import PlanTable
from theradose.numbers import UNKNOWN, format_number, words
from theradose.plan.inputs.tare import TareInput, VerificationInput
from theradose.plan.tare.images import CompartmentVoxels, coverage_findings, voxel_doses
from theradose.plan.tare.request import TareImage, TareRequest
from theradose.plan.tare.volumes import NORMAL_LIVER, PlannedVolume
from theradose.plan.wording import with_u
from theradose.uncertainty import Uncertain

BREMSSTRAHLUNG = "90Y-bremsstrahlung"


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


def verify(
    *,
    request: TareRequest,
    volumes: Sequence[PlannedVolume],
    planned_gy: Mapping[str, Uncertain],
    planned_net_mbq: float,
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
        Dose of each compartment at `planned_net_mbq`.
    planned_net_mbq : float
        Whole planned activity without the residual.
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
    expected = {label: dose * scale for label, dose in planned_gy.items()}
    if stated.kind == "stated":
        return _by_statement(stated, volumes, expected, conversion), ()
    _check_kind(stated, spheres)
    return _by_image(request.inputs, request.delivered, volumes, expected, spheres, conversion)


def verification_table(found: Sequence[Delivered], kind: str) -> PlanTable:
    """Return planned and delivered doses side by side."""
    rows = tuple(
        (
            words(item.label),
            with_u(item.planned_gy, "Gy"),
            with_u(item.delivered_gy, "Gy"),
            format_number(item.delivered_gy.value / item.planned_gy.value)
            if item.planned_gy and item.planned_gy.value
            else UNKNOWN,
        )
        for item in found
    )
    title = f"Planned and delivered, {kind}"
    return PlanTable(title, ("compartment", "planned at the given activity", "delivered", "ratio"), rows)


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
    if total > stated.administered:
        raise PlanError(
            f"The compartments hold {total:g} MBq, more than the {stated.administered:g} MBq administered: "
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
    administered = stated.administered
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
    found, noticed = voxel_doses(activity, image, parts, spheres, conversion.value, "local")
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
        f"The image holds {total:.4g} MBq at the administration, more than the {administered_mbq:.4g} MBq given: check "
        "the unit, the decay correction and the calibration of the image."
    )
    return (Finding("tare-activity-above-administered", "critical", message),)
