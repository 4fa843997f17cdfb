"""The simulation of protocols: limits by hand, ordering by the literature, and the packaged numbers themselves."""

import math
from dataclasses import replace

import pytest

from theradose.kinetics.integrate import integrate_curve
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
    """Whole body of one phase, read before the first void and at 18 to 30 h, each with u = 5 %.

    The area is A0/k with k = ln(A1/A2)/(t2 - t1). To first order ln(area) deviates by (1 - c) e1 + c e2, where e1 and
    e2 are the deviations of the readings and c = (1/k - t1)/(t2 - t1), so that its variance is u² E[1 - 2c + 2c²]. The
    first reading is within half an hour of the start and taken at t1 = 0. The mean life 1/k is log-normal as the
    half-life is, t2 uniform: E[1/t2] = ln(30/18)/12 and E[1/t2²] = 1/(18·30).
    """
    patients, u = 200, 0.05
    spread = 1 + 0.17**2
    mean_life = 15.2 / math.log(2)
    c = mean_life * math.sqrt(spread) * math.log(30 / 18) / 12
    c_squared = (mean_life * spread) ** 2 / (18 * 30)
    expected = u * math.sqrt(1 - 2 * c + 2 * c_squared)
    assert expected == pytest.approx(0.0498, abs=1e-4)
    found = accuracy("i131-dtc/probe-1", "whole-body", patients=patients)
    assert found.sd == pytest.approx(expected, rel=4 / math.sqrt(2 * patients))
    assert abs(found.bias) <= 4 * expected / math.sqrt(patients)


def test_a_seed_gives_one_number_and_another_seed_another():
    first, again, other = (
        accuracy("lu177-dotatate/spect-1tp", "kidneys", patients=30, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.fixture
def measured(monkeypatch):
    """Return a function that simulates four time points and returns times and activities of each patient."""

    def simulate(*, patients, visits=None):
        points = []

        def integrate(curve, **known):
            points.append((curve.t_h.tolist(), curve.activity_mbq.tolist()))
            return integrate_curve(curve, **known)

        monkeypatch.setattr("theradose.workflow.protocol_accuracy.integrate_curve", integrate)
        accuracy("lu177-dotatate/spect-4tp", "kidneys", patients=patients, visits=visits)
        return points

    return simulate


def test_more_patients_begin_with_the_same_ones(measured):
    few, more = measured(patients=3), measured(patients=6)
    assert (len(few), len(more)) == (3, 6)
    assert more[:3] == few
    assert more[3] not in few


def test_a_visit_keeps_its_deviations_when_another_is_left_out(measured):
    """The change is that of the visit alone: the others have the same times and the same readings, in any order."""
    visits = planned_visits(load_protocol("lu177-dotatate/spect-4tp"))
    whole, without = measured(patients=3), measured(patients=3, visits=(visits[3], visits[0], visits[2]))
    for (t_h, activity), (kept_t_h, kept_activity) in zip(whole, without, strict=True):
        assert len(t_h) == 4
        assert kept_t_h == [t_h[0], t_h[2], t_h[3]]
        assert kept_activity == [activity[0], activity[2], activity[3]]


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
