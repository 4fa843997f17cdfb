"""Stated uncertainties of doses on digital patients: they hold the truth, and the right sources lead them.

200 patients, each with a kidney and a lesion below 10 mL, through the functions that real images go through;
`bench/dose_coverage.py` runs more patients and all regions.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from theradose.data import load_yaml
from theradose.kinetics.monte_carlo import integrate_draws
from theradose.nuclides import load_nuclide
from theradose.simulate.camera import load_camera
from theradose.simulate.cohort import COHORT, draw_camera, draw_object, measure_object, simulate_cohort
from theradose.uncertainty import propagate_monte_carlo, source_shares

PATIENTS, FEW = 200, 12
LUTETIUM = load_nuclide("Lu-177")


@pytest.fixture(scope="module")
def cohort():
    doses = [
        *simulate_cohort(
            patients=PATIENTS, seed=2018, regions=("kidney", "parotid", "small-lesion", "emission-lesion")
        ),
        *simulate_cohort(patients=FEW, seed=2018, regions=("liver", "spleen", "submandibular")),
    ]
    return {name: [dose for dose in doses if dose.region == name] for name in {dose.region for dose in doses}}


def test_the_stated_interval_holds_the_true_dose(cohort):
    """90 to 98 % of the regions of 200 patients."""
    holds = [np.mean([dose.holds for dose in cohort[name]]) for name in ("kidney", "parotid", "small-lesion")]
    assert 0.90 <= np.mean(holds) <= 0.98
    # Of 200 with a true 93 %, fewer than 87 % have a chance of 0.2 % (binomial).
    assert min(holds) >= 0.87


def test_outlines_on_emission_images_are_held_less_often(cohort):
    """Their volume is so uncertain that first order falls short: about 89 % of 1,100; 200 of those scatter by 2.2 %."""
    holds = np.mean([dose.holds for dose in cohort["emission-lesion"]])
    assert 0.825 <= holds <= 0.955


@pytest.mark.parametrize("region", ["kidney", "liver", "spleen"])
def test_the_fit_leads_in_large_organs(cohort, region):
    """R1: in large organs the curve fit, beside the stated calibration of the camera, which is common to everything."""
    shares = mean_shares(cohort[region])
    assert shares["fit"] > max(shares["volume"], shares["recovery"])


@pytest.mark.parametrize("region", ["parotid", "submandibular", "small-lesion"])
def test_volume_and_recovery_lead_in_small_regions(cohort, region):
    """R1: in small lesions and salivary glands volume and recovery."""
    shares = mean_shares(cohort[region])
    assert shares["volume"] + shares["recovery"] > sum(shares.values()) / 2


def mean_shares(doses):
    shares = [source_shares(dose.dose) for dose in doses]
    return {name: np.mean([share.get(name, 0.0) for share in shares]) for name in set().union(*shares)}


@pytest.fixture(scope="module")
def repeated():
    """One kidney, measured 80 times with another camera, outline and noise."""
    spec = load_yaml(COHORT)
    item = next(entry for entry in spec["regions"] if entry["name"] == "kidney")
    true = draw_object(item, spec, np.random.default_rng(4))
    measure = partial(measure_object, item, true, spec=spec, camera=load_camera(), nuclide=LUTETIUM)
    generators = [np.random.default_rng([5, number]) for number in range(80)]
    return [measure(draw_camera(spec, rng), rng=rng) for rng in generators]


def test_repeated_measurements_scatter_as_stated(repeated):
    """A standard deviation from 80 values is known to 8 % (k = 1)."""
    spread = np.std([found.dose.value for found in repeated], ddof=1)
    stated = np.median([found.dose.u for found in repeated])
    assert spread == pytest.approx(stated, rel=0.24)


def test_drawn_inputs_give_the_propagated_uncertainty(repeated):
    """First order against draws of all sources: 20,000 draws know a standard deviation to 0.5 %, the quotient of two
    quantities with 5 % adds the square of that."""
    found = repeated[0]
    inputs = {"tia": found.tia.value, "dose_per_tia": found.dose / found.tia.value}
    mean, u = propagate_monte_carlo(lambda tia, dose_per_tia: tia * dose_per_tia, inputs, seed=1)
    assert mean == pytest.approx(found.dose.value, rel=5e-3)
    assert u == pytest.approx(found.dose.u, rel=0.02)


def test_drawn_points_give_the_uncertainty_of_the_integral(repeated):
    """120 draws know a standard deviation to 6.5 % (k = 1)."""
    found = repeated[0]
    drawn = integrate_draws(found.tia.curve, nuclide=LUTETIUM, draws=120, seed=3)
    assert drawn.u_mbq_h == pytest.approx(found.tia.value.u, rel=0.2)
