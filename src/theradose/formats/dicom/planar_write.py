"""Writing opposite planar views as one multi-frame NM STATIC object."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from theradose.errors import DicomError
from theradose.formats.dicom.context import DicomContext
from theradose.formats.dicom.nm_write import NmAcquisition, radiopharmaceutical_item, supine_item
from theradose.formats.dicom.objects import coded, date_and_time, decimal, new_object, save_object
from theradose.formats.dicom.uids import NM_IMAGE
from theradose.model.arrays import Array
from theradose.model.planar import EnergyWindow, PlanarPair, View

if TYPE_CHECKING:
    from pydicom import Dataset

_LARGEST_STORED = 65535
_ENERGY_WINDOW_NAME = 16
_VIEW_CODES = {
    View.ANTERIOR: ("399321004", "Anterior projection"),
    View.POSTERIOR: ("399001007", "Posterior projection"),
}
_START_ANGLES = {View.ANTERIOR: "180", View.POSTERIOR: "0"}
# Rows to the feet; along a row to the patient's left, or to the right as seen from behind.
_TO_LEFT = ["1", "0", "0", "0", "0", "-1"]
_TO_RIGHT = ["-1", "0", "0", "0", "0", "-1"]


@dataclass(frozen=True, slots=True)
class PlanarEncoding:
    """How much a file says about its views, as cameras differ.

    Attributes
    ----------
    posterior_turned : bool
        Whether the posterior view is stored so that it lies over the anterior one.
    states_orientation, states_views : bool
        Whether the directions of the rows, and which detector saw which side, are in the header.
    """

    posterior_turned: bool = False
    states_orientation: bool = True
    states_views: bool = True


def write_nm_planar(
    path: Path,
    pair: PlanarPair,
    *,
    acquisition: NmAcquisition,
    context: DicomContext,
    description: str,
    encoding: PlanarEncoding | None = None,
) -> None:
    """Write a static pair of views with all its energy windows: detector 1 is anterior, detector 2 posterior.

    Parameters
    ----------
    path : Path
        File to write.
    pair : PlanarPair
        Whole, non-negative counts.
    acquisition : NmAcquisition
        What the header says about compound, camera and time.
    context : DicomContext
        Patient and study.
    description : str
        Series Description.
    encoding : PlanarEncoding, optional
        How much is said about the views.

    Raises
    ------
    DicomError
        ``nm-values`` if counts are negative, not whole or above 65535; ``planar-technique`` for a whole-body scan.
    """
    encoding = encoding or PlanarEncoding()
    if pair.technique != "static":
        raise DicomError("Only static planar images are written.", code="planar-technique")
    frames = _frames(pair, encoding)
    stored = np.rint(frames)
    if (
        not np.isfinite(frames).all()
        or np.abs(frames - stored).max() > 0
        or not 0 <= stored.min() <= stored.max() <= (_LARGEST_STORED)
    ):
        raise DicomError(
            f"Planar pixels hold whole counts from 0 to {_LARGEST_STORED}: round the images first.", code="nm-values"
        )
    pixels = stored.astype("<u2")
    digest = hashlib.sha256(f"{acquisition!r}\0{encoding!r}\0{pair.windows!r}".encode() + pixels.tobytes()).hexdigest()
    dataset = new_object(
        sop_class=NM_IMAGE, modality="NM", content_uid=digest, series_description=description, context=context
    )
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ManufacturerModelName = acquisition.camera
    dataset.SeriesDate, dataset.SeriesTime = date_and_time(pair.acquired_at)
    dataset.AcquisitionDate, dataset.AcquisitionTime = date_and_time(pair.acquired_at)
    dataset.ContentDate, dataset.ContentTime = date_and_time(pair.acquired_at)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "STATIC", "EMISSION"]
    dataset.CountsAccumulated = int(stored.sum())
    dataset.AcquisitionTerminationCondition = "TIME"
    dataset.ActualFrameDuration = round(pair.exposure_s * 1000)
    _describe_pixels(dataset, pixels, pair)
    dataset.EnergyWindowInformationSequence = [_energy_window(window, acquisition.nuclide) for window in pair.windows]
    dataset.DetectorInformationSequence = [_detector(view, acquisition.collimator, encoding) for view in View]
    dataset.RadiopharmaceuticalInformationSequence = [radiopharmaceutical_item(acquisition)]
    dataset.PatientOrientationCodeSequence = [supine_item()]
    dataset.PatientGantryRelationshipCodeSequence = [coded("102540001", "SCT", "headfirst")]
    dataset.PixelData = pixels.tobytes()
    save_object(dataset, path)


def _frames(pair: PlanarPair, encoding: PlanarEncoding) -> Array:
    posterior = pair.posterior if encoding.posterior_turned else pair.posterior[..., ::-1]
    return np.concatenate([pair.anterior, posterior])


def _describe_pixels(dataset: Dataset, pixels: Array, pair: PlanarPair) -> None:
    count = len(pair.windows)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = len(pixels)
    dataset.FrameIncrementPointer = [0x00540010, 0x00540020]
    dataset.EnergyWindowVector = [*range(1, count + 1)] * len(View)
    dataset.NumberOfEnergyWindows = count
    dataset.DetectorVector = [number for number in range(1, len(View) + 1) for _ in range(count)]
    dataset.NumberOfDetectors = len(View)
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    dataset.PixelSpacing = [decimal(step) for step in pair.spacing_mm]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.SmallestImagePixelValue = int(pixels.min())
    dataset.LargestImagePixelValue = int(pixels.max())


def _energy_window(window: EnergyWindow, nuclide: str) -> Dataset:
    from pydicom import Dataset

    bounds = Dataset()
    bounds.EnergyWindowLowerLimit, bounds.EnergyWindowUpperLimit = decimal(window.low_kev), decimal(window.high_kev)
    item = Dataset()
    item.EnergyWindowName = f"{nuclide} {window.centre_kev:.0f} keV"[:_ENERGY_WINDOW_NAME]
    item.EnergyWindowRangeSequence = [bounds]
    return item


def _detector(view: View, collimator: str, encoding: PlanarEncoding) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CollimatorType = collimator
    item.FocalDistance = "0"
    item.ImagePositionPatient = []
    item.ImageOrientationPatient = []
    if encoding.states_orientation:
        from_behind = view is View.POSTERIOR and not encoding.posterior_turned
        item.ImageOrientationPatient = _TO_RIGHT if from_behind else _TO_LEFT
    if encoding.states_views:
        value, meaning = _VIEW_CODES[view]
        item.StartAngle = _START_ANGLES[view]
        code = coded(value, "SCT", meaning)
        code.ViewModifierCodeSequence = []
        item.ViewCodeSequence = [code]
    return item
