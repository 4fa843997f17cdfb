import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.model.stated import Stated
from theradose.plan.probability import interval
from theradose.plan.wording import (
    activity_number,
    activity_words,
    ends_words,
    interval_words,
    source_words,
    stated_words,
    subject_words,
    with_interval,
    with_u,
)
from theradose.uncertainty import Uncertain


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Uncertain(4.5312, {"mass": 0.2149}), "4.53 ± 0.21 Gy"),
        (Uncertain(4.5312, {"mass": 0.2149}, frozenset({"fit"})), "4.53 ± 0.21 Gy"),
        (Uncertain(4.5312, {}, frozenset({"mass"})), "4.53 ± — Gy"),
        (Uncertain(4.5312), "4.531 Gy"),
        (Uncertain(0.0), "0 Gy"),
        (None, "—"),
    ],
)
def test_what_nobody_stated_is_a_dash_and_what_is_exact_stands_alone(quantity, text):
    assert with_u(quantity, "Gy") == text


@pytest.mark.parametrize(
    ("stated", "unit", "inside", "text"),
    [
        (Stated(25.0, 2.5), "g", None, "25.0 ± 2.5 g"),
        (Stated(25.0, 0.0), "g", None, "25 ± 0 g"),
        (Stated(70.25), "kg", None, "70.25 ± — kg"),
        (Stated(7312.0, 150.0), "GBq", "MBq", "7.31 ± 0.15 GBq"),
        (Stated(0.06), "%", "1", "6 ± — %"),
        (Stated(0.5 / 24), "1/d", "1/h", "0.5 ± — 1/d"),
    ],
)
def test_a_stated_quantity_keeps_its_digits(stated, unit, inside, text):
    assert stated_words(stated, unit, inside=inside) == text


def test_the_interval_is_written_one_way():
    quantity = Uncertain(10.0, {"fit": 1.0})
    assert ends_words(quantity) == "8.22 – 12.2"
    assert with_interval(quantity, "Gy") == "10.0 Gy (95 % interval 8.22 – 12.2 Gy)"
    assert interval_words(Uncertain(10.0), "Gy") == "interval not stated" and ends_words(Uncertain(10.0)) == "—"


@given(st.floats(1.0, 500.0), st.floats(0.01, 0.5), st.booleans())
def test_the_words_hold_the_ends_to_three_digits(value, relative_u, of_mean):
    quantity = Uncertain(value, {"fit": relative_u * value})
    ends = [float(end) for end in ends_words(quantity, of_mean=of_mean).split(" – ")]
    assert ends == pytest.approx(interval(quantity, of_mean=of_mean), rel=6e-3)


def test_activities_are_in_gbq_and_subjects_in_one_line():
    assert (activity_words(7400.0), activity_number(10_070.4), activity_number(None)) == ("7.4 GBq", "10.07", "—")
    assert subject_words("177Lu-DOTATATE", "P1", "cycle 2") == "177Lu-DOTATATE · patient P1 · cycle 2"
    assert subject_words(None, None) == ""


def test_sources_are_words():
    names = ["trend:lesions", "fit:left-kidney@2", "dose-constant:blood", "haematocrit"]
    assert source_words(names) == (
        "dose constant of blood, fit of left kidney in cycle 2, haematocrit, trend of lesions"
    )
