"""Tables of counts, doses, patients and foci: units of headers, and what is refused."""

from pathlib import Path

import pytest

from theradose.errors import StudyError
from theradose.formats.tables_counts import read_counts, read_cycle_doses, read_patient_facts
from theradose.formats.tables_foci import read_foci

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "toxicity"


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_the_examples_are_read():
    counts, doses = read_counts(EXAMPLES / "counts.csv"), read_cycle_doses(EXAMPLES / "doses.csv")
    facts = read_patient_facts(EXAMPLES / "patients.csv")
    assert {count.patient for count in counts} == {dose.patient for dose in doses} == set(facts)
    assert {dose.key for dose in doses} == {"red-marrow by image", "red-marrow by blood", "spleen", "total-body"}
    assert len(read_foci(EXAMPLES / "foci.csv")) == 18


def test_units_come_from_the_header(table):
    (count,) = read_counts(table("patient,t_d,haemoglobin_g_l,wbc_per_ul,platelets_1e9_l\nA,0,131,5200,240\n"))
    assert count.values == pytest.approx({"haemoglobin": 13.1, "wbc": 5.2, "platelets": 240.0})
    (molar,) = read_counts(table("patient,t_d,haemoglobin_mmol_l\nA,0,8.1\n"))
    # 8.1 mmol/L is 13.1 g/dL in every laboratory's table.
    assert molar.values["haemoglobin"] == pytest.approx(13.05, abs=0.01)


def test_marks_name_what_they_act_on(table):
    rows = read_counts(
        table(
            "patient,date,platelets_1e9_l,transfusion,growth_factor\n"
            "A,2026-01-01,200,no,\nA,2026-01-02,210,platelets,\nA,2026-01-03T08:00,220,red-cells,\n"
            "A,2026-01-04,230,,g-csf\nA,2026-01-05,230,yes,epo\n"
        )
    )
    assert [sorted(row.influenced) for row in rows] == [
        [], ["platelets"], ["haemoglobin"], ["lymphocytes", "neutrophils", "wbc"], ["haemoglobin", "platelets"],
    ]  # fmt: skip
    assert [row.transfused_red_cells for row in rows] == [False, False, True, False, True]
    assert [row.moment.with_time for row in rows] == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("patient,t_d,haemoglobin_g_dl\nA,0,131\n", "count-implausible", "line 2, column 'haemoglobin_g_dl'"),
        ("patient,t_d,haemoglobin_g_l\nA,0,13.1\n", "count-implausible", "1.31 g/dL"),
        ("patient,t_d,platelets_1e9_l\nA,0,250000\n", "count-implausible", "2.5e\\+05 10⁹/L"),
        ("patient,t_d,platelets_per_ul\nA,0,250\n", "count-implausible", "0.25"),
        ("patient,t_d,wbc_per_ul\nA,0,5.2\n", "count-implausible", "white cells"),
        ("patient,t_d,wbc_1e9_l,wbc_per_ul\nA,0,5.2,5200\n", "count-two-units", "keep one column"),
        ("patient,t_d,cycle\nA,0,1\n", "table-header", "no column of counts"),
        ("patient,t_d,platelets\nA,0,250\n", "table-header", "'platelets'"),
        ("patient,t_d,platelets_1e9_l\nA,0,\n", "count-missing", "line 2"),
        ("patient,t_d,platelets_1e9_l\nA,0,-3\n", "sample-not-positive", "line 2"),
        ("patient,t_d,platelets_1e9_l\nA,,200\n", "count-time", "neither 'date'"),
        ("patient,date,t_d,platelets_1e9_l\nA,2026-01-01,0,200\n", "count-time", "both"),
        ("patient,date,platelets_1e9_l\nA,01.02.2026,200\n", "table-moment", "01.02.2026"),
        ("patient,t_d,platelets_1e9_l\nA,0,200\nA,0,210\n", "count-twice", "line 3.*line 2"),
        ("patient,t_d,platelets_1e9_l,transfusion\nA,0,200,maybe\n", "count-mark", "red-cells"),
        ("patient,t_d,platelets_1e9_l\n,0,200\n", "table-cell-empty", "'patient'"),
    ],
)
def test_counts_that_are_refused(table, content, code, words):
    with pytest.raises(StudyError, match=words) as refused:
        read_counts(table(content))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,320\n", "dose-implausible", "Gy, not mGy"),
        ("patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,-1\n", "dose-negative", "negative"),
        (
            "patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,0.3\nA,1,0,red-marrow,0.2\n",
            "dose-twice",
            "line 3.*line 2",
        ),
        ("patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,0.3\nA,1,2,spleen,7\n", "cycle-start", "another start"),
        (
            "patient,cycle,t_d,region,dose_gy\nA,1,56,red-marrow,0.3\nA,2,0,red-marrow,0.3\n",
            "cycle-start",
            "line 3.*cycle 2 of A does not start after cycle 1, in line 2",
        ),
        ("patient,cycle,t_d,region,dose_gy\nA,1,0,Red marrow,0.3\n", "dose-region", "'Red marrow' is none of red-m"),
        ("patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,\n", "table-cell-empty", "dose_gy"),
        ("patient,cycle,t_d,region,dose_mgy\nA,1,0,red-marrow,3\n", "table-header", "dose_mgy"),
    ],
)
def test_doses_that_are_refused(table, content, code, words):
    with pytest.raises(StudyError, match=words) as refused:
        read_cycle_doses(table(content))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("patient,sex\nA,x\n", "sex"),
        ("patient,prior_chemotherapy\nA,perhaps\n", "table-truth"),
        ("patient,sex\nA,F\nA,F\n", "patient-twice"),
    ],
)
def test_patients_that_are_refused(table, content, code):
    with pytest.raises(StudyError) as refused:
        read_patient_facts(table(content))
    assert refused.value.code == code


def test_patients_may_leave_facts_open(table):
    facts = read_patient_facts(table("patient,sex,skeletal_metastases,prior_chemotherapy\nA,f,yes,\n"))
    assert (facts["A"].sex, facts["A"].skeletal_metastases, facts["A"].prior_chemotherapy) == ("F", True, None)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("patient,t_h,cells,foci\nA,0,100,30.5\n", "foci-count"),
        ("patient,t_h,cells,foci\nA,0,0,0\n", "foci-count"),
        ("patient,t_h,cells,foci\nA,0,100,30\nA,0,100,31\n", "foci-twice"),
        ("patient,t_h,cells,foci\n,0,100,30\n", "table-cell-empty"),
    ],
)
def test_foci_that_are_refused(table, content, code):
    with pytest.raises(StudyError) as refused:
        read_foci(table(content))
    assert refused.value.code == code
