"""Constancy of an instrument by a long-lived sealed source.

References
----------
[Gear2023]_ Sensitivity is set with the therapeutic nuclide and then monitored with a long-lived sealed source.
[EGSnrcLNHB]_ Half-lives of the sealed sources.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import CalibrationError, PhysicsError
from theradose.formats.decay import decay_factor
from theradose.model.calibration import ConstancyCheck
from theradose.model.counted_source import ConstancyReading
from theradose.model.finding import Finding
from theradose.nuclides import Constant, canonical_nuclide, load_nuclide
from theradose.quantify.source_factor import net_rate
from theradose.quantify.times import hours_since

_HOURS_IGNORED = "timezone-missing"


@dataclass(frozen=True, slots=True)
class ConstancyResult:
    """A reading beside what decay lets expect.

    Attributes
    ----------
    reading_cps, u_cps : float, float or None
        Net count rate and its standard uncertainty; ``None`` is not stated.
    reference : ConstancyCheck or None
        Reading that it is compared with; ``None`` if this one becomes the reference.
    expected_cps, ratio, u_ratio : float or None
        Reference after decay; reading over expectation; its standard uncertainty, ``None`` if one of both readings
        has none.
    passed : bool or None
        Whether the ratio lies within the tolerance of 1.
    """

    reading_cps: float
    u_cps: float | None
    reference: ConstancyCheck | None
    expected_cps: float | None
    ratio: float | None
    u_ratio: float | None
    passed: bool | None


def source_half_life(nuclide: str) -> Constant:
    """Return the half-life of a sealed source, in hours.

    Raises
    ------
    PhysicsError
        If the nuclide is neither among the sealed sources nor among the built-in nuclides.
    """
    sources = load_yaml("calibration.yaml")["sealed_sources"]
    letters = re.sub(r"[^0-9a-z]", "", nuclide.lower())
    for name, record in sources.items():
        symbol, mass = name.lower().split("-")
        if letters in (symbol + mass, mass + symbol):
            return Constant(f"half-life of {name}", **record)
    try:
        return load_nuclide(canonical_nuclide(nuclide)).half_life_h
    except PhysicsError:
        raise PhysicsError(
            f"'{nuclide}' is not a source known here: sealed sources are {', '.join(sources)}.", code="nuclide-unknown"
        ) from None


def source_nuclide(nuclide: str) -> str:
    """Return the name of a check source's nuclide in the usual spelling; errors are those of its half-life."""
    return source_half_life(nuclide).name.removeprefix("half-life of ")


def reference_of(checks: Sequence[ConstancyCheck], source: str) -> ConstancyCheck | None:
    """Return the last reference reading of a source."""
    return next((check for check in reversed(checks) if check.source == source and check.reference), None)


def check_constancy(
    reading: ConstancyReading,
    *,
    checks: Sequence[ConstancyCheck],
    tolerance: float,
    as_reference: bool = False,
    timezone: str | None = None,
) -> tuple[ConstancyResult, tuple[Finding, ...]]:
    """Compare a reading with the reference reading of the same source after decay.

    Parameters
    ----------
    reading : ConstancyReading
        The new reading.
    checks : sequence of ConstancyCheck
        Earlier readings of the instrument, in order.
    tolerance : float
        Largest deviation of the ratio from 1.
    as_reference : bool
        Make this reading the reference of later ones.
    timezone : str or None
        IANA zone of times without offset.

    Raises
    ------
    CalibrationError
        If the reading is older than its reference, repeats a check, or is of another nuclide than the source was.

    References
    ----------
    [Gear2023]_, [EGSnrcLNHB]_
    """
    half_life, nuclide = source_half_life(reading.nuclide), source_nuclide(reading.nuclide)
    rate = net_rate(counting=reading.counting)
    u_cps = None if reading.counting.u_counts == 0 else rate.u_net_cps
    earlier = [check for check in checks if check.source == reading.source]
    if any(check.nuclide != nuclide for check in earlier):
        raise CalibrationError(
            f"The source '{reading.source}' was {earlier[-1].nuclide} before and is {reading.nuclide} now: correct the "
            "nuclide or name the source differently.",
            code="constancy-nuclide",
        )
    moment = reading.counting.measured_at
    if any(check.measured_at == moment for check in earlier):
        raise CalibrationError(
            f"The source '{reading.source}' has a check at {moment.isoformat()} already: a check is never replaced.",
            code="constancy-twice",
        )
    reference = None if as_reference else reference_of(checks, reading.source)
    if reference is None:
        finding = Finding(
            "constancy-reference",
            "info",
            f"The reading of {rate.net_cps:.5g} cps is the reference of the source '{reading.source}': later readings "
            "are compared with it after decay.",
            reading.source,
        )
        return ConstancyResult(rate.net_cps, u_cps, None, None, None, None, None), (finding,)
    elapsed_h, noticed = hours_since(reference.measured_at, moment, timezone=timezone)
    if elapsed_h < 0:
        raise CalibrationError(
            f"The reading at {moment.isoformat()} is older than the reference of the source '{reading.source}' at "
            f"{reference.measured_at.isoformat()}: correct the time.",
            code="constancy-time",
        )
    decay_constant = math.log(2) / half_life.value
    expected = reference.reading_cps * decay_factor(decay_constant_per_h=decay_constant, elapsed_h=elapsed_h)
    ratio = rate.net_cps / expected
    u_ratio = None
    if u_cps is not None and reference.u_cps is not None:
        u_decay = decay_constant * elapsed_h * (half_life.u or 0.0) / half_life.value
        u_ratio = ratio * math.hypot(u_cps / rate.net_cps, reference.u_cps / reference.reading_cps, u_decay)
    passed = abs(ratio - 1) <= tolerance
    result = ConstancyResult(rate.net_cps, u_cps, reference, expected, ratio, u_ratio, passed)
    # An hour more or less does not matter to a long-lived source.
    kept = tuple(finding for finding in noticed if finding.code != _HOURS_IGNORED)
    return result, (*kept, *_findings(reading, result, tolerance))


def _findings(reading: ConstancyReading, result: ConstancyResult, tolerance: float) -> list[Finding]:
    findings = []
    ratio, u_ratio = result.ratio or 0.0, result.u_ratio
    if not result.passed:
        findings.append(
            Finding(
                "constancy-failed",
                "critical",
                f"The source '{reading.source}' gives {result.reading_cps:.5g} cps where {result.expected_cps:.5g} cps "
                f"are expected ({100 * (ratio - 1):+.2f} %, tolerance {tolerance:.1%}): do not use the calibration "
                "before the cause is known.",
                reading.source,
            )
        )
    if u_ratio is None:
        message = (
            f"The uncertainty of the reading or of the reference of '{reading.source}' is not stated, so that nothing "
            "says how well the ratio is known: give it with --u, or counts in a table."
        )
        findings.append(Finding("constancy-u-not-stated", "info", message, reading.source))
    elif 2 * u_ratio > tolerance:
        findings.append(
            Finding(
                "constancy-uncertain",
                "warning",
                f"The ratio of the source '{reading.source}' is known to {u_ratio / ratio:.1%} only, which cannot "
                f"judge a tolerance of {tolerance:.1%}: count longer.",
                reading.source,
            )
        )
    return findings
