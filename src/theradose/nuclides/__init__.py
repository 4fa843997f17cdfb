"""Nuclides and constants: every number carries its source and whether that source was read.

The data are JSON files in ``data/nuclides``, one per nuclide. Half-lives and emissions are those of the
DDEP evaluations; ICRP Publication 107 is a named alternative, whose emissions come from an optional package.

References
----------
[EGSnrcLNHB]_ Decay data of the DDEP/LNHB in ENSDF format.
[ICRP107]_ Nuclear decay data for dosimetric calculations.
"""

from theradose.nuclides.chains import ChainMember, DecayChain, load_chain
from theradose.nuclides.emissions import AlphaLine, BetaBranch, ElectronLine, Emissions, load_emissions
from theradose.nuclides.icrp107 import icrp107_available
from theradose.nuclides.in_place import decays_in_place, with_retained
from theradose.nuclides.records import (
    Constant,
    NuclearData,
    Nuclide,
    PhotonLine,
    canonical_nuclide,
    load_constant,
    load_nuclide,
    nuclide_names,
)

__all__ = [
    "AlphaLine",
    "BetaBranch",
    "ChainMember",
    "Constant",
    "DecayChain",
    "ElectronLine",
    "Emissions",
    "NuclearData",
    "Nuclide",
    "PhotonLine",
    "canonical_nuclide",
    "decays_in_place",
    "icrp107_available",
    "load_chain",
    "load_constant",
    "load_emissions",
    "load_nuclide",
    "nuclide_names",
    "with_retained",
]
