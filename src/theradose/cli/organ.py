"""``theradose organ``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from theradose.cli.marrow_options import NuclideOption, SexOption
from theradose.cli.options import parsed_labels, parsed_positive
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
    from theradose.model.finding import Finding
    from theradose.model.s_values import SValueTable

organ_app = typer.Typer(help="Organ doses by S values.", no_args_is_help=True)

UnitOption = Annotated[str | None, typer.Option("--unit", help="Of a table that does not state it, 'mGy/(MBq s)'.")]
PhantomOption = Annotated[str | None, typer.Option("--phantom", help="Body of a table that does not name it.")]
ReferenceOption = Annotated[str | None, typer.Option("--reference", help="Where the S values come from.")]


@organ_app.callback()
def organ_root() -> None:
    """Organ doses by S values."""


@organ_app.command("doses")
def doses_command(
    activities: Annotated[Path, typer.Argument(help="CSV: region,tia_mbq_h,u_tia_mbq_h,mass_g,u_mass_g.")],
    nuclide: NuclideOption,
    sex: SexOption = None,
    s_table: Annotated[
        Path | None, typer.Option("--s-table", help="Your own S values: CSV of theradose or OLINDA 2, OpenDose.")
    ] = None,
    unit: UnitOption = None,
    phantom: PhantomOption = None,
    reference: ReferenceOption = None,
    mass: Annotated[
        list[str] | None, typer.Option("--mass", help="Of a patient's organ, 'kidneys=310 g'; may be repeated.")
    ] = None,
    s_u: Annotated[
        str | None, typer.Option("--s-u", help="Relative uncertainty of S values for this patient, '10 %'.")
    ] = None,
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    as_json: JsonOption = False,
) -> None:
    """Compute organ doses from time-integrated activities."""
    from theradose.numbers import format_estimate
    from theradose.workflow.document_parts import estimate
    from theradose.workflow.organ import OrganOptions, organ_report

    report = organ_report(
        activities,
        OrganOptions(
            nuclide=nuclide,
            nuclear_data=nuclear_data.value,
            sex=None if sex is None else sex.value,
            s_table=s_table,
            unit=unit,
            phantom=phantom,
            reference=reference,
            mass_g=_masses(mass or []),
            s_relative_u=parsed_positive(s_u, "1", "--s-u"),
        ),
    )
    if as_json:
        print_json(report.to_json())
    else:
        rows = [
            [
                dose.target,
                "" if dose.mass_g is None else f"{dose.mass_g.value:g}",
                format_estimate(estimate(dose.dose_gy)),
                ", ".join(dose.components_gy),
                ", ".join(item.source for item in dose.not_included),
            ]
            for dose in report.result.doses
        ]
        print_table(["organ", "mass g", "dose Gy", "from", "not included"], rows)
    print_findings(report.findings)


@organ_app.command("import")
def import_command(
    table: Annotated[Path, typer.Argument(help="CSV of OLINDA 2, or a file or folder of OpenDose.")],
    nuclide: NuclideOption,
    out: Annotated[Path, typer.Option("--out", help="Table to write, in the layout of theradose.")],
    sex: SexOption = None,
    unit: UnitOption = None,
    phantom: PhantomOption = None,
    reference: ReferenceOption = None,
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    as_json: JsonOption = False,
) -> None:
    """Check a foreign table of S values and write it in the layout of theradose."""
    from theradose.workflow.organ import OrganOptions, import_table

    options = OrganOptions(
        nuclide=nuclide,
        nuclear_data=nuclear_data.value,
        sex=None if sex is None else sex.value,
        s_table=table,
        unit=unit,
        phantom=phantom,
        reference=reference,
    )
    _print_written(*import_table(options, out), out, as_json=as_json)


@organ_app.command("s-values")
def s_values_command(
    density: Annotated[Path, typer.Option("--density", help="NIfTI image of the density, g/mL.")],
    regions: Annotated[Path, typer.Option("--regions", help="NIfTI or Interfile image of labels on the same grid.")],
    region_names: Annotated[str, typer.Option("--region-names", help="Names of the labels, '1=liver,2=spleen'.")],
    nuclide: NuclideOption,
    out: Annotated[Path, typer.Option("--out", help="Table to write.")],
    engine: Annotated[str, typer.Option("--engine", help="Dose engine of 'theradose info'.")] = "local",
    materials: MaterialsOption = None,
    material_names: MaterialNamesOption = None,
    histories: HistoriesOption = None,
    target_u: TargetOption = None,
    every_target: Annotated[
        bool, typer.Option("--every-target", help="Reach --target-u in every target, not only in the source itself.")
    ] = False,
    time_limit: TimeLimitOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "processor",
    nuclear_data: NuclearDataOption = NuclearDataName.DDEP,
    as_json: JsonOption = False,
) -> None:
    """Compute the S values between the regions of a patient."""
    from theradose.dose.engines import INTERRUPTED
    from theradose.workflow.organ import patient_table

    transport = parsed_transport(
        histories=histories, target_u=target_u, time_limit=time_limit, seed=seed, threads=threads, device=device
    )
    with engine_progress(engine) as progress:
        table, findings = patient_table(
            density=density,
            regions=regions,
            labels=parsed_labels(region_names, "--region-names"),
            nuclide=nuclide,
            engine=engine,
            out=out,
            nuclear_data=nuclear_data.value,
            materials=materials,
            material_names=parsed_labels(material_names, "--material-names"),
            transport=transport,
            every_target=every_target,
            progress=progress,
        )
    _print_written(table, findings, out, as_json=as_json)
    if any(finding.code == INTERRUPTED for finding in findings):
        raise EndedEarly("Interrupted: the table holds the sources that were finished.", INTERRUPTED_EXIT)


def _print_written(table: SValueTable, findings: tuple[Finding, ...], out: Path, *, as_json: bool) -> None:
    from theradose.model.result import Estimate
    from theradose.numbers import format_sampled
    from theradose.workflow.organ import written_document

    document = written_document(table, findings, out)
    if as_json:
        print_json(document)
    else:
        rows = [
            [
                row["target"],
                row["source"],
                format_sampled(Estimate(**row["s_gy_per_mbq_h"])),
                "noisy" if row["noisy"] else "",
            ]
            for row in document["s_values"]
        ]
        print_table(["target", "source", "S Gy/(MBq h)", ""], rows)
    print_message(f"wrote {out}")
    print_findings(findings)


def _masses(texts: list[str]) -> dict[str, float]:
    masses = {}
    for text in texts:
        name, given = _split(text, "--mass", "kidneys=310 g")
        try:
            masses[name] = float(given)
        except ValueError:
            masses[name] = parsed_positive(given, "g", "--mass") or 0.0
    return masses


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    from theradose.errors import StudyError

    name, equals, given = (part.strip() for part in text.partition("="))
    if not (name and equals and given):
        raise StudyError(f"'{text}' of {option} is not a name with a value: write {example}.", code="option-range")
    return name, given
