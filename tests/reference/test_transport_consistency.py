"""Monte Carlo against kernels: two integrations of the same physics, one over decays, one over a point kernel.

The kernels come from other runs of the same transport, with lower cuts and shorter steps. Where both agree, neither the
integration over voxels nor the steps and cuts of the patient's transport are at fault.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from theradose.data import load_yaml
from theradose.dose.sphere import ellipsoid_s_value
from theradose.dose.voxel_s import voxel_s_values
from theradose.model.region import RegionVoxels
from theradose.radiation.emission import emission_spectra
from theradose.radiation.generate_kernels import simulate_point_kernel
from theradose.radiation.materials import load_material
from theradose.radiation.point_kernels import load_point_kernels
from voxel_sources import OFFSETS, S_PER_H, Sampled, middle_voxel, run, uniform_request, voxel_ball, voxel_s

# Density of the medium in which the engine `kernel` computes.
KERNEL_DENSITY = load_material("soft-tissue").density_g_per_ml
J_PER_KEV = 1.602176634e-16


# Voxels to every side: past the range of 90Y; 7 cm for photons that come back.
@pytest.mark.parametrize(
    ("nuclide", "histories", "margin_mm"), [("Lu-177", 1e6, 70), ("Y-90", 4e5, 12), ("I-131", 6e5, 70)]
)
@pytest.mark.parametrize("side", [3.0, 4.8])
def test_voxels_in_water(nuclide, histories, margin_mm, side):
    n = 2 * math.ceil(margin_mm / side) + 1
    request = uniform_request(middle_voxel(n, side), side, nuclide=nuclide, histories=int(histories), seed=29)
    dose = run("montecarlo", request)
    table = voxel_s_values(nuclide=nuclide, spacing_mm=(side,) * 3, size=(3, 3, 3)).s_mgy_per_mbq_s
    for name, (k, j, i) in OFFSETS.items():
        found = voxel_s(dose, (k, j, i))
        # Corners of 177Lu get photons only, 0.01 % of what the source voxel gets.
        assert found.u < 0.03 * found.value, name
        assert found.agrees(table[1 + k, 1 + j, 1 + i], relative=0.01), (name, found)


BALLS = [
    ("Lu-177", 0.1, 0.25, 5), ("Lu-177", 1, 0.5, 10), ("Lu-177", 10, 1.5, 40), ("Lu-177", 100, 3, 60),
    ("Y-90", 0.1, 0.6, 12), ("Y-90", 1, 1, 12), ("Y-90", 10, 2, 12), ("Y-90", 100, 3, 12),
]  # fmt: skip


def self_dose(engine, inside, side, *, nuclide, histories=None):
    """Mean dose of voxels with 1 MBq·h/mL, Gy, with its statistical uncertainty where it is sampled."""
    request = uniform_request(
        np.where(inside, 1.0, 0.0), side, nuclide=nuclide, density=KERNEL_DENSITY, histories=histories
    )
    dose = run(engine, replace(request, regions={"ball": RegionVoxels.from_mask(inside)}))
    mean = dose.data[inside].mean(dtype=float)
    return Sampled(mean, 0.0 if histories is None else mean * dose.statistics.region_relative_u["ball"])


@pytest.mark.parametrize(("nuclide", "mass_g", "side", "margin_mm"), BALLS)
def test_balls_of_voxels(nuclide, mass_g, side, margin_mm):
    """Mean self dose within 0.5 % of the convolution of the same voxels, known to a quarter of that.

    With two million decays both agree within 0.06 % for 90Y, 0.1 to 10 g, which is their statistical uncertainty.
    """
    inside, _ = voxel_ball(mass_g, side, margin_mm, density=KERNEL_DENSITY)
    histories = 500_000 if nuclide == "Y-90" else 150_000
    sampled = self_dose("montecarlo", inside, side, nuclide=nuclide, histories=histories)
    convolved = self_dose("kernel", inside, side, nuclide=nuclide)
    assert sampled.u < 1.25e-3 * sampled.value
    assert sampled.value == pytest.approx(convolved.value, rel=5e-3)


def over_sphere(engine, nuclide, mass_g, side, margin_mm, histories=None):
    """Self dose of a ball of voxels over that of the sphere of the same mass."""
    inside, mass = voxel_ball(mass_g, side, margin_mm, density=KERNEL_DENSITY)
    dose = self_dose(engine, inside, side, nuclide=nuclide, histories=histories)
    mgy, decays = dose.value * 1e3, inside.sum() * side**3 / 1000 * S_PER_H
    sphere = ellipsoid_s_value(nuclide=nuclide, mass_g=mass, density_g_per_ml=KERNEL_DENSITY)
    return mgy / decays / sphere.s_mgy_per_mbq_s


@pytest.mark.parametrize(
    ("nuclide", "mass_g", "side"), [("Lu-177", 0.1, 0.1), ("Y-90", 0.1, 0.1), ("Y-90", 1, 0.25), ("Y-90", 100, 1)]
)
def test_balls_become_spheres(nuclide, mass_g, side):
    """Steps of voxels have 1.5 times the surface of a sphere; what leaves more vanishes with their size."""
    coarse, fine = (over_sphere("kernel", nuclide, mass_g, part, 0) for part in (2 * side, side))
    assert coarse < fine < 1
    assert fine == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize(
    ("nuclide", "mass_g", "side", "margin_mm", "histories"),
    [("Lu-177", 0.1, 0.1, 2, 200_000), ("Y-90", 100, 1, 8, 500_000)],
)
def test_fine_balls_by_monte_carlo(nuclide, mass_g, side, margin_mm, histories):
    """Within 0.5 %, of which 0.2 to 0.3 % are the steps of these voxels."""
    assert over_sphere("montecarlo", nuclide, mass_g, side, margin_mm, histories) == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90", "I-131"])
@pytest.mark.parametrize("engine", ["local", "kernel", "kernel-density-scaled", "montecarlo", "hybrid"])
def test_energy_is_accounted_for(engine, nuclide):
    """Emitted is what the nuclide emits; deposited is what the map holds; electrons of a deep source all stay."""
    side, n = 5.0, 21
    tia = np.zeros((n, n, n))
    tia[8:13, 8:13, 8:13] = 1.0
    density = KERNEL_DENSITY if engine == "kernel" else 1.0
    dose = run(engine, uniform_request(tia, side, nuclide=nuclide, density=density, histories=50_000))
    parts = {part.radiation: part for part in dose.energy}
    for part in parts.values():
        assert part.deposited_j + part.escaped_j == pytest.approx(part.emitted_j, rel=1e-9)
        assert part.escaped_j >= -1e-9 * part.emitted_j
    in_map = float(dose.data.sum(dtype=float)) * density * side**3 * 1e-6
    assert sum(part.deposited_j for part in parts.values()) == pytest.approx(in_map, rel=1e-5)
    decays = tia.sum() * side**3 / 1000 * 3.6e9
    spectra = emission_spectra(nuclide)
    # The record of `local` is the sum of evaluated mean energies, not of computed spectra.
    tolerance = 7e-3 if engine == "local" else 1e-6
    assert parts["electron"].emitted_j == pytest.approx(
        spectra.electron_energy_kev * decays * J_PER_KEV, rel=tolerance
    )  # fmt: skip
    # Bremsstrahlung is what may leave: 0.44 % of 90Y.
    assert parts["electron"].deposited_j == pytest.approx(parts["electron"].emitted_j, rel=4.5e-3)
    balances = dose.parameters.get("energy_balance", {})
    certificate = dose.parameters.get("certificate", {})
    errors = {**{name: value["relative_error"] for name, value in certificate.items()}, **balances}
    assert abs(errors.get("electron", 0)) < 3e-3 and abs(errors.get("photon", 0)) < 1e-3
    # The photons of 90Y, 3e-8 of the energy, are not followed.
    assert engine == "local" or nuclide == "Y-90" or "photon" in errors


@pytest.mark.parametrize(("radiation", "energy", "histories"), [("electron", 200, 20_000), ("photon", 200, 60_000)])
def test_packaged_point_kernels_can_be_made_again(radiation, energy, histories):
    """Other random numbers and fewer of them: within five standard uncertainties at every radius."""
    made = simulate_point_kernel(radiation, energy, histories=histories, seed=77)
    table = load_point_kernels(radiation)
    row = table.energy_kev.tolist().index(energy)
    packaged = table.cumulative[row, 1:]
    # Uncertainties are those of the half; a fraction is least certain there.
    u = math.hypot(made.relative_u, table.relative_u[row]) / 2
    assert np.abs(made.cumulative - packaged).max() < 5 * u
    assert made.escaped == pytest.approx(table.escaped[row], abs=5e-4)
    assert made.cumulative[-1] + made.escaped == pytest.approx(1, abs=1e-9)


def test_packaged_point_kernels_are_reproduced():
    """The same seed and histories give the same numbers, but for their single precision and a few rounded decisions."""
    energy = 8
    table, settings = load_point_kernels("photon"), load_yaml("radiation/kernels.yaml")
    assert table.provenance["seed"] == settings["seed"]
    assert table.provenance["histories"] == settings["photon"]["histories"]
    made = simulate_point_kernel(
        "photon", energy, histories=table.provenance["histories"], seed=table.provenance["seed"]
    )
    row = table.energy_kev.tolist().index(energy)
    # One history of three million that ends elsewhere changes 3e-7.
    assert np.allclose(made.cumulative, table.cumulative[row, 1:], atol=2e-6)
