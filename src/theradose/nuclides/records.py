"""Records of nuclides and constants, and the names by which they are found.

References
----------
[EGSnrcLNHB]_ Decay data of the DDEP/LNHB in ENSDF format.
[ICRP107]_ Nuclear decay data for dosimetric calculations.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from theradose.data import list_data, load_json, load_yaml
from theradose.errors import PhysicsError
from theradose.nuclides.icrp107 import (
    ELECTRONS,
    PHOTONS,
    energy_per_decay_kev,
    icrp107_edition,
    icrp107_emissions,
    icrp107_nuclides,
)

NuclearData = Literal["ddep", "icrp107"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A physical constant with its origin.

    Attributes
    ----------
    name : str
        What it is, for tables (``half-life of Lu-177``).
    value : float
        The number, in `unit`.
    unit : str
        Its unit.
    source : str
        Where the number was read, and how it was summed if it was.
    status : {"verified", "unverified", "choice"}
        Whether the source was read; ``choice`` for a convention of this program.
    edition : str
        Edition or date of the source.
    u : float or None
        Standard uncertainty in `unit`; ``None`` is not stated.
    """

    name: str
    value: float
    unit: str
    source: str
    status: str
    edition: str
    u: float | None = None


@dataclass(frozen=True, slots=True)
class PhotonLine:
    """A photon line; groups of neighbouring X-ray lines are one line at their mean energy.

    Attributes
    ----------
    energy_kev : float
        Photon energy.
    intensity : float
        Photons per decay.
    kind : {"gamma", "x-ray", "annihilation"}
        Origin.
    """

    energy_kev: float
    intensity: float
    kind: str


@dataclass(frozen=True, slots=True)
class Nuclide:
    """A radionuclide.

    Attributes
    ----------
    name : str
        As ``Lu-177``.
    half_life_h : Constant
        Always of the DDEP evaluation.
    electron_energy_kev : Constant
        Mean energy per decay of beta particles (of both signs), conversion and Auger electrons.
    photon_energy_kev : Constant
        Mean energy per decay of gamma, X and annihilation photons.
    alpha_energy_kev : Constant or None
        Mean energy per decay of alpha particles without recoil; ``None`` where there are none.
    photon_lines : tuple of PhotonLine
        Main lines; empty where the chosen evaluation's lines are not built in.
    decay_mode : str
        ``alpha``, ``beta-minus``, ``beta-plus``, ``electron-capture`` or ``isomeric-transition``: the main one.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the energies.
    codes : tuple of str
        SNOMED CT and SNOMED RT codes of DICOM context groups 18 and 4020.
    retained : tuple of (str, float)
        For daughters the fraction of their decays that happen where the nuclide decays, as a study states it with
        :func:`~theradose.nuclides.with_retained`.
    """

    name: str
    half_life_h: Constant
    electron_energy_kev: Constant
    photon_energy_kev: Constant
    photon_lines: tuple[PhotonLine, ...]
    decay_mode: str
    nuclear_data: NuclearData
    codes: tuple[str, ...]
    alpha_energy_kev: Constant | None = None
    retained: tuple[tuple[str, float], ...] = ()

    @property
    def decay_constant_per_h(self) -> float:
        """Physical decay constant."""
        return math.log(2) / self.half_life_h.value


def nuclide_names(*, daughters: bool = False) -> tuple[str, ...]:
    """Return the names of the nuclides that are built in.

    Parameters
    ----------
    daughters : bool
        Whether to list also those that are there as members of a decay chain only.
    """
    return tuple(name for name, record in _records().items() if daughters or record["role"] != "daughter")


@cache
def load_nuclide(name: str, *, nuclear_data: NuclearData = "ddep") -> Nuclide:
    """Return a nuclide.

    Parameters
    ----------
    name : str
        In any spelling that :func:`canonical_nuclide` reads.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the energies per decay. The half-life is the DDEP one in both.

    Raises
    ------
    PhysicsError
        If the nuclide is not built in, or not in the chosen evaluation.

    Examples
    --------
    >>> load_nuclide("Lu-177").half_life_h.value
    159.528
    """
    canonical = canonical_nuclide(name)
    record = _records()[canonical]
    if nuclear_data == "icrp107" and nuclear_data not in record["evaluations"]:
        energies, lines = _energies_of_icrp107(canonical), []
    else:
        _, evaluation = evaluation_of(canonical, nuclear_data)
        energies, lines = evaluation, evaluation["photon_lines"]
    alpha = energies.get("alpha_energy_kev")
    return Nuclide(
        name=canonical,
        half_life_h=Constant(f"half-life of {canonical}", **record["half_life_h"]),
        electron_energy_kev=Constant(
            f"mean electron energy per decay of {canonical}", **energies["electron_energy_kev"]
        ),
        photon_energy_kev=Constant(f"mean photon energy per decay of {canonical}", **energies["photon_energy_kev"]),
        alpha_energy_kev=Constant(f"mean alpha energy per decay of {canonical}", **alpha) if alpha else None,
        photon_lines=tuple(PhotonLine(**line) for line in lines),
        decay_mode=record["decay_mode"],
        nuclear_data=nuclear_data,
        codes=tuple(record["codes"]),
    )


