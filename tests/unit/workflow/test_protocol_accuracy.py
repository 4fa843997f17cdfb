"""The simulation of protocols: limits by hand, ordering by the literature, and the packaged numbers themselves."""

import math
from dataclasses import replace

import pytest

from theradose.workflow.protocol_accuracy import planned_visits, relative_u, simulate_accuracy
from theradose.workflow.protocol_expectations import accuracies, compute_expectations, ranking_quantity
from theradose.workflow.protocols import load_expectations, load_protocol


def accuracy(name, quantity, *, patients, seed=7, visits=None):
    protocol = load_protocol(name)
    result = next(item for item in protocol.yields if item.quantity == quantity)
    return simulate_accuracy(protocol, result, visits or planned_visits(protocol), patients=patients, seed=seed)


def test_one_image_of_trapped_activity_is_as_good_as_the_image():
    """Nothing varies but the reading, 10 %: a standard deviation of 10 % within 4 standard errors and no bias."""
    found = accuracy("y90-tare/maa-pet", "liver", patients=400)
    assert found.sd == pytest.approx(0.10, rel=4 / math.sqrt(2 * 400))
    assert abs(found.bias) <= 4 * 0.10 / math.sqrt(400)
    assert found.rms == pytest.approx(math.hypot(found.sd, found.bias), rel=0.01)
    assert found.u_rms == pytest.approx(0.10 / math.sqrt(2 * 400), rel=0.25)


def test_two_points_on_a_single_phase_by_propagation():
    """Whole body of one phase, read at 0 to 0.5 h and near 24 h with 5 %, half-life 15 h.

    To first order the area A0/λ has the relative variance 2u² ... through the rate: the standard deviation lies
    between that of one reading, 5 %, over √2 and twice it.
    """
    found = accuracy("i131-dtc/probe-1", "whole-body", patients=60)
    assert 0.05 / math.sqrt(2) < found.sd < 0.10
    assert abs(found.bias) < 0.03


def test_a_seed_gives_one_number_and_another_seed_another():
    first, again, other = (
        accuracy("lu177-dotatate/spect-1tp", "kidneys", patients=30, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_more_patients_begin_with_the_same_ones():
    """A visit keeps its deviations when others are left out: the change is that of the visit alone."""
    protocol = load_protocol("lu177-dotatate/spect-2tp")
    visits = planned_visits(protocol)
    reordered = accuracy("lu177-dotatate/spect-2tp", "kidneys", patients=20, visits=visits[::-1])
    assert reordered == accuracy("lu177-dotatate/spect-2tp", "kidneys", patients=20)


def test_two_points_beat_one():
    """Known for kidneys: two points, one of them late, beat every single point."""
    expected = load_expectations().protocols
    one, two, four = (expected[f"lu177-dotatate/spect-{n}tp"].accuracy["kidneys"].rms for n in (1, 2, 4))
    assert four < two < one


def test_late_visits_matter_to_what_clears_slowly():
    """Without 168 h lesions lose most; that of 4 h they can spare."""
    without = load_expectations().protocols["lu177-dotatate/spect-4tp"].without
    assert without["h168"]["lesions"].rms > without["h4"]["lesions"].rms


def test_half_of_the_cohort_must_be_integrable():
    """One point cannot be fitted, so that a curve without its second visit has no accuracy."""
    protocol = load_protocol("i131-dtc/probe-1")
    assert accuracies(protocol, planned_visits(protocol)[:1], patients=4, seed=1) == {}


def test_one_more_visit_turns_a_single_point_into_a_fit():
    protocol = load_protocol("lu177-dotatate/spect-1tp")
    (visit,) = planned_visits(protocol)
    both = accuracies(protocol, (visit, replace(visit, stream=1000, t_h=24.0)), patients=20, seed=1)
    assert set(both) == {"kidneys", "liver", "spleen", "lesions"}


@pytest.mark.parametrize(
    ("name", "quantity", "patients"),
    [("lu177-dotatate/spect-2tp", "kidneys", 120), ("lu177-psma/spect-1tp", "salivary-glands", 250)],
)
def test_the_packaged_number_comes_out_of_the_simulation(name, quantity, patients):
    """Another seed, so that both numbers are independent: they agree within four combined standard uncertainties."""
    stored = load_expectations().protocols[name].accuracy[quantity]
    found = accuracy(name, quantity, patients=patients)
    assert abs(found.rms - stored.rms) <= 4 * math.hypot(found.u_rms, stored.u_rms)
    assert abs(found.bias - stored.bias) <= 4 * found.sd * math.sqrt(1 / patients + 1 / load_expectations().patients)


def test_the_document_is_made_as_it_is_stored():
    """The same seed and sizes give the same numbers, here for a protocol without any fit."""
    stored = load_expectations()
    again = compute_expectations(
        ("ho166-tare/scout-spect",), patients=stored.patients, patients_of_variants=stored.patients_of_variants,
        seed=stored.seed,
    )  # fmt: skip
    name = "ho166-tare/scout-spect"
    for quantity, found in again.protocols[name].accuracy.items():
        assert found.rms == pytest.approx(stored.protocols[name].accuracy[quantity].rms, rel=1e-3)


def test_protocols_are_judged_by_the_critical_quantity():
    protocol = load_protocol("lu177-dotatate/blood-9")
    assert ranking_quantity(protocol, load_expectations().protocols[protocol.name].accuracy) == "red-marrow"
    assert ranking_quantity(protocol, {}) is None


def test_readings_have_the_uncertainty_of_their_kind():
    protocol = load_protocol("lu177-dotatate/hybrid-5")
    planar, spect = (relative_u(protocol, item.kind) for item in protocol.visits[1].measure)
    assert (planar, spect) == (0.10, 0.05)
