"""Energy behind an S value: its parts by radiation, how they scale with mass, and whether the number can be right.

References
----------
[Bolch2009]_ S = Σ Δ φ / m; a dose of more than the emitted energy is impossible.
[OLINDA2]_ Values to which the bounds were held.
"""

from __future__ import annotations

from collections.abc import Mapping

from theradose.data import load_yaml
from theradose.dose.energy import EmittedEnergy
from theradose.dose.local import local_dose_constant
from theradose.errors import PhysicsError
from theradose.model.dose import Radiation
from theradose.model.finding import Finding
from theradose.model.s_values import RED_MARROW, TOTAL_BODY, SValue, SValueTable
from theradose.spatial.naming import paired_regions

_DATA = "organ_s.yaml"
_BOUNDS = ("largest_absorbed_fraction", "least_self_absorbed_fraction", "least_best_self_absorbed_fraction")
_WITH_DAUGHTERS = "least_best_fraction_with_daughters"
_CHARGED = "energy of electrons and alpha particles"
_SIEVERT = "sv"


def contains(*, target: str, source: str) -> bool:
    """Return whether a source lies in a target, so that the dose depends on the target's mass.

    An organ, a side of a paired one, and everything in the total body.

    References
    ----------
    [Bolch2009]_
    """
    return target in (source, TOTAL_BODY) or source in paired_regions().get(target, ())


def s_value_parts(*, value: SValue, energy: EmittedEnergy, own_mass_g: float | None) -> Mapping[Radiation, float]:
    """Return an S value by radiation, Gy/(MBq·h), where the target's own activity is absorbed in place.

    What the table separates is taken. Otherwise alpha particles and electrons that are emitted in the target stay in
    it, S = E/m, and the rest are photons.

    Parameters
    ----------
    value : SValue
        Of the pair.
    energy : EmittedEnergy
        Per decay.
    own_mass_g : float or None
        Mass over which the activity in the target is spread; ``None`` if the source lies elsewhere, and all is photons.

    References
    ----------
    [Bolch2009]_
    """
    if value.parts_gy_per_mbq_h:
        return value.parts_gy_per_mbq_h
    total = value.gy_per_mbq_h
    if own_mass_g is None:
        return {"photon": total}
    alpha = min(total, local_dose_constant(electron_energy_kev=energy.alpha_kev) / own_mass_g)
    electron = min(total - alpha, local_dose_constant(electron_energy_kev=energy.electron_kev) / own_mass_g)
    return {"alpha": alpha, "electron": electron, "photon": total - alpha - electron}


def proportional_parts(*, value: SValue, energy: EmittedEnergy) -> Mapping[Radiation, float]:
    """Return an S value by radiation in proportion to the emitted energies, photons with the electrons.

    For red marrow, of whose electrons part escapes into bone and fat, and for regions of unknown mass.

    Parameters
    ----------
    value : SValue
        Of the pair.
    energy : EmittedEnergy
        Per decay.

    References
    ----------
    [Bolch2009]_
    """
    if value.parts_gy_per_mbq_h:
        return value.parts_gy_per_mbq_h
    alpha = value.gy_per_mbq_h * energy.alpha_kev / energy.total_kev
    return {"alpha": alpha, "electron": value.gy_per_mbq_h - alpha}


def mass_exponent(radiation: Radiation) -> float:
    """Return the power of (reference mass / patient mass) by which a part of a self S value scales.

    1 for electrons and alpha particles, which stay in the target; 2/3 for photons, whose absorbed fraction grows with
    the cube root of the mass.

    References
    ----------
    [Bolch2009]_
    """
    exponent: float = load_yaml(_DATA)["self_photon_exponent"]["value"] if radiation == "photon" else 1.0
    return exponent


