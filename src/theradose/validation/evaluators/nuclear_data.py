"""Decay data."""

from __future__ import annotations

from theradose.nuclides import load_nuclide
from theradose.units import conversion_factor
from theradose.validation.evaluator import evaluator


@evaluator("half-life")
def half_life_d(*, nuclide: str) -> float:
    """Return the half-life in days."""
    return load_nuclide(nuclide).half_life_h.value * conversion_factor("h", "d")


@evaluator("electron-energy")
def electron_energy_kev(*, nuclide: str) -> float:
    """Return the mean energy of betas and electrons, keV per decay."""
    return load_nuclide(nuclide).electron_energy_kev.value
