"""Two cycles of a digital patient who loses a kidney between them: dosimetry, ledger, plan of the next cycle."""

import json

import pytest
import yaml

from main_job import run_without_report, theradose
from theradose.simulate.write import simulate_study

KIDNEY, LOST = "left-kidney", "right-kidney"
# Both digital patients are imaged on the same days; a plan refuses two cycles of one time.
LATER = "2026-05-04T10:00:00+02:00"
LIMIT_GY, ALPHA = 23.0, 0.1


@pytest.fixture(scope="module")
def second(simulated, tmp_path_factory):
    """The second cycle: one kidney, one image at 24 h, half-lives of the first cycle; its run and its truth."""
    folder = tmp_path_factory.mktemp("second")
    simulate_study(folder, seed=177, variant="one-kidney")
    path = folder / "study.yaml"
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in study.items() if key not in ("blood", "counter", "probe")}
    changes = {
        "cycle": 2,
        "timepoints": [point for point in study["timepoints"] if point["id"] == "tp24"],
        "previous_cycles": [{"cycle": 1, "activity": "7394 MBq", "result": str(simulated.run)}],
        "single_time_point": {"method": "earlier-half-life"},
        "cycles": {"absent": {LOST: {"from_cycle": 2, "reason": "nephrectomy"}}},
    }
    path.write_text(yaml.safe_dump({**kept, **changes}), encoding="utf-8")
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return run_without_report(path), truth


def true_dose(truth, region):
    return next(row["dose_gy"] for row in truth["regions"] if row["name"] == region)


def test_the_ledger_adds_what_was_delivered(simulated, second):
    run, truth = second
    totals = {total.region: total for total in run.result.cycles.cumulative}
    delivered = true_dose(simulated.truth, KIDNEY) + true_dose(truth, KIDNEY)
    total = totals[KIDNEY]
    assert abs(total.dose_gy.value - delivered) < 3 * total.dose_gy.u
    assert total.u_all_independent_gy < total.dose_gy.u < total.u_all_shared_gy
    assert totals[LOST].not_measured == (2,) and not totals[LOST].present
    assert totals[LOST].dose_gy.value == pytest.approx(simulated.regions[LOST]["dose_gy"]["value"])


def test_marrow_of_the_second_cycle_is_assumed(second):
    """The second cycle has neither blood nor enough images for the blood method."""
    run, _ = second
    (cycle,) = [cycle for cycle in run.result.cycles.cycles if cycle.cycle == 2]
    assumed = {dose.region: dose.carried_from for dose in cycle.doses if dose.basis == "assumed"}
    assert assumed["red-marrow-by-blood"] == 1
    assert {limit.region for limit in run.result.limits if limit.organ == "kidneys"} == {KIDNEY}
    assert "organ-carried-over" in {finding.code for finding in run.result.findings}


def test_the_next_cycle_is_planned_from_both_results(simulated, second, tmp_path):
    run, _ = second
    path = tmp_path / "plan.yaml"
    content = {
        "therapy": "lu177-dotatate",
        "history": [str(simulated.run), {"result": str(run.folder), "cycle": 2, "start": LATER}],
        "absent": {LOST: {"from_cycle": 2, "reason": "nephrectomy"}},
        "limits": ["kidneys-p-prrt", "kidneys-iluminet-27", "red-marrow-2"],
        "cycles_left": 2,
        "accepted_probability": ALPHA,
        "cap": "none",
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = theradose("plan", "prrt", path, "--json", "--out", tmp_path / "page.pdf")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    sums = {total.region: total.dose_gy.value for total in run.result.cycles.cumulative}
    planned = {total["region"]: total["dose_gy"]["value"] for total in plan["details"]["cycles"]["cumulative"]}
    assert planned[KIDNEY] == pytest.approx(sums[KIDNEY], rel=1e-9)
    # The course is what was given plus two cycles of the planned activity at the forecast dose per activity.
    per_activity = plan["details"]["dose_per_activity_gy_gbq"][KIDNEY]["value"]
    course = next(dose for dose in plan["doses"] if dose["target"] == KIDNEY and dose["limit_gy"] == LIMIT_GY)
    expected = sums[KIDNEY] + 2 * per_activity * plan["activity_mbq"]["value"] / 1000
    assert course["dose_gy"]["value"] == pytest.approx(expected, rel=1e-9)
    assert plan["details"]["p_any"] == pytest.approx(ALPHA, abs=1e-9)
    assert all(dose["p_exceed"] <= ALPHA + 1e-9 for dose in plan["doses"] if dose["limit_gy"] is not None)
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")


def test_a_history_that_is_not_there_is_refused_with_one_sentence(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump({"history": ["nowhere"]}), encoding="utf-8")
    done = theradose("plan", "prrt", path)
    assert done.returncode == 2
    assert "history[0]" in done.stderr and "Traceback" not in done.stderr
