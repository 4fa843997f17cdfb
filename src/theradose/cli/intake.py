"""``theradose inspect`` and ``theradose import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from theradose.cli.output import JsonOption, counted_progress, print_json, print_message, print_table

_BAD_INPUT = 2
_COLUMNS = ["kind", "modality", "files", "shape", "unit", "decay", "nuclide", "MBq given", "acquired", "t / h", "MBq",
            "status", "path"]  # fmt: skip


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
    several = len({series["patient_id"] for series in document["series"]} - {None}) > 1
    headers = [*_COLUMNS, "patient"] if several else _COLUMNS
    print_table(headers, [_cells(series)[: len(headers)] for series in document["series"]])
    for warning in document["warnings"]:
        print_message(f"warning: {warning['message']} [{warning['code']}]")
    for series in document["series"]:
        for problem in series["problems"]:
            print_message(f"{series['path']}: {problem['message']} [{problem['code']}]")
    ignored = sum(entry["code"] == "not-dicom" for entry in document["quarantined"])
    if ignored and path.is_dir():
        print_message(f"{ignored} {'file is' if ignored == 1 else 'files are'} neither DICOM, NIfTI nor Interfile.")


def import_command(
    dicom_dir: Annotated[Path, typer.Argument(help="Folder with the DICOM of one treatment cycle.")],
    out: Annotated[Path, typer.Option("--out", help="Study file to write.")] = Path("study.yaml"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing study file, which is kept as .bak.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a study file from a folder of DICOM; every value names the tag that it came from."""
    from theradose.acquire.study_import import import_study

    with counted_progress("Reading headers") as progress:
        report = import_study(dicom_dir, out, force=force, progress=progress)
    if as_json:
        print_json(report.to_json())
    else:
        print(out)
    for item in report.refused:
        print_message(f"refused: {item.kind} {item.file}: {item.message} [{item.code}]")
    for missing in report.missing:
        print_message(f"needed: {missing}")
    if not report.complete:
        raise typer.Exit(_BAD_INPUT)


def _cells(series: dict[str, Any]) -> list[str]:
    acquired = series["acquisition_time"]
    return [
        series["kind"],
        _or_dash(series["modality"]),
        str(series["n_files"]),
        _or_dash("×".join(map(str, series["shape"] or ()))),
        _or_dash(series["unit"]),
        _or_dash(series["decay_reference"]),
        _or_dash(series["nuclide"]),
        _number(series["injected_mbq"], 1),
        _or_dash(acquired and acquired[:16].replace("T", " ")),
        _number(series["t_h"], 2),
        _number(series["total_activity_mbq"], 1),
        series["status"],
        series["path"],
        _or_dash(series["patient_id"]),
    ]


def _or_dash(text: str | None) -> str:
    return text or "-"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
