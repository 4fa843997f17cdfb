"""What a result can be written as: the registry ``exporters``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from theradose.errors import StudyError
from theradose.model.result import Result
from theradose.registry import Registry
from theradose.report.figures import draw_pictures
from theradose.report.html import write_html
from theradose.report.inputs import ReportCurves, ReportImages
from theradose.report.pdf import write_pdf
from theradose.report.style import Picture
from theradose.report.tables import write_tables


@dataclass(frozen=True, eq=False)
class Publication:
    """A result with its images and curves; the figures are drawn once for all documents.

    Attributes
    ----------
    result : Result
        The document.
    images : ReportImages or None
        Images behind it; ``None`` if nothing was imaged.
    curves : ReportCurves
        Fitted curves behind it.
    """

    result: Result
    images: ReportImages | None
    curves: ReportCurves

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """The figures."""
        return draw_pictures(self.result, self.images, self.curves)


Exporter = Callable[[Publication, Path], tuple[Path, ...]]
"""Writes a publication into a folder and returns the files."""

exporters: Registry[Exporter] = Registry("exporters", error=StudyError)


@exporters.register("pdf", summary="Report on A4 sheets, report.pdf", citation="Theradose")
def export_pdf(publication: Publication, folder: Path) -> tuple[Path, ...]:
    """Write ``report.pdf``."""
    path = folder / "report.pdf"
    write_pdf(publication.result, publication.images, path, pictures=publication.pictures)
    return (path,)


@exporters.register("html", summary="Report as one file that loads nothing, report.html", citation="Theradose")
def export_html(publication: Publication, folder: Path) -> tuple[Path, ...]:
    """Write ``report.html``."""
    path = folder / "report.html"
    write_html(publication.result, publication.images, path, pictures=publication.pictures)
    return (path,)


@exporters.register("tables", summary="CSV tables of regions, curves, fits and more, tables/", citation="Theradose")
def export_tables(publication: Publication, folder: Path) -> tuple[Path, ...]:
    """Write the tables into ``tables/``."""
    return write_tables(publication.result, folder / "tables")
