"""What doses mean in the main job: parameters of regions, BED of regions and voxels, weighted doses, responses."""

import json
import math

import nibabel
import numpy as np
import pydicom
import pytest

from main_job import run_without_report
from theradose.errors import StudyError
from tiny_study import KINETICS, content, write_tiny_study

NAMES = {"left-kidney": ["1"], "lesion-1": ["2"]}
KIDNEY_ALPHA_BETA, KIDNEY_REPAIR_H = 2.6, 2.8


def run(folder, **changes):
    return run_without_report(write_tiny_study(folder, {"names": NAMES, **changes})).folder


def document_of(folder):
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def regions(document):
    return {region["name"]: region for region in document["regions"]}


def findings(document, code):
    return [(finding["where"], finding["message"]) for finding in document["findings"] if finding["code"] == code]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """A kidney with the packaged parameters, and a lesion without any."""
    return document_of(run(tmp_path_factory.mktemp("packaged")))


def test_a_kidney_has_the_bed_of_its_curve(packaged):
    kidney = regions(packaged)["left-kidney"]
    half_life = KINETICS["liver"][1]
    g = KIDNEY_REPAIR_H / (KIDNEY_REPAIR_H + half_life)
    dose = kidney["dose_gy"]["value"]
    assert kidney["bed"]["lea_catcheside"]["value"] == pytest.approx(g, rel=1e-3)
    assert kidney["bed_gy"]["value"] == pytest.approx(dose * (1 + g * dose / KIDNEY_ALPHA_BETA), rel=1e-3)
    assert kidney["eqd2_gy"]["value"] == pytest.approx(kidney["bed_gy"]["value"] / (1 + 2 / KIDNEY_ALPHA_BETA))
    assert kidney["bed_gy"]["u"] / kidney["bed_gy"]["value"] > kidney["dose_gy"]["u"] / dose


def test_what_it_rests_on_is_said(packaged):
    bed = regions(packaged)["left-kidney"]["bed"]
    assert bed["alpha_beta_gy"] == {"value": 2.6, "u": None} and bed["status"] == "verified"
    assert {"alpha-beta:kidney", "repair-half-life:kidney"} <= set(bed["not_stated"])
    constants = {constant["name"]: constant for constant in packaged["constants"]}
    assert constants["α/β of kidney"]["value"] == 2.6 and constants["repair half-life of kidney"]["unit"] == "h"
    assert [where for where, _ in findings(packaged, "bed-u-incomplete")] == ["left-kidney"]


def test_a_uniform_region_has_its_bed_in_every_voxel(packaged):
    kidney = regions(packaged)["left-kidney"]
    dvh, bed = kidney["dvh"], kidney["bed"]["dvh"]
    g = kidney["bed"]["lea_catcheside"]["value"]
    for name in ("mean_gy", "d95_gy", "d50_gy", "d2_gy"):
        assert bed[name] == pytest.approx(dvh[name] * (1 + g * dvh[name] / KIDNEY_ALPHA_BETA), rel=1e-4)
    assert len(bed["curve"]["dose_gy"]) == len(dvh["curve"]["dose_gy"])


def test_nothing_is_said_of_a_region_without_parameters(packaged):
    lesion = regions(packaged)["lesion-1"]
    assert [lesion[name] for name in ("bed_gy", "eqd2_gy", "bed", "rbe_weighted")] == [None] * 4
    assert lesion["responses"] == []


LESION = {
    "alpha_beta": "10 Gy", "alpha_beta_u": "20 %", "repair_half_life": "1.5 h", "repair_half_life_u": "30 %",
    "source": "a protocol",
}  # fmt: skip


def test_stated_regrowth_stands_beside_the_bed(tmp_path):
    """ln 2 (20 − 6) d / (0.15 1/Gy · 28 d) is 2.31 Gy."""
    regrowth = {"doubling": "28 d", "duration": "20 d", "delay": "6 d"}
    lesion = {**LESION, "alpha": "0.15 1/Gy", "repopulation": regrowth}
    document = document_of(run(tmp_path, biology={"regions": {"lesion-1": lesion}}))
    bed = regions(document)["lesion-1"]["bed"]
    assert bed["repopulation_loss_gy"] == pytest.approx(math.log(2) * 14 / (0.15 * 28))
    assert regions(document)["left-kidney"]["bed"]["repopulation_loss_gy"] is None


