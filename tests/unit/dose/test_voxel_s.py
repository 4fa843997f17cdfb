import numpy as np
import pytest

from theradose.dose.sphere import ellipsoid_s_value
from theradose.dose.voxel_s import medium_density, s_per_kev, voxel_s_values
from theradose.errors import PhysicsError

pytestmark = pytest.mark.usefixtures("analytic_point_kernels")
CUBE = {"nuclide": "Lu-177", "spacing_mm": (4.0, 4.0, 4.0)}


def test_energy_in_a_mass():
    """1 MeV in 1 g is 0.1602 mGy/(MBq·s): 1.602e-13 J × 1e6 /s over 1e-3 kg."""
    assert 1000 * s_per_kev(1.0) == pytest.approx(0.1602176634, rel=1e-9)


def test_table_times_mass_is_the_energy_of_its_certificate():
    values = voxel_s_values(**CUBE, size=(11, 9, 7))
    document = values.to_json()
    assert document["size"] == [7, 9, 11] and np.shape(document["s_mgy_per_mbq_s"]) == (11, 9, 7)
    assert document["self_mgy_per_mbq_s"] == document["s_mgy_per_mbq_s"][5][4][3]
    kev = np.sum(document["s_mgy_per_mbq_s"]) / s_per_kev(0.064)
    held = sum(document["certificate"][part]["in_box_kev"] for part in ("electron", "photon"))
    assert kev == pytest.approx(held, rel=1e-9)
    assert document["energy_mev_per_decay"]["electron"] == pytest.approx(0.1475, rel=0.01)


def test_a_large_sphere_holds_its_electrons_and_the_self_dose_follows():
    result = ellipsoid_s_value(nuclide="Lu-177", mass_g=1000.0)
    fractions = result.to_json()["absorbed_fraction"]
    assert fractions["electron"] == pytest.approx(1, abs=0.01) and fractions["alpha"] is None
    assert 0.1 < fractions["photon"] < 0.9
    # 4/3 π r³ = 1000 mL.
    assert result.to_json()["radius_mm"] == pytest.approx(62.035, rel=1e-4)
    kev = sum(result.absorbed_kev.values())
    assert result.s_mgy_per_mbq_s == pytest.approx(kev * 1.602176634e-4 / 1000, rel=1e-9)


def test_an_elongated_body_of_the_same_mass_absorbs_less():
    sphere, ellipsoid = (
        ellipsoid_s_value(nuclide="Lu-177", mass_g=20.0, axis_ratios=ratios)
        for ratios in ((1.0, 1.0, 1.0), (1.0, 1.0, 4.0))
    )
    assert ellipsoid.s_mgy_per_mbq_s < sphere.s_mgy_per_mbq_s
    assert np.prod(ellipsoid.semi_axes_mm) == pytest.approx(np.prod(sphere.semi_axes_mm))
    assert ellipsoid.semi_axes_mm[2] == pytest.approx(4 * ellipsoid.semi_axes_mm[0])


def test_media_like_water():
    assert medium_density(medium="liver") == pytest.approx(1.05)
    assert medium_density(medium="liver", density_g_per_ml=1.06) == 1.06


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: voxel_s_values(**CUBE, size=(10, 11, 11)), "kernel-size"),
        (lambda: voxel_s_values(**CUBE, size=(1001, 11, 11)), "kernel-size"),
        (lambda: voxel_s_values(**CUBE, size=(-1, 11, 11)), "kernel-size"),
        (lambda: voxel_s_values(**CUBE, size=(3, 3, 3), medium="cortical-bone"), "kernel-medium"),
        (lambda: voxel_s_values(**CUBE, size=(3, 3, 3), medium="cheese"), "material-unknown"),
        (lambda: ellipsoid_s_value(nuclide="Lu-177", mass_g=0.0), "sphere-mass"),
        (lambda: ellipsoid_s_value(nuclide="Lu-177", mass_g=float("nan")), "sphere-mass"),
        (lambda: ellipsoid_s_value(nuclide="Lu-177", mass_g=1.0, axis_ratios=(1.0, 0.0, 1.0)), "sphere-axes"),
        (lambda: ellipsoid_s_value(nuclide="Lu-177", mass_g=1.0, density_g_per_ml=20.0), "kernel-density"),
        (lambda: ellipsoid_s_value(nuclide="Xx-999", mass_g=1.0), "nuclide-unknown"),
    ],
)
def test_what_cannot_be_computed_is_refused(call, code):
    with pytest.raises(PhysicsError) as refusal:
        call()
    assert refusal.value.code == code
