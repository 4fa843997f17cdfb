"""The main job: from a study file to a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.dose.engines import Progress
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.result import FileResult, Result
from theradose.provenance import hash_file, software_versions
from theradose.report.document import read_result, write_result_json
from theradose.report.exporters import Publication, exporters
from theradose.report.inputs import ReportCurves, ReportImages
from theradose.spatial.averages import AIR_HU, average_volume
from theradose.spatial.overlay import aligned_pair
from theradose.spatial.registration_methods import RegistrationInput
from theradose.store.runs import (
    RESULT_DOCUMENT,
    RUN_DOCUMENT,
    find_run,
    is_writable,
    make_run_id,
    new_run,
    require_writable,
    write_json,
)
from theradose.store.steps import StepStore
from theradose.workflow.assemble import assemble_result
from theradose.workflow.biology import VoxelDoses, planar_with_meaning, repair_rates, with_meaning
from theradose.workflow.case import (
    Case,
    InputHashes,
    check_distinct,
    check_one_patient,
    hash_inputs,
    hash_run,
    open_case,
)
from theradose.workflow.cycles import check_cycles
from theradose.workflow.doses import dose_rate_maps, dose_u_map, integrate_field, region_outcomes
from theradose.workflow.earlier_runs import RESULTS_FOLDER, with_earlier_runs
from theradose.workflow.engine_maps import check_engines, engine_maps, unmapped_findings
from theradose.workflow.exports import export_maps
from theradose.workflow.marrow_image import image_marrow
from theradose.workflow.marrow_settings import image_marrow_settings
from theradose.workflow.measured_regions import measured_regions
from theradose.workflow.outcome import Outcome, TimepointOutcome
from theradose.workflow.protocol_findings import case_findings, image_findings, reading_findings
from theradose.workflow.readings import Readings, evaluate_readings
from theradose.workflow.site_reference import check_site_reference
from theradose.workflow.study_file import StudyFile, read_study
from theradose.workflow.tia_maps import reference_tia
from theradose.workflow.tissues import region_tissues, unused_findings

STEP_FOLDER = ".theradose"


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder : Path
        The immutable run folder.
    result : Result
        Its document.
    reused : bool
        Whether the folder existed already because nothing had changed.
    """

    folder: Path
    result: Result
    reused: bool


