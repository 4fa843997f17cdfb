"""How counts of blood samples become activity: by the record of a gamma counter, or as stated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.formats.calibration_record import read_calibration_record
from theradose.formats.tables_samples import read_blood_rows
from theradose.model.finding import Finding
from theradose.model.samples import CounterCalibration, TubeCount
from theradose.model.study import CounterChoice
from theradose.nuclides import canonical_nuclide
from theradose.quantify.calibration_use import counter_calibration

_UNNAMED = "counter"


@dataclass(frozen=True, slots=True)
class StatedCounter:
    """What a user states about a counter; ``None`` is what was not stated.

    Attributes
    ----------
    record : Path or None
        Its calibration record, which holds all that follows.
    name : str or None
        Of the instrument, for budgets.
    efficiency_cps_per_mbq, relative_u, dead_time_us : float or None
        Efficiency, its relative standard uncertainty, and the dead time.
    """

    record: Path | None = None
    name: str | None = None
    efficiency_cps_per_mbq: float | None = None
    relative_u: float | None = None
    dead_time_us: float | None = None


@dataclass(frozen=True, slots=True)
class CounterWords:
    """What each part of a stated counter is called where it is stated: options of a command or keys of a study."""

    record: str
    name: str
    efficiency: str
    relative_u: str
    dead_time: str


_KEYS = CounterWords("counter.record", "counter.name", "counter.efficiency", "counter.u", "counter.dead_time")


def counter_of_choice(
    choice: CounterChoice, resolve: Callable[[str], Path], tables: Sequence[Path], *, nuclide: str
) -> tuple[CounterCalibration | None, tuple[Finding, ...]]:
    """Return how counts become activity, as the part ``counter`` of a file states it.

    Parameters
    ----------
    choice : CounterChoice
        The part of the file.
    resolve : callable
        Makes a path of the record's name.
    tables : sequence of Path
        Tables of blood samples.
    nuclide : str
        Of the samples.

    Raises
    ------
    TheradoseError
        As :func:`calibration_of_samples`.
    """
    record = None if choice.record is None else resolve(choice.record)
    stated = StatedCounter(record, choice.name, choice.efficiency, choice.u, choice.dead_time)
    return calibration_of_samples(stated, tables, nuclide=nuclide, words=_KEYS)


def calibration_of_samples(
    stated: StatedCounter, tables: Sequence[Path], *, nuclide: str, words: CounterWords
) -> tuple[CounterCalibration | None, tuple[Finding, ...]]:
    """Return how counts become activity: by a record, as stated, or not at all; and how the record fits the samples.

    Parameters
    ----------
    stated : StatedCounter
        What is known about the counter.
    tables : sequence of Path
        Tables of blood samples.
    nuclide : str
        Of the samples.
    words : CounterWords
        For refusals.

    Raises
    ------
    TheradoseError
        ``counter-option`` if something is stated that would not be used; else if the record cannot be used.
    """
    parts = {
        words.efficiency: stated.efficiency_cps_per_mbq,
        words.relative_u: stated.relative_u,
        words.dead_time: stated.dead_time_us,
        words.name: stated.name,
    }
    given = [word for word, value in parts.items() if value is not None]
    if stated.record is not None:
        if given:
            raise StudyError(
                f"'{words.record}' and '{given[0]}' are both stated, but the record holds it: keep one of the two.",
                code="counter-option",
            )
        return counter_of_samples(stated.record, tables, nuclide=nuclide)
    if stated.efficiency_cps_per_mbq is None:
        if given:
            raise StudyError(
                f"'{given[0]}' is stated without '{words.efficiency}', beside which alone it is used: state that too, "
                f"or leave '{given[0]}' out.",
                code="counter-option",
            )
        return None, ()
    calibration = CounterCalibration(
        stated.name or _UNNAMED, stated.efficiency_cps_per_mbq, stated.relative_u, stated.dead_time_us
    )
    return calibration, ()


def counter_of_samples(
    record_path: Path, tables: Sequence[Path], *, nuclide: str
) -> tuple[CounterCalibration, tuple[Finding, ...]]:
    """Return the calibration of the counter for the samples of some tables, and whether it held when they were counted.

    Parameters
    ----------
    record_path : Path
        Record of the counter.
    tables : sequence of Path
        Tables of blood samples.
    nuclide : str
        Of the samples.

    Raises
    ------
    TheradoseError
        If the record is of another instrument or nuclide, or a table cannot be read.
    """
    record = read_calibration_record(record_path)
    counted = [
        sample.measurement
        for table in tables
        for _, _, sample in read_blood_rows(table)
        if isinstance(sample.measurement, TubeCount)
    ]
    # Times with and without offset differ by hours, which does not matter to a calibration that holds for months.
    moments = sorted((tube.counted_at for tube in counted), key=lambda moment: moment.replace(tzinfo=None))
    calibration, findings = counter_calibration(record, canonical_nuclide(nuclide), moments[-1] if moments else None)
    tube_ml = record.factor.geometry.volume_ml if record.factor is not None else None
    return calibration, (*findings, *_tube_findings(counted, tube_ml, calibration.name))


def _tube_findings(counted: Sequence[TubeCount], tube_ml: float | None, name: str) -> tuple[Finding, ...]:
    tolerance = load_yaml("calibration.yaml")["tube_volume_tolerance"]["value"]
    fillings = [tube.amount for tube in counted if tube.amount_unit == "mL"]
    other = [] if tube_ml is None else [amount for amount in fillings if abs(amount / tube_ml - 1) > tolerance]
    if not other:
        return ()
    message = (
        f"{len(other)} samples are filled with {min(other):g} to {max(other):g} mL, but the counter '{name}' was "
        f"calibrated with {tube_ml:g} mL: the efficiency of a well counter depends on the filling."
    )
    return (Finding("counter-tube-differs", "warning", message),)
