"""Writing CT volumes as series of CT images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from theradose.errors import DicomError
from theradose.formats.dicom.context import DicomContext, ImageReference
from theradose.formats.dicom.objects import (
    date_and_time,
    decimal,
    new_object,
    plane_orientation,
    right_handed,
    save_object,
)
from theradose.formats.dicom.uids import CT_IMAGE, derive_uid
from theradose.model.grid import Volume

# Stored values are HU above this offset, the usual form of unsigned CT pixels.
_INTERCEPT_HU = -1024
_LARGEST_STORED = 4095


@dataclass(frozen=True, slots=True)
class CtAcquisition:
    """How a CT was acquired, for its header.

    Attributes
    ----------
    acquired_at : datetime
        Start of the acquisition.
    scanner : str
        Name of the scanner.
    kvp, tube_current_ma : float
        Tube settings.
    """

    acquired_at: datetime
    scanner: str
    kvp: float
    tube_current_ma: float


def write_ct_series(
    folder: Path, volume: Volume, *, acquisition: CtAcquisition, context: DicomContext, description: str
) -> ImageReference:
    """Write a CT volume as one file per slice, ``ct_0001.dcm`` and on.

    Parameters
    ----------
    folder : Path
        Folder of the series; created if needed.
    volume : Volume
        HU, rounded to integers, from −1024 to 3071, in a frame of reference.
    acquisition : CtAcquisition
        What the headers say about the acquisition.
    context : DicomContext
        Patient, study and position (as ``HFS``).
    description : str
        Series Description.

    Returns
    -------
    ImageReference
        The written series, for regions drawn on it.

    Raises
    ------
    DicomError
        If HU are outside the range, or the grid has no frame of reference or is not rectangular.
    """
    if volume.grid.frame_of_reference is None:
        raise DicomError("The CT has no frame of reference: give its grid one.", code="frame-of-reference-missing")
    grid = right_handed(volume.grid)
    hu = volume.data if grid is volume.grid else volume.data[::-1]
    stored = np.rint(np.asarray(hu, np.float32) - _INTERCEPT_HU)
    if not (stored.min() >= 0 and stored.max() <= _LARGEST_STORED):
        raise DicomError(
            f"The CT values lie between {hu.min():g} and {hu.max():g} HU: only {_INTERCEPT_HU} to "
            f"{_LARGEST_STORED + _INTERCEPT_HU} HU can be written.",
            code="ct-range",
        )
    pixels = stored.astype("<u2")
    digest = hashlib.sha256(f"{grid.frame_of_reference}\0{acquisition!r}".encode())
    digest.update(grid.affine_mm.tobytes())
    digest.update(pixels.tobytes())
    series = digest.hexdigest()
    dataset = new_object(
        sop_class=CT_IMAGE, modality="CT", content_uid=series, series_description=description, context=context
    )
    dz, dy, dx = grid.spacing_mm
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ManufacturerModelName = acquisition.scanner
    dataset.SeriesDate, dataset.SeriesTime = date_and_time(acquisition.acquired_at)
    dataset.AcquisitionDate, dataset.AcquisitionTime = date_and_time(acquisition.acquired_at)
    dataset.ContentDate, dataset.ContentTime = date_and_time(acquisition.acquired_at)
    dataset.AcquisitionNumber = 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientPosition = context.patient_position
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImageOrientationPatient = plane_orientation(grid)
    dataset.PixelSpacing = [decimal(dy), decimal(dx)]
    dataset.SliceThickness = decimal(dz)
    dataset.KVP = decimal(acquisition.kvp)
    dataset.XRayTubeCurrent = round(acquisition.tube_current_ma)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = grid.shape[1:]
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept = decimal(_INTERCEPT_HU)
    dataset.RescaleSlope = "1"
    dataset.RescaleType = "HU"
    uids = []
    for number, frame in enumerate(pixels):
        uid = derive_uid(series, str(number))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = [decimal(value) for value in grid.to_lps((number, 0, 0))]
        dataset.PixelData = frame.tobytes()
        save_object(dataset, folder / f"ct_{number + 1:04d}.dcm")
        uids.append(uid)
    return ImageReference(
        series_uid=str(dataset.SeriesInstanceUID),
        sop_class_uid=CT_IMAGE,
        instance_uids=tuple(uids),
        frame_of_reference=grid.frame_of_reference,
        study_uid=context.study_uid,
        grid=grid,
    )
