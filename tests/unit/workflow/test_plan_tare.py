"""Plans of radioembolisation from image files: a digital liver in NIfTI, and the liver of a voxel phantom."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from tare_liver import LABELS, write_scout
from theradose.acquire.labels import distribute_activity, read_label_segmentation
from theradose.errors import PlanError, TheradoseError
from theradose.formats.nifti import read_nifti, write_nifti
from theradose.model.grid import Volume
from theradose.nuclides import load_nuclide
from theradose.plan.inputs.tare import TareInput
from theradose.plan.tare.planner import plan_tare
from theradose.workflow.plan import run_plan
from theradose.workflow.plan_tare import tare_request

START = "2026-03-02T10:00:00+01:00"
DIGITAL = f"""
product: SIR-Spheres
intent: bilobar
liver_function: good
pretreated: false
target: {{compartment: "right: tumour-right", dose: 150 Gy}}
perfused_volumes:
  - {{name: right, catheter: right hepatic artery, volume_from: cone-beam-ct, regions: [right, tumour-right],
     share: 70 %}}
  - {{name: left, catheter: left hepatic artery, volume_from: cone-beam-ct, regions: [left, tumour-left],
     share: 30 %}}
scout:
  agent: 99mTc-MAA
  image: scout.nii.gz
  density: density.nii.gz
  regions: labels.nii.gz
  labels: {{{", ".join(f"{name}: {label}" for name, label in LABELS.items())}}}
  liver: [right, left]
  lungs: lungs
  tumours: [tumour-right, tumour-left]
  u_mass: 5 %
  u_activity: 10 %
"""


def content():
    return yaml.safe_load(DIGITAL)


def planned(folder, values):
    return plan_tare(tare_request(TareInput.model_validate(values), Path(folder)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scout")
    write_scout(folder)
    return folder


def test_two_territories_from_files(files):
    """Voxels against compartments: 0.1 % is asked for, float32 maps give 1e-5."""
    result = planned(files, content())
    for item in result.details["dvh"]:
        assert item["mean_gy"] == pytest.approx(result.details["mean_gy"][item["compartment"]], rel=1e-5)
    assert result.details["mean_gy"]["right: tumour-right"] == pytest.approx(150)
    inputs = {row.label: row.value for row in result.inputs}
    assert inputs["catheter, right"] == "right hepatic artery, volume from cone-beam CT"


def test_a_verification_returns_to_the_administration(files):
    """An image 20 h after the treatment in Bq/mL, uncorrected, with the pattern of the scout and 2 GBq given."""
    scout, _ = read_nifti(files / "scout.nii.gz")
    total = float(scout.data.sum()) * scout.grid.voxel_volume_ml
    left = 2000 * np.exp(-load_nuclide("Y-90").decay_constant_per_h * 20)
    write_nifti(Volume((scout.data * (left * 1e6 / total)).astype(np.float32), scout.grid), files / "pet.nii.gz")
    image = {key: value for key, value in content()["scout"].items() if key != "agent"}
    moment = "2026-03-03T06:00:00+01:00"
    image |= {"image": "pet.nii.gz", "declare": {"unit": "Bq/mL", "decay_reference": moment, "acquired_at": moment,
                                                 "frame_duration": "0 min", "nuclide": "Y-90"}}  # fmt: skip
    verification = {"kind": "90Y-PET", "administered": "2 GBq", "administered_at": START, "image": image}
    result = planned(files, content() | {"verification": verification})
    rows = result.details["verification"]
    compartments = [item["compartment"] for item in result.details["dvh"]]
    assert [row["compartment"] for row in rows] == [*compartments, "whole-normal-liver", "lungs"]
    # The vials were split 70 to 30, the image as its counts are: the sum over masses is what stayed in the liver.
    masses = {row.label: float(row.value.split()[0]) for row in result.inputs if " g, concentration" in row.value}
    absorbed = sum(masses[row["compartment"]] * row["delivered_gy"]["value"] for row in rows[: len(compartments)])
    shunt = next(float(row.value.split()[0]) / 100 for row in result.inputs if row.label == "lung shunt, right")
    assert absorbed == pytest.approx(49.67 * 2000 * (1 - shunt), rel=0.01)  # masses and shunt are printed rounded


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "none.nii.gz"}, "In 'scout': There is no file 'none.nii.gz'"),
        ({"liver": "hepar"}, "There is no region 'hepar'"),
        ({"density": "small.nii.gz"}, "different voxels"),
    ],
)
def test_files_that_do_not_fit_are_refused(files, changes, words):
    scout, _ = read_nifti(files / "scout.nii.gz")
    affine = scout.grid.affine_mm
    grid = type(scout.grid)((20, 40, 48), affine)
    write_nifti(Volume(np.ones(grid.shape, np.float32), grid), files / "small.nii.gz")
    values = content()
    values["scout"] |= changes
    with pytest.raises(PlanError, match=words) as refusal:
        planned(files, values)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


def test_a_refusal_of_an_image_names_the_image_of_the_plan(files):
    image = {key: value for key, value in content()["scout"].items() if key != "agent"}
    verification = {"kind": "90Y-PET", "administered": "2 GBq", "administered_at": START, "image": image}
    with pytest.raises(TheradoseError) as refusal:
        planned(files, content() | {"verification": verification})
    assert "In 'verification'" in str(refusal.value)
    assert "to the image of the plan ('verification.image')" in str(refusal.value)
    assert "time point" not in str(refusal.value)


def test_a_treatment_in_the_future_is_refused(files):
    verification = {"kind": "stated", "administered": "2 GBq", "administered_at": "2999-03-02T10:00:00",
                    "activities": {"tumour": "1 GBq"}}  # fmt: skip
    with pytest.raises(PlanError, match="2999-03-02 10:00, which is still to come: correct 'administered_at'"):
        planned(files, content() | {"verification": verification})


STATED = """
product: SIR-Spheres
intent: bilobar
liver_function: good
pretreated: false
target: {compartment: tumour, dose: 205 Gy}
compartments: [{name: tumour, mass: 250 g, concentration_ratio: 4}, {name: normal, mass: 1250 g}]
lung: {shunt: 6 %}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shunt: 6 %", "shunt: 130 %", "lung.shunt: a fraction lies between 0 and 100 %"),
        ("dose: 205 Gy", "dose: 205", "target.dose: '205' has no unit"),
        ("mass: 250 g", "mass: 250", "has no unit"),
        ("mass: 250 g", "mass: 0,25 kg", "comma"),
        ("compartments: [{name: tumour, mass: 250 g, concentration_ratio: 4}, {name: normal, mass: 1250 g}]", "",
         "compartments are missing"),
        ("pretreated: false", "", "pretreated"),
        ("lung: {shunt: 6 %}", "lung: {shunt: 6 %}\nliver_mass: 200 g", "tumours have 250 g"),
        ("lung: {shunt: 6 %}", "lung: {shunt: 6 %}\nverification: {kind: stated, administered: 1 GBq, "
         "activities: {tumour: 1.1 GBq}}", "more than the 1000 MBq administered"),
        ("SIR-Spheres", "SIR", "valid names are SIR-Spheres, TheraSphere, QuiremSpheres"),
        ("concentration_ratio: 4", "concentration_ratio: 4, activity_ratio: 0.8", "give one of them"),
    ],
)  # fmt: skip
def test_bad_input_files_are_refused_with_one_sentence(tmp_path, old, new, words):
    path = tmp_path / "tare.yaml"
    path.write_text(STATED, encoding="utf-8")
    assert run_plan("tare", path).activity_mbq.value == pytest.approx(2469.76, abs=0.01)
    path.write_text(STATED.replace(old, new), encoding="utf-8")
    with pytest.raises(TheradoseError) as refusal:
        run_plan("tare", path)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


