"""Local deposition: all energy of charged particles stays in the voxel, photons leave.

Electrons, and alpha particles with their recoils, count with those of the daughters that decay in place
(:mod:`theradose.dose.energy`). For the beta emitters of therapy the electron range is below the resolution of SPECT, so
that the blurred image already smears the dose more than transport would; photon dose between organs is neglected.

References
----------
[Bolch2009]_ and the numbers of the nuclide's record.
"""

from __future__ import annotations

import numpy as np

from theradose.data import load_number, load_yaml
from theradose.dose.energy import emitted_energy, energy_findings
from theradose.dose.engines import DoseRequest, dose_engines
from theradose.model.arrays import Array
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.dose import DoseMap, RadiationEnergy, RegionDose
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.nuclides import Nuclide, load_constant
from theradose.uncertainty import Uncertain

LOCAL = "local"
"""Name of the engine."""

_EV_PER_KEV = 1e3
DECAYS_PER_MBQ_H = 1e6 * 3600.0
_G_PER_KG = 1e3
_SMALLEST_SHARE_IN_AIR = 0.01


def local_dose_constant(*, electron_energy_kev: float) -> float:
    """Return the dose per time-integrated activity and mass when an energy per decay is absorbed.

    Parameters
    ----------
    electron_energy_kev : float
        Mean energy per decay, for most nuclides that of beta particles, conversion and Auger electrons.

    Returns
    -------
    float
        Gy·g/(MBq·h); 0.0851 for 177Lu.

    References
    ----------
    [Bolch2009]_, [SIBrochure9]_
    """
    joule_per_ev = load_constant("elementary-charge").value
    return electron_energy_kev * _EV_PER_KEV * joule_per_ev * DECAYS_PER_MBQ_H * _G_PER_KG


def charged_dose_constant(nuclide: Nuclide) -> float:
    """Return the dose per time-integrated activity and mass, Gy·g/(MBq·h), when all charged particles are absorbed.

    Electrons, alpha particles and recoils of the nuclide and of the daughters that decay in place.

    References
    ----------
    [Bolch2009]_, [SIBrochure9]_
    """
    return local_dose_constant(electron_energy_kev=emitted_energy(nuclide).charged_kev)


