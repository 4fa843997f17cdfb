"""What the results of all marrow methods share: doses by fit, flags, dose per activity, and a remainder that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from theradose.dose.marrow import MarrowDose
from theradose.errors import PhysicsError
from theradose.kinetics.settings import default_settings
from theradose.model.curve import CurveFit, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.samples import Treatment
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ

Result = TypeVar("Result")


def self_gy_of_fit(dose: MarrowDose, tia: TimeIntegratedActivity, fit: CurveFit) -> float:
    """Return the self dose if the points were described by this fit alone."""
    return dose.self_gy.value * fit.tia_mbq_h / tia.value.value


def dose_per_activity(dose: MarrowDose, activity_mbq: Uncertain) -> Uncertain:
    """Return the known dose per administered activity, Gy/GBq."""
    return dose.dose_gy * MBQ_PER_GBQ / activity_mbq


def result_flags(tia: TimeIntegratedActivity, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the flags of the fits that a result rests on, then the findings that limit the trust in it."""
    level = default_settings().reported_weight
    of_fits = [flag for fit in tia.fits if fit.weight >= level for flag in fit.flags]
    return tuple(dict.fromkeys([*of_fits, *(finding.code for finding in findings if finding.severity != "info")]))


@dataclass(frozen=True, slots=True, eq=False)
class TreatmentMarrow:
    """What the results of one treatment have in common, whatever was measured.

    Attributes
    ----------
    treatment : Treatment
        What is known about it.
    tia : TimeIntegratedActivity
        Integral of what was measured.
    dose : MarrowDose
        To red marrow.
    findings : tuple of Finding
        That limit the trust in it, among others.
    """

    treatment: Treatment
    tia: TimeIntegratedActivity
    dose: MarrowDose
    findings: tuple[Finding, ...]

    @property
    def dose_per_activity_gy_gbq(self) -> Uncertain | None:
        """Known dose per administered activity."""
        activity = self.treatment.administered_mbq
        return None if activity is None else dose_per_activity(self.dose, activity)

    def self_gy_of(self, fit: CurveFit) -> float:
        """Return the self dose if the points were described by this fit alone."""
        return self_gy_of_fit(self.dose, self.tia, fit)

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the fits that the result rests on, then findings that limit the trust in it."""
        return result_flags(self.tia, self.findings)


def with_whole_body_if_possible(compute: Callable[[bool], Result], *, where: str) -> tuple[Result, tuple[Finding, ...]]:
    """Return a marrow dose with the whole body, without it and with a finding if red marrow and organs hold more.

    Parameters
    ----------
    compute : callable
        Told whether the whole body is to be used.
    where : str
        Of the finding.

    Raises
    ------
    TheradoseError
        Of `compute`, except ``marrow-remainder-negative`` with the whole body.
    """
    try:
        return compute(True), ()
    except PhysicsError as error:
        if error.code != "marrow-remainder-negative":
            raise
        return compute(False), (Finding(error.code, "critical", str(error), where),)
