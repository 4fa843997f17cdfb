"""A study of an alpha emitter: daughters in the dose, alphas apart, and what is refused."""

import json

import pytest

from main_job import run_without_report
from theradose.dose.energy import emitted_energy
from theradose.errors import PhysicsError
from theradose.nuclides import load_nuclide
from tiny_study import content, write_tiny_study


def changes_for(nuclide, **dose):
    study = content()
    timepoints = study["timepoints"]
    for timepoint in timepoints:
        timepoint["declare"]["nuclide"] = nuclide
    administrations = [{**study["administrations"][0], "nuclide": nuclide}]
    return {"administrations": administrations, "timepoints": timepoints, "dose": dose}


def document_of(folder, changes=None):
    run = run_without_report(write_tiny_study(folder, changes))
    return json.loads((run.folder / "result.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return document_of(tmp_path_factory.mktemp("alpha"), changes_for("Ac-225", retained={"Bi-213": 0.5}))


def test_dose_counts_daughters_and_shows_alphas_apart(result):
    for region in result["regions"]:
        dose, alpha = region["dose_gy"], region["alpha_gy"]
        assert 0.95 < alpha["value"] / dose["value"] < 1
        assert any(line["source"] == "dose-constant:Ac-225" and line["share"] is None for line in region["budget"])


def test_stated_fractions_enter_every_dose(result, tmp_path):
    whole = document_of(tmp_path, changes_for("Ac-225"))
    full = emitted_energy(load_nuclide("Ac-225")).charged_kev
    lost = 0.5 * 0.99988 * emitted_energy(load_nuclide("Bi-213")).charged_kev
    for half, all_stay in zip(result["regions"], whole["regions"], strict=True):
        by_region = half["dose_gy"]["value"] / all_stay["dose_gy"]["value"]
        by_map = half["dvh"]["mean_gy"] / all_stay["dvh"]["mean_gy"]
        assert by_region == pytest.approx(1 - lost / full, rel=1e-4)
        assert by_map == pytest.approx(1 - lost / full, rel=1e-4)


def test_result_says_what_was_counted(result):
    findings = {finding["code"]: finding["message"] for finding in result["findings"]}
    assert "Bi-213 0.4999" in findings["daughters-in-place"] and "alpha-unweighted" in findings
    names = [constant["name"] for constant in result["constants"]]
    assert any("alpha particles and recoils" in name for name in names)
    assert result["study"]["dose"]["retained"] == {"Bi-213": 0.5}


def test_beta_emitters_have_no_alpha_part(tmp_path):
    document = document_of(tmp_path)
    assert all(region["alpha_gy"] is None for region in document["regions"])
    assert not {"daughters-in-place", "alpha-unweighted"} & {finding["code"] for finding in document["findings"]}


@pytest.mark.parametrize(
    ("nuclide", "dose", "code"),
    [
        ("Th-227", {}, "chain-not-stated"),
        ("Lu-177", {"retained": {"Bi-213": 0.5}}, "chain-member-unknown"),
        ("Ac-225", {"retained": {"Bi-213": 0.5, "Po-213": 1.0}}, "chain-fraction-invalid"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_computed(tiny_case, nuclide, dose, code):
    with pytest.raises(PhysicsError) as caught:
        tiny_case(**changes_for(nuclide, **dose))
    assert caught.value.code == code


def test_thorium_with_a_stated_fraction_is_a_case(tiny_case):
    nuclide = tiny_case(**changes_for("Th-227", retained={"Ra-223": 0.1})).nuclide
    assert nuclide.retained == (("Ra-223", 0.1),)
