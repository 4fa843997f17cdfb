import numpy as np
import pytest

from cohort_records import kidney_cohort, region, treatment
from theradose.cohort.reference import by_key, position_in, reference_ranges
from theradose.plan.reference_ranges import published_range

DOSE = "dose_per_activity_gy_gbq"


def ranges(treatments):
    return by_key(reference_ranges(treatments, replicates=200))


def test_sides_are_taken_together_for_doses_and_apart_for_sizes():
    known = ranges(kidney_cohort(25))
    kidneys = known["lu177-dotatate", "kidneys", DOSE]
    assert (kidneys.n, kidneys.patients, kidneys.interval_by) == (50, 25, "bootstrap of patients")
    assert ("lu177-dotatate", "left-kidney", DOSE) not in known
    assert known["lu177-dotatate", "left-kidney", "volume_ml"].n == 25
    assert ("lu177-dotatate", "lesion", DOSE) in known and ("lu177-dotatate", "lesion", "volume_ml") not in known
    assert known["lu177-dotatate", "liver", DOSE].interval_by == "order statistics"


def test_coefficients_follow_from_the_activity():
    known = ranges([treatment(activity_mbq=4000.0, regions=[region(tia_mbq_h=8000.0)])])
    assert known["lu177-dotatate", "liver", "tiac_h"].median == 2.0


def test_published_doses_stand_beside():
    known = ranges(kidney_cohort(3))
    beside = known["lu177-dotatate", "kidneys", DOSE].published
    published = published_range(therapy="lu177-dotatate", organ="kidneys")
    assert (beside.low, beside.high) == (published.low_gy_gbq, published.high_gy_gbq)
    assert known["lu177-dotatate", "kidneys", "effective_half_life_h"].published is None


def test_marrow_keeps_to_its_method():
    known = ranges([treatment(regions=[region("red-marrow-by-blood", dose_per_activity_gy_gbq=0.02)])])
    beside = known["lu177-dotatate", "red-marrow-by-blood", DOSE].published
    assert beside.high == published_range(therapy="lu177-dotatate", organ="red-marrow", methods=["blood"]).high_gy_gbq


def test_few_patients_have_no_percentiles():
    many, few = ranges(kidney_cohort(20)), ranges(kidney_cohort(19, 5))
    key = "lu177-dotatate", "liver", DOSE
    assert [item.percent for item in many[key].percentiles] == [5, 25, 50, 75, 95]
    assert few[key].percentiles == () and few[key].n == 95 and few[key].interval_by is None


def test_percentiles_of_a_large_cohort_are_those_of_its_distribution():
    """3,000 patients, lognormal with the median 0.25 and sigma 0.316: 5 % at 0.1487, 95 % at 0.4204."""
    liver = ranges(kidney_cohort(3000))["lu177-dotatate", "liver", DOSE]
    truth = 0.25 * np.exp(np.hypot(0.3, 0.1) * np.array([-1.6449, -0.6745, 0, 0.6745, 1.6449]))
    assert [item.value for item in liver.percentiles] == pytest.approx(truth, rel=0.04)
    assert all(item.low < item.value < item.high for item in liver.percentiles)


def test_no_therapy_no_range():
    assert reference_ranges([treatment(therapy=None)]) == ()


def test_the_patient_is_left_out():
    liver = ranges(kidney_cohort(30, 2))["lu177-dotatate", "liver", DOSE]
    own = max(liver.values, key=lambda item: item.value)
    with_own = position_in(liver, own.value, patient=None, fewest=20, replicates=50)
    without = position_in(liver, own.value, patient=own.patient, fewest=20, replicates=50)
    assert (with_own.n, without.n, without.patients, without.left_out) == (60, 58, 29, 2)
    assert with_own.left_out == 0 and with_own.rank.value < 100
    assert without.rank.value == 100 and without.rank.low > 85


def test_no_rank_among_too_few_others():
    liver = ranges(kidney_cohort(20))["lu177-dotatate", "liver", DOSE]
    place = position_in(liver, 0.3, patient="P001", fewest=20)
    assert (place.rank, place.percentiles, place.patients) == (None, (), 19)
