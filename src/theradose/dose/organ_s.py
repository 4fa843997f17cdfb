"""Organ doses by S values: D(target) = Σ Ã(source) · S(target ← source), scaled to the patient's masses.

References
----------
[Bolch2009]_ The scheme.
[Stabin2001]_ The remainder of the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from theradose.dose.energy import EmittedEnergy, energy_findings
from theradose.dose.organ_sources import REMAINDER, MatchedSources, match_sources
from theradose.dose.organ_terms import DoseTerm, NotIncluded, target_terms
from theradose.dose.s_energy import check_energy, mass_exponent
from theradose.dose.svalues import factor_constant
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.model.s_values import TOTAL_BODY, SValueTable
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class OrganDose:
    """Mean absorbed dose to one organ.

    Attributes
    ----------
    target : str
        Name of the organ.
    mass_g : Uncertain or None
        Mass for which the dose holds; ``None`` where neither the patient's nor that of the table is known.
    reference_mass_g : float or None
        Mass in the body of the table.
    dose_gy : Uncertain
        Sum of the known parts.
    alpha_gy : Uncertain or None
        Part of `dose_gy` from alpha particles, unweighted; ``None`` for a nuclide that emits none.
    components_gy : mapping of str to Uncertain
        Parts by source.
    not_included : tuple of NotIncluded
        Sources with activity whose dose is not in the sum.
    """

    target: str
    mass_g: Uncertain | None
    reference_mass_g: float | None
    dose_gy: Uncertain
    alpha_gy: Uncertain | None
    components_gy: Mapping[str, Uncertain]
    not_included: tuple[NotIncluded, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OrganDoses:
    """Doses to all organs of a table that can be told.

    Attributes
    ----------
    doses : tuple of OrganDose
        In the order of the table.
    not_included : mapping of str to str
        Targets without a dose, with the reason.
    constants : tuple of Constant
        Every S value used.
    """

    doses: tuple[OrganDose, ...]
    not_included: Mapping[str, str]
    constants: tuple[Constant, ...]

    def dose(self, target: str) -> OrganDose:
        """Return the dose to a target.

        Raises
        ------
        PhysicsError
            If it has none, with the reason.
        """
        for dose in self.doses:
            if dose.target == target:
                return dose
        reason = self.not_included.get(target, "the table has no such target")
        raise PhysicsError(
            f"There is no dose to '{target}', because {reason}: the targets with a dose are "
            f"{', '.join(dose.target for dose in self.doses)}.",
            code="organ-target-missing",
        )


def organ_doses(
    *,
    tia_mbq_h: Mapping[str, Uncertain],
    s_table: SValueTable,
    patient_mass_g: Mapping[str, Uncertain],
    energy: EmittedEnergy,
    s_relative_u: float | None = None,
) -> tuple[OrganDoses, tuple[Finding, ...]]:
    """Return the mean absorbed doses to the organs of a table.

    What is in the organ itself is scaled to the mass of the patient's organ: electrons and alpha particles with its
    inverse, photons with its power −2/3. What comes from other regions is not scaled. A pair that the table lacks is
    listed as not included. The activity of the total body beyond the organs is the remainder; a source whose dose to a
    target is not known stays in the remainder of that target.

    Parameters
    ----------
    tia_mbq_h : mapping of str to Uncertain
        Time-integrated activity by source: organs, and ``total-body`` (organs included) or ``remainder``.
    s_table : SValueTable
        Of the same nuclide, under the names of this program.
    patient_mass_g : mapping of str to Uncertain
        Masses of the patient's organs; the others keep that of the table.
    energy : EmittedEnergy
        Energies per decay, which divide S values by radiation where the table does not.
    s_relative_u : float, optional
        Relative standard uncertainty of S values for this patient, common to all; not stated by default.

    Returns
    -------
    OrganDoses
        Doses, each with its parts by source.
    tuple of Finding
        What had to be assumed, and what is missing.

    Raises
    ------
    PhysicsError
        The refusals of :func:`~theradose.dose.s_energy.check_energy` and
        :func:`~theradose.dose.organ_sources.match_sources`; ``organ-mass-unscalable`` for a patient's mass of an organ
        whose mass in the table is not known; ``organ-doses-none`` if no dose can be told.

    References
    ----------
    [Bolch2009]_, [Stabin2001]_
    """
    findings = list(check_energy(table=s_table, energy=energy))
    sources, matched = match_sources(tia_mbq_h=tia_mbq_h, mass_g=patient_mass_g, table=s_table)
    findings += matched
    _check_masses(sources, s_table)
    doses, missing = [], {}
    constants: list[Constant] = []
    for target in s_table.targets:
        terms, absent = target_terms(target=target, sources=sources, table=s_table, energy=energy)
        if not terms:
            missing[target] = absent[0].reason
            continue
        doses.append(_organ_dose(target, terms, absent, sources, s_table, energy, s_relative_u))
        constants += [factor_constant(s_table, target=target, source=term.table_source) for term in terms]
    if not doses:
        raise PhysicsError(
            f"No dose follows from the activities of {', '.join(tia_mbq_h)} and the table of {s_table.phantom}: state "
            f"activities of its sources, {', '.join(s_table.sources)}.",
            code="organ-doses-none",
        )
    findings += _overall_findings(sources, doses, s_table, energy)
    return OrganDoses(tuple(doses), MappingProxyType(missing), tuple(dict.fromkeys(constants))), tuple(findings)


def _check_masses(sources: MatchedSources, table: SValueTable) -> None:
    for organ in sources.mass_g:
        if organ in table.targets and organ not in table.mass_g:
            raise PhysicsError(
                f"The S values of '{organ}' cannot be scaled to the patient's mass, because its mass in "
                f"{table.phantom} is not known: add it to the table as 'target_mass_g', or leave out the patient's.",
                code="organ-mass-unscalable",
            )


def _organ_dose(
    target: str,
    terms: Sequence[DoseTerm],
    absent: tuple[NotIncluded, ...],
    sources: MatchedSources,
    table: SValueTable,
    energy: EmittedEnergy,
    s_relative_u: float | None,
) -> OrganDose:
    reference = table.mass_g.get(target)
    mass = sources.mass_g.get(target)
    if mass is None and reference is not None:
        mass = Uncertain(reference, not_stated=frozenset({f"mass:{target}"}))
    components: dict[str, Uncertain] = {}
    alpha_gy = Uncertain(0.0)
    for term in terms:
        dose, alpha = _component(target, term, 1.0 if reference is None or mass is None else reference / mass)
        components[term.source] = _with_model_u(dose, table, s_relative_u)
        alpha_gy = alpha_gy + _with_model_u(alpha, table, s_relative_u)
    return OrganDose(
        target=target,
        mass_g=mass,
        reference_mass_g=reference,
        dose_gy=sum(components.values(), Uncertain(0.0)),
        alpha_gy=alpha_gy if energy.alpha_kev > 0 else None,
        components_gy=MappingProxyType(components),
        not_included=absent,
    )


def _component(target: str, term: DoseTerm, mass_ratio: Uncertain | float) -> tuple[Uncertain, Uncertain]:
    """Return the dose from one source, and its part from alpha particles."""
    dose = alpha = Uncertain(0.0)
    for radiation, s_value in term.parts_gy_per_mbq_h.items():
        part = term.tia_mbq_h * s_value
        if term.scales_with_mass:
            part = part * mass_ratio ** mass_exponent(radiation)
        dose = dose + part
        if radiation == "alpha":
            alpha = part
    if term.u_gy_per_mbq_h is not None:
        statistics = f"s-value-statistics:{target}<-{term.source}"
        dose = dose.with_contribution(statistics, term.tia_mbq_h.value * term.u_gy_per_mbq_h)
    return dose, alpha


def _with_model_u(dose: Uncertain, table: SValueTable, relative_u: float | None) -> Uncertain:
    """Return a dose with the uncertainty of taking the S values of another body, one for all."""
    return dose.with_contribution(f"s-value:{table.phantom}", None if relative_u is None else relative_u * dose.value)


def _overall_findings(
    sources: MatchedSources, doses: Sequence[OrganDose], table: SValueTable, energy: EmittedEnergy
) -> list[Finding]:
    findings = []
    # fmt: off
    if sources.body_tia_mbq_h is None:
        findings.append(Finding(
            "organ-remainder-missing", "warning",
            "The dose from the rest of the body is not included, because neither its activity nor that of the total "
            "body is stated."))
    with_own_activity = (TOTAL_BODY, *sources.tia_mbq_h)
    unscaled = [
        dose.target for dose in doses if dose.target in with_own_activity and dose.target not in sources.mass_g
    ]
    if unscaled:
        findings.append(Finding(
            "organ-mass-reference", "warning",
            f"No mass is stated of {', '.join(unscaled)}: the dose is that of {table.phantom}, and falls with the "
            "inverse of the patient's mass."))
    partial = [dose.target for dose in doses if any(item.source != REMAINDER for item in dose.not_included)]
    if partial:
        findings.append(Finding(
            "organ-cross-dose-missing", "info",
            f"The table does not have every source of the doses of {', '.join(partial)}: see what is not included in "
            "each of them."))
    # fmt: on
    return [*findings, *energy_findings(energy)]
