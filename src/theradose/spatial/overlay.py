"""Two aligned images, to judge a registration by eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from theradose.model.grid import Volume
from theradose.model.transform import Registration
from theradose.spatial.averages import AIR_HU, average_volume
from theradose.spatial.registration_methods import RegistrationInput


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
            average_volume(moving.ct, grid, transform=transform, fill=AIR_HU),
        )
    moved = average_volume(moving.emission, grid, transform=transform)
    return AlignedPair(moving.timepoint, "emission", reference.emission, moved)
