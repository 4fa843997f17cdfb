"""Batches on real workers: killed, interrupted, and left by their scheduler, they lose nothing and change nothing."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from main_job import theradose
from theradose.workflow.run import run_study
from tiny_study import write_tiny_study

STUDIES = 4
LATER = STUDIES - 1
SHORT = (1, 2)
LIMIT_S = 120
# Of a document these depend on the moment of the run, and so do the files that state it.
OF_THE_MOMENT = {"run_id", "created", "files"}


def write_cohort(folder):
    """Write patients that differ in their activity; the last is the second cycle of the first."""
    for number in range(STUDIES):
        start = "2026-03-02T10:00:00+01:00"
        given = {"nuclide": "Lu-177", "activity": f"{2 + number / 10} GBq", "residual": "0 MBq", "start": start}
        changes = {"patient": {"id": f"P{number}"}, "cycle": 1, "administrations": [given]}
        if number == LATER:
            earlier = {"cycle": 1, "activity": "2 GBq", "result": "../p0/study.yaml"}
            changes |= {"patient": {"id": "P0"}, "cycle": 2, "previous_cycles": [earlier]}
        write_tiny_study(folder / f"p{number}", changes)
    return folder


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The results of ordinary runs, one after the other."""
    folder = write_cohort(tmp_path_factory.mktemp("serial"))
    for number in range(STUDIES):
        run_study(folder / f"p{number}")
    return documents(folder)


@pytest.fixture
def cohort(tmp_path):
    """The same studies, not run."""
    return write_cohort(tmp_path / "cohort")


def documents(folder, numbers=range(STUDIES)):
    """Return the only result of each study without what depends on the moment."""
    found = {}
    for number in numbers:
        (path,) = (folder / f"p{number}" / "results").glob("*/result.json")
        document = json.loads(path.read_text(encoding="utf-8"))
        maps = [file for file in document["files"] if file["path"].endswith((".nii.gz", ".csv"))]
        found[number] = {key: value for key, value in document.items() if key not in OF_THE_MOMENT} | {"maps": maps}
    if LATER in found:
        # The second cycle names the run of the first one, and its table of findings with it.
        found[LATER] = json.loads(re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "RUN", json.dumps(found[LATER])))
        found[LATER]["maps"] = [file for file in found[LATER]["maps"] if file["path"].endswith(".nii.gz")]
    return found


class Command:
    """A command in a process of its own, whose messages are looked at while it runs."""

    def __init__(self, *arguments, cwd):
        command = [sys.executable, "-m", *map(str, arguments)]
        self.process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # Whatever happens, the test ends.
        self._timer = threading.Timer(LIMIT_S, self.process.kill)
        self._timer.start()
        self.messages = ""

    def wait_for(self, pattern):
        """Read messages up to the first line that holds a pattern, and return the match."""
        for line in self.process.stderr:
            self.messages += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"'{pattern}' did not come:\n{self.messages}")

    def finish(self):
        """Wait for the end; return the exit code and standard output."""
        out, rest = self.process.communicate()
        self._timer.cancel()
        self.messages += rest
        return self.process.returncode, out

    def stop(self):
        """End the process, and nothing else, by its own id."""
        self._timer.cancel()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()


@contextmanager
def running(*arguments, cwd):
    """Yield a command that is ended in the end."""
    command = Command(*arguments, cwd=cwd)
    try:
        yield command
    finally:
        command.stop()


