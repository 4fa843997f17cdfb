"""What a result was made from: hashes of inputs and parameters, and versions of the software."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "xraylib",
    "SimpleITK",
    "pydicom",
    "highdicom",
    "nibabel",
    "typst",
    "matplotlib",
)
_CHUNK_BYTES = 1 << 20


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def hash_parameters(parameters: Any) -> str:
    """Return the SHA-256 of a JSON-compatible value in canonical form."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def hash_package() -> str:
    """Return the SHA-256 over all sources and data of this package.

    It belongs to the key of every stored step: a changed formula never meets an old intermediate result.
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(hash_file(path).encode())
    return digest.hexdigest()


def package_version() -> str:
    """Return the version of ``theradose``."""
    try:
        return version("theradose")
    except PackageNotFoundError:
        return "unknown"


def software_versions() -> dict[str, str]:
    """Return the versions of everything that touches the numbers."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "theradose": package_version(),
        "source_sha256": hash_package(),
        "python": platform.python_version(),
        **libraries,
    }
