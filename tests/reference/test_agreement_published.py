"""What several pairs per person change; the published numbers are cases of ``theradose validate``.

Bland and Altman 2007, Table 1: cardiac output of 12 people in 60 pairs.
"""

import math

from theradose.statistics.agreement import bland_altman
from theradose.validation.case import load_cases

INPUTS = next(case for case in load_cases("agreement") if case.id == "cardiac-output/bias").inputs


def test_pairs_and_people_are_counted():
    result = bland_altman(INPUTS["first"], INPUTS["second"], subjects=INPUTS["subjects"])
    assert (result.pairs, result.subjects) == (60, 12)


def test_taking_pairs_for_independent_makes_limits_too_narrow():
    ignored = bland_altman(INPUTS["first"], INPUTS["second"])
    aware = bland_altman(INPUTS["first"], INPUTS["second"], subjects=INPUTS["subjects"])
    assert math.isnan(ignored.sd_within)
    assert aware.bias.high - aware.bias.low > 1.8 * (ignored.bias.high - ignored.bias.low)
