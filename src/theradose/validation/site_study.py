"""From a phantom file to the study that the main job runs, and to what is true of each insert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.dose.local import LOCAL, charged_dose_constant
from theradose.formats.decay import decay_factor
from theradose.model.study import Study
from theradose.nuclides import Nuclide, load_nuclide
from theradose.quantify.regions import WHOLE_FIELD
from theradose.quantify.remainder import REMAINDER
from theradose.quantify.times import hours_since
from theradose.quantify.volume import equivalent_diameter_mm
from theradose.uncertainty import Uncertain
from theradose.validation.site_phantom import Filling, Insert, SitePhantom
from theradose.workflow.study_file import StudyFile

TIMEPOINT = "spect"
SPHERE = "sphere"
# Every filling was read by the same activity meter, whose error is common to them.
_ACTIVITY_METER = "activity-meter"
_FROM_FILE = "the phantom file"


@dataclass(frozen=True, slots=True, eq=False)
class TrueInsert:
    """What is true of an insert; the dose is that of the complete physical decay after the reference time."""

    insert: Insert
    activity_mbq: Uncertain
    volume_ml: Uncertain
    concentration_mbq_ml: Uncertain
    dose_gy: Uncertain


def phantom_nuclide(phantom: SitePhantom) -> Nuclide:
    """Return the nuclide of a phantom."""
    return load_nuclide(phantom.nuclide)


def true_insert(phantom: SitePhantom, insert: Insert) -> TrueInsert:
    """Return the truth about an insert at the reference time."""
    nuclide = phantom_nuclide(phantom)
    activity = _at_reference(phantom, insert)
    volume = Uncertain.relative(insert.volume, {f"volume:{insert.region}": insert.u_volume})
    constant = charged_dose_constant(nuclide)
    dose = activity / volume * (constant / nuclide.decay_constant_per_h / phantom.density)
    return TrueInsert(insert, activity, volume, activity / volume, dose)


def true_total_mbq(phantom: SitePhantom) -> Uncertain:
    """Return everything that was filled in, at the reference time."""
    fillings: list[Filling] = list(phantom.inserts)
    if phantom.background is not None:
        fillings.append(phantom.background)
    return sum((_at_reference(phantom, filling) for filling in fillings), start=Uncertain(0.0))


def phantom_study(phantom: SitePhantom, path: Path) -> StudyFile:
    """Return the study of a phantom, with the paths of the phantom file.

    The reference time is the administration of everything that was filled in; one image and physical decay give the
    integrals. Masses come from the CT, without one from the stated density.
    """
    half_life = f"{phantom_nuclide(phantom).half_life_h.value!r} h"
    regions = [insert.region for insert in phantom.inserts]
    verified_by = phantom.performed_by or _FROM_FILE
    content: dict[str, Any] = {
        "schema_version": 1,
        "timezone": phantom.timezone,
        "therapy": "phantom",
        "administrations": [
            {
                "nuclide": phantom.nuclide,
                "activity": f"{true_total_mbq(phantom).value!r} MBq",
                "residual": "0 MBq",
                "start": phantom.reference_time,
            }
        ],
        "timepoints": [
            {
                "id": TIMEPOINT,
                "activity": phantom.image.activity,
                "ct": phantom.image.ct,
                "regions": phantom.image.regions,
            }
        ],
        "names": phantom.names,
        "drafts": [_draft(insert) for insert in phantom.inserts if insert.outline is not None],
        "verified": [{"region": name, "by": verified_by} for name in regions],
        "single_time_point": {
            "method": "madsen",
            "half_lives": dict.fromkeys((*regions, WHOLE_FIELD, REMAINDER), half_life),
            "u": "0 %",
        },
        "marrow": {"image": False},
        "dose": {"engine": LOCAL, "assumed_density": f"{phantom.density!r} g/mL"},
        "report": {"title": f"Phantom: {phantom.phantom}"},
    }
    study = Study.model_validate(content)
    (timepoint,) = study.timepoints
    # Parts that are studies' own already keep what their file states and what it leaves out.
    return StudyFile(
        study.model_copy(
            update={
                "calibration": phantom.calibration,
                "measurement_u": phantom.measurement_u,
                "timepoints": (timepoint.model_copy(update={"declare": phantom.image.declare}),),
            }
        ),
        path,
    )


def _draft(insert: Insert) -> dict[str, Any]:
    outline = insert.outline
    if outline is None:
        raise ValueError(f"'{insert.name}' has no outline")
    given: dict[str, Any] = {
        "name": insert.name,
        "kind": "other",
        "method": outline.method,
        "seed_mm": outline.seed_mm,
        "box_mm": outline.box_mm,
        "fraction": outline.fraction,
    }
    radius_mm = outline.radius
    if radius_mm is None and outline.method == SPHERE:
        radius_mm = equivalent_diameter_mm(insert.volume) / 2
    return given if radius_mm is None else {**given, "radius": f"{radius_mm!r} mm"}


def _at_reference(phantom: SitePhantom, filling: Filling) -> Uncertain:
    activity = Uncertain.relative(filling.activity, {_ACTIVITY_METER: filling.u})
    if filling.assayed_at is None:
        return activity
    elapsed_h, _ = hours_since(filling.assayed_at, phantom.reference_time, timezone=phantom.timezone)
    decay = phantom_nuclide(phantom).decay_constant_per_h
    return activity * decay_factor(decay_constant_per_h=decay, elapsed_h=elapsed_h)
