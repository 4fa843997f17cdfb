"""Organ doses by S values: the sum, the remainder, mass scaling, and what is refused or not included.

Numbers of OLINDA 2 are those of RayzeBio/Dosimetry-calculator, ICRP89_DF_<nuclide>-<sex>.csv.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.dose.energy import EmittedEnergy, emitted_energy
from theradose.dose.local import local_dose_constant
from theradose.dose.organ_s import organ_doses
from theradose.dose.s_energy import check_energy, s_value_parts
from theradose.dose.svalues import factor_nuclides, load_organ_factors, remainder_factor
from theradose.errors import PhysicsError
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.nuclides import load_nuclide, nuclide_names
from theradose.uncertainty import Uncertain, budget

LUTETIUM = emitted_energy(load_nuclide("Lu-177"))
MAN = load_organ_factors("Lu-177", "M")
# Alpha particles and recoils of 223Ra alone, ICRP 107: 5667 + 104 keV.
RADIUM = EmittedEnergy(electron_kev=70.0, photon_kev=130.0, alpha_kev=5771.0)
MGY_PER_MBQ_S = 3.6


def doses(tia, *, table=MAN, mass=None, energy=LUTETIUM, **further):
    return organ_doses(
        tia_mbq_h={organ: Uncertain(value) for organ, value in tia.items()},
        s_table=table,
        patient_mass_g={organ: Uncertain(value) for organ, value in (mass or {}).items()},
        energy=energy,
        **further,
    )


def table_of(values, masses, *, nuclide="Lu-177", unit="Gy/(MBq h)", parts=None):
    made = {pair: SValue(value, None, (parts or {}).get(pair, {})) for pair, value in values.items()}
    return SValueTable(nuclide, "test body", made, masses, SValueOrigin("test", "stated", file="t.csv", unit=unit))


def codes(findings):
    return [finding.code for finding in findings]


def test_self_dose_is_activity_times_factor():
    """7.76e-5 mGy/(MBq s) from both kidneys."""
    result, _ = doses({"kidneys": 1000.0})
    kidneys = result.dose("kidneys")
    assert kidneys.dose_gy.value == pytest.approx(1000 * 7.76e-5 * MGY_PER_MBQ_S, rel=1e-12)
    assert kidneys.mass_g.value == 310
    assert kidneys.alpha_gy is None


def test_marrow_gets_its_parts_from_organs_and_remainder():
    result, findings = doses({"kidneys": 17_500.0, "liver": 24_000.0, "spleen": 11_000.0, "total-body": 210_000.0})
    marrow = result.dose("red-marrow")
    left = 210_000 - 17_500 - 24_000 - 11_000
    rest = remainder_factor(MAN, target="red-marrow", apart=("kidneys", "liver", "spleen"))
    assert marrow.components_gy["kidneys"].value == pytest.approx(17_500 * 3.35e-8 * MGY_PER_MBQ_S)
    assert marrow.components_gy["remainder"].value == pytest.approx(left * rest)
    assert marrow.dose_gy.value == pytest.approx(sum(part.value for part in marrow.components_gy.values()))
    assert marrow.not_included == ()
    assert "organ-remainder-missing" not in codes(findings)


def test_stated_remainder_is_the_total_body_without_the_organs():
    by_body, _ = doses({"kidneys": 10_000.0, "total-body": 100_000.0})
    by_rest, _ = doses({"kidneys": 10_000.0, "remainder": 90_000.0})
    assert by_rest.dose("red-marrow").dose_gy.value == pytest.approx(by_body.dose("red-marrow").dose_gy.value)


def test_a_source_without_factor_stays_in_the_remainder():
    """The built-in table has no S value from thyroid to red marrow; its activity is that of the body then."""
    with_thyroid, _ = doses({"thyroid": 1000.0, "total-body": 100_000.0})
    without, _ = doses({"total-body": 100_000.0})
    marrow = with_thyroid.dose("red-marrow")
    assert marrow.dose_gy.value == pytest.approx(without.dose("red-marrow").dose_gy.value)
    assert [item.source for item in marrow.not_included] == ["thyroid"]
    assert "remainder" in marrow.not_included[0].reason


def test_missing_pairs_are_listed_and_never_zero():
    result, findings = doses({"kidneys": 1000.0, "liver": 1000.0})
    kidneys = result.dose("kidneys")
    assert set(kidneys.components_gy) == {"kidneys"}
    assert {item.source for item in kidneys.not_included} == {"liver", "remainder"}
    assert "spleen" in result.not_included
    assert {"organ-remainder-missing", "organ-cross-dose-missing", "organ-mass-reference"} <= set(codes(findings))
    with pytest.raises(PhysicsError, match="spleen") as caught:
        result.dose("spleen")
    assert caught.value.code == "organ-target-missing"


def test_electrons_scale_with_the_mass_and_photons_less():
    """131I in kidneys: E_e/m stays, the rest falls with the power 2/3."""
    table, energy = load_organ_factors("I-131", "M"), emitted_energy(load_nuclide("I-131"))
    result, _ = doses({"kidneys": 1.0}, table=table, energy=energy, mass={"kidneys": 155.0})
    electron = local_dose_constant(electron_energy_kev=energy.electron_kev) / 310
    photon = 1.14e-4 * MGY_PER_MBQ_S - electron
    assert result.dose("kidneys").dose_gy.value == pytest.approx(2 * electron + 2 ** (2 / 3) * photon)


@pytest.mark.parametrize("organ", ["kidneys", "liver", "spleen"])
@pytest.mark.parametrize("ratio", [1 / 3, 0.5, 2.0, 3.0])
def test_linear_scaling_of_lutetium_is_right_within_two_per_cent(organ, ratio):
    """The science notes, paragraph 0."""
    reference = MAN.mass_g[organ]
    result, _ = doses({organ: 1.0}, mass={organ: reference * ratio})
    linear = MAN.value(target=organ, source=organ).gy_per_mbq_h / ratio
    assert result.dose(organ).dose_gy.value == pytest.approx(linear, rel=0.02)


def test_red_marrow_scales_linearly():
    result, _ = doses({"red-marrow": 1.0}, mass={"red-marrow": 585.0})
    assert result.dose("red-marrow").dose_gy.value == pytest.approx(2 * 1.15e-5 * MGY_PER_MBQ_S)


def test_parts_of_the_table_are_taken():
    parts = {("liver", "liver"): {"electron": 3e-5, "photon": 2e-5}}
    table = table_of({("liver", "liver"): 5e-5}, {"liver": 1800.0}, parts=parts)
    result, _ = doses({"liver": 1.0}, table=table, mass={"liver": 900.0})
    assert result.dose("liver").dose_gy.value == pytest.approx(2 * 3e-5 + 2 ** (2 / 3) * 2e-5)


def test_cross_dose_does_not_scale():
    values = {("liver", "liver"): 4.9e-5, ("liver", "kidneys"): 4e-7, ("kidneys", "kidneys"): 2.8e-4}
    table = table_of(values, {"liver": 1800.0, "kidneys": 310.0})
    small, _ = doses({"kidneys": 1.0}, table=table, mass={"liver": 900.0, "kidneys": 155.0})
    assert small.dose("liver").dose_gy.value == pytest.approx(4e-7)


def test_sides_are_joined_for_a_table_of_both():
    sides, findings = doses(
        {"left-kidney": 600.0, "right-kidney": 400.0}, mass={"left-kidney": 160, "right-kidney": 140}
    )
    both, _ = doses({"kidneys": 1000.0}, mass={"kidneys": 300.0})
    assert sides.dose("kidneys").dose_gy.value == pytest.approx(both.dose("kidneys").dose_gy.value)
    assert "organ-sides-joined" in codes(findings)
    with pytest.raises(PhysicsError, match="both sides") as caught:
        doses({"left-kidney": 600.0})
    assert caught.value.code == "organ-sides-overlap"


def test_both_sides_are_divided_for_a_table_of_sides():
    """Equal concentration: both sides get the same dose, and both together too."""
    own = 0.0863
    values = {
        ("left-kidney", "left-kidney"): own / 150,
        ("right-kidney", "right-kidney"): own / 100,
        ("kidneys", "left-kidney"): own / 250,
        ("kidneys", "right-kidney"): own / 250,
    }
    table = table_of(values, {"left-kidney": 150.0, "right-kidney": 100.0, "kidneys": 250.0})
    result, findings = doses({"kidneys": 1000.0}, table=table, mass={"kidneys": 125.0})
    each = [result.dose(name).dose_gy.value for name in ("left-kidney", "right-kidney", "kidneys")]
    assert each == pytest.approx([each[0]] * 3, rel=0.01)
    assert each[0] == pytest.approx(1000 * own / 125, rel=0.01)
    assert "organ-sides-divided" in codes(findings)


def test_budget_has_activity_mass_and_factor():
    result, _ = organ_doses(
        tia_mbq_h={"kidneys": Uncertain(1000.0, {"tia:kidneys": 50.0, "volume:kidneys": -10.0})},
        s_table=MAN,
        patient_mass_g={"kidneys": Uncertain(300.0, {"volume:kidneys": 15.0})},
        energy=LUTETIUM,
        s_relative_u=0.1,
    )
    dose = result.dose("kidneys").dose_gy
    relative = {line.source: line.relative_u for line in budget(dose)}
    assert relative["tia:kidneys"] == pytest.approx(0.05)
    # One source acts on activity (-1 %) and mass (5 %, of which photons take 2/3), so the two add up.
    assert relative["volume:kidneys"] == pytest.approx(0.06, abs=5e-4)
    assert relative["s-value:reference man"] == pytest.approx(0.1)


def test_without_stated_uncertainty_the_sources_are_named():
    result, _ = doses({"kidneys": 1000.0})
    assert result.dose("kidneys").dose_gy.not_stated == {"s-value:reference man", "mass:kidneys"}


def test_statistics_of_the_table_are_carried():
    table = SValueTable(
        "Lu-177", "p", {("liver", "liver"): SValue(4.9e-5, 4.9e-7)}, {"liver": 1800.0}, SValueOrigin("s", "stated")
    )
    dose = doses({"liver": 1000.0}, table=table, s_relative_u=0.02)[0].dose("liver").dose_gy
    assert dose.contributions["s-value-statistics:liver<-liver"] == pytest.approx(0.01 * dose.value)


@given(st.floats(1.0, 1e6), st.floats(0.1, 10.0))
def test_dose_is_linear_in_activity(activity, factor):
    one, _ = doses({"liver": activity, "remainder": 2 * activity})
    many, _ = doses({"liver": activity * factor, "remainder": 2 * activity * factor})
    for dose in one.doses:
        assert many.dose(dose.target).dose_gy.value == pytest.approx(factor * dose.dose_gy.value, rel=1e-9)


@pytest.mark.parametrize(
    ("tia", "code"),
    [
        ({"kidneys": -1.0}, "organ-not-positive"),
        ({"kidneys": 10.0, "total-body": 5.0}, "organ-remainder-negative"),
        ({"total-body": 10.0, "remainder": 5.0}, "organ-remainder-twice"),
        ({"lesion-1": 10.0}, "organ-source-unknown"),
        ({"trabecular-bone": 1.0}, None),
    ],
)
def test_impossible_activities_are_refused(tia, code):
    if code is None:
        assert [dose.target for dose in doses(tia)[0].doses] == ["red-marrow"]
        return
    with pytest.raises(PhysicsError) as caught:
        doses(tia)
    assert caught.value.code == code


def test_mass_without_reference_is_refused():
    table = table_of({("liver", "liver"): 4.9e-5}, {})
    with pytest.raises(PhysicsError) as caught:
        doses({"liver": 1.0}, table=table, mass={"liver": 900.0})
    assert caught.value.code == "organ-mass-unscalable"


def test_alpha_part_is_shown_apart_and_unweighted():
    """The kidneys of a table without weighting: E/m of alpha particles, and electrons in the rest."""
    alpha = local_dose_constant(electron_energy_kev=RADIUM.alpha_kev) / 310
    electron = local_dose_constant(electron_energy_kev=RADIUM.electron_kev) / 310
    table = table_of({("kidneys", "kidneys"): alpha + electron}, {"kidneys": 310.0}, nuclide="Ra-223")
    result, findings = doses({"kidneys": 10.0}, table=table, energy=RADIUM, mass={"kidneys": 155.0})
    kidneys = result.dose("kidneys")
    assert kidneys.alpha_gy.value == pytest.approx(2 * 10 * alpha)
    assert kidneys.dose_gy.value == pytest.approx(2 * 10 * (alpha + electron))
    assert "alpha-unweighted" in codes(findings)


def test_folded_weighting_factor_is_refused():
    """223Ra in the kidneys of OLINDA's man: 1.50e-2 times 310 g is 29 MeV per decay, five times what it emits."""
    table = table_of({("kidneys", "kidneys"): 1.50e-2 * MGY_PER_MBQ_S}, {"kidneys": 310.0}, nuclide="Ra-223")
    with pytest.raises(PhysicsError, match="weighting factor") as caught:
        check_energy(table=table, energy=RADIUM)
    assert caught.value.code == "s-value-implausible"
    in_sievert = table_of({("liver", "liver"): 1e-3}, {}, nuclide="Ra-223", unit="mSv/MBq-s")
    with pytest.raises(PhysicsError) as caught:
        check_energy(table=in_sievert, energy=RADIUM)
    assert caught.value.code == "s-value-weighted"


