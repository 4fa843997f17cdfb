"""Batches: every study ends as something, and none ends the others."""

import sys
from types import SimpleNamespace

import pytest

from theradose.errors import StudyError
from theradose.provenance import hash_package
from theradose.workflow import batch_runners, batch_task
from theradose.workflow.batch import run_batch
from theradose.workflow.batch_runners import BatchEnded, DaskRunner
from theradose.workflow.batch_task import Status, StudyTask, run_task


def refuse(path):
    raise StudyError("It lacks something.", code="missing-something")


def break_down(path):
    raise ZeroDivisionError("division by zero")


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """A folder of studies with made-up runs: what each does is given by name."""

    def make(**actions):
        for name in actions:
            (tmp_path / name).mkdir()
            (tmp_path / name / "study.yaml").write_text("schema_version: 1\n", encoding="utf-8")

        def run_study(path, *, results, on_step, on_progress):
            on_step("first step")
            actions[path.parent.name](path)
            return SimpleNamespace(folder=path.parent / "results" / "run", reused=False)

        monkeypatch.setattr("theradose.workflow.run.run_study", run_study)
        return tmp_path

    return make


def statuses(batch):
    return {outcome.study.parent.name: outcome.status for outcome in batch.outcomes}


def test_one_bad_study_does_not_end_the_others(studies):
    told = []
    batch = run_batch(
        [studies(a=refuse, b=break_down, c=lambda path: None)],
        scheduler="none",
        on_outcome=lambda study, outcome, number, total: told.append((study.name, number, total)),
    )
    assert statuses(batch) == {"a": Status.REFUSED, "b": Status.FAILED, "c": Status.COMPUTED}
    refused, failed, computed = batch.outcomes
    assert (refused.reason.code, refused.reason.message) == ("missing-something", "It lacks something.")
    assert failed.reason.message == "ZeroDivisionError: division by zero" and "break_down" in failed.reason.details
    assert computed.folder.name == "run" and computed.attempt == 1 and computed.seconds > 0
    assert told == [("a", 1, 3), ("b", 2, 3), ("c", 3, 3)]


def test_an_interruption_leaves_the_rest(studies):
    def interrupt(path):
        raise KeyboardInterrupt

    batch = run_batch([studies(a=lambda path: None, b=interrupt, c=refuse)], scheduler="none")
    assert statuses(batch) == {"a": Status.COMPUTED, "b": Status.NOT_RUN, "c": Status.NOT_RUN}
    assert batch.ended_by.code == "interrupted"


def test_a_time_limit_is_looked_at_between_steps(studies):
    folder = studies(a=lambda path: None)
    batch = run_batch([folder], scheduler="none", time_limit_s=1e-9)
    assert statuses(batch) == {"a": Status.FAILED} and batch.outcomes[0].reason.code == "study-time-limit"
    assert statuses(run_batch([folder], scheduler="none", time_limit_s=3600)) == {"a": Status.COMPUTED}


def test_a_worker_with_other_sources_computes_nothing(studies):
    folder = studies(a=lambda path: None)
    outcome = run_task(StudyTask(folder / "a" / "study.yaml", None, None, 1, sources="others"))
    assert (outcome.status, outcome.reason.code) == (Status.FAILED, "worker-sources")


def test_memory_is_that_of_this_process(studies):
    before = batch_task.peak_memory_mib()
    held = bytearray(64 * 2**20)
    held[:: 2**12] = b"x" * len(held[:: 2**12])
    assert batch_task.peak_memory_mib() >= max(before, 64)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"scheduler": "cloud"}, "scheduler-unknown"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "scheduler-missing"),
        ({"scheduler": "local", "workers": 0}, "option-range"),
        ({"scheduler": "none", "workers": 2}, "option-range"),
        ({"scheduler": "none", "retries": -1}, "option-range"),
    ],
)
def test_a_batch_that_cannot_begin_is_refused(studies, monkeypatch, options, code):
    monkeypatch.setattr(batch_runners, "_SCHEDULER_WAIT_S", 0.2)
    with pytest.raises(StudyError) as refused:
        run_batch([studies(a=refuse)], **options)
    assert refused.value.code == code


