"""The linear-quadratic model: what must hold for every dose, curve and tissue."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.biology.lq import (
    bed,
    dose_for_bed,
    eqd2,
    lea_catcheside,
    repopulation_loss,
    uncertain_lea_catcheside,
)
from theradose.errors import PhysicsError
from theradose.kinetics.course import TimeCourse, course_of_form, course_of_phases
from theradose.kinetics.models import curve_models
from theradose.uncertainty import Uncertain, covariance

LN2 = math.log(2)
DOSES = st.floats(0.0, 500.0)
RATIOS = st.floats(0.5, 30.0)
FACTORS = st.floats(0.0, 1.0)
HALF_LIVES = st.floats(0.5, 200.0)
CURVES = st.lists(st.tuples(st.floats(0.01, 10.0), HALF_LIVES), min_size=1, max_size=3)


def course(curve):
    amplitudes, half_lives = zip(*curve, strict=True)
    return course_of_phases(amplitudes, LN2 / np.array(half_lives))


@given(DOSES, RATIOS, FACTORS)
def test_bed_is_at_least_the_dose_and_has_an_inverse(dose, ratio, g):
    effective = bed(dose_gy=dose, alpha_beta_gy=ratio, g=g)
    assert effective >= dose
    assert dose_for_bed(bed_gy=effective, alpha_beta_gy=ratio, g=g) == pytest.approx(dose, rel=1e-12)


@given(CURVES, st.floats(1e-4, 1e4))
def test_the_factor_lies_between_zero_and_one(curve, repair):
    g = lea_catcheside(course=course(curve), repair_half_life_h=repair)
    assert 0 < g <= 1 + 1e-12


@given(CURVES)
def test_bed_tends_to_the_dose_with_fast_repair_and_to_a_single_exposure_without_any(curve):
    fast = lea_catcheside(course=course(curve), repair_half_life_h=1e-9)
    assert bed(dose_gy=20.0, alpha_beta_gy=2.6, g=fast) == pytest.approx(20.0, rel=1e-6)
    assert lea_catcheside(course=course(curve), repair_half_life_h=1e9) == pytest.approx(1.0, rel=1e-5)


@given(CURVES, CURVES)
def test_dose_is_additive_over_curves_and_bed_is_not_below_the_sum(first, second):
    """Two parts of one dose rate meet each other's damage: their BED together is no less than apart."""
    parts = [course(first), course(second)]
    both = course([*first, *second])
    doses = [float(part.integral()[0]) for part in parts]
    assert both.integral()[0] == pytest.approx(sum(doses), rel=1e-12)
    alone = sum(
        bed(dose_gy=dose, alpha_beta_gy=2.6, g=lea_catcheside(course=part, repair_half_life_h=2.8))
        for dose, part in zip(doses, parts, strict=True)
    )
    together = bed(dose_gy=sum(doses), alpha_beta_gy=2.6, g=lea_catcheside(course=both, repair_half_life_h=2.8))
    assert together >= alone * (1 - 1e-12)


@given(DOSES, RATIOS, FACTORS)
def test_equal_voxels_have_the_bed_of_their_mean(dose, ratio, g):
    voxels = bed(dose_gy=np.full(5, dose), alpha_beta_gy=ratio, g=g)
    assert voxels.mean() == pytest.approx(bed(dose_gy=dose, alpha_beta_gy=ratio, g=g), rel=1e-12)


@given(st.lists(st.floats(0.0, 100.0), min_size=2, max_size=6), RATIOS, FACTORS)
def test_unequal_voxels_have_at_least_the_bed_of_their_mean(doses, ratio, g):
    voxels = bed(dose_gy=np.array(doses), alpha_beta_gy=ratio, g=g)
    assert voxels.mean() >= bed(dose_gy=float(np.mean(doses)), alpha_beta_gy=ratio, g=g) * (1 - 1e-12)


@given(DOSES, RATIOS)
def test_fractions_of_two_gray_are_their_own_equivalent(dose, ratio):
    fractions = dose / 2.0
    total = fractions * bed(dose_gy=2.0, alpha_beta_gy=ratio, g=1.0)
    assert eqd2(bed_gy=total, alpha_beta_gy=ratio) == pytest.approx(dose, rel=1e-12, abs=1e-12)


@given(CURVES, st.floats(0.1, 10.0), st.floats(0.1, 30.0))
def test_the_factor_depends_on_the_ratio_of_times_alone(curve, stretch, repair):
    slower = [(amplitude, half_life * stretch) for amplitude, half_life in curve]
    assert lea_catcheside(course=course(slower), repair_half_life_h=repair * stretch) == pytest.approx(
        lea_catcheside(course=course(curve), repair_half_life_h=repair), rel=1e-10
    )


def test_float32_maps_stay_float32():
    doses = np.ones((2, 2, 2), np.float32)
    assert bed(dose_gy=doses, alpha_beta_gy=2.6, g=doses).dtype == np.float32


