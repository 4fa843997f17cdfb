from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.data import load_yaml
from theradose.dose.local import local_dose_constant
from theradose.dose.marrow import marrow_methods
from theradose.dose.marrow_image import (
    IMAGE_METHOD,
    ImageMarrowOptions,
    RestOfBody,
    image_marrow_request,
    marrow_from_image,
    site_fraction,
    split_marrow_uptake,
    voi_recovery,
)
from theradose.dose.spongiosa import spongiosa_composition
from theradose.errors import PhysicsError
from theradose.nuclides import load_nuclide
from theradose.uncertainty import Uncertain

LUTETIUM = load_nuclide("Lu-177")
TIA = Uncertain(0.9, {"fit:lumbar-marrow": 0.09})
DENSITY = Uncertain(1.12, {"density:ct": 0.03})
PLAIN = ImageMarrowOptions()


def concentration(options=PLAIN, **given_values):
    return marrow_from_image(voi_tia_mbq_h_per_ml=TIA, density_g_per_ml=DENSITY, options=options, **given_values)


def codes(findings):
    return [finding.code for finding in findings]


def test_spongiosa_is_local_deposition_with_density_correction():
    """D = k C̃ / ρ."""
    found, findings = concentration()
    dose, _ = marrow_methods.get(IMAGE_METHOD)(image_marrow_request(found, nuclide=LUTETIUM, sex="M"))
    constant = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value)
    assert dose.self_gy.value == pytest.approx(constant * 0.9 / 1.12)
    assert dose.self_gy.relative_u == pytest.approx(((0.09 / 0.9) ** 2 + (0.03 / 1.12) ** 2) ** 0.5)
    assert codes(findings) == ["marrow-recovery-not-applied"]


def test_every_marrow_method_takes_the_request():
    request = image_marrow_request(concentration()[0], nuclide=LUTETIUM, sex="F", marrow_mass_g=800.0)
    for entry in marrow_methods:
        dose, _ = entry.item(request)
        assert dose.self_gy.value > 0
        assert dose.tia_mbq_h.value == pytest.approx(0.8 * 1000 * 0.9 / 1.12)


def test_rest_of_the_body_reaches_the_method():
    rest = RestOfBody(Uncertain(200_000.0), {"kidneys": Uncertain(15_000.0)})
    request = image_marrow_request(concentration()[0], nuclide=LUTETIUM, sex="M", rest=rest)
    dose, _ = marrow_methods.get(IMAGE_METHOD)(request)
    assert set(dose.components) == {"red-marrow", "kidneys", "remainder"}


@pytest.mark.parametrize("choice", ["santoro2018", 0.78])
def test_recovery_divides(choice):
    recovery, constant = voi_recovery(choice)
    found, findings = concentration(replace(PLAIN, recovery=recovery, constants=(constant,)))
    assert found.spongiosa.value == pytest.approx(1000 * 0.9 / 1.12 / 0.78)
    assert "recovery:marrow-voi" in found.marrow.not_stated
    assert constant in found.constants
    assert codes(findings) == []


def test_stated_uncertainty_of_the_recovery_enters():
    recovery, _ = voi_recovery(0.8, u=0.04)
    found, _ = concentration(replace(PLAIN, recovery=recovery))
    assert found.marrow.contributions["recovery:marrow-voi"] == pytest.approx(-0.05 * found.marrow.value)


def test_no_recovery_is_no_recovery():
    assert voi_recovery(None) == (None, None)


@pytest.mark.parametrize("choice", ["best", 0, -0.5, 1.6, "nan"])
def test_impossible_recoveries_are_refused(choice):
    with pytest.raises(PhysicsError, match="valid are santoro2018") as caught:
        voi_recovery(choice)
    assert caught.value.code == "marrow-recovery"


def test_active_marrow_holds_all_activity():
    """The volume has (1 - f) c of active marrow; the density of the mixture returns f."""
    options = replace(
        PLAIN, distribution="active-marrow", trabecular_fraction=Uncertain(0.1), cellularity=Uncertain(0.6)
    )
    found, _ = concentration(options)
    red = load_yaml("marrow_image.yaml")["density_red_marrow"]["value"]
    assert found.marrow.value == pytest.approx(1000 * 0.9 / (0.9 * 0.6) / red)
    assert found.marrow.value > found.spongiosa.value


def test_assumed_cellularity_is_said_and_listed():
    found, findings = concentration(replace(PLAIN, distribution="active-marrow"))
    assert codes(findings) == [
        "marrow-recovery-not-applied",
        "marrow-cellularity-assumed",
        "trabecular-fraction-from-density",
    ]
    assert {"cellularity", "fit:lumbar-marrow", "density:ct"} <= set(found.marrow.not_stated) | set(
        found.marrow.contributions
    )
    assert "unverified" in {constant.status for constant in found.constants}


@given(st.floats(0.0, 0.4), st.floats(0.2, 1.0))
def test_composition_from_density_returns_the_fraction_of_the_mixture(fraction, cellularity):
    data = load_yaml("marrow_image.yaml")
    bone, red, yellow = (data[f"density_{key}"]["value"] for key in ("bone", "red_marrow", "yellow_marrow"))
    density = fraction * bone + (1 - fraction) * (cellularity * red + (1 - cellularity) * yellow)
    # A density of exactly that of marrow may round to either side of it.
    composition, _ = spongiosa_composition(
        density_g_per_ml=Uncertain(density + 1e-9), cellularity=Uncertain(cellularity)
    )
    assert composition.trabecular_fraction.value == pytest.approx(fraction, abs=1e-8)
    assert composition.active_fraction.value == pytest.approx((1 - fraction) * cellularity, abs=1e-8)