def evaluation_of(name: str, nuclear_data: NuclearData) -> tuple[str, dict[str, Any]]:
    """Return the name of a nuclide and its record in an evaluation; do not modify it.

    Raises
    ------
    PhysicsError
        If the nuclide is not built in, or not in that evaluation.
    """
    canonical = canonical_nuclide(name)
    evaluations = _records()[canonical]["evaluations"]
    if nuclear_data not in evaluations:
        available = [other for other in nuclide_names() if nuclear_data in _records()[other]["evaluations"]]
        raise PhysicsError(
            f"There are no '{nuclear_data}' data for {canonical}, only {', '.join(evaluations)}; "
            f"'{nuclear_data}' is available for {', '.join(available) or 'no nuclide'}.",
            code="nuclear-data-missing",
        )
    return canonical, evaluations[nuclear_data]


def decays_of(name: str) -> tuple[dict[str, Any], ...]:
    """Return mode, daughter and branching of each decay of a built-in nuclide; do not modify them."""
    return tuple(_records()[canonical_nuclide(name)]["decays"])


def chain_in_place(name: str) -> Constant | None:
    """Return whether the daughters of a built-in nuclide decay where it does, 1 or 0, ``None`` if it has none here."""
    record = _records()[canonical_nuclide(name)].get("chain_in_place")
    if record is None:
        return None
    stated = {**record, "value": float(record["value"])}
    return Constant(f"daughters of {canonical_nuclide(name)} decay in place", unit="1", **stated)


def icrp107_name(name: str) -> str:
    """Return the name under which ICRP Publication 107 lists a nuclide, built in here or not."""
    stripped = name.strip()
    return stripped if stripped in icrp107_nuclides() else canonical_nuclide(name)


def mass_number(name: str) -> int:
    """Return the mass number in a canonical name."""
    return int(name.split("-")[1].rstrip("m"))


@cache
def canonical_nuclide(text: str) -> str:
    """Return the name of a nuclide, as ``Lu-177``, from any common spelling or code.

    Mass number and element (symbol or English name) are read in either order and may be repeated, as in the
    DICOM code meaning ``F^18^[^18^Fluorine]``; SNOMED CT and SNOMED RT codes are read too. An isomer is
    another nuclide: ``Tc-99`` is not ``Tc-99m``.

    Raises
    ------
    PhysicsError
        If the text names no nuclide that is built in.

    Examples
    --------
    >>> canonical_nuclide("^177^Lutetium")
    'Lu-177'
    """
    letters_and_digits = re.sub(r"[^0-9a-z]", "", text.lower())
    for name, record in _records().items():
        if text.strip() in record["codes"]:
            return name
        symbol, mass = name.lower().split("-")
        element = "|".join([*record["element_names"], symbol])
        names_both = mass in letters_and_digits and re.search(element, letters_and_digits)
        if names_both and re.fullmatch(f"(?:{mass}|{element})+", letters_and_digits):
            return name
    raise PhysicsError(
        f"'{text}' is not a nuclide known here: valid names are {', '.join(nuclide_names())}.",
        code="nuclide-unknown",
    )


@cache
def load_constant(name: str) -> Constant:
    """Return a constant that belongs to no nuclide, by its name in ``data/constants.yaml``.

    Raises
    ------
    PhysicsError
        If there is no constant of that name.
    """
    constants = load_yaml("constants.yaml")
    if name not in constants:
        raise PhysicsError(
            f"There is no constant '{name}': the constants are {', '.join(constants)}.", code="constant-unknown"
        )
    return Constant(name, **constants[name])


@cache
def _records() -> dict[str, dict[str, Any]]:
    """All nuclide files, in alphabetical order."""
    records = [load_json(name) for name in list_data("nuclides")]
    return {str(record["name"]): record for record in records}


def _energies_of_icrp107(name: str) -> dict[str, Any]:
    """The energies per decay by the optional package, in the form of a record."""
    sums = {"electron_energy_kev": ELECTRONS, "photon_energy_kev": PHOTONS}
    if icrp107_emissions(name)["alpha"]:
        sums["alpha_energy_kev"] = ("alpha",)
    return {
        quantity: {
            "value": energy_per_decay_kev(name, groups),
            "unit": "keV",
            "source": "Sum over the emissions of ICRP Publication 107 in the optional package icrp107-database",
            "status": "verified",
            "edition": icrp107_edition(),
        }
        for quantity, groups in sums.items()
    }
