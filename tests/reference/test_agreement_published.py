"""Agreement of methods: published worked examples.

Bland and Altman 1986, Table 1: peak flow of 17 people by two meters, first readings. Bland and Altman 1999, section 3:
systolic blood pressure of 85 people, of which the summary is printed. Bland and Altman 2007, Table 1: cardiac output of
12 people in 60 pairs by radionuclide ventriculography (RV) and impedance (IC), with the analysis of variance of section
3.2. Printed numbers are asserted to their printed digits.
"""

import math

import numpy as np
import pytest
from scipy import stats

from theradose.statistics.agreement import bland_altman, pearson

WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

CARDIAC_OUTPUT = """
1 7.83 6.57, 1 7.42 5.62, 1 7.89 6.90, 1 7.12 6.57, 1 7.88 6.35, 2 6.16 4.06, 2 7.26 4.29, 2 6.71 4.26, 2 6.54 4.09,
3 4.75 4.71, 3 5.24 5.50, 3 4.86 5.08, 3 4.78 5.02, 3 6.05 6.01, 3 5.42 5.67, 4 4.21 4.14, 4 3.61 4.20, 4 3.72 4.61,
4 3.87 4.68, 4 3.92 5.04, 5 3.13 3.03, 5 2.98 2.86, 5 2.85 2.77, 5 3.17 2.46, 5 3.09 2.32, 5 3.12 2.43, 6 5.92 5.90,
6 6.42 5.81, 6 5.92 5.70, 6 6.27 5.76, 7 7.13 5.09, 7 6.62 4.63, 7 6.58 4.61, 7 6.93 5.09, 8 4.54 4.72, 8 4.81 4.61,
8 5.11 4.36, 8 5.29 4.20, 8 5.39 4.36, 8 5.57 4.20, 9 4.48 3.17, 9 4.92 3.12, 9 3.97 2.96, 10 4.22 4.35, 10 4.65 4.62,
10 4.74 3.16, 10 4.44 3.53, 10 4.50 3.53, 11 6.78 7.20, 11 6.07 6.09, 11 6.52 7.00, 11 6.42 7.10, 11 6.41 7.40,
11 5.76 6.80, 12 5.06 4.50, 12 4.72 4.20, 12 4.90 3.80, 12 4.80 3.80, 12 4.90 4.20, 12 5.10 4.50
"""
ROWS = [row.split() for row in CARDIAC_OUTPUT.replace("\n", " ").split(",")]
SUBJECTS = [row[0] for row in ROWS]
RV, IC = (np.array([float(row[column]) for row in ROWS]) for column in (1, 2))


def test_peak_flow():
    """Mean difference -2.1 and standard deviation 38.8 L/min; r = 0.94; interval of the bias -22.0 to 17.8 L/min."""
    result = bland_altman(WRIGHT, MINI)
    assert result.bias.value == pytest.approx(-2.1, abs=0.05)
    assert result.sd == pytest.approx(38.8, abs=0.05)
    # The paper multiplies rounded numbers.
    assert (result.bias.low, result.bias.high) == (pytest.approx(-22.0, abs=0.11), pytest.approx(17.8, abs=0.11))
    assert pearson(WRIGHT, MINI).value == pytest.approx(0.94, abs=0.005)


def test_blood_pressure():
    """Bias -16.29 mmHg (-20.5 to -12.1), limits -54.7 (-61.9 to -47.5) and 22.1 (14.9 to 29.3)."""
    scores = stats.norm.ppf((np.arange(85) + 0.5) / 85)
    differences = -16.29 + 19.61 * (scores - scores.mean()) / scores.std(ddof=1)
    second = np.linspace(100, 200, 85)
    result = bland_altman(second + differences, second)
    printed = (
        (result.bias, (-16.29, -20.5, -12.1)),
        (result.lower, (-54.7, -61.9, -47.5)),
        (result.upper, (22.1, 14.9, 29.3)),
    )
    for interval, numbers in printed:
        # The paper rounds the factor of the standard error (1.716 to 1.71), the standard error and the limits.
        assert (interval.value, interval.low, interval.high) == pytest.approx(numbers, abs=0.15)


def test_cardiac_output_with_several_pairs_per_subject():
    """Bias 0.6021667; mean squares 4.2090856 and 0.170714026: s = 0.99062408, limits -1.3394565 and 2.5437899."""
    result = bland_altman(RV, IC, subjects=SUBJECTS)
    assert (result.pairs, result.subjects) == (60, 12)
    assert result.bias.value == pytest.approx(0.6021667, abs=5e-8)
    assert result.sd_within**2 == pytest.approx(0.170714026, abs=5e-8)
    assert result.sd == pytest.approx(0.99062408, abs=5e-8)
    # They print limits with 1.96 for the quantile 1.959964.
    assert result.lower.value == pytest.approx(-1.3394565, abs=5e-5)
    assert result.upper.value == pytest.approx(2.5437899, abs=5e-5)


def test_taking_pairs_for_independent_makes_limits_too_narrow():
    """The same paper: 0.9610571 if subjects are ignored."""
    ignored = bland_altman(RV, IC)
    assert ignored.sd == pytest.approx(0.9610571, abs=5e-8)
    assert math.isnan(ignored.sd_within)
    aware = bland_altman(RV, IC, subjects=SUBJECTS)
    assert aware.bias.high - aware.bias.low > 1.8 * (ignored.bias.high - ignored.bias.low)
