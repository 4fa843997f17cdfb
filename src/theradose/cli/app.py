"""All commands."""

from __future__ import annotations

from typing import Annotated

import typer

from theradose.cli import (
    calibrate,
    cohort,
    demo,
    dose,
    fit,
    info,
    intake,
    kernels,
    marrow,
    marrow_compare,
    marrow_image,
    organ,
    plan,
    protocols,
    run,
    validate,
)

app = typer.Typer(
    name="theradose",
    help="Clinical dosimetry for radiopharmaceutical therapy. Research use only until a site has validated it.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)
app.command("demo")(demo.demo_command)
app.command("inspect")(intake.inspect_command)
app.command("import")(intake.import_command)
app.command("run")(run.run_command)
app.command("fit")(fit.fit_command)
app.command("kernel")(kernels.kernel_command)
app.command("sphere")(kernels.sphere_command)
app.command("dose")(dose.dose_command)
app.command("compare")(run.compare_command)
app.command("protocols")(protocols.protocols_command)
app.command("validate")(validate.validate_command)
app.command("info")(info.info_command)
marrow.marrow_app.command("image")(marrow_image.image_command)
marrow.marrow_app.command("compare")(marrow_compare.compare_marrow_command)
app.add_typer(calibrate.calibrate_app, name="calibrate")
app.add_typer(cohort.cohort_app, name="cohort")
app.add_typer(marrow.marrow_app, name="marrow")
app.add_typer(organ.organ_app, name="organ")
app.add_typer(plan.plan_app, name="plan")


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """Answer --version; commands do the rest."""
    if version:
        from theradose.provenance import package_version

        print(package_version())
        raise typer.Exit
