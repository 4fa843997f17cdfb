"""The transport reads no files; its constants are still those of the packaged data."""

import math

import pytest

from theradose.radiation.elements import constant
from theradose.radiation.transport.constants import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM


def test_electron_mass_is_the_packaged_one():
    """To the eight digits that the transport keeps."""
    assert pytest.approx(constant("electron-rest-energy"), rel=1e-8) == ELECTRON_MASS_KEV


def test_energy_times_wavelength_follows_from_the_packaged_constants():
    """The classical radius of the electron is α ħc / (m c²)."""
    radius_angstrom = constant("classical-electron-radius") * 1e8
    hc = 2 * math.pi * radius_angstrom * constant("electron-rest-energy") / constant("fine-structure-constant")
    assert pytest.approx(hc, rel=1e-8) == HC_KEV_ANGSTROM
