"""Virtual patients over several cycles: true doses per activity, measured with shared and independent errors.

The dose per activity of a kidney falls from cycle to cycle and scatters around that trend; some patients lose a kidney.
What is measured is the truth times an error of calibration (one for all), of volume (one for a kidney), and of the fit
(one for each dose), so that the planner can be held against what was really delivered.

References
----------
[Theradose]_ The numbers are illustrative and stand in ``data/simulation/cycles.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.biology.tissue import default_tissue
from theradose.data import load_yaml
from theradose.model.arrays import Array, frozen
from theradose.model.cycles import Absence
from theradose.model.limit import Limit
from theradose.plan.cycles.cycle import Cycle, CycleDose
from theradose.plan.cycles.history import mono_exponential_bed
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.probability import log_sigma
from theradose.plan.prrt.planner import PrrtRequest, plan_prrt
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ

KIDNEYS = ("left-kidney", "right-kidney")
_FILE = "simulation/cycles.yaml"
_STREAM = 7


@dataclass(frozen=True, slots=True, eq=False)
class VirtualCourse:
    """A patient whose doses are known exactly.

    Attributes
    ----------
    per_activity_gy_gbq : ndarray, shape (2, cycles)
        True dose per activity of the left and the right kidney in each cycle.
    error : ndarray, shape (2, cycles)
        Factor of what is measured.
    lost : mapping of str to Absence
        A kidney that is gone from a cycle on.
    """

    per_activity_gy_gbq: Array
    error: Array
    lost: Mapping[str, Absence]

    def __post_init__(self) -> None:
        for name in ("per_activity_gy_gbq", "error"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    def present(self, kidney: str, cycle: int) -> bool:
        """Whether the patient has a kidney in a cycle, the first of which is 1."""
        return kidney not in self.lost or cycle < self.lost[kidney].from_cycle

    def measured(self, cycle: int, activity_mbq: float) -> Cycle:
        """Return what dosimetry finds in a cycle, with its stated sources of uncertainty."""
        spec = load_yaml(_FILE)
        doses = {}
        for row, kidney in enumerate(KIDNEYS):
            if self.present(kidney, cycle):
                true = self.per_activity_gy_gbq[row, cycle - 1] * activity_mbq / MBQ_PER_GBQ
                found = _with_sources(float(true * self.error[row, cycle - 1]), kidney, spec["measurement"]["value"])
                doses[kidney] = CycleDose(found, _bed(found, kidney, spec["course"]["value"]))
        return Cycle(cycle, activity_mbq, None, doses)

    def delivered_gy(self, activities_mbq: list[float]) -> dict[str, float]:
        """Return the true dose of the kidneys that the patient still has at the end."""
        cycles = len(activities_mbq)
        given = self.per_activity_gy_gbq[:, :cycles] @ np.array(activities_mbq) / MBQ_PER_GBQ
        return {name: float(dose) for name, dose in zip(KIDNEYS, given, strict=True) if self.present(name, cycles)}


def draw_courses(patients: int, *, seed: int, changes: Mapping[str, Any] | None = None) -> tuple[VirtualCourse, ...]:
    """Draw patients; the same seed gives the same ones.

    Parameters
    ----------
    patients : int
        How many.
    seed : int
        Of the generator.
    changes : mapping, optional
        Values of ``course`` in the data file that are replaced.
    """
    spec = load_yaml(_FILE)
    course = {**spec["course"]["value"], **(changes or {})}
    rng = np.random.default_rng([seed, _STREAM])
    return tuple(_draw(rng, spec["kidneys"]["value"], course, spec["measurement"]["value"]) for _ in range(patients))


def plan_course(patient: VirtualCourse, inputs: PrrtInput, limits: tuple[Limit, ...] | None = None) -> list[float]:
    """Return the activities in MBq that the planner gives to a patient, planned anew after each measured cycle.

    The first cycle has the activity of the data file; no further cycle is given once the planner leaves none.

    Parameters
    ----------
    patient : VirtualCourse
        Known exactly, but not to the planner.
    inputs : PrrtInput
        Style and accepted probability; history, cycles left and lost kidneys are filled in.
    limits : tuple of Limit, optional
        By default those of the style.
    """
    course = load_yaml(_FILE)["course"]["value"]
    activities = [float(course["first_activity_mbq"])]
    measured = [patient.measured(1, activities[0])]
    for cycle in range(2, course["cycles"] + 1):
        lost = {kidney: absence for kidney, absence in patient.lost.items() if cycle >= absence.from_cycle}
        known = inputs.model_copy(update={"cycles_left": course["cycles"] - cycle + 1, "absent": lost})
        planned = plan_prrt(PrrtRequest(known, tuple(measured), limits)).activity_mbq
        if planned is None:
            break
        activities.append(planned.value)
        measured.append(patient.measured(cycle, planned.value))
    return activities


def _draw(
    rng: np.random.Generator, kidneys: Mapping[str, float], course: Mapping[str, Any], u: Mapping[str, float]
) -> VirtualCourse:
    cycles = course["cycles"]
    sides = (2, 1)
    level = kidneys["median_gy_gbq"] * _factor(rng, kidneys["cv"]) * _factor(rng, kidneys["side_cv"], sides)
    trend = (1 + rng.normal(course["per_cycle"], course["per_cycle_sd"])) ** np.arange(cycles)
    between = _factor(rng, course["between_cycle_cv"], (1, cycles))
    error = _factor(rng, u["calibration"]) * _factor(rng, u["volume"], sides) * _factor(rng, u["fit"], (2, cycles))
    lost = {}
    if rng.random() < course["lost_fraction"]:
        lost[str(rng.choice(KIDNEYS))] = Absence(
            from_cycle=int(rng.choice(course["lost_from_cycle"])), reason="simulated"
        )
    return VirtualCourse(level * trend * between, error, lost)


def _factor(rng: np.random.Generator, relative_u: float, shape: tuple[int, ...] = (1, 1)) -> Array:
    """Return log-normal factors with median 1."""
    return np.asarray(np.exp(rng.normal(0.0, log_sigma(relative_u), shape)))


def _with_sources(dose_gy: float, kidney: str, u: Mapping[str, float]) -> Uncertain:
    names = {"calibration": "calibration:simulated", "volume": f"volume:{kidney}", "fit": f"fit:{kidney}"}
    return Uncertain.relative(dose_gy, {names[source]: value for source, value in u.items()})


def _bed(dose_gy: Uncertain, kidney: str, course: Mapping[str, Any]) -> Uncertain | None:
    tissue = default_tissue(kidney)
    half_life = Uncertain(course["effective_half_life_h"])
    if tissue is None:
        return None
    return mono_exponential_bed(dose_gy=dose_gy, effective_half_life_h=half_life, tissue=tissue)
