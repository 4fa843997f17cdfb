"""Dose to red marrow from the activity concentration in it, however that was measured.

The concentration comes from blood (:func:`marrow_from_specimen`) or from images. What each method of the registry
adds is how the self dose follows from it. The dose from the rest of the body is the same for all.

References
----------
[Hindorf2010]_ The terms: self, organs, remainder of the body.
[Sgouros1993]_ The ratio of marrow and blood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from theradose.data import load_number, load_yaml
from theradose.dose.energy import charged_energy_constants, emitted_energy, energy_findings
from theradose.dose.local import charged_dose_constant
from theradose.dose.svalues import (
    Sex,
    factor_constant,
    factor_nuclides,
    load_organ_factors,
    reference_mass_constant,
    remainder_factor,
)
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.model.s_values import RED_MARROW, TOTAL_BODY, SValueTable
from theradose.model.samples import Specimen
from theradose.nuclides import Constant, Nuclide
from theradose.registry import Registry
from theradose.uncertainty import Uncertain

_G_PER_KG = 1e3
_HAEMATOCRIT = "haematocrit"
DEFAULT_METHOD = "s-value"
"""Entry of ``marrow_methods`` for concentrations from blood."""
RATIO_CHOICES = ("1", "sgouros")
"""Named ratios of the concentrations in marrow and blood; a number is a user's own."""