@pytest.mark.parametrize("nuclide", [name for name in factor_nuclides() if name in nuclide_names()])
@pytest.mark.parametrize("sex", ["M", "F"])
def test_built_in_tables_are_within_the_emitted_energy(nuclide, sex):
    assert check_energy(table=load_organ_factors(nuclide, sex), energy=emitted_energy(load_nuclide(nuclide))) == ()


@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90", "I-131"])
@pytest.mark.parametrize("mistake", [3.6, 1 / 3.6, 1000.0, 1e-3, 3600.0, 1 / 3600])
def test_mistaken_units_are_refused(nuclide, mistake):
    built_in, energy = load_organ_factors(nuclide, "M"), emitted_energy(load_nuclide(nuclide))
    wrong = {pair: value.gy_per_mbq_h * mistake for pair, value in built_in.values.items()}
    with pytest.raises(PhysicsError) as caught:
        check_energy(table=table_of(wrong, built_in.mass_g, nuclide=nuclide), energy=energy)
    assert caught.value.code == "s-value-implausible"


def test_parts_never_exceed_the_factor():
    """Salivary glands of 177Lu absorb 0.0851 Gy g/(MBq h), all of it electrons."""
    parts = s_value_parts(value=SValue(2.78e-4 * 3.6), energy=LUTETIUM, own_mass_g=85.0)
    assert sum(parts.values()) == pytest.approx(2.78e-4 * 3.6)
    assert min(parts.values()) >= 0


def test_terbium_is_built_in_for_both_sexes():
    """The science notes, paragraph 0: kidneys 1.08e-4, liver 1.91e-5 mGy/(MBq s) in the man."""
    table = load_organ_factors("Tb-161", "M")
    assert table.value(target="kidneys", source="kidneys").gy_per_mbq_h == pytest.approx(1.08e-4 * MGY_PER_MBQ_S)
    assert table.value(target="liver", source="liver").gy_per_mbq_h == pytest.approx(1.91e-5 * MGY_PER_MBQ_S)
    assert set(load_organ_factors("Tb-161", "F").values) == set(table.values)


def test_a_remainder_below_the_digits_of_the_table_is_not_included():
    """Self dose times mass rounds to more than total body times its mass: the difference says nothing."""
    values = {("liver", "liver"): 5.0e-5, ("liver", "total-body"): 1.2e-6}
    table = table_of(values, {"liver": 1800.0, "total-body": 73000.0})
    result, _ = doses({"liver": 10.0, "total-body": 100.0}, table=table)
    liver = result.dose("liver")
    assert set(liver.components_gy) == {"liver"}
    assert [(item.source, "digits" in item.reason) for item in liver.not_included] == [("remainder", True)]
