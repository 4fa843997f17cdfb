"""The record of a gamma counter for tables of blood samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theradose.data import load_yaml
from theradose.formats.calibration_record import read_calibration_record
from theradose.formats.tables_samples import read_blood_rows
from theradose.model.finding import Finding
from theradose.model.samples import CounterCalibration, TubeCount
from theradose.nuclides import canonical_nuclide
from theradose.quantify.calibration_use import counter_calibration


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
