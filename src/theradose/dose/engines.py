"""Dose engines: from time-integrated activity and density to a dose map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from theradose.errors import PhysicsError
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Volume
from theradose.nuclides import Nuclide
from theradose.registry import Registry


@dataclass(frozen=True, slots=True, eq=False)
class DoseRequest:
    """What every engine gets.

    Attributes
    ----------
    tia : Volume
        Time-integrated activity concentration, MBq·h/mL.
    density : DensityMap
        g/mL on the same grid.
    nuclide : Nuclide
        With the nuclear data chosen for the study.
    """

    tia: Volume
    density: DensityMap
    nuclide: Nuclide

    def __post_init__(self) -> None:
        if not self.tia.grid.matches(self.density.grid):
            raise PhysicsError(
                "The density map and the time-integrated activity are on different grids: resample one of them.",
                code="grid-mismatch",
            )


DoseEngine = Callable[[DoseRequest], tuple[DoseMap, tuple[Finding, ...]]]

dose_engines: Registry[DoseEngine] = Registry("dose_engines", error=PhysicsError)
"""Every engine by name; ``local`` is the first."""
