"""Pooling of published doses, and what is out of range."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.data import load_yaml
from theradose.plan import reference_ranges
from theradose.plan.reference_ranges import (
    expected_dose,
    plausibility_findings,
    published_range,
    reference_doses,
)
from theradose.plan.therapies import load_therapies
from theradose.spatial.naming import canonical_region

REFERENCES = Path(__file__).parents[3] / "src" / "theradose" / "data" / "references.bib"
KEYS = set(re.findall(r"^@\w+\{([^,]+),", REFERENCES.read_text(encoding="utf-8"), flags=re.MULTILINE))
DOTATATE = "lu177-dotatate"


def test_every_source_is_in_the_bibliography():
    for therapy in load_therapies():
        for row in reference_doses(therapy=therapy):
            assert row.source.partition(":")[0] in KEYS, row.source


def test_rows_are_of_known_therapies_and_canonical_organs():
    for therapy in load_therapies():
        for row in reference_doses(therapy=therapy):
            assert row.organ in ("lesion", "blood") or canonical_region(row.organ).name == row.organ
            assert row.mean or row.median or row.range
            assert row.sd is None or row.mean is not None
            assert row.range is None or row.range[0] < row.range[1]
            # What is per cycle says of which activity, or says that nobody knows.
            assert row.per_gbq is not None or "activity" in row.note
    assert sum(len(reference_doses(therapy=therapy)) for therapy in load_therapies()) == len(
        load_yaml("reference_ranges.yaml")["rows"]
    )


def test_sides_of_a_pair_have_the_rows_of_the_pair():
    kidneys = reference_doses(therapy=DOTATATE, organ="kidneys")
    assert kidneys and reference_doses(therapy=DOTATATE, organ="right-kidney") == kidneys


def test_expected_dose_is_weighted_by_number_with_the_spread_between_patients():
    """By hand: kidneys 0.57±0.09 (61), 0.43±0.13 (12), 0.38±0.19 (80), 0.65±0.29 (20)."""
    groups = [(0.57, 0.09, 61), (0.43, 0.13, 12), (0.38, 0.19, 80), (0.65, 0.29, 20)]
    n = sum(count for *_, count in groups)
    mean = sum(value * count for value, _, count in groups) / n
    variance = sum((sd**2 + (value - mean) ** 2) * count for value, sd, count in groups) / n
    expected = expected_dose(therapy=DOTATATE, organ="kidneys").dose_per_activity_gy_gbq
    assert expected.value == pytest.approx(mean)
    assert expected.u == pytest.approx(math.sqrt(variance))
    assert set(expected.contributions) == {"patients:kidneys"}


def test_patients_count_once_and_subgroups_not_at_all():
    rows = expected_dose(therapy="lu177-psma", organ="kidneys").rows
    assert [row.source.partition(":")[0] for row in rows] == ["VISIONDosimetry2024", "PMC5472088"]
    assert any(row.subgroup for row in published_range(therapy="lu177-psma", organ="kidneys").rows)


def test_without_a_printed_deviation_the_uncertainty_is_not_stated():
    spleen = expected_dose(therapy="lu177-psma", organ="spleen").dose_per_activity_gy_gbq
    assert not spleen.contributions and spleen.not_stated == {"patients:spleen"}


def test_what_is_not_published_is_not_judged():
    assert published_range(therapy="y90-tare", organ="liver") is None
    assert expected_dose(therapy=DOTATATE, organ="heart") is None
    for therapy in (None, "y90-tare", "something-else"):
        assert plausibility_findings(therapy=therapy, organ="kidneys", dose_per_activity_gy_gbq=100.0) == ()
    assert plausibility_findings(therapy=DOTATATE, organ="heart", dose_per_activity_gy_gbq=100.0) == ()


def test_a_mean_and_a_deviation_become_the_interval_of_that_lognormal_distribution():
    """Liver 0.27 ± 0.05: independent, scipy's quantiles of the distribution whose mean and deviation these are."""
    from scipy.stats import lognorm

    sigma = math.sqrt(math.log(1 + (0.05 / 0.27) ** 2))
    distribution = lognorm(sigma, scale=0.27 * math.exp(-(sigma**2) / 2))
    assert (distribution.mean(), distribution.std()) == pytest.approx((0.27, 0.05))
    known = published_range(therapy=DOTATATE, organ="liver")
    assert (known.low_gy_gbq, known.high_gy_gbq) == pytest.approx(tuple(distribution.ppf([0.025, 0.975])))


@given(share=st.floats(0.0, 1.0))
def test_nothing_is_said_within_the_range(share):
    known = published_range(therapy=DOTATATE, organ="kidneys")
    value = known.low_gy_gbq + share * (known.high_gy_gbq - known.low_gy_gbq)
    assert plausibility_findings(therapy=DOTATATE, organ="kidneys", dose_per_activity_gy_gbq=value) == ()


@pytest.mark.parametrize("organ", ["kidneys", "liver", "spleen", "pituitary", "lesion"])
@given(factor=st.floats(3.001, 1e6))
def test_beyond_three_times_the_range_is_never_silent(organ, factor):
    known = published_range(therapy=DOTATATE, organ=organ)
    for value in (factor * known.high_gy_gbq, known.low_gy_gbq / factor):
        (finding,) = plausibility_findings(therapy=DOTATATE, organ=organ, dose_per_activity_gy_gbq=value)
        assert finding.code in ("dose-implausible", "dose-outside-reference")
        assert finding.severity == ("critical" if finding.code == "dose-implausible" else "warning")


def test_a_high_dose_that_is_no_dose_per_cycle_is_only_out_of_range():
    # 20 Gy/GBq would be 2.7 Gy/GBq of 7.4 GBq, which is no kidney dose either.
    (finding,) = plausibility_findings(therapy=DOTATATE, organ="kidneys", dose_per_activity_gy_gbq=20.0)
    assert finding.code == "dose-outside-reference"


def test_a_dose_that_can_be_is_not_taken_for_a_dose_per_cycle():
    assert plausibility_findings(therapy=DOTATATE, organ="kidneys", dose_per_activity_gy_gbq=1.9) == ()
    assert plausibility_findings(therapy=DOTATATE, organ="kidneys", dose_per_activity_gy_gbq=2.1)


def test_the_statement_of_the_rule_is_a_choice():
    assert reference_ranges.pooling_statement().status == "choice"


def test_a_lesion_is_never_taken_for_a_dose_per_cycle():
    high = published_range(therapy=DOTATATE, organ="lesion").high_gy_gbq
    (finding,) = plausibility_findings(therapy=DOTATATE, organ="lesion", dose_per_activity_gy_gbq=5 * high)
    assert finding.code == "dose-outside-reference"
