"""``theradose cohort`` from the shell: the database, agreement and reference ranges."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
COHORT, OTHER, MAPPING = (EXAMPLES / name for name in ("cohort.csv", "other_program.csv", "other_program.yaml"))


@pytest.fixture
def database(command, tmp_path):
    place = tmp_path / "site.sqlite"
    assert command("cohort", "import", COHORT, "--database", place, "--json").document["added"] == 53
    return place


def test_the_exported_table_is_the_imported_one(command, database, tmp_path):
    answer = command("cohort", "export", "--database", database, "--out", tmp_path / "again.csv", "--json")
    assert (answer.document["patients"], answer.document["treatments"], answer.document["rows"]) == (32, 53, 212)
    lines = COHORT.read_text(encoding="utf-8").splitlines()
    assert (tmp_path / "again.csv").read_text(encoding="utf-8").splitlines() == lines[1:]


def test_a_refused_result_ends_with_2(command, tmp_path):
    (tmp_path / "result.json").write_text("{}")
    answer = command("cohort", "add", tmp_path, "--database", tmp_path / "x.sqlite", "--json")
    assert answer.code == 2
    assert answer.document["counts"] == {"refused": 1}
    assert answer.document["results"][0]["code"] == "result-invalid"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["export", "--database", "none.sqlite", "--out", "x.csv"], "database-missing"),
        (["add", "none", "--database", "x.sqlite"], "result-missing"),
        (["agreement", str(COHORT), str(OTHER)], "mapping-count"),
        (["agreement", str(COHORT), "none.csv"], "source-missing"),
        (["agreement", str(COHORT), str(OTHER), "--mapping", str(MAPPING), "--quantity", "dose"], "agreement-quantity"),
        (["agreement", str(COHORT)], "agreement-methods"),
        (["reference"], "source-missing"),
    ],
)
def test_bad_input_is_one_sentence(command, words, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = command("cohort", *words)
    assert answer.code == 2 and f"[{code}]" in answer.err and answer.out == ""


def test_agreement_with_another_program(command, tmp_path):
    answer = command(
        "cohort", "agreement", COHORT, OTHER, "--mapping", MAPPING, "--quantity", "dose_gy", "--quantity",
        "effective_half_life_h", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    document = answer.document
    assert [method["name"] for method in document["methods"]] == ["cohort", "Other program"]
    kidneys = document["comparisons"][0]
    assert (kidneys["organ"], kidneys["pairs"], kidneys["patients"]) == ("kidneys", 96, 31)
    # The other program is 5 % higher by construction: 100 (1 − 1.05) / 1.025 per cent of the mean.
    low, high = kidneys["relative_percent"]["bias"]["low"], kidneys["relative_percent"]["bias"]["high"]
    assert low < -4.88 < high
    assert len(document["unpaired"]) == 20 + 20 + 7
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert names == {"report.pdf", "report.json", "tables/agreement.csv", "tables/pairs.csv", "tables/unpaired.csv"}
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF")


def test_a_database_is_a_method_too(command, database):
    printed = command("cohort", "agreement", database, COHORT).out
    assert "site - cohort" in printed and "1.00" in printed


def test_reference_ranges(command, database, tmp_path):
    document = command("cohort", "reference", "--database", database, "--out", tmp_path / "out", "--json").document
    kidneys = next(item for item in document["ranges"] if item["organ"] == "kidneys")
    assert (kidneys["n"], kidneys["patients"]) == (106, 32)
    assert [item["percent"] for item in kidneys["percentiles"]] == [5, 25, 50, 75, 95]
    assert kidneys["published"]["sources"] and "values" not in kidneys
    header = (tmp_path / "out" / "tables" / "reference.csv").read_text().splitlines()[0]
    assert header.endswith("p95,p95_low,p95_high")
    assert command("cohort", "reference", COHORT).code == 0
