"""What a worker process of our own does before its first study; dask loads it by name."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Load what computes studies, and leave an interruption of the terminal to the process that started this one."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import theradose.workflow.run  # noqa: F401
