"""The demonstration: a digital patient with known truth through the main job."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.errors import StudyError
from theradose.model.result import Result
from theradose.report.readings import MARROW_METHODS
from theradose.simulate.write import TRUTH_FILE, simulate_study
from theradose.workflow.readings import RED_MARROW_BY_BLOOD
from theradose.workflow.run import run_study

_STUDY = "study.yaml"


@dataclass(frozen=True, slots=True)
class DemoRow:
    """Truth beside result for one region or reading; ``None`` is what it does not have."""

    region: str
    volume_ml: float | None
    true_tia_mbq_h: float | None
    tia_mbq_h: float | None
    u_tia_mbq_h: float | None
    true_dose_gy: float | None
    dose_gy: float | None
    u_dose_gy: float | None

    @property
    def tia_deviation(self) -> float | None:
        """Relative deviation of the time-integrated activity from the truth."""
        return _deviation(self.tia_mbq_h, self.true_tia_mbq_h)

    @property
    def dose_deviation(self) -> float | None:
        """Relative deviation of the dose from the truth."""
        return _deviation(self.dose_gy, self.true_dose_gy)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demonstration's table and its report."""

    rows: tuple[DemoRow, ...]
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Return the demonstration as a JSON-compatible document."""
        names = (*DemoRow.__slots__, "tia_deviation", "dose_deviation")
        regions = [{name: getattr(row, name) for name in names} for row in self.rows]
        return {"regions": regions, "report": str(self.report)}


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
            region.tia_mbq_h.value,
            region.tia_mbq_h.u,
            true_regions[region.name]["dose_gy"],
            region.dose_gy.value,
            region.dose_gy.u,
        )
        for region in run.result.regions
        if region.name in true_regions
    ]
    return Demo((*rows, *_reading_rows(run.result, truth)), run.folder / "report.pdf")


def _reading_rows(result: Result, truth: Mapping[str, Any]) -> list[DemoRow]:
    rows = []
    body, marrow = result.whole_body, result.marrow or {}
    blood, image = marrow.get("blood"), marrow.get("image")
    if body is not None and body.excreted_fraction is not None:
        true_tia = truth["whole_body"]["tia_mbq_h"]
        rows.append(DemoRow(body.scope, None, true_tia, body.tia_mbq_h.value, body.tia_mbq_h.u, None, None, None))
    if blood is not None:
        dose = blood["dose_gy"]
        true_dose = truth["blood"]["marrow_dose_gy"]
        rows.append(DemoRow(RED_MARROW_BY_BLOOD, None, None, None, None, true_dose, dose["value"], dose["u"]))
    if image is not None:
        # Self dose beside self dose: the truth is that of the activity in the spongiosa of the same vertebrae.
        dose, true = image["self_gy"], truth["marrow"]
        name = f"{MARROW_METHODS['image']}, self"
        rows.append(DemoRow(name, true["volume_ml"], None, None, None, true["dose_gy"], dose["value"], dose["u"]))
    return rows


def _deviation(found: float | None, true: float | None) -> float | None:
    return None if found is None or true is None else found / true - 1


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
