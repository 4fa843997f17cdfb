"""The virtual cohort of tumours: repeatable, readable, and its tables tell the response that was drawn."""

from __future__ import annotations

import pytest

from theradose.cohort.response.assemble import assemble
from theradose.cohort.response.settings import default_settings
from theradose.formats.tables_tumours import read_doses, read_tumours, read_volumes
from theradose.simulate.tumours import simulate_tumours, tumour_truth, write_tumours


def test_a_seed_makes_one_cohort():
    first, again, other = (simulate_tumours(seed=seed, patients=5) for seed in (1, 1, 2))
    assert [one.dose_gy for one in first] == [one.dose_gy for one in again] != [one.dose_gy for one in other]


@pytest.mark.parametrize("tumours", [20, 55])
def test_numbers_as_asked(tumours):
    cohort = simulate_tumours(seed=1, patients=20, tumours=tumours, all_eligible=True)
    assert len(cohort) == tumours and len({one.patient for one in cohort}) == 20
    assert all(one.exclusion is None for one in cohort)


def test_tables_tell_the_response_that_was_drawn(tmp_path):
    cohort = simulate_tumours(seed=4, patients=30, tumours=120, all_eligible=True)
    paths = write_tumours(cohort, tmp_path)
    settings = default_settings()
    outcomes = assemble(
        read_tumours(paths[0]), (read_volumes(paths[1]), read_doses(paths[2])), settings=settings
    )  # fmt: skip
    responds = [one.reduction["all-cycles"] >= settings.responder for one in outcomes]
    assert responds == [one.responds for one in cohort]
    assert {one.row.grade for one in outcomes} == set(tumour_truth().slope_per_gy)
    assert any(one.cycles_until_best < one.cycles for one in outcomes)
