"""The report as one HTML file that loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from theradose.model.result import Result
from theradose.report.content import build_document
from theradose.report.inputs import ReportImages
from theradose.report.style import Picture


def write_html(result: Result, images: ReportImages | None, path: Path, *, pictures: Sequence[Picture]) -> None:
    """Write the report as one HTML file with its figures inside.

    Parameters
    ----------
    result, images
        What to report.
    path
        File to write.
    pictures
        Its figures.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folder = files("theradose.report").joinpath("templates")
    template = environment.from_string(folder.joinpath("report.html").read_text(encoding="utf-8"))
    text = template.render(
        document=asdict(build_document(result, images, pictures)),
        pictures={picture.name: _data_uri(picture) for picture in pictures},
        style=Markup(folder.joinpath("report.css").read_text(encoding="utf-8")),
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _data_uri(picture: Picture) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(picture.svg).decode("ascii")
