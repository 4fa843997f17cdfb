"""Writing reconstructed SPECT volumes as NM RECON TOMO objects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from theradose.errors import DicomError
from theradose.formats.dicom.context import DicomContext, ImageReference
from theradose.formats.dicom.objects import (
    coded,
    date_and_time,
    decimal,
    new_object,
    plane_orientation,
    right_handed,
    save_object,
)
from theradose.formats.dicom.uids import NM_IMAGE
from theradose.model.activity import ImageUnit
from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.nuclides import load_nuclide

if TYPE_CHECKING:
    from pydicom import Dataset

_LARGEST_STORED = 65535
_ENERGY_WINDOW_NAME = 16
_RWV_UNITS = {
    ImageUnit.BQ_PER_ML: ("Bq/ml", "Becquerels/milliliter"),
    ImageUnit.COUNTS: ("{counts}", "Counts"),
    ImageUnit.COUNTS_PER_SECOND: ("{counts}/s", "Counts per second"),
}


@dataclass(frozen=True, slots=True)
class NmAcquisition:
    """How a SPECT image was acquired, for its header.

    Attributes
    ----------
    nuclide : str
        As ``Lu-177``.
    radiopharmaceutical : str
        Name of the compound.
    administered_mbq : float
        Activity given.
    administered_at, acquired_at : datetime
        Start of the administration and of the acquisition.
    views, seconds_per_view : int, float
        Angular views of each head, and the time at each.
    heads : int
        Number of detectors, which turn together.
    energy_window_kev : tuple of float
        Lower and upper bound of the photopeak window.
    counts_accumulated : int
        Counts of all projections.
    corrections : tuple of str
        Corrected Image: ``ATTN``, ``SCAT``, ``DECY`` …
    camera, collimator : str
        Names; the collimator as DICOM Collimator Type (``PARA``).
    """

    nuclide: str
    radiopharmaceutical: str
    administered_mbq: float
    administered_at: datetime
    acquired_at: datetime
    views: int
    seconds_per_view: float
    heads: int
    energy_window_kev: tuple[float, float]
    counts_accumulated: int
    corrections: tuple[str, ...]
    camera: str
    collimator: str = "PARA"


def write_nm_volume(
    path: Path, volume: Volume, *, unit: ImageUnit, acquisition: NmAcquisition, context: DicomContext, description: str
) -> ImageReference:
    """Write a SPECT volume as one multi-frame NM file.

    Counts are rounded to integers where they fit 16 bits; everything else is scaled to 16 bits. The scale and
    the unit are in a real world value mapping.

    Parameters
    ----------
    path : Path
        File to write.
    volume : Volume
        Values in `unit`, not negative, in a frame of reference.
    unit : ImageUnit
        Meaning of the values.
    acquisition : NmAcquisition
        What the header says about the acquisition.
    context : DicomContext
        Patient and study.
    description : str
        Series Description.

    Returns
    -------
    ImageReference
        The written image, for regions drawn on it.

    Raises
    ------
    DicomError
        If a value is negative or not finite, or the grid has no frame of reference or is not rectangular.
    """
    if not np.isfinite(volume.data).all() or volume.data.min() < 0:
        raise DicomError(
            "The SPECT values are negative or not finite, which NM pixels cannot express: set them to zero first.",
            code="nm-values",
        )
    if volume.grid.frame_of_reference is None:
        raise DicomError("The SPECT has no frame of reference: give its grid one.", code="frame-of-reference-missing")
    grid = right_handed(volume.grid)
    values = volume.data if grid is volume.grid else volume.data[::-1]
    stored, slope = _stored(values, unit)
    dataset = new_object(
        sop_class=NM_IMAGE,
        modality="NM",
        content_uid=_digest(stored, slope, grid, acquisition),
        series_description=description,
        context=context,
    )
    dataset.BodyPartExamined = "ABDOMEN"
    # The equipment of an image is its camera, not the program that wrote the file.
    dataset.ManufacturerModelName = dataset.DeviceSerialNumber = acquisition.camera
    _describe_series(dataset, acquisition, grid)
    _describe_frames(dataset, stored, grid)
    dataset.RealWorldValueMappingSequence = [_mapping(unit, slope, int(stored.max()))]
    dataset.RadiopharmaceuticalInformationSequence = [radiopharmaceutical_item(acquisition)]
    dataset.EnergyWindowInformationSequence = [_energy_window(acquisition)]
    dataset.DetectorInformationSequence = [_detector(acquisition, grid)]
    dataset.RotationInformationSequence = [_rotation(acquisition)]
    dataset.PatientOrientationCodeSequence = [supine_item()]
    dataset.PatientGantryRelationshipCodeSequence = [coded("102540001", "SCT", "headfirst")]
    dataset.PixelData = stored.tobytes()
    save_object(dataset, path)
    return ImageReference(
        series_uid=str(dataset.SeriesInstanceUID),
        sop_class_uid=NM_IMAGE,
        instance_uids=(str(dataset.SOPInstanceUID),),
        frame_of_reference=grid.frame_of_reference,
        study_uid=context.study_uid,
        grid=grid,
    )


def _stored(values: Array, unit: ImageUnit) -> tuple[Array, float]:
    """16-bit pixels and the slope that gives back the values."""
    largest = float(values.max())
    exact = unit is ImageUnit.COUNTS and largest <= _LARGEST_STORED
    slope = 1.0 if exact or largest == 0 else largest / _LARGEST_STORED
    return np.rint(values / slope).astype("<u2"), slope


def _digest(stored: Array, slope: float, grid: Grid, acquisition: NmAcquisition) -> str:
    digest = hashlib.sha256(f"{slope!r}\0{grid.frame_of_reference}\0{acquisition!r}".encode())
    digest.update(grid.affine_mm.tobytes())
    digest.update(stored.tobytes())
    return digest.hexdigest()


def _describe_series(dataset: Dataset, acquisition: NmAcquisition, grid: Grid) -> None:
    dataset.SeriesDate, dataset.SeriesTime = date_and_time(acquisition.acquired_at)
    dataset.AcquisitionDate, dataset.AcquisitionTime = date_and_time(acquisition.acquired_at)
    dataset.ContentDate, dataset.ContentTime = date_and_time(acquisition.acquired_at)
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.CountsAccumulated = acquisition.counts_accumulated
    dataset.CorrectedImage = list(acquisition.corrections)
    dataset.AcquisitionTerminationCondition = "TIME"
    dataset.NumberOfEnergyWindows = 1
    dataset.NumberOfDetectors = 1
    dataset.NumberOfRotations = 1


def _describe_frames(dataset: Dataset, stored: Array, grid: Grid) -> None:
    slices, rows, columns = grid.shape
    dz, dy, dx = grid.spacing_mm
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = slices
    dataset.FrameIncrementPointer = 0x00540080
    dataset.NumberOfSlices = slices
    dataset.SliceVector = list(range(1, slices + 1))
    dataset.Rows, dataset.Columns = rows, columns
    dataset.PixelSpacing = [decimal(dy), decimal(dx)]
    dataset.SliceThickness = decimal(dz)
    dataset.SpacingBetweenSlices = decimal(dz)
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.SmallestImagePixelValue = int(stored.min())
    dataset.LargestImagePixelValue = int(stored.max())


def _mapping(unit: ImageUnit, slope: float, largest: int) -> Dataset:
    from pydicom import Dataset

    code, meaning = _RWV_UNITS[unit]
    item = Dataset()
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", largest)
    item.RealWorldValueIntercept = 0.0
    item.RealWorldValueSlope = slope
    item.LUTExplanation = meaning
    item.LUTLabel = unit.value.upper().replace("/", "_")
    item.MeasurementUnitsCodeSequence = [coded(code, "UCUM", meaning)]
    return item


def radiopharmaceutical_item(acquisition: NmAcquisition) -> Dataset:
    """Return the item of the radiopharmaceutical."""
    from pydicom import Dataset

    nuclide = load_nuclide(acquisition.nuclide)
    item = Dataset()
    item.RadionuclideCodeSequence = [coded(nuclide.codes[0], "SCT", nuclide.name)]
    item.Radiopharmaceutical = acquisition.radiopharmaceutical
    item.RadiopharmaceuticalStartTime = date_and_time(acquisition.administered_at)[1]
    item.RadiopharmaceuticalStartDateTime = acquisition.administered_at.strftime("%Y%m%d%H%M%S.%f%z")
    # The NM object states the total dose in MBq, unlike the PET object (DICOM PS3.3, C.8.4.10).
    item.RadionuclideTotalDose = decimal(acquisition.administered_mbq)
    item.RadionuclideHalfLife = decimal(nuclide.half_life_h.value * 3600)
    return item


def _energy_window(acquisition: NmAcquisition) -> Dataset:
    from pydicom import Dataset

    bounds = Dataset()
    bounds.EnergyWindowLowerLimit, bounds.EnergyWindowUpperLimit = map(decimal, acquisition.energy_window_kev)
    item = Dataset()
    middle = sum(acquisition.energy_window_kev) / 2
    item.EnergyWindowName = f"{acquisition.nuclide} {middle:.0f} keV"[:_ENERGY_WINDOW_NAME]
    item.EnergyWindowRangeSequence = [bounds]
    return item


def _detector(acquisition: NmAcquisition, grid: Grid) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CollimatorType = acquisition.collimator
    item.FocalDistance = "0"
    item.ImagePositionPatient = [decimal(value) for value in grid.affine_mm[:3, 3]]
    item.ImageOrientationPatient = plane_orientation(grid)
    return item


def _rotation(acquisition: NmAcquisition) -> Dataset:
    from pydicom import Dataset

    arc_deg = 360 / acquisition.heads
    item = Dataset()
    item.StartAngle = "0"
    item.AngularStep = decimal(arc_deg / acquisition.views)
    item.RotationDirection = "CC"
    item.ScanArc = decimal(arc_deg)
    item.ActualFrameDuration = round(acquisition.seconds_per_view * 1000)
    item.NumberOfFramesInRotation = acquisition.views
    return item


def supine_item() -> Dataset:
    """Return the patient orientation code of a patient who lies on the back."""
    item = coded("102538003", "SCT", "recumbent")
    item.PatientOrientationModifierCodeSequence = [coded("40199007", "SCT", "supine")]
    return item
