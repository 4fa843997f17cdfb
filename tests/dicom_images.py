"""Small DICOM objects for the tests of the readers: valid by default, broken on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from theradose.formats.dicom.uids import CT_IMAGE, NM_IMAGE, PET_IMAGE, RT_STRUCTURE_SET, derive_uid

Change = Callable[[Any], None]

SHAPE = (4, 3, 5)
SPACING = (4.0, 2.0, 3.0)
ORIGIN = (-10.0, -20.0, 30.0)
LU177_HALF_LIFE_S = 574300


def stored_values() -> np.ndarray:
    """Distinct pixel values, shape (4, 3, 5)."""
    return np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)


def remove(*keywords: str) -> Change:
    """A change that deletes attributes."""

    def change(dataset: Any) -> None:
        for keyword in keywords:
            delattr(dataset, keyword)

    return change


def assign(**values: Any) -> Change:
    """A change that sets attributes."""

    def change(dataset: Any) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def detector(**values: Any) -> Change:
    """A change of the detector information of a nuclear medicine object; ``None`` deletes."""

    def change(dataset: Any) -> None:
        item = dataset.DetectorInformationSequence[0]
        for keyword, value in values.items():
            if value is None:
                delattr(item, keyword)
            else:
                setattr(item, keyword, value)

    return change


def pharmaceutical(**values: Any) -> Change:
    """A change of the radiopharmaceutical information; ``None`` deletes."""

    def change(dataset: Any) -> None:
        item = dataset.RadiopharmaceuticalInformationSequence[0]
        for keyword, value in values.items():
            if value is None:
                delattr(item, keyword)
            else:
                setattr(item, keyword, value)

    return change


def real_world_value(slope: float, unit: str = "Bq/ml", intercept: float = 0.0) -> Change:
    """A change that adds a real world value mapping."""

    def change(dataset: Any) -> None:
        item = Dataset()
        item.RealWorldValueSlope = slope
        item.RealWorldValueIntercept = intercept
        item.MeasurementUnitsCodeSequence = [code(unit, "UCUM", unit)]
        dataset.RealWorldValueMappingSequence = [item]

    return change


def per_slice(*changes: Change) -> Change:
    """A change that applies the n-th of `changes` to the n-th slice."""

    def change(dataset: Any) -> None:
        changes[dataset.InstanceNumber - 1](dataset)

    return change


def add_real_world_value(slope: float, unit: str) -> Change:
    """A change that puts another item before the real world value mappings that are there."""

    def change(dataset: Any) -> None:
        others = list(dataset.get("RealWorldValueMappingSequence", ()))
        real_world_value(slope, unit)(dataset)
        dataset.RealWorldValueMappingSequence = [*dataset.RealWorldValueMappingSequence, *others]

    return change


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A code sequence item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def write_nm(path: Path, *changes: Change, values: np.ndarray | None = None, series: str = "nm") -> Path:
    """Write a reconstructed SPECT volume of Lu-177 in Bq/mL, not decay-corrected, 24 h after 7.4 GBq."""
    values = stored_values() if values is None else values
    dataset = _new(NM_IMAGE, "NM", series, series)
    dataset.ImageType = ["DERIVED", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.Units = "BQML"
    dataset.CorrectedImage = ["ATTN", "SCAT"]
    dataset.NumberOfFrames = len(values)
    dataset.SliceVector = list(range(1, len(values) + 1))
    dataset.PixelSpacing = list(SPACING[1:])
    dataset.SpacingBetweenSlices = SPACING[0]
    dataset.SliceThickness = SPACING[0]
    geometry = Dataset()
    geometry.ImagePositionPatient = list(ORIGIN)
    geometry.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = [geometry]
    rotation = Dataset()
    rotation.ActualFrameDuration = 20000
    rotation.NumberOfFramesInRotation = 60
    dataset.RotationInformationSequence = [rotation]
    dataset.RadiopharmaceuticalInformationSequence = [_pharmaceutical()]
    return _save(dataset, values, path, changes)


def write_pt(folder: Path, *changes: Change, series: str = "pt", start: int = 0) -> Path:
    """Write a PET-object series of Lu-177 in Bq/mL, one file per slice, corrected to the administration.

    A change is applied to every slice; it finds the slice number in ``InstanceNumber`` (from 1).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for index, values in enumerate(stored_values()):
        dataset = _new(PET_IMAGE, "PT", series, f"{series}{index}")
        dataset.InstanceNumber = index + 1
        dataset.Units = "BQML"
        dataset.DecayCorrection = "ADMIN"
        dataset.ActualFrameDuration = 1200000
        dataset.RescaleSlope, dataset.RescaleIntercept = 10 * (index + 1), 0
        dataset.NumberOfSlices = SHAPE[0]
        _place_slice(dataset, index)
        dataset.RadiopharmaceuticalInformationSequence = [_pharmaceutical(activity=7.4e9)]
        _save(dataset, values, folder / f"{start + index:03d}.dcm", changes)
    return folder


