"""Time points: in order of time, each error with its place, stored steps under what they depend on."""

import pytest

from theradose.errors import StudyError
from theradose.store.steps import StepStore
from theradose.workflow.case import hash_inputs
from theradose.workflow.timepoints import align_timepoints, load_timepoints
from tiny_study import TIMES, activity_mbq, content


def load(case, tmp_path):
    steps = StepStore(tmp_path / "steps")
    return load_timepoints(case, steps, hash_inputs(case.study_file)), steps


def test_time_points_come_in_order_of_time(tiny_case, tmp_path):
    (loaded, _), _ = load(tiny_case(timepoints=content()["timepoints"][::-1]), tmp_path)
    assert [item.timepoint.id for item in loaded] == list(TIMES)
    assert [item.activity.t_h for item in loaded] == pytest.approx([t_h for t_h, _ in TIMES.values()])


def test_counts_become_the_true_activity(tiny_case, tmp_path):
    (loaded, _), _ = load(tiny_case(), tmp_path)
    for item in loaded:
        true = activity_mbq("liver", item.activity.t_h) + activity_mbq("lesion-1", item.activity.t_h)
        assert item.check.total_activity_mbq == pytest.approx(true, rel=1e-6)
        assert item.activity.calibration == "A" and item.activity.calibration_relative_u == pytest.approx(0.03)


def test_a_refusal_names_the_time_point(tiny_case, tmp_path):
    timepoints = content()["timepoints"]
    timepoints[1]["declare"]["acquired_at"] = "2026-03-01T10:00:00+01:00"
    with pytest.raises(StudyError, match=r"^Time point 'tp2': .*before the start") as refusal:
        load(tiny_case(timepoints=timepoints), tmp_path)
    assert refusal.value.code == "acquired-before-administration"


def test_findings_carry_their_time_point(tiny_case, tmp_path):
    timepoints = content()["timepoints"]
    del timepoints[2]["declare"]["frame_duration"]
    (_, findings), _ = load(tiny_case(timepoints=timepoints), tmp_path)
    assert ("frame-duration-missing" in {f.code for f in findings}) == (
        "tp3" in {f.where for f in findings if f.code == "frame-duration-missing"}
    )
    assert all(finding.where in TIMES for finding in findings)


def test_a_rise_of_the_decay_corrected_activity_is_noticed(tiny_case, tmp_path):
    """The first and the last image exchanged: the activity in view rises although nothing was given."""
    timepoints = content()["timepoints"]
    timepoints[0]["activity"], timepoints[2]["activity"] = timepoints[2]["activity"], timepoints[0]["activity"]
    (_, findings), _ = load(tiny_case(timepoints=timepoints), tmp_path)
    assert "activity-rises" in {finding.code for finding in findings}


def reused(case, tmp_path):
    hashes = hash_inputs(case.study_file)
    steps = StepStore(tmp_path / "steps")
    loaded, _ = load_timepoints(case, steps, hashes)
    registrations, _ = align_timepoints(case, loaded, steps, hashes)
    assert list(registrations) == ["tp1", "tp2", "tp3"]
    return steps.reused


def test_finished_steps_are_used_again(tiny_case, tmp_path):
    assert reused(tiny_case(), tmp_path) == set()
    everything = {"activity tp1", "activity tp2", "activity tp3", "register tp2", "register tp3"}
    assert reused(tiny_case(), tmp_path) == everything
    # What does not enter a step does not repeat it.
    assert reused(tiny_case(patient={"id": "other"}, cycle=2), tmp_path) == everything


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"calibration": {"camera": "A", "sensitivity": "9 cps/MBq", "u": "3 %"}}, set()),
        ({"timezone": "Europe/Paris"}, set()),
        ({"registration": {"method": "emission"}}, {"activity tp1", "activity tp2", "activity tp3"}),
    ],
)
def test_a_change_repeats_what_depends_on_it(tiny_case, tmp_path, changes, left):
    reused(tiny_case(), tmp_path)
    assert reused(tiny_case(**changes), tmp_path) == left


def test_the_reference_is_aligned_with_itself(tiny_case, tmp_path):
    case = tiny_case(reference_timepoint="tp2")
    (loaded, _), steps = load(case, tmp_path)
    registrations, _ = align_timepoints(case, loaded, steps, hash_inputs(case.study_file))
    assert registrations["tp2"].method == "reference"
    assert registrations["tp1"].method == "identity"
