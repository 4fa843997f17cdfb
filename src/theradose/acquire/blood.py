"""Blood samples of one or more treatments: what belongs together, and whether it can be used.

References
----------
[Vallot2024]_ Samples of a cohort, with specimen and unit as a centre writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from theradose.formats.tables_samples import read_blood_rows, refuse_cell
from theradose.model.samples import BloodSample, BloodSeries, Specimen


def read_blood(
    path: Path,
    *,
    specimen: Specimen | None = None,
    haematocrit: float | None = None,
    haematocrits: Mapping[tuple[str, str | None], float] | None = None,
) -> tuple[BloodSeries, ...]:
    """Read a table of blood samples and group it by treatment.

    Parameters
    ----------
    path : Path
        CSV with the headers of ``docs/formats/blood.md``. Without the columns ``subject`` and ``cycle`` it holds
        one treatment, which is named after the file.
    specimen : {"blood", "plasma", "serum"}, optional
        Specimen of rows that do not state one.
    haematocrit : float, optional
        Haematocrit of rows that do not state one.
    haematocrits : mapping of (str, str or None) to float, optional
        The same by subject and cycle; it comes before `haematocrit`.

    Raises
    ------
    StudyError
        One sentence with line and column for the first row that cannot be used, or that contradicts the others of
        its treatment (unit, specimen).

    References
    ----------
    [Vallot2024]_
    """
    groups: dict[tuple[str, str | None], list[BloodSample]] = {}
    for subject, cycle, sample in read_blood_rows(path):
        key = (subject or path.stem, cycle)
        stated = (haematocrits or {}).get(key, haematocrit) if sample.haematocrit is None else sample.haematocrit
        completed = replace(sample, specimen=sample.specimen or specimen, haematocrit=stated)
        groups.setdefault(key, []).append(completed)
    for samples in groups.values():
        _check_alike(samples)
    return tuple(BloodSeries(subject, cycle, tuple(samples)) for (subject, cycle), samples in groups.items())


def _check_alike(samples: Sequence[BloodSample]) -> None:
    """Refuse a treatment whose rows are in different units or from different specimens, or plasma without cells."""
    first = samples[0]
    for sample in samples:
        if type(sample.measurement) is not type(first.measurement):
            raise refuse_cell(
                sample.origin,
                "counts",
                f"the value is in another unit than in line {first.origin.line}: give 'counts' in all rows of a "
                "treatment, or 'concentration_mbq_l' in all.",
                "mixed-units",
            )
        if sample.specimen != first.specimen:
            raise refuse_cell(
                sample.origin,
                "specimen",
                f"'{sample.specimen or 'empty'}' differs from '{first.specimen or 'empty'}' in line "
                f"{first.origin.line}: use one specimen for all samples of a treatment.",
                "mixed-specimens",
            )
        if sample.specimen in ("plasma", "serum") and sample.haematocrit is None:
            raise refuse_cell(
                sample.origin,
                "haematocrit",
                f"a {sample.specimen} sample needs the haematocrit, because only the part 1 - haematocrit of blood "
                f"is {sample.specimen}: write it as a fraction, for example 0.42.",
                "haematocrit-missing",
            )
