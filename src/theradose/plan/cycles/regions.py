"""Which regions a limit holds for: sides of a pair, parts, and of several methods one.

References
----------
[deWit2023]_ The limits.
[Vallot2024]_ Marrow by blood and by image.
"""

from __future__ import annotations

from collections.abc import Sequence

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.numbers import words
from theradose.plan.cycles.accumulation import Accumulation
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.limits import parts_of


def methods_of(organ: str) -> tuple[str, ...]:
    """Return the names under which an organ stands by the method that measured it, the one of its limits first.

    References
    ----------
    [Vallot2024]_, [deWit2023]_
    """
    return tuple(load_yaml("cycles.yaml")["methods"]["value"].get(organ, ()))


def regions_of_limit(organ: str, ledger: Ledger) -> tuple[str, ...]:
    """Return the measured regions that a limit holds for: the parts that are there, else the whole.

    References
    ----------
    [deWit2023]_
    """
    there = [region for region in ledger.regions if ledger.present(region)]
    if methods := methods_of(organ):
        return tuple(method for method in methods if method in there)[:1]
    parts = tuple(part for part in parts_of(organ) if part in there)
    return parts or ((organ,) if organ in there else ())


def regions_beside_limit(organ: str, ledger: Ledger) -> tuple[str, ...]:
    """Return the measured regions that are the organ by a method for which its limits do not bind.

    References
    ----------
    [Vallot2024]_, [deWit2023]_
    """
    bound = regions_of_limit(organ, ledger)
    there = (region for region in methods_of(organ) if region in ledger.regions and ledger.present(region))
    return tuple(region for region in there if region not in bound)


def method_findings(compared: Sequence[Accumulation]) -> tuple[Finding, ...]:
    """Return where a limit is compared with a dose by another method than its own (``limit-by-other-method``).

    References
    ----------
    [Vallot2024]_, [deWit2023]_
    """
    return tuple(
        Finding(
            "limit-by-other-method",
            "warning",
            f"The limit '{item.limit.name}' comes from doses as of the {words(methods_of(item.limit.organ)[0])}, of "
            f"which there are none here: it is compared with the {words(item.region)}, for which it was not set, "
            "and may be far too low or too high.",
            item.region,
        )
        for item in compared
        if item.region in methods_of(item.limit.organ)[2:]
    )
