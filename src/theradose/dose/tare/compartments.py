"""Perfused volumes of the liver and their compartments, with the two kinds of ratio between tumour and normal liver.

A ratio of concentrations (activity per mass) and one of activities differ by the ratio of the masses and are different
types.

References
----------
[deWit2023]_ Compartments by a concentration ratio; [Kao2013]_ the partition with a ratio of activities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from theradose.errors import PhysicsError
from theradose.numbers import format_given_percent
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
        check_fraction(self.shunt, "lung shunt")
        check_fraction(self.residual, "residual")
        if not self.weight_g.value > 0:
            raise PhysicsError(
                f"No compartment of '{self.name}' holds activity: at least one concentration ratio is above 0.",
                code="compartments-invalid",
            )

    @property
    def mass_g(self) -> Uncertain:
        """Mass of all compartments."""
        return total_of(compartment.mass_g for compartment in self.compartments)

    @property
    def weight_g(self) -> Uncertain:
        """Σ mass × concentration ratio."""
        return total_of(compartment.mass_g * compartment.ratio.value for compartment in self.compartments)

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
    check_fraction(shunt, "lung shunt")
    check_fraction(residual, "residual")
    return (1.0 - shunt) * (1.0 - residual)


def total_of(terms: Iterable[Uncertain]) -> Uncertain:
    """Return the sum; 0 of nothing."""
    return sum(terms, start=CERTAIN_ZERO)


def check_fraction(fraction: Uncertain, name: str) -> None:
    """Refuse a fraction outside 0 to below 1, as ``fraction-invalid``."""
    if not 0 <= fraction.value < 1:
        raise PhysicsError(
            f"A {name} of {format_given_percent(fraction.value)} is not possible: it is from 0 to below 100 %, written "
            "as 7 % or 0.07.",
            code="fraction-invalid",
        )
