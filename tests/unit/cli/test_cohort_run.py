"""``theradose cohort run``: documents, tables, pages and exit codes."""

import csv

import pytest
import yaml

from tiny_study import write_tiny_study


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two cycles of a patient, and a study that lacks its administration."""
    folder = tmp_path_factory.mktemp("cohort")
    write_tiny_study(folder / "p1" / "cycle-1", {"patient": {"id": "P1"}, "cycle": 1})
    earlier = [{"cycle": 1, "activity": "2 GBq", "result": "../cycle-1"}]
    write_tiny_study(folder / "p1" / "cycle-2", {"patient": {"id": "P1"}, "cycle": 2, "previous_cycles": earlier,
                                                 "measurement_u": "6 %"})  # fmt: skip
    write_tiny_study(folder / "p2", {"administrations": []})
    return folder


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Runs of this process without PDF and HTML, which take most of their time."""
    from theradose.report.exporters import exporters

    kept = tuple(entry for entry in exporters if entry.name not in ("pdf", "html"))
    monkeypatch.setattr("theradose.workflow.run.exporters", kept)


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_batch_with_a_bad_study(command, cohort, tmp_path):
    answer = command("cohort", "run", cohort, "--scheduler", "none", "--json", "--out", tmp_path / "out")
    assert answer.code == 2
    assert "2 of 3 studies have a result, 1 were refused" in answer.err and "[missing-administration]" in answer.err
    document = answer.document
    assert document["schema"] == "theradose/batch/1"
    assert document["counts"] == {"computed": 2, "reused": 0, "refused": 1, "failed": 0, "not-run": 0}
    by_name = {study["name"]: study for study in document["studies"]}
    assert list(by_name) == ["p1/cycle-1", "p1/cycle-2", "p2"]
    assert by_name["p1/cycle-2"]["after"] == [by_name["p1/cycle-1"]["study"]]
    assert by_name["p2"]["reason"]["code"] == "missing-administration" and by_name["p2"]["folder"] is None
    assert {entry["region"] for entry in rows(tmp_path / "out" / "tables" / "doses.csv")} == {"liver", "lesion-1"}
    listed = rows(tmp_path / "out" / "tables" / "studies.csv")
    assert [(entry["name"], entry["status"]) for entry in listed] == [
        ("p1/cycle-1", "computed"), ("p1/cycle-2", "computed"), ("p2", "refused"),
    ]  # fmt: skip
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "out" / "report.json").read_text(encoding="utf-8").strip() == answer.out.strip()


def test_nothing_is_computed_twice_and_results_go_to_the_database(command, cohort, tmp_path):
    database = tmp_path / "site.sqlite"
    for expected in ("added", "unchanged"):
        answer = command(
            "cohort", "run", cohort / "p1", "--scheduler", "none", "--json", "--results", tmp_path / "runs",
            "--database", database,
        )  # fmt: skip
        assert answer.code == 0, answer.err
        assert {item["status"] for item in answer.document["database"]} == {expected}
    assert answer.document["counts"]["reused"] == 2
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 2


def test_a_result_that_the_database_refuses_is_bad_input(command, cohort, tmp_path):
    study = write_tiny_study(tmp_path / "study", {"patient": {"id": "P1"}, "cycle": 1})
    options = ("--scheduler", "none", "--database", tmp_path / "site.sqlite")
    assert command("cohort", "run", study, *options).code == 0
    content = yaml.safe_load(study.read_text(encoding="utf-8"))
    study.write_text(yaml.safe_dump(content | {"measurement_u": "8 %"}), encoding="utf-8")
    answer = command("cohort", "run", study, *options)
    assert answer.code == 2 and "1 results were not added to the database" in answer.err
    assert command("cohort", "run", study, *options, "--replace").code == 0


def test_a_database_that_cannot_be_used_is_known_before_the_first_study(command, cohort, tmp_path):
    foreign = tmp_path / "foreign.sqlite"
    foreign.write_text("no database", encoding="utf-8")
    answer = command("cohort", "run", cohort, "--scheduler", "none", "--database", foreign)
    assert answer.code == 2 and answer.out == "" and "[1/" not in answer.err


def test_our_own_failure_counts_more_than_bad_input(command, cohort, monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("theradose.workflow.run.compute", fail)
    study = cohort / "p1" / "cycle-1" / "study.yaml"
    content = yaml.safe_load(study.read_text(encoding="utf-8"))
    other = study.with_name("other.yaml")
    other.write_text(yaml.safe_dump(content | {"measurement_u": "9 %"}), encoding="utf-8")
    answer = command("cohort", "run", other, cohort / "p2", "--scheduler", "none", "--json")
    assert answer.code == 1 and "1 were refused, 1 failed" in answer.err
    assert answer.document["counts"]["failed"] == 1


@pytest.mark.parametrize("limit", ["1", "0 h", "-2 h"])
def test_a_time_limit_is_a_time(command, cohort, limit):
    assert command("cohort", "run", cohort, "--scheduler", "none", "--timeout", limit).code == 2
