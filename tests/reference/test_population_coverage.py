"""Few points of virtual kidneys by a population estimated from others: coverage, shifted patients, order of methods.

The project's statistics notes, paragraph 2, and the surrogate of SCIENCE paragraph 5, of which the order of the
methods may be asserted and no counts. ``bench/population_kinetics.py`` simulates ten cohorts of 300 patients for each
case; here are three with fixed seeds. The coverage of one cohort scatters by 0.02 to 0.04, because the population
itself is an estimate, so that the mean of three has a standard error of about 0.02.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench" / "population_kinetics.py"
COHORTS, NEW = 3, 300


@pytest.fixture(scope="module")
def bench():
    specification = importlib.util.spec_from_file_location("bench_population_kinetics", BENCH)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulated(bench):
    """Return outcomes by method of a case, each simulated once."""
    known = {}

    def simulate(patients, times_h, cohort="lu177-dotatate", **shift):
        key = (patients, times_h, cohort, tuple(shift.items()))
        if key not in known:
            case = {"patients": patients, "times_h": times_h, "cohort": cohort, "shift": bench.Shift(**shift)}
            known[key] = [bench.simulate(new=NEW, seed=seed, **case) for seed in range(COHORTS)]
        return known[key]

    return simulate


def mean(runs, name):
    return float(np.mean([getattr(run["population"], name) for run in runs]))


def rms(runs, method):
    return float(np.sqrt(np.mean([run[method].rms ** 2 for run in runs])))


@pytest.mark.parametrize("patients", [20, 100])
@pytest.mark.parametrize("times_h", [(96.0,), (4.0, 96.0)])
def test_intervals_of_90_percent_hold(simulated, patients, times_h):
    assert mean(simulated(patients, times_h), "coverage") == pytest.approx(0.90, abs=0.05)


@pytest.mark.parametrize("times_h", [(42.6,), (66.3,), (42.6, 160.3)])
def test_intervals_hold_where_no_form_is_right(simulated, times_h):
    """The cohort of 63 patients (SCIENCE paragraph 5): piecewise exponential curves."""
    assert mean(simulated(60, times_h, "lu177-psma"), "coverage") == pytest.approx(0.90, abs=0.07)


@pytest.mark.parametrize(
    ("times_h", "shift"),
    [
        ((96.0,), {"factor": 1.3}),
        ((4.0, 96.0), {"factor": 1.3}),
        ((96.0,), {"slow_share": 0.05}),
        ((96.0,), {"slow_share": 0.1}),
        ((4.0, 96.0), {"slow_share": 0.05}),
    ],
)
def test_shifted_patients_are_covered_or_flagged(simulated, times_h, shift):
    """At least 80 %, less one standard error; a flag of a patient counts as well."""
    runs = simulated(50, times_h, **shift)
    assert mean(runs, "coverage") + mean(runs, "flagged") > 0.78


@pytest.mark.parametrize(
    ("times_h", "shift"), [((24.0,), {"factor": 1.3}), ((4.0, 96.0), {"slow_share": 0.1})], ids=["early", "slow phase"]
)
def test_what_points_cannot_show_is_short_of_80_percent(simulated, times_h, shift):
    """Known limits, as the methods state them: where this test fails, they have become better and are to be rewritten.

    One point at 24 h does not tell the half-life (the method warns), and two points do not tell a phase that comes
    after them.
    """
    runs = simulated(50, times_h, **shift)
    assert 0.55 < mean(runs, "coverage") + mean(runs, "flagged") < 0.8


def test_two_points_show_a_shifted_group(simulated):
    assert mean(simulated(50, (4.0, 96.0), factor=1.3), "groups_flagged") > 0.5
    assert mean(simulated(50, (4.0, 96.0)), "groups_flagged") < 0.1


def test_order_of_the_methods(simulated):
    """At 96 h: two points, then the population, Madsen, Haenscheid; at 24 h the own half-life helps most."""
    late, early, two = (simulated(100, times_h) for times_h in ((96.0,), (24.0,), (4.0, 96.0)))
    assert rms(two, "population") < rms(late, "population") < rms(late, "madsen") < rms(late, "haenscheid")
    assert rms(early, "earlier half-life") < rms(early, "population") < rms(early, "haenscheid")
    assert rms(early, "population") > 1.5 * rms(late, "population")