@pytest.mark.parametrize("density", [0.5, 0.97, 1.92, 2.5])
def test_density_of_something_else_is_refused(density):
    with pytest.raises(PhysicsError, match="none of spongiosa") as caught:
        spongiosa_composition(density_g_per_ml=Uncertain(density), cellularity=Uncertain(0.7))
    assert caught.value.code == "spongiosa-density"


@pytest.mark.parametrize("values", [{"cellularity": 0.0}, {"cellularity": 1.2}, {"trabecular_fraction": 1.0}])
def test_impossible_fractions_are_refused(values):
    stated = {name: Uncertain(value) for name, value in values.items()}
    with pytest.raises(PhysicsError, match="between 0 and 1") as caught:
        spongiosa_composition(density_g_per_ml=DENSITY, **stated)
    assert caught.value.code == "marrow-fraction"


def test_extrapolation_is_off_unless_asked_for():
    assert site_fraction(None) is None
    assert site_fraction(False) is None
    assert "marrow-extrapolated" not in codes(concentration()[1])


def test_extrapolation_is_marked_unverified():
    """Ã_RM = Ã_VOI / f over all red marrow."""
    fraction, constant = site_fraction(True)
    options = replace(PLAIN, site_fraction=fraction, constants=(constant,))
    found, findings = concentration(options, site_volume_ml=Uncertain(90.0), marrow_mass_g=1000.0)
    assert found.marrow.value == pytest.approx(0.9 * 90 / 0.067)
    assert constant.status == "unverified"
    assert codes(findings) == ["marrow-recovery-not-applied", "marrow-extrapolated"]
    assert findings[-1].severity == "warning"


def test_extrapolation_takes_the_reference_mass_and_says_so():
    fraction, _ = site_fraction(0.074)
    found, _ = concentration(replace(PLAIN, site_fraction=fraction), site_volume_ml=Uncertain(90.0), sex="F")
    assert found.marrow.value == pytest.approx(1000 * 0.9 * 90 / 0.074 / 900)
    assert [constant.value for constant in found.constants] == [900]


def test_extrapolation_needs_the_volume_and_no_distribution():
    fraction, _ = site_fraction("l2-l4")
    with pytest.raises(PhysicsError) as caught:
        concentration(replace(PLAIN, site_fraction=fraction))
    assert caught.value.code == "marrow-site-volume"
    both = replace(PLAIN, site_fraction=fraction, distribution="active-marrow")
    with pytest.raises(PhysicsError) as caught:
        concentration(both, site_volume_ml=Uncertain(90.0))
    assert caught.value.code == "marrow-extrapolation-distribution"


@pytest.mark.parametrize("choice", ["lumbar", 0, 1, -0.1, 7])
def test_impossible_site_fractions_are_refused(choice):
    with pytest.raises(PhysicsError) as caught:
        site_fraction(choice)
    assert caught.value.code == "marrow-site-fraction"


@pytest.mark.parametrize(
    ("tia", "density"), [(0.0, 1.1), (-1.0, 1.1), (float("nan"), 1.1), (1.0, 0.0), (1.0, float("inf"))]
)
def test_values_that_cannot_be_are_refused(tia, density):
    with pytest.raises(PhysicsError) as caught:
        marrow_from_image(
            voi_tia_mbq_h_per_ml=Uncertain(tia), density_g_per_ml=Uncertain(density), options=ImageMarrowOptions()
        )
    assert caught.value.code == "marrow-not-positive"


def test_unknown_distribution_is_refused():
    with pytest.raises(PhysicsError, match="spongiosa, active-marrow") as caught:
        concentration(replace(PLAIN, distribution="fat"))
    assert caught.value.code == "marrow-distribution"


def test_density_in_kg_per_m3_is_noticed():
    _, findings = marrow_from_image(
        voi_tia_mbq_h_per_ml=TIA, density_g_per_ml=Uncertain(1120.0), options=ImageMarrowOptions()
    )
    assert "marrow-density-implausible" in codes(findings)


def test_split_keeps_the_total_and_its_correlations():
    shared = {"calibration:camera": 20.0}
    split, findings = split_marrow_uptake(
        image_tia_mbq_h_per_kg=Uncertain(800.0, shared), blood_tia_mbq_h_per_kg=Uncertain(300.0, {"counter": 6.0})
    )
    assert split.specific.value == 500.0
    total = split.specific + split.non_specific
    assert total.value == split.total.value
    assert total.contributions == shared
    assert findings == ()


def test_more_in_blood_than_in_the_image_is_a_finding_and_stays_visible():
    split, findings = split_marrow_uptake(
        image_tia_mbq_h_per_kg=Uncertain(200.0), blood_tia_mbq_h_per_kg=Uncertain(300.0)
    )
    assert split.specific.value == -100.0
    assert codes(findings) == ["marrow-specific-negative"]
