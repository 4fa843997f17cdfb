"""Options of commands that run a dose engine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.options import parsed_count, parsed_positive

if TYPE_CHECKING:
    from theradose.dose.engines import TransportSettings

_S_PER_H = 3600.0


class NuclearDataName(StrEnum):
    """Evaluation of the emissions."""

    DDEP = "ddep"
    ICRP107 = "icrp107"


NuclearDataOption = Annotated[NuclearDataName, typer.Option("--nuclear-data", help="Evaluation of the emissions.")]
MaterialsOption = Annotated[
    Path | None, typer.Option("--materials", help="Labels of tissues (NIfTI); from the density by default.")
]
MaterialNamesOption = Annotated[
    str | None, typer.Option("--material-names", help="What they mean: 1=lung,2=water,3=cortical-bone.")
]
HistoriesOption = Annotated[str | None, typer.Option("--histories", help="Decays to follow, such as 1e7.")]
TargetOption = Annotated[
    str | None, typer.Option("--target-u", help="Relative uncertainty of region means to reach, such as '0.5 %'.")
]
TimeLimitOption = Annotated[str | None, typer.Option("--time-limit", help="When to stop, such as '60 s'.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Of the random numbers.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="One for each core by default.")]
DeviceOption = Annotated[str, typer.Option("--device", help="processor or graphics-card (CUDA).")]


def parsed_transport(
    *,
    histories: str | None,
    target_u: str | None,
    time_limit: str | None,
    seed: int | None,
    threads: int | None,
    device: str,
    target_voxel_u: str | None = None,
) -> TransportSettings:
    """Return how an engine samples, with the packaged conventions for what is not stated."""
    from theradose.dose.engines import transport_settings

    limit_h = parsed_positive(time_limit, "h", "--time-limit")
    return transport_settings(
        histories=parsed_count(histories, "--histories"),
        target_relative_u=parsed_positive(target_u, "1", "--target-u"),
        target_voxel_u=parsed_positive(target_voxel_u, "1", "--target-voxel-u"),
        time_limit_s=None if limit_h is None else limit_h * _S_PER_H,
        seed=seed,
        threads=threads,
        device=device,
    )
