"""Doses that are weighted for the biological effect of alpha particles, kept apart from absorbed dose.

There is no packaged weight: the effect depends on tissue, endpoint and dose, and whoever uses a weight states it.

References
----------
[Theradose]_ The name of the unit, ``Gy(RBE=5)``, so that it cannot be taken for an absorbed dose.
"""

from __future__ import annotations

from dataclasses import dataclass

from theradose.errors import PhysicsError
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class RbeWeightedDose:
    """A weighted dose; no :class:`Uncertain` in Gy, so that the two cannot be added by mistake.

    Attributes
    ----------
    weighted : Uncertain
        The number, in :attr:`unit`.
    rbe : float
        Weight of alpha particles and recoils against electrons and photons.
    """

    weighted: Uncertain
    rbe: float

    @property
    def unit(self) -> str:
        """Name of the unit, with the weight in it."""
        return f"Gy(RBE={self.rbe:g})"


def rbe_weighted_dose(*, dose_gy: Uncertain, alpha_gy: Uncertain, rbe: float) -> RbeWeightedDose:
    """Return the dose with the part of alpha particles weighted.

    Parameters
    ----------
    dose_gy : Uncertain
        Absorbed dose of all radiation.
    alpha_gy : Uncertain
        The part of alpha particles and recoils in it.
    rbe : float
        Weight, positive; the user states it.

    Raises
    ------
    PhysicsError
        ``rbe-invalid``.

    References
    ----------
    [Theradose]_
    """
    if not rbe > 0:
        raise PhysicsError(f"A biological effectiveness of {rbe:g} is none: state a positive number.",
                           code="rbe-invalid")  # fmt: skip
    return RbeWeightedDose(dose_gy + (rbe - 1.0) * alpha_gy, rbe)