def write_ct(folder: Path, *changes: Change, series: str = "ct") -> Path:
    """Write a CT series in HU, one file per slice."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, values in enumerate(stored_values()):
        dataset = _new(CT_IMAGE, "CT", series, f"{series}{index}")
        dataset.InstanceNumber = index + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.SliceThickness = SPACING[0]
        _place_slice(dataset, index)
        _save(dataset, values, folder / f"ct{index:03d}.dcm", changes)
    return folder


def write_structures(path: Path, *series: str, modality: str = "PT", frame: str = "frame") -> Path:
    """Write a structure set without contours that refers to series written here."""
    dataset = _new(RT_STRUCTURE_SET, "RTSTRUCT", path.stem, path.stem)
    study = Dataset()
    study.RTReferencedSeriesSequence = []
    for name in series:
        item = Dataset()
        item.SeriesInstanceUID = series_uid(modality, name)
        study.RTReferencedSeriesSequence.append(item)
    reference = Dataset()
    reference.FrameOfReferenceUID = derive_uid("test", frame)
    reference.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.save_as(path, enforce_file_format=True)
    return path


def series_uid(modality: str, series: str) -> str:
    """The Series Instance UID of a series written here."""
    return derive_uid("test", modality, "series", series)


def _place_slice(dataset: Any, index: int) -> None:
    dataset.PixelSpacing = list(SPACING[1:])
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [ORIGIN[0], ORIGIN[1], ORIGIN[2] + index * SPACING[0]]


def _pharmaceutical(activity: float = 7400.0) -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = [code("C-101ED", "99SDM", "177 Lutetium")]
    item.RadionuclideHalfLife = LU177_HALF_LIFE_S
    item.RadionuclideTotalDose = activity
    item.RadiopharmaceuticalStartDateTime = "20260302100000"
    return item


def _new(sop_class: str, modality: str, series: str, instance: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(derive_uid("test", modality, instance))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = derive_uid("test", "study")
    dataset.SeriesInstanceUID = series_uid(modality, series)
    dataset.FrameOfReferenceUID = derive_uid("test", "frame")
    dataset.Modality = modality
    dataset.PatientID = "P001"
    dataset.PatientName = "Secret^Name"
    dataset.PatientBirthDate = "19500101"
    dataset.PatientSex = "F"
    dataset.PatientWeight, dataset.PatientSize = 71, 1.68
    dataset.PatientPosition = "HFS"
    dataset.StudyDate, dataset.StudyTime = "20260303", "095500"
    dataset.SeriesDate, dataset.SeriesTime = "20260303", "100000"
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20260303", "100000"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    return dataset


def _save(dataset: FileDataset, values: np.ndarray, path: Path, changes: tuple[Change, ...]) -> Path:
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.PixelData = values.astype("<u2").tobytes()
    for change in changes:
        change(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
