"""The study file that a schedule begins with: what the protocol knows, and ``null  # needed`` for the rest."""

from __future__ import annotations

from typing import Any

import yaml

from theradose.acquire.study_draft import StudyDraft
from theradose.kinetics.single_time_point import single_time_point_methods
from theradose.model.protocol import MeasurementKind, Visit
from theradose.model.study import Study
from theradose.nuclides import load_nuclide
from theradose.provenance import package_version
from theradose.workflow.schedule import Schedule, ScheduledVisit


def starter_study(schedule: Schedule) -> str:
    """Return the text of ``study.yaml`` for a schedule.

    What was not measured yet is not filled in: neither the planned start of the administration nor planned times of
    images are taken for actual ones. Tables are named as :mod:`theradose.workflow.schedule_files` writes them.
    """
    protocol, draft = schedule.protocol, StudyDraft()
    draft.text(f"# Written by theradose {package_version()} for the protocol {protocol.name}, before the treatment.")
    draft.text("# A value marked 'needed' must be filled in before 'theradose run'.")
    draft.text("schema_version: 1")
    if schedule.timezone is None:
        draft.absent("", "timezone", "not stated: IANA name, as Europe/Paris")
    else:
        draft.text(f"timezone: {schedule.timezone}")
    draft.text("patient:")
    for key in ("id", "sex", "weight", "height"):
        draft.absent("  ", key, "not stated")
    draft.text(f"therapy: {protocol.therapy}")
    draft.text(f"protocol: {protocol.name}")
    draft.absent("", "cycle", "not stated")
    draft.text("administrations:")
    draft.text(f"  - nuclide: {protocol.nuclide}")
    given = "of the test activity, as 5 MBq" if protocol.time_zero == "tracer" else "measured, as 7.4 GBq"
    draft.needed("    ", "activity", f"activity {given}", path="")
    draft.absent("    ", "residual", "not stated")
    draft.needed("    ", "start", f"actual date and time; {schedule.start.isoformat()} was planned", path="")
    draft.absent("    ", "duration", "not stated")
    if protocol.image_visits:
        _write_timepoints(draft, schedule)
        _write_single_time_point(draft, schedule)
    _write_readings(draft, schedule)
    text = "\n".join(draft.lines) + "\n"
    Study.model_validate(yaml.safe_load(text))
    return text


def _write_readings(draft: StudyDraft, schedule: Schedule) -> None:
    """Name the tables; they are refused until they are filled in."""
    visits = schedule.protocol.visits
    if any(_measures(visit, MeasurementKind.PROBE) for visit in visits):
        draft.text("probe: probe.csv  # to be filled in")
    if any(_measures(visit, MeasurementKind.BLOOD) for visit in visits):
        draft.text("blood: blood.csv  # to be filled in")
        draft.text("counter:")
        draft.needed("  ", "efficiency", "of the gamma counter for this nuclide and tube, as 500 cps/kBq", path="")
        draft.absent("  ", "u", "its relative standard uncertainty, as 2 %")
        draft.absent("  ", "dead_time", "not stated")
    if any(_measures(visit, MeasurementKind.THYROID_UPTAKE) for visit in visits):
        draft.text("uptake: uptake.csv  # to be filled in")
        draft.text("thyroid:")
        draft.needed("  ", "mass", "of the thyroid, as 25 g; without it there is no dose", path="")
        draft.absent("  ", "u", "its relative standard uncertainty, as 15 %")


def _write_timepoints(draft: StudyDraft, schedule: Schedule) -> None:
    draft.needed("", "calibration", "{camera: …, sensitivity: … cps/MBq, u: … %}, unless the values are Bq/mL", path="")
    draft.text("timepoints:")
    first = True
    for visit in schedule.visits:
        planned = f"planned {_when(visit)}"
        imaged = visit.visit in schedule.protocol.image_visits
        if imaged:
            draft.text(f"  - id: {visit.visit.id}")
            draft.needed("    ", "activity", f"file or folder of the image, {planned}", path="")
            draft.absent("    ", "ct", "file or folder, if there is one")
            if first:
                draft.needed("    ", "regions", "an RTSTRUCT or SEG at one time point, or 'drafts'", path="")
            else:
                draft.absent("    ", "regions", "not stated")
            first = False
        if _measures(visit.visit, MeasurementKind.PLANAR):
            # Planar images are a time point of their own, also beside a SPECT/CT of the same visit.
            draft.text(f"  - id: {visit.visit.id}{'-planar' if imaged else ''}")
            draft.needed("    ", "planar", f"file or folder of the anterior and posterior view, {planned}", path="")


def _write_single_time_point(draft: StudyDraft, schedule: Schedule) -> None:
    """Write the method for protocols with one image, with the half-lives where physics knows them."""
    used = [result for result in schedule.protocol.yields if result.method in single_time_point_methods]
    if not used:
        return
    draft.text("single_time_point:")
    draft.text(f"  method: {used[0].method}")
    if used[0].half_life == "physical":
        half_life = load_nuclide(str(schedule.protocol.nuclide)).half_life_h.value
        listed = ", ".join(f"{result.quantity}: {half_life:.6g} h" for result in used)
        draft.text(f"  half_lives: {{{listed}}}  # physical decay alone; add each region")
        draft.text("  u: 0 %")
    else:
        draft.text(
            "  half_lives: {}  # effective half-life of each region, as {kidneys: 51 h}, of a population or cycle"
        )
        draft.absent("  ", "u", "their relative standard uncertainty, as 20 %")


def _measures(visit: Visit, kind: MeasurementKind) -> bool:
    return any(item.kind is kind for item in visit.measure)


def _when(visit: ScheduledVisit) -> Any:
    return f"{visit.scheduled:%Y-%m-%d %H:%M} ({visit.t_h:.4g} h)"
