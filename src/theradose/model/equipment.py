"""Which instrument made an image and how, as far as its header says: what a calibration record is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EnergyWindows = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Equipment:
    """Imaging system, collimator, energy windows and reconstruction; empty or ``None`` where nothing is stated.

    Attributes
    ----------
    manufacturer, model, serial, station : str or None
        Of the imaging system.
    collimator, collimator_type : str or None
        Name, which tells one of high from one of medium energy, and kind of holes.
    energy_windows_kev : tuple of (float, float)
        Limits of every stated window.
    reconstruction : mapping of str to str
        What the factor and the recovery of a camera depend on: method, kernel, corrections and voxel size.
    """

    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    station: str | None = None
    collimator: str | None = None
    collimator_type: str | None = None
    energy_windows_kev: EnergyWindows = ()
    reconstruction: Mapping[str, str] = field(default_factory=dict)
