"""The digital patient: conservation of activity, anatomy and kinetics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.quantify.remainder import REMAINDER
from theradose.simulate.camera import Camera
from theradose.simulate.organs import build_anatomy
from theradose.simulate.patient import LUTETIUM_DOTATATE, DigitalPatient, KineticCurve, make_patient
from theradose.simulate.sampling import draw
from theradose.simulate.truth import true_marrow

SEEDS = (1, 2, 3, 177)


@pytest.fixture(scope="module", params=SEEDS)
def anyone(camera: Camera, request: pytest.FixtureRequest) -> DigitalPatient:
    """Several patients."""
    return make_patient(seed=request.param, camera=camera)


def test_nobody_holds_more_than_was_given(anyone: DigitalPatient):
    patient = anyone
    t_h = np.concatenate([np.linspace(0, 12, 500), np.geomspace(12, 2000, 500)])
    total = patient.body_curve().activity_mbq(t_h)
    given = patient.administered_mbq * np.exp(-patient.nuclide.decay_constant_per_h * t_h)
    assert (total <= given * (1 + 1e-12)).all()
    assert total[0] == pytest.approx(patient.administered_mbq)
    # What is missing was excreted and never comes back.
    assert (np.diff(1 - total / given) > -1e-12).all()


def test_nothing_clears_slower_than_decay_nor_goes_negative(anyone: DigitalPatient):
    patient = anyone
    t_h = np.geomspace(0.01, 1000, 300)
    for curve in patient.curves.values():
        assert (curve.rates_per_h >= patient.nuclide.decay_constant_per_h).all()
        assert (curve.activity_mbq(t_h) > 0).all()


def test_integral_and_frame_mean_are_exact():
    curve = KineticCurve(np.array([100.0, -60.0]), np.array([0.012, 0.7]))
    integral, _ = quad(lambda t: float(curve.activity_mbq(t)), 0, np.inf)
    assert curve.tia_mbq_h == pytest.approx(integral, rel=1e-8)
    mean, _ = quad(lambda t: float(curve.activity_mbq(t)), 3.9, 4.3)
    assert curve.mean_mbq(3.9, 0.4) == pytest.approx(mean / 0.4, rel=1e-10)
    assert curve.mean_mbq(3.9, 0.0) == pytest.approx(float(curve.activity_mbq(3.9)))


def test_concentrations_add_up_to_the_regions(patient: DigitalPatient):
    concentration = patient.concentrations_mbq_ml(24.0, 1 / 3)
    for region in patient.anatomy.region_names:
        members = patient.anatomy.parts_of(region)
        activity = sum(concentration[member + 1] * patient.volumes_ml[member] for member in members)
        assert activity == pytest.approx(patient.region_curve(region).mean_mbq(24.0, 1 / 3))
    remainder = sum(
        concentration[i + 1] * patient.volumes_ml[i]
        for i, part in enumerate(patient.anatomy.parts)
        if part.kinetics == REMAINDER
    )
    # Part of the remainder lies outside the field of view.
    assert 0.2 < remainder / patient.curves[REMAINDER].mean_mbq(24.0, 1 / 3) < 0.7


def test_sampled_volumes_agree_with_geometry(patient: DigitalPatient):
    # Nothing lies in front of spleen, kidneys and lesions, so their volume is that of their solid.
    for position, part in enumerate(patient.anatomy.parts):
        if part.name == "spleen" or part.name.startswith("lesion"):
            assert patient.volumes_ml[position] == pytest.approx(part.solids[0].volume_ml, rel=0.01)
    for side in ("left", "right"):
        whole = patient.anatomy.parts[patient.anatomy.parts_of(f"{side}-kidney")[0]].solids[0].volume_ml
        assert patient.region_volume_ml(f"{side}-kidney") == pytest.approx(whole, rel=0.005)


def test_lesions_are_as_the_demonstration_needs_them(patient: DigitalPatient):
    lesions = [name for name in patient.anatomy.region_names if name.startswith("lesion")]
    volumes = [patient.region_volume_ml(name) for name in lesions]
    assert sum(volume >= 10 for volume in volumes) >= 3
    assert sum(volume < 5 for volume in volumes) == 2
    sites = {part.site for part in patient.anatomy.parts if part.name in lesions}
    assert {"liver", "mesenteric node"} <= sites


def test_organ_doses_are_in_the_published_ranges(anyone: DigitalPatient):
    # Gy/GBq for 177Lu-DOTATATE: kidneys 0.27 to 0.91 (Santoro 2018, n = 12); liver 0.27 and spleen 1.17 on average
    # (n = 61), taken within a factor of two. 0.0851 Gy·g/(MBq·h) is the local deposition constant.
    patient = anyone
    for region, low, high in (("left-kidney", 0.27, 0.91), ("liver", 0.13, 0.54), ("spleen", 0.58, 2.4)):
        tia = patient.region_curve(region).tia_mbq_h
        dose = 0.0851 * tia / patient.region_mass_g(region) / patient.administered_mbq * 1000
        assert low < dose < high


def test_seeds_make_patients(camera: Camera):
    first, again, other = (make_patient(seed=seed, camera=camera) for seed in (5, 5, 6))
    assert np.array_equal(first.volumes_ml, again.volumes_ml)
    assert all(
        np.array_equal(first.curves[name].amplitudes_mbq, again.curves[name].amplitudes_mbq) for name in first.curves
    )
    assert first.weight_kg != other.weight_kg


def test_one_kidney_and_arms(camera: Camera):
    variant = make_patient(seed=5, camera=camera, arms=True, without=("right-kidney",))
    assert "right-kidney" not in variant.anatomy.region_names
    assert variant.anatomy.parts[0].name == "arms"
    assert variant.anatomy.half_width_mm[0] > make_patient(seed=5, camera=camera).anatomy.half_width_mm[0]


def test_impossible_anatomy_is_refused():
    spec = dict(load_yaml(LUTETIUM_DOTATATE))
    spec["body"] = spec["body"] | {"semi_axes_mm": [60, 50]}
    with pytest.raises(PhysicsError) as refusal:
        build_anatomy(spec, rng=np.random.default_rng(1), weight_kg=70, arms=False)
    assert refusal.value.code == "anatomy-not-found"


def test_draws_respect_their_limits():
    rng = np.random.default_rng(0)
    values = np.array([draw(rng, {"median": 10.0, "cv": 0.3, "min": 8.0}) for _ in range(2000)])
    width = np.sqrt(np.log1p(0.09))
    assert values.min() >= 8.0
    assert values.max() <= 10 * np.exp(2 * width)


def test_vertebrae_are_whole_bones(patient: DigitalPatient):
    """A vertebra is its spongiosa and its cortex, with the share of the remainder that lies in the cortex."""
    assert patient.anatomy.structure_names == ("l2-vertebra", "l3-vertebra", "l4-vertebra")
    for name in patient.anatomy.structure_names:
        level = name[:2].upper()
        members = [patient.anatomy.parts[i].name for i in patient.anatomy.parts_of(name)]
        assert members == [f"{level}-cortex", f"{level}-spongiosa"]
        cortex = patient.region_curve(name).tia_mbq_h - patient.region_curve(f"{level}-spongiosa").tia_mbq_h
        position = [part.name for part in patient.anatomy.parts].index(f"{level}-cortex")
        share = patient.remainder_per_ml[position] * patient.volumes_ml[position]
        assert cortex == pytest.approx(share * patient.curves[REMAINDER].tia_mbq_h)
        assert patient.region_mass_g(name) > patient.region_mass_g(f"{level}-spongiosa")


def test_level_of_a_vertebra_has_no_hole_where_its_spongiosa_is(patient: DigitalPatient):
    centre = patient.anatomy.parts[patient.anatomy.parts_of("L3-spongiosa")[0]].solids[0].centre_mm
    assert patient.anatomy.region_level("l3-vertebra", centre[None])[0] < 0


def test_marrow_dose_is_in_the_range_of_image_based_doses(anyone: DigitalPatient):
    """Vallot 2024: 18.6 to 250.8 mGy/GBq over 17 treatments and three curve models."""
    marrow = true_marrow(anyone)
    assert 0.0186 < marrow.dose_gy / anyone.administered_mbq * 1000 < 0.2508
    regions = [f"{site[:2].upper()}-spongiosa" for site in marrow.sites]
    assert marrow.tia_mbq_h == pytest.approx(sum(anyone.region_curve(name).tia_mbq_h for name in regions))
    assert marrow.volume_ml == pytest.approx(sum(anyone.region_volume_ml(name) for name in regions))
