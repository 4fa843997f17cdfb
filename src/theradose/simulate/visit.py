"""The appointments of a simulated treatment cycle and the images taken at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from theradose.model.activity import ImageUnit
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform
from theradose.simulate.camera import Camera
from theradose.simulate.organs import Anatomy
from theradose.simulate.patient import DigitalPatient
from theradose.simulate.sampling import draw_direction
from theradose.simulate.spect import blurred_activity, count_image, ct_image, ellipse_transmission, embed

_BQ_PER_MBQ = 1e6
MARGIN_VOXELS = 4
"""Emission voxels beyond the field of view and around the body, from and into which activity blurs."""
_CT_SHIFT_MM = (4.4, 0.0, 0.0)
_WRONG_FACTOR = 10.0
_STREAM = 3


class Variant(StrEnum):
    """Deliberate peculiarities of a simulated study."""

    STANDARD = "standard"
    ONE_KIDNEY = "one-kidney"
    """The patient lacks the right kidney."""
    ARMS_DOWN = "arms-down"
    """The arms lie beside the trunk."""
    WRONG_UNITS = "wrong-units"
    """All emission images are ten times too high."""
    SWAPPED_SIDES = "swapped-sides"
    """Left and right kidney are exchanged in the structure set."""
    MISSING_SLICE = "missing-slice"
    """The CT of the last time point lacks a slice."""
    SHIFTED_CT = "shifted-ct"
    """The CT of the last time point lies 4.4 mm beside its SPECT."""


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One SPECT/CT appointment.

    Attributes
    ----------
    hours : int
        Nominal hours after the administration.
    t_h : float
        Start of the acquisition.
    acquired_at : datetime
        The same as a time of day.
    pose : RigidTransform
        From the reference pose to the patient's position in the scanner.
    is_reference, is_last : bool
        Whether regions are drawn on it, and whether it is the last one.
    """

    hours: int
    t_h: float
    acquired_at: datetime
    pose: RigidTransform
    is_reference: bool
    is_last: bool

    @property
    def id(self) -> str:
        """Name of the time point in the study."""
        return f"tp{self.hours}"


@dataclass(frozen=True, slots=True, eq=False)
class VisitImages:
    """What the scanner delivers.

    Attributes
    ----------
    spect, ct : Volume
        In the unit asked for, and in HU.
    accumulated_counts : int
        Counts in the projections.
    live_fraction : float
        Share of the detected events that was recorded.
    view_mbq : float
        True mean activity in the field of view during the acquisition.
    """

    spect: Volume
    ct: Volume
    accumulated_counts: int
    live_fraction: float
    view_mbq: float


def plan_visits(spec: Mapping[str, Any], *, seed: int, administered_at: datetime) -> tuple[Visit, ...]:
    """Draw times a few minutes off the schedule and poses a few millimetres off the reference.

    Parameters
    ----------
    spec : mapping
        Content of ``data/simulation/spect-ct.yaml``.
    seed : int
        Of the draws.
    administered_at : datetime
        With time zone.
    """
    visits = []
    for hours in spec["schedule_h"]:
        rng = np.random.default_rng([seed, _STREAM, hours])
        jitter_min = int(rng.integers(-spec["start_jitter_min"], spec["start_jitter_min"] + 1))
        waited = timedelta(hours=hours, minutes=jitter_min)
        # Added in UTC, so that a change to summer time in between stretches nothing.
        acquired_at = (administered_at.astimezone(ZoneInfo("UTC")) + waited).astimezone(administered_at.tzinfo)
        is_reference = hours == spec["reference_h"]
        pose = RigidTransform.identity() if is_reference else random_pose(rng, **spec["motion"])
        visits.append(
            Visit(
                hours=hours,
                t_h=waited / timedelta(hours=1),
                acquired_at=acquired_at,
                pose=pose,
                is_reference=is_reference,
                is_last=hours == spec["schedule_h"][-1],
            )
        )
    return tuple(visits)


def random_pose(rng: np.random.Generator, *, shift_mm: float, rotation_deg: float) -> RigidTransform:
    """Return a small repositioning of the patient about the middle of the field of view.

    Length of the shift and angle of the turn lie between half and all of the given limits.
    """
    axis = draw_direction(rng)
    angle = np.radians(rotation_deg * rng.uniform(0.5, 1.0))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = draw_direction(rng) * shift_mm * rng.uniform(0.5, 1.0)
    return RigidTransform(matrix)


def image_visit(
    visit: Visit,
    *,
    patient: DigitalPatient,
    camera: Camera,
    unit: ImageUnit,
    variant: Variant,
    frame_of_reference: str,
) -> VisitImages:
    """Image the patient once.

    Parameters
    ----------
    visit : Visit
        Time and pose.
    patient : DigitalPatient
        Who is imaged.
    camera : Camera
        With what.
    unit : ImageUnit
        ``counts`` have lost events to dead time, ``Bq/mL`` have not.
    variant : Variant
        Deliberate flaws of the images.
    frame_of_reference : str
        Common to SPECT and CT.
    """
    rng = np.random.default_rng([patient.seed, _STREAM, visit.hours, 1])
    anatomy = patient.anatomy.moved(visit.pose)
    fine = fine_grid(patient.anatomy, visit.pose, camera)
    labels = anatomy.labels(fine)
    concentrations = patient.concentrations_mbq_ml(visit.t_h, camera.duration_s / 3600)
    activity = blurred_activity(labels, concentrations, fine, camera)[MARGIN_VOXELS:-MARGIN_VOXELS]
    skin = patient.anatomy.skin.semi_axes_mm
    rows, columns = (camera.voxel_mm * (np.arange(n) - (n - 1) / 2) for n in activity.shape[1:])
    transmission = ellipse_transmission((float(skin[0]), float(skin[1])), x_mm=columns, y_mm=rows, camera=camera)
    image = count_image(activity, camera, transmission=transmission, rng=rng, dead_time=unit is ImageUnit.COUNTS)
    values = embed(image.counts, camera.shape)
    if unit is ImageUnit.BQ_PER_ML:
        voxel_ml = (camera.voxel_mm / 10) ** 3
        values *= _BQ_PER_MBQ / (camera.sensitivity_cps_per_mbq * camera.duration_s * voxel_ml)
    if variant is Variant.WRONG_UNITS:
        values *= _WRONG_FACTOR
    if variant is Variant.SHIFTED_CT and visit.is_last:
        labels = anatomy.moved(RigidTransform(_translation(_CT_SHIFT_MM))).labels(fine)
    ct = ct_image(labels, patient.by_label("hu"), camera, rng=rng, frame_of_reference=frame_of_reference)
    return VisitImages(
        spect=Volume(values, camera.emission_grid(frame_of_reference)),
        ct=ct,
        accumulated_counts=image.accumulated_counts,
        live_fraction=image.live_fraction,
        view_mbq=float(activity.sum(dtype=np.float64)),
    )


def fine_grid(anatomy: Anatomy, pose: RigidTransform, camera: Camera) -> Grid:
    """Return the grid around the moved body, cut off at the field of view in the plane, a margin beyond it along z."""
    depth_mm = (camera.shape[0] / 2 + MARGIN_VOXELS) * camera.voxel_mm
    x, y = anatomy.half_width_mm
    corners = pose.apply(np.array(list(product((-x, x), (-y, y), (-depth_mm, depth_mm)))))
    reach = np.abs(corners).max(axis=0)
    return camera.fine_grid(half_width_mm=(float(reach[0]), float(reach[1])), margin_voxels=MARGIN_VOXELS)


def _translation(shift_mm: tuple[float, float, float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix
