import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.model.result import Estimate
from theradose.numbers import (
    format_deviation,
    format_estimate,
    format_fixed,
    format_given,
    format_given_percent,
    format_number,
    format_p,
    format_percent,
    words,
)


@pytest.mark.parametrize(
    ("value", "u", "shown"),
    [
        (4.5312, 0.2149, "4.53 ± 0.21"),
        (0.8149, 0.0962, "0.815 ± 0.096"),
        (123.4, 9.96, "123 ± 10"),
        (1234.5, 99.9, "1230 ± 100"),
        (281_400.0, 11_900.0, "281\u202f000 ± 12\u202f000"),
        (-0.52, 0.031, "−0.520 ± 0.031"),
        (3.2e-5, 4.1e-6, "(3.20 ± 0.41)·10⁻⁵"),
        (2.0, 15.0, "2 ± 15"),
        (4.5312, None, "4.53 ± —"),
        (None, None, "—"),
        (None, 0.1, "—"),
        (0.0, None, "0 ± —"),
    ],
)
def test_digits_follow_the_uncertainty(value, u, shown):
    assert format_estimate(Estimate(value=value, u=u)) == shown


def test_an_unknown_estimate_is_never_zero():
    assert format_estimate(None) == format_number(None) == format_percent(None) == format_fixed(None, 1) == "—"
    assert format_number(math.nan) == format_number(math.inf) == "—"


@given(st.floats(1e-3, 1e6), st.floats(1e-4, 0.9))
def test_what_is_shown_is_within_half_a_digit_of_u(value, relative_u):
    u = relative_u * value
    shown = format_estimate(Estimate(value=value, u=u)).replace("\u202f", "")
    if "·10" in shown:
        return
    value_shown, u_shown = (float(part) for part in shown.split(" ± "))
    # Two significant digits of u: its rounding is at most 5 %, and so is that of the value relative to u.
    assert abs(u_shown - u) <= 0.0501 * u
    assert abs(value_shown - value) <= 0.0501 * u


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, "0 %"), (0.0004, "< 0.1 %"), (0.042, "4.2 %"), (0.0999, "10 %"), (0.37, "37 %"), (1.12, "112 %")],
)
def test_percentages(fraction, shown):
    assert format_percent(fraction) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(159.53, "159.53"), (71.0, "71"), (0.5, "0.5"), (7340.0, "7340"), (1.34e-4, "1.34·10⁻⁴"), (2e7, "2·10⁷")],
)
def test_stated_numbers_keep_their_digits(value, shown):
    assert format_given(value) == shown


def test_stated_and_signed_percentages():
    assert [format_given_percent(x) for x in (0.05, 0.125, 1.0, None)] == ["5 %", "12.5 %", "100 %", "—"]
    assert [format_deviation(x) for x in (0.36, -0.012, 0.0, None)] == ["+36 %", "−1.2 %", "0 %", "—"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("whole-normal-liver", "whole normal liver"),
        ("lesion-1", "lesion 1"),
        ("dose_above_limit", "dose above limit"),
        ("segments 5-8: tumour", "segments 5-8: tumour"),
    ],
)
def test_an_identifier_as_words_keeps_ranges(name, shown):
    assert words(name) == shown


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0004, "p < 0.001"), (0.0465, "p = 0.046"), (0.0996, "p = 0.10"), (0.4, "p = 0.40"), (None, "p —")],
)
def test_p_values(p, text):
    assert format_p(p) == text
