"""Radioembolisation: from the activity of microspheres to absorbed dose, and back.

Microspheres stay where they lodge, so that the energy of complete decay is one constant per product: the conversion in
J/GBq, which is Gy·g/MBq. A fraction R stays in vial and catheter, a fraction L of what is given passes the liver and
lodges in the lungs, and the rest is shared out inside the perfused volume in proportion to mass times concentration.
Both losses therefore raise the activity that a dose needs: it is divided by (1 − L)(1 − R), never multiplied.

A ratio of tumour to normal liver is one of concentrations (activity per mass) or one of activities. They differ by the
ratio of the masses and are different types here.

References
----------
[deWit2023]_ Two compartments with a concentration ratio, lungs, the shunt from counts.
[Chiesa2021]_ Permanent trapping.
[Kao2013]_ The partition with a ratio of activities.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from theradose.errors import PhysicsError
from theradose.uncertainty import Uncertain

CERTAIN_ZERO = Uncertain(0.0)
CERTAIN_ONE = Uncertain(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class ActivityRatio:
    """Activity of a compartment over the activity of the reference compartment."""

    value: Uncertain

    def to_concentration_ratio(self, *, mass_g: Uncertain, reference_mass_g: Uncertain) -> ConcentrationRatio:
        """Return the ratio of the concentrations of compartments of these masses.

        References
        ----------
        [deWit2023]_, [Kao2013]_
        """
        return ConcentrationRatio(self.value * reference_mass_g / mass_g)


@dataclass(frozen=True, slots=True, eq=False)
class ConcentrationRatio:
    """Activity per mass of a compartment over the activity per mass of the reference compartment."""

    value: Uncertain

    def to_activity_ratio(self, *, mass_g: Uncertain, reference_mass_g: Uncertain) -> ActivityRatio:
        """Return the ratio of the activities of compartments of these masses.

        References
        ----------
        [deWit2023]_, [Kao2013]_
        """
        return ActivityRatio(self.value * mass_g / reference_mass_g)


@dataclass(frozen=True, slots=True, eq=False)
class Compartment:
    """A part of a perfused volume in which microspheres are evenly spread.

    Attributes
    ----------
    name : str
        As ``tumour``.
    is_tumour : bool
        Whether it is what the treatment is meant for; otherwise it is normal liver.
    mass_g : Uncertain
        Mass, g.
    ratio : ConcentrationRatio
        Its concentration over that of the reference of its perfused volume.
    """

    name: str
    is_tumour: bool
    mass_g: Uncertain
    ratio: ConcentrationRatio

    def __post_init__(self) -> None:
        if not isinstance(self.ratio, ConcentrationRatio):
            raise PhysicsError(
                f"The compartment '{self.name}' needs a ratio of concentrations, not one of activities: convert it "
                "with the masses by to_concentration_ratio.",
                code="ratio-kind",
            )
        if not self.mass_g.value > 0 or not self.ratio.value.value >= 0:
            raise PhysicsError(
                f"The compartment '{self.name}' has a mass of {self.mass_g.value:g} g and a concentration ratio of "
                f"{self.ratio.value.value:g}: the mass is above 0 and the ratio not negative.",
                code="compartment-invalid",
            )


@dataclass(frozen=True, slots=True, eq=False)
class PerfusedVolume:
    """What is reached from one position of the catheter.

    Attributes
    ----------
    name : str
        As ``right lobe``.
    compartments : tuple of Compartment
        At least one.
    shunt : Uncertain
        Fraction of what is given that lodges in the lungs, from 0 to below 1.
    residual : Uncertain
        Fraction of the prepared activity that stays in vial and catheter, from 0 to below 1.
    """

    name: str
    compartments: tuple[Compartment, ...]
    shunt: Uncertain = CERTAIN_ZERO
    residual: Uncertain = CERTAIN_ZERO

    def __post_init__(self) -> None:
        names = [compartment.name for compartment in self.compartments]
        if not names or len(set(names)) < len(names):
            raise PhysicsError(
                f"The perfused volume '{self.name}' has the compartments {', '.join(names) or 'none'}: give at least "
                "one, each with its own name.",
                code="compartments-invalid",
            )
        _check_fraction(self.shunt, "lung shunt")
        _check_fraction(self.residual, "residual")
        if not self.weight_g.value > 0:
            raise PhysicsError(
                f"No compartment of '{self.name}' holds activity: at least one concentration ratio is above 0.",
                code="compartments-invalid",
            )

    @property
    def mass_g(self) -> Uncertain:
        """Mass of all compartments."""
        return _sum([compartment.mass_g for compartment in self.compartments])

    @property
    def weight_g(self) -> Uncertain:
        """Σ mass × concentration ratio."""
        return _sum([compartment.mass_g * compartment.ratio.value for compartment in self.compartments])

    @property
    def retained_fraction(self) -> Uncertain:
        """Part of the prepared activity that stays in the perfused volume, (1 − L)(1 − R)."""
        return retained_fraction(shunt=self.shunt, residual=self.residual)

    def as_one_compartment(self) -> PerfusedVolume:
        """Return the same volume with the same concentration everywhere."""
        even = tuple(
            Compartment(part.name, part.is_tumour, part.mass_g, ConcentrationRatio(CERTAIN_ONE))
            for part in self.compartments
        )
        return PerfusedVolume(self.name, even, self.shunt, self.residual)

    def select(self, names: Collection[str]) -> tuple[Compartment, ...]:
        """Return the compartments of these names.

        Raises
        ------
        PhysicsError
            ``compartment-unknown``.
        """
        known = [compartment.name for compartment in self.compartments]
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise PhysicsError(
                f"There is no compartment '{', '.join(unknown)}' in '{self.name}': its compartments are "
                f"{', '.join(known)}.",
                code="compartment-unknown",
            )
        return tuple(compartment for compartment in self.compartments if compartment.name in names)


def retained_fraction(*, shunt: Uncertain, residual: Uncertain) -> Uncertain:
    """Return the part of the prepared activity that stays in the liver, (1 − L)(1 − R).

    Raises
    ------
    PhysicsError
        ``fraction-invalid`` for a shunt or a residual outside 0 to below 1.

    References
    ----------
    [deWit2023]_
    """
    _check_fraction(shunt, "lung shunt")
    _check_fraction(residual, "residual")
    return (1.0 - shunt) * (1.0 - residual)


def mono_dose_gy(
    *, activity_mbq: Uncertain, mass_g: Uncertain, conversion: Uncertain, shunt: Uncertain, residual: Uncertain
) -> Uncertain:
    """Return the mean dose to a perfused volume, D = CF·A·(1 − L)(1 − R)/M.

    Parameters
    ----------
    activity_mbq : Uncertain
        Prepared activity, MBq.
    mass_g : Uncertain
        Mass of the perfused volume, g.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.
    shunt, residual : Uncertain
        Fractions from 0 to below 1.

    Raises
    ------
    PhysicsError
        ``fraction-invalid``.

    References
    ----------
    [deWit2023]_
    """
    return activity_mbq * conversion * retained_fraction(shunt=shunt, residual=residual) / mass_g


def mono_activity_mbq(
    *, dose_gy: Uncertain, mass_g: Uncertain, conversion: Uncertain, shunt: Uncertain, residual: Uncertain
) -> Uncertain:
    """Return the activity for a mean dose to a perfused volume, A = D·M/(CF·(1 − L)(1 − R)): :func:`mono_dose_gy`
    solved for the activity, with the same parameters.

    Raises
    ------
    PhysicsError
        ``fraction-invalid``.

    References
    ----------
    [deWit2023]_
    """  # noqa: D205
    return dose_gy * mass_g / (conversion * retained_fraction(shunt=shunt, residual=residual))


def compartment_dose_gy(
    *, volume: PerfusedVolume, names: Collection[str], activity_mbq: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the mean dose to one compartment or to several together, D = CF·A(1 − L)(1 − R)·Σ m r/(Σ m · Σ_all m r).

    Parameters
    ----------
    volume : PerfusedVolume
        With all its compartments.
    names : collection of str
        The compartments whose common mean dose is wanted.
    activity_mbq : Uncertain
        Activity prepared for this volume, MBq.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.

    Raises
    ------
    PhysicsError
        ``compartment-unknown``.

    References
    ----------
    [deWit2023]_
    """
    return activity_mbq * conversion * _dose_share_per_g(volume, names)


