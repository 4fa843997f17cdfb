"""Certificates of validation: a verdict, what it rests on, and room for signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from theradose.provenance import package_version
from theradose.report.blocks import Fact, Remark, Table
from theradose.report.typeset import typeset

_TEMPLATE = "certificate.typ"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate shows.

    Attributes
    ----------
    title, subtitle : str
        Heading.
    passed : bool
        The verdict.
    verdict : str
        The verdict in one sentence.
    created : datetime
        Its date.
    facts : tuple of Fact
        Who, when, with what.
    tables : tuple of Table
        Compared numbers; columns of estimates are shown as they stand.
    remarks : tuple of Remark
        Findings that limit the trust in the numbers.
    notes : tuple of str
        How the numbers were made.
    hashes : tuple of Fact
        Files and the package with their SHA-256.
    versions : mapping of str to str
        Of the software.
    signatures : tuple of str
        What the persons who sign did.
    appendix : tuple of Table
        Tables after the signatures.
    """

    title: str
    subtitle: str
    passed: bool
    verdict: str
    created: datetime
    facts: tuple[Fact, ...]
    tables: tuple[Table, ...]
    remarks: tuple[Remark, ...]
    notes: tuple[str, ...]
    hashes: tuple[Fact, ...]
    versions: Mapping[str, str]
    signatures: tuple[str, ...]
    appendix: tuple[Table, ...] = ()


def write_certificate(certificate: Certificate, path: Path) -> None:
    """Write a certificate as A4 sheets; what is in the appendix begins on a page of its own."""
    created = certificate.created.astimezone(UTC).replace(microsecond=0)
    content = {
        **asdict(certificate),
        "created": f"{created:%Y-%m-%d %H:%M} UTC",
        "footer": f"theradose {package_version()}, research use only until a site has validated it",
    }
    path.write_bytes(typeset(_TEMPLATE, content, timestamp=created))
