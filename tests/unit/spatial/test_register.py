from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spatial_phantom import motion, torso_ct, torso_emission, torso_grid
from theradose.errors import GeometryError
from theradose.formats.transforms import write_transform
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform
from theradose.spatial.register import RegistrationInput, register, registration_methods

# In the middle of the torso, in both kidneys, at the edge of liver and spleen.
LANDMARKS = np.array([(0, 0, 0), (62, 52, -35), (-60, 50, -50), (-140, -10, 30), (125, 35, 45)], float)
MOTION = motion(rotation_deg=(2.0, -1.5, 4.0), shift_mm=(7.0, -5.0, 11.0))


def blank(frame: str | None = "1.2.3") -> Volume:
    grid = torso_grid(frame, step_mm=12.0)
    return torso_emission(grid)


def shifted_grid(offset: tuple[float, float, float], frame: str) -> tuple[Grid, RigidTransform]:
    shift = np.eye(4)
    shift[:3, 3] = offset
    grid = torso_grid(frame)
    return Grid(grid.shape, shift @ grid.affine_mm, frame), RigidTransform(shift)


def errors(found: RigidTransform, true: RigidTransform) -> tuple[float, float]:
    """Largest distance of the landmarks in mm, angle between the rotations in degrees."""
    distance = np.linalg.norm(found.apply(LANDMARKS) - true.apply(LANDMARKS), axis=1).max()
    return float(distance), RigidTransform(true.inverse().matrix @ found.matrix).rotation_deg


def test_ct_recovers_the_motion_of_the_patient_and_ignores_the_table() -> None:
    grid = torso_grid()
    reference = RegistrationInput("tp1", blank(), torso_ct(grid, seed=1))
    moving = RegistrationInput("tp2", blank(), torso_ct(grid, MOTION, seed=2))
    registration, findings = register(reference, moving)
    assert registration.method == "ct"
    distance, angle = errors(registration.transform, MOTION)
    # Required are 1 mm and 0.5°; noise and table leave a twentieth of a voxel.
    assert distance < 0.6
    assert angle < 0.2
    assert findings == ()
    quality = registration.quality
    assert quality["mutual_information_after"] > 1.2 * quality["mutual_information_before"]
    assert quality["rotation_deg"] == pytest.approx(MOTION.rotation_deg, abs=0.2)


@pytest.fixture(scope="module")
def different_kinetics() -> tuple[RegistrationInput, RegistrationInput, RigidTransform]:
    grid, shift = shifted_grid((1.3, -2.1, 55.0), "9.9")
    true = RigidTransform(shift.matrix @ MOTION.matrix)
    early = torso_emission(torso_grid(), seed=3)
    late = torso_emission(grid, true, late=True, seed=4, counts=5e5)
    return RegistrationInput("tp1", early), RegistrationInput("tp3", late), true


def test_emission_recovers_motion_with_other_kinetics_frame_and_origin(
    different_kinetics: tuple[RegistrationInput, RegistrationInput, RigidTransform],
) -> None:
    reference, moving, true = different_kinetics
    registration, findings = register(reference, moving)
    assert registration.method == "emission"
    distance, angle = errors(registration.transform, true)
    # Uptake that changes differently beside each organ moves its blurred edge: some tenths of a millimetre.
    assert distance < 1.0
    assert angle < 0.5
    assert [finding.code for finding in findings] == ["frames-of-reference-differ"]
    assert registration.quality["overlap_fraction"] > 0.95


def test_same_images_give_the_same_transform_and_the_inverse_when_exchanged(
    different_kinetics: tuple[RegistrationInput, RegistrationInput, RigidTransform],
) -> None:
    reference, moving, _ = different_kinetics
    first, _ = register(reference, moving)
    again, _ = register(reference, moving)
    assert np.array_equal(first.transform.matrix, again.transform.matrix)
    back, _ = register(moving, reference)
    distance, angle = errors(RigidTransform(back.transform.matrix @ first.transform.matrix), RigidTransform.identity())
    assert distance < 0.5
    assert angle < 0.3


def test_unrelated_images_are_called_poor() -> None:
    grid = torso_grid(step_mm=8.0)
    rng = np.random.default_rng(0)
    noise = [Volume(rng.exponential(1.0, grid.shape).astype(np.float32), grid) for _ in range(2)]
    _, findings = register(RegistrationInput("tp1", noise[0]), RegistrationInput("tp2", noise[1]), method="emission")
    assert "registration-poor" in [finding.code for finding in findings]


