"""What a site keeps of each treatment: one record per patient and cycle, with one row per region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

IDENTIFIED = "identified"
"""In place of the mark of a secret: patients have their own ids, and times are true."""

QUANTITIES = (
    "dose_gy", "dose_per_activity_gy_gbq", "tia_mbq_h", "effective_half_life_h", "volume_ml", "mass_g", "bed_gy",
    "eqd2_gy",
)  # fmt: skip
"""Estimates of a region; each has a column ``u_…`` with its k = 1 standard uncertainty."""


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """A region of a treatment; ``None`` is unknown, never 0.

    Attributes
    ----------
    region : str
        Canonical name; ``red-marrow-by-blood``, ``red-marrow-by-image``, ``thyroid-by-uptake`` and
        ``whole-body-by-probe`` for what is not measured in a region of the images.
    kind : str
        Organ, lesion, whole body or other.
    model : str or None
        Curve model, or ``average``.
    extrapolated_fraction : float or None
        Part of the time-integrated activity after the last measurement.
    """

    region: str
    kind: str
    model: str | None = None
    extrapolated_fraction: float | None = None
    dose_gy: float | None = None
    u_dose_gy: float | None = None
    dose_per_activity_gy_gbq: float | None = None
    u_dose_per_activity_gy_gbq: float | None = None
    tia_mbq_h: float | None = None
    u_tia_mbq_h: float | None = None
    effective_half_life_h: float | None = None
    u_effective_half_life_h: float | None = None
    volume_ml: float | None = None
    u_volume_ml: float | None = None
    mass_g: float | None = None
    u_mass_g: float | None = None
    bed_gy: float | None = None
    u_bed_gy: float | None = None
    eqd2_gy: float | None = None
    u_eqd2_gy: float | None = None


@dataclass(frozen=True, slots=True)
class TreatmentRecord:
    """One cycle of one patient as one run computed it.

    Attributes
    ----------
    patient : str
        Pseudonym, or the id of the study in an identified database.
    cycle : int
        From 1.
    identity : str
        Mark of the secret behind the pseudonyms, or `IDENTIFIED`.
    therapy : str or None
        Key of ``therapies.yaml``.
    nuclide : str
        Of all administrations.
    activity_mbq : float
        Given to the patient.
    administered_at : str or None
        Start of the first administration, ISO 8601; with pseudonyms it is moved by one number of days per patient.
    run : str
        Run-id, or its pseudonym.
    input_hash : str or None
        SHA-256 of study, files and program; its first eight digits end the run-id.
    result_sha256 : str
        Of ``result.json``.
    software : str
        Version of ``theradose``.
    source_sha256 : str or None
        Of the program's sources.
    engine : str or None
        Dose engine.
    calibration : str or None
        Camera of the images.
    replaces : str or None
        The run whose record this one took the place of.
    regions : tuple of RegionRecord
        In the order of the result.
    """

    patient: str
    cycle: int
    identity: str
    therapy: str | None
    nuclide: str
    activity_mbq: float
    administered_at: str | None
    run: str
    input_hash: str | None
    result_sha256: str
    software: str
    source_sha256: str | None
    engine: str | None
    calibration: str | None
    replaces: str | None
    regions: tuple[RegionRecord, ...]

    @property
    def label(self) -> str:
        """Patient and cycle in one text."""
        return f"{self.patient} cycle {self.cycle}"


TREATMENT_COLUMNS = tuple(name for name in TreatmentRecord.__annotations__ if name != "regions")
REGION_COLUMNS = tuple(RegionRecord.__annotations__)


@dataclass(frozen=True, slots=True)
class CohortRow:
    """A region with its treatment."""

    treatment: TreatmentRecord
    region: RegionRecord

    @property
    def key(self) -> tuple[str, int, str]:
        """Patient, cycle and region."""
        return self.treatment.patient, self.treatment.cycle, self.region.region


def cohort_rows(treatments: tuple[TreatmentRecord, ...]) -> Iterator[CohortRow]:
    """Yield every region of every treatment."""
    for treatment in treatments:
        for region in treatment.regions:
            yield CohortRow(treatment, region)
