"""What spongiosa (trabecular bone with its marrow) is made of.

References
----------
[ICRU46]_ Densities of its parts.
[ICRP70]_ Cellularity of marrow.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain

_DATA = "marrow_image.yaml"
_CELLULARITY = "cellularity"


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """What spongiosa is made of.

    Attributes
    ----------
    trabecular_fraction : Uncertain
        Volume of bone over that of spongiosa.
    cellularity : Uncertain
        Volume of active (red) marrow over that of all marrow.
    constants : tuple of Constant
        What it rests on.
    """

    trabecular_fraction: Uncertain
    cellularity: Uncertain
    constants: tuple[Constant, ...]

    @property
    def active_fraction(self) -> Uncertain:
        """Volume of active marrow over that of spongiosa."""
        return (1 - self.trabecular_fraction) * self.cellularity


def spongiosa_composition(
    *,
    density_g_per_ml: Uncertain,
    cellularity: Uncertain | None = None,
    trabecular_fraction: Uncertain | None = None,
) -> tuple[Composition, tuple[Finding, ...]]:
    """Return what a volume of spongiosa is made of.

    Without a stated trabecular fraction f it is that which gives the density:
    ρ = f ρ_bone + (1 − f) [c ρ_red + (1 − c) ρ_yellow], with the cellularity c.

    Parameters
    ----------
    density_g_per_ml : Uncertain
        Of the volume.
    cellularity, trabecular_fraction : Uncertain, optional
        Stated values, between 0 and 1.

    Returns
    -------
    Composition
        With its constants.
    tuple of Finding
        ``marrow-cellularity-assumed``, ``trabecular-fraction-from-density``.

    Raises
    ------
    PhysicsError
        If a value lies outside its range, or the density is none of spongiosa.

    References
    ----------
    [ICRU46]_ densities; [ICRP70]_ cellularity.
    """
    constants: list[Constant] = []
    findings: list[Finding] = []
    if cellularity is None:
        constant = spongiosa_constant("vertebral_cellularity", "cellularity of vertebral marrow")
        cellularity = stated_or_not(constant.value, constant.u, _CELLULARITY)
        constants.append(constant)
        findings.append(Finding(
            "marrow-cellularity-assumed", "warning",
            f"The cellularity of the marrow is not stated; {constant.value:g} is assumed ({constant.status}), and the "
            "dose is inversely proportional to it."))  # fmt: skip
    _check_fraction("cellularity", cellularity.value, zero_allowed=False)
    if trabecular_fraction is None:
        bone, red, yellow = (
            spongiosa_constant(f"density_{key}", name)
            for key, name in (
                ("bone", "density of mineral bone"),
                ("red_marrow", "density of red marrow"),
                ("yellow_marrow", "density of yellow marrow"),
            )
        )
        constants += [bone, red, yellow]
        marrow = yellow.value + (red.value - yellow.value) * cellularity
        trabecular_fraction = (density_g_per_ml - marrow) / (bone.value - marrow)
        if not 0 <= trabecular_fraction.value < 1:
            raise PhysicsError(
                f"A density of {density_g_per_ml.value:.3g} g/mL is none of spongiosa, which lies between marrow "
                f"({marrow.value:.3g}) and bone ({bone.value:g}): state the trabecular fraction or correct the volume.",
                code="spongiosa-density",
            )
        findings.append(Finding(
            "trabecular-fraction-from-density", "info",
            f"The trabecular fraction of {trabecular_fraction.value:.3f} follows from the density of "
            f"{density_g_per_ml.value:.4g} g/mL."))  # fmt: skip
    _check_fraction("trabecular fraction", trabecular_fraction.value, zero_allowed=True)
    return Composition(trabecular_fraction, cellularity, tuple(constants)), tuple(findings)


def spongiosa_constant(key: str, name: str) -> Constant:
    """Return a packaged constant of the image method under the name that tables show."""
    return Constant(name, **load_yaml(_DATA)[key])


def stated_or_not(value: float, u: float | None, source: str) -> Uncertain:
    """Return a value with one source of uncertainty, whose size may not be stated."""
    return Uncertain(value, not_stated=frozenset({source})) if u is None else Uncertain(value, {source: u})


def _check_fraction(what: str, value: float, *, zero_allowed: bool) -> None:
    if not (0 <= value <= 1 and (value > 0 or zero_allowed) and (value < 1 or not zero_allowed)):
        raise PhysicsError(f"A {what} of {value:g} is not possible: give a fraction between 0 and 1.",
                           code="marrow-fraction")  # fmt: skip