@dose_engines.register(
    LOCAL,
    summary="All energy of charged particles is absorbed where it is emitted; photons are left out",
    citation="Bolch2009",
)
def local_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose map of local deposition with the density of each voxel.

    Voxels lighter than any tissue (air) get no dose; their share of the activity is a finding.

    References
    ----------
    [Bolch2009]_
    """
    energy = emitted_energy(request.nuclide)
    constant = local_dose_constant(electron_energy_kev=energy.charged_kev)
    dose, in_air = _per_mass(request.tia, request.density, constant)
    alpha = {"alpha_energy_kev": energy.alpha_kev} if energy.alpha_kev > 0 else {}
    result = DoseMap(
        dose,
        request.tia.grid,
        engine=LOCAL,
        parameters={
            "electron_energy_kev": energy.electron_kev,
            **alpha,
            "dose_constant_gy_g_per_mbq_h": constant,
            "nuclear_data": request.nuclide.electron_energy_kev.edition,
            "density": request.density.method,
        },
        energy=_energy_account(request, in_air),
    )
    findings = (photon_finding(request.nuclide), *activity_in_air_findings(in_air), *energy_findings(energy))
    return result, findings


def activity_in_air_findings(in_air: float) -> tuple[Finding, ...]:
    """Return ``activity-in-air`` where more than a hundredth of the time-integrated activity gets no dose."""
    if in_air <= _SMALLEST_SHARE_IN_AIR:
        return ()
    message = (
        f"{in_air:.1%} of the time-integrated activity lies in voxels lighter than "
        f"{minimum_tissue_density_g_per_ml():g} g/mL and gets no dose: check the registration of CT and emission image."
    )
    return (Finding("activity-in-air", "warning", message),)


def photon_finding(nuclide: Nuclide) -> Finding:
    """Return what leaving out photons means for this nuclide."""
    energy = emitted_energy(nuclide)
    penetrating = energy.photon_kev > load_yaml("dose.yaml")["penetrating_ratio"]["value"] * energy.charged_kev
    particles = "electrons, alpha particles and recoils" if energy.alpha_kev > 0 else "electrons"
    whose = f"{nuclide.name} and its daughters" if energy.daughters else nuclide.name
    consequence = (
        "which adds a considerable dose, above all to large organs and from their neighbours"
        if penetrating
        else "of which little stays in an organ"
    )
    return Finding(
        "photon-dose-neglected",
        "warning" if penetrating else "info",
        f"Local deposition counts the {energy.charged_kev:.4g} keV of {particles} per decay of {whose} and leaves out "
        f"{energy.photon_kev:.4g} keV of photons, {consequence}.",
    )


def mass_range_findings(region: str, *, mass_g: float) -> tuple[Finding, ...]:
    """Return ``local-outside-mass-range`` where local deposition is not meant for a region of this mass.

    References
    ----------
    [deWit2023]_ Solid tissue of 2 to 300 g.
    """
    lowest, highest = load_yaml("dose.yaml")["local_mass_range"]["value"]
    if lowest <= mass_g <= highest:
        return ()
    consequence = (
        "electrons that leave it are counted, so its dose is too high"
        if mass_g < lowest
        else "photons that it absorbs itself are left out, so its dose is too low"
    )
    message = (
        f"'{region}' has {mass_g:.4g} g; local deposition is meant for solid tissue of {lowest:g} to {highest:g} g: "
        f"{consequence}."
    )
    return (Finding("local-outside-mass-range", "warning", message, region),)


def local_dose_rate(*, activity: Volume, density: DensityMap, nuclide: Nuclide) -> Volume:
    """Return the dose rate in Gy/h of local deposition.

    Parameters
    ----------
    activity : Volume
        Activity concentration, MBq/mL.
    density : DensityMap
        g/mL on the same grid.
    nuclide : Nuclide
        Source of the energy per decay; its daughters are taken to be as active as when all of the chain decays.

    References
    ----------
    [Bolch2009]_
    """
    rate, _ = _per_mass(activity, density, charged_dose_constant(nuclide))
    return Volume(rate, activity.grid)


def region_dose(*, tia: TimeIntegratedActivity, mass_g: Uncertain, nuclide: Nuclide) -> RegionDose:
    """Return the mean dose of a region from its own activity and mass.

    The volume's uncertainty acts on the activity (spill-out, recovery) and on the mass through the same
    source, so that its correlation is carried. That of the energy per decay is ``dose-constant:<nuclide>``. What alpha
    particles and recoils give, never weighted, is a component of its own.

    References
    ----------
    [Bolch2009]_, [Gear2018]_
    """
    energy = emitted_energy(nuclide)
    constant = Uncertain.relative(
        local_dose_constant(electron_energy_kev=energy.charged_kev),
        {f"dose-constant:{nuclide.name}": energy.charged_relative_u},
    )
    dose = tia.value * constant / mass_g
    if energy.alpha_kev == 0:
        return RegionDose(tia.region, mass_g, dose, {"self": dose})
    share = energy.alpha_kev / energy.charged_kev
    return RegionDose(tia.region, mass_g, dose, {"self": dose * (1 - share), "alpha": dose * share})


def minimum_tissue_density_g_per_ml() -> float:
    """Return the density below which a voxel counts as air and gets no dose."""
    return load_number("dose.yaml", "minimum_tissue_density")


def tissue_voxels(density: DensityMap) -> Array:
    """Return which voxels are tissue and get a dose."""
    return np.asarray(density.data >= minimum_tissue_density_g_per_ml())


def emitted_energy_j(*, tia_mbq_h: float, energy_kev: float) -> float:
    """Return the energy in J that decays emit.

    Parameters
    ----------
    tia_mbq_h : float
        Time-integrated activity.
    energy_kev : float
        Energy per decay.

    References
    ----------
    [Bolch2009]_
    """
    # Gy·g is mJ: the dose constant is the energy that one MBq·h emits.
    return tia_mbq_h * local_dose_constant(electron_energy_kev=energy_kev) / _G_PER_KG


def _energy_account(request: DoseRequest, in_air: float) -> tuple[RadiationEnergy, ...]:
    """Return where the energy went: photons are left out, and so is what air would absorb."""
    tia_mbq_h = float(request.tia.data.sum(dtype=np.float64)) * request.tia.grid.voxel_volume_ml
    energy = emitted_energy(request.nuclide)
    electrons = emitted_energy_j(tia_mbq_h=tia_mbq_h, energy_kev=energy.electron_kev)
    photons = emitted_energy_j(tia_mbq_h=tia_mbq_h, energy_kev=energy.photon_kev)
    alphas = emitted_energy_j(tia_mbq_h=tia_mbq_h, energy_kev=energy.alpha_kev)
    account = (
        RadiationEnergy("electron", electrons, (1 - in_air) * electrons, in_air * electrons),
        RadiationEnergy("photon", photons, 0.0, photons),
    )
    return (*account, RadiationEnergy("alpha", alphas, (1 - in_air) * alphas, in_air * alphas)) if alphas else account


def _per_mass(amount: Volume, density: DensityMap, constant: float) -> tuple[Array, float]:
    tissue = tissue_voxels(density)
    result = np.zeros(amount.grid.shape, np.float32)
    np.divide(amount.data * np.float32(constant), density.data, out=result, where=tissue)
    total = float(amount.data.sum(dtype=np.float64))
    outside = float(amount.data[~tissue].sum(dtype=np.float64))
    return result, outside / total if total > 0 else 0.0
