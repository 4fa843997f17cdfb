from __future__ import annotations

import pytest

from theradose.acquire.vois import read_vois
from theradose.errors import StudyError


@pytest.fixture
def table(tmp_path):
    def write(content, name="patient7.csv"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_treatments_by_subject_and_cycle(table):
    content = "subject,cycle,t_h,concentration_mbq_l\nA,1,4,80\nA,2,4,70\nB,1,4,60\nA,1,24,40\n"
    series = read_vois(table(content))
    assert [item.label for item in series] == ["A cycle 1", "A cycle 2", "B cycle 1"]
    assert [image.t_h for image in series[0].images] == [4, 24]
    assert series[0].origin.line == 2


def test_a_file_is_one_treatment_named_after_it(table):
    (series,) = read_vois(table("t_h,concentration_mbq_l\n4,80\n24,40\n"))
    assert (series.subject, series.cycle, series.label) == ("patient7", None, "patient7")


def test_mixed_units_are_refused(table):
    content = "t_h,volume_ml,activity_mbq,concentration_mbq_l\n4,80,5,\n24,80,,40\n"
    with pytest.raises(StudyError) as caught:
        read_vois(table(content))
    assert caught.value.code == "mixed-units"
    assert "line 3, column 'concentration_mbq_l'" in str(caught.value) and "line 2" in str(caught.value)
