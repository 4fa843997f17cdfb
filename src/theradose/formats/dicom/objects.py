"""What regions and dose objects have in common: safe opening, identity, equipment and file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import UID, ExplicitVRLittleEndian

from theradose.errors import DicomError
from theradose.formats.dicom.context import DicomContext
from theradose.formats.dicom.files import FileHeader, read_dataset, read_header
from theradose.formats.dicom.uids import derive_uid
from theradose.model.finding import Finding
from theradose.model.grid import Grid

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

MANUFACTURER = "theradose"
# Angle by which a stack of slices may lean before it is no longer a DICOM volume of parallel frames.
_SHEAR_TOLERANCE = 1e-4


def read_object(path: Path, *, sop_class: str, kind: str) -> tuple[FileHeader, Dataset]:
    """Read a DICOM file of one expected SOP class, with all its attributes but without decoding pixels.

    Parameters
    ----------
    path : Path
        File.
    sop_class : str
        Expected SOP Class UID.
    kind : str
        Its name, for messages.

    Raises
    ------
    DicomError
        What :func:`~theradose.formats.dicom.files.read_header` refuses, and ``other-class``.
    """
    header = read_header(path)
    found = UID(str(header.dataset.SOPClassUID))
    if found != sop_class:
        raise DicomError(f"{path.name} holds {found.name}, not an {kind}: give another file.", code="other-class")
    return header, read_dataset(header)


def new_object(
    *,
    sop_class: str,
    modality: str,
    content_uid: str,
    series_description: str,
    context: DicomContext,
    transfer_syntax: str = ExplicitVRLittleEndian,
) -> FileDataset:
    """Return a data set with the modules that every object has.

    Parameters
    ----------
    sop_class, modality, series_description : str
        Identity of the object.
    content_uid : str
        Text that changes with the content; instance and series UID are derived from it.
    context : DicomContext
        Patient, study and time.
    transfer_syntax : str
        Encoding. Implicit VR has room for number lists of more than 64 kB.

    Returns
    -------
    pydicom.FileDataset
        Without content.
    """
    from pydicom.dataset import FileDataset, FileMetaDataset

    instance_uid = derive_uid(context.study_uid, modality, "instance", content_uid)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationVersionName = "THERADOSE"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = instance_uid
    dataset.PatientName = context.patient_name
    dataset.PatientID = context.patient_id
    dataset.PatientBirthDate = context.patient_birth_date
    dataset.PatientSex = context.patient_sex
    dataset.StudyInstanceUID = context.study_uid
    dataset.StudyDate, dataset.StudyTime = date_and_time(context.study_at)
    dataset.StudyDescription = context.study_description
    dataset.StudyID = ""
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.Modality = modality
    dataset.SeriesInstanceUID = derive_uid(context.study_uid, modality, "series", content_uid)
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = series_description
    dataset.InstanceNumber = 1
    dataset.OperatorsName = ""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MANUFACTURER
    dataset.DeviceSerialNumber = context.software_version
    dataset.SoftwareVersions = context.software_version
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date_and_time(context.content_at)
    if context.content_at.tzinfo is not None:
        dataset.TimezoneOffsetFromUTC = context.content_at.strftime("%z")
    return dataset


def save_object(dataset: FileDataset, path: Path) -> None:
    """Write `dataset` to `path` as a complete DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def date_and_time(moment: datetime) -> tuple[str, str]:
    """Return a moment as DICOM DA and TM."""
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")


def snomed_ct(value: str, scheme: str) -> str | None:
    """Return a SNOMED CT code; SNOMED RT codes of older objects are translated, other schemes give ``None``."""
    from pydicom.sr._snomed_dict import mapping

    if scheme == "SCT":
        return value or None
    return mapping["SRT"].get(value) if scheme in ("SRT", "SNM3", "99SDM") else None


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a code sequence item."""
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def reference(sop_class_uid: str, instance_uid: str) -> Dataset:
    """Return a reference to one instance."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = instance_uid
    return item


def decimal(value: float) -> str:
    """Return a number as a DICOM decimal string: at most 16 characters, as many digits as fit.

    A DS value has no more room, so the relative rounding error is up to 5e-10.
    """
    from pydicom.valuerep import format_number_as_ds

    return str(format_number_as_ds(float(value)))


def plane_orientation(grid: Grid) -> list[str]:
    """Return ImageOrientationPatient of the slices of `grid`: direction along a row, then down a column."""
    columns = grid.affine_mm[:3, :3] / np.linalg.norm(grid.affine_mm[:3, :3], axis=0)
    return [decimal(value) for value in (*columns[:, 2], *columns[:, 1])]


def own_frame_of_reference(context: DicomContext) -> str:
    """Return the frame of reference of objects whose grid has none: the same for all objects of a study."""
    return derive_uid(context.study_uid, "frame of reference")


def invented_frame(path: Path) -> Finding:
    """Say that a written object has a frame of reference of its own."""
    return Finding(
        "frame-of-reference-invented",
        "info",
        "The image has no frame of reference; what is written here has a new one and overlays no other series by "
        "itself.",
        path.name,
    )


def right_handed(grid: Grid) -> Grid:
    """Return the same voxels with slices ordered along the normal of the slice plane.

    Raises
    ------
    DicomError
        If slice steps are not perpendicular to the slices, which frames of one object cannot express.
    """
    slice_step, column_step, row_step = grid.affine_mm[:3, :3].T
    normal = np.cross(row_step, column_step)
    cosine = float(normal @ slice_step / (np.linalg.norm(normal) * np.linalg.norm(slice_step)))
    in_plane = abs(float(row_step @ column_step)) / float(np.linalg.norm(row_step) * np.linalg.norm(column_step))
    if 1 - abs(cosine) > _SHEAR_TOLERANCE or in_plane > _SHEAR_TOLERANCE:
        raise DicomError(
            "The voxel axes of this grid are not perpendicular, which DICOM frames cannot express: "
            "resample the data to a rectangular grid first.",
            code="grid-sheared",
        )
    if cosine > 0:
        return grid
    affine = grid.affine_mm.copy()
    affine[:3, 3] += (grid.shape[0] - 1) * slice_step
    affine[:3, 0] = -slice_step
    return Grid(grid.shape, affine, grid.frame_of_reference)
