"""Time and memory of the main job on the demonstration's patient, in whole and by part.

The whole is the command as a user runs it; the parts come from a second run in a process that notes when each
function of the workflow starts and ends. Both start without stored steps.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from page import MIB, table, write_section

LIMIT_S, LIMIT_GIB, LIMIT_HELP_S = 60, 3, 0.5
# Functions that the main job calls, by the part that they belong to.
PARTS = {
    "read and quantify": ("hash_inputs", "load_timepoints"),
    "register": ("align_timepoints",),
    "outline": ("segment_timepoints",),
    "fit": ("recovery_curve", "integrate_regions", "integrate_field"),
    "blood and probe": ("evaluate_readings",),
    "marrow on images": ("measure_marrow", "image_marrow"),
    "dose": ("reference_density", "engine_maps", "region_outcomes", "dose_rate_maps"),
    "maps and DICOM": ("export_maps",),
    "pictures of the report": ("report_images",),
}
SEED = 177


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder)
        wall_s, cpu_s, peak_mib = run_command(folder, "run", folder)
        for stored in (".theradose", "results"):
            subprocess.run(["rm", "-r", folder / stored], check=True)
        parts = json.loads(subprocess.check_output([sys.executable, __file__, "--parts", folder], text=True))
        again_s, _, _ = run_command(folder, "run", folder)
    help_s = statistics.median(run_command(Path.cwd(), "--help")[0] for _ in range(5))
    rows = [
        ["main job, wall time", f"{wall_s:.1f} s", f"{LIMIT_S} s"],
        ["main job, processor time", f"{cpu_s:.1f} s", ""],
        ["main job, peak memory", f"{peak_mib / 1024:.2f} GiB", f"{LIMIT_GIB} GiB"],
        ["unchanged run again", f"{again_s:.2f} s", ""],
        ["`theradose --help`, median of 5", f"{help_s:.2f} s", f"{LIMIT_HELP_S} s"],
    ]
    by_part = [[part, f"{wall:.2f} s", f"{cpu:.2f} s"] for part, (wall, cpu) in parts.items()]
    write_section(
        "Main job",
        [
            "Digital patient of the demonstration: four time points of SPECT and CT, 13 regions, blood and probe.",
            "",
            *table(["what", "measured", "limit"], rows),
            "",
            *table(["part", "wall time", "processor time"], by_part),
        ],
    )
    print(*[" ".join(row) for row in rows + by_part], sep="\n")


def simulate(folder: Path) -> None:
    """Write the patient in a process of its own, so that its memory does not count."""
    code = "import pathlib, sys; from theradose.simulate.write import simulate_study as write; "
    code += f"write(pathlib.Path(sys.argv[1]), seed={SEED})"
    subprocess.run([sys.executable, "-c", code, folder], check=True)


def run_command(folder: Path, *arguments: object) -> tuple[float, float, float]:
    """Return wall time, processor time in s and peak memory in MiB of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "theradose", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if status:
        raise SystemExit(f"theradose {' '.join(map(str, arguments))} failed")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MIB


def time_parts(folder: Path) -> dict[str, tuple[float, float]]:
    """Run the main job here and return wall and processor time of each part."""
    begun = time.perf_counter(), time.process_time()
    from theradose.report.exporters import exporters
    from theradose.workflow import measured_regions, run

    spent = {"imports": (time.perf_counter() - begun[0], time.process_time() - begun[1])}

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*args, **options)
            finally:
                before = spent.get(part, (0.0, 0.0))
                spent[part] = before[0] + time.perf_counter() - wall, before[1] + time.process_time() - cpu

        return call

    for part, names in PARTS.items():
        for name in names:
            caller = run if hasattr(run, name) else measured_regions
            setattr(caller, name, timed(part, getattr(caller, name)))
    for entry in exporters:
        object.__setattr__(entry, "item", timed(f"write {entry.name}", entry.item))
    run.run_study(folder)
    measured = [sum(times) for times in zip(*spent.values(), strict=True)]
    whole = time.perf_counter() - begun[0], time.process_time() - begun[1]
    spent["everything else"] = whole[0] - measured[0], whole[1] - measured[1]
    return spent


if __name__ == "__main__":
    if sys.argv[1:2] == ["--parts"]:
        print(json.dumps(time_parts(Path(sys.argv[2]))))
    else:
        main()