@pytest.fixture
def elsewhere(tmp_path):
    """A working folder in which nothing is left behind."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def leftovers(folder):
    return [path for path in folder.rglob("*.part") if ".theradose" not in path.parts]


def listens(address):
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


FIRST_DONE = r"\[1/\d\] .* computed .*\(process (\d+)\)"


def kill_busy_worker(command):
    """Kill the worker that has finished a study first, which is then at its next one; return its process."""
    worker = int(command.wait_for(FIRST_DONE)[1])
    time.sleep(0.4)
    os.kill(worker, signal.SIGKILL)
    return worker


def test_a_killed_worker_loses_nothing_and_changes_nothing(serial, cohort, elsewhere):
    with running("theradose", "cohort", "run", cohort, "--workers", "2", "--json", cwd=elsewhere) as command:
        killed = kill_busy_worker(command)
        code, out = command.finish()
    assert code == 0, command.messages
    document = json.loads(out)
    assert document["counts"]["computed"] + document["counts"]["reused"] == STUDIES
    assert max(study["attempt"] for study in document["studies"]) == 2, command.messages
    assert documents(cohort) == serial
    assert leftovers(cohort) == []
    workers = {int(re.search(r"process (\d+)", study["worker"])[1]) for study in document["studies"]}
    assert killed in workers and not any(map(is_running, workers))
    assert all(100 < study["peak_memory_mib"] < 3000 for study in document["studies"])


def test_an_interruption_keeps_what_is_finished_and_ends_the_workers(serial, cohort, elsewhere):
    studies = [cohort / f"p{number}" for number in SHORT]
    with running("theradose", "cohort", "run", *studies, "--workers", "1", "--json", cwd=elsewhere) as command:
        worker = int(command.wait_for(FIRST_DONE)[1])
        command.process.send_signal(signal.SIGINT)
        code, out = command.finish()
    assert code == 130 and "the same command continues" in command.messages
    assert "Traceback" not in command.messages and not is_running(worker)
    document = json.loads(out)
    assert document["ended_by"]["code"] == "interrupted"
    assert document["counts"]["computed"] == document["counts"]["not-run"] == 1
    done = theradose("cohort", "run", *studies, "--scheduler", "none", "--json", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["reused"] >= 1
    assert documents(cohort, SHORT) == {number: serial[number] for number in SHORT} and leftovers(cohort) == []


@contextmanager
def scheduler(folder, *, workers):
    """Yield a scheduler of dask on loopback with workers, as a department would start them."""
    with running("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address",
                 "127.0.0.1:0", cwd=folder) as command:  # fmt: skip
        address = command.wait_for(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")[1]
        started = []
        try:
            for number in range(workers):
                started.append(
                    Command(
                        "distributed.cli.dask_worker",
                        address,
                        "--nthreads",
                        "1",
                        "--host",
                        "127.0.0.1",
                        "--name",
                        f"site-{number}",
                        "--no-dashboard",
                        cwd=folder,
                    )  # fmt: skip
                )
            for worker in started:
                worker.wait_for("Registered to")
            yield command, address, started
        finally:
            for worker in started:
                worker.stop()


def test_a_scheduler_of_the_department(serial, cohort, tmp_path, elsewhere):
    """A worker is killed, then in a further batch the scheduler itself."""
    again = tmp_path / "again"
    for number in SHORT:
        shutil.copytree(cohort / f"p{number}", again / f"p{number}")
    place = tmp_path / "dask"
    place.mkdir()
    with scheduler(place, workers=2) as (dask, address, workers):
        options = ("--scheduler", address, "--json")
        with running("theradose", "cohort", "run", cohort, *options, cwd=elsewhere) as command:
            kill_busy_worker(command)
            code, out = command.finish()
        assert code == 0, command.messages
        assert max(study["attempt"] for study in json.loads(out)["studies"]) == 2
        assert documents(cohort) == serial and leftovers(cohort) == []
        for worker in workers[1:]:
            worker.stop()
        with running("theradose", "cohort", "run", again, *options, cwd=elsewhere) as command:
            command.wait_for(FIRST_DONE)
            dask.process.kill()
            code, out = command.finish()
        assert code == 1 and "The scheduler was lost: finished runs are kept" in command.messages
        assert "Traceback" not in command.messages
        assert json.loads(out)["ended_by"]["code"] == "scheduler-lost"
    host, port = address.removeprefix("tcp://").split(":")
    assert not listens((host, int(port)))
    done = theradose("cohort", "run", again, "--scheduler", "none", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert documents(again, SHORT) == {number: serial[number] for number in SHORT}
