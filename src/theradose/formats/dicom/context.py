"""The patient and study to which written DICOM objects belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from theradose.model.grid import Grid

RESEARCH_USE = "RESEARCH USE ONLY - not validated for clinical decisions"


@dataclass(frozen=True, slots=True)
class DicomContext:
    """Identity shared by the objects of one run or one simulated examination.

    Attributes
    ----------
    patient_id, patient_name, patient_sex, patient_birth_date : str
        Empty where unknown or withheld.
    study_uid : str
        Study Instance UID.
    study_at : datetime
        Study date and time.
    content_at : datetime
        Date and time of the written content.
    patient_position : str
        As ``HFS``; empty where the orientation is stated otherwise.
    software_version : str
        Version of ``theradose``.
    study_description : str
        Free text.
    """

    patient_id: str
    patient_name: str
    patient_sex: str
    patient_birth_date: str
    study_uid: str
    study_at: datetime
    content_at: datetime
    patient_position: str
    software_version: str
    study_description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ImageReference:
    """The image series on which regions or a dose were drawn.

    Attributes
    ----------
    series_uid, study_uid : str
        Series and Study Instance UID.
    sop_class_uid : str
        SOP class of all its instances.
    instance_uids : tuple of str
        SOP Instance UIDs in the order of the slices of `grid`; a single one for a multi-frame image.
    frame_of_reference : str or None
        Frame of Reference UID.
    grid : Grid or None
        Grid of the image; with it each contour and frame refers to its own slice.
    """

    series_uid: str
    sop_class_uid: str
    instance_uids: tuple[str, ...]
    frame_of_reference: str | None
    study_uid: str
    grid: Grid | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StructureSetReference:
    """A written structure set, for objects that refer to it.

    Attributes
    ----------
    instance_uid : str
        SOP Instance UID.
    roi_numbers : mapping of str to int
        ROI number of each region.
    """

    instance_uid: str
    roi_numbers: Mapping[str, int]
