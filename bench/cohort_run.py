"""Many patient-cycles with one and two workers, beside a loop over `theradose run` in a shell.

Virtual patients of two cycles, whose organs and lesions are drawn as for the coverage of uncertainties, in small images
that count as aligned. A study so small takes a second or two, so that whatever a batch costs beside the studies weighs
most here. The second cycle names the study of the first one as its earlier cycle.

Usage: python bench/cohort_run.py [cycles]      (200 by default; the page is written for these alone)
"""

from __future__ import annotations

import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from page import table, write_section
from scipy import ndimage

from theradose.data import load_yaml
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.simulate.cohort import COHORT, TrueObject, draw_object
from theradose.simulate.solids import paint

CYCLES, LOOPED = 200, 10
GRID = Grid.axis_aligned((32, 40, 52), (8.0, 8.0, 8.0), (-204.0, -156.0, -124.0))
# Kind of region and place in LPS mm; nothing overlaps.
PLACES = {
    "liver": ("liver", (-80.0, -40.0, 30.0)), "spleen": ("spleen", (110.0, 50.0, 50.0)),
    "left-kidney": ("kidney", (70.0, 60.0, -60.0)), "right-kidney": ("kidney", (-70.0, 80.0, -90.0)),
    "lesion-1": ("lesion", (0.0, -90.0, -90.0)), "lesion-2": ("lesion", (130.0, -90.0, 0.0)),
}  # fmt: skip
STARTS = (datetime(2026, 1, 5, 10, 0), datetime(2026, 3, 2, 10, 0))
COUNTS_PER_MBQ, FWHM_MM = 2000.0, 8.0
REQUIRED_RATIO = 1.7


