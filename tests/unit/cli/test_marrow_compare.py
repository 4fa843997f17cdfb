"""``theradose marrow compare`` and ``theradose marrow image`` on tables."""

from pathlib import Path

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


def test_options_of_tables_and_of_studies_are_kept_apart(command, tmp_path):
    study = tmp_path / "study.yaml"
    for arguments in ((VOIS,), (study, "--nuclide", "Lu-177"), (study, "--infusion", "0 h")):
        answer = command("marrow", "image", *arguments)
        assert (answer.code, "[marrow-option]" in answer.err) == (2, True)
