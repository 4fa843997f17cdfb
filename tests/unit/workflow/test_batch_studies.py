"""Which studies a batch consists of, and their order."""

import pytest

from theradose.errors import StudyError
from theradose.workflow.batch_studies import BatchStudy, find_studies, order, read_batch, repeated_cycles


def study(folder, text="schema_version: 1\n"):
    folder.mkdir(parents=True)
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def cycle(number, earlier=None):
    text = f"schema_version: 1\npatient: {{id: P1}}\ncycle: {number}\n"
    return (
        text
        if earlier is None
        else f"{text}previous_cycles: [{{cycle: {number - 1}, activity: 2 GBq, result: {earlier}}}]\n"
    )


def test_files_and_folders_give_each_study_once_and_sorted(tmp_path):
    b, a = study(tmp_path / "b" / "deep"), study(tmp_path / "a")
    study(tmp_path / ".hidden")
    other = a.with_name("other.yaml")
    other.write_text(a.read_text(), encoding="utf-8")
    assert find_studies([b, tmp_path, tmp_path / "a", other]) == (other, a, b)


def test_links_are_followed_once_and_never_in_circles(tmp_path):
    kept = study(tmp_path / "far" / "p1")
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    (cohort / "one").symlink_to(kept.parent)
    (cohort / "two").symlink_to(kept.parent)
    (cohort / "up").symlink_to(tmp_path)
    assert find_studies([cohort]) == (cohort / "one" / "study.yaml",)
    assert find_studies([cohort, kept]) == (cohort / "one" / "study.yaml",)


def test_one_file_in_two_folders_is_two_studies(tmp_path):
    """Paths in a study are relative to the folder that names it."""
    first = study(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "study.yaml").symlink_to(first)
    assert len(find_studies([tmp_path])) == 2


@pytest.mark.parametrize(("name", "code"), [("nowhere", "study-missing"), ("empty", "no-studies")])
def test_a_place_without_studies_is_refused(tmp_path, name, code):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError) as refused:
        find_studies([tmp_path / name])
    assert refused.value.code == code


def test_cycles_come_after_those_that_they_name(tmp_path):
    second = study(tmp_path / "a", cycle(2, "../b"))
    first = study(tmp_path / "b", cycle(1))
    third = study(tmp_path / "c", cycle(3, "../a/study.yaml"))
    studies = read_batch((second, first, third))
    assert [item.name for item in studies] == ["a", "b", "c"]
    assert [item.after for item in studies] == [(first,), (), (second,)]
    sorter, seen = order(studies), []
    while sorter.is_active():
        ready = sorter.get_ready()
        seen.append(ready)
        sorter.done(*ready)
    assert seen == [(first,), (second,), (third,)]


def test_an_earlier_cycle_outside_the_batch_is_not_waited_for(tmp_path):
    study(tmp_path / "b", cycle(1))
    (only,) = read_batch((study(tmp_path / "a", cycle(2, "../b")),))
    assert only.after == ()


def test_studies_that_name_each_other_need_nothing(tmp_path):
    paths = (study(tmp_path / "a", cycle(2, "../b")), study(tmp_path / "b", cycle(2, "../a")))
    assert set(order(read_batch(paths)).get_ready()) == set(paths)


def test_a_study_that_cannot_be_read_is_in_the_batch(tmp_path):
    path = study(tmp_path / "a", ": [")
    assert read_batch((path,)) == (BatchStudy(path, "a"),)


def test_a_cycle_in_two_studies_is_a_finding(tmp_path):
    studies = read_batch(tuple(study(tmp_path / name, cycle(1)) for name in "ab"))
    (finding,) = repeated_cycles(studies)
    assert finding.code == "cycle-in-two-studies" and "'a'" in finding.message and "'b'" in finding.message
