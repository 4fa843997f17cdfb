"""``theradose cohort response`` on the example tables: pages, document and refusals."""

import json
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "response"
TABLES = (
    "cohort", "response", EXAMPLES / "tumours.csv", "--volumes", EXAMPLES / "volumes.csv", "--doses",
    EXAMPLES / "doses.csv", "--replicates", "200",
)  # fmt: skip


def test_files_of_an_analysis(command, tmp_path):
    answer = command(*TABLES, "--at", "76 Gy", "--json", "--out", tmp_path / "out")
    assert answer.code == 0
    written = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert written == answer.document
    assert (tmp_path / "out" / "report.pdf").stat().st_size > 30_000
    tables = {path.name for path in (tmp_path / "out" / "tables").iterdir()}
    assert {"tumours.csv", "selection.csv", "means.csv", "control.csv", "looks.csv"} <= tables
    rows = (tmp_path / "out" / "tables" / "tumours.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + written["selection"]["initial"]["tumours"]


def test_document_as_documented(command):
    document = command(*TABLES, "--json").document
    page = (EXAMPLES.parents[1] / "tumours.md").read_text(encoding="utf-8")
    named = set(re.findall(r'"(\w+)"', page))
    assert document["schema"] == "theradose/response/1"
    assert set(document) <= named | {"settings", "constants", "findings"}
    first = document["by_dose"][0]
    assert set(first) | set(first["control"]) | set(first["discrimination"][0]) <= named
    assert document["selection"]["adds_up"] is True
    removed = sum(step["removed"] for step in document["selection"]["steps"])
    assert document["selection"]["initial"]["tumours"] - removed == document["selection"]["analysed"]["tumours"]


def test_no_dose_in_the_document_where_the_relation_is_not_significant(command):
    first = command(*TABLES, "--at", "76 Gy", "--json").document["by_dose"][0]
    assert {item["significant"] for item in first["control"]["grades"]} == {True, False}
    for item, found in zip(first["control"]["grades"], first["discrimination"], strict=True):
        stated = [
            bool(part) for part in (item["curve"], item["doses"], item["odds"], found["youden"], found["at_doses"])
        ]
        assert stated == [item["significant"]] * 5


def test_answer_in_words(command):
    answer = command(*TABLES)
    assert "no dose is stated" in answer.out and "Probability of response: " in answer.out
    assert "smaller than 4 mL at baseline" in answer.out


def test_same_seed_same_numbers(command):
    first, again = (command(*TABLES, "--json").document for _ in range(2))
    assert first == again


def test_sums_without_courses(command):
    answer = command("cohort", "response", EXAMPLES / "sums.csv", "--replicates", "200", "--json")
    assert answer.code == 0
    assert answer.document["selection"]["analysed"] == {"tumours": 9, "patients": 5}
    assert {"separation", "firth-without-patient"} <= {finding["code"] for finding in answer.document["findings"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--volumes", EXAMPLES / "volumes.csv"), "given without the other"),
        (("--responder", "66"), "not a fraction"),
        (("--smallest", "4"), "has no unit"),
        (("--at", "76"), "has no unit"),
        (("--at", "-5 Gy"), "not a positive quantity"),
        (("--grade", "G3"), "ask for a grade of the table"),
        (("--replicates", "5"), "5 replicates do not make an interval"),
    ],
)
def test_one_sentence_for_wrong_options(command, arguments, words):
    answer = command("cohort", "response", EXAMPLES / "sums.csv", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert words in answer.err.strip().splitlines()[-1]


def test_one_sentence_for_a_wrong_table(command, tmp_path):
    lines = (EXAMPLES / "sums.csv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "tumours.csv"
    path.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    answer = command("cohort", "response", path)
    assert answer.code == 2
    assert answer.err.startswith("theradose: tumours.csv, line 14, column 'tumour': tumour 'liver 1' of patient 'P01'")
