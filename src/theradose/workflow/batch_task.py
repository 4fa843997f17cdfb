"""One study of a batch: an ordinary run whose end, whatever it is, becomes a value."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from theradose.errors import TheradoseError
from theradose.provenance import hash_package, package_version

_ONE_STUDY = threading.Lock()
# Of the environment of a process that works beside others.
ONE_THREAD = dict.fromkeys(("THERADOSE_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


class Status(StrEnum):
    """How a study of a batch ended."""

    COMPUTED = "computed"
    REUSED = "reused"
    """Nothing had changed since its finished run."""
    REFUSED = "refused"
    """Its input is incomplete or wrong."""
    FAILED = "failed"
    """The program, the machine or its time limit ended it."""
    NOT_RUN = "not-run"
    """The batch ended before it."""


@dataclass(frozen=True, slots=True)
class StudyTask:
    """What a worker is asked to do.

    Attributes
    ----------
    study : Path
        Study file.
    results : Path or None
        Folder of run folders; beside the study by default.
    time_limit_s : float or None
        After which no further step begins.
    attempt : int
        1 for the first.
    sources : str
        Hash of the sources of this package where the batch was started.
    topic : str
        Under which the scheduler announces its start.
    """

    study: Path
    results: Path | None
    time_limit_s: float | None
    attempt: int
    sources: str
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a study has no result: code, one sentence, and for our own failures where in the program."""

    code: str
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """How the run of one study ended.

    Attributes
    ----------
    study : Path
        Study file.
    status : Status
        How.
    folder : Path or None
        Its run folder.
    reason : Reason or None
        Why there is none.
    seconds, processor_s : float
        Wall and processor time of the last attempt.
    worker : str
        Which process did it: name and process id.
    attempt : int
        How often it was begun.
    peak_memory_mib : float or None
        Most memory that the process has held up to the end of the study, where the system tells.
    """

    study: Path
    status: Status
    folder: Path | None = None
    reason: Reason | None = None
    seconds: float = 0.0
    processor_s: float = 0.0
    worker: str = ""
    attempt: int = 0
    peak_memory_mib: float | None = None


class _OutOfTime(Exception):
    """A study reached its time limit."""


def run_task(task: StudyTask, *, worker: str = "this process") -> StudyOutcome:
    """Run a study; refusals and failures are part of the outcome."""
    begun, spent = time.perf_counter(), time.process_time()
    outcome = replace(_run(task), worker=f"{worker} (process {os.getpid()})", attempt=task.attempt)
    return replace(
        outcome,
        seconds=time.perf_counter() - begun,
        processor_s=time.process_time() - spent,
        peak_memory_mib=peak_memory_mib(),
    )


def run_on_worker(task: StudyTask) -> StudyOutcome:
    """Run a study on a worker of dask, in one thread, and one study at a time in each process."""
    from distributed import get_worker

    worker = get_worker()
    worker.log_event(task.topic, str(task.study))
    os.environ.setdefault("THERADOSE_THREADS", ONE_THREAD["THERADOSE_THREADS"])
    with _ONE_STUDY:
        return run_task(task, worker=f"worker {worker.name}")


def peak_memory_mib() -> float | None:
    """Return the most memory that this process has held; ``None`` where the system does not tell."""
    # The resource usage of a process begins with that of its parent; this does not.
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


def _run(task: StudyTask) -> StudyOutcome:
    if task.sources != hash_package():
        message = (
            f"The worker has other sources of theradose (its version is {package_version()}) than the command: install "
            "the same on both."
        )
        return _failed(task, "worker-sources", message)
    # Here, so that a process that only hands out studies does not load what computes them.
    from theradose.workflow.run import run_study

    check = _clock(task.time_limit_s)
    try:
        run = run_study(task.study, results=task.results, on_step=check, on_progress=check)
    except TheradoseError as error:
        return StudyOutcome(task.study, Status.REFUSED, reason=Reason(error.code, str(error)))
    except _OutOfTime:
        message = f"It took longer than {task.time_limit_s:g} s; its finished steps are kept: allow it more time."
        return _failed(task, "study-time-limit", message)
    except Exception as error:  # noqa: BLE001 - one study never ends those of others
        return _failed(task, "failure", f"{type(error).__name__}: {error}", traceback.format_exc())
    return StudyOutcome(task.study, Status.REUSED if run.reused else Status.COMPUTED, folder=run.folder.absolute())


def _failed(task: StudyTask, code: str, message: str, details: str = "") -> StudyOutcome:
    return StudyOutcome(task.study, Status.FAILED, reason=Reason(code, message, details))


def _clock(limit_s: float | None) -> Callable[[object], None]:
    """Return what is told each step and raises when the time is over."""
    end = None if limit_s is None else time.monotonic() + limit_s

    def check(_: object) -> None:
        if end is not None and time.monotonic() > end:
            raise _OutOfTime

    return check
