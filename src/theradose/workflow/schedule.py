"""Dated visits of a protocol: hours that pass, whatever the clocks do, moved to when the department is open.

References
----------
[IANATZ]_ Local times follow the rules of the time zone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from theradose.data import load_number, load_yaml
from theradose.errors import StudyError
from theradose.model.accuracy import Accuracy
from theradose.model.finding import Finding
from theradose.model.protocol import Protocol, Visit
from theradose.quantify.times import hours_since, time_zone
from theradose.workflow.opening import Opening
from theradose.workflow.protocol_accuracy import planned_visits, simulation_setting
from theradose.workflow.protocol_expectations import accuracies
from theradose.workflow.protocols import load_protocol


@dataclass(frozen=True, slots=True)
class ScheduledVisit:
    """A visit with its date.

    Attributes
    ----------
    visit : Visit
        As the protocol plans it.
    planned, scheduled : datetime
        Time of the protocol, and time after moving it to when the department is open; local, with offset.
    earliest, latest : datetime
        Limits of the tolerance about the planned time.
    t_h : float
        Hours from the start of the administration to `scheduled`.
    reason : str
        Why it was moved; empty if it was not.
    """

    visit: Visit
    planned: datetime
    scheduled: datetime
    earliest: datetime
    latest: datetime
    t_h: float
    reason: str = ""

    @property
    def moved_h(self) -> float:
        """Hours by which the visit was moved."""
        return self.t_h - self.visit.t_h

    @property
    def within_tolerance(self) -> bool:
        """Whether the scheduled time still is the planned visit."""
        return abs(self.moved_h) <= self.visit.tolerance_h


@dataclass(frozen=True, slots=True)
class MovedAccuracy:
    """Expected accuracy of a quantity at the times of the protocol and at the scheduled ones, with equal patients.

    ``None``: the curve cannot be integrated.
    """

    quantity: str
    planned: Accuracy | None
    scheduled: Accuracy | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The dated visits of a protocol.

    Attributes
    ----------
    protocol : Protocol
        What is measured.
    start : datetime
        Start of the administration, local, with offset.
    timezone : str or None
        IANA zone; ``None`` keeps the offset of the start.
    visits : tuple of ScheduledVisit
        In order of the protocol.
    effect : tuple of MovedAccuracy
        What moving visits does; empty if none was moved.
    patients : int
        Size of the cohort behind `effect`.
    findings : tuple of Finding
        What the user must know.
    """

    protocol: Protocol
    start: datetime
    timezone: str | None
    visits: tuple[ScheduledVisit, ...]
    effect: tuple[MovedAccuracy, ...]
    patients: int
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as JSON-compatible values."""
        return {
            "protocol": self.protocol.name,
            "title": self.protocol.title,
            "time_zero": self.protocol.time_zero,
            "start": self.start.isoformat(),
            "timezone": self.timezone,
            "before": [item.model_dump(mode="json") for item in self.protocol.planning],
            "visits": [_visit_json(visit) for visit in self.visits],
            "effect": [
                {
                    "quantity": item.quantity,
                    "planned": None if item.planned is None else item.planned.model_dump(mode="json"),
                    "scheduled": None if item.scheduled is None else item.scheduled.model_dump(mode="json"),
                }
                for item in self.effect
            ],
            "patients": self.patients,
            "findings": [finding.to_json() for finding in self.findings],
        }


def schedule_protocol(
    name: str,
    *,
    start: datetime,
    timezone: str | None = None,
    opening: Opening | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Schedule:
    """Return the dated visits of a protocol.

    Hours after the administration are elapsed hours: where clocks change in between, the time of day changes too.

    Parameters
    ----------
    name : str
        Packaged protocol.
    start : datetime
        Start of the administration; without offset it is a local time of `timezone`.
    timezone : str, optional
        IANA zone of the department.
    opening : Opening, optional
        When visits to the department can start; visits on the ward are not bound by it.
    on_step : callable
        Told when the simulation of moved visits begins.

    Raises
    ------
    StudyError
        ``unknown-protocol``, ``protocol-without-visits``, ``timezone-unknown``, ``timezone-needed``,
        ``time-ambiguous``, ``time-skipped``, ``no-open-time``.
    """
    protocol = load_protocol(name)
    if not protocol.visits:
        raise StudyError(
            f"The protocol '{name}' has no visits at fixed times: choose another one of 'theradose protocols'.",
            code="protocol-without-visits",
        )
    zone, findings = _zone(start, timezone)
    begun = _instant(start, zone, timezone)
    visits = _dated(protocol, begun, zone, opening or Opening())
    if any(visit.reason for visit in visits):
        on_step("simulate the moved visits")
    effect, patients = _effect(protocol, visits)
    return Schedule(
        protocol,
        begun.astimezone(zone),
        timezone,
        visits,
        effect,
        patients,
        (*findings, *(_moved_finding(visit) for visit in visits if visit.reason)),
    )


def _zone(start: datetime, timezone: str | None) -> tuple[tzinfo, tuple[Finding, ...]]:
    if timezone is not None:
        return time_zone(timezone), ()
    if start.tzinfo is None:
        raise StudyError(
            f"{start.isoformat()} states no offset from UTC: write it as 2026-03-02T10:00+01:00, or name the time zone "
            "with --timezone Europe/Paris.",
            code="timezone-needed",
        )
    message = (
        f"All times have the offset of the start ({start:%z}), because no time zone was named: after a clock change "
        "they are wrong by one hour on the wall clock; name it with --timezone."
    )
    return start.tzinfo, (Finding("timezone-missing", "warning", message),)


def _instant(start: datetime, zone: tzinfo, timezone: str | None) -> datetime:
    """Return the start in UTC; a local time within a clock change is refused."""
    if start.tzinfo is None:
        _, findings = hours_since(start, start, timezone=timezone)
        if findings:
            happens = "occurs twice" if findings[0].code == "time-ambiguous" else "does not exist"
            raise StudyError(
                f"{start.isoformat()} {happens} in {timezone} because clocks change: write it with its offset from "
                "UTC, such as 2026-10-25T02:30+01:00.",
                code=findings[0].code,
            )
        start = start.replace(tzinfo=zone)
    return start.astimezone(UTC)


def _dated(protocol: Protocol, begun: datetime, zone: tzinfo, opening: Opening) -> tuple[ScheduledVisit, ...]:
    gap = timedelta(hours=load_number("schedule.yaml", "least_gap"))
    dated: list[ScheduledVisit] = []
    not_before = begun
    for visit in protocol.visits:
        planned = begun + timedelta(hours=visit.t_h)
        moment, reason = planned, ""
        if visit.place == "department":
            closed = opening.closed_because(planned.astimezone(zone))
            crowded = planned < not_before
            if closed is not None or crowded:
                found = opening.nearest(planned, zone=zone, not_before=not_before)
                if found is None:
                    raise _no_open_time(visit)
                moment, reason = found, closed or "after the visit before it"
            not_before = moment + gap if reason else moment
        tolerance = timedelta(hours=visit.tolerance_h)
        dated.append(
            ScheduledVisit(
                visit,
                planned.astimezone(zone),
                moment.astimezone(zone),
                max(planned - tolerance, begun).astimezone(zone),
                (planned + tolerance).astimezone(zone),
                (moment - begun).total_seconds() / 3600,
                reason,
            )
        )
    return tuple(dated)


def _no_open_time(visit: Visit) -> StudyError:
    days = load_yaml("schedule.yaml")["searched_days"]["value"]
    return StudyError(
        f"There is no open time within {days} days of the visit '{visit.id}' ({visit.t_h:g} h): open the department "
        "longer, or choose another protocol.",
        code="no-open-time",
    )


def _effect(protocol: Protocol, visits: tuple[ScheduledVisit, ...]) -> tuple[tuple[MovedAccuracy, ...], int]:
    """Simulate the protocol at both times with the same patients; a scheduled visit is kept to the minute."""
    if not any(visit.reason for visit in visits):
        return (), 0
    patients, seed = (int(simulation_setting(name)) for name in ("patients_of_schedules", "seed"))
    exact = tuple(replace(visit, tolerance_h=0.0) for visit in planned_visits(protocol))
    moved = tuple(replace(visit, t_h=dated.t_h) for visit, dated in zip(exact, visits, strict=True))
    before, after = (accuracies(protocol, times, patients=patients, seed=seed) for times in (exact, moved))
    names = dict.fromkeys((*before, *after))
    return tuple(MovedAccuracy(name, before.get(name), after.get(name)) for name in names), patients


def _moved_finding(visit: ScheduledVisit) -> Finding:
    kept = "within" if visit.within_tolerance else "outside"
    message = (
        f"Planned for {visit.planned:%Y-%m-%d %H:%M}, moved by {visit.moved_h:+.1f} h to "
        f"{visit.scheduled:%Y-%m-%d %H:%M} ({visit.reason}); that is {kept} the tolerance of "
        f"{visit.visit.tolerance_h:g} h."
    )
    return Finding("visit-moved", "info" if visit.within_tolerance else "warning", message, visit.visit.id)


def _visit_json(visit: ScheduledVisit) -> dict[str, Any]:
    return {
        "id": visit.visit.id,
        "planned_t_h": visit.visit.t_h,
        "tolerance_h": visit.visit.tolerance_h,
        "planned": visit.planned.isoformat(),
        "earliest": visit.earliest.isoformat(),
        "latest": visit.latest.isoformat(),
        "scheduled": visit.scheduled.isoformat(),
        "t_h": visit.t_h,
        "moved_h": visit.moved_h,
        "reason": visit.reason or None,
        "within_tolerance": visit.within_tolerance,
        "place": visit.visit.place,
        "measure": [item.model_dump(mode="json") for item in visit.visit.measure],
        "minutes": None if visit.visit.minutes is None else visit.visit.minutes.model_dump(mode="json"),
    }
