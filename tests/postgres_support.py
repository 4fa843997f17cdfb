"""A PostgreSQL server of its own for one test session, where the server and its driver are installed."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
INSTALLED = find_spec("psycopg") is not None and PROGRAMS is not None


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the URL of a server that listens on loopback only and keeps its data in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="theradose-", ignore_cleanup_errors=True) as name:
        yield from _served(Path(name))


def _served(folder: Path) -> Iterator[str]:
    # The server refuses to run as root: Debian makes a user for it.
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [PROGRAMS / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=folder,
            user=None if user is None else user.pw_uid, group=None if user is None else user.pw_gid,
        )  # fmt: skip

    data = str(folder / "data")
    call("initdb", "-D", data, "-A", "trust", "-U", "theradose")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder}"
    call("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://theradose@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
