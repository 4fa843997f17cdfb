"""``theradose cohort agreement``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from theradose.cli.output import JsonOption, ReportFolderOption, print_findings, print_json, print_table, print_written


def agreement_command(
    sources: Annotated[
        list[str], typer.Argument(help="Two or more: folders of results, databases, exported or other tables (CSV).")
    ],
    mapping: Annotated[
        list[Path] | None,
        typer.Option("--mapping", help="Columns of tables of other programs (YAML); once for all, or once for each."),
    ] = None,
    secret: Annotated[
        Path | None, typer.Option("--secret", help="Turns ids of patients into the pseudonyms of the database.")
    ] = None,
    quantity: Annotated[
        list[str] | None, typer.Option("--quantity", help="What is compared, 'dose_gy' by default; may be repeated.")
    ] = None,
    out: ReportFolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare methods on the same patients: medians, limits of agreement, concordance and correlation."""
    from theradose.workflow.cohort_agreement import agreement_document, agreement_of_sources, write_agreement

    report = agreement_of_sources(sources, mappings=mapping or [], secret=secret, quantities=_checked(quantity or []))
    document = agreement_document(report)
    written = () if out is None else write_agreement(report, document, out)
    if as_json:
        print_json(document)
    else:
        print_table(
            [
                "quantity",
                "organ",
                "methods",
                "pairs",
                "patients",
                "ratio",
                "bias",
                "limits of agreement",
                "concordance",
            ],
            [_row(item) for item in document["comparisons"]],
        )
    print_findings(report.findings)
    print_written(written)


def _checked(quantities: list[str]) -> list[str]:
    from theradose.errors import StatisticsError
    from theradose.model.agreement_mapping import UNITS_OF_QUANTITIES

    unknown = [name for name in quantities if name not in UNITS_OF_QUANTITIES]
    if unknown:
        raise StatisticsError(
            f"'{unknown[0]}' is nothing that can be compared: valid are {', '.join(UNITS_OF_QUANTITIES)}.",
            code="agreement-quantity",
        )
    return quantities


def _row(item: dict[str, object]) -> list[str]:
    from theradose.numbers import format_number

    chosen, unit = (item["relative_percent"], "%") if item["relative_percent"] else (item["absolute"], item["unit"])
    numbers = (
        ["", ""]
        if not isinstance(chosen, dict)
        else [
            f"{format_number(chosen['bias']['value'])} {unit}",
            f"{format_number(chosen['lower']['value'])} to {format_number(chosen['upper']['value'])} {unit}",
        ]
    )
    lin = item["concordance"]
    return [
        str(item["quantity"]), str(item["organ"]), f"{item['first']} - {item['second']}", str(item["pairs"]),
        str(item["patients"]), format_number(item["ratio_of_medians"]), *numbers,  # type: ignore[arg-type]
        format_number(lin["value"]) if isinstance(lin, dict) else "",
    ]  # fmt: skip
