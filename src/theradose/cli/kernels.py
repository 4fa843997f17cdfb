"""``theradose kernel`` and ``theradose sphere``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from theradose.cli.engine_options import NuclearDataName, NuclearDataOption
from theradose.cli.options import parsed_positive
from theradose.cli.output import JsonOption, print_findings, print_json, print_table


class ChainName(StrEnum):
    """What becomes of daughters."""

    NONE = "none"
    EQUILIBRIUM = "equilibrium"


NuclideOption = Annotated[str, typer.Option("--nuclide", help="For example Lu-177.")]
MediumOption = Annotated[str, typer.Option("--medium", help="Water, or a soft tissue that is like it.")]
DensityOption = Annotated[
    str | None, typer.Option("--density", help="Density, such as '1.04 g/mL'; that of the medium by default.")
]
ChainOption = Annotated[
    ChainName | None,
    typer.Option("--chain", help="Whether the daughters decay in place; by default what the nuclide's record says."),
]


def kernel_command(
    nuclide: NuclideOption,
    voxel_mm: Annotated[tuple[float, float, float], typer.Option("--voxel-mm", help="Voxel along x, y and z, mm.")],
    size: Annotated[
        str, typer.Option("--size", help="Odd number of voxels: '11', or '11,11,5' along x, y and z.")
    ] = "11",
    medium: MediumOption = "water",
    density: DensityOption = None,
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    chain: ChainOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute voxel S values: dose in voxels around a voxel per decay in it."""
    from theradose.dose.voxel_s import chain_findings, voxel_s_values

    x, y, z = voxel_mm
    columns, rows, planes = _counts(size)
    table = voxel_s_values(
        nuclide=nuclide,
        spacing_mm=(z, y, x),
        size=(planes, rows, columns),
        medium=medium,
        density_g_per_ml=parsed_positive(density, "g/mL", "--density"),
        nuclear_data=nuclear_data.value,
        chain=None if chain is None else chain.value,
    )
    print_findings(chain_findings(table.nuclide))
    if as_json:
        print_json(table.to_json())
        return
    values = table.s_mgy_per_mbq_s[planes // 2 :, rows // 2 :, columns // 2 :]
    print_table(
        ["z", "y", "x", "mGy/(MBq·s)"],
        [
            [str(k), str(j), str(i), f"{values[k, j, i]:.4g}"]
            for k in range(values.shape[0])
            for j in range(values.shape[1])
            for i in range(values.shape[2])
        ],
    )


def sphere_command(
    nuclide: NuclideOption,
    mass_g: Annotated[float, typer.Option("--mass-g", help="Mass, g.")],
    axes: Annotated[tuple[float, float, float], typer.Option("--axes", help="Ratio of the axes of an ellipsoid.")] = (
        1.0,
        1.0,
        1.0,
    ),
    medium: MediumOption = "water",
    density: DensityOption = None,
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    chain: ChainOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the S value of a sphere or ellipsoid with uniform activity."""
    from theradose.dose.sphere import ellipsoid_s_value
    from theradose.dose.voxel_s import chain_findings

    result = ellipsoid_s_value(
        nuclide=nuclide,
        mass_g=mass_g,
        axis_ratios=axes,
        medium=medium,
        density_g_per_ml=parsed_positive(density, "g/mL", "--density"),
        nuclear_data=nuclear_data.value,
        chain=None if chain is None else chain.value,
    )
    print_findings(chain_findings(result.nuclide))
    document: dict[str, Any] = result.to_json()
    if as_json:
        print_json(document)
        return
    absorbed = (
        f"{name} {fraction:.4f}" for name, fraction in document["absorbed_fraction"].items() if fraction is not None
    )
    print_table(
        ["mass g", "radius mm", "mGy/(MBq·s)", "absorbed fractions"],
        [[f"{mass_g:g}", f"{document['radius_mm']:.4g}", f"{result.s_mgy_per_mbq_s:.4g}", ", ".join(absorbed)]],
    )


def _counts(text: str) -> tuple[int, int, int]:
    from theradose.errors import StudyError

    parts = text.split(",")
    if len(parts) not in (1, 3) or not all(part.strip().isdecimal() for part in parts):
        raise StudyError(
            f"'{text}' of --size is not a number of voxels: write '11', or '11,11,5' along x, y and z.",
            code="option-range",
        )
    numbers = [int(part) for part in parts] * (3 // len(parts))
    return numbers[0], numbers[1], numbers[2]
