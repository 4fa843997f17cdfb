"""What a table of S values tells of the dose to one target: a term for each source and for the remainder of the body.

References
----------
[Bolch2009]_ Self dose and cross dose.
[Stabin2001]_ The remainder of the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from theradose.dose.energy import EmittedEnergy
from theradose.dose.organ_sources import REMAINDER, MatchedSources
from theradose.dose.s_energy import contains, proportional_parts, s_value_parts
from theradose.dose.svalues import remainder_factor
from theradose.model.dose import Radiation
from theradose.model.s_values import RED_MARROW, TOTAL_BODY, SValue, SValueTable
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True)
class NotIncluded:
    """A source whose dose to a target is not in the sum, with the reason."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class DoseTerm:
    """Activity of one source with its S value.

    Attributes
    ----------
    source : str
        Name of the source.
    table_source : str
        Source in the table from which the S value comes: the total body for the remainder.
    tia_mbq_h : Uncertain
        Time-integrated activity.
    parts_gy_per_mbq_h : mapping of str to float
        The S value by radiation.
    u_gy_per_mbq_h : float or None
        Statistical uncertainty of the S value.
    scales_with_mass : bool
        Whether the source lies in the target.
    """

    source: str
    table_source: str
    tia_mbq_h: Uncertain
    parts_gy_per_mbq_h: Mapping[Radiation, float]
    u_gy_per_mbq_h: float | None
    scales_with_mass: bool


def target_terms(
    *, target: str, sources: MatchedSources, table: SValueTable, energy: EmittedEnergy
) -> tuple[tuple[DoseTerm, ...], tuple[NotIncluded, ...]]:
    """Return the terms of the dose to a target, and the sources that are not among them.

    A target with activity of its own whose self S value is not known has no terms. A source without an S value to this
    target stays in the remainder of the body, if the activity of the total body is known.

    Parameters
    ----------
    target : str
        Of the table.
    sources : MatchedSources
        Of the patient, under the names of the table.
    table : SValueTable
        S values and masses.
    energy : EmittedEnergy
        Per decay.

    References
    ----------
    [Bolch2009]_, [Stabin2001]_
    """
    organs = sources.tia_mbq_h
    if target in organs and not table.has(target=target, source=target):
        return (), (NotIncluded(target, "the table has no S value of its own activity"),)
    known = [source for source in organs if table.has(target=target, source=source)]
    terms = [_organ_term(target, source, organs[source], table, energy) for source in known]
    rest, reason = _remainder_term(target, known, sources, table, energy)
    if rest is not None:
        terms.append(rest)
    absent = [NotIncluded(REMAINDER, reason)] if reason else []
    unknown = "no S value; its activity counts in the remainder of the body" if rest else "no S value"
    absent += [NotIncluded(source, unknown) for source in organs if source not in known]
    return tuple(terms), tuple(absent)


def _organ_term(target: str, source: str, tia: Uncertain, table: SValueTable, energy: EmittedEnergy) -> DoseTerm:
    value = table.value(target=target, source=source)
    own = contains(target=target, source=source)
    mass_g = table.mass_g.get(target)
    if own and (target == RED_MARROW or mass_g is None):
        parts = proportional_parts(value=value, energy=energy)
    else:
        parts = s_value_parts(value=value, energy=energy, own_mass_g=mass_g if own else None)
    return DoseTerm(source, source, tia, parts, value.u_gy_per_mbq_h, own)


def _remainder_term(
    target: str, known: list[str], sources: MatchedSources, table: SValueTable, energy: EmittedEnergy
) -> tuple[DoseTerm | None, str]:
    """Return the term of the body without the sources that are counted apart, or why there is none.

    The target may be part of that body. Contents of hollow organs, which have no mass in a table of tissues, are taken
    out of the activity alone.
    """
    tia = sources.body_tia_mbq_h
    if tia is None:
        return None, "the activity of the total body is not stated"
    if TOTAL_BODY not in table.mass_g or not table.has(target=target, source=TOTAL_BODY):
        return None, "no S value or mass of the total body"
    apart = [source for source in known if source in table.mass_g]
    factor = remainder_factor(table, target=target, apart=apart)
    if factor < 0:
        return None, "its S value is a difference below the digits of the table"
    for source in known:
        tia = tia - sources.tia_mbq_h[source]
    mass_g = table.mass_g[TOTAL_BODY] - sum(table.mass_g[source] for source in apart)
    value = SValue(factor)
    if target == RED_MARROW:
        parts = proportional_parts(value=value, energy=energy)
    else:
        parts = s_value_parts(value=value, energy=energy, own_mass_g=None if target in apart else mass_g)
    return DoseTerm(REMAINDER, TOTAL_BODY, tia, parts, None, scales_with_mass=target == TOTAL_BODY), ""
