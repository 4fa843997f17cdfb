"""``theradose marrow compare`` and ``theradose marrow image`` on tables."""

import math
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
BLOOD, TREATMENTS = EXAMPLES / "blood" / "cohort.csv", EXAMPLES / "blood" / "treatments.csv"
VOIS = EXAMPLES / "marrow" / "vois.csv"


def test_compare_as_published(command, tmp_path):
    answer = command(
        "marrow", "compare", BLOOD, "--images", VOIS, "--treatments", TREATMENTS, "--nuclide", "Lu-177",
        "--profile", "as-published", "--out", tmp_path / "out",
    )  # fmt: skip
    assert answer.code == 0
    assert "2 treatments with blood samples, 2 with images, 2 with both" in answer.out
    assert "Vallot 2024" in answer.out and "refused (2)" in answer.out
    assert "[agreement-too-few]" in answer.err and "marrow_compare.pdf" in answer.err
    assert (tmp_path / "out" / "marrow_compare.pdf").stat().st_size > 10_000


def test_compare_to_one_document(command):
    answer = command("marrow", "compare", BLOOD, "--images", VOIS, "--treatments", TREATMENTS, "--json")
    assert answer.code == 0
    assert set(answer.document) == {
        "nuclide", "treatments", "settings", "late_sample_h", "weighted", "unweighted_late", "gap", "late_explained",
        "constants", "findings",
    }  # fmt: skip
    assert answer.document["nuclide"] == "Lu-177"
    assert "nuclide-assumed" in {finding["code"] for finding in answer.document["findings"]}
    image = [item for item in answer.document["weighted"]["doses"] if item["method"] == "image"]
    assert {item["model"]: item["n"] for item in image} == {"mono": 2, "bi": 1, "tri": 0, "chosen": 2}


def test_bad_table_is_one_sentence(command, tmp_path):
    path = tmp_path / "vois.csv"
    path.write_text("t_h,activity_mbq,volume_ml\n24,3,80\n4,6,80\n", encoding="utf-8")
    answer = command("marrow", "compare", BLOOD, "--images", path, "--nuclide", "Lu-177", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1 and "line 3, column 't_h'" in answer.err


def test_image_table(command):
    arguments = ("marrow", "image", VOIS, "--nuclide", "Lu-177", "--treatments", TREATMENTS)
    shown, document = command(*arguments), command(*arguments, "--json").document
    assert shown.code == 0 and "P001 cycle 2" in shown.out and "bi, tri" in shown.out
    assert [treatment["images"] for treatment in document["treatments"]] == [4, 3]


def without_density(path):
    """The example without its last column, the density."""
    rows = [line for line in VOIS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    path.write_text("".join(f"{row.rpartition(',')[0]}\n" for row in rows), encoding="utf-8")
    return path


def test_density_by_an_option(command, tmp_path):
    """The cells come before the option, which gives what they would; a dose per mass goes by one over the density."""
    table = without_density(tmp_path / "vois.csv")
    arguments = ("--nuclide", "Lu-177", "--treatments", TREATMENTS)
    refused = command("marrow", "image", table, *arguments)
    assert (refused.code, "[voi-density-missing]" in refused.err, "--density" in refused.err) == (2, True, True)
    stated = command("marrow", "image", table, *arguments, "--density", "1130 kg/m3", "--json").document["treatments"]
    of_cells = command("marrow", "image", VOIS, *arguments, "--density", "1 g/mL", "--json").document["treatments"]
    assert [item["density_g_per_ml"]["value"] for item in of_cells] == pytest.approx([1.13, 1.12])
    assert stated[0]["self_gy"]["value"] == pytest.approx(of_cells[0]["self_gy"]["value"])
    assert stated[1]["self_gy"]["value"] == pytest.approx(of_cells[1]["self_gy"]["value"] * 1.12 / 1.13)


def test_recovery_and_uncertainties_by_options(command):
    """A recovery of 0.8 divides; what is common to all images is added in the square of the dose's uncertainty."""
    arguments = ("marrow", "image", VOIS, "--nuclide", "Lu-177", "--treatments", TREATMENTS)
    plain, recovered, common = (
        command(*arguments, *options, "--json").document
        for options in ((), ("--recovery", "0.8"), ("--calibration-u", "3 %"))
    )
    assert "marrow-recovery-not-applied" in {finding["code"] for finding in plain["findings"]}
    assert "marrow-recovery-not-applied" not in {finding["code"] for finding in recovered["findings"]}
    before, after, wider = (document["treatments"][0]["self_gy"] for document in (plain, recovered, common))
    assert after["value"] == pytest.approx(before["value"] / 0.8)
    assert wider["value"] == pytest.approx(before["value"])
    assert wider["u"] == pytest.approx(math.hypot(before["u"], 0.03 * before["value"]), rel=1e-6)


def test_image_u_where_the_table_is_silent(command, tmp_path):
    path = tmp_path / "vois.csv"
    path.write_text("t_h,volume_ml,activity_mbq,density_g_ml\n4,80,6.4,1.13\n24,80,2.9,1.13\n96,80,0.9,1.13\n",
                    encoding="utf-8")  # fmt: skip
    arguments = ("marrow", "image", path, "--nuclide", "Lu-177", "--activity", "7.4 GBq", "--json", "--image-u")
    few, many = (command(*arguments, u).document["treatments"][0]["self_gy"]["u"] for u in ("2 %", "20 %"))
    assert many > few


def test_options_of_tables_and_of_studies_are_kept_apart(command, tmp_path):
    study = tmp_path / "study.yaml"
    for arguments in (
        (VOIS,),
        (study, "--nuclide", "Lu-177"),
        (study, "--infusion", "0 h"),
        (study, "--density", "1.12 g/mL"),
        (study, "--recovery", "0.9"),
        (study, "--image-u", "5 %"),
        (study, "--calibration-u", "3 %"),
    ):
        answer = command("marrow", "image", *arguments)
        assert (answer.code, "[marrow-option]" in answer.err) == (2, True)
        assert len(arguments) == 1 or arguments[1] in answer.err
