"""Where a study deviates from its protocol, and what it takes from the protocol instead of stating it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from theradose.model.finding import Finding
from theradose.model.protocol import Protocol, Visit
from theradose.workflow.case import Case


def protocol_findings(case: Case, times_h: Mapping[str, float]) -> tuple[Finding, ...]:
    """Return what a case and its measured times say about its protocol.

    Parameters
    ----------
    case : Case
        The study with its protocol.
    times_h : mapping of str to float
        Hours after the start of the administration of each time point, by its id.
    """
    return (*_case_findings(case), *visit_findings(case.protocol, times_h))


def visit_findings(protocol: Protocol, times_h: Mapping[str, float]) -> tuple[Finding, ...]:
    """Return a finding for each time point outside the tolerance of the visit that it stands for.

    Each time point stands for one visit at most, so that all together deviate as little as possible in relation to the
    tolerances; time points beyond the number of visits are additional ones.
    """
    visits, names = protocol.image_visits, list(times_h)
    if not visits or not names:
        return ()
    deviations = np.array([[(times_h[name] - visit.t_h) / visit.tolerance_h for visit in visits] for name in names])
    pairs = zip(*linear_sum_assignment(np.abs(deviations)), strict=True)
    return tuple(
        _outside(protocol, visits[column], names[row], times_h[names[row]])
        for row, column in pairs
        if abs(deviations[row, column]) > 1
    )


def _outside(protocol: Protocol, visit: Visit, name: str, t_h: float) -> Finding:
    message = (
        f"The protocol {protocol.name} plans {visit.t_h:g} ± {visit.tolerance_h:g} h, but the image was acquired "
        f"{t_h:.4g} h after the start of the administration: the expected uncertainty of the protocol does not hold, "
        "that of the fit does."
    )
    return Finding("visit-outside-tolerance", "warning", message, name)


def _case_findings(case: Case) -> list[Finding]:
    findings = []
    count, wanted = len(case.study.timepoints), case.protocol.minimum_timepoints
    if count < wanted:
        findings.append(
            Finding(
                "fewer-timepoints-than-protocol",
                "warning",
                f"The protocol {case.protocol.name} expects at least {wanted} time points, but there are {count}.",
            )
        )
    if case.protocol.nuclide not in (None, case.nuclide.name):
        findings.append(
            Finding(
                "protocol-nuclide",
                "warning",
                f"The protocol {case.protocol.name} is for {case.protocol.nuclide}, but {case.nuclide.name} was given.",
            )
        )
    if any(administration.residual is None for administration in case.study.administrations):
        findings.append(
            Finding(
                "residual-not-stated",
                "info",
                "The residual activity is not stated: the measured activity counts as given in full.",
            )
        )
    if case.study.measurement_u is None:
        assumed = case.protocol.measurement_relative_u
        findings.append(
            Finding(
                "measurement-u-assumed",
                "info",
                f"The repeatability of one measurement is assumed to be {assumed.value:.0%} ({case.protocol.name}).",
            )
        )
    return findings
