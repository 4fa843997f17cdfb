"""Uniform doses, complications, responses, and doses of alpha emitters."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.biology.eud import eud_gy, geud_gy
from theradose.biology.ntcp import lyman_ntcp
from theradose.biology.parameters import packaged_parameters, parameters_of_region, stated_parameters
from theradose.biology.rbe import rbe_weighted_dose
from theradose.biology.tcp import dose_for_probability, logistic_tcp, poisson_tcp
from theradose.biology.tissue import default_tissue, load_tissue, tissue_names
from theradose.errors import PhysicsError
from theradose.uncertainty import Uncertain

DISTRIBUTIONS = st.lists(st.tuples(st.floats(0.0, 300.0), st.floats(0.01, 10.0)), min_size=1, max_size=8)


def arrays(distribution):
    doses, volumes = zip(*distribution, strict=True)
    return np.array(doses), np.array(volumes)


@given(DISTRIBUTIONS, st.floats(0.02, 5.0))
def test_a_power_mean_lies_between_the_lowest_and_the_highest_dose(distribution, n):
    doses, volumes = arrays(distribution)
    found = geud_gy(dose_gy=doses, volume=volumes, n=n)
    assert doses.min() - 1e-9 <= found * (1 + 1e-12) and found <= doses.max() * (1 + 1e-12)


@given(DISTRIBUTIONS, st.floats(1e-3, 2.0))
def test_a_dose_of_equal_survival_lies_between_the_lowest_and_the_mean(distribution, alpha):
    doses, volumes = arrays(distribution)
    found = eud_gy(dose_gy=doses, volume=volumes, alpha_per_gy=alpha)
    assert doses.min() - 1e-9 <= found <= np.average(doses, weights=volumes) + 1e-9


@given(DISTRIBUTIONS)
def test_the_power_mean_is_the_mean_for_n_of_one(distribution):
    doses, volumes = arrays(distribution)
    assert geud_gy(dose_gy=doses, volume=volumes, n=1.0) == pytest.approx(np.average(doses, weights=volumes))


def test_the_hottest_part_decides_for_a_small_volume_effect():
    doses, volumes = np.array([10.0, 40.0]), np.array([0.9, 0.1])
    assert geud_gy(dose_gy=doses, volume=volumes, n=0.01) == pytest.approx(40.0, rel=0.03)


def test_doses_that_survive_nothing_do_not_underflow():
    doses = np.array([5000.0, 5010.0])
    assert 5000.0 < eud_gy(dose_gy=doses, volume=np.ones(2), alpha_per_gy=1.0) < 5001.0


@given(st.floats(0.0, 100.0))
def test_a_complication_is_a_probability_and_rises_with_the_dose(dose):
    low, high = (lyman_ntcp(geud_gy=value, td50_gy=28.0, m=0.1) for value in (dose, dose + 1.0))
    assert 0.0 <= low <= high <= 1.0
    assert lyman_ntcp(geud_gy=28.0, td50_gy=28.0, m=0.1) == 0.5


NET_G2 = packaged_parameters("tcp", "net-g2")


@given(st.floats(0.01, 0.99))
def test_a_probability_is_reached_at_its_dose(probability):
    dose = dose_for_probability(probability=probability, parameters=NET_G2)
    assert logistic_tcp(dose_gy=dose, parameters=NET_G2).value == pytest.approx(probability)


@given(st.floats(0.0, 400.0))
def test_the_interval_holds_the_probability_and_an_uncertain_dose_widens_it(dose):
    exact = logistic_tcp(dose_gy=dose, parameters=NET_G2)
    uncertain = logistic_tcp(dose_gy=Uncertain(dose, {"volume:lesion-1": 10.0}), parameters=NET_G2)
    assert exact.interval[0] < exact.value < exact.interval[1]
    assert uncertain.u_logit == pytest.approx(math.hypot(exact.u_logit, 0.27))


def test_control_falls_with_a_cold_part():
    known = {"alpha_per_gy": 0.3, "clonogens_per_ml": 1e7}
    volumes = np.array([9.9, 0.1])
    uniform = poisson_tcp(bed_gy=np.array([80.0, 80.0]), volume_ml=volumes, **known)
    cold = poisson_tcp(bed_gy=np.array([80.0, 30.0]), volume_ml=volumes, **known)
    # exp(−ρ V exp(−α BED)) = exp(−1e8 exp(−24)) by hand.
    assert uniform == pytest.approx(math.exp(-1e8 * math.exp(-24.0)))
    assert cold < 1e-10 < uniform


def test_alphas_are_weighted_in_a_unit_of_their_own():
    dose, alpha = Uncertain(2.0, {"volume": 0.2}), Uncertain(1.5, {"volume": 0.15})
    weighted = rbe_weighted_dose(dose_gy=dose, alpha_gy=alpha, rbe=5.0)
    assert weighted.unit == "Gy(RBE=5)"
    assert weighted.weighted.value == pytest.approx(0.5 + 5 * 1.5)
    assert weighted.weighted.u == pytest.approx(0.2 + 4 * 0.15)
    with pytest.raises(TypeError):
        dose + weighted


def test_packaged_tissues_say_what_they_are():
    assert default_tissue("left-kidney").name == "kidney" and default_tissue("liver") is None
    assert not load_tissue("normal-liver").complete and load_tissue("normal-liver").origin == "EBRT"
    example = load_tissue("psma-example")
    assert [constant.value for constant in example.constants] == [1.5, 1.9, 0.147]
    for name in tissue_names():
        assert all(constant.status in ("verified", "unverified") for constant in load_tissue(name).constants)
    kidney = load_tissue("kidney")
    assert kidney.alpha_beta_gy.not_stated == {"alpha-beta:kidney"}


def test_parameters_carry_their_units_and_origin():
    kidney = parameters_of_region("ntcp", "right-kidney")
    assert kidney.origin == "EBRT" and kidney.status == "unverified"
    assert {constant.name: constant.unit for constant in kidney.constants}["kidney-emami: td50"] == "Gy"
    assert parameters_of_region("ntcp", "liver") is None
    assert {c.unit for c in stated_parameters("x", {"alpha_per_gy": 0.1, "clonogens_per_ml": 1e7}).constants} == {
        "1/Gy", "1/mL",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: eud_gy(dose_gy=np.ones(2), volume=np.ones(2), alpha_per_gy=0.0), "alpha"),
        (lambda: eud_gy(dose_gy=np.ones(2), volume=np.zeros(2), alpha_per_gy=0.1), "dose-volume"),
        (lambda: geud_gy(dose_gy=np.array([-1.0]), volume=np.ones(1), n=1.0), "dose-volume"),
        (lambda: geud_gy(dose_gy=np.ones(1), volume=np.ones(1), n=-1.0), "volume-effect"),
        (lambda: lyman_ntcp(geud_gy=1.0, td50_gy=0.0, m=0.1), "ntcp-parameters"),
        (lambda: dose_for_probability(probability=1.0, parameters=NET_G2), "probability-invalid"),
        (
            lambda: poisson_tcp(bed_gy=np.ones(1), volume_ml=np.ones(1), alpha_per_gy=0.3, clonogens_per_ml=0.0),
            "tcp-parameters",
        ),
        (lambda: rbe_weighted_dose(dose_gy=Uncertain(1.0), alpha_gy=Uncertain(0.5), rbe=0.0), "rbe-invalid"),
        (lambda: load_tissue("bone"), "tissue-unknown"),
        (lambda: packaged_parameters("ntcp", "liver"), "parameters-unknown"),
    ],
)
def test_what_has_no_meaning_is_refused(call, code):
    with pytest.raises(PhysicsError) as refusal:
        call()
    assert refusal.value.code == code
