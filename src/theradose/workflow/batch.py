"""Runs of many studies: one task for each cycle of each patient, whatever becomes of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from theradose.errors import StudyError
from theradose.model.finding import Finding
from theradose.provenance import hash_package
from theradose.workflow.batch_runners import BatchEnded, Tell, open_runner
from theradose.workflow.batch_studies import BatchStudy, find_studies, order, read_batch, repeated_cycles
from theradose.workflow.batch_task import Reason, Status, StudyOutcome, StudyTask


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of the studies.

    Attributes
    ----------
    studies : tuple of BatchStudy
        All, sorted by path.
    outcomes : tuple of StudyOutcome
        Of each, in the same order.
    scheduler : str
        Where they ran.
    begun : datetime
        In UTC.
    seconds : float
        Until the last study ended, without the start and the end of workers.
    ended_by : Reason or None
        What ended the batch before all studies.
    findings : tuple of Finding
        Noticed about the batch as a whole.
    """

    studies: tuple[BatchStudy, ...]
    outcomes: tuple[StudyOutcome, ...]
    scheduler: str
    begun: datetime
    seconds: float
    ended_by: Reason | None = None
    findings: tuple[Finding, ...] = ()

    def with_status(self, *statuses: Status) -> tuple[StudyOutcome, ...]:
        """Return the outcomes of these kinds."""
        return tuple(outcome for outcome in self.outcomes if outcome.status in statuses)


def run_batch(
    given: Sequence[Path],
    *,
    scheduler: str,
    workers: int | None = None,
    retries: int = 2,
    results: Path | None = None,
    time_limit_s: float | None = None,
    on_outcome: Callable[[BatchStudy, StudyOutcome, int, int], None] | None = None,
    tell: Tell | None = None,
) -> Batch:
    """Run many studies, each as :func:`~theradose.workflow.run.run_study` runs one.

    A study that names another one as an earlier cycle runs after it. An unchanged study returns its existing run, so
    that a batch that was ended in any way continues when it is started again.

    Parameters
    ----------
    given : sequence of Path
        Study files, and folders that are searched for ``study.yaml``.
    scheduler : str
        ``none``, ``local`` or the address of a scheduler.
    workers : int, optional
        How many are started with ``local``; as many as cores and memory allow by default.
    retries : int
        How often a study whose worker was lost is begun again. A refused study never is.
    results : Path, optional
        Folder of all run folders; ``results`` beside each study by default.
    time_limit_s : float, optional
        For one study, looked at between its steps.
    on_outcome : callable, optional
        Told each outcome as it comes, how many there are and how many there will be.
    tell : callable, optional
        Told what the user should know while the batch runs.

    Raises
    ------
    StudyError
        For paths without studies and a scheduler that cannot be used; never for what is wrong with a study.
    """
    if retries < 0:
        raise StudyError(f"--retries {retries} is negative: give 0 or more.", code="option-range")
    studies = read_batch(find_studies(given))
    by_path = {study.path: study for study in studies}
    results = None if results is None else results.absolute()
    outcomes: dict[Path, StudyOutcome] = {}
    ended_by: Reason | None = None
    sources = hash_package()
    begun, seconds = datetime.now(UTC), 0.0
    try:
        with open_runner(scheduler, workers=workers, retries=retries, tell=tell or _ignore) as runner:
            begun, started = datetime.now(UTC), time.perf_counter()
            waiting = order(studies)
            while waiting.is_active():
                for path in waiting.get_ready():
                    runner.submit(StudyTask(path, results, time_limit_s, 1, sources))
                outcome = runner.next()
                outcomes[outcome.study] = outcome
                waiting.done(outcome.study)
                seconds = time.perf_counter() - started
                if on_outcome is not None:
                    on_outcome(by_path[outcome.study], outcome, len(outcomes), len(studies))
    except BatchEnded as ended:
        ended_by = Reason(ended.code, str(ended))
    except KeyboardInterrupt:
        ended_by = Reason("interrupted", "Interrupted: finished runs are kept, and the same command continues.")
    return Batch(
        studies,
        tuple(outcomes.get(study.path) or StudyOutcome(study.path, Status.NOT_RUN) for study in studies),
        scheduler,
        begun,
        seconds,
        ended_by,
        repeated_cycles(studies),
    )


def _ignore(message: str) -> None:
    """Tell nobody."""
