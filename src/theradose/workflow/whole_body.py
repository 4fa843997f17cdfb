"""Time-integrated activity of the whole body from probe readings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from theradose.acquire.probe import read_probe
from theradose.kinetics.integrate import integrate_curve
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.model.samples import ProbeCurve
from theradose.nuclides import Nuclide
from theradose.quantify.whole_body import ProbeOptions, probe_curve


@dataclass(frozen=True, slots=True, eq=False)
class WholeBodyByProbe:
    """What probe readings say about the whole body."""

    probe: ProbeCurve
    tia: TimeIntegratedActivity
    findings: tuple[Finding, ...]


def whole_body_by_probe(path: Path, *, nuclide: Nuclide, options: ProbeOptions) -> WholeBodyByProbe:
    """Read probe readings and integrate the activity in the whole body.

    Raises
    ------
    TheradoseError
        One sentence with line and column for the first reading that cannot be used.
    """
    probe, measured = probe_curve(read_probe(path), nuclide=nuclide, options=options)
    tia, fitted = integrate_curve(probe.curve, nuclide=nuclide, infusion_h=options.infusion_h)
    return WholeBodyByProbe(probe, tia, (*measured, *fitted))
