"""Plans of radioembolisation: doses, limits, choices, and refusals in one sentence."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tare_liver import scout_image
from theradose.errors import PhysicsError, PlanError
from theradose.plan.inputs.tare import TareInput
from theradose.plan.tare.limits import tare_limits
from theradose.plan.tare.planner import plan_tare
from theradose.plan.tare.request import TareRequest

EXAMPLE = Path(__file__).parents[3] / "examples" / "plans" / "tare.yaml"
BASE = {
    "product": "SIR-Spheres",
    "intent": "bilobar",
    "liver_function": "good",
    "pretreated": False,
    "target": {"compartment": "tumour", "dose": "205 Gy"},
    "compartments": [
        {
            "name": "tumour",
            "mass": {"value": "250 g", "u": "10 %"},
            "concentration_ratio": {"value": 4, "relative_u": "20 %"},
        },
        {"name": "normal", "mass": {"value": "1250 g", "u": "5 %"}},
    ],
    "lung": {"shunt": {"value": "6 %", "relative_u": "15 %"}, "mass": "1 kg"},
}
LOBES = [
    {
        "name": "right",
        "catheter": "right hepatic artery",
        "volume_from": "cone-beam-ct",
        "share": "60 %",
        "compartments": [
            {"name": "tumour", "mass": "200 g", "concentration_ratio": 4},
            {"name": "normal", "mass": "800 g"},
        ],
    },
    {
        "name": "left",
        "share": "40 %",
        "compartments": [
            {"name": "tumour", "mass": "50 g", "concentration_ratio": 3},
            {"name": "normal", "mass": "450 g"},
        ],
    },
]
SCOUT = {"image": "a", "density": "b", "regions": "c", "agent": "99mTc-MAA", "u_mass": "5 %", "u_activity": "10 %"}


def plan(changes=None, without=(), **images):
    content = copy.deepcopy(BASE) | (changes or {})
    for key in without:
        content.pop(key)
    return plan_tare(TareRequest(TareInput.model_validate(content), **images))


def doses(result):
    return {dose.target: dose.dose_gy.value for dose in result.doses}


def codes(result):
    return {finding.code for finding in result.findings}


def image_plan(**changes):
    lobes = [{"name": "right", "share": "65 %"}, {"name": "left", "share": "35 %"}]
    target = {"compartment": "right: tumour-right", "dose": "150 Gy"}
    content = {"perfused_volumes": lobes, "scout": SCOUT, "target": target, **changes}
    return plan(content, without=("compartments", "lung"), scout=scout_image())


def test_two_perfused_volumes_have_the_uncertainty_of_a_monte_carlo():
    """Independent of the program's propagation: every input of the packaged example drawn from its own distribution.

    First order against all orders: 3 %, and 0.5 % of the drawing.
    """
    content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    found = {dose.target: dose.dose_gy.u for dose in plan_tare(TareRequest(TareInput.model_validate(content))).doses}
    rng, count = np.random.default_rng(3), 200_000

    def drawn(value, relative_u):
        return value * (1 + relative_u * rng.standard_normal(count))

    shunt, residual, meter, lungs = drawn(0.05, 0.2), drawn(0.02, 0.5), drawn(1.0, 0.05), drawn(940, 0.06)
    right_tumour, right_normal, right_ratio = drawn(210, 0.08), drawn(820, 0.05), drawn(3.5, 0.15)
    left_tumour, left_normal, left_ratio = drawn(40, 0.12), drawn(430, 0.05), drawn(3.2, 0.2)
    total = 120 * (820 + 210 * 3.5) / (49.67 * 3.5 * 0.95 * 0.98) / 0.75
    net = 49.67 * total * meter * (1 - residual)
    right = 0.75 * net * (1 - shunt) / (right_normal + right_tumour * right_ratio)
    left = 0.25 * net * (1 - shunt) / (left_normal + left_tumour * left_ratio)
    whole = (right * right_normal + left * left_normal) / (drawn(1520, 0.04) - right_tumour - left_tumour)
    expected = {
        "right: tumour": right * right_ratio, "right: normal": right, "left: tumour": left * left_ratio,
        "left: normal": left, "whole-normal-liver": whole, "lungs": net * shunt / lungs,
    }  # fmt: skip
    for target, doses_gy in expected.items():
        assert found[target] == pytest.approx(doses_gy.std(), rel=0.035), target


def test_the_worked_example():
    """2.4698 GBq, 51.25 Gy to normal liver, 7.36 Gy to 1 kg of lung, 76.9 Gy on average."""
    result = plan()
    assert result.activity_mbq.value == pytest.approx(2469.8, abs=0.05)
    found = doses(result)
    assert found["tumour"] == pytest.approx(205)
    assert found["normal"] == pytest.approx(51.25)
    assert found["lungs"] == pytest.approx(7.36, abs=0.005)
    assert found["perfused-liver"] == pytest.approx(76.9, abs=0.05)


def test_the_limit_that_binds_is_named_with_its_activity():
    result = plan()
    binding = result.details["binding"]
    assert binding["region"] == "normal"
    at_limit = plan({"activity": f"{binding['activity_mbq']['value']!r} MBq"}, without=("target",))
    assert doses(at_limit)["normal"] == pytest.approx(40, rel=1e-9)
    assert next(f.severity for f in result.findings if f.code == "tare-limit-binds") == "warning"
    assert all(row.p_exceed is None or 0 <= row.p_exceed <= 1 for row in result.doses)
    assert next(row for row in result.doses if row.target == "normal").p_exceed > 0.95


def lung_safe_mbq(shunt_percent):
    """Return the activity at which the lungs reach their limit in a plan; infinite where they have none to reach."""
    limits = plan({"lung": {"shunt": f"{shunt_percent!r} %"}}).details["limits"]
    safe = [item["activity_mbq"]["value"] for item in limits if item["region"] == "lungs"]
    return min((value for value in safe if value is not None), default=math.inf)


@settings(max_examples=20, deadline=None)
@given(low=st.floats(0.1, 50), more=st.floats(0, 40))
def test_more_shunt_never_raises_the_activity_that_is_safe_for_the_lungs(low, more):
    safe_at_low, safe_at_high = lung_safe_mbq(low), lung_safe_mbq(low + more)
    assert safe_at_high <= safe_at_low * (1 + 1e-9)
    # D = CF A L / M: 30 Gy to 1 kg by 49.67 J/GBq.
    assert safe_at_low == pytest.approx(30_000 / (49.67 * low / 100), rel=1e-9)


def test_without_shunt_no_activity_reaches_the_limit_of_the_lungs():
    assert lung_safe_mbq(0.0) == math.inf


@settings(max_examples=30, deadline=None)
@given(dose=st.floats(10, 600), shunt=st.floats(0, 30), residual=st.floats(0, 20), ratio=st.floats(0.5, 20))
def test_the_planned_activity_gives_the_target_dose_and_twice_gives_twice(dose, shunt, residual, ratio):
    changes = {
        "target": {"compartment": "tumour", "dose": f"{dose!r} Gy"},
        "lung": {"shunt": f"{shunt!r} %"},
        "residual": f"{residual!r} %",
        "compartments": [
            {"name": "tumour", "mass": "250 g", "concentration_ratio": ratio},
            {"name": "normal", "mass": "1250 g"},
        ],
    }
    planned = plan(changes)
    assert doses(planned)["tumour"] == pytest.approx(dose, rel=1e-9)
    twice = plan({**changes, "activity": f"{2 * planned.activity_mbq.value!r} MBq"}, without=("target",))
    for name, value in doses(planned).items():
        assert doses(twice)[name] == pytest.approx(2 * value, rel=1e-9)


def test_a_ratio_of_activities_is_converted_by_the_masses():
    """4 in concentration is 4·250/1250 = 0.8 in activity."""
    result = plan(
        {
            "compartments": [
                {"name": "tumour", "mass": "250 g", "activity_ratio": 0.8},
                {"name": "normal", "mass": "1250 g"},
            ]
        }
    )
    assert result.details["method"] == "partition"
    assert result.activity_mbq.value == pytest.approx(plan().activity_mbq.value, rel=1e-12)


def test_the_shunt_may_come_from_counts():
    counts = {"lungs": {"value": 600, "relative_u": "4 %"}, "liver": {"value": 9400, "relative_u": "1 %"}}
    result = plan({"lung": {"counts": counts, "mass": "1 kg"}})
    assert result.activity_mbq.value == pytest.approx(plan().activity_mbq.value, rel=1e-12)
    lungs = next(row.dose_gy for row in result.doses if row.target == "lungs")
    assert {"counting:lungs", "counting:liver"} <= lungs.contributions.keys()


def test_several_vials_add_up():
    result = plan({"perfused_volumes": LOBES, "target": {"compartment": "right: tumour", "dose": "205 Gy"},
                   "liver_mass": "1500 g"}, without=("compartments",))  # fmt: skip
    vials = {row["name"]: row["activity_mbq"]["value"] for row in result.details["perfused_volumes"]}
    assert vials["right"] / result.activity_mbq.value == pytest.approx(0.6)
    found = doses(result)
    assert found["right: tumour"] == pytest.approx(205)
    whole = (800 * found["right: normal"] + 450 * found["left: normal"]) / 1250
    assert found["whole-normal-liver"] == pytest.approx(whole)
    # All that is not in the lungs is in the liver.
    energy = 1000 * found["right: perfused-liver"] + 500 * found["left: perfused-liver"] + 1000 * found["lungs"]
    assert energy == pytest.approx(49.67 * result.activity_mbq.value, rel=1e-9)


def test_each_vial_may_have_its_own_target():
    lobes = copy.deepcopy(LOBES)
    for lobe, dose in zip(lobes, ("205 Gy", "120 Gy"), strict=True):
        lobe.pop("share")
        lobe["target"] = {"compartment": "tumour", "dose": dose}
    found = doses(plan({"perfused_volumes": lobes}, without=("compartments", "target")))
    assert found["right: tumour"] == pytest.approx(205)
    assert found["left: tumour"] == pytest.approx(120)


def test_a_scout_that_does_not_stand_for_the_treatment_forces_one_compartment():
    result = plan({"scout_representative": False})
    assert result.details["method"] == "mono"
    assert "tare-one-compartment" in codes(result)
    assert doses(result)["normal"] == doses(result)["tumour"] == pytest.approx(205)


def test_the_surface_rule():
    """175 cm, 75 kg, 10 % involvement: 1.803 GBq."""
    body = {"patient": {"height": "175 cm", "weight": "75 kg"}, "tumour_fraction": "10 %"}
    result = plan({"method": "bsa"} | body, without=("target",))
    assert result.activity_mbq.value == pytest.approx(1803, abs=0.5)
    assert any(item["method"] == "bsa" for item in plan(body).details["alternatives"])
    with pytest.raises(PlanError, match="resin"):
        plan({"method": "bsa", "product": "TheraSphere"} | body, without=("target",))
    with pytest.raises(PlanError, match="weight"):
        plan({"method": "bsa", "tumour_fraction": "10 %", "patient": {"height": "175 cm"}}, without=("target",))


def test_conversions_are_named_options():
    """166Ho: 60 Gy to 1.5 kg by 15.87 is 5.671 GBq, by 15.85 5.678 GBq."""
    whole = {"product": "QuiremSpheres", "compartments": [{"name": "liver", "mass": "1.5 kg"}],
             "lung": {"shunt": "0 %"}, "target": {"compartment": "liver", "dose": "60 Gy"}}  # fmt: skip
    assert plan(whole).activity_mbq.value == pytest.approx(5671, abs=0.5)
    assert plan({**whole, "conversion": "review"}).activity_mbq.value == pytest.approx(5678, abs=0.5)
    message = next(f.message for f in plan({**whole, "conversion": "ddep"}).findings if f.code == "tare-conversion")
    assert "leaves out" in message and "15.47" in message


def limits(**changes):
    inputs = TareInput.model_validate({**copy.deepcopy(BASE), **changes})
    product = {"SIR-Spheres": "sir-spheres", "TheraSphere": "therasphere", "QuiremSpheres": "quiremspheres"}
    found = tare_limits(inputs=inputs, product=product[inputs.product])
    return {(limit.organ, limit.value_gy, limit.source.partition(":")[0]) for limit in found if limit.kind == "limit"}


@pytest.mark.parametrize(("product", "parenchyma"), [("SIR-Spheres", 40), ("TheraSphere", 120), ("QuiremSpheres", 60)])
def test_the_review_limits_the_parenchyma_by_product(product, parenchyma):
    assert ("liver-parenchyma", parenchyma, "deWit2023") in limits(product=product)
    assert ("lungs", 30, "deWit2023") in limits(product=product)


@pytest.mark.parametrize("changes", [{"pretreated": True}, {"liver_function": "compromised"}])
def test_a_weaker_liver_gets_the_lower_limits(changes):
    found = limits(**changes)
    assert ("liver-parenchyma", 30, "deWit2023") in found and ("normal-perfused-liver", 30, "Weber2022") in found
    assert not any(value == 40 for _, value, _ in found)
    assert ("whole-normal-liver", 40, "Weber2022") in limits(product="QuiremSpheres", **changes)
    assert ("whole-normal-liver", 60, "Weber2022") in limits(product="QuiremSpheres")


@pytest.mark.parametrize(("bilirubin", "limit"), [("1.4 mg/dL", 50), ("9 mg/L", 90), (None, 75)])
def test_bilirubin_selects_the_limit_of_glass(bilirubin, limit):
    found = limits(product="TheraSphere", intent="lobar", disease="HCC", bilirubin=bilirubin, hepatic_reserve="25 %")
    assert {value for organ, value, _ in found if organ == "whole-normal-liver"} == {limit}
    assert ("normal-perfused-liver", 120, "Weber2022") in found


def test_segmentectomy_has_ablative_targets_and_the_parenchyma_is_the_whole_liver():
    result = plan({"product": "TheraSphere", "intent": "segmentectomy", "liver_mass": "2 kg",
                   "target": {"compartment": "perfused-liver", "dose": "400 Gy"}})  # fmt: skip
    rows = {row["name"]: row for row in result.details["limits"]}
    assert rows["eanm-glass-segmentectomy"]["limit_gy"] == 400
    assert rows["r1-parenchyma-glass"]["region"] == "whole-normal-liver"
    assert next(row.limit.value_gy for row in result.doses if row.target == "perfused-liver") == 400
    assert "tare-limit-not-compared" in codes(plan({"intent": "segmentectomy"}))


def test_targets_of_one_compartment_are_for_plans_that_see_one():
    glass = {"product": "TheraSphere", "intent": "lobar", "disease": "HCC"}
    several, one = plan(glass), plan(glass | {"scout_representative": False})
    compared = [next(row.limit for row in result.doses if row.target == "perfused-liver") for result in (several, one)]
    assert compared[0] is None and compared[1].name.startswith("eanm-glass")


def test_a_site_adds_its_own_limit():
    own = {"name": "our-limit", "organ": "normal-perfused-liver", "value": "25 Gy",
           "origin": "radionuclide-therapy", "source": "committee"}  # fmt: skip
    assert plan({"limits": [own]}).details["binding"]["limit"] == "our-limit"


def test_nothing_stated_gives_no_probability_and_says_so():
    bare = {"compartments": [{"name": "tumour", "mass": "250 g", "concentration_ratio": 4},
                             {"name": "normal", "mass": "1250 g"}], "lung": {"shunt": "6 %"}}  # fmt: skip
    result = plan(bare)
    assert all(row.p_exceed is None for row in result.doses)
    assert "tare-lung-mass-reference" in codes(result)
    assert {"mass:tumour", "lung-shunt", "mass:lungs"} <= set().union(*(row.dose_gy.not_stated for row in result.doses))


def test_the_label_states_what_it_takes_from_the_activity_meter():
    tumour = next(row for row in plan({"activity_meter_u": "5 %"}).doses if row.target == "tumour")
    assert tumour.dose_gy.contributions["administered-activity"] == pytest.approx(0.05 * 205)


class TestScout:
    def test_voxels_and_compartments_agree_on_the_mean(self):
        result = image_plan()
        assert result.details["method"] == "voxel"
        for item in result.details["dvh"]:
            assert item["mean_gy"] == pytest.approx(result.details["mean_gy"][item["compartment"]], rel=1e-5)

    def test_energy_closes(self):
        """Everything that is prepared is absorbed in the two lobes and the lungs: to 0.1 %, and in fact to 1e-6."""
        result, image = image_plan(), scout_image()
        found = doses(result)
        energy = sum(image.mass_g(v) * found[f"{name}: perfused-liver"] for name, v in image.territories.items())
        energy += image.mass_g(image.lungs) * found["lungs"]
        assert energy == pytest.approx(49.67 * result.activity_mbq.value, rel=1e-6)

    def test_the_unit_of_the_image_does_not_matter(self):
        scout = scout_image()
        scaled = type(scout)(
            type(scout.values)(scout.values.data * 1e-3, scout.values.grid), scout.density, scout.liver,
            scout.territories, scout.tumours, scout.lungs,
        )  # fmt: skip
        lobes = [{"name": "right", "share": "65 %"}, {"name": "left", "share": "35 %"}]
        content = {"perfused_volumes": lobes, "scout": SCOUT, "target": {"compartment": "right: tumour-right",
                   "dose": "150 Gy"}}  # fmt: skip
        other = plan(content, without=("compartments", "lung"), scout=scaled)
        assert other.activity_mbq.value == pytest.approx(image_plan().activity_mbq.value, rel=1e-6)

    def test_the_lung_mass_is_that_of_the_ct(self):
        result = image_plan()
        assert "tare-lung-mass-reference" not in codes(result)
        assert "tare-shunt-from-image" in codes(result)

    def test_a_histogram_holds_its_indices(self):
        right = next(item for item in image_plan().details["dvh"] if item["compartment"] == "right: tumour-right")
        assert right["d98_gy"] < right["d70_gy"] < right["d50_gy"] < right["d2_gy"]
        assert right["curve"]["cumulative_fraction"][0] == 1
        fractions = list(right["volume_fraction_at_gy"].values())
        assert fractions == sorted(fractions, reverse=True) and fractions[0] == 1

    def test_all_normal_liver_is_that_of_the_image(self):
        """The energy of both lobes over their normal masses: without stated mass the outlines tell it."""
        found, image = doses(image_plan()), scout_image()
        masses = {
            name: image.mass_g(voxels) - image.mass_g(image.tumours[f"tumour-{name}"])
            for name, voxels in image.territories.items()
        }
        energy = sum(mass * found[f"{name}: normal liver"] for name, mass in masses.items())
        assert found["whole-normal-liver"] == pytest.approx(energy / sum(masses.values()), rel=1e-6)

    def test_another_engine_moves_dose_but_not_energy(self):
        """90Y blurs a 4 mm grid: the tumour loses to its surroundings, and the liver keeps within a few per cent."""
        result = image_plan(scout=SCOUT | {"engine": "kernel"})
        means = {item["compartment"]: item["mean_gy"] for item in result.details["dvh"]}
        assert 0.7 < means["right: tumour-right"] / result.details["mean_gy"]["right: tumour-right"] < 1

    def test_one_compartment_uses_no_voxels(self):
        assert image_plan(scout_representative=False).details["dvh"] == []


class TestVerification:
    def test_stated_activities(self):
        result = plan({"verification": {"kind": "stated", "administered": "2.4 GBq",
                       "activities": {"tumour": "1 GBq", "normal": "1.2 GBq"}}})  # fmt: skip
        row = result.details["verification"][0]
        assert row["delivered_gy"]["value"] == pytest.approx(49.67 * 1000 / 250)
        assert row["planned_gy"]["value"] == pytest.approx(205 * 2400 / plan().activity_mbq.value)

    def test_the_residual_was_not_administered(self):
        """Planned for 205 Gy at 10 % residual: nine tenths of the prepared activity, given, are the plan."""
        prepared = plan({"residual": "10 %"}).activity_mbq.value
        result = plan({"residual": "10 %", "verification": {"kind": "stated", "administered": f"{0.9 * prepared!r} MBq",
                       "activities": {"tumour": "1 GBq"}}})  # fmt: skip
        assert result.details["verification"][0]["planned_gy"]["value"] == pytest.approx(205)

    def test_organs_hold_no_more_than_was_given(self):
        with pytest.raises(PlanError, match="more than the 2000 MBq administered"):
            plan({"verification": {"kind": "stated", "administered": "2 GBq",
                  "activities": {"tumour": "1 GBq", "normal": "1.2 GBq"}}})  # fmt: skip

    def verified(self, kind, scale):
        """The scout image as an image of the treatment, in MBq/mL times `scale`."""
        image = scout_image()
        total = image.liver.sum_of(image.values.data) + image.lungs.sum_of(image.values.data)
        values = image.values.data * (scale / (total * image.values.grid.voxel_volume_ml))
        delivered = type(image)(
            type(image.values)(values, image.values.grid), image.density, image.liver, {"liver": image.liver},
            image.tumours, image.lungs,
        )  # fmt: skip
        whole = type(image)(
            image.values, image.density, image.liver, {"liver": image.liver}, image.tumours, image.lungs
        )
        verification = {"kind": kind, "administered": "2 GBq", "administered_at": "2026-03-02T10:00:00+01:00",
                        "image": {"image": "a", "density": "b", "regions": "c", "u_activity": "5 %"}}  # fmt: skip
        content = {"scout": SCOUT, "target": {"compartment": "tumour-right", "dose": "150 Gy"},
                   "verification": verification}  # fmt: skip
        return plan(content, without=("compartments", "lung"), scout=whole, delivered=delivered)

    def test_a_quantitative_image_gives_back_the_plan_where_nothing_moved(self):
        for row in self.verified("90Y-PET", 2000).details["verification"]:
            assert row["delivered_gy"]["value"] == pytest.approx(row["planned_gy"]["value"], rel=1e-4)
            assert row["delivered_gy"]["u"] == pytest.approx(0.05 * row["delivered_gy"]["value"])

    def test_half_the_activity_in_the_image_is_half_the_dose(self):
        for row in self.verified("90Y-PET", 1000).details["verification"]:
            assert row["delivered_gy"]["value"] == pytest.approx(row["planned_gy"]["value"] / 2, rel=1e-4)

    def test_bremsstrahlung_is_a_pattern_and_qualitative(self):
        result = self.verified("90Y-bremsstrahlung", 1.0)
        assert "tare-bremsstrahlung-qualitative" in codes(result)
        for row in result.details["verification"]:
            assert row["delivered_gy"]["value"] == pytest.approx(row["planned_gy"]["value"], rel=1e-4)

    def test_bremsstrahlung_counts_what_each_volume_lost_to_the_lungs(self):
        """Two vials with shunts of 0 and 20 %, given in shares that leave the counts of the image: nothing moved."""
        image, shunts = scout_image(), {"right": 0.0, "left": 0.2}
        given = {name: image.territories[name].sum_of(image.values.data) / (1 - shunts[name]) for name in shunts}
        volumes = [
            {"name": name, "share": value / sum(given.values()), "shunt": shunts[name]} for name, value in given.items()
        ]
        target = {"compartment": "right: tumour-right", "dose": "150 Gy"}
        result = plan(
            {"perfused_volumes": volumes, "scout": SCOUT, "target": target,
             "verification": {"kind": "90Y-bremsstrahlung", "administered": "2 GBq",
                              "image": {"image": "a", "density": "b", "regions": "c"}}},
            without=("compartments", "lung"), scout=image, delivered=image,
        )  # fmt: skip
        for row in result.details["verification"]:
            assert row["delivered_gy"]["value"] == pytest.approx(row["planned_gy"]["value"], rel=1e-4)

    def test_an_image_with_too_much_activity_is_called_wrong(self):
        assert "tare-activity-above-administered" in codes(self.verified("90Y-PET", 2600))

    def test_the_image_fits_the_product(self):
        with pytest.raises(PlanError, match="Y-90"):
            self.verified("166Ho-SPECT", 2000)


@pytest.mark.parametrize(
    ("changes", "without", "words"),
    [
        ({"lung": {"shunt": "130 %"}}, (), "between 0 and 100 %"),
        ({"lung": {"shunt": "-3 %"}}, (), "between 0 and 100 %"),
        ({"compartments": []}, (), "compartments are missing"),
        ({}, ("compartments",), "compartments are missing"),
        ({}, ("lung",), "lung shunt is missing"),
        ({}, ("intent",), "Field required"),
        ({}, ("liver_function",), "Field required"),
        ({}, ("pretreated",), "Field required"),
        ({"target": {"compartment": "tumour", "dose": "205"}}, (), "no unit"),
        ({"target": {"compartment": "tumour", "dose": "205 Sv"}}, (), "Sv"),
        ({"compartments": [{"name": "normal", "mass": 1250}]}, (), "no unit"),
        ({}, ("target",), "what is planned for is missing"),
        ({"activity": "2 GBq"}, (), "what is planned for is missing"),
        ({"perfused_volumes": LOBES}, (), "belong to their perfused volumes"),
        ({"perfused_volumes": [LOBES[0], {**LOBES[1], "share": "30 %"}]}, ("compartments",), "add up"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(changes, without, words):
    with pytest.raises(ValidationError, match=words):
        plan(changes, without=without)


def test_both_ratios_of_one_compartment_are_refused():
    both = [{"name": "tumour", "mass": "250 g", "concentration_ratio": 4, "activity_ratio": 0.8},
            {"name": "normal", "mass": "1250 g"}]  # fmt: skip
    with pytest.raises(ValidationError, match="give one of them"):
        plan({"compartments": both})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"liver_mass": "200 g"}, "tumours have 250 g, more than the 200 g"),
        ({"liver_mass": "1400 g"}, "perfused volumes have 1500 g"),
        ({"target": {"compartment": "spleen", "dose": "100 Gy"}}, "name one of tumour, normal, perfused-liver"),
        ({"method": "voxel"}, "needs a 'scout' image"),
        ({"method": "partition"}, "activity_ratio"),
        ({"compartments": [{"name": "a", "mass": "1 g"}, {"name": "b", "mass": "1 g"}]}, "without a ratio"),
    ],
)
def test_contradictions_are_refused(changes, words):
    with pytest.raises(PlanError, match=words):
        plan(changes)


def test_a_shunt_of_all_is_refused():
    with pytest.raises(PhysicsError, match="below 1"):
        plan({"lung": {"shunt": "100 %"}})
