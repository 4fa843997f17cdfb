"""Pages of an analysis."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.report.blocks import Column, Illustration, Paragraph, Section, Table, row
from theradose.report.pages import Pages, write_pages
from theradose.report.style import figure_style, new_figure, render

_MADE = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def _pages():
    with figure_style():
        figure = new_figure(3, 2)
        figure.add_subplot().plot([0, 1], [0, 1])
        picture = render(figure, name="line", caption="A line.", alternative="A rising line.")
    return Pages(
        title="Dose and response",
        subject="3 tumours of 2 patients",
        summary=(Paragraph("The relation is not significant: no dose is stated for it."),),
        sections=(
            Section("doses", "Doses", (Table("By tumour", (Column("Tumour"), Column("Dose", "Gy", "estimate")),
                                             (row("liver #1", "12.0 ± 0.4"), row("*_$ \\ node", "8.1 ± 0.3"))),)),
            Section("figures", "Figures", (Illustration.of(picture),)),
            Section("nothing", "Left out", ()),
        ),
        pictures=(picture,),
        constants=(Constant("responder", 0.66, "1", "Warfvinge2024", "verified", "2024"),
                   Constant("invented", 1.0, "Gy", "nobody", "unverified", "2024")),
        findings=(
            Finding("few-patients", "critical", "Only 2 patients: nothing can be concluded.", "cohort"),
            Finding("tumour-excluded", "info", "Smaller than 4 mL.", "a"),
            Finding("tumour-excluded", "info", "Smaller than 4 mL.", "b"),
        ),
    )  # fmt: skip


def _text(path):
    return subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, check=True, text=True).stdout


def test_pages_show_all_of_an_analysis(tmp_path):
    write_pages(_pages(), tmp_path / "report.pdf", created=_MADE)
    text = _text(tmp_path / "report.pdf")
    for expected in (
        "RESEARCH USE ONLY",
        "3 tumours of 2 patients",
        "not significant",
        "12.0 ± 0.4",
        "*_$ \\ node",
        "A line.",
        "CRITICAL",
        "a, b",
        "Warfvinge2024",
        "not read by the developers",
    ):
        assert expected in text  # fmt: skip
    assert "Left out" not in text
    assert text.index("nothing can be concluded") < text.index("By tumour"), "critical findings come first"


def test_same_pages_give_the_same_bytes(tmp_path):
    for name in ("one.pdf", "two.pdf"):
        write_pages(_pages(), tmp_path / name, created=_MADE)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
