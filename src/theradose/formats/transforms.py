"""Rigid transforms in text files: ITK transform files and plain 4 × 4 matrices.

Both map points of the reference space to points of the moving space, in LPS mm. This is the direction of ITK
(fixed to moving) and of what registration programs write as "transform file".
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.transform import RigidTransform

_LARGEST_BYTES = 65_536


def read_transform(path: Path) -> RigidTransform:
    """Read a rigid transform from reference to moving points.

    Parameters
    ----------
    path : Path
        ITK text (``.tfm``, ``.txt``) with one Euler3D, VersorRigid3D or affine transform, or 16 numbers in
        four rows.

    Returns
    -------
    RigidTransform
        Reference to moving, LPS mm.

    Raises
    ------
    GeometryError
        ``transform-unreadable`` for other content, ``transform-not-rigid`` if it scales, shears or mirrors.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.stat().st_size <= _LARGEST_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "it cannot be read as text") from error
    matrix = _read_itk(path, text) if text.startswith("#Insight Transform File") else _read_matrix(path, text)
    try:
        return RigidTransform(matrix)
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}", code=error.code) from None


def write_transform(path: Path, transform: RigidTransform) -> None:
    """Write a transform as an ITK text file that registration programs and 3D Slicer read."""
    numbers = [*transform.matrix[:3, :3].ravel(), *transform.matrix[:3, 3]]
    lines = (
        "#Insight Transform File V1.0",
        "#Transform 0",
        "Transform: AffineTransform_double_3_3",
        "Parameters: " + " ".join(f"{number:.17g}" for number in numbers),
        "FixedParameters: 0 0 0",
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_matrix(path: Path, text: str) -> Array:
    rows = [line.split("#")[0].replace(",", " ").split() for line in text.splitlines()]
    try:
        matrix = np.array([[float(number) for number in row] for row in rows if row])
    except ValueError as error:
        raise _unreadable(path, "it holds something else than numbers") from error
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
        raise _unreadable(path, "it does not hold four rows of four numbers")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise _unreadable(path, "its last row is not 0 0 0 1")
    return matrix


def _read_itk(path: Path, text: str) -> Array:
    fields = [line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#")]
    names = [name.strip() for name, _ in fields]
    if sorted(names) != ["FixedParameters", "Parameters", "Transform"]:
        raise _unreadable(path, "it must hold exactly one transform")
    values = {name.strip(): value.strip() for name, value in fields}
    kind = values["Transform"].split("_")[0]
    try:
        parameters = np.array([float(number) for number in values["Parameters"].split()])
        fixed = np.array([float(number) for number in values["FixedParameters"].split()])
        rotation, translation = _rotation_of(kind, parameters, fixed)
        centre = fixed[:3]
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = translation + centre - rotation @ centre
        if not np.all(np.isfinite(matrix)):
            raise ValueError("not finite")
    except (KeyError, ValueError) as error:
        raise _unreadable(path, f"its {kind} is not a complete Euler3D, VersorRigid3D or affine transform") from error
    return matrix


def _rotation_of(kind: str, parameters: Array, fixed: Array) -> tuple[Array, Array]:
    """Return rotation (3, 3) and translation (3,); KeyError or ValueError if there are none."""
    if kind in ("AffineTransform", "MatrixOffsetTransformBase"):
        return parameters[:9].reshape(3, 3), parameters[9:].reshape(3)
    if kind == "Euler3DTransform":
        x, y, z = (_about(axis, angle) for axis, angle in enumerate(parameters[:3]))
        # ITK turns about y, then x, then z unless the file asks for the order x, y, z.
        ordered = len(fixed) > 3 and fixed[3] != 0
        return (z @ y @ x if ordered else z @ x @ y), parameters[3:].reshape(3)
    if kind == "VersorRigid3DTransform":
        return _versor(parameters[:3].reshape(3)), parameters[3:].reshape(3)
    raise KeyError(kind)


def _about(axis: int, angle: float) -> Array:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = math.cos(angle)
    rotation[first, second], rotation[second, first] = -math.sin(angle), math.sin(angle)
    return rotation


def _versor(right: Array) -> Array:
    """Rotation of the unit quaternion with vector part `right`."""
    scalar = math.sqrt(max(0.0, 1.0 - float(right @ right)))
    x, y, z = right
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Array = np.eye(3) + 2.0 * (scalar * cross + cross @ cross)
    return rotation


def _unreadable(path: Path, why: str) -> GeometryError:
    return GeometryError(
        f"{path.name} is not a transform that can be used: {why}. Give an ITK text file or a 4 × 4 matrix from "
        "reference to moving points in LPS mm.",
        code="transform-unreadable",
    )
