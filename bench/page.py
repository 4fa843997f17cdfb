"""The page of benchmarks: each script writes its own section, beside the machine that it ran on."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from theradose.provenance import package_version

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Measured by the scripts in `bench/` (`make bench` writes this page). A load above the number of
cores means that other work ran at the same time: wall times are then upper bounds, processor times still hold.
"""
MIB = 2**20
_LOAD_BEFORE = os.getloadavg()[0]


def write_section(title: str, lines: list[str]) -> None:
    """Replace or append one section of the page."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    _, *sections = re.split(r"(?m)^## ", text)
    bodies = {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in sections}
    bodies[title] = "\n".join([*lines, "", machine()])
    written = [f"## {name}\n\n{body}\n" for name, body in sorted(bodies.items())]
    PAGE.write_text("\n".join([HEAD, *written]), encoding="utf-8")


def table(headers: list[str], rows: list[list[str]]) -> list[str]:
    """Return a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (headers, ["---"] * len(headers), *rows)]


def machine() -> str:
    """Describe the machine in one sentence."""
    return (
        f"Machine: {_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gib():.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, theradose {package_version()}, "
        f"load {_LOAD_BEFORE:.1f} at the start and {os.getloadavg()[0]:.1f} at the end, {datetime.now(UTC):%Y-%m-%d}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
