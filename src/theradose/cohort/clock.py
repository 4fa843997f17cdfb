"""One clock for each patient: days since the first administration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from theradose.errors import StudyError
from theradose.model.counts import BEFORE_THERAPY, BloodCount, DoseOfCycle, Moment


@dataclass(frozen=True, slots=True)
class Clock:
    """Days since the first administration of a patient.

    Attributes
    ----------
    zero_d : float
        The first administration, on the clock of the tables.
    whole_days : bool
        Whether a date of the patient has no time of day; then all are whole days.
    cycles : tuple of str
        Names of the cycles in the order of their starts.
    start_d : tuple of float
        Their starts; the first is 0.
    """

    zero_d: float
    whole_days: bool
    cycles: tuple[str, ...]
    start_d: tuple[float, ...]

    def day(self, moment: Moment) -> float:
        """Return a moment of the patient in days."""
        return _day(moment, whole_days=self.whole_days) - self.zero_d

    def cycle_of(self, day: float, stated: str | None) -> int:
        """Return the position of the cycle a count belongs to, by the table or by its day; −1 before the first."""
        if stated is not None:
            return -1 if stated == BEFORE_THERAPY else self.cycles.index(stated)
        return sum(start < day for start in self.start_d) - 1


def patient_clock(counts: Sequence[BloodCount], doses: Sequence[DoseOfCycle]) -> Clock:
    """Return the clock of one patient.

    Raises
    ------
    StudyError
        With the row: ``count-clock`` where dates stand beside days, ``cycle-start`` for two cycles with one start,
        ``count-cycle`` for a count of a cycle that has no dose.
    """
    rows: list[DoseOfCycle | BloodCount] = [*doses, *counts]
    by_date = doses[0].moment.date is not None
    for row in rows:
        if (row.moment.date is not None) != by_date:
            raise StudyError(
                f"{row.origin.file}, line {row.origin.line}: {row.patient} has dates in one place and 't_d' in "
                "another; use one of them for all rows of a patient.",
                code="count-clock",
            )
    whole = by_date and not all(row.moment.with_time for row in rows)
    starts = {dose.cycle: _day(dose.moment, whole_days=whole) for dose in doses}
    if len(set(starts.values())) < len(starts):
        first = doses[0]
        raise StudyError(
            f"{first.origin.file}, line {first.origin.line}: two cycles of {first.patient} have one start; correct the "
            "dates.",
            code="cycle-start",
        )
    cycles = sorted(starts, key=lambda cycle: starts[cycle])
    for count in counts:
        if count.cycle not in (None, BEFORE_THERAPY, *cycles):
            raise StudyError(
                f"{count.origin.file}, line {count.origin.line}, column 'cycle': {count.patient} has no dose of cycle "
                f"{count.cycle}, only of {', '.join(cycles)}; correct it, or write {BEFORE_THERAPY} for counts before "
                "therapy.",
                code="count-cycle",
            )
    zero = starts[cycles[0]]
    return Clock(zero, whole, tuple(cycles), tuple(starts[cycle] - zero for cycle in cycles))


def _day(moment: Moment, *, whole_days: bool) -> float:
    if moment.date is None:
        assert moment.t_d is not None
        return moment.t_d
    day = float(moment.date.toordinal())
    if whole_days:
        return day
    midnight = moment.date.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment.date - midnight) / timedelta(days=1)