def main() -> None:
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cohort"
        begun = time.perf_counter()
        for number in range(cycles // 2):
            write_patient(folder / f"p{number:03d}", number)
        made_s = time.perf_counter() - begun
        batches = {workers: run_batch(folder, Path(name) / f"out-{workers}", workers) for workers in (1, 2)}
        loop_s, loop_cpu_s = run_loop(sorted(folder.glob("*/cycle-1"))[: min(LOOPED, cycles // 2)])
        same = doses(Path(name) / "out-1") == doses(Path(name) / "out-2")
    one, two = batches[1], batches[2]
    ratio = two.per_hour / one.per_hour
    rows = [
        [f"{workers} worker{'s' * (workers > 1)}", f"{batch.per_hour:.0f}", f"{batch.seconds:.1f} s",
         f"{batch.command_s - batch.seconds:.1f} s", f"{batch.study_cpu_s:.2f} s", f"{batch.peak_mib:.0f} MiB",
         f"{batch.per_hour / one.per_hour:.2f}"]
        for workers, batch in batches.items()
    ]  # fmt: skip
    rows.append(
        ["shell loop", f"{3600 / loop_s:.0f}", "", "", f"{loop_cpu_s:.2f} s", "", f"{one.study_s / loop_s:.2f}"]
    )
    headers = ["what", "studies per hour", "all studies", "beside the studies", "processor time of a study",
               "peak memory of a worker", "throughput over one worker"]  # fmt: skip
    lines = [
        f"{cycles} cycles of {cycles // 2} virtual patients, four images of {' × '.join(map(str, GRID.shape))} voxels, "
        f"{len(PLACES)} regions, report and all files; made in {made_s:.0f} s. The shell loop is `theradose run` on "
        f"{min(LOOPED, cycles // 2)} of them.",
        "",
        *table(headers, rows),
        "",
        f"Two workers over one: {ratio:.2f} (required: {REQUIRED_RATIO}). A batch adds {1000 * one.overhead_s:.0f} ms "
        f"to a study of {one.study_s:.2f} s. The doses of both are {'identical' if same else 'DIFFERENT'}.",
    ]
    print("\n".join(lines))
    if cycles == CYCLES:
        write_section("Cohorts", lines)
    if not same:
        raise SystemExit("the doses of one and two workers differ")


@dataclass(frozen=True)
class Measured:
    """One batch."""

    command_s: float
    document: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Time from the first study to the last."""
        return float(self.document["seconds"])

    @property
    def per_hour(self) -> float:
        """Throughput without the start of workers."""
        return 3600 * len(self.document["studies"]) / self.seconds

    @property
    def study_s(self) -> float:
        """Mean time of a study."""
        return float(np.mean([study["seconds"] for study in self.document["studies"]]))

    @property
    def study_cpu_s(self) -> float:
        """Mean processor time of a study."""
        return float(np.mean([study["processor_s"] for study in self.document["studies"]]))

    @property
    def overhead_s(self) -> float:
        """Time of the batch that is none of a study, per study; of one worker."""
        return self.seconds / len(self.document["studies"]) - self.study_s

    @property
    def peak_mib(self) -> float:
        """Most memory of a worker."""
        return max(worker["peak_memory_mib"] for worker in self.document["workers"])


def run_batch(folder: Path, out: Path, workers: int) -> Measured:
    """Run all studies without anything of an earlier run."""
    forget(folder)
    begun = time.perf_counter()
    command = ["cohort", "run", folder, "--workers", workers, "--json", "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "theradose", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    measured = Measured(time.perf_counter() - begun, json.loads(done.stdout))
    if done.returncode:
        raise SystemExit(f"theradose cohort run ended with {done.returncode}")
    return measured


def run_loop(studies: list[Path]) -> tuple[float, float]:
    """Return wall and processor time of a study in a loop over the command."""
    for study in studies:
        forget(study)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for study in studies:
        subprocess.run([sys.executable, "-m", "theradose", "run", str(study)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (time.perf_counter() - begun) / len(studies), cpu_s / len(studies)


def forget(folder: Path) -> None:
    """Remove results and stored steps."""
    for stored in ("results", ".theradose"):
        for place in list(folder.rglob(stored)):
            shutil.rmtree(place)


def doses(out: Path) -> list[dict[str, str]]:
    """Return the table of doses without the names of runs."""
    with (out / "tables" / "doses.csv").open(encoding="utf-8", newline="") as stream:
        return [{key: value for key, value in row.items() if key != "run_id"} for row in csv.DictReader(stream)]


def write_patient(folder: Path, number: int) -> None:
    """Write both cycles of a patient."""
    spec = load_yaml(COHORT)
    kinds = {item["name"]: item for item in spec["regions"]}
    rng = np.random.default_rng(number)
    objects = {name: draw_object(kinds[kind], spec, rng) for name, (kind, _) in PLACES.items()}
    labels = np.zeros(GRID.shape, np.uint8)
    for label, (name, (_, place)) in enumerate(PLACES.items(), start=1):
        paint(labels, GRID, objects[name].solid.shifted(place), label)
    for cycle, start in enumerate(STARTS, start=1):
        write_cycle(folder / f"cycle-{cycle}", number, cycle, start, objects, labels, spec, rng)


def write_cycle(
    folder: Path,
    number: int,
    cycle: int,
    start: datetime,
    objects: dict[str, TrueObject],
    labels: np.ndarray,
    spec: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    """Write the images and the study of a cycle."""
    folder.mkdir(parents=True)
    write_nifti(Volume(labels, GRID), folder / "labels.nii.gz")
    voxels = np.bincount(labels.ravel(), minlength=len(PLACES) + 1)
    sigma = FWHM_MM / 2.355 / GRID.spacing_mm[0]
    timepoints = []
    for t_h in spec["schedule_h"]:
        inside = [objects[name].curve.activity_mbq(t_h) / max(voxels[label], 1) for label, name in enumerate(PLACES, 1)]
        expected = ndimage.gaussian_filter(np.array([0.0, *map(float, inside)])[labels], sigma) * COUNTS_PER_MBQ
        values = rng.poisson(expected) / COUNTS_PER_MBQ * 1e6 / GRID.voxel_volume_ml
        write_nifti(Volume(values.astype(np.float32), GRID), folder / f"tp{t_h}.nii")
        moment = (start + timedelta(hours=t_h)).isoformat()
        declared = {"unit": "Bq/mL", "decay_reference": moment, "acquired_at": moment, "frame_duration": "20 min",
                    "nuclide": spec["nuclide"]}  # fmt: skip
        timepoints.append({"id": f"tp{t_h}", "activity": f"tp{t_h}.nii", "declare": declared})
    timepoints[1]["regions"] = "labels.nii.gz"
    activity = f"{spec['administered_mbq']} MBq"
    study: dict[str, Any] = {
        "schema_version": 1,
        "timezone": "Europe/Paris",
        "patient": {"id": f"V{number:03d}"},
        "therapy": "lu177-dotatate",
        "cycle": cycle,
        "administrations": [
            {"nuclide": spec["nuclide"], "activity": activity, "residual": "0 MBq", "start": start.isoformat()}
        ],
        "calibration": {"camera": "virtual", "resolution": f"{FWHM_MM:g} mm"},
        "timepoints": timepoints,
        "names": {name: [str(label)] for label, name in enumerate(PLACES, start=1)},
        "registration": {"method": "identity"},
    }
    if cycle > 1:
        study["previous_cycles"] = [{"cycle": cycle - 1, "activity": activity, "result": f"../cycle-{cycle - 1}"}]
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
