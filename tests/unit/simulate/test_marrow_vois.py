from __future__ import annotations

import numpy as np
import pytest

from theradose.acquire.vois import read_vois
from theradose.simulate.blood import simulate_blood_cohort
from theradose.simulate.marrow_vois import simulate_marrow_vois, write_marrow_vois


@pytest.fixture(scope="module")
def blood():
    """A cohort of 131 treatments."""
    return simulate_blood_cohort(seed=177)


def test_a_seed_makes_one_cohort(blood):
    first, again, other = (simulate_marrow_vois(blood[:3], seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[2].concentration_mbq_l, again[2].concentration_mbq_l)
    assert first[0].area_mbq_h_per_l != other[0].area_mbq_h_per_l


def test_the_blood_is_a_part_of_what_images_show(blood):
    for sample, image in zip(blood, simulate_marrow_vois(blood, seed=1), strict=True):
        np.testing.assert_allclose(image.area_mbq_h_per_l - image.specific_mbq_h_per_l, sample.area_mbq_h_per_l)
        assert (image.concentration_mbq_l > 0).all()


def test_dose_is_two_to_four_times_that_from_blood(blood):
    """0.0851 Gy g/(MBq h) with absorbed fraction 1 over the density, against 0.0484 in blood of 1.06 g/mL."""
    images = simulate_marrow_vois(blood, seed=1)
    ratios = [
        (image.area_mbq_h_per_l * 0.0851 / image.density_g_per_ml) / (sample.area_mbq_h_per_l * 0.0484 / 1.06)
        for sample, image in zip(blood, images, strict=True)
    ]
    assert min(ratios) > 1.8 and max(ratios) < 4.5
    assert 2.5 < np.median(ratios) < 3.7


def test_true_curve_of_the_blood_has_its_area(blood):
    """By trapezoid from the end of the infusion, and by hand what it brings before."""
    truth = blood[0]
    times = np.geomspace(truth.infusion_h, 400, 20_000)
    after = np.trapezoid(truth.true_mbq_l(times), times)
    during = np.sum(
        truth.bolus_mbq_l / truth.rates_per_h * (1 - (1 - np.exp(-truth.rates_per_h * truth.infusion_h))
        / (truth.rates_per_h * truth.infusion_h))
    )  # fmt: skip
    np.testing.assert_allclose(after + during, truth.area_mbq_h_per_l, rtol=1e-4)


def test_table_can_be_read(blood, tmp_path):
    images = simulate_marrow_vois(blood[:4], seed=1)
    write_marrow_vois(images, tmp_path / "vois.csv")
    series = read_vois(tmp_path / "vois.csv")
    assert [(item.subject, item.cycle) for item in series] == [(truth.subject, truth.cycle) for truth in images]
    read = [image.concentration_mbq_l for image in series[0].images]
    np.testing.assert_allclose(read, images[0].concentration_mbq_l, rtol=1e-4)