def test_uncertainty_of_one_phase_is_that_of_the_closed_form():
    """G = T_rep / (T_rep + T_eff), differentiated by hand."""
    half_life, repair = 52.0, 2.8
    kinetics = Uncertain(half_life, {"fit:kidney": 2.0, "fit-half-life:kidney": 1.0})
    of_repair = Uncertain(repair, {"repair-half-life:kidney": 0.5})
    g = uncertain_lea_catcheside(
        course=course([(1.0, half_life)]), effective_half_life_h=kinetics, repair_half_life_h=of_repair
    )
    total = repair + half_life
    assert g.contributions["fit:kidney"] == pytest.approx(-2.0 * repair / total**2, rel=1e-6)
    assert g.contributions["repair-half-life:kidney"] == pytest.approx(0.5 * half_life / total**2, rel=1e-6)
    dose = Uncertain(5.0, {"fit:kidney": 0.1, "calibration:A": 0.15})
    effective = bed(dose_gy=dose, alpha_beta_gy=Uncertain(2.6).with_contribution("alpha-beta:kidney", None), g=g)
    slope = 1 + 2 * g.value * 5.0 / 2.6
    assert effective.contributions["calibration:A"] == pytest.approx(0.15 * slope)
    assert effective.contributions["fit:kidney"] == pytest.approx(
        0.1 * slope + 25.0 / 2.6 * g.contributions["fit:kidney"]
    )
    assert effective.not_stated == {"alpha-beta:kidney"}


def test_cycles_with_a_common_calibration_are_correlated():
    cycles = [
        bed(dose_gy=Uncertain(dose, {"calibration:A": 0.03 * dose, f"fit:{n}": 0.2}), alpha_beta_gy=2.6, g=0.05)
        for n, dose in enumerate((5.0, 4.0))
    ]
    shared = [cycle.contributions["calibration:A"] for cycle in cycles]
    assert covariance(*cycles) == pytest.approx(shared[0] * shared[1]) and covariance(*cycles) > 0


def test_an_uncertain_bed_has_an_uncertain_inverse():
    dose = Uncertain(5.0, {"a": 0.3})
    effective = bed(dose_gy=dose, alpha_beta_gy=2.6, g=0.05)
    back = dose_for_bed(bed_gy=effective, alpha_beta_gy=2.6, g=0.05)
    assert (back.value, back.u) == (pytest.approx(5.0), pytest.approx(0.3))


def test_regrowth_begins_after_its_delay():
    known = {"doubling_d": 10.0, "alpha_per_gy": 0.3}
    assert repopulation_loss(duration_d=20.0, delay_d=30.0, **known) == 0.0
    assert repopulation_loss(duration_d=40.0, delay_d=30.0, **known) == pytest.approx(LN2 * 10 / 3)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: lea_catcheside(course=course([(1.0, 50.0)]), repair_half_life_h=0.0), "repair-half-life"),
        (lambda: lea_catcheside(course=course_of_phases([-1.0], [0.1]), repair_half_life_h=2.8), "no-dose"),
        (lambda: repopulation_loss(duration_d=1, delay_d=0, doubling_d=0, alpha_per_gy=0.1), "doubling-time"),
        (lambda: repopulation_loss(duration_d=1, delay_d=0, doubling_d=1, alpha_per_gy=math.nan), "alpha"),
    ],
)
def test_what_has_no_meaning_is_refused(call, code):
    with pytest.raises(PhysicsError) as refusal:
        call()
    assert refusal.value.code == code


def test_a_trapezoid_of_points_on_an_exponential_comes_near_its_factor():
    times = np.linspace(0.0, 400.0, 81)
    form = curve_models.get("trapezoid").bind(t_h=times, decay_constant_per_h=LN2 / 52)
    basis = course_of_form(form, np.zeros(0))
    points = np.exp(-LN2 / 52 * times)
    drawn = TimeCourse(
        basis.knots_h,
        basis.coefficients @ points[:, None],
        basis.rates_per_h,
        lambda t: form.basis(t, np.zeros(0)) @ points[:, None],
    )
    # Chords lie above the curve by (h/T)² ln²2 / 12, here 4e-4.
    assert lea_catcheside(course=drawn, repair_half_life_h=2.8) == pytest.approx(0.0510949, rel=1e-3)


def test_bed_of_two_phases_after_an_infusion():
    """0.2 and 0.08 Gy/h with 3 and 55 h, each convolved with an infusion of 0.5 h; repair 2.8 h, α/β 2.6 Gy.

    Independent: the dose rate on 620 000 points and the recursion of the repaired part: G 0.059425 and BED 8.40275 Gy,
    where the bolus has 0.0594416 and 8.40309 Gy. Both have the dose 7.213475 Gy: an infusion moves none of the area.
    """
    infusion_h, rates = 0.5, LN2 / np.array([3.0, 55.0])
    amplitudes = np.array([0.2, 0.08]) * np.expm1(rates * infusion_h) / (rates * infusion_h)
    form = curve_models.get("bi").bind(t_h=np.array([1.0, 24.0]), decay_constant_per_h=1e-4, infusion_h=infusion_h)
    basis = course_of_form(form, rates)
    infused = TimeCourse(
        basis.knots_h, (basis.coefficients @ amplitudes)[:, None], basis.rates_per_h,
        lambda t_h: (form.basis(t_h, rates) @ amplitudes)[:, None],
    )  # fmt: skip
    dose_gy, g = float(infused.integral()[0]), lea_catcheside(course=infused, repair_half_life_h=2.8)
    assert dose_gy == pytest.approx(7.213475, abs=5e-7)
    assert g == pytest.approx(0.059425, abs=5e-7)
    assert bed(dose_gy=dose_gy, alpha_beta_gy=2.6, g=g) == pytest.approx(8.40275, abs=5e-6)
