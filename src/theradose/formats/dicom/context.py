"""The patient and study to which written DICOM objects belong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
