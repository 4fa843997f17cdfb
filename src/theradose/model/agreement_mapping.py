"""How the table of another program is read: its columns, their units, and its names of regions and patients."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from theradose.model.part import StudyPart

UNITS_OF_QUANTITIES = {
    "dose_gy": "Gy",
    "dose_per_activity_gy_gbq": "Gy/GBq",
    "tia_mbq_h": "MBq h",
    "tiac_h": "h",
    "effective_half_life_h": "h",
    "volume_ml": "mL",
    "mass_g": "g",
    "bed_gy": "Gy",
    "eqd2_gy": "Gy",
    "extrapolated_fraction": "1",
}
"""What can be compared, in the units used inside."""


def _factor(value: float) -> float:
    if value == 0 or not math.isfinite(value):
        raise ValueError("a factor is a finite number other than 0")
    return value


def _own_spellings(names: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    owner: dict[str, str] = {}
    for name, spellings in names.items():
        for spelling in spellings:
            if owner.setdefault(spelling, name) != name:
                raise ValueError(f"'{spelling}' is given to '{owner[spelling]}' and to '{name}': leave one of them out")
    return names


Spellings = Annotated[dict[str, tuple[str, ...]], AfterValidator(_own_spellings)]
"""Our names to the spellings of a table; a spelling has one name."""


class MappedColumn(StudyPart):
    """A column of numbers: its unit, and what it is multiplied by besides."""

    column: str
    unit: str
    factor: Annotated[float, AfterValidator(_factor)] = 1.0


class MappedColumns(StudyPart):
    """Where everything is; the units of `tia_mbq_h` are activity times time, as ``MBq h`` or ``GBq s``."""

    patient: str
    region: str
    cycle: str | None = None
    dose_gy: MappedColumn | None = None
    dose_per_activity_gy_gbq: MappedColumn | None = None
    tia_mbq_h: MappedColumn | None = None
    tiac_h: MappedColumn | None = None
    effective_half_life_h: MappedColumn | None = None
    volume_ml: MappedColumn | None = None
    mass_g: MappedColumn | None = None
    bed_gy: MappedColumn | None = None
    eqd2_gy: MappedColumn | None = None
    extrapolated_fraction: MappedColumn | None = None

    def numbers(self) -> dict[str, MappedColumn]:
        """Return the columns of numbers by quantity."""
        found: dict[str, Any] = {name: getattr(self, name) for name in UNITS_OF_QUANTITIES}
        return {name: column for name, column in found.items() if column is not None}


class AgreementMapping(StudyPart):
    """A table of another program.

    `name` is what the method is called, `separator` stands between columns and `decimal` in numbers. Without a column
    of cycles all rows are of `cycle`. `regions` and `patients` map our names to the spellings of the table, and
    `missing` lists texts that stand for no value.
    """

    schema_version: Literal[1]
    name: str | None = None
    separator: Literal[",", ";", "\t"] = ","
    decimal: Literal[".", ","] = "."
    columns: MappedColumns
    cycle: int = Field(default=1, ge=1)
    regions: Spellings = Field(default_factory=dict)
    patients: Spellings = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
