from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import StudyError, UnitError
from theradose.units import UNITS, conversion_factor, parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("7.4 GBq", "MBq", 7400.0),
        ("7.4GBq", "MBq", 7400.0),
        ("  200 mCi ", "MBq", 7400.0),  # 1 Ci is 37 GBq by definition
        ("1e3 kBq", "MBq", 1.0),
        ("-2 Bq", "MBq", -2e-6),
        ("30 min", "h", 0.5),
        ("2 d", "h", 48.0),
        ("4 us", "us", 4.0),
        ("4 \N{MICRO SIGN}s", "us", 4.0),
        ("4 \N{GREEK SMALL LETTER MU}s", "us", 4.0),
        ("71 kg", "kg", 71.0),
        ("168 cm", "mm", 1680.0),
        ("3 %", "1", 0.03),
        ("0.03", "1", 0.03),
        (0.03, "1", 0.03),
        ("20 cm3", "mL", 20.0),
        ("1.06 g/cm3", "g/mL", 1.06),
        ("1040 kg/m3", "g/mL", 1.04),
        ("0.93 MeV", "keV", 930.0),
        ("558 cpm/MBq", "cps/MBq", 9.3),
        ("5000 Bq/mL", "MBq/mL", 0.005),
        ("250 mGy/GBq", "Gy/GBq", 0.25),
        ("7.4\N{NO-BREAK SPACE}GBq", "MBq", 7400.0),
    ],
)
def test_quantities(text, unit, value):
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "code"),
    [
        ("7,4 GBq", "MBq", "unit-comma"),  # a common library reads 74
        ("7,400 MBq", "MBq", "unit-comma"),
        ("7.4", "MBq", "unit-missing"),
        (7.4, "MBq", "unit-missing"),
        (7400, "MBq", "unit-missing"),
        (True, "1", "unit-missing"),
        (None, "MBq", "unit-missing"),
        (["7.4 GBq"], "MBq", "unit-missing"),
        ("7.4 mBq", "MBq", "unit-unknown"),  # millibecquerel, or a misspelt megabecquerel
        ("7.4 Gbq", "MBq", "unit-unknown"),
        ("7.4 Sv", "Gy", "unit-unknown"),
        ("7.4 Hz", "MBq", "unit-unknown"),
        ("7.4 Gy", "MBq", "unit-kind"),
        ("7.4 GBq GBq", "MBq", "unit-unknown"),
        ("7.4.1 GBq", "MBq", "unit-unknown"),
        ("GBq", "MBq", "unit-syntax"),
        ("", "MBq", "unit-syntax"),
        ("nan MBq", "MBq", "unit-syntax"),
        ("inf MBq", "MBq", "unit-syntax"),
        (math.nan, "1", "unit-syntax"),
        ("1e999 MBq", "MBq", "unit-syntax"),
    ],
)
def test_refusals(text, unit, code):
    with pytest.raises(UnitError) as caught:
        parse_quantity(text, unit)
    assert caught.value.code == code
    assert isinstance(caught.value, StudyError)


def test_a_comma_is_never_repaired_by_guess():
    """'7,400 MBq' may be 7.4 or 7400 MBq: the message must suggest neither as the meaning."""
    with pytest.raises(UnitError) as caught:
        parse_quantity("7,400 MBq", "MBq")
    assert "7.400" not in str(caught.value)


def test_neighbouring_quantities_are_explained():
    with pytest.raises(UnitError, match="never of absorbed dose"):
        parse_quantity("2 Sv", "Gy")
    with pytest.raises(UnitError, match="never decays"):
        parse_quantity("2 Hz", "MBq")


SYMBOLS = st.sampled_from(sorted(UNITS))


@given(SYMBOLS, SYMBOLS)
def test_units_of_one_kind_convert_back_and_others_never(first, second):
    if UNITS[first][0] == UNITS[second][0]:
        assert conversion_factor(first, second) * conversion_factor(second, first) == pytest.approx(1, rel=1e-12)
    else:
        with pytest.raises(UnitError):
            conversion_factor(first, second)


@given(SYMBOLS, st.floats(-1e12, 1e12, allow_subnormal=False))
def test_printed_quantities_are_read_back(symbol, number):
    assert parse_quantity(f"{number!r} {symbol}", symbol) == pytest.approx(number, rel=1e-12)


# Every unit in coherent SI units (Bq, Gy, s, kg, m3, m, J by eV, 1/s), written from the definitions of the prefixes.
SI = {
    "1/cm": 1e2, "1/mm": 1e3,
    "1/h": 1 / 3600, "1/d": 1 / 86400, "1/Gy": 1, "1/mGy": 1e3,
    "Bq": 1, "kBq": 1e3, "MBq": 1e6, "GBq": 1e9, "TBq": 1e12, "mCi": 3.7e7, "Ci": 3.7e10,
    "Gy": 1, "mGy": 1e-3, "cGy": 1e-2,
    "h": 3600, "d": 86400, "min": 60, "s": 1, "ms": 1e-3, "us": 1e-6,
    "g": 1e-3, "mg": 1e-6, "kg": 1,
    "mL": 1e-6, "ml": 1e-6, "uL": 1e-9, "L": 1e-3, "l": 1e-3, "cm3": 1e-6, "mm3": 1e-9,
    "mm": 1e-3, "cm": 1e-2, "m": 1, "um": 1e-6,
    "keV": 1e3, "eV": 1, "MeV": 1e6,
    "g/mL": 1e3, "g/cm3": 1e3, "kg/m3": 1,
    "cps": 1, "kcps": 1e3, "cpm": 1 / 60,
    "cps/MBq": 1e-6, "cps/kBq": 1e-3, "cps/GBq": 1e-9, "cpm/MBq": 1e-6 / 60, "cpm/kBq": 1e-3 / 60,
    "MBq/mL": 1e12, "kBq/mL": 1e9, "Bq/mL": 1e6, "MBq/L": 1e9,
    "mg/dL": 1e-2, "mg/L": 1e-3, "g/L": 1,
    "1": 1, "%": 1e-2,
    "Gy/GBq": 1e-9, "mGy/MBq": 1e-9, "mGy/GBq": 1e-12,
}  # fmt: skip


@pytest.mark.parametrize("symbol", UNITS)
def test_factors_follow_from_the_definitions(symbol):
    kind, factor = UNITS[symbol]
    inside = next(other for other, (other_kind, _) in UNITS.items() if other_kind == kind)
    assert UNITS[inside][1] == 1.0
    assert factor == pytest.approx(SI[symbol] / SI[inside], rel=1e-12)
