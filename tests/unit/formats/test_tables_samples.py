from __future__ import annotations

from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.tables_samples import read_blood_rows, read_probe_rows
from theradose.formats.tables_treatments import read_treatments
from theradose.model.samples import StatedConcentration, TubeCount

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "blood"


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_example_of_counts():
    rows = read_blood_rows(EXAMPLES / "counts.csv")
    subject, cycle, first = rows[0]
    assert (subject, cycle) == (None, None)
    assert len(rows) == 6
    assert isinstance(first.measurement, TubeCount)
    assert first.measurement.counts == 1_260_400
    assert first.measurement.dilution == 10
    assert (first.measurement.amount, first.measurement.amount_unit) == (1.0, "mL")
    assert first.specimen == "plasma" and first.haematocrit == 0.42
    assert first.origin.line == 3


def test_example_of_a_cohort():
    rows = read_blood_rows(EXAMPLES / "cohort.csv")
    assert {(subject, cycle) for subject, cycle, _ in rows} == {("P001", "1"), ("P001", "2")}
    assert rows[0][2].measurement == StatedConcentration(395.0, 19.8)


def test_example_of_treatments():
    treatments = read_treatments(EXAMPLES / "treatments.csv")
    first = treatments["P001", "1"]
    assert first.activity_mbq == 7400 and first.sex == "F" and first.infusion_h == 0.5
    assert first.tia_mbq_h["total-body"].contributions == {"tia:total-body": 14000}
    assert treatments["P001", "2"].tia_mbq_h == {}


def test_example_of_a_probe():
    readings = read_probe_rows(EXAMPLES / "probe.csv")
    assert [reading.before_void for reading in readings] == [True, False, False, False, False]
    assert readings[2].anterior_cps == 300 and readings[2].distance_cm == 200


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("t_h,concentration_mbq_l\n-1,50\n", "sample-time-negative", "line 2, column 't_h'"),
        ("t_h,counts\n1,0\n", "sample-not-positive", "line 2, column 'counts'"),
        ("t_h,concentration_mbq_l\n1,0\n", "sample-not-positive", "column 'concentration_mbq_l'"),
        ("t_h,concentration_mbq_l\n1,50 MBq/L\n", "table-number", "line 2"),
        ("t_h,concentration_mbq_l\n,50\n", "sample-time-missing", "line 2, column 't_h'"),
        ("t_h,concentration_mbq_l\n1,\n", "sample-value", "line 2, column 'counts'"),
        ("t_h,counts,concentration_mbq_l\n1,10,50\n", "sample-value", "concentration_mbq_l"),
        ("t_h,counts\n1,10\n", "sample-counting-time", "column 'counting_s'"),
        ("t_h,counts,counting_s\n1,10,60\n", "sample-counted-at", "column 'counted_at'"),
        ("t_h,counts,counting_s,counted_at\n1,10,60,2026-03-02T11:00\n", "sample-amount", "column 'sample_ml'"),
        (
            "t_h,counts,counting_s,counted_at,sample_ml,sample_g\n1,10,60,2026-03-02T11:00,1,1\n",
            "sample-amount",
            "sample_g",
        ),
        ("t_h,concentration_mbq_l,specimen\n1,50,urine\n", "specimen", "line 2, column 'specimen'"),
        ("t_h,concentration_mbq_l,haematocrit\n1,50,42\n", "haematocrit-range", "0.42 for 42 %"),
        (
            "t_h,counts,counting_s,counted_at,sample_ml,dilution\n1,9,60,2026-03-02T11:00,1,0.1\n",
            "sample-dilution",
            "dilution",
        ),
        ("drawn_at,concentration_mbq_l\n02/03/2026 11:00,50\n", "table-moment", "column 'drawn_at'"),
        ("t_h,concentration\n1,50\n", "table-header", "'concentration'"),
    ],
)
def test_blood_refusals_say_where(table, content, code, words):
    with pytest.raises(StudyError) as caught:
        read_blood_rows(table(content))
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("subject,sex\nP1,X\n", "sex", "line 2, column 'sex'"),
        ("subject,activity_mbq\n,7400\n", "treatment-name", "line 2"),
        ("subject,activity_mbq\nP1,7400\nP1,7400\n", "treatment-twice", "line 3"),
    ],
)
def test_treatment_refusals_say_where(table, content, code, words):
    with pytest.raises(StudyError) as caught:
        read_treatments(table(content))
    assert caught.value.code == code
    assert words in str(caught.value)
