from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from theradose.errors import CalibrationError, PhysicsError
from theradose.model.calibration import ConstancyCheck
from theradose.model.counted_source import ConstancyReading, Counting
from theradose.model.samples import CellOrigin
from theradose.quantify.constancy import check_constancy, source_half_life

START = datetime(2026, 2, 20, 14, tzinfo=UTC)


def reading(cps, *, days=0.0, source="Cs-1", nuclide="Cs-137", seconds=600.0):
    moment = START + timedelta(days=days)
    return ConstancyReading(Counting(CellOrigin("check.csv", 2), moment, cps * seconds, seconds), source, nuclide)


def reference(cps=5000.0, *, u=5.0, days=0.0, source="Cs-1"):
    moment = START + timedelta(days=days)
    return ConstancyCheck(
        measured_at=moment, source=source, nuclide="Cs-137", reading_cps=cps, u_cps=u, reference=True, made_at=moment,
        software="test",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["Cs-137", "137Cs", "cs137", "137-Cs"])
def test_half_life_of_caesium(text):
    """DDEP: 30.05(8) years; a tropical year has 365.242 days."""
    constant = source_half_life(text)
    assert constant.value == pytest.approx(30.05 * 365.242 * 24)
    assert constant.u == pytest.approx(0.08 * 365.242 * 24, rel=1e-3)


def test_built_in_nuclides_are_sources_too():
    assert source_half_life("Tc-99m").value == pytest.approx(6.0067)


def test_unknown_source_is_refused():
    with pytest.raises(PhysicsError) as caught:
        source_half_life("Ra-226")
    assert "Cs-137" in str(caught.value)


def test_first_reading_is_the_reference():
    result, findings = check_constancy(reading(5000), checks=(), tolerance=0.05)
    assert result.passed is None and result.reference is None
    assert [finding.code for finding in findings] == ["constancy-reference"]


def test_expectation_decays():
    """Half a half-life of Co-57 (271.80 d) leaves 1/sqrt(2)."""
    old = reference().model_copy(update={"nuclide": "Co-57"})
    result, findings = check_constancy(
        reading(5000 / 2**0.5, days=135.9, nuclide="Co-57"), checks=[old], tolerance=0.05
    )
    assert result.ratio == pytest.approx(1.0, rel=1e-9)
    assert result.passed is True and findings == ()
    # Counting of both readings, 0.1 % and 0.054 %, and half of u(T)/T ln 2.
    expected = ((5 / 5000) ** 2 + 1 / (5000 / 2**0.5 * 600) + (0.5 * 0.6931 * 0.05 / 271.8) ** 2) ** 0.5
    assert result.u_ratio == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("cps", "passed"), [(5240, True), (5260, False), (4760, True), (4740, False)])
def test_tolerance(cps, passed):
    result, findings = check_constancy(reading(cps), checks=[reference(days=-0.001)], tolerance=0.05)
    assert result.passed is passed
    assert [finding.code for finding in findings] == ([] if passed else ["constancy-failed"])
    assert all(finding.severity == "critical" for finding in findings)


def test_reading_that_cannot_judge_says_so():
    _, findings = check_constancy(reading(5000, seconds=0.2), checks=[reference(days=-1)], tolerance=0.05)
    assert [finding.code for finding in findings] == ["constancy-uncertain"]


def test_another_source_has_its_own_reference():
    result, _ = check_constancy(reading(100, source="Cs-2"), checks=[reference(days=-1)], tolerance=0.05)
    assert result.reference is None


def test_a_new_reference_replaces_the_old_one_for_later_readings():
    checks = [reference(days=-30), reference(6000, days=-1)]
    result, _ = check_constancy(reading(6000), checks=checks, tolerance=0.05)
    assert result.reference is checks[1] and result.passed
    restarted, _ = check_constancy(reading(7000), checks=checks, tolerance=0.05, as_reference=True)
    assert restarted.reference is None


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (reading(5000), "constancy-twice"),
        (reading(5000, days=-1), "constancy-time"),
        (reading(5000, days=1, nuclide="Co-57"), "constancy-nuclide"),
    ],
)
def test_readings_that_cannot_be_are_refused(new, code):
    with pytest.raises(CalibrationError) as caught:
        check_constancy(new, checks=[reference()], tolerance=0.05)
    assert caught.value.code == code


def test_uncertainty_that_nobody_stated_is_not_zero():
    stated = ConstancyReading(Counting(CellOrigin("READING", 0), START, 5000, 1.0, u_counts=0.0), "Cs-1", "Cs-137")
    result, findings = check_constancy(stated, checks=[reference(days=-1)], tolerance=0.05)
    assert (result.u_cps, result.u_ratio, result.passed) == (None, None, True)
    assert [finding.code for finding in findings] == ["constancy-u-not-stated"]
