"""What every plan is checked for, whichever planner made it.

References
----------
[JCGM101]_ Probabilities need a stated uncertainty.
[Theradose]_ What cannot be right is a convention.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.part import StudyPart
from theradose.model.plan import Plan, PlannedDose
from theradose.nuclides import Constant
from theradose.plan.limits import external_beam_findings
from theradose.plan.wording import source_words
from theradose.uncertainty import ADMINISTERED_ACTIVITY

# An activity planned for a limit gives it but for the last digits.
_ROUNDING = 1e-9


def plan_findings(*, plan: Plan) -> tuple[Finding, ...]:
    """Return the findings on the doses of a plan: limits exceeded, unknown probabilities, where limits come from.

    Returns
    -------
    tuple of Finding
        ``dose-above-limit`` (critical), ``cohort-dose-above-limit``, ``target-dose-not-reached``,
        ``probability-not-stated``, ``uncertainty-incomplete``, ``limit-from-external-beam``, ``limit-unverified``,
        ``constant-unverified``.

    References
    ----------
    [JCGM101]_
    """
    meter = "activity_meter_u" if plan.planner == "tare" else "u of the activity"
    return (*_dose_findings(plan.doses, meter), *_limit_findings(plan.doses), *_constant_findings(plan.constants))


def date_findings(*, given: StudyPart, today: date) -> Iterator[Finding]:
    """Yield ``date-in-future`` for every date of an input that has not come yet.

    Parameters
    ----------
    given : StudyPart
        The whole input.
    today : date
        Of the person who plans; one more day is left to other time zones.

    References
    ----------
    [Theradose]_
    """
    for place, stated in _dates(given, ""):
        if stated > today + timedelta(days=1):
            message = f"The date {stated.isoformat()} is in the future: check the year, or the clock of this computer."
            yield Finding("date-in-future", "warning", message, place)


def _dates(part: object, place: str) -> Iterator[tuple[str, date]]:
    if isinstance(part, datetime):
        yield place, part.date()
    elif isinstance(part, date):
        yield place, part
    elif isinstance(part, StudyPart):
        for key in type(part).model_fields:
            yield from _dates(getattr(part, key), f"{place}.{key}".lstrip("."))
    elif isinstance(part, (tuple, list)):
        for number, item in enumerate(part):
            yield from _dates(item, f"{place}[{number}]")
    elif isinstance(part, Mapping):
        for key, item in part.items():
            yield from _dates(item, f"{place}.{key}")


def _dose_findings(doses: tuple[PlannedDose, ...], meter: str) -> Iterator[Finding]:
    for dose in doses:
        if dose.limit is None or math.isclose(dose.dose_gy.value, dose.limit.value_gy, rel_tol=_ROUNDING):
            continue
        if dose.limit.kind == "limit" and dose.dose_gy.value > dose.limit.value_gy and dose.of_mean:
            yield Finding(
                "cohort-dose-above-limit",
                "warning",
                f"The mean of published patients, {dose.dose_gy.value:.3g} Gy ({dose.basis or dose.quantity}), is "
                f"above the limit of {dose.limit.value_gy:g} Gy ({dose.limit.name}); this patient was not measured.",
                dose.target,
            )
        elif dose.limit.kind == "limit" and dose.dose_gy.value > dose.limit.value_gy:
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
        sources = _not_stated(unknown, meter)
        yield Finding(
            "probability-not-stated",
            "warning",
            "There is no probability of exceeding a limit, because no uncertainty is known"
            f"{f' (not stated: {sources})' if sources else ''}.",
            target,
        )
    silent: dict[str, list[str]] = {}
    for target, partly in _by_target(doses, stated=True).items():
        silent.setdefault(_not_stated(partly, meter), []).append(target)
    for sources, targets in silent.items():
        yield Finding(
            "uncertainty-incomplete",
            "warning",
            f"The interval and the probabilities leave out what nobody stated: {sources}.",
            ", ".join(targets),
        )


def _not_stated(doses: Sequence[PlannedDose], meter: str) -> str:
    """Return the sources that nobody stated; that of the activity meter with the key that states it."""
    names = {name for dose in doses for name in dose.dose_gy.not_stated}
    key = f" (key: {meter})" if ADMINISTERED_ACTIVITY in names else ""
    return source_words(names) + key


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
