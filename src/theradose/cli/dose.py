"""``theradose dose``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.cli.engine_options import (
    DeviceOption,
    HistoriesOption,
    MaterialNamesOption,
    MaterialsOption,
    NuclearDataName,
    NuclearDataOption,
    SeedOption,
    TargetOption,
    ThreadsOption,
    TimeLimitOption,
    parsed_transport,
)
from theradose.cli.options import parsed_labels
from theradose.cli.output import (
    INTERRUPTED_EXIT,
    EndedEarly,
    JsonOption,
    engine_progress,
    print_findings,
    print_json,
    print_message,
    print_table,
)

if TYPE_CHECKING:
    from theradose.workflow.dose_of_maps import MapDose


def dose_command(
    tia: Annotated[Path, typer.Option("--tia", help="Time-integrated activity in MBq·h/mL (NIfTI).")],
    density: Annotated[Path, typer.Option("--density", help="Density in g/mL on the same grid (NIfTI).")],
    nuclide: Annotated[str, typer.Option("--nuclide", help="For example Lu-177.")],
    engine: Annotated[str, typer.Option("--engine", help="Dose engine; see 'theradose info'.")],
    out: Annotated[Path, typer.Option("--out", help="Dose map to write, Gy (NIfTI).")],
    materials: MaterialsOption = None,
    material_names: MaterialNamesOption = None,
    histories: HistoriesOption = None,
    target_u: TargetOption = None,
    target_voxel_u: Annotated[
        str | None, typer.Option("--target-voxel-u", help="Uncertainty of their voxels to reach, such as '5 %'.")
    ] = None,
    time_limit: TimeLimitOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "processor",
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    regions: Annotated[
        Path | None, typer.Option("--regions", help="Labels of regions whose mean dose is wanted (NIfTI).")
    ] = None,
    region_names: Annotated[
        str | None, typer.Option("--region-names", help="What they mean: 1=liver,2=spleen; all labels by default.")
    ] = None,
    cross_check: Annotated[str | None, typer.Option("--cross-check", help="Second engine to compare with.")] = None,
    u_out: Annotated[Path | None, typer.Option("--u-out", help="Statistical uncertainty to write, Gy (NIfTI).")] = None,
    difference_out: Annotated[
        Path | None, typer.Option("--difference-out", help="Dose of the cross-check minus the dose, Gy (NIfTI).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the dose of a map of time-integrated activity in a map of density."""
    from theradose.workflow.dose_of_maps import MapFiles, dose_of_maps

    files = MapFiles(
        tia=tia,
        density=density,
        dose=out,
        materials=materials,
        material_names=parsed_labels(material_names, "--material-names"),
        regions=regions,
        region_names=parsed_labels(region_names, "--region-names"),
        u=u_out,
        difference=difference_out,
    )
    transport = parsed_transport(
        histories=histories,
        target_u=target_u,
        target_voxel_u=target_voxel_u,
        time_limit=time_limit,
        seed=seed,
        threads=threads,
        device=device,
    )
    with engine_progress(engine) as progress:
        finished = dose_of_maps(
            files,
            nuclide=nuclide,
            engine=engine,
            transport=transport,
            nuclear_data=nuclear_data.value,
            cross_check=cross_check,
            progress=progress,
        )
    print_findings((*finished.findings, *finished.cross_findings))
    if as_json:
        print_json(finished.to_json())
    else:
        _print_tables(finished)
    for path in (out, u_out, difference_out):
        if path is not None:
            print_message(f"wrote {path}")
    if finished.interrupted:
        raise EndedEarly("Interrupted: the maps hold what was computed until then.", INTERRUPTED_EXIT)


def _print_tables(finished: MapDose) -> None:
    from theradose.numbers import format_number

    document = finished.to_json()
    energies = [
        [part["radiation"], *(format_number(part[key]) for key in ("emitted_j", "deposited_j", "escaped_j"))]
        for part in document["energy"]
    ]
    if energies:
        print_table(["energy", "emitted J", "deposited J", "escaped J"], energies)
    if document["regions"]:
        print_table(*_region_table(document))


def _region_table(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    from theradose.model.result import Estimate
    from theradose.numbers import format_number, format_sampled

    headers = ["region", "mL", "g", "MBq·h", "Gy"]
    rows = [
        [
            region["name"],
            *(format_number(region[key]) for key in ("volume_ml", "mass_g", "tia_mbq_h")),
            format_sampled(Estimate(**region["dose_gy"])),
        ]
        for region in document["regions"]
    ]
    if (cross := document["cross_check"]) is not None:
        headers += [f"{cross['engine']} Gy", "difference %"]
        for row, region in zip(rows, cross["regions"], strict=True):
            difference = Estimate(value=region["difference_percent"], u=region["u_percent"])
            row += [format_sampled(Estimate(**region["dose_gy"])), format_sampled(difference)]
    return headers, rows
