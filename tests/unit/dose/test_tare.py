"""Physics of radioembolisation: published numbers, inverses, and what cannot be mixed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.dose.tare.bsa import body_surface_area_m2, bsa_activity
from theradose.dose.tare.compartments import ActivityRatio, Compartment, ConcentrationRatio, PerfusedVolume
from theradose.dose.tare.mean_dose import (
    compartment_activity_mbq,
    compartment_dose_gy,
    lung_dose_gy,
    lung_shunt,
    mono_activity_mbq,
    mono_dose_gy,
)
from theradose.dose.tare.products import load_product, product_keys
from theradose.errors import PhysicsError
from theradose.uncertainty import Uncertain, propagate_monte_carlo

ZERO = Uncertain(0.0)
masses = st.floats(10.0, 3000.0)
ratios = st.floats(0.1, 30.0)
fractions = st.floats(0.0, 0.5)
doses = st.floats(1.0, 500.0)
conversions = st.sampled_from([c.value for key in product_keys() for c in load_product(key).conversions.values()])


def volume(tumour_g, normal_g, ratio, shunt=0.0, residual=0.0):
    parts = (
        Compartment("normal", False, Uncertain(normal_g), ConcentrationRatio(Uncertain(1.0))),
        Compartment("tumour", True, Uncertain(tumour_g), ConcentrationRatio(Uncertain(ratio))),
    )
    return PerfusedVolume("liver", parts, Uncertain(shunt), Uncertain(residual))


def test_the_shunt_divides_and_never_multiplies():
    """A public calculator prints A = D·M·(1 − L)/49.67: 3.406 GBq, where 3.855 GBq give 120 Gy."""
    known = {"mass_g": Uncertain(1500), "conversion": Uncertain(49.67), "shunt": Uncertain(0.06), "residual": ZERO}
    activity = mono_activity_mbq(dose_gy=Uncertain(120), **known).value
    wrong = 120 * 1500 * (1 - 0.06) / 49.67
    assert f"{wrong / 1e3:.3f}" == "3.406"
    assert f"{activity / 1e3:.3f}" == "3.855"
    assert mono_dose_gy(activity_mbq=Uncertain(wrong), **known).value == pytest.approx(120 * 0.94**2)


@given(dose=doses, mass=masses, shunt=fractions, residual=fractions, conversion=conversions)
def test_one_compartment_inverts(dose, mass, shunt, residual, conversion):
    known = {"mass_g": Uncertain(mass), "conversion": Uncertain(conversion), "shunt": Uncertain(shunt),
             "residual": Uncertain(residual)}  # fmt: skip
    activity = mono_activity_mbq(dose_gy=Uncertain(dose), **known)
    assert mono_dose_gy(activity_mbq=activity, **known).value == pytest.approx(dose, rel=1e-9)


@given(
    dose=doses, tumour=masses, normal=masses, ratio=ratios, shunt=fractions, residual=fractions, conversion=conversions
)
@pytest.mark.parametrize("names", [("tumour",), ("normal",), ("normal", "tumour")])
def test_compartments_invert_and_double(names, dose, tumour, normal, ratio, shunt, residual, conversion):
    known = {"volume": volume(tumour, normal, ratio, shunt, residual), "names": names,
             "conversion": Uncertain(conversion)}  # fmt: skip
    activity = compartment_activity_mbq(dose_gy=Uncertain(dose), **known)
    assert compartment_dose_gy(activity_mbq=activity, **known).value == pytest.approx(dose, rel=1e-9)
    assert compartment_dose_gy(activity_mbq=activity * 2.0, **known).value == pytest.approx(2 * dose, rel=1e-9)


@given(tumour=masses, normal=masses, ratio=ratios, shunt=fractions, residual=fractions, lungs=masses)
def test_energy_closes(tumour, normal, ratio, shunt, residual, lungs):
    """Σ D·m over tumour, normal liver and lungs is CF·A·(1 − R)."""
    cf, activity = Uncertain(49.67), Uncertain(1000.0)
    of = volume(tumour, normal, ratio, shunt, residual)
    energy = sum(
        mass * compartment_dose_gy(volume=of, names=[name], activity_mbq=activity, conversion=cf).value
        for name, mass in (("tumour", tumour), ("normal", normal))
    )
    energy += (
        lungs
        * lung_dose_gy(
            activity_mbq=activity, shunt=of.shunt, residual=of.residual, mass_g=Uncertain(lungs), conversion=cf
        ).value
    )
    assert energy == pytest.approx(49.67 * 1000 * (1 - residual), rel=1e-9)


@given(value=ratios, tumour=masses, normal=masses)
def test_ratios_convert_through_the_masses_and_back(value, tumour, normal):
    known = {"mass_g": Uncertain(tumour), "reference_mass_g": Uncertain(normal)}
    activities = ConcentrationRatio(Uncertain(value)).to_activity_ratio(**known)
    assert activities.value.value == pytest.approx(value * tumour / normal)
    assert activities.to_concentration_ratio(**known).value.value == pytest.approx(value)


def test_a_ratio_of_activities_is_no_ratio_of_concentrations():
    with pytest.raises(PhysicsError, match="to_concentration_ratio"):
        Compartment("tumour", True, Uncertain(250), ActivityRatio(Uncertain(4.0)))


@pytest.mark.parametrize("shunt", [-0.01, 1.0, 6.0])
def test_a_shunt_outside_its_range_is_refused(shunt):
    with pytest.raises(PhysicsError, match="lung shunt"):
        volume(250, 1250, 4, shunt)


def test_counts_give_the_shunt():
    assert lung_shunt(lung_counts=Uncertain(6), liver_counts=Uncertain(94)).value == pytest.approx(0.06)
    with pytest.raises(PhysicsError, match="Counts"):
        lung_shunt(lung_counts=Uncertain(6), liver_counts=ZERO)


@pytest.mark.parametrize(
    ("shunt", "factor"),
    [(0.05, 1), (0.0999, 1), (0.10, 0.8), (0.12, 0.8), (0.15, 0.6), (0.17, 0.6), (0.20, 0), (0.21, 0)],
)
def test_the_surface_rule_is_reduced_for_the_shunt(shunt, factor):
    full = bsa_activity(height_cm=175, weight_kg=75, tumour_fraction=0.1, shunt=0.0).activity_mbq
    reduced = bsa_activity(height_cm=175, weight_kg=75, tumour_fraction=0.1, shunt=shunt)
    assert reduced.activity_mbq == pytest.approx(full * factor)


def test_a_body_has_size():
    with pytest.raises(PhysicsError, match="body surface"):
        body_surface_area_m2(height_cm=0, weight_kg=75)


def test_propagated_uncertainty_is_that_of_random_inputs():
    """First order against 200 000 draws; inputs of 5 % are linear enough for 3 % of u."""
    u = 0.05
    tumour, normal, ratio, shunt = (
        Uncertain.relative(value, {name: u}) for name, value in (("t", 250.0), ("n", 1250.0), ("r", 4.0), ("l", 0.06))
    )
    parts = (
        Compartment("normal", False, normal, ConcentrationRatio(Uncertain(1.0))),
        Compartment("tumour", True, tumour, ConcentrationRatio(ratio)),
    )
    of = PerfusedVolume("liver", parts, shunt)
    found = compartment_dose_gy(volume=of, names=["tumour"], activity_mbq=Uncertain(2470), conversion=Uncertain(49.67))
    _, drawn = propagate_monte_carlo(
        lambda t, n, r, s: 2470 * 49.67 * (1 - s) * r / (n + t * r),
        {"t": tumour, "n": normal, "r": ratio, "s": shunt},
        samples=200_000,
        seed=1,
    )
    assert found.u == pytest.approx(drawn, rel=0.03)


def test_products_are_found_by_their_names():
    assert load_product("TheraSpheres").key == load_product("therasphere").key == "therasphere"
    with pytest.raises(PhysicsError, match="SIR-Spheres, TheraSphere, QuiremSpheres"):
        load_product("Theragnost")
    with pytest.raises(PhysicsError, match="label, review, ddep"):
        load_product("SIR-Spheres").conversion("mird")


@pytest.mark.parametrize("key", product_keys())
def test_named_conversions_differ_by_less_than_three_per_cent(key):
    values = [item.value for item in load_product(key).conversions.values()]
    assert max(values) / min(values) < 1.03
    assert math.isfinite(load_product(key).conversion("ddep").u)
