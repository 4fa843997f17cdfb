"""Courses of counts by hand: what is before, lowest, recovered, influenced."""

import pytest

from theradose.cohort.counts import count_courses
from theradose.errors import StudyError
from theradose.formats.tables_counts import read_counts, read_cycle_doses

DOSES = "patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,0.3\nA,2,56,red-marrow,0.3\n"


@pytest.fixture
def courses(tmp_path):
    def read(counts, doses=DOSES, limits=None, **options):
        (tmp_path / "counts.csv").write_text(counts)
        (tmp_path / "doses.csv").write_text(doses)
        return count_courses(
            read_counts(tmp_path / "counts.csv"),
            read_cycle_doses(tmp_path / "doses.csv"),
            facts={},
            lower_limits=limits or {("platelets", None): 150.0},
            **options,
        )

    return read


def test_a_course_over_two_cycles(courses):
    (patient,), findings = courses(
        "patient,t_d,platelets_1e9_l\nA,-7,260\nA,0,250\nA,14,200\nA,28,125\nA,42,230\nA,56,240\nA,70,60\nA,84,120\n"
    )
    first, second = patient.course("platelets").cycles
    assert (first.baseline, first.nadir, first.nadir_d, first.relative_decline) == (250, 125, 28, 0.5)
    # 230 is more than 90 % of 250; the count of day 56 is drawn before the second administration.
    assert (first.recovery_d, first.last_share, first.counts) == (42, 240 / 250, 4)
    assert (first.baseline_grade, first.grade) == (0, 1)
    assert (second.baseline, second.nadir, second.nadir_d, second.grade) == (240, 60, 14, 2)
    assert second.recovery_d is None
    therapy = patient.course("platelets").therapy
    assert (therapy.baseline, therapy.nadir, therapy.nadir_d) == (250, 60, 70)
    assert therapy.relative_decline == pytest.approx(0.76)
    assert not findings


def test_influenced_counts_are_no_lowest_counts(courses):
    text = (
        "patient,t_d,platelets_1e9_l,haemoglobin_g_dl,transfusion\n"
        "A,0,250,13,no\nA,14,150,9,no\nA,21,40,9,platelets\nA,28,120,8.5,red-cells\n"
    )
    (patient,), findings = courses(text)
    platelets, haemoglobin = (patient.course(name).therapy for name in ("platelets", "haemoglobin"))
    assert (platelets.nadir, platelets.influenced) == (120, 1)
    assert haemoglobin.nadir == 9 and haemoglobin.grade == 3
    assert {"influenced-counts", "lower-limit-not-stated"} == {finding.code for finding in findings}
    (patient,), _ = courses(text, with_influenced=True)
    assert patient.course("platelets").therapy.nadir == 40


def test_same_day_counts_are_before_unless_both_have_a_time(courses):
    doses = "patient,cycle,date,region,dose_gy\nA,1,2026-03-02{},red-marrow,0.3\n"
    counts = "patient,date,platelets_1e9_l\nA,2026-02-20,250\nA,2026-03-02{},200\n"
    (patient,), _ = courses(counts.format("T18:00"), doses.format("T10:00"))
    assert patient.course("platelets").therapy.baseline == 200
    timed = counts.replace("2026-02-20", "2026-02-20T08:00").format("T18:00")
    (patient,), _ = courses(timed, doses.format("T10:00"))
    therapy = patient.course("platelets").therapy
    assert (therapy.baseline, therapy.nadir) == (250, 200)
    assert therapy.nadir_d == pytest.approx(8 / 24)


def test_a_stated_cycle_goes_before_the_date(courses):
    (patient,), _ = courses("patient,t_d,cycle,platelets_1e9_l\nA,-1,0,250\nA,58,1,100\nA,70,2,200\n")
    first, second = patient.course("platelets").cycles
    assert (first.nadir, second.nadir) == (100, 200)


def test_grades_without_a_limit_are_open_below_two(courses):
    (patient,), findings = courses("patient,t_d,neutrophils_1e9_l\nA,0,4\nA,14,1.6\n")
    assert patient.course("neutrophils").therapy.grade is None
    assert [finding.code for finding in findings] == ["lower-limit-not-stated"]


def test_patients_of_one_table_only_and_without_a_count_before(courses):
    (patient,), findings = courses(
        "patient,t_d,platelets_1e9_l\nA,14,200\nB,0,250\n",
        DOSES + "C,1,0,red-marrow,0.2\n",
    )
    assert patient.course("platelets").therapy.relative_decline is None
    assert {finding.code for finding in findings} == {
        "counts-without-doses", "doses-without-counts", "baseline-missing",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "doses", "code"),
    [
        ("patient,date,platelets_1e9_l\nA,2026-01-01,250\n", DOSES, "count-clock"),
        ("patient,t_d,cycle,platelets_1e9_l\nA,0,7,250\n", DOSES, "count-cycle"),
        (
            "patient,t_d,platelets_1e9_l\nA,0,250\n",
            "patient,cycle,t_d,region,dose_gy\nA,1,0,red-marrow,0.3\nA,2,0,red-marrow,0.3\n",
            "cycle-start",
        ),
    ],
)
def test_contradictions_are_refused(courses, counts, doses, code):
    with pytest.raises(StudyError) as refused:
        courses(counts, doses)
    assert refused.value.code == code