PHANTOM = {"liver": 15000, "lesion-1": 19000, "lesion-2": 20000, "lesion-3": 21000}
# Concentrations of the phantom's own source, MBq; which of its lesions lie in the liver is not said.
PHANTOM_MBQ = {"liver": 104.0, "lesion-1": 15.4, "lesion-2": 8.2, "lesion-3": 4.8}


@pytest.fixture(scope="module")
def phantom(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    source = shared_data / "images" / "lu177_phantom_patient15"
    for file in source.glob("*.?33"):
        (folder / file.name).write_bytes(file.read_bytes())
    segmentation, _ = read_label_segmentation(
        folder / "patient15_LuDOTATATE_src.h33", {label: name for name, label in PHANTOM.items()}
    )
    write_nifti(distribute_activity(segmentation, PHANTOM_MBQ), folder / "scout.nii.gz")
    return planned(
        folder,
        {
            "product": "QuiremSpheres",
            "intent": "bilobar",
            "liver_function": "good",
            "pretreated": False,
            "target": {"compartment": "lesion-1", "dose": "150 Gy"},
            "lung": {"shunt": "2 %"},
            "scout": {
                "agent": "166Ho-scout",
                "image": "scout.nii.gz",
                "ct": "patient15_LuDOTATATE_attn.h33",
                "regions": "patient15_LuDOTATATE_src.h33",
                "labels": PHANTOM,
                "tumours": ["lesion-1", "lesion-2", "lesion-3"],
            },
        },
    )


def test_voxels_and_compartments_agree_on_the_phantom(phantom):
    for item in phantom.details["dvh"]:
        assert item["mean_gy"] == pytest.approx(phantom.details["mean_gy"][item["compartment"]], rel=1e-4)
    assert phantom.details["mean_gy"]["lesion-1"] == pytest.approx(150)


def test_energy_closes_on_the_phantom(phantom):
    """Mean dose times mass of all parts is CF·A·(1 − L), to 0.1 %."""
    parts = [part for volume in phantom.details["perfused_volumes"] for part in volume["compartments"]]
    masses = {part["name"]: part["mass_g"]["value"] for part in parts}
    absorbed = sum(mass * phantom.details["mean_gy"][name] for name, mass in masses.items())
    assert absorbed == pytest.approx(15.87 * phantom.activity_mbq.value * 0.98, rel=1e-3)


def test_doses_follow_the_concentrations_of_the_phantom(phantom, shared_data):
    """Lesion over lesion: activities over masses, the densities from the CT within 3 % of each other."""
    raw = shared_data / "images" / "lu177_phantom_patient15" / "patient15_LuDOTATATE_src.i33"
    labels = np.fromfile(raw, "<u2")
    sizes = {name: np.count_nonzero(labels == label) for name, label in PHANTOM.items()}
    expected = (PHANTOM_MBQ["lesion-2"] / sizes["lesion-2"]) / (PHANTOM_MBQ["lesion-1"] / sizes["lesion-1"])
    mean = phantom.details["mean_gy"]
    assert mean["lesion-2"] / mean["lesion-1"] == pytest.approx(expected, rel=0.03)
