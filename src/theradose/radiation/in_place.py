"""What is emitted where a nuclide of a study decays: its own emissions, and those of the daughters that stay.

References
----------
[Bateman1910]_ Decays of the members of a chain.
"""

from __future__ import annotations

from theradose.nuclides import (
    NuclearData,
    Nuclide,
    canonical_nuclide,
    decays_in_place,
    load_nuclide,
    nuclide_names,
)
from theradose.nuclides.records import icrp107_name
from theradose.radiation.emission import Chain, EmissionSpectra, emission_spectra


def chain_of(nuclide: Nuclide) -> Chain:
    """Return whether the daughters of a nuclide of a study count in its dose, by its record.

    Raises
    ------
    PhysicsError
        ``chain-not-stated``, as :func:`~theradose.nuclides.decays_in_place`.

    References
    ----------
    [Bateman1910]_

    Examples
    --------
    >>> chain_of(load_nuclide("Lu-177")), chain_of(load_nuclide("Ac-225"))
    ('none', 'equilibrium')
    """
    return "equilibrium" if len(decays_in_place(nuclide)) > 1 else "none"


def default_chain(name: str, *, nuclear_data: NuclearData = "ddep") -> Chain:
    """Return the chain of a nuclide where nobody states one; ``none`` for one that only ``icrp107`` has.

    Raises
    ------
    PhysicsError
        ``chain-not-stated`` for a nuclide whose daughters do not stay by themselves; ``nuclide-unknown``.

    References
    ----------
    [Bateman1910]_
    """
    known = icrp107_name(name) if nuclear_data == "icrp107" else canonical_nuclide(name)
    if known not in nuclide_names(daughters=True):
        return "none"
    return chain_of(load_nuclide(known, nuclear_data=nuclear_data))


def spectra_in_place(nuclide: Nuclide) -> EmissionSpectra:
    """Return what is emitted where a nuclide of a study decays, with the daughters that decay there.

    Raises
    ------
    PhysicsError
        ``chain-not-stated``, as :func:`~theradose.nuclides.decays_in_place`, or if data are not at hand.

    References
    ----------
    [EGSnrcLNHB]_, [ICRP107]_
    """
    return emission_spectra(
        nuclide.name, nuclear_data=nuclide.nuclear_data, chain=chain_of(nuclide), retained=dict(nuclide.retained)
    )