def run_study(
    study_path: Path,
    *,
    results: Path | None = None,
    engine: str | None = None,
    cross_check: str | None = None,
    on_step: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Run the main job.

    Parameters
    ----------
    study_path : Path
        ``study.yaml`` or its folder.
    results : Path, optional
        Folder of run folders; ``results`` beside the study by default.
    engine : str, optional
        Dose engine, instead of the study's.
    cross_check : str, optional
        Second engine whose map is compared with it, instead of the study's.
    on_step : callable, optional
        Told the name of each step as it starts.
    on_progress : callable, optional
        Told how far a dose engine is.

    Raises
    ------
    TheradoseError
        In one sentence, if the study or its files are incomplete or wrong. Nothing is written then except finished
        steps, which the next run uses.
    """
    return run_study_file(
        _with_engines(read_study(study_path), engine, cross_check),
        results=results,
        on_step=on_step,
        on_progress=on_progress,
    )


def run_study_file(
    study_file: StudyFile,
    *,
    results: Path | None = None,
    on_step: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Run the main job on a study in memory, whose paths are relative to the folder of its path.

    Parameters
    ----------
    study_file : StudyFile
        Study and path.
    results, on_step, on_progress
        As for :func:`run_study`.

    Raises
    ------
    TheradoseError
        As :func:`run_study`.
    """
    case = open_case(with_earlier_runs(study_file, results=results))
    study_file = case.study_file
    check_engines(case.study.dose)
    image_marrow_settings(case)
    results = results if results is not None else study_file.folder / RESULTS_FOLDER
    notify = on_step or _ignore
    notify("hash inputs")
    hashes = hash_inputs(study_file)
    check_distinct(case.study, hashes)
    check_one_patient(study_file, hashes)
    check_cycles(case)
    check_site_reference(case)
    input_hash = hash_run(case.study, hashes)
    if (existing := find_run(results, input_hash)) is not None:
        return Run(existing, read_result(existing / RESULT_DOCUMENT), reused=True)
    require_writable(results)
    home = study_file.folder if is_writable(study_file.folder) else results
    steps = StepStore(home / STEP_FOLDER, on_step=notify)
    outcome = compute(case, steps, hashes, on_progress=on_progress) if case.study.timepoints else None
    if outcome is None:
        notify("readings")
    readings = evaluate_readings(
        case, tias=_region_tias(outcome), field_of_view=None if outcome is None else outcome.whole_field
    )
    created = datetime.now(UTC)
    run_id = make_run_id(input_hash, now=created)
    with new_run(results, run_id) as folder:
        result = _write(case, outcome, readings, folder, run_id=run_id, created=created, notify=notify)
        seeds = {} if outcome is None else _seeds(outcome)
        write_json(_run_record(run_id, created, input_hash, hashes, steps, seeds), folder / RUN_DOCUMENT)
    return Run(results / run_id, result, reused=False)


def input_hashes(run_folder: Path) -> InputHashes:
    """Return the SHA-256 of the files of a finished run, by the path that its study names."""
    document: InputHashes = json.loads((run_folder / RUN_DOCUMENT).read_text(encoding="utf-8"))["inputs"]
    return document


def compute(
    case: Case,
    steps: StepStore,
    hashes: InputHashes,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Return everything that the main job computes from images, without writing a result."""
    measured = measured_regions(case, steps, hashes)
    loaded, registrations, reference = measured.loaded, measured.registrations, measured.reference
    segmentations, segmentation, density = measured.outlines.segmentations, measured.segmentation, measured.density
    times_h = {item.timepoint.id: item.activity.t_h for item in loaded}
    whole_field, remainder, field_findings = integrate_field(case, loaded, segmentations, measured.planar)
    names = [*segmentation.names, *(item.region.name for item in measured.planar_only)]
    tissues = region_tissues(case, names)
    repair = repair_rates(segmentation, tissues)
    tia, mapped = reference_tia(
        case, reference, loaded, registrations, segmentation, measured.imaged_tias, remainder, repair
    )
    maps, dosed = engine_maps(case, tia.tia, density, segmentation, steps, on_progress=on_progress)
    regions, massed = region_outcomes(case, segmentation, measured.integrated, density, maps)
    mapped_doses = VoxelDoses(maps.dose, segmentation, tia.g, repair)
    regions, meant = with_meaning(case, regions, tissues=tissues, mapped=mapped_doses)
    planar_only, meant_planar = planar_with_meaning(case, measured.planar_only, tissues=tissues)
    dose_rates, moved = dose_rate_maps(case, loaded, registrations, density, steps)
    timepoints = tuple(
        TimepointOutcome(
            item.timepoint.id,
            item.activity,
            item.record,
            item.check,
            item.ct,
            registrations[item.timepoint.id],
            segmentations[item.timepoint.id],
        )
        for item in loaded
    )
    return Outcome(
        timepoints=timepoints,
        reference_id=case.reference_id,
        density=density,
        ct=None if reference.ct is None else average_volume(reference.ct, density.grid, fill=AIR_HU),
        tia=tia.tia,
        maps=maps,
        dose_u=dose_u_map(case, tia, maps.dose, reference.activity),
        dose_rates=dose_rates,
        regions=regions,
        whole_field=whole_field,
        marrow=measured.marrow,
        planar=measured.planar.timepoints,
        planar_only=planar_only,
        findings=_distinct(
            *image_findings(case, times_h, measured.planar.times_h), *measured.findings, *field_findings, *mapped,
            *dosed, *massed, *meant, *meant_planar, *unused_findings(case, names), *moved,
            *unmapped_findings(case, [item.region.name for item in measured.planar_only]),
        ),
    )  # fmt: skip


def _write(
    case: Case,
    outcome: Outcome | None,
    readings: Readings,
    folder: Path,
    *,
    run_id: str,
    created: datetime,
    notify: Callable[[str], None],
) -> Result:
    measured = None if outcome is None else outcome.marrow
    marrow, dosed = image_marrow(case, measured, readings, _region_tias(outcome))
    imaged = outcome.findings if outcome is not None else ()
    findings = [
        *case_findings(case), *imaged, *readings.findings, *reading_findings(case.protocol, readings), *dosed
    ]  # fmt: skip
    if outcome is not None:
        notify("write maps and DICOM")
        findings += export_maps(case, outcome, folder, run_id=run_id, created=created)
    result = assemble_result(
        case,
        outcome,
        readings,
        marrow,
        findings=_distinct(*findings),
        run_id=run_id,
        created=created,
        files=_files(folder),
    )
    images = None if outcome is None else report_images(outcome)
    publication = Publication(result, images, report_curves(outcome, readings))
    for exporter in exporters:
        notify(f"write {exporter.name}")
        exporter.item(publication, folder)
    result = result.model_copy(update={"files": _files(folder)})
    write_result_json(result, folder / RESULT_DOCUMENT)
    return result


def report_images(outcome: Outcome) -> ReportImages:
    """Return the images that the report shows, all on the reference grid."""
    reference = outcome.reference
    fixed = RegistrationInput(reference.id, reference.activity, outcome.ct)
    return ReportImages(
        activity=reference.activity,
        dose=outcome.dose,
        segmentation=reference.segmentation,
        ct=outcome.ct,
        dose_rates=outcome.dose_rates,
        overlays=[
            aligned_pair(fixed, RegistrationInput(item.id, item.activity, item.ct), item.registration)
            for item in outcome.timepoints
            if item.id != outcome.reference_id
        ],
        planar=outcome.planar,
        cross_dose=outcome.maps.cross,
    )


def report_curves(outcome: Outcome | None, readings: Readings) -> ReportCurves:
    """Return the fitted curves that the report shows."""
    return ReportCurves(
        regions=_region_tias(outcome),
        field_of_view=None if outcome is None else outcome.whole_field,
        whole_body=None if readings.whole_body is None else readings.whole_body.tia,
        thyroid=None if readings.thyroid is None else readings.thyroid.tia,
        blood=None if readings.blood is None else readings.blood.tia,
        marrow=None if outcome is None or outcome.marrow is None else outcome.marrow.tia,
    )


def _region_tias(outcome: Outcome | None) -> dict[str, TimeIntegratedActivity]:
    if outcome is None:
        return {}
    imaged = {region.region.name: region.tia for region in outcome.regions}
    return imaged | {region.region.name: region.tia for region in outcome.planar_only}


def _files(folder: Path) -> tuple[FileResult, ...]:
    return tuple(
        FileResult(path=path.relative_to(folder).as_posix(), sha256=hash_file(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def _seeds(outcome: Outcome) -> dict[str, int]:
    """Return the seed of each engine that sampled."""
    maps = (outcome.maps.dose, outcome.maps.cross)
    return {item.engine: item.statistics.seed for item in maps if item is not None and item.statistics is not None}


def _run_record(
    run_id: str, created: datetime, input_hash: str, hashes: InputHashes, steps: StepStore, seeds: dict[str, int]
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "created": created.isoformat(timespec="seconds"),
        "input_hash": input_hash,
        "inputs": hashes,
        "software": software_versions(),
        "seeds": seeds,
        "steps": [
            {"name": name, "duration_s": round(duration, 3), "reused": name in steps.reused}
            for name, duration in steps.durations_s.items()
        ],
    }


def _distinct(*findings: Finding) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))


def _with_engines(study_file: StudyFile, engine: str | None, cross_check: str | None) -> StudyFile:
    chosen = {name: value for name, value in (("engine", engine), ("cross_check", cross_check)) if value is not None}
    study = study_file.study
    return StudyFile(study.model_copy(update={"dose": study.dose.model_copy(update=chosen)}), study_file.path)


def _ignore(step: str) -> None:
    """Tell nobody."""