@dataclass(frozen=True, slots=True, eq=False)
class MarrowRatio:
    """Ratio of the activity concentrations (per mass) in red marrow and blood.

    Attributes
    ----------
    choice : str
        ``1``, ``sgouros`` or ``stated``.
    value : Uncertain
        The ratio.
    constants : tuple of Constant
        What it rests on.
    """

    choice: str
    value: Uncertain
    constants: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MarrowConcentration:
    """Time-integrated activity concentrations, MBq·h/kg, of blood and of the red marrow that it supplies."""

    blood: Uncertain
    marrow: Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class MarrowRequest:
    """What every marrow method gets.

    Attributes
    ----------
    marrow_tia_mbq_h_per_kg : Uncertain
        Time-integrated activity concentration in red marrow.
    nuclide : Nuclide
        With the nuclear data chosen.
    sex : {"M", "F"}
        Of the reference adult.
    marrow_mass_g : float or None
        Mass of the patient's red marrow; ``None`` takes the reference. It cancels in the self dose.
    whole_body_tia_mbq_h : Uncertain or None
        Time-integrated activity in the whole body, marrow and organs included; without it there is no cross dose.
    organ_tia_mbq_h : mapping of str to Uncertain
        Time-integrated activities of organs that are counted apart from the remainder.
    """

    marrow_tia_mbq_h_per_kg: Uncertain
    nuclide: Nuclide
    sex: Sex
    marrow_mass_g: float | None = None
    whole_body_tia_mbq_h: Uncertain | None = None
    organ_tia_mbq_h: Mapping[str, Uncertain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class MarrowDose:
    """Dose to red marrow.

    Attributes
    ----------
    tia_mbq_h : Uncertain
        Time-integrated activity in all red marrow.
    self_gy : Uncertain
        Dose from red marrow itself.
    cross_gy : Uncertain or None
        Dose from the rest of the body; ``None`` if it is not known.
    components : mapping of str to Uncertain
        Parts by source organ: ``red-marrow``, ``remainder`` and organs counted apart.
    constants : tuple of Constant
        Every constant used.
    """

    tia_mbq_h: Uncertain
    self_gy: Uncertain
    cross_gy: Uncertain | None
    components: Mapping[str, Uncertain]
    constants: tuple[Constant, ...]

    @property
    def dose_gy(self) -> Uncertain:
        """Sum of the known parts."""
        return self.self_gy if self.cross_gy is None else self.self_gy + self.cross_gy


MarrowMethod = Callable[[MarrowRequest], tuple[MarrowDose, tuple[Finding, ...]]]

marrow_methods: Registry[MarrowMethod] = Registry("marrow_methods", error=PhysicsError)
"""Ways from the concentration in marrow to its dose."""


def marrow_ratio(*, choice: str | float, haematocrit: float | None) -> tuple[MarrowRatio, tuple[Finding, ...]]:
    """Return the ratio of the activity concentrations in red marrow and blood.

    ``1``: marrow and blood are alike, as for peptides and small molecules. ``sgouros``: the activity is in the
    extracellular fluid only, RMECFF / (1 − haematocrit). A number is taken as it is.

    Parameters
    ----------
    choice : str or float
        ``1``, ``sgouros`` or a positive number.
    haematocrit : float or None
        Of the patient; ``sgouros`` takes the reference value where it is ``None``, with a finding.

    Raises
    ------
    PhysicsError
        For another word, or a number that is not positive.

    References
    ----------
    [Sgouros1993]_, [SjogreenGleisner2022]_
    """
    if choice == "sgouros":
        return _extracellular_ratio(haematocrit)
    try:
        number = float(choice)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise PhysicsError(
            f"'{choice}' is not a ratio of marrow and blood: valid are {', '.join(RATIO_CHOICES)} or a positive "
            "number.",
            code="marrow-ratio",
        )
    if number == 1.0:
        constant = _marrow_constant("rmblr_unity", "ratio of activity concentrations in red marrow and blood")
        return MarrowRatio("1", _without_u(constant.value, "marrow-to-blood-ratio"), (constant,)), ()
    constant = Constant(
        "ratio of activity concentrations in red marrow and blood", number, "1", "stated by the user", "stated", ""
    )
    return MarrowRatio("stated", _without_u(number, "marrow-to-blood-ratio"), (constant,)), ()


def marrow_from_specimen(
    *,
    specimen_tia_mbq_h_per_l: Uncertain,
    specimen: Specimen,
    haematocrit: float | None,
    ratio: Uncertain,
) -> MarrowConcentration:
    """Return the time-integrated concentrations in blood and marrow.

    Plasma and serum are the part 1 − haematocrit of blood, and nothing is bound to cells.

    Parameters
    ----------
    specimen_tia_mbq_h_per_l : Uncertain
        Time-integrated activity concentration of the specimen.
    specimen : {"blood", "plasma", "serum"}
        What was measured.
    haematocrit : float or None
        Needed for plasma and serum.
    ratio : Uncertain
        Of the concentrations in marrow and blood; its dependence on the haematocrit is carried.

    Raises
    ------
    PhysicsError
        If the haematocrit is needed and not stated.

    References
    ----------
    [Sgouros1993]_
    """
    blood_per_l = specimen_tia_mbq_h_per_l
    if specimen != "blood":
        if haematocrit is None:
            raise PhysicsError(
                f"A {specimen} concentration needs the haematocrit to become one of blood: state it, for example 0.42.",
                code="haematocrit-missing",
            )
        blood_per_l = blood_per_l * (1 - _without_u(haematocrit, _HAEMATOCRIT))
    blood = blood_per_l / load_number("samples.yaml", "blood_density")
    return MarrowConcentration(blood=blood, marrow=blood * ratio)


@marrow_methods.register(
    "s-value",
    summary="S value of the reference adult for red marrow, scaled to the patient's marrow mass",
    citation="OLINDA2",
)
def marrow_dose_by_s_value(request: MarrowRequest) -> tuple[MarrowDose, tuple[Finding, ...]]:
    """Return the dose with the red marrow's own S value, D = Ã_RM · S · m_ref / m, plus the rest of the body.

    References
    ----------
    [Hindorf2010]_, [OLINDA2]_
    """
    factors = load_organ_factors(request.nuclide.name, request.sex)
    constants = (
        factor_constant(factors, target=RED_MARROW, source=RED_MARROW),
        reference_mass_constant(RED_MARROW, request.sex),
    )
    per_concentration = _self_per_concentration(factors)
    self_gy = (request.marrow_tia_mbq_h_per_kg * per_concentration).with_contribution("s-value:red-marrow", None)
    return _with_cross_dose(request, self_gy, factors, constants)


@marrow_methods.register(
    "local-deposition",
    summary="All energy of charged particles emitted in red marrow is absorbed in it (absorbed fraction 1)",
    citation="Bolch2009",
)
def marrow_dose_by_local_deposition(request: MarrowRequest) -> tuple[MarrowDose, tuple[Finding, ...]]:
    """Return the dose with absorbed fraction 1, plus the rest of the body.

    References
    ----------
    [Bolch2009]_
    """
    energy = emitted_energy(request.nuclide)
    per_concentration = charged_dose_constant(request.nuclide) / _G_PER_KG
    self_gy = request.marrow_tia_mbq_h_per_kg * per_concentration
    factors = None
    message = "Local deposition absorbs all electron energy in red marrow, none escapes into bone and fat."
    if request.nuclide.name in factor_nuclides():
        factors = load_organ_factors(request.nuclide.name, request.sex)
        ratio = per_concentration / _self_per_concentration(factors)
        message += f" The self dose is {ratio:.2f} times that of the S value of the reference adult."
    dose, findings = _with_cross_dose(request, self_gy, factors, charged_energy_constants(request.nuclide))
    findings = (Finding("marrow-absorbed-fraction-one", "info", message), *findings, *energy_findings(energy))
    if energy.alpha_kev > 0:
        message = (
            f"The decays of {request.nuclide.name} count as if they happened within red marrow; alpha particles of "
            "activity on bone surfaces reach only the marrow next to them, whose dose this mean is not."
        )
        findings = (*findings, Finding("marrow-alpha-mean", "warning", message))
    return dose, findings


def _with_cross_dose(
    request: MarrowRequest, self_gy: Uncertain, factors: SValueTable | None, constants: tuple[Constant, ...]
) -> tuple[MarrowDose, tuple[Finding, ...]]:
    mass_g = request.marrow_mass_g
    if mass_g is None:
        mass_g = reference_mass_constant(RED_MARROW, request.sex).value
    tia = request.marrow_tia_mbq_h_per_kg * (mass_g / _G_PER_KG)
    components = {RED_MARROW: self_gy}
    if request.whole_body_tia_mbq_h is None or factors is None:
        finding = Finding(
            "marrow-cross-dose-missing",
            "warning",
            "The dose to red marrow from the rest of the body is not included, because "
            + (
                "the time-integrated activity of the whole body is not known."
                if factors is not None
                else f"there are no organ dose factors for {request.nuclide.name}."
            ),
        )
        return MarrowDose(tia, self_gy, None, MappingProxyType(components), constants), (finding,)
    remainder = request.whole_body_tia_mbq_h - tia
    for organ, organ_tia in request.organ_tia_mbq_h.items():
        remainder = remainder - organ_tia
        factor = factors.value(target=RED_MARROW, source=organ).gy_per_mbq_h
        components[organ] = (organ_tia * factor).with_contribution(f"s-value:{organ}", None)
    if remainder.value < 0:
        raise PhysicsError(
            f"The time-integrated activities of red marrow and organs are {-remainder.value:.4g} MBq·h larger than "
            f"that of the whole body ({request.whole_body_tia_mbq_h.value:.4g} MBq·h): check units, and whether the "
            "activity of the organs is that of both sides.",
            code="marrow-remainder-negative",
        )
    factor = remainder_factor(factors, target=RED_MARROW, apart=(RED_MARROW, *request.organ_tia_mbq_h))
    components["remainder"] = (remainder * factor).with_contribution("s-value:remainder", None)
    cross = sum((value for organ, value in components.items() if organ != RED_MARROW), Uncertain(0.0))
    used = (RED_MARROW, TOTAL_BODY, *request.organ_tia_mbq_h)
    constants += tuple(factor_constant(factors, target=RED_MARROW, source=organ) for organ in used)
    constants += tuple(reference_mass_constant(organ, request.sex) for organ in used)
    dose = MarrowDose(tia, self_gy, cross, MappingProxyType(components), tuple(dict.fromkeys(constants)))
    return dose, ()


def _self_per_concentration(factors: SValueTable) -> float:
    """Return the self dose per time-integrated concentration, Gy/(MBq·h/kg), in which the marrow's mass cancels."""
    own = factors.value(target=RED_MARROW, source=RED_MARROW)
    return own.gy_per_mbq_h * factors.mass_g[RED_MARROW] / _G_PER_KG


def _extracellular_ratio(haematocrit: float | None) -> tuple[MarrowRatio, tuple[Finding, ...]]:
    fraction = _marrow_constant("extracellular_fraction", "extracellular fluid fraction of red marrow")
    reference = _marrow_constant("reference_haematocrit", "reference haematocrit")
    constants: tuple[Constant, ...] = (fraction,)
    findings: tuple[Finding, ...] = ()
    if haematocrit is None:
        haematocrit = reference.value
        constants += (reference,)
        findings += (
            Finding(
                "haematocrit-assumed",
                "warning",
                f"The haematocrit is not stated; the ratio of marrow and blood rests on {reference.value:g}.",
            ),
        )
    extracellular = Uncertain(fraction.value, {"extracellular-fraction": fraction.u or 0.0})
    value = extracellular / (1 - _without_u(haematocrit, _HAEMATOCRIT))
    return MarrowRatio("sgouros", value, constants), findings


def _without_u(value: float, source: str) -> Uncertain:
    """Return a value whose uncertainty nobody stated."""
    return Uncertain.relative(value, {source: None})


def _marrow_constant(key: str, name: str) -> Constant:
    return Constant(name, **load_yaml("marrow.yaml")[key])
