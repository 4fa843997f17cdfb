"""Which daughters of a nuclide of a study decay where it does.

References
----------
[Bateman1910]_ Decays of the members of a chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from theradose.errors import PhysicsError
from theradose.nuclides.chains import load_chain
from theradose.nuclides.records import Nuclide, canonical_nuclide, chain_in_place


def decays_in_place(nuclide: Nuclide) -> dict[str, float]:
    """Return the decays that happen where a nuclide decays, per decay of it, when all of its chain decays.

    Its own is 1. Daughters count if the record says that they decay in place (``chain_in_place``), or by the fractions
    of `nuclide.retained`; most nuclides of therapy have none. The half-life of the parent alone sets the number of its
    decays, so that the integral over time of its activity times these numbers counts all decays of the daughters.

    Raises
    ------
    PhysicsError
        ``chain-not-stated`` if the daughters have time to leave and nobody states which part of them stays.

    Examples
    --------
    >>> decays_in_place(load_nuclide("Lu-177"))
    {'Lu-177': 1.0}
    """
    convention = chain_in_place(nuclide.name)
    if convention is None:
        return {nuclide.name: 1.0}
    chain = load_chain(nuclide.name)
    retained = dict(nuclide.retained)
    first = [chain.members[path[-1]].nuclide for path, _ in chain.paths if len(path) == 2]
    missing = [name for name in first if name not in retained]
    if not convention.value and missing:
        raise PhysicsError(
            f"{', '.join(missing)} does not stay where {nuclide.name} decays, and its decays carry most of the energy: "
            f"state the fraction that stays in the study, 'dose: {{retained: {{{missing[0]}: 0.1}}}}', or count "
            f"{nuclide.name} alone with 0 or '--chain none', and the dose of {missing[0]} where it goes.",
            code="chain-not-stated",
        )
    return chain.time_integrated(retained=retained)


def with_retained(nuclide: Nuclide, fractions: Mapping[str, float]) -> Nuclide:
    """Return a nuclide with the fractions of its daughters' decays that happen where it decays.

    Parameters
    ----------
    nuclide : Nuclide
        The parent.
    fractions : mapping of str to float
        By daughter; where one is not named it decays where its mother does.

    Raises
    ------
    PhysicsError
        If a name is no daughter, or a fraction is not possible.
    """
    if not fractions:
        return nuclide
    load_chain(nuclide.name).time_integrated(retained=fractions)
    return replace(nuclide, retained=tuple((canonical_nuclide(name), value) for name, value in fractions.items()))
