"""Where a study deviates from its protocol, and what it takes from the protocol instead of stating it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from theradose.dose.energy import emitted_energy, energy_findings
from theradose.model.finding import Finding
from theradose.model.protocol import MeasurementKind, Protocol, Visit
from theradose.workflow.case import Case
from theradose.workflow.readings import Readings

_IMAGES = frozenset(kind for kind in MeasurementKind if kind.is_emission_image)


def case_findings(case: Case) -> tuple[Finding, ...]:
    """Return what concerns the whole study, with images or without."""
    findings = []
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
    return (*findings, *energy_findings(emitted_energy(case.nuclide)))


def image_findings(case: Case, times_h: Mapping[str, float], planar_h: Mapping[str, float]) -> tuple[Finding, ...]:
    """Return what the images of a study say about its protocol.

    Parameters
    ----------
    case : Case
        The study with its protocol.
    times_h : mapping of str to float
        Hours after the start of the administration of each time point, by its id.
    planar_h : mapping of str to float
        The same of planar time points.
    """
    findings = []
    wanted, found = case.protocol.minimum_timepoints, len(times_h) + len(planar_h)
    if found < wanted:
        findings.append(
            Finding(
                "fewer-timepoints-than-protocol",
                "warning",
                f"The protocol {case.protocol.name} expects at least {wanted} time points, but there are {found}.",
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
    return (
        *findings,
        *visit_findings(case.protocol, times_h, kinds=_IMAGES),
        *visit_findings(case.protocol, planar_h, kinds=frozenset({MeasurementKind.PLANAR})),
    )


def reading_findings(protocol: Protocol, readings: Readings) -> tuple[Finding, ...]:
    """Return a finding for each probe reading, blood sample and uptake outside the tolerance of its visit."""
    curves = {
        MeasurementKind.PROBE: None if readings.whole_body is None else readings.whole_body.probe.curve,
        MeasurementKind.BLOOD: None if readings.blood is None else readings.blood.curve.curve,
        MeasurementKind.THYROID_UPTAKE: None if readings.thyroid is None else readings.thyroid.uptake.curve,
    }
    findings: list[Finding] = []
    for kind, curve in curves.items():
        if curve is not None:
            times_h = {f"{kind.value} at {t_h:.4g} h": float(t_h) for t_h in curve.t_h}
            findings += visit_findings(protocol, times_h, kinds=frozenset({kind}))
    return tuple(findings)


def visit_findings(
    protocol: Protocol, times_h: Mapping[str, float], *, kinds: frozenset[MeasurementKind]
) -> tuple[Finding, ...]:
    """Return a finding for each measurement outside the tolerance of the visit that it stands for.

    Each measurement stands for one visit at most, so that all together deviate as little as possible in relation to
    the tolerances; measurements beyond the number of visits are additional ones.

    Parameters
    ----------
    protocol : Protocol
        Gives the visits.
    times_h : mapping of str to float
        Hours after the start of the administration, by the name of the measurement.
    kinds : frozenset of MeasurementKind
        What was measured.
    """
    visits = [visit for visit in protocol.visits if any(item.kind in kinds for item in visit.measure)]
    names = list(times_h)
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
        f"The protocol {protocol.name} plans {visit.t_h:g} ± {visit.tolerance_h:g} h, but the measurement was made "
        f"{t_h:.4g} h after the start of the administration: the expected uncertainty of the protocol does not hold, "
        "that of the fit does."
    )
    return Finding("visit-outside-tolerance", "warning", message, name)
