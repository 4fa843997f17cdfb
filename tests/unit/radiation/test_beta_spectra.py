"""Computed beta spectra against tabulated ones and published means."""

from __future__ import annotations

import numpy as np
import pytest

from theradose.errors import PhysicsError
from theradose.radiation.beta_spectra import beta_density


def mean_energy(end_point_kev, atomic_number, mass_number, transition, charge=-1):
    energy = np.linspace(0, end_point_kev, 4001)
    density = beta_density(
        energy_kev=energy,
        end_point_kev=end_point_kev,
        atomic_number=atomic_number,
        mass_number=mass_number,
        transition=transition,
        charge=charge,
    )
    return np.trapezoid(energy * density, energy) / np.trapezoid(density, energy)


# Mean energies of the DDEP evaluations: end point, daughter, mass number, type, mean in keV.
@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ((498.3, 72, 177, "first-forbidden"), 149.4),  # 177Lu
        ((177.0, 72, 177, "allowed"), 47.66),
        ((606.3, 54, 131, "allowed"), 191.59),  # 131I
        ((1854.5, 68, 166, "first-forbidden"), 693.8),  # 166Ho
        ((704.7, 63, 153, "allowed"), 225.3),  # 153Sm
        ((1069.5, 76, 186, "first-forbidden"), 359.6),  # 186Re
        ((331.3, 83, 212, "first-forbidden"), 93.5),  # 212Pb
        ((1495.1, 39, 89, "unique-first-forbidden"), 584.6),  # 89Sr
        ((633.9, 8, 18, "allowed", 1), 249.5),  # 18F
        ((1899.1, 30, 68, "allowed", 1), 836.0),  # 68Ga
    ],
)
def test_mean_energies_of_ddep(branch, expected):
    assert mean_energy(*branch) == pytest.approx(expected, rel=3e-3)


def test_the_unique_shape_would_be_wrong_for_the_main_branch_of_lutetium():
    """DDEP has 149.4 keV; the mistake is published with 155.4 keV, for waves of a point nucleus."""
    assert mean_energy(498.3, 72, 177, "unique-first-forbidden") > 155


def test_screening_leaves_the_slow_electrons_of_heavy_nuclei():
    """Coulomb attraction keeps the spectrum finite at rest: no hole where the screening shift exceeds the energy."""
    energy = np.array([0.0, 0.5, 2.0, 5.0, 8.0, 12.0, 20.0])
    density = beta_density(
        energy_kev=energy,
        end_point_kev=498.3,
        atomic_number=72,
        mass_number=177,
        transition="allowed",
        charge=-1,
    )
    assert density / density[-1] == pytest.approx(1, abs=0.06)


def test_positrons_of_heavy_nuclei_do_not_start_at_rest():
    energy = np.array([0.0, 100.0])
    density = beta_density(
        energy_kev=energy, end_point_kev=2137.6, atomic_number=52, mass_number=124, transition="allowed", charge=1
    )
    assert density[0] < 1e-2 * density[1]


@pytest.mark.parametrize("transition", ["allowed", "unique-first-forbidden"])
@pytest.mark.parametrize("charge", [-1, 1])
def test_spectra_are_positive_below_the_end_point_and_zero_above(transition, charge):
    energy = np.linspace(0, 1200, 500)
    density = beta_density(
        energy_kev=energy, end_point_kev=1000, atomic_number=52, mass_number=124, transition=transition, charge=charge
    )
    assert np.all(density[(energy > 0) & (energy < 1000)] > 0) and np.all(density[energy >= 1000] == 0)


def test_light_nuclei_have_the_statistical_shape():
    """p W q² without a charge; that of helium, at 3 MeV, moves the mean by less than 0.5 %."""
    kinetic, end_point = np.linspace(0, 1, 4001) * 3000 / 510.99895, 3000 / 510.99895
    density = np.sqrt(kinetic * (kinetic + 2)) * (1 + kinetic) * (end_point - kinetic) ** 2
    expected = 510.99895 * np.trapezoid(kinetic * density, kinetic) / np.trapezoid(density, kinetic)
    assert mean_energy(3000.0, 2, 6, "allowed") == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"transition": "third-forbidden"}, "beta-transition-unknown"),
        ({"charge": 0}, "beta-charge-invalid"),
        ({"end_point_kev": 0.0}, "beta-end-point-invalid"),
        ({"end_point_kev": float("nan")}, "beta-end-point-invalid"),
    ],
)
def test_wrong_input_is_refused(change, code):
    valid = {"end_point_kev": 498.3, "atomic_number": 72, "mass_number": 177, "transition": "allowed", "charge": -1}
    with pytest.raises(PhysicsError) as caught:
        beta_density(energy_kev=[10.0], **{**valid, **change})
    assert caught.value.code == code
