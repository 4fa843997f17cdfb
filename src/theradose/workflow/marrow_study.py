"""Only the image-based marrow dose of a study."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.errors import GeometryError, StudyError
from theradose.model.finding import Finding
from theradose.store.runs import is_writable
from theradose.store.steps import StepStore
from theradose.workflow.case import Case, InputHashes, check_distinct, check_one_patient, hash_inputs, open_case
from theradose.workflow.earlier_runs import with_earlier_runs
from theradose.workflow.marrow_image import ImageMarrow, image_marrow
from theradose.workflow.marrow_image_document import image_marrow_document
from theradose.workflow.marrow_settings import image_marrow_settings
from theradose.workflow.measured_regions import measured_regions
from theradose.workflow.readings import evaluate_readings
from theradose.workflow.study_file import read_study

_STEP_FOLDER = ".theradose"


@dataclass(frozen=True, slots=True, eq=False)
class MarrowOfStudy:
    """The image-based marrow dose of a study with what was noticed on the way."""

    nuclide: str
    marrow: ImageMarrow
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document described in ``docs/formats/marrow.md``."""
        return {
            "nuclide": self.nuclide,
            "image": image_marrow_document(self.marrow),
            "findings": [finding.to_json() for finding in self.findings],
        }


def marrow_of_study(study_path: Path, *, on_step: Callable[[str], None] | None = None) -> MarrowOfStudy:
    """Compute the image-based marrow dose of a study, and nothing that it does not need.

    Steps are shared with the main job: what one of them computed, the other reads.

    Parameters
    ----------
    study_path : Path
        ``study.yaml`` or its folder.
    on_step : callable, optional
        Told the name of each step as it starts.

    Raises
    ------
    TheradoseError
        In one sentence, also where the main job would only note that there is no marrow dose.
    """
    study_file = with_earlier_runs(read_study(study_path))
    case = open_case(study_file)
    image_marrow_settings(case)
    hashes = hash_inputs(study_file)
    check_distinct(case.study, hashes)
    check_one_patient(study_file, hashes)
    if not case.study.timepoints:
        raise StudyError(
            f"'{study_file.path.name}' names no image, so that there is no marrow dose from images: add 'timepoints'.",
            code="missing-timepoints",
        )
    with tempfile.TemporaryDirectory(prefix="theradose-") as spare:
        home = study_file.folder if is_writable(study_file.folder) else Path(spare)
        return _compute(case, StepStore(home / _STEP_FOLDER, on_step=on_step), hashes)


def _compute(case: Case, steps: StepStore, hashes: InputHashes) -> MarrowOfStudy:
    measured = measured_regions(case, steps, hashes)
    readings = evaluate_readings(case, tias=measured.tias, field_of_view=None)
    marrow, dosed = image_marrow(case, measured.marrow, readings, measured.tias)
    if marrow is None:
        refused = [finding for finding in (*measured.findings, *dosed) if finding.code.startswith("marrow-")]
        reason = (
            refused[-1].message
            if refused
            else (
                "No vertebrae are outlined: outline l2-vertebra, l3-vertebra and l4-vertebra, or name others under "
                "'marrow: {sites: …}'."
            )
        )
        raise GeometryError(reason, code="marrow-not-computed")
    every = (*measured.findings, *readings.findings, *dosed)
    return MarrowOfStudy(case.nuclide.name, marrow, tuple(dict.fromkeys(every)))
