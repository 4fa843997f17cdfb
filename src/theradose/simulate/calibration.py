"""Calibration phantoms of the simulated camera: a uniform cylinder and hot spheres, as DICOM and tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from theradose.data import load_yaml
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.formats.dicom.context import DicomContext
from theradose.formats.dicom.ct_write import CtAcquisition, write_ct_series
from theradose.formats.dicom.nm_write import NmAcquisition, write_nm_volume
from theradose.formats.dicom.uids import derive_uid
from theradose.model.activity import ImageUnit
from theradose.model.grid import Volume
from theradose.nuclides import load_nuclide
from theradose.provenance import package_version
from theradose.simulate.camera import Camera, load_camera
from theradose.simulate.solids import Solid, cylinder, ellipsoid, paint
from theradose.simulate.spect import blurred_activity, count_image, ct_image, ellipse_transmission, embed

CALIBRATION = "simulation/calibration.yaml"
CYLINDER_FOLDER = "cylinder"
SPHERES_FOLDER = "spheres"
SPHERES_FILE = "spheres.csv"
_MARGIN_VOXELS = 4
_STREAM = 7
_MEASURED_AT = datetime(2026, 2, 16, 8, 0)
_WAITED = timedelta(hours=2)
_TIMEZONE = "Europe/Paris"
_CT_BEFORE = timedelta(minutes=5)
_AIR_HU = -1000.0


@dataclass(frozen=True, slots=True)
class CalibrationPhantom:
    """A simulated acquisition and what is true of it.

    Attributes
    ----------
    image : Path
        Folder of the SPECT.
    activity_mbq : float
        In the phantom when the activity meter read it.
    activity_at, acquired_at : datetime
        Moment of that reading, and start of the acquisition.
    table : Path or None
        Table of the spheres.
    """

    image: Path
    activity_mbq: float
    activity_at: datetime
    acquired_at: datetime
    table: Path | None = None


def simulate_cylinder(
    out: Path, *, seed: int = 177, camera: Camera | None = None, noise: bool = True
) -> CalibrationPhantom:
    """Write the SPECT of a uniform cylinder in counts, with count losses, below `out`."""
    spec, camera = load_yaml(CALIBRATION), camera or load_camera()
    shape = spec["cylinder"]
    radius_mm, half_mm = shape["diameter_mm"] / 2, shape["height_mm"] / 2
    solid = cylinder((0.0, 0.0, 0.0), (radius_mm, radius_mm, half_mm))
    concentration = shape["activity_mbq"] / solid.volume_ml
    return acquire_phantom(
        out / CYLINDER_FOLDER,
        camera,
        [(solid, concentration, shape["activity_mbq"])],
        water_radius_mm=shape["diameter_mm"] / 2,
        seed=seed if noise else None,
        spec=spec,
    )


def simulate_spheres(
    out: Path,
    *,
    seed: int = 177,
    camera: Camera | None = None,
    noise: bool = True,
    shift_mm: Sequence[float] = (0, 0, 0),
) -> CalibrationPhantom:
    """Write the SPECT of hot spheres in a cold cylinder and the table of the spheres below `out`.

    Parameters
    ----------
    out : Path
        Folder.
    seed, noise : int, bool
        Of the noise.
    camera : Camera, optional
        The simulated one by default.
    shift_mm : sequence of float
        By which the phantom lies beside its nominal position, of which the table tells.
    """
    spec, camera = load_yaml(CALIBRATION), camera or load_camera()
    spheres = spec["spheres"]
    sources, rows = [], []
    for diameter, z, angle in zip(spheres["diameter_mm"], spheres["z_mm"], spheres["angle_deg"], strict=True):
        turn = math.radians(angle)
        nominal = (spheres["circle_mm"] * math.cos(turn), spheres["circle_mm"] * math.sin(turn), float(z))
        solid = ellipsoid(tuple(np.add(nominal, shift_mm)), [diameter / 2] * 3)
        activity = solid.volume_ml * spheres["concentration_mbq_ml"]
        sources.append((solid, spheres["concentration_mbq_ml"], activity))
        rows.append([f"{diameter} mm", f"{solid.volume_ml:.6g}", *(f"{value:.3f}" for value in nominal)])
    phantom = acquire_phantom(
        out / SPHERES_FOLDER,
        camera,
        sources,
        water_radius_mm=spheres["water_radius_mm"],
        seed=seed if noise else None,
        spec=spec,
    )
    table = out / SPHERES_FILE
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["sphere", "volume_ml", "x_mm", "y_mm", "z_mm"])
        writer.writerows(rows)
    return CalibrationPhantom(phantom.image, phantom.activity_mbq, phantom.activity_at, phantom.acquired_at, table)


def acquire_phantom(
    folder: Path,
    camera: Camera,
    sources: Sequence[tuple[Solid, float, float]],
    *,
    water_radius_mm: float,
    seed: int | None,
    spec: Mapping[str, Any],
    ct_folder: Path | None = None,
) -> CalibrationPhantom:
    """Image sources (solid, concentration, activity when it was measured) in a cylinder of water.

    Parameters
    ----------
    folder : Path
        Folder of the SPECT.
    camera : Camera
        What images.
    sources : sequence of tuple
        Later ones lie in earlier ones; the activity of each is what is filled into the part that remains.
    water_radius_mm : float
        Radius of the water that attenuates.
    seed : int or None
        Of the noise; ``None`` for none.
    spec : mapping
        Names the nuclide.
    ct_folder : Path, optional
        Where to write a CT, of which every source is water and all else air.
    """
    nuclide = load_nuclide(spec["nuclide"])
    measured_at = _MEASURED_AT.replace(tzinfo=ZoneInfo(_TIMEZONE))
    acquired_at = measured_at + _WAITED
    rate = nuclide.decay_constant_per_h
    left = decay_factor(decay_constant_per_h=rate, elapsed_h=_WAITED / timedelta(hours=1))
    mean = left / float(frame_start_factor(decay_constant_per_h=rate, duration_h=camera.duration_s / 3600))
    fine = camera.fine_grid(half_width_mm=(water_radius_mm, water_radius_mm), margin_voxels=_MARGIN_VOXELS)
    labels = np.zeros(fine.shape, np.uint8)
    concentrations = [0.0]
    for number, (solid, concentration, _) in enumerate(sources, start=1):
        paint(labels, fine, solid, number)
        concentrations.append(concentration * mean)
    # The sampled solid has not exactly the volume of the solid: what is filled in is its activity.
    sampled = np.bincount(labels.ravel(), minlength=len(concentrations)) * fine.voxel_volume_ml
    for number, (_, _, filled_mbq) in enumerate(sources, start=1):
        concentrations[number] = filled_mbq * mean / sampled[number]
    activity = blurred_activity(labels, np.array(concentrations), fine, camera)[_MARGIN_VOXELS:-_MARGIN_VOXELS]
    rows, columns = (camera.voxel_mm * (np.arange(n) - (n - 1) / 2) for n in activity.shape[1:])
    transmission = ellipse_transmission((water_radius_mm, water_radius_mm), x_mm=columns, y_mm=rows, camera=camera)
    rng = None if seed is None else np.random.default_rng([seed, _STREAM, len(sources)])
    image = count_image(activity, camera, transmission=transmission, rng=rng)
    study_uid = derive_uid("calibration phantom", folder.name, str(seed))
    volume = Volume(
        embed(image.counts, camera.shape), camera.emission_grid(derive_uid(study_uid, "frame of reference"))
    )
    total = math.fsum(item for _, _, item in sources)
    context = DicomContext(
        patient_id="PHANTOM",
        patient_name="Phantom",
        patient_sex="O",
        patient_birth_date="",
        study_uid=study_uid,
        study_at=acquired_at,
        content_at=acquired_at,
        patient_position="HFS",
        software_version=package_version(),
        study_description=f"Calibration, {folder.name}",
    )
    if ct_folder is not None:
        hu = np.where(np.arange(len(concentrations)) > 0, 0.0, _AIR_HU)
        ct = ct_image(
            labels, hu, camera, rng=np.random.default_rng([seed or 0, _STREAM, 1]),
            frame_of_reference=volume.grid.frame_of_reference,
        )  # fmt: skip
        scan = CtAcquisition(acquired_at - _CT_BEFORE, camera.name, camera.ct["kvp"], camera.ct["tube_current_ma"])
        write_ct_series(ct_folder, ct, acquisition=scan, context=context, description="CT, low dose")
    write_nm_volume(
        folder / "nm.dcm",
        volume,
        unit=ImageUnit.COUNTS,
        acquisition=NmAcquisition(
            nuclide=nuclide.name,
            radiopharmaceutical=f"{nuclide.name} solution",
            administered_mbq=total,
            administered_at=measured_at,
            acquired_at=acquired_at,
            views=camera.views_per_head,
            seconds_per_view=camera.seconds_per_view,
            heads=camera.heads,
            energy_window_kev=camera.energy_window_kev,
            counts_accumulated=image.accumulated_counts,
            corrections=("ATTN", "SCAT"),
            camera=camera.name,
        ),
        context=context,
        description="SPECT, attenuation and scatter corrected",
    )
    return CalibrationPhantom(folder, total, measured_at, acquired_at)
