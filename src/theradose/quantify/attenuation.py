"""Attenuation of photons in the body, from mass density.

At the energies that gamma cameras image, nearly all attenuation is Compton scattering, so that it follows the density
of electrons: every tissue has the mass attenuation of water. Cortical bone is a few per cent below that.

References
----------
[NIST126]_ Mass attenuation of water.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.data import load_yaml
from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.nuclides import Constant, Nuclide

_WATER = "materials/attenuation_water.yaml"


def mass_attenuation(*, energy_kev: float) -> Constant:
    """Return the narrow-beam mass attenuation of water, cm²/g, with its source.

    Raises
    ------
    CalibrationError
        ``attenuation-energy`` outside the tabulated energies.

    References
    ----------
    [NIST126]_
    """
    record = load_yaml(_WATER)["mass_attenuation"]
    energies, values = np.array(record["energy_kev"], float), np.array(record["value"], float)
    if not energies[0] <= energy_kev <= energies[-1]:
        raise CalibrationError(
            f"Attenuation is tabulated from {energies[0]:g} to {energies[-1]:g} keV, not at {energy_kev:g} keV: state "
            "'planar: {beam: broad, effective_attenuation: … 1/cm}'.",
            code="attenuation-energy",
        )
    value = math.exp(float(np.interp(math.log(energy_kev), np.log(energies), np.log(values))))
    return Constant(
        f"mass attenuation of water at {energy_kev:.1f} keV", value, "cm2/g", record["source"], record["status"],
        record["edition"],
    )  # fmt: skip


def linear_attenuation(*, density_g_per_ml: Array, water_per_cm: float) -> Array:
    """Return the linear attenuation coefficient per cm: density times that of water, float32.

    Parameters
    ----------
    density_g_per_ml : ndarray
        Mass density of any shape.
    water_per_cm : float
        Attenuation of water: narrow-beam after scatter correction, else the effective one of the broad beam.

    References
    ----------
    [NIST126]_
    """
    return np.asarray(density_g_per_ml, np.float32) * np.float32(water_per_cm)


def imaged_energy_kev(nuclide: Nuclide, *, low_kev: float, high_kev: float) -> float | None:
    """Return the most intense gamma line in an energy window, ``None`` if there is none.

    References
    ----------
    [EGSnrcLNHB]_ Photon lines of the nuclide's record.
    """
    lines = [line for line in nuclide.photon_lines if line.kind != "x-ray" and low_kev <= line.energy_kev <= high_kev]
    return max(lines, key=lambda line: line.intensity).energy_kev if lines else None
