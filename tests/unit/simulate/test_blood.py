from __future__ import annotations

import math

import numpy as np

from theradose.acquire.blood import read_blood
from theradose.formats.tables_treatments import read_treatments
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort


def test_a_seed_makes_one_cohort():
    first, again, other = (simulate_blood_cohort(seed=seed, treatments=3) for seed in (1, 1, 2))
    assert [truth.area_mbq_h_per_l for truth in first] == [truth.area_mbq_h_per_l for truth in again]
    assert first[0].area_mbq_h_per_l != other[0].area_mbq_h_per_l


def test_shape_of_the_published_cohort():
    cohort = simulate_blood_cohort(seed=1)
    assert len(cohort) == 131
    assert {len(truth.t_h) for truth in cohort} == {6, 7, 8, 9}
    assert all(truth.t_h[0] == 0.5 and 24 in truth.t_h for truth in cohort)


def test_noise_has_the_stated_size():
    """z of 131 × about 7.5 samples: mean 0 ± 0.03, standard deviation 1 ± 0.03 (2 % and 4 standard errors)."""
    cohort = simulate_blood_cohort(seed=1)
    scores = np.concatenate([(t.concentration_mbq_l - t.u_mbq_l / 0.05) / t.u_mbq_l for t in cohort])
    assert abs(scores.mean()) < 4 / math.sqrt(len(scores))
    assert abs(scores.std() - 1) < 4 / math.sqrt(2 * len(scores))


def test_tables_can_be_read(tmp_path):
    cohort = simulate_blood_cohort(seed=1, treatments=5)
    blood, treatments = tmp_path / "blood.csv", tmp_path / "treatments.csv"
    write_blood_cohort(cohort, blood, treatments)
    series = read_blood(blood)
    assert [(item.subject, item.cycle) for item in series] == [(truth.subject, truth.cycle) for truth in cohort]
    assert set(read_treatments(treatments)) == {(truth.subject, truth.cycle) for truth in cohort}
