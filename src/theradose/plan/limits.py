"""Limits and target doses: packaged ones by name, and those that a site states.

References
----------
[deWit2023]_ Limits of kidneys, marrow and salivary glands.
[Warfvinge2024]_ The cap of the ILUMINET trial with its tolerance.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Literal

from pydantic import ValidationError

from theradose.biology.tissue import EBRT, ebrt_caution
from theradose.data import list_data, load_yaml
from theradose.errors import PlanError
from theradose.model.finding import Finding, Severity
from theradose.model.limit import Limit, Span, StatedLimit
from theradose.spatial.naming import canonical_region, paired_regions

_FOLDER = "limits"
_NEAREST = 4


@cache
def load_limits() -> tuple[Limit, ...]:
    """Return every packaged limit and target dose, by file and in its order.

    References
    ----------
    [deWit2023]_
    """
    return tuple(
        Limit.model_validate({"name": name, **fields})
        for path in list_data(_FOLDER)
        for name, fields in load_yaml(path).items()
    )


def limit_named(name: str, *, own: Mapping[str, Limit] | None = None) -> Limit:
    """Return a limit by its name; one of the site's `own` goes before a packaged one.

    Raises
    ------
    PlanError
        ``limit-unknown``.

    References
    ----------
    [deWit2023]_
    """
    known = {limit.name: limit for limit in load_limits()} | dict(own or {})
    if name not in known:
        close = difflib.get_close_matches(name, known, n=_NEAREST, cutoff=0.3)
        nearest = f"the nearest are {', '.join(close)}, and " if close else ""
        raise PlanError(
            f"'{name}' is not a limit known here: {nearest}'theradose info' lists all {len(load_limits())}.",
            code="limit-unknown",
        )
    return known[name]


def limits_for(
    *, organ: str | None = None, therapy: str | None = None, kind: Literal["limit", "target"] | None = None
) -> tuple[Limit, ...]:
    """Return the packaged limits of an organ, a therapy or microsphere product, and a kind; ``None`` takes all.

    A limit that names no therapy holds for each.

    References
    ----------
    [deWit2023]_
    """
    return tuple(
        limit
        for limit in load_limits()
        if organ in (None, limit.organ)
        and (therapy is None or not limit.therapies or therapy in limit.therapies)
        and kind in (None, limit.kind)
    )


def limit_as_stated(stated: StatedLimit) -> Limit:
    """Return a limit that a person states, for the organ by its canonical name.

    Raises
    ------
    PlanError
        ``limits-invalid`` for an organ whose name cannot name the limit too.

    References
    ----------
    [deWit2023]_
    """
    organ = canonical_region(stated.organ).name
    try:
        return stated.model_copy(update={"organ": organ}).as_limit()
    except ValidationError:
        raise PlanError(
            f"A limit for '{stated.organ}' needs a 'name' of its own, in lower case with hyphens.",
            code="limits-invalid",
        ) from None


def resolve_limits(chosen: Sequence[str | StatedLimit], *, own: Mapping[str, Limit] | None = None) -> tuple[Limit, ...]:
    """Return the limits that an input names or states.

    Parameters
    ----------
    chosen : sequence of str or StatedLimit
        Names, or limits in full.
    own : mapping of str to Limit, optional
        Limits of a site's file by name.

    Raises
    ------
    PlanError
        ``limit-unknown``, ``limits-invalid``.

    References
    ----------
    [deWit2023]_
    """
    return tuple(limit_named(item, own=own) if isinstance(item, str) else limit_as_stated(item) for item in chosen)


def input_limit(*, organ: str, kind: Literal["limit", "target"], value_gy: float, span: Span, therapy: str) -> Limit:
    """Return an absorbed dose that the input of a planner states as limit or target.

    References
    ----------
    [deWit2023]_
    """
    return Limit(
        name=f"stated-{organ}",
        organ=organ,
        kind=kind,
        quantity="absorbed-dose",
        value_gy=value_gy,
        span=span,
        therapies=(therapy,),
        origin="radionuclide-therapy",
        source="stated by the user",
        status="stated",
    )


def external_beam_findings(limits: Iterable[Limit], *, severity: Severity = "warning") -> tuple[Finding, ...]:
    """Return the caution that goes with limits of external beam radiotherapy, one for all of them.

    References
    ----------
    [deWit2023]_
    """
    names = dict.fromkeys(limit.name for limit in limits if limit.origin == EBRT)
    if not names:
        return ()
    message = f"The experience behind {', '.join(names)} {ebrt_caution()}."
    return (Finding("limit-from-external-beam", severity, message),)


def parts_of(organ: str) -> tuple[str, ...]:
    """Return the regions for which a limit of `organ` holds one by one, the organ itself left out.

    References
    ----------
    [deWit2023]_
    """
    grouped: Mapping[str, Sequence[str]] = load_yaml("cycles.yaml")["parts"]["value"]
    return (*paired_regions().get(organ, ()), *grouped.get(organ, ()))


def limited_with(region: str) -> tuple[str, ...]:
    """Return the organs whose limits hold for a region: itself, and every whole that it is a part of.

    References
    ----------
    [deWit2023]_
    """
    wholes = dict.fromkeys(limit.organ for limit in load_limits())
    return (region, *(whole for whole in wholes if whole != region and region in parts_of(whole)))
