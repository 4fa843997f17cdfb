import json
import math

import pytest

KERNEL = ("kernel", "--nuclide", "Lu-177", "--voxel-mm", "4.8", "4.8", "4.8")
SPHERE = ("sphere", "--nuclide", "Lu-177", "--mass-g", "20")
pytestmark = pytest.mark.usefixtures("analytic_point_kernels")


def same_keys(found, example):
    """The keys, and those of every mapping below them."""
    if not isinstance(example, dict):
        return True
    return list(found) == list(example) and all(same_keys(found[key], example[key]) for key in example)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((*KERNEL, "--size", "3", "--json"), "kernel.json"), ((*SPHERE, "--json"), "sphere.json")],
)
def test_documents_have_the_keys_of_the_examples(command, request, arguments, name):
    example = json.loads((request.config.rootpath / "docs/formats/examples/kernels" / name).read_text(encoding="utf-8"))
    answer = command(*arguments)
    assert answer.code == 0 and same_keys(answer.document, example)


def test_kernel_axes_are_those_of_the_voxel(command):
    arguments = ("kernel", "--nuclide", "Y-90", "--voxel-mm", "2", "3", "5", "--size", "7,5,3", "--json")
    document = command(*arguments).document
    table = document["s_mgy_per_mbq_s"]
    assert (len(table), len(table[0]), len(table[0][0])) == (3, 5, 7)
    assert document["voxel_mm"] == [2, 3, 5] and document["size"] == [7, 5, 3]
    middle = table[1][2][3]
    assert document["self_mgy_per_mbq_s"] == middle
    # The nearest neighbour, along x, gets most.
    assert middle > table[1][2][4] > table[1][3][3] > table[2][2][3] > 0


def test_kernel_prints_one_octant(command):
    lines = command(*KERNEL, "--size", "3").out.splitlines()
    assert len(lines) == 1 + 8 and lines[1].split()[:3] == ["0", "0", "0"]


def test_density_scales_the_self_dose(command):
    """Twice the density halves what leaves and doubles the mass."""
    one, two = (command(*SPHERE, "--density", f"{density} g/mL", "--json").document for density in (1, 2))
    assert one["radius_mm"] == pytest.approx((3 / (4 * math.pi) * 20_000) ** (1 / 3))
    assert two["radius_mm"] == pytest.approx(one["radius_mm"] / 2 ** (1 / 3))
    assert two["absorbed_fraction"]["photon"] > one["absorbed_fraction"]["photon"]


def test_sphere_prints_a_table(command):
    answer = command(*SPHERE, "--axes", "1", "2", "3")
    assert answer.code == 0 and "mGy/(MBq·s)" in answer.out and "electron" in answer.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((*KERNEL, "--size", "10"), "kernel-size"),
        ((*KERNEL, "--size", "11 mm"), "option-range"),
        ((*KERNEL, "--medium", "lung"), "kernel-medium"),
        ((*KERNEL, "--density", "1.04"), "unit-missing"),
        (("kernel", "--nuclide", "Lu-177", "--voxel-mm", "0", "1", "1"), "kernel-voxel"),
        (("sphere", "--nuclide", "Lu-177", "--mass-g", "-5"), "sphere-mass"),
        (("sphere", "--nuclide", "cheese", "--mass-g", "5"), "nuclide-unknown"),
    ],
)
def test_bad_input_is_one_sentence(command, arguments, code):
    answer = command(*arguments)
    assert answer.code == 2 and answer.out == ""
    assert len(answer.err.strip().splitlines()) == 1 and answer.err.strip().endswith(f"[{code}]")


def test_daughters_of_alpha_emitters_count_by_default(command):
    """223Ra: 5.8 MeV of its own alphas and recoils, 26.9 MeV with its daughters."""
    arguments = ("sphere", "--nuclide", "Ra-223", "--mass-g", "20", "--json")
    answer = command(*arguments)
    document = answer.document
    assert document["chain"] == "equilibrium" and document["decays_per_decay"]["Pb-211"] == pytest.approx(1, rel=1e-5)
    assert document["energy_mev_per_decay"]["alpha"] == pytest.approx(26.87, rel=1e-3)
    assert [finding["code"] for finding in document["findings"]] == ["daughters-in-place", "alpha-unweighted"]
    assert "Pb-211" in answer.err
    alone = command(*arguments, "--chain", "none").document
    assert alone["chain"] == "none" and alone["decays_per_decay"] == {"Ra-223": 1.0}
    assert alone["energy_mev_per_decay"]["alpha"] == pytest.approx(5.771, rel=2e-3)
    assert [finding["code"] for finding in alone["findings"]] == ["daughters-not-counted", "alpha-unweighted"]


def test_thorium_needs_a_choice(command):
    arguments = ("kernel", "--nuclide", "Th-227", "--voxel-mm", "4", "4", "4", "--size", "3", "--json")
    refused = command(*arguments)
    assert refused.code == 2 and "--chain none" in refused.err
    assert command(*arguments, "--chain", "none").document["chain"] == "none"


def test_beta_emitters_have_no_daughters(command):
    document = command(*SPHERE, "--json").document
    assert document["chain"] == "none" and document["findings"] == []