def test_identity_is_refused_for_differing_frames_and_stated_otherwise() -> None:
    reference = RegistrationInput("tp1", blank("1"))
    with pytest.raises(GeometryError, match="tp2") as refusal:
        register(reference, RegistrationInput("tp2", blank("2")), method="identity")
    assert refusal.value.code == "frames-of-reference-differ"
    for frame, severity in (("1", "info"), (None, "warning")):
        registration, findings = register(reference, RegistrationInput("tp2", blank(frame)), method="identity")
        assert np.array_equal(registration.transform.matrix, np.eye(4))
        assert [(f.code, f.severity) for f in findings] == [("alignment-stated", severity)]


def test_a_given_transform_is_used_whatever_the_method(tmp_path: Path) -> None:
    path = tmp_path / "tp2.tfm"
    write_transform(path, MOTION)
    moving = RegistrationInput("tp2", blank(), transform_path=path)
    registration, findings = register(RegistrationInput("tp1", blank()), moving, method="emission")
    assert registration.method == "file"
    assert np.allclose(registration.transform.matrix, MOTION.matrix)
    assert "transform-given" in [finding.code for finding in findings]
    assert "overlap_fraction" in registration.quality


def test_large_rotations_are_doubted(tmp_path: Path) -> None:
    path = tmp_path / "tp2.tfm"
    write_transform(path, motion(rotation_deg=(0, 0, 30), shift_mm=(0, 0, 0)))
    _, findings = register(RegistrationInput("tp1", blank()), RegistrationInput("tp2", blank(), transform_path=path))
    doubt = next(finding for finding in findings if finding.code == "registration-poor")
    assert "30°" in doubt.message
    assert doubt.where == "tp2"


def test_missing_inputs_are_named() -> None:
    lonely = RegistrationInput("tp1", blank())
    for method, code in (
        ("ct", "registration-no-ct"),
        ("file", "transform-missing"),
        ("elastic", "unknown-registration-method"),
    ):
        with pytest.raises(GeometryError) as refusal:
            register(lonely, lonely, method=method)
        assert refusal.value.code == code


def test_a_ct_in_another_frame_is_not_used() -> None:
    ct = torso_ct(torso_grid("7.7", step_mm=12.0))
    first = RegistrationInput("tp1", blank(), ct)
    registration, findings = register(first, replace(first, timepoint="tp2"))
    assert registration.method == "emission"
    assert "ct-in-another-frame" in [finding.code for finding in findings]


def test_every_method_is_described() -> None:
    assert registration_methods.names() == ("automatic", "ct", "emission", "identity", "file")
    assert all(entry.summary and entry.citation for entry in registration_methods)


def sheared(volume: Volume) -> Volume:
    """The same torso on a grid whose slices are offset as by a gantry tilt of 8°."""
    affine = volume.grid.affine_mm.copy()
    affine[1, 0] = np.tan(np.radians(8.0)) * volume.grid.spacing_mm[0]
    affine[1, 3] -= affine[1, 0] * (volume.grid.shape[0] - 1) / 2
    return torso_emission(Grid(volume.grid.shape, affine, volume.grid.frame_of_reference), seed=5)


def mirrored_axes(volume: Volume) -> Volume:
    """The same image with its columns stored from left to right: a left-handed grid."""
    affine = volume.grid.affine_mm.copy()
    affine[:3, 3] = volume.grid.to_lps((0, 0, volume.grid.shape[2] - 1))
    affine[:3, 2] *= -1
    return Volume(volume.data[:, :, ::-1], Grid(volume.grid.shape, affine, volume.grid.frame_of_reference))


@pytest.mark.parametrize("stored", [sheared, mirrored_axes])
def test_the_order_and_angle_of_the_stored_axes_do_not_matter(stored: Callable[[Volume], Volume]) -> None:
    still = torso_emission(torso_grid(step_mm=6.0), seed=5)
    moved = torso_emission(torso_grid(step_mm=6.0), MOTION, seed=6)
    registration, _ = register(RegistrationInput("tp1", stored(still)), RegistrationInput("tp2", moved))
    distance, angle = errors(registration.transform, MOTION)
    assert distance < 1.0
    assert angle < 0.5


def test_blank_images_are_refused_but_can_be_placed_by_the_user(tmp_path: Path) -> None:
    grid = Grid.axis_aligned((12, 12, 12), (4.0, 4.0, 4.0))
    empty = Volume(np.zeros(grid.shape, np.float32), grid)
    blank_input = RegistrationInput("tp2", empty)
    with pytest.raises(GeometryError) as refusal:
        register(RegistrationInput("tp1", blank()), blank_input)
    assert refusal.value.code == "registration-blank"
    path = tmp_path / "tp2.tfm"
    write_transform(path, MOTION)
    registration, findings = register(RegistrationInput("tp1", blank()), replace(blank_input, transform_path=path))
    assert registration.method == "file"
    assert "registration-poor" in [finding.code for finding in findings]
