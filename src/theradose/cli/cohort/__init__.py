"""``theradose cohort``: the site's database, statistics over patients, and runs of many studies."""

from __future__ import annotations

import os

import typer

from theradose.cli.cohort import agreement, database, foci, population, reference, response, run, toxicity

cohort_app = typer.Typer(
    help="The site's database, statistics over patients, and runs of many studies.", no_args_is_help=True
)
cohort_app.command("add")(database.add_command)
cohort_app.command("export")(database.export_command)
cohort_app.command("import")(database.import_command)
cohort_app.command("agreement")(agreement.agreement_command)
cohort_app.command("reference")(reference.reference_command)
cohort_app.command("response")(response.response_command)
cohort_app.command("toxicity")(toxicity.toxicity_command)
cohort_app.command("foci")(foci.foci_command)
cohort_app.command("population")(population.population_command)
cohort_app.command("run")(run.run_cohort_command)


@cohort_app.callback()
def cohort_root() -> None:
    """The site's database, statistics over patients, and runs of many studies."""
    # Threads slow down the small linear algebra of fits; this holds if numpy is not loaded yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