def check_energy(*, table: SValueTable, energy: EmittedEnergy) -> tuple[Finding, ...]:
    """Refuse a table whose S values cannot be doses per decay in the unit that is stated.

    Dose times mass is the energy that a target absorbs. Whatever the source, it cannot exceed the emitted energy. Of
    the electrons and alpha particles that are emitted in a target itself some stay in it, and in at least one organ of
    a table most of them. The bounds are in ``data/organ_s.yaml``. Units that are mistaken for each other differ by 3.6
    (mGy/(MBq s) and Gy/(MBq h)) or by 278 and more, a folded weighting factor of alpha particles is 5 or 20.

    Parameters
    ----------
    table : SValueTable
        With the masses of its targets, as far as they are known.
    energy : EmittedEnergy
        Per decay of its nuclide.

    Returns
    -------
    tuple of Finding
        ``s-table-unchecked`` if no mass is known; ``s-table-sievert``.

    Raises
    ------
    PhysicsError
        ``s-value-implausible``; ``s-value-weighted`` for equivalent doses of a nuclide that emits alpha particles;
        ``s-table-daughters`` where daughters decay in place and the table does not count them, or does not tell.

    References
    ----------
    [Bolch2009]_
    """
    findings = _check_weighting(table, energy)
    most, least, least_best = (load_yaml(_DATA)[key]["value"] for key in _BOUNDS)
    emitted = local_dose_constant(electron_energy_kev=energy.total_kev)
    charged = local_dose_constant(electron_energy_kev=energy.charged_kev)
    own: dict[str, float] = {}
    for (target, source), value in table.values.items():
        if target not in table.mass_g:
            continue
        absorbed = value.gy_per_mbq_h * table.mass_g[target]
        if absorbed > most * emitted:
            raise _implausible(table, target, source, absorbed / emitted, "emitted energy", f"at most {most:g}")
        if target == source:
            own[target] = absorbed / charged
    solid = [organ for organ in own if organ not in (RED_MARROW, TOTAL_BODY)]
    best = max(solid, key=own.__getitem__, default=None)
    if energy.daughters and (best is None or own[best] < load_yaml(_DATA)[_WITH_DAUGHTERS]["value"]):
        raise _without_daughters(table, energy, None if best is None else own[best])
    for target, fraction in own.items():
        if fraction < least:
            raise _implausible(table, target, target, fraction, _CHARGED, f"at least {least:g}")
    if best is not None and own[best] < least_best:
        raise _implausible(table, best, best, own[best], _CHARGED, f"at least {least_best:g} in one organ of a table")
    if own:
        return findings
    message = (
        f"The unit of the S values cannot be checked, because in the table of {table.phantom} no region has its own S "
        "value and its mass: compare one value with another source."
    )
    return (*findings, Finding("s-table-unchecked", "warning", message))


def _check_weighting(table: SValueTable, energy: EmittedEnergy) -> tuple[Finding, ...]:
    unit = table.origin.unit
    if _SIEVERT not in unit.casefold():
        return ()
    if energy.alpha_kev > 0:
        raise PhysicsError(
            f"{table.origin.file} has equivalent doses ({unit}) of {table.nuclide}, which emits alpha particles, so a "
            "weighting factor is folded in: export absorbed doses with the weighting factor 1, in mGy/(MBq s).",
            code="s-value-weighted",
        )
    message = (
        f"The table is headed {unit}; it was read as absorbed dose, which is the same number for electrons and photons "
        "unless a weighting factor was changed."
    )
    return (Finding("s-table-sievert", "info", message),)


def _without_daughters(table: SValueTable, energy: EmittedEnergy, fraction: float | None) -> PhysicsError:
    members = ", ".join(f"{name} {number:.4g}" for name, number in energy.daughters.items())
    found = (
        "has no organ by which that can be told"
        if fraction is None
        else f"holds at most {fraction:.2g} of the energy of their charged particles in an organ that emits it"
    )
    return PhysicsError(
        f"S values of {table.nuclide} must count its daughters, but {table.origin.file or table.phantom} {found}: add "
        f"the S values of each daughter times its decays per decay of {table.nuclide} ({members}).",
        code="s-table-daughters",
    )


def _implausible(
    table: SValueTable, target: str, source: str, fraction: float, of_what: str, bound: str
) -> PhysicsError:
    origin = table.origin
    return PhysicsError(
        f"{origin.file or table.phantom}: the S value of {table.nuclide} from '{source}' to '{target}' times "
        f"{table.mass_g[target]:g} g is {fraction:.3g} of the {of_what}, which is not possible ({bound}): correct the "
        f"unit ({origin.unit}), the nuclide, the mass, or a weighting factor that is folded in.",
        code="s-value-implausible",
    )
