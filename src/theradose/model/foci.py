"""Foci counted in cells of blood samples."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.model.samples import CellOrigin, TreatmentSeries


@dataclass(frozen=True, slots=True)
class FociSample:
    """One sample.

    Attributes
    ----------
    origin : CellOrigin
        File and line.
    treatment : TreatmentSeries
        Patient and cycle.
    t_h : float
        Hours since the start of the administration; negative before it.
    cells, foci : int
        Cells looked at, and foci counted in them.
    blood_dose_mgy : float or None
        Dose to blood so far, if the table states it.
    """

    origin: CellOrigin
    treatment: TreatmentSeries
    t_h: float
    cells: int
    foci: int
    blood_dose_mgy: float | None = None
