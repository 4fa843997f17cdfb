"""The demonstration: a digital patient with known truth through the main job."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.errors import StudyError
from theradose.model.result import Result
from theradose.simulate.write import TRUTH_FILE, simulate_study
from theradose.workflow.run import run_study

_STUDY = "study.yaml"


@dataclass(frozen=True, slots=True)
class DemoRow:
    """Truth beside result for one region."""

    region: str
    volume_ml: float
    true_tia_mbq_h: float
    tia_mbq_h: float
    u_tia_mbq_h: float
    true_dose_gy: float
    dose_gy: float
    u_dose_gy: float

    @property
    def tia_deviation(self) -> float:
        """Relative deviation of the time-integrated activity from the truth."""
        return self.tia_mbq_h / self.true_tia_mbq_h - 1

    @property
    def dose_deviation(self) -> float:
        """Relative deviation of the dose from the truth."""
        return self.dose_gy / self.true_dose_gy - 1


@dataclass(frozen=True, slots=True)
class DemoMarrow:
    """Truth beside result for red marrow from images; the truth is the mean over all spongiosa of the vertebrae."""

    volume_ml: float
    true_dose_gy: float
    dose_gy: float
    u_dose_gy: float

    @property
    def dose_deviation(self) -> float:
        """Relative deviation of the dose from the truth."""
        return self.dose_gy / self.true_dose_gy - 1


@dataclass(frozen=True, slots=True)
class Demo:
    """The demonstration's table, its marrow dose and its report."""

    rows: tuple[DemoRow, ...]
    report: Path
    marrow: DemoMarrow | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the demonstration as a JSON-compatible document."""
        names = (*DemoRow.__slots__, "tia_deviation", "dose_deviation")
        regions = [{name: getattr(row, name) for name in names} for row in self.rows]
        marrow = None
        if self.marrow is not None:
            fields = (*DemoMarrow.__slots__, "dose_deviation")
            marrow = {"image": {name: getattr(self.marrow, name) for name in fields}}
        return {"regions": regions, "marrow": marrow, "report": str(self.report)}


def run_demo(out: Path, *, seed: int, on_step: Callable[[str], None]) -> Demo:
    """Simulate a patient below `out`, run the main job on its DICOM, and compare with the truth.

    A patient of the same seed that is already there is used as it is, with whatever the user changed in its study.

    Raises
    ------
    StudyError
        If `out` cannot be made or holds something else.
    """
    if not _is_simulated(out, seed):
        on_step("simulate: digital patient")
        simulate_study(out, seed=seed)
    run = run_study(out / _STUDY, on_step=on_step)
    truth = json.loads((out / TRUTH_FILE).read_text(encoding="utf-8"))
    true_regions = {region["name"]: region for region in truth["regions"]}
    rows = [
        DemoRow(
            region.name,
            true_regions[region.name]["volume_ml"],
            true_regions[region.name]["tia_mbq_h"],
            region.tia_mbq_h.value or 0.0,
            region.tia_mbq_h.u or 0.0,
            true_regions[region.name]["dose_gy"],
            region.dose_gy.value or 0.0,
            region.dose_gy.u or 0.0,
        )
        for region in run.result.regions
        if region.name in true_regions
    ]
    return Demo(tuple(rows), run.folder / "report.pdf", _marrow(run.result, truth))


def _marrow(result: Result, truth: dict[str, Any]) -> DemoMarrow | None:
    image, true = (result.marrow or {}).get("image"), truth.get("marrow")
    if image is None or true is None:
        return None
    # Self dose beside self dose: the truth is that of the activity in spongiosa.
    dose = image["self_gy"]
    return DemoMarrow(image["volume_ml"], true["dose_gy"], dose["value"], dose["u"] or 0.0)


def _is_simulated(out: Path, seed: int) -> bool:
    if out.exists() and not out.is_dir():
        raise StudyError(f"'{out}' is a file: give a folder with --out.", code="demo-folder")
    truth = out / TRUTH_FILE
    if not truth.is_file() or not (out / _STUDY).is_file():
        return False
    if json.loads(truth.read_text(encoding="utf-8")).get("seed") != seed:
        raise StudyError(
            f"'{out.name}' holds the patient of another seed: give another folder with --out.", code="demo-folder"
        )
    return True
