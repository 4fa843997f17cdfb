from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from spatial_phantom import motion
from theradose.errors import GeometryError
from theradose.formats.transforms import read_transform, write_transform

MOTION = motion(rotation_deg=(12.0, -7.0, 25.0), shift_mm=(10.0, -20.0, 30.0))
POINTS = np.array([(0.0, 0.0, 0.0), (100.0, 0.0, 0.0), (0.0, 50.0, -70.0)])


def euler(zyx: bool) -> sitk.Transform:
    transform = sitk.Euler3DTransform((5.0, -6.0, 7.0), 0.2, -0.3, 0.4, (1.0, 2.0, 3.0))
    transform.SetComputeZYX(zyx)
    return transform


def versor() -> sitk.Transform:
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter((5.0, -6.0, 7.0))
    transform.SetRotation((0.2, 0.5, -0.8), 0.7)
    transform.SetTranslation((1.0, 2.0, 3.0))
    return transform


def affine() -> sitk.Transform:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(MOTION.matrix[:3, :3].ravel())
    transform.SetTranslation(MOTION.matrix[:3, 3])
    transform.SetCenter((-3.0, 8.0, 1.0))
    return transform


@pytest.mark.parametrize(
    "transform", [euler(False), euler(True), versor(), affine()], ids=["euler", "zyx", "versor", "affine"]
)
def test_files_of_itk_mean_the_same_here(tmp_path: Path, transform: sitk.Transform) -> None:
    path = tmp_path / "moving.tfm"
    sitk.WriteTransform(transform, str(path))
    expected = np.array([transform.TransformPoint(point) for point in POINTS])
    assert np.allclose(read_transform(path).apply(POINTS), expected, atol=1e-9)


def test_what_is_written_is_read_here_and_by_itk(tmp_path: Path) -> None:
    path = tmp_path / "moving.tfm"
    write_transform(path, MOTION)
    assert np.array_equal(read_transform(path).matrix, MOTION.matrix)
    itk = sitk.ReadTransform(str(path))
    assert np.allclose([itk.TransformPoint(point) for point in POINTS], MOTION.apply(POINTS))


def test_a_plain_matrix_may_have_comments_and_commas(tmp_path: Path) -> None:
    path = tmp_path / "matrix.txt"
    rows = [", ".join(f"{number:.12f}" for number in row) for row in MOTION.matrix]
    path.write_text("# reference to moving\n" + "\n".join(rows) + "\n")
    assert np.allclose(read_transform(path).matrix, MOTION.matrix, atol=1e-10)


def itk_text(kind: str, parameters: str, fixed: str) -> str:
    head = "#Insight Transform File V1.0\n#Transform 0\n"
    return f"{head}Transform: {kind}_double_3_3\nParameters: {parameters}\nFixedParameters: {fixed}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "transform-unreadable"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", "transform-unreadable"),
        ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2\n", "transform-unreadable"),
        ("1 0 0 x\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "transform-unreadable"),
        ("1 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "transform-unreadable"),
        ("1 0 0 nan\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "transform-unreadable"),
        ("1.1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "transform-not-rigid"),
        ("-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "transform-not-rigid"),
        (itk_text("BSplineTransform", "1 2", "0"), "transform-unreadable"),
        (itk_text("Euler3DTransform", "0 0 0 1", "0 0 0"), "transform-unreadable"),
        (itk_text("VersorRigid3DTransform", "0 0 0 1 2 3", ""), "transform-unreadable"),
        (itk_text("AffineTransform", "1 0 0 0 1 0 0 0 1 nan 0 0", "0 0 0"), "transform-unreadable"),
        (itk_text("Euler3DTransform", "0 0 0 1 2 3", "0 0 0") * 2, "transform-unreadable"),
        ("#Insight Transform File V1.0\nTransform: CompositeTransform_double_3_3\n", "transform-unreadable"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "moving.tfm"
    path.write_text(text)
    with pytest.raises(GeometryError, match=r"moving\.tfm") as refusal:
        read_transform(path)
    assert refusal.value.code == code


def test_missing_binary_and_endless_files_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.mat"
    binary.write_bytes(b"\xff\xfe\x00\x81" * 10)
    endless = tmp_path / "endless.txt"
    endless.write_text("0 " * 100_000)
    for path in (tmp_path / "absent.tfm", binary, endless):
        with pytest.raises(GeometryError) as refusal:
            read_transform(path)
        assert refusal.value.code == "transform-unreadable"
