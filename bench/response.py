"""How long the analysis of dose and response takes: 800 tumours of 300 patients, 10⁴ resamples, all pages.

A digital cohort in which no tumour is excluded, from its three tables to the report.

Usage: python bench/response.py [tumours] [patients]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from page import table, write_section

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LARGEST_S = 30.0


def main() -> None:
    from theradose.cohort.response.settings import default_settings
    from theradose.simulate.tumours import simulate_tumours, write_tumours
    from theradose.workflow.cohort_response import run_response, write_response

    tumours, patients = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (800, 300)
    cohort = simulate_tumours(seed=177, patients=patients, tumours=tumours, all_eligible=True)
    steps: list[tuple[str, float]] = []
    # Every tumour counts: none is too small.
    settings = replace(default_settings(), smallest_ml=1e-6, doses_gy=(76.0, 135.0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_tumours(cohort, folder)
        started, processor = time.perf_counter(), time.process_time()
        run = run_response(
            paths[0], settings=settings, volumes=paths[1], doses=paths[2],
            step=lambda text: steps.append((text, time.process_time())),
        )  # fmt: skip
        analysed = time.process_time()
        write_response(run, folder / "out", created=datetime.now(UTC))
        wall, total = time.perf_counter() - started, time.process_time() - processor
    marks = [("tables, selection", processor), *steps, ("pages and files", analysed), ("", processor + total)]
    spent = [[text, f"{after - before:.1f}"] for (text, before), (_, after) in zip(marks, marks[1:], strict=False)]
    lines = [
        f"{len(run.analysis.analysed)} tumours of {patients} patients, {settings.replicates} resamples for each grade, "
        "sum of doses and way of resampling; both sums of doses, all models, all pages. "
        f"Processor time {total:.1f} s, wall time {wall:.1f} s; at most {LARGEST_S:.0f} s are wanted.",
        "",
        *table(["step", "s of processor"], spent),
    ]
    write_section("Dose and response of a cohort", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
