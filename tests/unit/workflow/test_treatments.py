from __future__ import annotations

from pathlib import Path

import pytest

from theradose.acquire.blood import read_blood
from theradose.acquire.vois import read_vois
from theradose.errors import StudyError
from theradose.uncertainty import Uncertain
from theradose.workflow.treatments import (
    TreatmentDefaults,
    check_stated,
    check_unique,
    completed_treatment,
    stated_treatments,
    unstated_findings,
)

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
STATED = stated_treatments(EXAMPLES / "blood" / "treatments.csv")
SERIES = read_vois(EXAMPLES / "marrow" / "vois.csv")


def test_the_table_comes_before_the_defaults():
    body = Uncertain(1e5)
    defaults = TreatmentDefaults(activity_mbq=1.0, infusion_h=2.0, sex="M", whole_body_tia_mbq_h=body)
    first, second = (completed_treatment(STATED, item, defaults) for item in SERIES)
    assert (first.activity_mbq, first.infusion_h, first.sex) == (7400, 0.5, "F")
    assert first.tia_mbq_h["total-body"].value == 280_000
    assert second.tia_mbq_h["total-body"] is body
    alone = completed_treatment({}, SERIES[0], defaults)
    assert (alone.activity_mbq, alone.infusion_h, alone.sex, alone.origin.line) == (1.0, 2.0, "M", 3)
    assert not unstated_findings(alone)


def test_what_is_not_stated_is_said():
    treatment = completed_treatment({}, SERIES[0], TreatmentDefaults())
    codes = {finding.code for finding in unstated_findings(treatment)}
    assert codes == {"administered-activity-missing", "sex-assumed", "infusion-not-stated"}


def test_a_treatment_without_a_row_is_refused():
    table = EXAMPLES / "blood" / "treatments.csv"
    check_stated(SERIES, STATED, table)
    with pytest.raises(StudyError) as caught:
        check_stated(SERIES, {("P001", "1"): STATED["P001", "1"]}, table)
    assert caught.value.code == "treatment-missing" and "P001 cycle 2" in str(caught.value)
    check_stated(SERIES, {}, None)


def test_a_treatment_in_two_files_is_refused(tmp_path):
    content = "subject,t_h,concentration_mbq_l\nA,1,50\n"
    series = []
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        series += read_blood(tmp_path / name)
    with pytest.raises(StudyError, match="two.csv is also in one.csv"):
        check_unique(series)
