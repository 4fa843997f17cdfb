"""Pages of an analysis: a summary, sections of tables and figures, findings, constants and software.

The parts are those of :mod:`theradose.report.blocks`, and the pages are set like the report of a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from theradose.model.finding import Finding
from theradose.provenance import package_version, software_versions
from theradose.report.blocks import Block, Document, Paragraph, Remarks, Section, present
from theradose.report.content import BANNER
from theradose.report.pdf import write_document_pdf
from theradose.report.provenance import SourcedConstant, constants_table, software_facts
from theradose.report.remarks import remarks
from theradose.report.style import Picture


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """What is printed of an analysis.

    Attributes
    ----------
    title, subject : str
        Heading, and what was analysed.
    summary : tuple of Block
        The answer, before everything else; critical findings follow it by themselves.
    sections : tuple of Section
        Tables, paragraphs and places for figures (:meth:`theradose.report.blocks.Illustration.of`); a section without
        blocks is left out.
    pictures : tuple of Picture
        The figures.
    constants : sequence of SourcedConstant
        What the numbers rest on.
    findings : tuple of Finding
        Everything noticed.
    """

    title: str
    subject: str
    summary: tuple[Block, ...]
    sections: tuple[Section, ...]
    pictures: tuple[Picture, ...] = ()
    constants: Sequence[SourcedConstant] = ()
    findings: tuple[Finding, ...] = ()


def write_pages(pages: Pages, path: Path, *, created: datetime) -> None:
    """Write pages as PDF; the same pages of the same moment give the same bytes.

    Parameters
    ----------
    pages : Pages
        What to print.
    path : Path
        File to write.
    created : datetime
        Date of the document.
    """
    created = created.astimezone(UTC).replace(microsecond=0)
    critical = remarks(pages.findings, only="critical")
    sections = (
        *pages.sections,
        Section("findings", "Assumptions and findings", (_findings(pages.findings),)),
        Section(
            "software",
            "Constants and software",
            present((constants_table(pages.constants), software_facts(software_versions()))),
        ),
    )
    document = Document(
        title=pages.title,
        subtitle=pages.subject,
        run_id="",
        created=f"{created:%Y-%m-%d %H:%M} UTC",
        software=f"theradose {package_version()}",
        banner=BANNER,
        summary=(*pages.summary, *((Remarks(critical),) if critical else ())),
        sections=tuple(section for section in sections if section.blocks),
    )
    write_document_pdf(document, path, pictures=pages.pictures, timestamp=created)


def _findings(findings: tuple[Finding, ...]) -> Block:
    return Remarks(remarks(findings)) if findings else Paragraph("There are no findings.")
