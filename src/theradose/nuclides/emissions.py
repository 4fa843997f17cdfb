"""What a nuclide emits, line by line.

References
----------
[EGSnrcLNHB]_ Decay data of the DDEP/LNHB in ENSDF format.
[ICRP107]_ Nuclear decay data for dosimetric calculations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from theradose.errors import PhysicsError
from theradose.nuclides.icrp107 import icrp107_edition, icrp107_emissions
from theradose.nuclides.records import NuclearData, PhotonLine, evaluation_of, icrp107_name, mass_number


@dataclass(frozen=True, slots=True)
class BetaBranch:
    """One transition of beta decay.

    Attributes
    ----------
    end_point_kev : float
        Largest kinetic energy.
    intensity : float
        Betas per decay.
    mean_energy_kev : float
        Mean kinetic energy by the evaluators.
    transition : {"allowed", "first-forbidden", "unique-first-forbidden", "second-forbidden"}
        Type, which sets the shape of the spectrum.
    charge : {-1, 1}
        Electron or positron.
    daughter_atomic_number : int
        Charge of the nucleus in whose field the beta leaves.
    """

    end_point_kev: float
    intensity: float
    mean_energy_kev: float
    transition: str
    charge: int
    daughter_atomic_number: int


@dataclass(frozen=True, slots=True)
class ElectronLine:
    """Conversion or Auger electrons of one energy.

    Attributes
    ----------
    energy_kev : float
        Kinetic energy; shells and groups of Auger electrons are one line at their mean.
    intensity : float
        Electrons per decay.
    kind : {"conversion", "auger"}
        Origin.
    shell : str
        Shell in which the hole is (``K``, ``L``, ...); empty if the source does not say.
    """

    energy_kev: float
    intensity: float
    kind: str
    shell: str = ""


@dataclass(frozen=True, slots=True)
class AlphaLine:
    """Alpha particles of one energy.

    Attributes
    ----------
    energy_kev : float
        Kinetic energy of the alpha particle, without the recoil of the daughter.
    intensity : float
        Alphas per decay.
    """

    energy_kev: float
    intensity: float


@dataclass(frozen=True, slots=True, eq=False)
class Emissions:
    """All that one decay of a nuclide emits, without its daughters.

    Attributes
    ----------
    nuclide : str
        As ``Lu-177``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation.
    betas : tuple of BetaBranch
        Transitions; empty for ``icrp107``, which tabulates the spectrum instead.
    beta_table : tuple of (float, float)
        Tabulated spectrum, (keV, betas per keV and decay), of ``icrp107``; empty otherwise.
    betas_per_decay, beta_energy_kev : float
        Number and energy of betas of both signs per decay.
    electrons : tuple of ElectronLine
        Conversion and Auger electrons.
    photons : tuple of PhotonLine
        Gamma, X and annihilation photons.
    alphas : tuple of AlphaLine
        Alpha particles.
    recoil_kev_per_decay : float
        Energy of the recoiling nuclei of alpha decay.
    source, status, edition : str
        Where the emissions were read, whether that was read, and its edition.
    note : str
        What the source leaves open and how it was settled; empty if there is nothing to say.
    """

    nuclide: str
    nuclear_data: NuclearData
    betas: tuple[BetaBranch, ...]
    beta_table: tuple[tuple[float, float], ...]
    betas_per_decay: float
    beta_energy_kev: float
    electrons: tuple[ElectronLine, ...]
    photons: tuple[PhotonLine, ...]
    alphas: tuple[AlphaLine, ...]
    recoil_kev_per_decay: float
    source: str
    status: str
    edition: str
    note: str = ""

    @property
    def electron_energy_kev(self) -> float:
        """Energy of betas, conversion and Auger electrons per decay."""
        return self.beta_energy_kev + sum(line.energy_kev * line.intensity for line in self.electrons)

    @property
    def photon_energy_kev(self) -> float:
        """Energy of photons per decay."""
        return sum(line.energy_kev * line.intensity for line in self.photons)

    @property
    def alpha_energy_kev(self) -> float:
        """Energy of alpha particles per decay, without recoil."""
        return sum(line.energy_kev * line.intensity for line in self.alphas)


@cache
def load_emissions(name: str, *, nuclear_data: NuclearData = "ddep") -> Emissions:
    """Return what a nuclide emits.

    Parameters
    ----------
    name : str
        In any spelling that :func:`~theradose.nuclides.canonical_nuclide` reads, for ``icrp107`` also the name of
        any other nuclide of that publication, as ``Er-169``.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation.

    Raises
    ------
    PhysicsError
        If the nuclide is not known, or its emissions are not at hand in this evaluation.

    Examples
    --------
    >>> [branch.end_point_kev for branch in load_emissions("Lu-177").betas]
    [498.3, 385.4, 248.6, 177.0]
    """
    if nuclear_data == "icrp107":
        return _of_icrp107(icrp107_name(name))
    canonical, evaluation = evaluation_of(name, nuclear_data)
    betas = tuple(BetaBranch(**branch) for branch in evaluation["betas"])
    alphas = tuple(AlphaLine(**line) for line in evaluation["alpha_lines"])
    return Emissions(
        nuclide=canonical,
        nuclear_data=nuclear_data,
        betas=betas,
        beta_table=(),
        betas_per_decay=sum(branch.intensity for branch in betas),
        beta_energy_kev=sum(branch.mean_energy_kev * branch.intensity for branch in betas),
        electrons=tuple(ElectronLine(**line) for line in evaluation["electron_lines"]),
        photons=tuple(PhotonLine(**line) for line in evaluation["photon_lines"]),
        alphas=alphas,
        recoil_kev_per_decay=_recoil_ratio(canonical) * sum(line.energy_kev * line.intensity for line in alphas),
        source=evaluation["emissions"]["source"],
        status=evaluation["emissions"]["status"],
        edition=evaluation["emissions"]["edition"],
        note=evaluation["emissions"]["note"],
    )


def _recoil_ratio(name: str) -> float:
    """Energy of the recoiling daughter by that of the alpha particle: their momenta are equal."""
    return 4 / (mass_number(name) - 4)


def _of_icrp107(name: str) -> Emissions:
    groups = icrp107_emissions(name)
    if groups["neutron"] or groups["fission"]:
        raise PhysicsError(
            f"{name} decays by fission, whose fragments and neutrons are not transported: choose another nuclide.",
            code="nuclear-data-missing",
        )
    betas = groups["beta-"] + groups["beta+"]
    return Emissions(
        nuclide=name,
        nuclear_data="icrp107",
        betas=(),
        beta_table=tuple(groups["b-spectra"]),
        betas_per_decay=sum(number for _, number in betas),
        beta_energy_kev=sum(energy * number for energy, number in betas),
        electrons=tuple(
            ElectronLine(energy, number, kind)
            for group, kind in (("IE", "conversion"), ("auger", "auger"))
            for energy, number in groups[group]
        ),
        photons=tuple(
            PhotonLine(energy, number, kind)
            for group, kind in (("gamma", "gamma"), ("X", "x-ray"), ("annihilation", "annihilation"))
            for energy, number in groups[group]
        ),
        alphas=tuple(AlphaLine(energy, number) for energy, number in groups["alpha"]),
        recoil_kev_per_decay=sum(energy * number for energy, number in groups["alpha recoil"]),
        status="verified",
        source="ICRP Publication 107, read from the optional package icrp107-database",
        edition=icrp107_edition(),
    )
