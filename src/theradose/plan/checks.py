"""What every plan is checked for, whichever planner made it.

References
----------
[JCGM101]_ Probabilities need a stated uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Plan, PlannedDose
from theradose.nuclides import Constant
from theradose.plan.limits import external_beam_findings
from theradose.plan.wording import source_words

# An activity planned for a limit gives it but for the last digits.
_ROUNDING = 1e-9


def plan_findings(*, plan: Plan) -> tuple[Finding, ...]:
    """Return the findings on the doses of a plan: limits exceeded, unknown probabilities, where limits come from.

    Returns
    -------
    tuple of Finding
        ``dose-above-limit`` (critical), ``target-dose-not-reached``, ``probability-not-stated``,
        ``uncertainty-incomplete``, ``limit-from-external-beam``, ``limit-unverified``, ``constant-unverified``.

    References
    ----------
    [JCGM101]_
    """
    return (*_dose_findings(plan.doses), *_limit_findings(plan.doses), *_constant_findings(plan.constants))


def _dose_findings(doses: tuple[PlannedDose, ...]) -> Iterator[Finding]:
    for dose in doses:
        if dose.limit is None or math.isclose(dose.dose_gy.value, dose.limit.value_gy, rel_tol=_ROUNDING):
            continue
        if dose.limit.kind == "limit" and dose.dose_gy.value > dose.limit.value_gy:
            yield Finding(
                "dose-above-limit",
                "critical",
                f"The best estimate of {dose.dose_gy.value:.3g} Gy ({dose.basis or dose.quantity}) is above the limit "
                f"of {dose.limit.value_gy:g} Gy ({dose.limit.name}).",
                dose.target,
            )
        lowest, words = _target(dose.limit)
        if dose.limit.kind == "target" and dose.dose_gy.value < lowest:
            yield Finding(
                "target-dose-not-reached",
                "warning",
                f"The best estimate of {dose.dose_gy.value:.3g} Gy ({dose.basis or dose.quantity}) is below the target "
                f"of {words} ({dose.limit.name}).",
                dose.target,
            )
    for target, unknown in _by_target(doses, stated=False).items():
        sources = source_words({name for dose in unknown for name in dose.dose_gy.not_stated})
        yield Finding(
            "probability-not-stated",
            "warning",
            "There is no probability of exceeding a limit, because no uncertainty is known"
            f"{f' (not stated: {sources})' if sources else ''}.",
            target,
        )
    for target, partly in _by_target(doses, stated=True).items():
        sources = source_words({name for dose in partly for name in dose.dose_gy.not_stated})
        yield Finding(
            "uncertainty-incomplete",
            "warning",
            f"The interval and the probabilities leave out what nobody stated: {sources}.",
            target,
        )


def _target(limit: Limit) -> tuple[float, str]:
    """Return the least dose that a target asks for, and the target in words: a source may print a range."""
    if limit.range_gy is None:
        return limit.value_gy, f"{limit.value_gy:g} Gy"
    lowest, highest = limit.range_gy
    return lowest, f"{lowest:g} to {highest:g} Gy"


def _by_target(doses: tuple[PlannedDose, ...], *, stated: bool) -> dict[str, list[PlannedDose]]:
    """Return the doses without any stated uncertainty, or those with some sources stated and others not."""
    found: dict[str, list[PlannedDose]] = {}
    for dose in doses:
        some = bool(dose.dose_gy.contributions)
        wanted = some and bool(dose.dose_gy.not_stated) if stated else not some and dose.limit is not None
        if wanted:
            found.setdefault(dose.target, []).append(dose)
    return found


def _limit_findings(doses: tuple[PlannedDose, ...]) -> Iterator[Finding]:
    limits: dict[str, Limit] = {dose.limit.name: dose.limit for dose in doses if dose.limit is not None}
    yield from external_beam_findings(limits.values())
    unread = [name for name, limit in limits.items() if limit.status == "unverified"]
    if unread:
        yield Finding(
            "limit-unverified", "warning", f"The source of the limit was not read by us: {', '.join(unread)}."
        )


def _constant_findings(constants: tuple[Constant, ...]) -> Iterator[Finding]:
    unread = dict.fromkeys(constant.name for constant in constants if constant.status == "unverified")
    if unread:
        yield Finding("constant-unverified", "warning", f"The source was not read by us: {'; '.join(unread)}.")
