"""Tables of S values in files: which layout a file has, and what its unit means.

Layouts are the project's own CSV (:mod:`.s_table_csv`), the matrix that OLINDA 2 exports (:mod:`.s_table_olinda`) and
the JSON of OpenDose (:mod:`.s_table_opendose`). Regions keep the names of the file.
"""

from __future__ import annotations

from pathlib import Path

from theradose.errors import StudyError
from theradose.formats.s_table_csv import is_s_table_csv, read_s_table_csv
from theradose.formats.s_table_olinda import read_olinda
from theradose.formats.s_table_opendose import read_opendose
from theradose.formats.s_table_statement import Stated
from theradose.model.s_values import SValueTable

NOTHING_STATED = Stated()


def read_s_table(path: Path, *, stated: Stated = NOTHING_STATED) -> SValueTable:
    """Read a table of S values.

    Parameters
    ----------
    path : Path
        CSV file, JSON file of one source, or folder of JSON files of many sources.
    stated : Stated
        What the user says of the file; what the file says itself must not contradict it.

    Raises
    ------
    StudyError
        With file and line: a value that is negative or no number, a pair that occurs twice, a row of wrong length;
        ``s-table-unit`` and ``s-table-nuclide`` where neither the file nor the user states them, or both differently.
    """
    if not path.exists():
        raise StudyError(f"There is no table of S values at {path}: correct the path.", code="s-table-unreadable")
    if path.is_dir() or path.suffix.lower() == ".json":
        return read_opendose(path, stated)
    if is_s_table_csv(path):
        return read_s_table_csv(path, stated)
    return read_olinda(path, stated)
