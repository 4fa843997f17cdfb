"""``theradose cohort toxicity`` and ``theradose cohort foci`` as they are called."""

import json
import sys
from pathlib import Path

import pytest

from theradose.cli import main

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
TABLES = EXAMPLES / "toxicity"
TOXICITY = ["cohort", "toxicity", str(TABLES / "counts.csv"), "--doses", str(TABLES / "doses.csv")]
FOCI = ["cohort", "foci", str(TABLES / "foci.csv")]


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["theradose", *words])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_toxicity_prints_one_document(call):
    code, out, err = call(*TOXICITY, "--lower-limit", "platelets=150", "--lower-limit", "haemoglobin:F=12", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "theradose/toxicity/1"
    assert document["covariates"] == []
    limits = {item["counts"]["platelets"]["lower_limit"] for item in document["patients"]}
    assert limits == {150.0}
    # Sex is in the table of patients, which was not given: the limit for women holds for nobody.
    assert {item["counts"]["haemoglobin"]["lower_limit"] for item in document["patients"]} == {None}
    assert "covariate-left-out" in err


def test_toxicity_prints_a_table_of_relations(call):
    code, out, err = call(*TOXICITY, "--patients", str(TABLES / "patients.csv"), "--grade", "3")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "response", "by", "count", "dose", "patients", "per", "Gy", "[95", "%]", "p", "adjusted",
    ]  # fmt: skip
    assert "relations-multiple" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((*TOXICITY[:3],), "doses-source"),
        ((*TOXICITY, "--grade", "5"), "option-range"),
        ((*TOXICITY, "--lower-limit", "platelets"), "option-range"),
        ((*TOXICITY, "--lower-limit", "basophils=1"), "option-choice"),
        ((*TOXICITY, "--lower-limit", "platelets=150000"), "option-range"),
        ((*TOXICITY, "--lower-limit", "haemoglobin:F=120"), "option-range"),
        ((*TOXICITY, "--lower-limit", "haemoglobin=7.5"), "option-range"),
        ((*TOXICITY, "--lower-limit", "platelets:X=1"), "option-range"),
        ((*TOXICITY, "--risk", "basophils"), "option-choice"),
        ((*TOXICITY, "--risk", "platelets"), "risk-too-few"),
        ((*TOXICITY, "--forecast", "nobody"), "forecast-patient"),
        ((*TOXICITY, "--forecast", "V001", "--exposure", "kidneys"), "forecast-dose"),
        ((*TOXICITY, "--next-after", "-3 d"), "option-range"),
        ((*TOXICITY, "--next-dose", "3 mGy/h"), "unit-unknown"),
        (FOCI, "foci-dose-missing"),
        ((*FOCI, "--unrepaired", "2"), "option-range"),
        ((*FOCI, "--until", "0 h"), "option-range"),
        ((*FOCI, "--blood", str(EXAMPLES / "blood" / "cohort.csv")), "foci-nuclide"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(call, words, code):
    ended, out, err = call(*words)
    assert ended == 2
    assert out == ""
    (sentence,) = [line for line in err.splitlines() if line.startswith("theradose: ")]
    assert sentence.endswith(f"[{code}]")


def test_foci_prints_one_document(call):
    blood = ("--blood", str(EXAMPLES / "blood" / "cohort.csv"), "--nuclide", "Lu-177")
    code, out, _ = call(*FOCI, *blood, "--errors", "poisson", "--unrepaired", "0.05", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "theradose/foci/1"
    assert {item["fit"]["unrepaired"]["value"] for item in document["treatments"]} == {0.05}


def test_doses_of_foci_in_another_unit_are_noticed(call, tmp_path):
    rows = [("P1", t_h, 800, 160 + round(800 * 0.015 * mgy), mgy) for t_h, mgy in ((-0.5, 0), (1, 8), (3, 18), (5, 25))]

    def codes(per_mgy):
        table = tmp_path / "foci.csv"
        lines = [f"{name},1,{t_h},{cells},{foci},{mgy * per_mgy}" for name, t_h, cells, foci, mgy in rows]
        table.write_text("\n".join(["patient,cycle,t_h,cells,foci,blood_dose_mgy", *lines]) + "\n", encoding="utf-8")
        _, out, _ = call("cohort", "foci", str(table), "--json")
        return [finding["code"] for finding in json.loads(out)["findings"]]

    assert "foci-slope-implausible" not in codes(1)
    assert "foci-slope-implausible" in codes(1e-3), "doses in Gy"
