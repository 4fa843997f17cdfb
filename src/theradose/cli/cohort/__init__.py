"""``theradose cohort``: the site's database, statistics over patients, and runs of many studies."""

from __future__ import annotations

import typer

from theradose.cli.cohort.response import response_command

cohort_app = typer.Typer(
    help="The site's database, statistics over patients, and runs of many studies.", no_args_is_help=True
)


@cohort_app.callback()
def cohort_root() -> None:
    """The site's database, statistics over patients, and runs of many studies."""


cohort_app.command("response")(response_command)
