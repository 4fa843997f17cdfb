from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.data import load_yaml
from theradose.dose.marrow import MarrowRequest, marrow_from_specimen, marrow_methods, marrow_ratio
from theradose.dose.svalues import factor_nuclides, load_organ_factors, remainder_factor
from theradose.errors import PhysicsError
from theradose.nuclides import load_nuclide
from theradose.uncertainty import Uncertain

LUTETIUM = load_nuclide("Lu-177")
CONCENTRATION = Uncertain(500.0, {"fit:blood": 25.0})


def dose(method="s-value", nuclide=LUTETIUM, **request):
    return marrow_methods.get(method)(MarrowRequest(CONCENTRATION, nuclide, request.pop("sex", "M"), **request))


def test_without_the_whole_body_the_cross_dose_is_unknown():
    result, findings = dose()
    assert result.cross_gy is None
    assert result.dose_gy is result.self_gy
    assert [finding.code for finding in findings] == ["marrow-cross-dose-missing"]


def test_remainder_is_what_is_left_of_the_whole_body():
    whole_body = Uncertain(200_000.0, {"probe": 10_000.0})
    kidneys = Uncertain(15_000.0, {"fit:kidneys": 700.0})
    result, findings = dose(whole_body_tia_mbq_h=whole_body, organ_tia_mbq_h={"kidneys": kidneys})
    factors = load_organ_factors("Lu-177", "M")
    left = 200_000 - 15_000 - 500 * 1.17
    rest = remainder_factor(factors, target="red-marrow", apart=("red-marrow", "kidneys"))
    kidneys_only = factors.value(target="red-marrow", source="kidneys").gy_per_mbq_h
    expected = left * rest + 15_000 * kidneys_only
    assert result.cross_gy.value == pytest.approx(expected)
    assert result.dose_gy.value == pytest.approx(result.self_gy.value + expected)
    assert sum(part.value for part in result.components.values()) == pytest.approx(result.dose_gy.value)
    assert findings == ()


def test_marrow_uncertainty_acts_on_self_and_remainder_with_opposite_signs():
    result, _ = dose(whole_body_tia_mbq_h=Uncertain(200_000.0))
    assert result.self_gy.contributions["fit:blood"] > 0 > result.cross_gy.contributions["fit:blood"]


def test_more_in_organs_than_in_the_body_is_refused():
    with pytest.raises(PhysicsError) as caught:
        dose(whole_body_tia_mbq_h=Uncertain(100.0))
    assert caught.value.code == "marrow-remainder-negative"


def test_organs_without_factors_are_refused():
    whole_body = Uncertain(200_000.0)
    with pytest.raises(PhysicsError, match="valid sources are") as caught:
        dose(whole_body_tia_mbq_h=whole_body, organ_tia_mbq_h={"spine": Uncertain(1.0)})
    assert caught.value.code == "dose-factor-missing"
    with pytest.raises(PhysicsError, match="reference mass"):
        dose(whole_body_tia_mbq_h=whole_body, organ_tia_mbq_h={"trabecular-bone": Uncertain(1.0)})


def test_nuclides_without_factors():
    holmium = load_nuclide("Ho-166")
    with pytest.raises(PhysicsError, match="local-deposition"):
        dose(nuclide=holmium)
    result, findings = dose("local-deposition", nuclide=holmium, whole_body_tia_mbq_h=Uncertain(1e5))
    # 0.4002 Gy g/(MBq h) of SCIENCE §0 to its four digits.
    assert result.self_gy.value == pytest.approx(500 / 1000 * 0.4002, rel=2e-4)
    assert [finding.code for finding in findings] == ["marrow-absorbed-fraction-one", "marrow-cross-dose-missing"]


def test_every_constant_has_source_and_status():
    result, _ = dose(whole_body_tia_mbq_h=Uncertain(200_000.0), organ_tia_mbq_h={"liver": Uncertain(9_000.0)})
    assert len(result.constants) == len({constant.name for constant in result.constants}) == 6
    assert all(constant.source and constant.status == "verified" for constant in result.constants)


def test_unstated_sizes_stay_visible():
    result, _ = dose()
    assert "s-value:red-marrow" in result.self_gy.not_stated


@given(st.floats(0.2, 0.6))
def test_extracellular_ratio_of_plasma_does_not_depend_on_the_haematocrit(haematocrit):
    """RMECFF/(1 − H) of blood that is 1 − H of plasma: RMECFF of plasma."""
    ratio, _ = marrow_ratio(choice="sgouros", haematocrit=haematocrit)
    result = marrow_from_specimen(
        specimen_tia_mbq_h_per_l=Uncertain(106.0), specimen="plasma", haematocrit=haematocrit, ratio=ratio.value
    )
    assert result.marrow.value == pytest.approx(0.19 * 100)


def test_extracellular_ratio_without_haematocrit_says_so():
    ratio, findings = marrow_ratio(choice="sgouros", haematocrit=None)
    assert ratio.value.value == pytest.approx(0.3585, abs=5e-5)
    assert [finding.code for finding in findings] == ["haematocrit-assumed"]


def test_extracellular_fraction_is_uncertain_over_its_published_range():
    entry = load_yaml("marrow.yaml")["extracellular_fraction"]
    assert entry["u"] == pytest.approx((0.25 - 0.15) / math.sqrt(12), abs=5e-5)


@pytest.mark.parametrize("choice", ["forrer", "0", "-1", "nan", "inf"])
def test_ratios_that_cannot_be(choice):
    with pytest.raises(PhysicsError) as caught:
        marrow_ratio(choice=choice, haematocrit=0.42)
    assert caught.value.code == "marrow-ratio"


def test_a_stated_ratio():
    ratio, _ = marrow_ratio(choice=0.6, haematocrit=None)
    assert ratio.choice == "stated" and ratio.value.value == 0.6
    assert ratio.constants[0].status == "stated"


def test_plasma_without_haematocrit_is_refused():
    with pytest.raises(PhysicsError) as caught:
        marrow_from_specimen(
            specimen_tia_mbq_h_per_l=Uncertain(1.0), specimen="serum", haematocrit=None, ratio=Uncertain(1.0)
        )
    assert caught.value.code == "haematocrit-missing"


@pytest.mark.parametrize("nuclide", factor_nuclides())
@pytest.mark.parametrize("sex", ["M", "F"])
def test_tables_are_complete_and_self_exceeds_cross(nuclide, sex):
    factors = load_organ_factors(nuclide, sex)
    for organ in ("kidneys", "liver", "spleen", "red-marrow", "total-body"):
        assert factors.value(target=organ, source=organ).gy_per_mbq_h > 0
        assert factors.mass_g[organ] > 0
        assert factors.value(target="red-marrow", source=organ).gy_per_mbq_h >= 0
    assert remainder_factor(factors, target="red-marrow", apart=("red-marrow",)) > 0
