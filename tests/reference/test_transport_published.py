"""The Monte Carlo against voxels of Lanconelli and organs of OpenDose, which are not part of the repository.

Lanconelli 2012 (DOSXYZnrc, soft tissue of ICRU of 1.04 g/mL, three digits) is an oracle where its energy balances: see
`test_the_energy_of_published_tables`. Its composition matters: water in its place is low by 7 to 12 % where the
fastest electrons end.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from requirements_support import skip_or_fail
from theradose.cli.app import app
from theradose.dose.sphere import ellipsoid_s_value
from theradose.dose.voxel_s import s_per_kev, voxel_s_values
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.nuclides import icrp107_available
from theradose.radiation.emission import emission_spectra
from voxel_sources import OFFSETS, middle_voxel, run, uniform_request, voxel_s

DENSITY = 1.04
LANCONELLI = "svalues/voxel_lanconelli/MIRD/VoxelSValues"
# Voxel side and the number of voxels that reach past the range of 90Y, 11 mm.
YTTRIUM_VOXELS = {"2.33": 13, "3": 11, "4.8": 9, "6": 7}
HISTORIES = 200_000


@pytest.fixture(scope="module", autouse=True)
def _icrp107():
    """Both sources rest on these emission data."""
    if not icrp107_available():
        skip_or_fail("the extra 'nuclides' is not installed: pip install theradose[nuclides]")


@pytest.fixture(scope="module")
def lanconelli(shared_data):
    """S in mGy/(MBq·s) by offset, of a nuclide and a voxel side."""

    def read(nuclide, side):
        text = (shared_data / LANCONELLI / f"{nuclide}{side}mmsoft.txt").read_text(encoding="latin-1")
        rows = (line.split() for line in text.splitlines()[2:] if line.strip())
        return {(int(i), int(j), int(k)): float(value) for i, j, k, value in rows}

    return read


def document(*arguments):
    """What a command prints."""
    answer = CliRunner().invoke(app, [*arguments, "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def table_energy_kev(table, side_mm):
    """Energy per decay in the 11³ voxels of a table: offsets with n components other than 0 stand for 2ⁿ voxels."""
    total = sum(value * 2 ** np.count_nonzero(offset) for offset, value in table.items())
    return total / s_per_kev(DENSITY * side_mm**3 / 1000)


@pytest.mark.parametrize("side", YTTRIUM_VOXELS)
def test_yttrium_by_monte_carlo(lanconelli, side):
    published = lanconelli("90Y", side)
    tia = middle_voxel(YTTRIUM_VOXELS[side], float(side))
    request = uniform_request(
        tia, float(side), nuclide="Y-90", nuclear_data="icrp107", density=DENSITY, material="soft-tissue",
        histories=HISTORIES,
    )  # fmt: skip
    dose = run("montecarlo", request)
    for name, offset in OFFSETS.items():
        found = voxel_s(dose, offset)
        assert found.u < 0.015 * found.value, name
        assert found.agrees(published[offset], relative=0.02), (name, found, published[offset])


def test_yttrium_by_the_command(lanconelli, tmp_path):
    published, side, n = lanconelli("90Y", "4.8"), 4.8, 9
    grid = Grid.axis_aligned((n, n, n), (side,) * 3)
    maps = {"tia": middle_voxel(n, side), "density": np.full((n, n, n), DENSITY), "materials": np.ones((n, n, n))}
    for name, values in maps.items():
        write_nifti(Volume(values.astype(np.float32), grid), tmp_path / f"{name}.nii.gz")
    regions = np.zeros((n, n, n), np.float32)
    regions[4, 4, 4] = 1
    regions[[3, 5, 4, 4, 4, 4], [4, 4, 3, 5, 4, 4], [4, 4, 4, 4, 3, 5]] = 2
    write_nifti(Volume(regions, grid), tmp_path / "regions.nii.gz")
    options = [part for name in (*maps, "regions") for part in (f"--{name}", str(tmp_path / f"{name}.nii.gz"))]
    printed = document(
        "dose", *options, "--material-names", "1=soft-tissue", "--region-names", "1=self,2=face", "--nuclide", "Y-90",
        "--engine", "montecarlo", "--nuclear-data", "icrp107", "--histories", str(HISTORIES), "--seed", "1",
        "--out", str(tmp_path / "dose.nii.gz"),
    )  # fmt: skip
    assert len(printed["regions"]) == 2
    for region in printed["regions"]:
        expected = published[OFFSETS[region["name"]]]
        assert region["dose_gy"]["value"] * 1e3 == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("side", YTTRIUM_VOXELS)
def test_yttrium_by_kernels(lanconelli, side):
    """Scaled from water: within 2 % up to 7.5 mm, 0.7 of the range; beyond, soft tissue is not water."""
    printed = document(
        "kernel", "--nuclide", "Y-90", "--voxel-mm", side, side, side, "--size", "3", "--medium", "soft-tissue",
        "--density", f"{DENSITY} g/mL", "--nuclear-data", "icrp107",
    )  # fmt: skip
    table, published = np.array(printed["s_mgy_per_mbq_s"]), lanconelli("90Y", side)
    near = [offset for offset in OFFSETS.values() if float(side) * np.linalg.norm(offset) < 7.5]
    assert len(near) >= 2
    for k, j, i in near:
        assert table[1 + k, 1 + j, 1 + i] == pytest.approx(published[k, j, i], rel=0.02), (k, j, i)


@pytest.mark.parametrize("side", ["3", "4.8"])
def test_the_energy_of_published_tables(lanconelli, side):
    """An 11³ box of voxels holds what it must of 90Y within 1 %, the spread of evaluated beta means; 177Lu lacks 6 %.

    Measured: +0.6 % of 90Y. Electrons of 177Lu go 2 mm and cannot leave the box, so that what is missing is not
    transport: the emitted energy decides between tables.
    """
    spacing = (float(side),) * 3
    for nuclide, name in (("Y-90", "90Y"), ("Lu-177", "177Lu")):
        held = table_energy_kev(lanconelli(name, side), float(side))
        voxels = voxel_s_values(
            nuclide=nuclide, spacing_mm=spacing, size=(11, 11, 11), density_g_per_ml=DENSITY, nuclear_data="icrp107"
        ).voxels
        expected = voxels.electron.in_box_kev + voxels.photon.in_box_kev
        assert abs(voxels.electron.relative_error) < 3e-3 and abs(voxels.photon.relative_error) < 1e-3
        if nuclide == "Y-90":
            assert held == pytest.approx(expected, rel=0.01)
        else:
            assert 0.05 < 1 - held / expected < 0.07
            assert held < 0.97 * emission_spectra(nuclide, nuclear_data="icrp107").electron_energy_kev


# Densities of ICRP Publication 110: liver 1.05, spleen 1.04 g/mL.
ORGANS = {"liver": ("Liver", "liver", 1.05), "spleen": ("Spleen", "soft-tissue", 1.04)}


@pytest.mark.parametrize("phantom", ["ICRP_110_AM", "ICRP_110_AF"])
@pytest.mark.parametrize("organ", ORGANS)
def test_organs_of_opendose_by_equivalent_ellipsoids(shared_data, phantom, organ):
    """Self S of 177Lu of the adults of ICRP 110 (Chauvin 2020) by the mass alone.

    Of the self dose 95 % are electrons, which stay whatever the shape. Among shapes of one mass a sphere keeps most
    photons, so that it bounds the organ from above; one axis twice and one three times the other lowers its self dose
    by less than 0.5 %. The shape is not known, and need not be for 2 %.
    """
    name, medium, density = ORGANS[organ]
    path = shared_data / "svalues/opendose_icrp110" / phantom / f"lu-177_{organ}.json"
    [(s, u, mass)] = [map(float, row[1:]) for row in json.loads(path.read_text()) if row[0] == name]
    sphere, ellipsoid = (
        ellipsoid_s_value(
            nuclide="Lu-177", mass_g=mass, axis_ratios=axes, medium=medium, density_g_per_ml=density,
            nuclear_data="icrp107",
        ).s_mgy_per_mbq_s
        for axes in ((1, 1, 1), (1, 2, 3))
    )  # fmt: skip
    assert 0.995 < ellipsoid / sphere < 1
    assert sphere == pytest.approx(s, rel=0.02) and ellipsoid == pytest.approx(s, rel=0.02)
    assert sphere > s - 3 * u


# Sums of electrons and of photons per decay, keV, ICRP Publication 107.
ICRP107_ENERGIES = {
    "Lu-177": (148.0, 31.56 + 3.54), "I-131": (191.8, 381.2 + 1.52), "Ho-166": (697.4, 24.2 + 5.9),
    "Tb-161": (202.6, 24.0 + 12.6), "Cu-67": (150.4, 114.8 + 0.56), "Re-186": (336.3, 14.1 + 6.7),
    "Re-188": (779.4, 57.7 + 3.5), "Sm-153": (269.7, 36.9 + 27.3), "Pb-212": (176.7, 114.5 + 30.5),
    "Y-90": (931.5, 0.0), "Sr-89": (584.0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("nuclide", ICRP107_ENERGIES)
def test_energies_of_the_optional_data(nuclide):
    """0.2 %: what a trapezoid over the tabulated beta spectrum changes; photons to the printed digits."""
    electrons, photons = ICRP107_ENERGIES[nuclide]
    spectra = emission_spectra(nuclide, nuclear_data="icrp107")
    assert spectra.electron_energy_kev == pytest.approx(electrons, rel=2e-3)
    assert spectra.photon_energy_kev == pytest.approx(photons, rel=3e-3, abs=0.1)
