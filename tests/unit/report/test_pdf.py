import json
import re
from dataclasses import asdict

import pytest

from theradose.report.content import build_document
from theradose.report.pdf import _breakable, write_pdf
from unit.report.example import many_findings, many_regions, renamed

HOSTILE = '#import "@preview/x:1.0.0": * #panic("x") $ *bold* _x_ `raw` <label> @ref \\u{41} #{1/0} // /* [ ] { }'


def pages_in(document):
    return len(re.findall(rb"/Type\s*/Page\b", document))


@pytest.fixture(scope="module")
def document(result, images, pictures, tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(result, images, path, pictures=pictures)
    return path.read_bytes()


def test_the_report_is_a_pdf_of_moderate_size(document):
    assert document.startswith(b"%PDF-")
    assert 5 <= pages_in(document) <= 15
    assert len(document) < 5_000_000


def test_only_embedded_fonts_are_used(document):
    fonts = {name.partition(b"+")[2] for name in re.findall(rb"/BaseFont\s*/(\S+)", document)}
    assert fonts
    assert all(font.startswith((b"LibertinusSerif", b"DejaVuSansMono", b"NewCM")) for font in fonts)


def test_the_same_result_gives_the_same_file(document, result, images, pictures, tmp_path):
    write_pdf(result, images, tmp_path / "again.pdf", pictures=pictures)
    assert (tmp_path / "again.pdf").read_bytes() == document


def test_data_is_never_markup(result, images, pictures, tmp_path):
    changed, _ = renamed(many_findings(result, 3), images, HOSTILE)
    finding = changed.findings[0].model_copy(update={"message": HOSTILE, "where": HOSTILE, "code": HOSTILE})
    study = changed.study | {"therapy": HOSTILE, "report": {"title": HOSTILE}}
    changed = changed.model_copy(update={"findings": (finding,), "study": study, "run_id": HOSTILE})
    write_pdf(changed, images, tmp_path / "report.pdf", pictures=pictures)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_long_tables_run_over_pages(result, images, pictures, tmp_path):
    write_pdf(many_regions(many_findings(result, 60), 40), images, tmp_path / "long.pdf", pictures=pictures)
    assert pages_in((tmp_path / "long.pdf").read_bytes()) > 10


def test_breaks_change_only_where_lines_may_end(result, images):
    changed, _ = renamed(result, images, "Metastasis_segment_4_hepatic_artery_territory")
    content = asdict(build_document(changed, images, ()))
    broken = _breakable(content)
    text = json.dumps(broken, ensure_ascii=False)
    assert "\u200b" in text
    assert text.replace("\u200b", "") == json.dumps(content, ensure_ascii=False)
    hashes = [cell for cell in _cells(broken) if cell["mono"]]
    assert hashes
    assert not any("\u200b" in cell["text"] for cell in hashes)


def _cells(content):
    for section in content["sections"]:
        for block in section["blocks"]:
            for row in block.get("rows", ()):
                yield from row["cells"]