def test_without_dask_only_this_process_is_left(studies, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    folder = studies(a=lambda path: None)
    with pytest.raises(StudyError, match="extra 'cluster'") as refused:
        run_batch([folder], scheduler="local")
    assert refused.value.code == "cluster-not-installed"
    assert statuses(run_batch([folder], scheduler="none")) == {"a": Status.COMPUTED}


class FakeFuture:
    """A study that has ended, with an error or the outcome of its task."""

    def __init__(self, task, error):
        self._task, self._error, self.status = task, error, "error" if error else "finished"

    def cancelled(self):
        return False

    def exception(self):
        return self._error

    def result(self):
        return run_task(self._task)

    def add_done_callback(self, function):
        function(self)


class FakeClient:
    """A scheduler whose first tasks end with the given errors."""

    def __init__(self, *errors, status="running", workers=1):
        self._errors, self.status, self._workers = list(errors), status, workers

    def subscribe_topic(self, topic, handler):
        self._began = handler

    def submit(self, function, task, *, key, pure):
        self._began((0.0, str(task.study)))
        return FakeFuture(task, self._errors.pop(0) if self._errors else None)

    def nthreads(self):
        return dict.fromkeys(range(self._workers), 1)


def lost():
    from distributed import KilledWorker

    return KilledWorker("study", "worker", 0)


@pytest.mark.parametrize(
    ("errors", "status", "attempt", "code"),
    [
        (0, Status.COMPUTED, 1, None),
        (2, Status.COMPUTED, 3, None),
        (3, Status.FAILED, 3, "worker-lost"),
    ],
)
def test_a_study_whose_worker_was_lost_is_begun_again(studies, errors, status, attempt, code):
    told = []
    runner = DaskRunner(FakeClient(*[lost() for _ in range(errors)]), retries=2, tell=told.append)
    path = studies(a=lambda path: None) / "a" / "study.yaml"
    runner.submit(StudyTask(path, None, None, 1, hash_package()))
    outcome = runner.next()
    assert (outcome.status, outcome.attempt) == (status, attempt)
    assert (outcome.reason and outcome.reason.code) == code
    assert len(told) == min(errors, 2)


def test_a_worker_that_cannot_begin_is_a_failure_without_repetition(studies):
    runner = DaskRunner(FakeClient(ModuleNotFoundError("No module named 'theradose'")), retries=2, tell=print)
    path = studies(a=lambda path: None) / "a" / "study.yaml"
    runner.submit(StudyTask(path, None, None, 1, hash_package()))
    outcome = runner.next()
    assert (outcome.reason.code, outcome.attempt) == ("worker-unfit", 1)
    assert "No module named 'theradose'" in outcome.reason.message


@pytest.mark.parametrize("workers", [1, 2])
def test_no_study_waits_behind_another_one(studies, workers):
    client = FakeClient(workers=workers)
    submit, running = client.submit, []
    client.submit = lambda *arguments, **options: running.append(1) or submit(*arguments, **options)
    runner = DaskRunner(client, retries=0, tell=print)
    folder = studies(a=lambda path: None, b=lambda path: None, c=lambda path: None)
    for name in "abc":
        runner.submit(StudyTask(folder / name / "study.yaml", None, None, 1, hash_package()))
    for ended in range(3):
        runner.next()
        assert len(running) == min(3, ended + workers)


@pytest.mark.parametrize(("status", "code"), [("closed", "scheduler-lost"), ("running", "workers-lost")])
def test_nothing_is_waited_for_in_vain(monkeypatch, status, code):
    monkeypatch.setattr(batch_runners, "_LOOK_S", 0.02)
    monkeypatch.setattr(batch_runners, "_WORKERS_WAIT_S", 0.05)
    client = FakeClient(status=status, workers=0)
    with pytest.raises(BatchEnded) as ended:
        DaskRunner(client, retries=0, tell=print).next()
    assert ended.value.code == code
