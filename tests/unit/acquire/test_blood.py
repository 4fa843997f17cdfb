from __future__ import annotations

import pytest

from theradose.acquire.blood import read_blood
from theradose.errors import StudyError


@pytest.fixture
def table(tmp_path):
    def write(content, name="patient7.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_a_file_is_one_treatment_named_after_it(table):
    (series,) = read_blood(table("t_h,concentration_mbq_l\n1,50\n4,20\n"))
    assert (series.subject, series.cycle, series.label) == ("patient7", None, "patient7")
    assert len(series.samples) == 2


def test_treatments_by_subject_and_cycle(table):
    content = "subject,cycle,t_h,concentration_mbq_l\nA,1,1,50\nA,2,1,40\nB,1,1,30\nA,1,4,20\n"
    series = read_blood(table(content))
    assert [item.label for item in series] == ["A cycle 1", "A cycle 2", "B cycle 1"]
    assert [sample.t_h for sample in series[0].samples] == [1, 4]


def test_stated_specimen_and_haematocrit_fill_gaps_only(table):
    content = "t_h,concentration_mbq_l,haematocrit\n1,50,0.40\n4,20,\n"
    (series,) = read_blood(table(content), specimen="plasma", haematocrit=0.45)
    assert [sample.specimen for sample in series.samples] == ["plasma", "plasma"]
    assert [sample.haematocrit for sample in series.samples] == [0.40, 0.45]


def test_haematocrit_of_a_treatment_comes_before_the_general_one(table):
    path = table("subject,t_h,concentration_mbq_l\nA,1,50\n")
    (series,) = read_blood(path, specimen="plasma", haematocrit=0.45, haematocrits={("A", None): 0.33})
    assert series.samples[0].haematocrit == 0.33


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (
            "t_h,concentration_mbq_l,specimen,haematocrit\n1,50,plasma,0.42\n4,20,plasma,\n",
            "haematocrit-missing",
            "line 3, column 'haematocrit'",
        ),
        (
            "t_h,concentration_mbq_l,specimen,haematocrit\n1,50,plasma,0.42\n4,20,blood,0.42\n",
            "mixed-specimens",
            "line 3, column 'specimen'",
        ),
        (
            "t_h,concentration_mbq_l,counts,counting_s,counted_at,sample_ml\n1,50,,,,\n4,,100,60,2026-03-02T12:00,1\n",
            "mixed-units",
            "line 3, column 'counts'",
        ),
    ],
)
def test_refusals_say_where(table, content, code, words):
    with pytest.raises(StudyError) as caught:
        read_blood(table(content))
    assert caught.value.code == code
    assert words in str(caught.value)
