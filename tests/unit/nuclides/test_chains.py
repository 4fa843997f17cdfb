"""Decay chains against the matrix exponential."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from theradose.errors import PhysicsError
from theradose.nuclides import ChainMember, DecayChain, load_chain
from theradose.nuclides.records import decays_of


def matrix_of(chain):
    """Rates of change of the members' atoms, from the branchings of the records."""
    names = [member.nuclide for member in chain.members]
    matrix = np.zeros((len(names), len(names)))
    for column, member in enumerate(chain.members):
        matrix[column, column] = -member.decay_constant_per_h
        for decay in decays_of(member.nuclide):
            if decay["daughter"] in names:
                matrix[names.index(decay["daughter"]), column] += decay["branching"] * member.decay_constant_per_h
    return matrix


def linear_chain(*half_lives_h):
    members = tuple(ChainMember(f"X-{number}", half_life, 1.0) for number, half_life in enumerate(half_lives_h))
    return DecayChain(members, tuple((tuple(range(last + 1)), 1.0) for last in range(len(members))))


@pytest.mark.parametrize("name", ["Ac-225", "Ra-223", "Pb-212", "At-211", "Th-227", "Lu-177"])
def test_atoms_follow_the_matrix_exponential(name):
    """Half-lives from 0.3 microseconds to 18.7 days; the exponential of so stiff a matrix is good to 1e-6."""
    chain = load_chain(name)
    matrix = matrix_of(chain)
    times = [0.0, 0.1, 3.0, 100.0, 1000.0]
    expected = np.column_stack([expm(matrix * time)[:, 0] for time in times])
    assert chain.atoms(t_h=times) == pytest.approx(expected, rel=1e-6, abs=1e-20)


@pytest.mark.parametrize(
    "half_lives",
    [(5.0, 5.0), (5.0, 5.0, 5.0), (5.0, 5.0 + 1e-9, 5.0), (5.0, 4.9, 5.1, 5.0), (1.0, 1000.0, 1.0, 1.0001)],
)
@pytest.mark.parametrize("time", [0.01, 1.0, 30.0, 300.0])
def test_close_and_equal_half_lives_lose_no_digits(half_lives, time):
    chain = linear_chain(*half_lives)
    rates = np.log(2) / np.array(half_lives)
    matrix = np.diag(-rates) + np.diag(rates[:-1], -1)
    assert chain.atoms(t_h=time)[:, 0] == pytest.approx(expm(matrix * time)[:, 0], rel=1e-9)


def test_two_members_by_hand():
    """Bateman's formula for 212Pb and 212Bi, half-lives 10.64 h and 60.54 min."""
    rate_1, rate_2, time = math.log(2) / 10.64, math.log(2) / 1.009, 5.0
    expected = rate_1 / (rate_2 - rate_1) * (math.exp(-rate_1 * time) - math.exp(-rate_2 * time))
    assert load_chain("Pb-212").atoms(t_h=time)[1, 0] == pytest.approx(expected, rel=1e-9)


def test_decays_are_the_integral_of_the_activity():
    """Trapezoids of a tenth of the shortest half-life that matters at these times err by less than 1e-3."""
    chain = load_chain("Pb-212")
    times = np.linspace(0, 40, 4001)
    rates = np.array([member.decay_constant_per_h for member in chain.members])
    integral = np.trapezoid(rates[:, None] * chain.atoms(t_h=times), times, axis=1)
    assert chain.decays(t_h=40.0)[:, 0] == pytest.approx(integral, rel=1e-3)


@pytest.mark.parametrize("name", ["Ac-225", "Th-227", "Pb-212"])
def test_complete_decay(name):
    """After 100 half-lives of the parent every member has decayed its share."""
    chain = load_chain(name)
    after = chain.decays(t_h=100 * chain.members[0].half_life_h)[:, 0]
    assert after == pytest.approx(list(chain.time_integrated().values()), rel=1e-9)


def test_branchings():
    """DDEP: 64.07 % of 212Bi to 212Po; 97.91 % of 213Bi to 213Po, both branches meet in 209Pb."""
    assert load_chain("Pb-212").time_integrated() == pytest.approx(
        {"Pb-212": 1.0, "Bi-212": 1.0, "Po-212": 0.6407, "Tl-208": 0.3593}
    )
    actinium = load_chain("Ac-225").time_integrated()
    assert actinium["Po-213"] / actinium["Bi-213"] == pytest.approx(0.9791)
    assert actinium["Pb-209"] == pytest.approx(actinium["Bi-213"])


def test_parents_come_before_their_daughters():
    for name in ("Ac-225", "Th-227", "Pb-212"):
        members = [member.nuclide for member in load_chain(name).members]
        for place, member in enumerate(members):
            daughters = [decay["daughter"] for decay in decays_of(member)]
            assert all(members.index(daughter) > place for daughter in daughters if daughter in members)


def test_equilibrium_activities_approach_those_of_the_parent():
    """In secular equilibrium; 225Ac lives 300 times as long as its slowest alpha daughter: ratio 1/(1 - 1/316)."""
    chain = load_chain("Ac-225")
    activities = chain.activities(t_h=20.0)[:, 0]
    ratio = activities[3] / activities[0]
    assert ratio == pytest.approx(1 / (1 - 45.59 / 60 / 240) * 0.99988, rel=1e-3)


def test_migration():
    chain = load_chain("Ac-225")
    kept = chain.time_integrated(retained={"213Bi": 0.5, "Po-213": 0.25})
    assert kept["Bi-213"] == pytest.approx(0.5 * chain.time_integrated()["Bi-213"])
    assert kept["Po-213"] == pytest.approx(0.25 * chain.time_integrated()["Po-213"])
    assert kept["Fr-221"] == chain.time_integrated()["Fr-221"]


def test_a_daughter_of_one_that_left_left_too():
    """213Po follows 213Bi within microseconds; both branches meet in 209Pb, which follows them by their shares."""
    chain = load_chain("Ac-225")
    all_stay, kept = chain.time_integrated(), chain.time_integrated(retained={"Bi-213": 0.8})
    for name in ("Bi-213", "Po-213", "Tl-209", "Pb-209"):
        assert kept[name] == pytest.approx(0.8 * all_stay[name])
    assert kept["At-217"] == all_stay["At-217"]
    without_thallium = chain.time_integrated(retained={"Tl-209": 0.0})
    assert without_thallium["Pb-209"] == pytest.approx(0.9791 * all_stay["Bi-213"])


@pytest.mark.parametrize(
    ("retained", "code"),
    [
        ({"Lu-177": 0.5}, "chain-member-unknown"),
        ({"Ac-225": 0.5}, "chain-member-unknown"),
        ({"Bi-213": 1.5}, "chain-fraction-invalid"),
        ({"Bi-213": 0.1, "Po-213": 0.9}, "chain-fraction-invalid"),
        ({"Bi-213": math.nan}, "chain-fraction-invalid"),
    ],
)
def test_wrong_fractions_are_refused(retained, code):
    with pytest.raises(PhysicsError) as caught:
        load_chain("Ac-225").time_integrated(retained=retained)
    assert caught.value.code == code


@pytest.mark.parametrize("time", [-1.0, math.nan, math.inf])
def test_wrong_times_are_refused(time):
    with pytest.raises(PhysicsError) as caught:
        load_chain("Pb-212").atoms(t_h=time)
    assert caught.value.code == "chain-time-invalid"
