"""Cycles and limits in the main job: earlier results, activities alone, lost organs, limits of a study."""

import math
from datetime import UTC, datetime

import pytest

from main_job import run_without_report
from theradose.errors import PlanError, StudyError
from theradose.model.document import Estimate
from theradose.workflow.case import open_case
from theradose.workflow.cycles import check_cycles
from theradose.workflow.ledger import (
    cycle_of_result,
    read_cycle_result,
    require_one_course,
    restated_findings,
    with_sources,
)
from theradose.workflow.study_file import read_study
from tiny_study import write_tiny_study

BOTH = {"left-kidney": ["1"], "right-kidney": ["2"]}
LEFT, RIGHT = BOTH
FIRST = {"names": BOTH, "therapy": "lu177-dotatate", "cycle": 1}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished first cycle with two kidneys."""
    return run_without_report(write_tiny_study(tmp_path_factory.mktemp("first"), FIRST))


def run(folder, **changes):
    return run_without_report(write_tiny_study(folder, {**FIRST, **changes})).result


def by_region(result):
    return {total.region: total for total in result.cycles.cumulative}


def codes(result):
    return {finding.code for finding in result.findings}


def test_a_first_cycle_stands_beside_the_limits_of_its_therapy(first):
    result = first.result
    assert {limit.name for limit in result.limits} == {
        "kidneys-impaired", "kidneys-unimpaired", "kidneys-iluminet-27", "kidneys-iluminet-40",
    }  # fmt: skip
    doses = {region.name: region.dose_gy.value for region in result.regions}
    for limit in result.limits:
        if limit.quantity == "absorbed-dose":
            assert limit.cumulative_gy == doses[limit.region]
            assert limit.margin_gy == limit.limit_gy - doses[limit.region]
    beds = {region.name: region.bed_gy.value for region in result.regions}
    compared = {(limit.region, limit.cumulative_gy) for limit in result.limits if limit.quantity == "BED"}
    assert compared == set(beds.items())
    assert "limit-from-external-beam" in codes(result)


def test_without_therapy_and_limits_nothing_is_compared(tiny_study_run):
    assert tiny_study_run.result.limits == ()
    assert [cycle.cycle for cycle in tiny_study_run.result.cycles.cycles] == [1]


def test_an_earlier_result_and_an_activity_alone_add_up(first, tmp_path):
    result = run(
        tmp_path, names={LEFT: ["1"]}, cycle=3,
        previous_cycles=[{"cycle": 1, "activity": "2 GBq", "result": str(first.folder)},
                         {"cycle": 2, "activity": "1 GBq"}],
        cycles={"absent": {RIGHT: {"from_cycle": 2, "reason": "removed"}}},
    )  # fmt: skip
    one = first.result.regions[0].dose_gy.value
    totals = by_region(result)
    assert totals[LEFT].dose_gy.value == pytest.approx(2.5 * one, rel=1e-9)
    assert totals[LEFT].assumed == (2,)
    assert totals[RIGHT].not_measured == (2, 3)
    assert {limit.region for limit in result.limits} == {LEFT}
    assert all(limit.basis == "3 cycles given, assumed: cycle 2" for limit in result.limits)
    assert "cycle-without-dosimetry" in codes(result)


def test_the_calibration_correlates_cycles_and_the_fit_does_not(first, tmp_path):
    result = run(tmp_path, cycle=2, previous_cycles=[{"cycle": 1, "activity": "2 GBq", "result": str(first.folder)}])
    budget = {line.source: line.relative_u for line in first.result.regions[0].budget if line.relative_u is not None}
    shared = math.hypot(*(u for name, u in budget.items() if name.split(":")[0] in ("calibration", "dose-constant")))
    own = math.hypot(*(u for name, u in budget.items() if name.split(":")[0] not in ("calibration", "dose-constant")))
    total = by_region(result)[LEFT]
    assert total.dose_gy.u / total.dose_gy.value == pytest.approx(math.hypot(shared, own / math.sqrt(2)), rel=1e-9)


def test_a_study_names_states_and_keeps_limits_in_a_file(tmp_path):
    own = "own-kidneys: {organ: kidneys, value: 25 Gy, origin: EBRT, source: our protocol}\n"
    (tmp_path / "own.yaml").write_text(own, encoding="utf-8")
    stated = {"organ": "left-kidney", "value": "1 Gy", "origin": "radionuclide-therapy", "source": "ours"}
    result = run(tmp_path, limits=["kidneys-unimpaired", stated, "own.yaml"])
    found = {(limit.name, limit.region): limit for limit in result.limits}
    assert set(found) == {
        ("kidneys-unimpaired", LEFT), ("kidneys-unimpaired", RIGHT), ("left-kidney-stated", LEFT),
        ("own-kidneys", LEFT), ("own-kidneys", RIGHT),
    }  # fmt: skip
    assert found["own-kidneys", LEFT].status == "stated"
    above = found["left-kidney-stated", LEFT]
    assert above.margin_gy < 0 and above.p_exceed == pytest.approx(1.0)
    assert "dose-above-limit" in codes(result)


@pytest.mark.parametrize(
    ("limits", "code"),
    [(["no-such-limit"], "limit-unknown"), (["own.yaml"], "limits-invalid"), (["broken.yaml"], "limits-invalid"),
     (["odd.yaml"], "limits-invalid")],
)  # fmt: skip
def test_limits_that_cannot_be_read_are_refused(tmp_path, limits, code):
    (tmp_path / "own.yaml").write_text("own: {organ: kidneys, value: 25, origin: EBRT, source: x}\n", encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("- a list\n", encoding="utf-8")
    (tmp_path / "odd.yaml").write_text("own: [1, 2]\n", encoding="utf-8")
    with pytest.raises(PlanError) as refusal:
        run(tmp_path, limits=limits)
    assert refusal.value.code == code
    assert len(str(refusal.value).splitlines()) == 1


def test_another_earlier_result_is_another_run(first, tmp_path):
    """What earlier cycles gave is an input: the run id follows it."""
    study = write_tiny_study(tmp_path / "second", {**FIRST, "cycle": 2, "previous_cycles": [
        {"cycle": 1, "activity": "2 GBq", "result": "../earlier"}]})  # fmt: skip
    text = (first.folder / "result.json").read_text(encoding="utf-8")
    earlier = tmp_path / "earlier" / "result.json"
    earlier.parent.mkdir()
    earlier.write_text(text, encoding="utf-8")
    one = run_without_report(study)
    earlier.write_text(text + "\n", encoding="utf-8")
    other = run_without_report(study)
    assert run_without_report(study).reused
    assert one.folder != other.folder


def test_a_result_becomes_a_cycle(first):
    cycle = cycle_of_result(read_cycle_result(first.folder))
    assert (cycle.number, cycle.activity_mbq) == (1, 2000.0)
    dose = cycle.doses[LEFT].dose_gy
    region = first.result.regions[0]
    assert dose.value == region.dose_gy.value
    assert dose.u == pytest.approx(region.dose_gy.u, rel=1e-9)
    assert cycle.doses[LEFT].bed_gy.u == pytest.approx(region.bed_gy.u, rel=1e-9)


def test_a_result_that_does_not_say_its_cycle_or_activity_is_refused(tiny_study_run):
    with pytest.raises(StudyError) as refusal:
        cycle_of_result(tiny_study_run.result)
    assert refusal.value.code == "cycle-number"
    bare = tiny_study_run.result.model_copy(update={"study": {"cycle": 1}})
    with pytest.raises(StudyError) as refusal:
        cycle_of_result(bare)
    assert refusal.value.code == "cycle-activity"


def test_a_number_without_budget_has_an_uncertainty_that_nobody_stated():
    assert with_sources(3.0, (), source="dose:liver").not_stated == {"dose:liver"}


def test_a_limit_that_a_study_names_and_nothing_meets_is_found(tmp_path):
    result = run(tmp_path, limits=["kidneys-unimpaired", "salivary-glands-20"])
    (finding,) = [finding for finding in result.findings if finding.code == "limit-not-evaluated"]
    assert "salivary-glands" in finding.message


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"patient": {"id": "another"}}, "patient"),
        ({"therapy": "lu177-psma"}, "therapy"),
        ({"administrations": [{"nuclide": "Y-90"}]}, "nuclide"),
    ],
)
def test_results_of_another_course_are_refused(first, changes, what):
    known = {"patient": {"id": "one"}, "therapy": "lu177-dotatate", "administrations": [{"nuclide": "Lu-177"}]}
    one = first.result.model_copy(update={"study": known})
    other = first.result.model_copy(update={"run_id": "other", "study": {**known, **changes}})
    with pytest.raises(StudyError, match=what) as refusal:
        require_one_course([one, other], patient=None, therapy=None)
    assert refusal.value.code == f"cycle-of-another-{what}"
    silent = first.result.model_copy(update={"run_id": "silent", "study": {"administrations": [{"nuclide": "177Lu"}]}})
    require_one_course([one, silent], patient="one", therapy=None)


def test_one_result_is_not_two_cycles(first):
    with pytest.raises(StudyError, match="two cycles") as refusal:
        require_one_course([first.result, first.result], patient=None, therapy=None)
    assert refusal.value.code == "cycle-result-twice"


def test_another_number_or_activity_than_the_result_has_is_found(first, tmp_path):
    result = run(tmp_path, cycle=3, previous_cycles=[{"cycle": 2, "activity": "2.1 GBq", "result": str(first.folder)},
                                                     {"cycle": 1, "activity": "2 GBq"}])  # fmt: skip
    said = [finding.message for finding in result.findings if finding.code == "cycle-restated"]
    assert len(said) == 2 and "cycle 1" in said[0] and "2 GBq" in said[1] and "2.1 GBq" in said[1]


def test_another_start_than_the_result_has_is_taken_and_found(first):
    later = datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert cycle_of_result(first.result, number=1, start=later).start == later
    (finding,) = restated_findings(first.result, number=1, activity_mbq=None, start=later)
    assert finding.code == "cycle-restated" and "start" in finding.message


def test_a_dose_below_zero_is_no_cycle(first):
    wrong = first.result.regions[0].model_copy(update={"dose_gy": Estimate(value=-1.0, u=None)})
    with pytest.raises(StudyError, match="below 0") as refusal:
        cycle_of_result(first.result.model_copy(update={"regions": (wrong,)}))
    assert refusal.value.code == "cycle-dose-negative"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cycle": 2, "previous_cycles": [{"cycle": 5, "activity": "2 GBq"}]}, "not before cycle 2"),
        ({"cycle": 2, "previous_cycles": [{"cycle": 2, "activity": "2 GBq"}]}, "not before cycle 2"),
        ({"cycle": 2, "previous_cycles": [{"cycle": 0, "activity": "2 GBq"}]}, "previous_cycles[0].cycle"),
        ({"cycle": 3, "previous_cycles": [{"cycle": 1, "activity": "2 GBq"}] * 2}, "more than once"),
        ({"cycle": 0}, "cycle"),
    ],
)
def test_numbers_of_cycles_that_cannot_be_are_refused_at_once(tmp_path, changes, said):
    with pytest.raises(StudyError) as refusal:
        run(tmp_path, **changes)
    assert refusal.value.code == "study-invalid" and said in str(refusal.value)


def test_an_unknown_limit_is_refused_before_any_image_is_read(tmp_path):
    study = write_tiny_study(tmp_path, {**FIRST, "limits": ["no-such-limit"]})
    with pytest.raises(PlanError, match="no-such-limit"):
        check_cycles(open_case(read_study(study)))


def test_a_result_of_another_patient_is_refused_before_any_image_is_read(tmp_path):
    first = run_without_report(write_tiny_study(tmp_path / "first", {**FIRST, "patient": {"id": "one"}}))
    study = write_tiny_study(tmp_path / "second", {**FIRST, "cycle": 2, "patient": {"id": "other"}, "previous_cycles": [
        {"cycle": 1, "activity": "2 GBq", "result": str(first.folder)}]})  # fmt: skip
    with pytest.raises(StudyError, match="'one'"):
        check_cycles(open_case(read_study(study)))
