from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spatial_phantom import motion, torso_ct, torso_emission, torso_grid
from theradose.model.transform import Registration
from theradose.spatial.overlay import aligned_pair
from theradose.spatial.registration_methods import RegistrationInput

GRID = torso_grid(step_mm=8.0)
MOTION = motion(rotation_deg=(0, 0, 5), shift_mm=(16, 0, 8))


def inputs() -> tuple[RegistrationInput, RegistrationInput]:
    still = RegistrationInput("tp1", torso_emission(GRID), torso_ct(GRID))
    moved = RegistrationInput("tp2", torso_emission(GRID, MOTION, seed=1), torso_ct(GRID, MOTION, seed=1))
    return still, moved


@pytest.mark.parametrize(("method", "kind"), [("ct", "ct"), ("emission", "emission"), ("file", "emission")])
def test_the_images_that_were_registered_are_shown_aligned(method: str, kind: str) -> None:
    pair = aligned_pair(*inputs(), Registration(MOTION, method))
    assert (pair.timepoint, pair.kind) == ("tp2", kind)
    assert pair.reference.grid.matches(GRID)
    assert pair.moving.grid.matches(GRID)
    # The middle of the patient, without the table, which does not move.
    inner = (slice(8, -8), slice(12, 34), slice(8, -8))
    aligned = np.corrcoef(pair.reference.data[inner].ravel(), pair.moving.data[inner].ravel())[0, 1]
    unmoved = inputs()[1].ct if kind == "ct" else inputs()[1].emission
    assert unmoved is not None
    before = np.corrcoef(pair.reference.data[inner].ravel(), unmoved.data[inner].ravel())[0, 1]
    assert aligned > before + 0.05


def test_a_reference_on_the_grid_is_taken_as_it_is() -> None:
    reference, moving = inputs()
    for kind, image in (("ct", reference.ct), ("emission", reference.emission)):
        pair = aligned_pair(reference, moving, Registration(MOTION, kind))
        assert image is not None
        assert np.shares_memory(pair.reference.data, image.data)


def test_without_a_ct_at_both_the_emissions_are_shown() -> None:
    reference, moving = inputs()
    pair = aligned_pair(replace(reference, ct=None), moving, Registration(MOTION, "ct"))
    assert pair.kind == "emission"