def compartment_activity_mbq(
    *, volume: PerfusedVolume, names: Collection[str], dose_gy: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the activity for a mean dose to compartments: :func:`compartment_dose_gy` solved for the activity.

    For a tumour and normal liver, A = D_T·(M_N + M_T·r)/(CF·r·(1 − L)(1 − R)).

    Raises
    ------
    PhysicsError
        ``compartment-unknown``.

    References
    ----------
    [deWit2023]_
    """
    return dose_gy / (conversion * _dose_share_per_g(volume, names))


def lung_dose_gy(
    *, activity_mbq: Uncertain, shunt: Uncertain, residual: Uncertain, mass_g: Uncertain, conversion: Uncertain
) -> Uncertain:
    """Return the mean dose to the lungs, D = CF·A·(1 − R)·L/M.

    Parameters
    ----------
    activity_mbq : Uncertain
        Prepared activity, MBq.
    shunt, residual : Uncertain
        Fractions from 0 to below 1.
    mass_g : Uncertain
        Mass of both lungs, g.
    conversion : Uncertain
        Energy per activity in complete decay, J/GBq.

    References
    ----------
    [deWit2023]_
    """
    _check_fraction(shunt, "lung shunt")
    _check_fraction(residual, "residual")
    return activity_mbq * conversion * (1.0 - residual) * shunt / mass_g


def lung_activity_mbq(
    *, dose_gy: Uncertain, shunt: Uncertain, residual: Uncertain, mass_g: Uncertain, conversion: Uncertain
) -> Uncertain | None:
    """Return the activity for a mean dose to the lungs: :func:`lung_dose_gy` solved for it; ``None`` without a shunt.

    References
    ----------
    [deWit2023]_
    """
    _check_fraction(shunt, "lung shunt")
    _check_fraction(residual, "residual")
    if shunt.value == 0:
        return None
    return dose_gy * mass_g / (conversion * (1.0 - residual) * shunt)


def lung_shunt(*, lung_counts: Uncertain, liver_counts: Uncertain) -> Uncertain:
    """Return the fraction of what is given that lodges in the lungs, L = C_lungs/(C_lungs + C_liver).

    Raises
    ------
    PhysicsError
        ``counts-invalid`` for negative counts, or none at all.

    References
    ----------
    [deWit2023]_
    """
    lungs, liver = lung_counts.value, liver_counts.value
    if lungs < 0 or not liver > 0:
        raise PhysicsError(
            f"Counts of {lungs:g} in the lungs and {liver:g} in the liver give no lung shunt: those of the liver are "
            "above 0 and those of the lungs not negative.",
            code="counts-invalid",
        )
    return lung_counts / (lung_counts + liver_counts)


def _dose_share_per_g(volume: PerfusedVolume, names: Collection[str]) -> Uncertain:
    """Part of the prepared activity that the compartments hold, per gram of them."""
    chosen = volume.select(names)
    weight = _sum([compartment.mass_g * compartment.ratio.value for compartment in chosen])
    mass = _sum([compartment.mass_g for compartment in chosen])
    return volume.retained_fraction * weight / (mass * volume.weight_g)


def _sum(terms: list[Uncertain]) -> Uncertain:
    return sum(terms, start=CERTAIN_ZERO)


def _check_fraction(fraction: Uncertain, name: str) -> None:
    if not 0 <= fraction.value < 1:
        raise PhysicsError(
            f"A {name} of {fraction.value:g} is not possible: it is a fraction from 0 to below 1, as 6 %.",
            code="fraction-invalid",
        )
