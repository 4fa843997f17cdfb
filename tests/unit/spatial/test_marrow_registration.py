"""The vertebrae are found where they are, or the alignment of the whole image is used and said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spine_phantom import CT_GRID, spine, spine_ct
from theradose.data import load_yaml
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform
from theradose.spatial.marrow_registration import GLOBAL, LOCAL, register_vertebrae

STILL = RigidTransform.identity()


def motion(*, shift_mm=(0.0, 0.0, 0.0), rotation_deg=(0.0, 0.0, 0.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return RigidTransform(matrix)


def test_a_motion_of_the_spine_alone_is_found():
    true = motion(shift_mm=(3.0, -4.0, 2.5), rotation_deg=(2.0, -1.0, 1.5))
    registration, findings = register_vertebrae(
        spine(),
        reference_ct=spine_ct(noise_hu=30.0),
        moving_ct=spine_ct(moved=true, noise_hu=30.0, seed=1),
        start=STILL,
    )
    assert registration.method == LOCAL
    assert findings == ()
    # The corners of the vertebrae, 40 to 50 mm from the middle: half a voxel of the CT.
    corners = np.array([[x, y, z] for x in (-20, 20) for y in (-16, 16) for z in (-50, 50)], float)
    errors = np.linalg.norm(registration.transform.apply(corners) - true.apply(corners), axis=1)
    assert errors.max() < 1.0
    assert registration.quality["shift_mm"] == pytest.approx(np.linalg.norm((3.0, -4.0, 2.5)), abs=1.0)


def test_the_search_begins_at_the_global_alignment():
    """A shift of more than a vertebra is right if the whole image says so."""
    true = motion(shift_mm=(0.0, 0.0, 37.0))
    grid = Grid.axis_aligned((64, 48, 48), (2.0, 2.0, 2.0), (-47.0, -47.0, -26.0), CT_GRID.frame_of_reference)
    registration, _ = register_vertebrae(
        spine(), reference_ct=spine_ct(), moving_ct=spine_ct(grid, true), start=motion(shift_mm=(1.0, 1.0, 35.0))
    )
    assert registration.method == LOCAL
    assert np.linalg.norm(registration.transform.matrix[:3, 3] - (0, 0, 37)) < 1.0


def test_without_ct_the_global_alignment_is_used():
    start = motion(shift_mm=(1.0, 2.0, 3.0))
    registration, findings = register_vertebrae(spine(), reference_ct=spine_ct(), moving_ct=None, start=start)
    assert registration.method == GLOBAL
    assert registration.transform is start
    assert [finding.code for finding in findings] == ["marrow-registration-global"]


def test_vertebrae_outside_the_other_ct_are_said():
    registration, findings = register_vertebrae(
        spine(), reference_ct=spine_ct(), moving_ct=spine_ct(), start=motion(shift_mm=(0.0, 0.0, 900.0))
    )
    assert registration.method == GLOBAL
    assert "outside the CT" in findings[0].message


def test_a_jump_is_not_believed(monkeypatch):
    """The vertebra two steps further looks alike; a search that ends there went astray."""
    far = motion(shift_mm=(0.0, 0.0, 36.0))
    monkeypatch.setattr(
        "theradose.spatial.marrow_registration.register_rigid",
        lambda *_, **__: type("Fit", (), {"transform": far, "converged": True})(),
    )
    registration, findings = register_vertebrae(spine(), reference_ct=spine_ct(), moving_ct=spine_ct(), start=STILL)
    assert registration.method == GLOBAL
    assert "36 mm" in findings[0].message
    assert load_yaml("marrow_image.yaml")["largest_local_shift"]["value"] < 36


@pytest.mark.parametrize(
    ("transform", "converged", "reason"),
    [
        (motion(), False, "limit of steps"),
        (motion(rotation_deg=(0.0, 0.0, 15.0)), True, "15°"),
        (motion(shift_mm=(12.0, 0.0, 0.0)), True, "agree less"),
    ],
)
def test_a_poor_search_is_not_used(monkeypatch, transform, converged, reason):
    monkeypatch.setattr(
        "theradose.spatial.marrow_registration.register_rigid",
        lambda *_, **__: type("Fit", (), {"transform": transform, "converged": converged})(),
    )
    _, findings = register_vertebrae(spine(), reference_ct=spine_ct(), moving_ct=spine_ct(), start=STILL)
    assert reason in findings[0].message


def test_the_same_images_give_the_same_transform():
    moved = Volume(spine_ct(moved=motion(shift_mm=(2.0, 0.0, 1.0)), noise_hu=20.0, seed=1).data, CT_GRID)
    found = [
        register_vertebrae(spine(), reference_ct=spine_ct(), moving_ct=moved, start=STILL)[0].transform.matrix
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*found)
