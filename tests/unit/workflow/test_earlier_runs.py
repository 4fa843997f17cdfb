"""Studies that name the study of an earlier cycle instead of one of its runs."""

import pytest
import yaml

from main_job import run_without_report
from theradose.errors import StudyError
from theradose.workflow.earlier_runs import earlier_studies, with_earlier_runs
from theradose.workflow.study_file import read_study
from tiny_study import write_tiny_study

FIRST = {"patient": {"id": "P1"}, "cycle": 1}


def second(result="../first"):
    return {
        "patient": {"id": "P1"},
        "cycle": 2,
        "previous_cycles": [{"cycle": 1, "activity": "2 GBq", "result": result}],
    }


def change(path, **changes):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | changes), encoding="utf-8")


@pytest.fixture
def cycles(tmp_path):
    """The studies of two cycles."""
    return write_tiny_study(tmp_path / "first", FIRST), write_tiny_study(tmp_path / "second", second())


def result_of(study_file):
    return study_file.study.previous_cycles[0].result


def test_the_study_of_an_earlier_cycle_stands_for_its_run_as_it_is_now(cycles):
    first, later = cycles
    run = run_without_report(first)
    expected = f"../first/results/{run.folder.name}"
    assert [path.resolve() for _, path in earlier_studies(read_study(later))] == [first.resolve()]
    assert result_of(with_earlier_runs(read_study(later))) == expected
    result = run_without_report(later).result
    assert result.study["previous_cycles"][0]["result"] == expected
    assert result.cycles.cumulative[0].dose_gy.value > result.regions[0].dose_gy.value
    change(first, measurement_u="7 %")
    with pytest.raises(StudyError, match="'first/study.yaml', has no finished run as it is now") as refused:
        run_without_report(later)
    assert refused.value.code == "earlier-run-missing"


def test_the_run_is_looked_for_where_results_go(cycles, tmp_path):
    first, later = cycles
    run = run_without_report(first, results=tmp_path / "all")
    assert result_of(with_earlier_runs(read_study(later), results=tmp_path / "all")) == f"../all/{run.folder.name}"
    with pytest.raises(StudyError):
        with_earlier_runs(read_study(later))


def test_what_is_wrong_with_the_earlier_study_is_said_with_its_name(cycles):
    first, later = cycles
    change(first, administrations=[])
    with pytest.raises(StudyError, match="'first/study.yaml', is refused: .*administrations") as refused:
        with_earlier_runs(read_study(later))
    assert refused.value.code == "missing-administration"


def test_a_circle_is_refused(cycles):
    first, later = cycles
    change(first, cycle=3, previous_cycles=[{"cycle": 2, "activity": "2 GBq", "result": "../second"}])
    with pytest.raises(StudyError) as refused:
        with_earlier_runs(read_study(later))
    assert refused.value.code == "cycles-in-a-circle"


def test_a_run_or_a_document_is_left_as_it_is(tmp_path):
    later = read_study(write_tiny_study(tmp_path / "second", second("../results/a/result.json")))
    assert with_earlier_runs(later) is later
