"""Volumes of interest of one or more treatments: what belongs together, and whether it can be used.

References
----------
[Vallot2024]_ Marrow of L2 to L4 as one volume in up to four images of a treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from theradose.formats.tables_samples import refuse_cell
from theradose.formats.tables_vois import read_voi_rows
from theradose.model.vois import VoiImage, VoiSeries


def read_vois(path: Path) -> tuple[VoiSeries, ...]:
    """Read a table of volumes of interest and group it by treatment.

    Parameters
    ----------
    path : Path
        CSV with the header of ``docs/formats/marrow_vois.md``. Without the columns ``subject`` and ``cycle`` it holds
        one treatment, which is named after the file.

    Raises
    ------
    StudyError
        One sentence with line and column for the first row that cannot be used, or that contradicts the others of
        its treatment.

    References
    ----------
    [Vallot2024]_
    """
    groups: dict[tuple[str, str | None], list[VoiImage]] = {}
    for subject, cycle, image in read_voi_rows(path):
        groups.setdefault((subject or path.stem, cycle), []).append(image)
    for images in groups.values():
        _check_alike(images)
    return tuple(VoiSeries(subject, cycle, tuple(images)) for (subject, cycle), images in groups.items())


def _check_alike(images: Sequence[VoiImage]) -> None:
    first = images[0]
    for image in images:
        if image.quantity != first.quantity:
            raise refuse_cell(
                image.origin,
                image.quantity,
                f"the value is in another unit than in line {first.origin.line}: give 'activity_mbq' in all rows of a "
                "treatment, or 'concentration_mbq_l' in all.",
                "mixed-units",
            )