def test_regrowth_needs_a_radiosensitivity(tmp_path):
    lesion = {**LESION, "repopulation": {"doubling": "28 d", "duration": "20 d"}}
    with pytest.raises(StudyError, match="alpha"):
        run(tmp_path, biology={"regions": {"lesion-1": lesion}})


def test_stated_parameters_and_their_uncertainties_are_used(tmp_path):
    folder = run(tmp_path, biology={"regions": {"lesion-1": LESION, "spleen": {"alpha_beta": "3 Gy"}}})
    document = document_of(folder)
    lesion = regions(document)["lesion-1"]
    bed = lesion["bed"]
    assert bed["alpha_beta_gy"] == {"value": 10.0, "u": 2.0} and bed["source"] == "a protocol"
    assert bed["status"] == "stated" and bed["not_stated"] == ["volume:lesion-1"]
    dose, g = lesion["dose_gy"]["value"], bed["lea_catcheside"]["value"]
    line = next(line for line in bed["budget"] if line["source"] == "alpha-beta:lesion-1")
    assert line["relative_u"] == pytest.approx(0.2 * g * dose**2 / 10 / lesion["bed_gy"]["value"], rel=1e-6)
    assert [where for where, _ in findings(document, "biology-region-missing")] == ["spleen"]


def test_a_paired_organ_is_stated_once(tmp_path):
    document = document_of(run(tmp_path, biology={"regions": {"kidneys": {"tissue": "kidney-2.5"}}}))
    bed = regions(document)["left-kidney"]["bed"]
    assert (bed["alpha_beta_gy"]["value"], bed["status"]) == (2.5, "unverified")
    assert findings(document, "biology-region-missing") == []


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"alpha_beta": "10 Gy"}, "biology-incomplete"),
        ({"tissue": "normal-liver"}, "biology-incomplete"),
        ({"tissue": "bone"}, "biology-unknown"),
        ({"models": ["magic"]}, "biology-unknown"),
    ],
)
def test_half_a_statement_is_refused(tmp_path, stated, code):
    with pytest.raises(StudyError) as refusal:
        run(tmp_path, biology={"regions": {"lesion-1": stated}})
    assert refusal.value.code == code


def test_parameters_of_external_beams_carry_their_caution(tmp_path):
    stated = {"tissue": "normal-liver", "repair_half_life": "2 h"}
    document = document_of(
        run(tmp_path, names={"liver": ["1"], "lesion-1": ["2"]}, biology={"regions": {"liver": stated}})
    )
    assert regions(document)["liver"]["bed"]["origin"] == "EBRT"
    ((where, message),) = findings(document, "parameter-from-external-beam")
    assert where == "liver" and "external beam" in message


def test_maps_of_fitted_voxels_have_their_own_kinetics(tmp_path):
    folder = run(tmp_path, dose={"tia_map": "voxelwise-mono"}, biology={"map": True, "regions": {"lesion-1": LESION}})
    document = document_of(folder)
    assert regions(document)["left-kidney"]["bed"]["kinetics"] == "mono"
    image = nibabel.load(folder / "bed.nii.gz")
    effective, dose = np.asarray(image.dataobj), np.asarray(nibabel.load(folder / "dose.nii.gz").dataobj)
    inside = np.isfinite(effective)
    labels = np.asarray(nibabel.load(folder / "regions.nii.gz").dataobj)
    assert (inside == (labels > 0)).all()
    order = [region["name"] for region in document["regions"]]
    for name, (half_life, alpha_beta, repair) in {
        "left-kidney": (KINETICS["liver"][1], KIDNEY_ALPHA_BETA, KIDNEY_REPAIR_H),
        "lesion-1": (KINETICS["lesion-1"][1], 10.0, 1.5),
    }.items():
        mine = labels == order.index(name) + 1
        expected = dose[mine] * (1 + repair / (repair + half_life) * dose[mine] / alpha_beta)
        np.testing.assert_allclose(effective[mine], expected, rtol=1e-4)


def test_the_map_is_an_effective_dose_in_dicom(tmp_path):
    folder = run(tmp_path, biology={"map": True})
    written = pydicom.dcmread(folder / "dicom" / "rtdose_bed.dcm")
    assert (written.DoseType, written.DoseUnits) == ("EFFECTIVE", "GY")
    mean = written.pixel_array.max() * float(written.DoseGridScaling)
    assert mean == pytest.approx(regions(document_of(folder))["left-kidney"]["bed"]["dvh"]["mean_gy"], rel=1e-3)


