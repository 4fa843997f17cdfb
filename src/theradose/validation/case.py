"""Cases as data: a published or independently computed number, and what the program must make of the same inputs.

A file of ``validation/cases`` is one group. It holds sets of cases that share everything except some inputs and the
expected number; how to add one is in ``docs/guide/validate.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from theradose.errors import StudyError

_FOLDER = "cases"
_SUFFIX = ".yaml"


class CasePart(BaseModel):
    """Base of all parts of a file of cases: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tolerance(CasePart):
    """Largest deviation that passes: relative to the expected number, or in its unit."""

    relative: Annotated[float, Field(gt=0)] | None = None
    absolute: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Tolerance:
        if (self.relative is None) == (self.absolute is None):
            raise ValueError("a tolerance is either relative or absolute")
        return self

    def in_units(self, expected: float) -> float:
        """Return the largest deviation in the unit of the expected number."""
        return self.absolute if self.absolute is not None else (self.relative or 0.0) * abs(expected)


class CaseSet(CasePart):
    """Cases of one source; each of `cases` gives `expected`, and inputs that go before the shared ones.

    `what` may name inputs in braces. A case may have its own `unit`, `tolerance` and `because`.
    """

    id: str
    quantity: str
    what: str
    unit: str
    tolerance: Tolerance | None = None
    because: str | None = None
    source: str
    reference: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    cases: tuple[dict[str, Any], ...] = Field(min_length=1)


class CaseFile(CasePart):
    """One group."""

    title: str
    sets: tuple[CaseSet, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One number.

    Attributes
    ----------
    id : str
        Set and distinguishing inputs, ``haenscheid-error/35/24``.
    group : str
        Stem of the file, ``single_time_point``.
    what : str
        Sentence for a table.
    quantity : str
        Name of the evaluator.
    inputs : mapping
        Its keyword arguments.
    expected : float
        The published number, in `unit`.
    unit : str
        ``1`` for pure numbers.
    tolerance : Tolerance
        What passes.
    because : str
        Why the tolerance is what it is.
    source : str
        Where the number stands.
    reference : str
        Key in ``references.bib``.
    """

    id: str
    group: str
    what: str
    quantity: str
    inputs: Mapping[str, Any]
    expected: float
    unit: str
    tolerance: Tolerance
    because: str
    source: str
    reference: str


def group_names() -> tuple[str, ...]:
    """Return the groups of cases in alphabetical order."""
    names = (entry.name for entry in files(__package__).joinpath(_FOLDER).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def group_title(group: str) -> str:
    """Return the name of a group for a reader."""
    return _read(group).title


def find_group(name: str) -> str:
    """Return the group that a user names, with spaces, hyphens or underscores.

    Raises
    ------
    StudyError
        ``validation-group``, with the names that are valid.
    """
    group = name.strip().lower().replace("-", "_").replace(" ", "_")
    if group not in group_names():
        valid = ", ".join(item.replace("_", "-") for item in group_names())
        raise StudyError(f"'{name}' is no group of validation cases: valid names are {valid}.", code="validation-group")
    return group


def load_cases(group: str | None = None) -> tuple[Case, ...]:
    """Return the cases of one group, or of all."""
    groups = group_names() if group is None else (group,)
    return tuple(case for name in groups for case in _cases_of(name))


@cache
def _read(group: str) -> CaseFile:
    text = files(__package__).joinpath(_FOLDER, group + _SUFFIX).read_text(encoding="utf-8")
    return CaseFile.model_validate(yaml.safe_load(text))


@cache
def _cases_of(group: str) -> tuple[Case, ...]:
    return tuple(_case(group, common, row) for common in _read(group).sets for row in common.cases)


def _case(group: str, common: CaseSet, row: Mapping[str, Any]) -> Case:
    own = dict(row)
    expected = float(own.pop("expected"))
    unit = own.pop("unit", common.unit)
    tolerance, because = own.pop("tolerance", common.tolerance), own.pop("because", common.because)
    if tolerance is None or because is None:
        raise ValueError(f"a case of '{common.id}' has no tolerance, or no reason for it")
    inputs = {**common.inputs, **own}
    return Case(
        id="/".join([common.id, *(_word(value) for value in own.values())]),
        group=group,
        what=common.what.format(**inputs),
        quantity=common.quantity,
        inputs=inputs,
        expected=expected,
        unit=unit,
        tolerance=Tolerance.model_validate(tolerance),
        because=because,
        source=common.source,
        reference=common.reference,
    )


def _word(value: Any) -> str:
    return "+".join(map(_word, value)) if isinstance(value, list) else str(value).replace(" ", "-")
