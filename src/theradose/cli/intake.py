"""``theradose inspect`` and ``theradose import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import JsonOption, counted_progress, print_json, print_message, print_table


def inspect_command(
    path: Annotated[Path, typer.Argument(help="A file or a folder of DICOM, NIfTI or Interfile.")],
    as_json: JsonOption = False,
) -> None:
    """Say what the files are, what they contain, and what is missing for dosimetry."""
    from theradose.acquire.inspect import inspect_path

    with counted_progress("Reading headers") as progress:
        inspection = inspect_path(path, progress=progress)
    document = inspection.to_json()
    if as_json:
        print_json(document)
        return
    rows = [
        [
            series["kind"],
            series["modality"] or "-",
            str(series["n_files"]),
            "×".join(map(str, series["shape"] or ())) or "-",
            series["unit"] or "-",
            series["decay_reference"] or "-",
            "-" if series["total_activity_mbq"] is None else f"{series['total_activity_mbq']:.1f}",
            series["status"],
            series["id"],
        ]
        for series in document["series"]
    ]
    print_table(["kind", "modality", "files", "shape", "unit", "decay", "MBq", "status", "id"], rows)
    for series in document["series"]:
        for problem in series["problems"]:
            print_message(f"{series['id']}: {problem['message']} [{problem['code']}]")


def import_command(
    dicom_dir: Annotated[Path, typer.Argument(help="Folder with the DICOM of one treatment cycle.")],
    out: Annotated[Path, typer.Option("--out", help="Study file to write.")] = Path("study.yaml"),
    as_json: JsonOption = False,
) -> None:
    """Build a study file from a folder of DICOM; every value names the tag that it came from."""
    from theradose.acquire.study_import import import_study

    with counted_progress("Reading headers") as progress:
        report = import_study(dicom_dir, out, progress=progress)
    if as_json:
        print_json(report.to_json())
    else:
        print(out)
    for missing in report.missing:
        print_message(f"needed: {missing}")