def alpha_study(folder, **stated):
    timepoints = content()["timepoints"]
    for timepoint in timepoints:
        timepoint["declare"]["nuclide"] = "Ac-225"
    administrations = [{**content()["administrations"][0], "nuclide": "Ac-225"}]
    biology = {"regions": {"left-kidney": stated}}
    return document_of(run(folder, timepoints=timepoints, administrations=administrations, biology=biology))


def test_alphas_have_no_bed_and_a_weighted_dose_only_by_a_stated_weight(tmp_path):
    kidney = regions(document := alpha_study(tmp_path / "a", rbe=5.0))["left-kidney"]
    assert kidney["bed_gy"] is None and findings(document, "bed-alpha")
    weighted, alpha, dose = kidney["rbe_weighted"], kidney["alpha_gy"]["value"], kidney["dose_gy"]["value"]
    assert weighted["unit"] == "Gy(RBE=5)"
    assert weighted["weighted"]["value"] == pytest.approx(dose + 4 * alpha)
    assert regions(alpha_study(tmp_path / "b"))["left-kidney"]["rbe_weighted"] is None


NET = {"tumour": "net", "grade": 2, "skeletal": False, "progressing": False, "models": ["tcp-logistic", "ntcp-lyman"]}


def test_responses_come_only_where_their_source_says_that_they_hold(tmp_path):
    kidney = {"models": ["ntcp-lyman", "geud"]}
    biology = {"regions": {"lesion-1": NET, "left-kidney": kidney}, "dose_covers": "all-cycles"}
    document = document_of(run(tmp_path / "a", biology=biology))
    response, missing = regions(document)["lesion-1"]["responses"]
    dose, u = regions(document)["lesion-1"]["dose_gy"].values()
    assert response["value"] == pytest.approx(1 / (1 + math.exp(1.44 - 0.027 * dose)))
    low, high = response["interval"]
    assert low < response["value"] < high
    assert missing["value"] is None and "parameters" in missing["reason"]
    complication, uniform = regions(document)["left-kidney"]["responses"]
    assert complication["origin"] == "EBRT" and 0 < complication["value"] <= 1
    assert uniform["unit"] == "Gy" and uniform["value"] > 0
    assert {where for where, _ in findings(document, "parameter-from-external-beam")} == {"left-kidney"}
    one = document_of(run(tmp_path / "b", biology={"regions": {"lesion-1": NET}}))
    assert regions(one)["lesion-1"]["responses"][0]["value"] is None
    assert any("all cycles" in message for _, message in findings(one, "response-not-applicable"))


@pytest.mark.parametrize("method", ["madsen", "earlier-half-life"])
def test_a_single_time_point_has_the_factor_of_its_assumed_half_life(tmp_path, method):
    stated = {"method": method, "half_lives": dict.fromkeys(NAMES, "50 h"), "u": "20 %"}
    changes = {"timepoints": content()["timepoints"][:1], "single_time_point": stated}
    g = regions(document_of(run(tmp_path, **changes)))["left-kidney"]["bed"]["lea_catcheside"]
    assert g["value"] == pytest.approx(2.8 / 52.8, rel=1e-9)
    assert g["u"] == pytest.approx(0.2 * 50.0 * 2.8 / 52.8**2, rel=1e-5)


@pytest.mark.parametrize("model", ["mono", "uptake", "trapezoid"])
def test_a_uniform_region_and_its_voxels_have_one_factor(tmp_path, model):
    override = {"region": "left-kidney", "model": model, "reason": "the model of the voxels"}
    document = document_of(run(tmp_path, overrides=[override], dose={"tia_map": f"voxelwise-{model}"}))
    kidney = regions(document)["left-kidney"]
    g, dose, effective = kidney["bed"]["lea_catcheside"]["value"], kidney["dvh"]["d50_gy"], kidney["bed"]["dvh"]
    # Region and voxels weigh their points differently; the fit of uptake without uptake is held by a bound.
    assert effective["d50_gy"] == pytest.approx(dose * (1 + g * dose / KIDNEY_ALPHA_BETA), rel=2e-3)
