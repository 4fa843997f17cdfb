"""Two aligned images, to judge a registration by eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theradose.model.grid import Grid, Volume
from theradose.model.transform import Registration, RigidTransform
from theradose.spatial.averages import AIR_HU, average_volume, block_mean
from theradose.spatial.registration_methods import RegistrationInput
from theradose.spatial.resample import resample_volume


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPair:
    """The images of two time points on the grid of the reference emission image.

    Attributes
    ----------
    timepoint : str
        The time point that was moved.
    kind : {"ct", "emission"}
        What is shown: HU, or the values of the emission images.
    reference, moving : Volume
        Fixed and moved image.
    """

    timepoint: str
    kind: Literal["ct", "emission"]
    reference: Volume
    moving: Volume


def aligned_pair(reference: RegistrationInput, moving: RegistrationInput, registration: Registration) -> AlignedPair:
    """Return both images on the reference emission grid: the CTs if these were registered, else the emissions.

    Parameters
    ----------
    reference, moving : RegistrationInput
        The two time points. What lies on the reference grid already is taken as it is.
    registration : Registration
        Outcome of `register` for them.
    """
    grid, transform = reference.emission.grid, registration.transform
    if registration.method == "ct" and reference.ct is not None and moving.ct is not None:
        return AlignedPair(
            moving.timepoint,
            "ct",
            average_volume(reference.ct, grid, fill=AIR_HU),
            _shown(moving.ct, grid, transform, fill=AIR_HU),
        )
    return AlignedPair(
        moving.timepoint, "emission", reference.emission, _shown(moving.emission, grid, transform, fill=0)
    )


def _shown(volume: Volume, grid: Grid, transform: RigidTransform, *, fill: float) -> Volume:
    """Return a volume on another grid for the eye: means of whole blocks, then interpolated, which is much faster
    than exact means over turned voxels.
    """
    z, y, x = (max(1, round(new / old)) for new, old in zip(grid.spacing_mm, volume.grid.spacing_mm, strict=True))
    return resample_volume(block_mean(volume, (z, y, x), fill=fill), grid, transform=transform, fill=fill)
