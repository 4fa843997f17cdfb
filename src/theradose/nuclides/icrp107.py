"""The decay data of ICRP Publication 107, read from an optional package at run time.

Their terms allow education, research and not-for-profit use, so they are no part of this package. The files of
``icrp107-database`` are JSON texts inside JSON strings, with energies in MeV.

References
----------
[ICRP107]_ Nuclear decay data for dosimetric calculations.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from theradose.errors import PhysicsError

_PACKAGE = "icrp107_database"
_DISTRIBUTION = "icrp107-database"
_KEV_PER_MEV = 1e3

LICENCE = "education, research, not-for-profit"
"""Terms of the ICRP Publication 107 decay data."""

ELECTRONS = ("beta-", "beta+", "auger", "IE")
"""Groups of the package that are electrons or positrons."""

PHOTONS = ("gamma", "X", "annihilation")
"""Groups of the package that are photons."""


def icrp107_available() -> bool:
    """Return whether the optional package with the data of ICRP Publication 107 is installed."""
    return find_spec(_PACKAGE) is not None


def icrp107_edition() -> str:
    """Return the edition of the data, with the version of the package if it is installed."""
    version = f", {_DISTRIBUTION} {metadata.version(_DISTRIBUTION)}" if icrp107_available() else ""
    return f"ICRP 107 (2008){version}"


def icrp107_nuclides() -> tuple[str, ...]:
    """Return the names of the nuclides in the package, as ``Lu-177``; empty if it is not installed."""
    return tuple(sorted(path.stem for path in _folder().glob("*.json"))) if icrp107_available() else ()


@cache
def icrp107_emissions(name: str) -> dict[str, list[tuple[float, float]]]:
    """Return the emissions of a nuclide by group; do not modify them.

    Parameters
    ----------
    name : str
        As ``Lu-177``.

    Returns
    -------
    dict
        Lists of (keV, number per decay) by the group names of the package; ``b-spectra`` holds points
        (keV, betas of both signs per keV) of the tabulated spectrum.

    Raises
    ------
    PhysicsError
        If the package is not installed, or does not hold the nuclide.

    References
    ----------
    [ICRP107]_
    """
    if not icrp107_available():
        raise PhysicsError(
            f"The emissions of {name} by ICRP Publication 107 are in an optional package that is not installed: "
            f"install it with pip install 'theradose[nuclides]' (for {LICENCE} use), or use nuclear data 'ddep'.",
            code="nuclear-data-missing",
        )
    path = _folder() / f"{name}.json"
    if not path.is_file():
        raise PhysicsError(
            f"There are no 'icrp107' data for {name}: use a nuclide of ICRP Publication 107 or nuclear data 'ddep'.",
            code="nuclear-data-missing",
        )
    groups: dict[str, Any] = json.loads(json.loads(path.read_text(encoding="utf-8")))["emissions"]
    per_kev = 1 / _KEV_PER_MEV
    return {
        group: [
            (energy * _KEV_PER_MEV, number * per_kev if group == "b-spectra" else number) for energy, number in lines
        ]
        for group, lines in groups.items()
    }


def energy_per_decay_kev(name: str, groups: tuple[str, ...]) -> float:
    """Return the energy per decay in some groups of emissions (``ELECTRONS``, ``PHOTONS``, ``("alpha",)``)."""
    emissions = icrp107_emissions(name)
    return sum(energy * number for group in groups for energy, number in emissions[group])


def _folder() -> Path:
    spec = find_spec(_PACKAGE)
    assert spec is not None and spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "icrp107"
