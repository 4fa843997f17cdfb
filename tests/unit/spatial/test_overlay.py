from __future__ import annotations

import numpy as np
import pytest

from spatial_phantom import motion, torso_ct, torso_emission, torso_grid
from theradose.model.transform import Registration
from theradose.spatial.overlay import aligned_pair, overlay_planes
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


def test_planes_cut_the_chosen_voxel_and_the_checkerboard_mixes_both() -> None:
    pair = aligned_pair(*inputs(), Registration(MOTION, "emission"))
    planes = overlay_planes(pair, centre=(10, 20, 30))
    assert [(plane.axis, plane.index) for plane in planes] == [(0, 10), (1, 20), (2, 30)]
    nz, ny, nx = GRID.shape
    assert [plane.reference.shape for plane in planes] == [(ny, nx), (nz, nx), (nz, ny)]
    axial = planes[0]
    assert np.array_equal(axial.reference, pair.reference.data[10])
    assert axial.spacing_mm == (8.0, 8.0)
    assert 0.0 <= axial.checkerboard.min() <= axial.checkerboard.max() <= 1.0
    # Tiles of 40 mm are five voxels wide: the first shows the reference, the next the moving image.
    top = [float(np.quantile(volume.data, 0.999)) for volume in (pair.reference, pair.moving)]
    assert np.allclose(
        axial.checkerboard[25:30, 25:30], np.clip(axial.reference[25:30, 25:30] / top[0], 0, 1), atol=1e-5
    )
    assert np.allclose(axial.checkerboard[25:30, 20:25], np.clip(axial.moving[25:30, 20:25] / top[1], 0, 1), atol=1e-5)


def test_middle_is_the_default_and_a_flat_image_has_a_range() -> None:
    reference, _ = inputs()
    pair = aligned_pair(reference, reference, Registration(motion(rotation_deg=(0, 0, 0), shift_mm=(0, 0, 0)), "ct"))
    planes = overlay_planes(pair)
    assert [plane.index for plane in planes] == [n // 2 for n in GRID.shape]
    assert np.array_equal(planes[0].reference, planes[0].moving)
