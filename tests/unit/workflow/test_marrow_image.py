"""Red marrow from the images of a study whose spongiosa is known exactly."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import yaml

from main_job import run_without_report
from spine_phantom import (
    CONCENTRATION_MBQ_PER_ML,
    EMISSION_GRID,
    HALF_LIFE_H,
    SPONGIOSA_HU,
    TIMES,
    VERTEBRAE,
    concentration,
    content,
    points,
    write_spine_study,
)
from theradose.dose.local import local_dose_constant
from theradose.errors import GeometryError, PhysicsError, StudyError
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Volume
from theradose.model.study import MarrowChoice
from theradose.nuclides import load_nuclide
from theradose.spatial.density import hu_density_table
from theradose.store.steps import StepStore
from theradose.workflow.case import hash_inputs, open_case
from theradose.workflow.marrow_image_document import image_marrow_document
from theradose.workflow.marrow_study import marrow_of_study
from theradose.workflow.run import compute, run_study
from theradose.workflow.study_file import read_study

LUTETIUM = load_nuclide("Lu-177")
TRUE_TIA = CONCENTRATION_MBQ_PER_ML * HALF_LIFE_H / math.log(2)
DENSITY = float(hu_density_table().density_of(np.array([[SPONGIOSA_HU]]))[0, 0])
TRUE_SELF_GY = local_dose_constant(electron_energy_kev=LUTETIUM.electron_energy_kev.value) * TRUE_TIA / DENSITY
# Fractions of emission voxels at the edge of the eroded volume reach neither cortex nor surroundings; images are
# stored as 32-bit numbers, and points are means over a frame of 100 s that the reader brings back to its start.
EXACT = 1e-4


@pytest.fixture
def study(tmp_path):
    """Return a function that writes the study with changes."""

    def write(*, without=("lesion-1",), joined=None, **changes):
        return write_spine_study(tmp_path / "study", changes, without=without, joined=joined)

    return write


def marrow(path):
    return marrow_of_study(path).marrow


def outcome(path):
    """Everything that the main job computes from the images."""
    case = open_case(read_study(path))
    return compute(case, StepStore(path.parent / ".theradose"), hash_inputs(case.study_file))


def codes(result):
    return {finding.code for finding in result.findings}


def test_dose_is_that_of_the_concentration_in_spongiosa(study):
    result = marrow_of_study(study())
    found = result.marrow
    assert found.measured.sites == ("l2-vertebra", "l3-vertebra", "l4-vertebra")
    np.testing.assert_allclose(found.tia.curve.t_h, [t_h for t_h, _ in TIMES.values()])
    assert found.tia.value.value == pytest.approx(TRUE_TIA, rel=EXACT)
    assert found.measured.density_g_per_ml.value == pytest.approx(DENSITY)
    assert found.dose.self_gy.value == pytest.approx(TRUE_SELF_GY, rel=EXACT)
    assert found.dose_per_activity_gy_gbq.value == pytest.approx(TRUE_SELF_GY / 2, rel=EXACT)
    assert found.dose.cross_gy is None
    assert {"marrow-volume", "marrow-recovery-not-applied", "marrow-cross-dose-missing"} <= codes(result)


def test_budget_names_what_acts_and_what_nobody_stated(study):
    dose = marrow(study()).dose.dose_gy
    assert {"fit:marrow-voi", "calibration:A"} <= set(dose.contributions)
    assert {"density:marrow-voi", "recovery:marrow-voi"} <= set(dose.not_stated)
    assert dose.contributions["calibration:A"] == pytest.approx(0.03 * dose.value)


def test_edge_of_the_volume_acts_where_the_surroundings_differ(study):
    """With a small margin the volume one standard uncertainty wider takes in tissue of a third of the concentration."""
    window = [-1000, 3000]
    near = marrow(study(marrow={"margin": "1 mm", "hu_window": window})).dose.dose_gy
    far = marrow(study(marrow={"margin": "7 mm", "hu_window": window})).dose.dose_gy
    assert near.contributions["volume:marrow-voi"] > 5 * abs(far.contributions.get("volume:marrow-voi", 0.0))


def test_an_edge_that_cannot_be_moved_is_said_to_be_missing_in_the_budget(study):
    """At 11 mm from the surface 5.8 mL are left, a standard uncertainty of the edge further in less than 5 mL."""
    result = marrow_of_study(study(marrow={"margin": "11 mm"}))
    assert "marrow-edge-unknown" in codes(result)
    assert "volume:marrow-voi" in result.marrow.dose.dose_gy.not_stated


def test_another_failure_at_the_edge_is_not_hidden(study, monkeypatch):
    def fail(*_):
        raise GeometryError("The image is broken.", code="broken")

    monkeypatch.setattr("theradose.workflow.marrow_measure.mean_concentration_mbq_per_ml", fail)
    with pytest.raises(GeometryError, match="The image is broken"):
        marrow_of_study(study())


def test_findings_of_regions_density_and_calibration_are_said_as_in_the_main_job(study):
    path = study()
    of_images = {(finding.code, finding.where) for finding in outcome(path).findings}
    said = {(finding.code, finding.where) for finding in marrow_of_study(path).findings}
    assert {"volume-u-not-stated", "recovery-not-applied"} <= {code for code, where in said if where == "liver"}
    # Only the whole field of view and the dose map have findings of their own.
    assert of_images - said == {("measurement-u-assumed", ""), ("photon-dose-neglected", "")}


def test_vertebrae_are_registered_on_their_own_elsewhere(study):
    timepoints = [{**timepoint, "ct": "ct.nii"} for timepoint in content()["timepoints"]]
    registrations = marrow(study(timepoints=timepoints)).measured.registrations
    assert registrations["tp2"].method == "outlined here"
    assert {registrations[name].method for name in ("tp1", "tp3", "tp4")} == {"local"}


def test_stated_options_reach_the_dose(study):
    options = {"recovery": 0.8, "recovery_u": "5 %", "method": "s-value", "mass": "800 g"}
    found = marrow(study(marrow=options))
    plain = marrow(study(marrow={"method": "s-value"}))
    assert found.dose.self_gy.value == pytest.approx(plain.dose.self_gy.value / 0.8)
    assert found.dose.self_gy.contributions["recovery:marrow-voi"] == pytest.approx(
        -0.05 / 0.8 * found.dose.self_gy.value
    )
    assert plain.dose.tia_mbq_h.value / found.dose.tia_mbq_h.value == pytest.approx(900 / 800 * 0.8)


def test_active_marrow_and_extrapolation_are_options(study):
    active = marrow(study(marrow={"distribution": "active-marrow", "cellularity": "70 %", "trabecular_fraction": 0.1}))
    assert active.concentration.marrow.value == pytest.approx(1000 * TRUE_TIA / (0.9 * 0.7 * 1.03), rel=EXACT)
    extrapolated = marrow_of_study(study(marrow={"extrapolate_site": True}))
    assert "marrow-extrapolated" in codes(extrapolated)
    fraction = next(c for c in extrapolated.marrow.constants if "L2 to L4" in c.name)
    assert fraction.status == "unverified"


def test_other_sites_and_spellings(study):
    found = marrow(study(marrow={"sites": ["L3", "vertebrae_L4"]}))
    assert found.measured.sites == ("l3-vertebra", "l4-vertebra")
    assert found.tia.value.value == pytest.approx(TRUE_TIA, rel=EXACT)


def test_sites_that_are_not_outlined_are_refused(study):
    with pytest.raises(StudyError, match="l5-vertebra are not outlined") as caught:
        marrow(study(marrow={"sites": ["L4", "L5"]}))
    assert caught.value.code == "marrow-sites-missing"


def test_incomplete_sites_are_said_and_the_rest_goes_on(study):
    path = study(without=("lesion-1", "l3-vertebra"))
    with pytest.raises(GeometryError, match="only l2-vertebra, l4-vertebra are outlined"):
        marrow_of_study(path)
    result = outcome(path)
    assert result.marrow is None
    assert [f.severity for f in result.findings if f.code == "marrow-sites-incomplete"] == ["info"]


def test_lesions_are_kept_away_from(study):
    result = marrow_of_study(study(without=()))
    excluded = result.marrow.measured.volume.excluded_ml["lesions"]
    assert excluded > 0
    assert "marrow-lesions-excluded" in codes(result)


def test_an_override_excludes_images_prescribes_the_model_and_states_the_density(study):
    override = {"region": "marrow-voi", "exclude_timepoints": ["tp4"], "model": "mono", "density": "1.2 g/mL",
                "reason": "motion"}  # fmt: skip
    found = marrow(study(overrides=[override]))
    assert len(found.tia.curve.t_h) == 3
    assert found.tia.chosen == "mono"
    assert found.dose.self_gy.value == pytest.approx(TRUE_SELF_GY * DENSITY / 1.2, rel=EXACT)


def test_three_phases_on_four_images_are_refused(study):
    """More parameters than points (paragraph 2 of the project's science notes)."""
    path = study(overrides=[{"region": "marrow-voi", "model": "tri", "reason": "as published"}])
    with pytest.raises(GeometryError, match="no marrow dose from images.*6 parameters"):
        marrow_of_study(path)
    result = outcome(path)
    assert result.marrow is None
    assert {region.region.name for region in result.regions} == {*VERTEBRAE, "liver"}
    assert [f.severity for f in result.findings if f.code == "marrow-not-computed"] == ["critical"]


def test_two_phases_on_four_images_are_computed(study):
    """As many parameters as points: its own uncertainty comes from the stated ones (paragraph 2)."""
    found = marrow(study(overrides=[{"region": "marrow-voi", "model": "bi", "reason": "as published"}]))
    assert found.tia.chosen == "bi"
    assert found.tia.value.value == pytest.approx(TRUE_TIA, rel=0.02)


def test_it_can_be_switched_off(study):
    assert outcome(study(marrow={"image": False})).marrow is None


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"method": "magic"}, "unknown-marrow-method"),
        ({"recovery": 3}, "marrow-recovery"),
        ({"extrapolate_site": "pelvis"}, "marrow-site-fraction"),
        ({"rmblr": "-1"}, "marrow-ratio"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_computed(study, stated, code):
    with pytest.raises(PhysicsError) as caught:
        run_study(study(marrow=stated))
    assert caught.value.code == code


def test_an_unknown_key_is_refused_with_the_valid_ones(study):
    with pytest.raises(StudyError, match=r"did you mean 'recovery'\?"):
        marrow(study(marrow={"recovry": 0.8}))


def test_a_map_of_active_marrow_weights_the_volume(study):
    """Twice the marrow in the upper half of L2: its weight in the mean, which is the same everywhere."""
    path = study(marrow={"weighting": {"image": "map.nii", "method": "identity"}})
    weights = 1.0 + (points(EMISSION_GRID)[..., 2] > 36)
    write_nifti(Volume(weights, EMISSION_GRID), path.parent / "map.nii")
    result = marrow_of_study(path)
    plain = marrow(study())
    assert result.marrow.measured.weighted_by == "map.nii"
    assert "marrow-weighted" in codes(result)
    assert result.marrow.tia.value.value == pytest.approx(plain.tia.value.value, rel=EXACT)
    assert result.marrow.measured.volume.volume_ml < plain.measured.volume.volume_ml


def test_outlined_spongiosa_is_taken_as_it_is(study):
    found = marrow(study(joined="lumbar-marrow"))
    assert found.measured.sites == ("lumbar-marrow",)
    assert found.measured.volume.excluded_ml["margin"] == 0.0
    # The cortex lies inside this outline; the window takes it out.
    assert found.measured.volume.excluded_ml["above-window"] > 0


def test_probe_and_blood_of_the_study_enter_the_image_method(study, tmp_path):
    path = study(probe="probe.csv", blood="blood.csv", marrow={"specimen": "blood"})
    rows = ["t_h,anterior_cps,posterior_cps,background_cps,counting_s,distance_cm,before_void"]
    rows += [f"{t},{1000 * 2 ** (-t / 40)},{1000 * 2 ** (-t / 40)},1,60,200,{'yes' if t < 1 else 'no'}"
             for t in (0.5, 4, 24, 96)]  # fmt: skip
    (path.parent / "probe.csv").write_text("\n".join(rows) + "\n")
    rows = ["t_h,concentration_mbq_l,u_concentration_mbq_l"]
    rows += [f"{t},{20 * 2 ** (-t / 20)},{2 ** (-t / 20)}" for t in (1, 4, 24, 72)]
    (path.parent / "blood.csv").write_text("\n".join(rows) + "\n")
    result = run_without_report(path).result
    image, blood = result.marrow["image"], result.marrow["blood"]
    assert image["cross_gy"]["value"] > 0
    # The remainder of the body is what the marrow leaves, and the methods find different activities in it.
    assert image["cross_gy"]["value"] == pytest.approx(blood["cross_gy"]["value"], rel=0.05)
    assert image["specific_tia_mbq_h_per_kg"]["value"] + image["non_specific_tia_mbq_h_per_kg"]["value"] == (
        pytest.approx(image["marrow_tia_mbq_h_per_kg"]["value"])
    )
    assert blood["method"] == "s-value"
    assert image["method"] == "local-deposition"


def test_document_is_json_and_has_the_keys_that_are_documented(study, request):
    document = json.loads(json.dumps(image_marrow_document(marrow(study())), allow_nan=False))
    text = (request.config.rootpath / "docs/formats/marrow.md").read_text(encoding="utf-8")
    example = json.loads((request.config.rootpath / "docs/formats/examples/marrow_image.json").read_text())
    assert set(document) == set(example["image"])
    for key in document:
        assert f"`{key}`" in text, key


def test_the_documented_study_keys_are_valid(request):
    text = (request.config.rootpath / "docs/formats/examples/marrow_study.yaml").read_text(encoding="utf-8")
    choice = MarrowChoice.model_validate(yaml.safe_load(text)["marrow"])
    assert choice.recovery == 0.78
    assert choice.recovery_u == pytest.approx(0.05)
    assert choice.margin == 5.0
    assert choice.weighting.image == "pet/flt"


def test_every_study_key_is_documented(request):
    text = (request.config.rootpath / "docs/formats/marrow.md").read_text(encoding="utf-8")
    for key in MarrowChoice.model_fields:
        assert (
            f"`{key}`" in text
            or f"`{key.removesuffix('_u')}`, each with `…_u`" in text
            or (f"`{key.removesuffix('_u')}`" in text and key.endswith("_u"))
        ), key


def test_true_concentration_of_the_phantom_falls_with_its_half_life():
    assert concentration(HALF_LIFE_H).max() == pytest.approx(concentration(0.0).max() / 2)
