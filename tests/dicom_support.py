"""Grids, identities and validators for tests of written DICOM objects."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom

from requirements_support import need_program
from theradose.formats.dicom.context import DicomContext, ImageReference
from theradose.formats.dicom.uids import CT_IMAGE, derive_uid
from theradose.model.grid import Grid

STUDY_UID = derive_uid("study")
FRAME_UID = derive_uid("frame of reference")
CONTEXT = DicomContext(
    patient_id="P001",
    patient_name="Test^Patient",
    patient_sex="F",
    patient_birth_date="19700101",
    study_uid=STUDY_UID,
    study_at=datetime(2026, 3, 2, 10, 0),
    content_at=datetime(2026, 3, 10, 9, 30),
    patient_position="",
    software_version="0.0.0",
)

_OBLIQUE = np.linalg.qr(np.array([[0.9, 0.1, 0.3], [-0.2, 1.0, 0.1], [0.1, -0.4, 0.8]]))[0]
# Directions of the array axes (slice, row, column) in LPS, as columns. A feet-first or prone patient turns the
# image axes against the patient's; the slice step stays along the normal of the slice plane.
ORIENTATIONS = {
    "HFS": np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0)]).T,
    "HFP": np.array([(0, 0, 1), (0, -1, 0), (-1, 0, 0)]).T,
    "FFS": np.array([(0, 0, -1), (0, 1, 0), (-1, 0, 0)]).T,
    "oblique": np.column_stack([np.cross(_OBLIQUE[:, 0], _OBLIQUE[:, 1]), _OBLIQUE[:, 1], _OBLIQUE[:, 0]]),
}


def oriented_grid(
    orientation: str, shape: tuple[int, int, int] = (5, 12, 10), spacing_mm: tuple[float, float, float] = (3, 2, 2.5)
) -> Grid:
    """Return a grid in one of the orientations."""
    affine = np.eye(4)
    affine[:3, :3] = ORIENTATIONS[orientation] * spacing_mm
    affine[:3, 3] = (-31.5, 12.25, -140.125)
    return Grid(shape, affine, FRAME_UID)


def image_reference(grid: Grid) -> ImageReference:
    """Return a CT series with one instance per slice of `grid`."""
    return ImageReference(
        series_uid=derive_uid("image series"),
        sop_class_uid=CT_IMAGE,
        instance_uids=tuple(derive_uid("image", str(index)) for index in range(grid.shape[0])),
        frame_of_reference=grid.frame_of_reference,
        study_uid=STUDY_UID,
        grid=grid,
    )


def series_grid(folder: Path) -> Grid:
    """Return the grid of the image files in a folder: positions along the normal, mean slice spacing."""
    images = [pydicom.dcmread(file, stop_before_pixels=True) for file in sorted(folder.rglob("*.dcm"))]
    images = [image for image in images if image.Modality in ("CT", "PT")]
    along_row, along_column = np.array(images[0].ImageOrientationPatient, float).reshape(2, 3)
    positions = np.array([image.ImagePositionPatient for image in images], float)
    positions = positions[np.argsort(positions @ np.cross(along_row, along_column))]
    row_mm, column_mm = (float(value) for value in images[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine[:3, 1] = along_column * row_mm
    affine[:3, 2] = along_row * column_mm
    affine[:3, 3] = positions[0]
    return Grid((len(images), images[0].Rows, images[0].Columns), affine, str(images[0].FrameOfReferenceUID))


def validation_errors(*files: Path) -> list[str]:
    """Return the errors that dicom3tools finds in single files and in their relations."""
    for tool in ("dciodvfy", "dcentvfy"):
        need_program(tool, "dicom3tools")
    commands = [["dciodvfy", "-new", str(file)] for file in files]
    commands.append(["dcentvfy", *map(str, files)])
    errors = []
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).splitlines()
        errors += [line for line in lines if line.startswith("Error")]
        if done.returncode < 0:
            errors.append(f"{command[0]} was stopped by signal {-done.returncode}")
    return errors
