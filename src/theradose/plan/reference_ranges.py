"""Published doses per activity: what a further patient is expected to receive, and what is out of range.

The table and the rule by which it is pooled are data (``reference_ranges.yaml``).

References
----------
[deWit2023]_ Ranges of kidneys, salivary glands and red marrow over studies.
[Vallot2024]_ Red marrow by blood and by images.
[Theradose]_ The rule of pooling, a convention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from theradose.data import load_number, load_yaml
from theradose.model.finding import Finding
from theradose.model.protocol import Statement
from theradose.model.reference import ReferenceDose, ReferenceMethod
from theradose.plan.probability import interval
from theradose.plan.therapies import load_therapies
from theradose.spatial.naming import pair_of
from theradose.uncertainty import Uncertain

LESION = "lesion"
"""Organ of the rows of the table that are for lesions."""

RED_MARROW = "red-marrow"
MARROW_METHODS: Mapping[str, tuple[ReferenceMethod, ...]] = MappingProxyType(
    {f"{RED_MARROW}-by-blood": ("blood",), f"{RED_MARROW}-by-image": ("image", "monte-carlo")}
)
"""Names of red marrow by the way in which it was measured, with the rows of the table for it."""
_FILE = "reference_ranges.yaml"


@dataclass(frozen=True, slots=True)
class PublishedRange:
    """What the rows of one therapy, organ and method span, in Gy/GBq, with the rows themselves."""

    organ: str
    low_gy_gbq: float
    high_gy_gbq: float
    rows: tuple[ReferenceDose, ...]

    @property
    def is_average(self) -> bool:
        """Whether only one average is published, which is no range."""
        return self.low_gy_gbq == self.high_gy_gbq


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedDose:
    """Dose per activity (Gy/GBq) of a further patient: mean, spread between patients, and the rows it rests on."""

    organ: str
    dose_per_activity_gy_gbq: Uncertain
    rows: tuple[ReferenceDose, ...]


def reference_doses(
    *, therapy: str, organ: str | None = None, methods: Sequence[ReferenceMethod] = ()
) -> tuple[ReferenceDose, ...]:
    """Return the rows of a therapy, for one organ and by some methods where that is asked for.

    Parameters
    ----------
    therapy : str
        Key of ``therapies.yaml``; one without rows gives none.
    organ : str, optional
        Canonical name; a side of a paired organ stands for the pair, whose rows hold for each side.
    methods : sequence of str, optional
        All without it.

    References
    ----------
    [deWit2023]_
    """
    wanted = None if organ is None else pair_of(organ)
    return tuple(
        row
        for row in _table()
        if row.therapy == therapy and wanted in (None, row.organ) and (not methods or row.method in methods)
    )


def pooling_statement() -> Statement:
    """Return the rule by which rows are pooled.

    References
    ----------
    [Theradose]_
    """
    return Statement.model_validate({key: load_yaml(_FILE)["pooling"][key] for key in ("text", "source", "status")})


def published_range(*, therapy: str, organ: str, methods: Sequence[ReferenceMethod] = ()) -> PublishedRange | None:
    """Return the range of the published doses per activity; ``None`` where nothing is published.

    Parameters
    ----------
    therapy, organ, methods
        As in :func:`reference_doses`.

    References
    ----------
    [Theradose]_ The rule stands under ``pooling`` in the table.
    """
    rows = [row for row in reference_doses(therapy=therapy, organ=organ, methods=methods) if row.per_gbq is not None]
    if not rows:
        return None
    spans = [_span_gy_gbq(row) for row in rows]
    return PublishedRange(pair_of(organ), min(low for low, _ in spans), max(high for _, high in spans), tuple(rows))


def expected_dose(*, therapy: str, organ: str, methods: Sequence[ReferenceMethod] = ()) -> ExpectedDose | None:
    """Return the dose per activity that a further patient is expected to receive.

    Its uncertainty has one source, the spread between patients, which all cycles of a patient share. ``None`` if no
    row has a mean and a number.

    Parameters
    ----------
    therapy, organ, methods
        As in :func:`reference_doses`.

    References
    ----------
    [Theradose]_ The rule stands under ``pooling`` in the table.
    """
    rows = [
        row
        for row in reference_doses(therapy=therapy, organ=organ, methods=methods)
        if None not in (row.per_gbq, row.mean, row.n) and not row.same_patients and not row.subgroup
    ]
    if not rows:
        return None
    name = f"patients:{pair_of(organ)}"
    with_spread = [row for row in rows if row.sd is not None]
    used = with_spread or rows
    mean = _weighted(used, [_scaled(row, row.mean) for row in used])
    spread = None
    if with_spread:
        within = _weighted(used, [_scaled(row, row.sd) ** 2 for row in used])
        between = _weighted(used, [(_scaled(row, row.mean) - mean) ** 2 for row in used])
        spread = math.sqrt(within + between)
    return ExpectedDose(pair_of(organ), Uncertain(mean).with_contribution(name, spread), tuple(used))


def plausibility_findings(
    *,
    therapy: str | None,
    organ: str,
    dose_per_activity_gy_gbq: float,
    methods: Sequence[ReferenceMethod] = (),
    where: str = "",
) -> tuple[Finding, ...]:
    """Return what the published doses say against a dose per activity.

    Parameters
    ----------
    therapy, organ, methods
        As in :func:`reference_doses`; without published doses nothing is said.
    dose_per_activity_gy_gbq : float
        Gy per GBq administered.
    where : str
        Region of the finding, `organ` by default.

    Returns
    -------
    tuple of Finding
        ``dose-implausible`` if the number cannot be and is a dose per cycle instead; ``dose-outside-reference`` beyond
        the range times the factor of the table.

    References
    ----------
    [deWit2023]_
    """
    reference = None if therapy is None else published_range(therapy=therapy, organ=organ, methods=methods)
    if therapy is None or reference is None or not math.isfinite(dose_per_activity_gy_gbq):
        return ()
    factor = load_number(_FILE, "outside_factor")
    given, low, high = dose_per_activity_gy_gbq, reference.low_gy_gbq, reference.high_gy_gbq
    place = where or organ
    # The doses of lesions spread so widely that almost any number would fit as one per cycle.
    label = None if reference.organ == LESION else load_therapies()[therapy].label
    highest = _highest_plausible(therapy, reference.organ) or factor * high
    if label is not None and given > highest and low <= given / label.activity_gbq <= high:
        return (
            Finding(
                "dose-implausible",
                "critical",
                f"{given:.3g} Gy/GBq looks like Gy per cycle: divided by the {label.activity_gbq:g} GBq of a cycle it "
                f"is {given / label.activity_gbq:.3g} Gy/GBq, and published are {_span_words(reference)}.",
                place,
            ),
        )
    if low / factor <= given <= high * factor:
        return ()
    return (
        Finding(
            "dose-outside-reference",
            "warning",
            f"{given:.3g} Gy/GBq is outside {factor:g} times what is published, {_span_words(reference)} "
            f"(rows of the table: {len(reference.rows)}).",
            place,
        ),
    )


def _span_words(reference: PublishedRange) -> str:
    if reference.is_average:
        return f"on average {reference.low_gy_gbq:.2g} Gy/GBq"
    return f"{reference.low_gy_gbq:.2g} to {reference.high_gy_gbq:.2g} Gy/GBq"


@cache
def _table() -> tuple[ReferenceDose, ...]:
    return tuple(ReferenceDose.model_validate(row) for row in load_yaml(_FILE)["rows"])


def _highest_plausible(therapy: str, organ: str) -> float | None:
    entries: list[dict[str, Any]] = load_yaml(_FILE)["plausible"]
    stated = [entry for entry in entries if entry["organ"] == organ and therapy in entry["therapies"]]
    return float(stated[0]["range"][1]) if stated else None


def _scaled(row: ReferenceDose, value: float | None) -> float:
    """Return a number of a row in Gy/GBq."""
    return (value or 0.0) * (row.per_gbq or 0.0)


def _span_gy_gbq(row: ReferenceDose) -> tuple[float, float]:
    if row.range is not None:
        return _scaled(row, row.range[0]), _scaled(row, row.range[1])
    average = _scaled(row, row.mean if row.mean is not None else row.median)
    if row.sd is None:
        return average, average
    return interval(Uncertain(average, {"patients": _scaled(row, row.sd)}), of_mean=True) or (average, average)


def _weighted(rows: Sequence[ReferenceDose], values: Sequence[float]) -> float:
    return math.fsum((row.n or 0) * value for row, value in zip(rows, values, strict=True)) / sum(
        row.n or 0 for row in rows
    )
