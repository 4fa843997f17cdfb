"""What the texts of options mean."""

from datetime import date

import pytest

from theradose.cli.options import parsed_day, parsed_moment, parsed_positive, parsed_start
from theradose.errors import StudyError


def test_quantities_are_converted():
    assert parsed_positive("7.4 GBq", "MBq", "--activity") == pytest.approx(7400)
    assert parsed_positive("2 %", "1", "--u") == pytest.approx(0.02)
    assert parsed_day("2027-02-28", "--valid-until") == date(2027, 2, 28)
    assert parsed_moment("2026-03-02T10:00+01:00", "--at").isoformat() == "2026-03-02T10:00:00+01:00"


def test_what_is_not_stated_stays_unknown():
    assert parsed_positive(None, "MBq", "--activity") is parsed_moment(None, "--at") is parsed_day(None, "--at") is None


@pytest.mark.parametrize(
    ("parse", "text", "code"),
    [
        (lambda text: parsed_positive(text, "MBq", "--x"), "0 MBq", "option-range"),
        (lambda text: parsed_positive(text, "MBq", "--x"), "-3 MBq", "option-range"),
        (lambda text: parsed_positive(text, "1", "--x"), "-3 %", "option-range"),
        (lambda text: parsed_positive(text, "1", "--x"), "100 %", "option-range"),
        (lambda text: parsed_moment(text, "--x"), "noon", "option-moment"),
        (lambda text: parsed_start(text, "--x"), "noon", "administration-start"),
        (lambda text: parsed_day(text, "--x"), "soon", "option-moment"),
    ],
)
def test_a_refusal_names_the_option_and_what_was_given(parse, text, code):
    with pytest.raises(StudyError, match=f"'{text}' of --x") as refused:
        parse(text)
    assert refused.value.code == code
