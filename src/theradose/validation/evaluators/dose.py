"""Local deposition."""

from __future__ import annotations

from theradose.dose.local import local_dose_constant
from theradose.nuclides import load_nuclide
from theradose.units import MBQ_PER_GBQ
from theradose.validation.evaluator import evaluator

_G_PER_KG = 1000.0


@evaluator("local-dose-constant")
def dose_constant(*, nuclide: str, mass_g: float | None = None) -> float:
    """Return the local dose constant in Gy·g/(MBq·h); `mass_g` tells cases apart and does not enter."""
    return local_dose_constant(electron_energy_kev=load_nuclide(nuclide).electron_energy_kev.value)


@evaluator("energy-per-activity")
def energy_per_activity(*, nuclide: str) -> float:
    """Return the electron energy of the complete decay, J/GBq."""
    decay = load_nuclide(nuclide).decay_constant_per_h
    return dose_constant(nuclide=nuclide) * MBQ_PER_GBQ / _G_PER_KG / decay
