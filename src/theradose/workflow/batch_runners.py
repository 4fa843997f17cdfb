"""Where the studies of a batch run: in this process, or on workers of dask that are started here or elsewhere."""

from __future__ import annotations

import logging
import queue
import tempfile
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol

from theradose.errors import StudyError
from theradose.workflow.batch_task import ONE_THREAD, Reason, Status, StudyOutcome, StudyTask, run_on_worker, run_task

IN_THIS_PROCESS, LOCAL = "none", "local"
_LOOPBACK = "127.0.0.1"
# A patient with four SPECT/CT needs 0.8 GiB, and what sets the pages keeps the parts of its last ten reports.
_WORKER_MIB = 2048
_SHARE_OF_MEMORY = 0.9
_SCHEDULER_WAIT_S = 10.0
_WORKERS_WAIT_S = 60.0
_LOOK_S = 2.0

Tell = Callable[[str], None]


class BatchEnded(Exception):
    """A batch cannot go on; what is finished stays.

    Parameters
    ----------
    message : str
        One sentence.
    code : str
        ``scheduler-lost``, ``workers-lost`` or ``workers-not-started``.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Runner(Protocol):
    """Takes studies and gives back how each ended, in any order."""

    def submit(self, task: StudyTask) -> None:
        """Take a study."""
        ...

    def next(self) -> StudyOutcome:
        """Wait for a study that was taken to end."""
        ...


class SerialRunner:
    """Runs one study after the other in this process."""

    def __init__(self) -> None:
        self._waiting: deque[StudyTask] = deque()

    def submit(self, task: StudyTask) -> None:
        """Take a study."""
        self._waiting.append(task)

    def next(self) -> StudyOutcome:
        """Run the study that was taken first."""
        return run_task(self._waiting.popleft())


class DaskRunner:
    """Runs studies on the workers of a scheduler.

    As many are handed over as there are workers, so that none waits behind another one while a worker is idle, and a
    lost worker takes one study with it.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    retries : int
        How often a study whose worker was lost is begun again.
    tell : callable
        Told what the user should know while the batch runs.
    """

    def __init__(self, client: Any, *, retries: int, tell: Tell) -> None:
        self._client, self._retries, self._tell = client, retries, tell
        self._topic = f"theradose-{uuid.uuid4().hex}"
        self._begun: Counter[str] = Counter()
        self._waiting: deque[StudyTask] = deque()
        self._running: dict[Any, StudyTask] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        client.subscribe_topic(self._topic, self._count)

    def submit(self, task: StudyTask) -> None:
        """Take a study."""
        self._waiting.append(replace(task, topic=self._topic))

    def next(self) -> StudyOutcome:
        """Wait for a study that was taken to end, whatever happens to the workers meanwhile."""
        while True:
            future = self._wait()
            task = self._running.pop(future)
            outcome = self._outcome(future, task)
            if outcome is not None:
                return replace(outcome, attempt=max(outcome.attempt, self._begun[str(task.study)]))
            self._tell(f"{task.study.parent.name}: its worker was lost, it is begun again")
            self._waiting.appendleft(replace(task, attempt=task.attempt + 1))

    def _hand_over(self) -> None:
        workers = self._workers()
        while self._waiting and len(self._running) < workers:
            task = self._waiting.popleft()
            future = self._client.submit(run_on_worker, task, key=f"study-{uuid.uuid4().hex}", pure=False)
            self._running[future] = task
            future.add_done_callback(self._ended.put)

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except OSError:
            raise _scheduler_lost() from None

    def _count(self, event: tuple[float, str]) -> None:
        self._begun[event[1]] += 1

    def _outcome(self, future: Any, task: StudyTask) -> StudyOutcome | None:
        """Return how a study ended, ``None`` if its worker was lost and it is to be begun again."""
        from distributed import KilledWorker

        if future.cancelled() or future.status == "lost":
            raise _scheduler_lost()
        error = future.exception()
        if error is None:
            outcome: StudyOutcome = future.result()
            return outcome
        if not isinstance(error, KilledWorker):
            # Not from the study, whose errors are part of its outcome: the worker could not even begin it.
            reason = Reason("worker-unfit", f"The worker cannot run studies ({type(error).__name__}: {error}).")
        elif task.attempt <= self._retries:
            return None
        else:
            message = (
                f"It lost its worker {task.attempt} times: killed from outside, or for more memory than it may use. "
                "Give each worker more memory, with fewer of them."
            )
            reason = Reason("worker-lost", message)
        return StudyOutcome(task.study, Status.FAILED, reason=reason, attempt=task.attempt)

    def _wait(self) -> Any:
        seen = time.monotonic()
        while True:
            if self._client.status != "running":
                raise _scheduler_lost()
            self._hand_over()
            # Nothing has ended yet: look whether somebody still works.
            with suppress(queue.Empty):
                return self._ended.get(timeout=_LOOK_S)
            if self._workers():
                seen = time.monotonic()
            elif time.monotonic() - seen > _WORKERS_WAIT_S:
                raise BatchEnded(
                    "The scheduler has no worker left: start workers and repeat the command, which continues.",
                    code="workers-lost",
                )


@contextmanager
def open_runner(scheduler: str, *, workers: int | None, retries: int, tell: Tell) -> Iterator[Runner]:
    """Yield what runs studies; workers that were started for it end with it.

    Parameters
    ----------
    scheduler : str
        ``none`` (in this process), ``local`` (workers on this machine) or the address of a scheduler of dask.
    workers : int, optional
        How many are started; by default one per core, as far as the memory allows. Only with ``local``.
    retries : int
        How often a study whose worker was lost is begun again.
    tell : callable
        Told what the user should know.

    Raises
    ------
    StudyError
        ``scheduler-unknown``, ``scheduler-missing``, ``workers-missing``, ``option-range``, ``cluster-not-installed``.
    """
    if workers is not None and (scheduler != LOCAL or workers < 1):
        raise StudyError(
            f"--workers {workers} starts workers on this machine: give at least 1, with --scheduler {LOCAL}.",
            code="option-range",
        )
    if scheduler == IN_THIS_PROCESS:
        yield SerialRunner()
        return
    if scheduler != LOCAL and not scheduler.startswith(("tcp://", "tls://")):
        raise StudyError(
            f"'{scheduler}' is no scheduler: give {LOCAL}, {IN_THIS_PROCESS} or an address such as tcp://127.0.0.1:8786.",
            code="scheduler-unknown",
        )
    _prepare_dask()
    opened = _local_client(workers, tell) if scheduler == LOCAL else _remote_client(scheduler, tell)
    with opened as client:
        yield DaskRunner(client, retries=retries, tell=tell)


@contextmanager
def _local_client(workers: int | None, tell: Tell) -> Iterator[Any]:
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT

    memory_mib = MEMORY_LIMIT / 2**20 * _SHARE_OF_MEMORY
    count = workers or max(1, min(CPU_COUNT, int(memory_mib / _WORKER_MIB)))
    each_mib = memory_mib / count
    settings = {
        # Every lost worker is counted here.
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        # Studies keep no data in dask: beyond its limit a worker is ended, and nothing is paused or written to disk.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": 0.95,
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.admin.low-level-log-length": 1000,
        # One in the place of a lost worker has to load the program first, which a busy machine does slowly; dask
        # would give it up after 15 s, and the batch would go on without it.
        "distributed.deploy.lost-worker-timeout": f"{_WORKERS_WAIT_S:g} s",
        "logging.distributed": "critical",
    }
    with tempfile.TemporaryDirectory(prefix="theradose-") as scratch, dask.config.set(settings):
        try:
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host=_LOOPBACK,
                dashboard_address=f"{_LOOPBACK}:0",
                scheduler_kwargs={"dashboard": False},
                local_directory=scratch,
                memory_limit=int(each_mib * 2**20),
                env=dict(ONE_THREAD),
                preload="theradose.workflow.batch_worker",
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            raise BatchEnded(
                f"The workers did not start ({error}): repeat the command, or use --scheduler {IN_THIS_PROCESS}.",
                code="workers-not-started",
            ) from None
        try:
            with Client(cluster, set_as_default=False) as client:
                tell(f"{count} worker{'s' * (count > 1)} on this machine, up to {each_mib / 1024:.1f} GiB each")
                yield client
        finally:
            cluster.close()


@contextmanager
def _remote_client(address: str, tell: Tell) -> Iterator[Any]:
    from distributed import Client

    try:
        client = Client(address, timeout=_SCHEDULER_WAIT_S, set_as_default=False)
    except (OSError, ValueError):
        raise StudyError(
            f"No scheduler answers at {address}: start one with 'dask scheduler --host {_LOOPBACK}', or use "
            f"--scheduler {LOCAL}.",
            code="scheduler-missing",
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_SCHEDULER_WAIT_S)
        except TimeoutError:
            raise StudyError(
                f"The scheduler at {address} has no workers: start some with 'dask worker {address} --nthreads 1'.",
                code="workers-missing",
            ) from None
        threads = client.nthreads()
        tell(f"{len(threads)} worker{'s' * (len(threads) > 1)} at {address}")
        if max(threads.values()) > 1:
            tell("A worker runs one study at a time, whatever its threads: start more workers, with --nthreads 1.")
        yield client


def _scheduler_lost() -> BatchEnded:
    return BatchEnded(
        "The scheduler was lost: finished runs are kept, and the same command continues with what is left.",
        code="scheduler-lost",
    )


def _prepare_dask() -> None:
    """Load dask, whose own log would tell what this module tells in its words."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise StudyError(
            "Workers need 'distributed', which is not installed: install theradose with its extra 'cluster', or use "
            f"--scheduler {IN_THIS_PROCESS}.",
            code="cluster-not-installed",
        ) from None
    for name in [known for known in logging.root.manager.loggerDict if known.partition(".")[0] == "distributed"]:
        logging.getLogger(name).handlers = [logging.NullHandler()]
