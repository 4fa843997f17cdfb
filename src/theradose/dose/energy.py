"""Energy that a decay releases where it happens, with the daughters that decay there: the one place that says so.

Electrons, photons and heavy charged particles (alpha particles and the nuclei that recoil from them) are told apart.
Every dose rests on these sums or, where transport follows the emissions one by one, on the spectra of the same members
(:func:`theradose.radiation.in_place.spectra_in_place`).

References
----------
[Bolch2009]_ The scheme; [Bateman1910]_ the decays of daughters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from theradose.model.finding import Finding
from theradose.nuclides import Constant, Nuclide, decays_in_place, load_chain, load_emissions, load_nuclide


@dataclass(frozen=True, slots=True)
class EmittedEnergy:
    """Mean energy per decay of a nuclide by radiation.

    Attributes
    ----------
    electron_kev : float
        Beta particles, conversion and Auger electrons.
    photon_kev : float
        Gamma, X and annihilation photons.
    alpha_kev : float
        Alpha particles and recoils.
    charged_relative_u : float or None
        Relative standard uncertainty of `charged_kev`; ``None`` is not stated.
    decays : mapping of str to float
        Decays of the nuclide (1, first) and its daughters that the energies count; empty where nobody says.
    """

    electron_kev: float
    photon_kev: float
    alpha_kev: float = 0.0
    charged_relative_u: float | None = None
    decays: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decays", MappingProxyType(dict(self.decays)))

    @property
    def charged_kev(self) -> float:
        """Electrons, alpha particles and recoils, which stay near where they are emitted."""
        return self.electron_kev + self.alpha_kev

    @property
    def total_kev(self) -> float:
        """All radiations."""
        return self.electron_kev + self.photon_kev + self.alpha_kev

    @property
    def daughters(self) -> Mapping[str, float]:
        """Decays per decay of the nuclide of the daughters that are counted."""
        return dict(list(self.decays.items())[1:])


def emitted_energy(nuclide: Nuclide) -> EmittedEnergy:
    """Return the mean energies per decay of a nuclide of a study, with its daughters where they decay in place.

    Parameters
    ----------
    nuclide : Nuclide
        With the nuclear data chosen, and the fractions of daughters that stay where a study states them.

    Raises
    ------
    PhysicsError
        ``chain-not-stated`` for a nuclide whose daughters do not stay by themselves (227Th); ``nuclear-data-missing``.

    References
    ----------
    [Bolch2009]_, [Bateman1910]_
    """
    decays = decays_in_place(nuclide)
    if len(decays) == 1:
        electrons, alpha_kev = nuclide.electron_energy_kev, _alpha_kev(nuclide)
        return EmittedEnergy(
            electron_kev=electrons.value,
            photon_kev=nuclide.photon_energy_kev.value,
            alpha_kev=alpha_kev,
            charged_relative_u=None if electrons.u is None or alpha_kev > 0 else electrons.u / electrons.value,
            decays=decays,
        )
    members = {name: load_nuclide(name, nuclear_data=nuclide.nuclear_data) for name in decays}
    return EmittedEnergy(
        electron_kev=sum(decays[name] * member.electron_energy_kev.value for name, member in members.items()),
        photon_kev=sum(decays[name] * member.photon_energy_kev.value for name, member in members.items()),
        alpha_kev=sum(decays[name] * _alpha_kev(member) for name, member in members.items()),
        decays=decays,
    )


def charged_energy_constants(nuclide: Nuclide) -> tuple[Constant, ...]:
    """Return the energies per decay on which local deposition rests, with their origin.

    References
    ----------
    [Bolch2009]_
    """
    energy = emitted_energy(nuclide)
    own = nuclide.electron_energy_kev
    if energy.charged_kev == own.value:
        return (own,)
    whose = f"{nuclide.name} and its daughters" if energy.daughters else nuclide.name
    source = f"sum over these decays per decay of {nuclide.name}, {_listed(energy.decays)}, each like: {own.source}"
    return tuple(
        Constant(f"{what} per decay of {whose}", value, "keV", source, own.status, own.edition)
        for what, value in (
            ("mean electron energy", energy.electron_kev),
            ("mean energy of alpha particles and recoils", energy.alpha_kev),
        )
    )


def energy_findings(energy: EmittedEnergy) -> tuple[Finding, ...]:
    """Return ``daughters-in-place`` and ``alpha-unweighted`` where daughters or alpha particles count in a dose."""
    findings: tuple[Finding, ...] = ()
    name = next(iter(energy.decays), "the nuclide")
    if energy.daughters:
        message = (
            f"Daughters are taken to decay where {name} does, with these decays per decay of it: "
            f"{_listed(energy.daughters)}; those that leave by recoil or with the blood give their dose elsewhere, so "
            "that it is too high here and missing there."
        )
        findings = (Finding("daughters-in-place", "warning", message),)
    if energy.alpha_kev > 0:
        share = energy.alpha_kev / energy.charged_kev
        message = (
            f"Doses are absorbed doses in Gy, without any factor for biological effect; alpha particles and recoils "
            f"carry {share:.1%} of the energy of the charged particles of {name}, and their dose is stated apart."
        )
        findings = (*findings, Finding("alpha-unweighted", "info", message))
    return findings


def uncounted_daughters_finding(nuclide: str) -> tuple[Finding, ...]:
    """Return ``daughters-not-counted`` where the decays of a nuclide alone are counted although it has daughters.

    References
    ----------
    [Bateman1910]_
    """
    daughters = load_chain(nuclide).time_integrated()
    del daughters[next(iter(daughters))]
    if not daughters:
        return ()
    message = (
        f"Only the decays of {nuclide} are counted; its daughters, {_listed(daughters)} decays per decay of it, are "
        "not."
    )
    return (Finding("daughters-not-counted", "warning", message),)


def _alpha_kev(nuclide: Nuclide) -> float:
    """Energy of alpha particles and recoils per decay of one member, the one that transport takes."""
    if nuclide.alpha_energy_kev is None:
        return 0.0
    emissions = load_emissions(nuclide.name, nuclear_data=nuclide.nuclear_data)
    return emissions.alpha_energy_kev + emissions.recoil_kev_per_decay


def _listed(decays: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number:.4g}" for name, number in decays.items())
