"""S values of OpenDose: one JSON file for each source, in a folder named after the phantom.

A file is a list of rows: target, S value and its absolute standard deviation in mGy/(MBq s), mass of the target in g.
Nuclide and source stand in its name, ``lu-177_liver.json``.

References
----------
[Chauvin2020]_ The project.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from theradose.errors import PhysicsError, StudyError
from theradose.formats.s_table_statement import Stated, agreed_nuclide, agreed_unit, checked_number, unit_factor
from theradose.model.s_values import SValue, SValueOrigin, SValueTable
from theradose.nuclides import canonical_nuclide
from theradose.provenance import hash_file

_UNIT = "mGy/(MBq s)"
_ROW = 4


def read_opendose(path: Path, stated: Stated) -> SValueTable:
    """Read one source, or all sources of a nuclide in a folder.

    Raises
    ------
    StudyError
        As :func:`theradose.formats.s_table.read_s_table`; ``s-table-layout`` for a folder without files of the nuclide.
    """
    files = [path] if path.is_file() else _files_of(path, stated.nuclide)
    nuclide = agreed_nuclide(files[0].stem.partition("_")[0], stated.nuclide, files[0].name)
    unit = agreed_unit(_UNIT, stated.unit, path.name)
    values: dict[tuple[str, str], SValue] = {}
    masses: dict[str, float] = {}
    for file in files:
        rows = _rows(file)
        source = _source(file, [str(row[0]) for row in rows])
        for number, row in enumerate(rows, start=1):
            target = str(row[0])
            s, u, mass = (
                checked_number(str(cell), file=file, line=number, column=column)
                for cell, column in zip(row[1:], ("S", "standard deviation", "mass"), strict=True)
            )
            if (target, source) in values:
                raise StudyError(f"{file.name}, row {number}: '{target}' occurs twice: keep one.", code="s-table-twice")
            factor = unit_factor(unit, file.name)
            values[target, source] = SValue(s * factor, u * factor)
            masses[target] = mass
    folder = path if path.is_dir() else path.parent
    return SValueTable(
        nuclide=nuclide,
        phantom=stated.phantom or folder.name.replace("_", " "),
        values=values,
        mass_g={target: mass for target, mass in masses.items() if mass > 0},
        origin=SValueOrigin(
            source=stated.reference or "OpenDose",
            status="stated",
            file=path.name,
            sha256=_hash_files(files),
            unit=unit,
        ),
    )


def _files_of(folder: Path, nuclide: str | None) -> list[Path]:
    if nuclide is None:
        raise StudyError(
            f"The folder {folder.name} may hold many nuclides: state one, for example Lu-177.", code="s-table-nuclide"
        )
    wanted = agreed_nuclide(None, nuclide, folder.name)
    files = [path for path in sorted(folder.glob("*_*.json")) if _nuclide_of(path) == wanted]
    if not files:
        raise StudyError(
            f"The folder {folder.name} has no file of {wanted}, such as {wanted.lower()}_liver.json: give the folder "
            "of one phantom of OpenDose.",
            code="s-table-layout",
        )
    return files


def _nuclide_of(path: Path) -> str | None:
    try:
        return canonical_nuclide(path.stem.partition("_")[0])
    except PhysicsError:
        return None


def _rows(file: Path) -> list[list[Any]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StudyError(f"{file.name} is not readable JSON: export it again.", code="s-table-unreadable") from None
    if not isinstance(rows, list) or not rows:
        raise StudyError(f"{file.name} holds no rows: export it again.", code="s-table-layout")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != _ROW:
            raise StudyError(
                f"{file.name}, row {number}: a row is target, S value, standard deviation and mass of the target.",
                code="s-table-row",
            )
    return rows


def _source(file: Path, targets: list[str]) -> str:
    """Return the source in the name of a file, spelled as among the targets."""
    name = file.stem.partition("_")[2]
    return next((target for target in targets if target.casefold() == name.casefold()), name)


def _hash_files(files: list[Path]) -> str:
    if len(files) == 1:
        return hash_file(files[0])
    return hashlib.sha256("".join(hash_file(file) for file in files).encode()).hexdigest()
