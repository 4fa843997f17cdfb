import json
from dataclasses import asdict

import pytest

from theradose.report.blocks import Remarks, Table
from theradose.report.content import build_document
from unit.report.example import many_findings


def text_of(result, images, pictures):
    return json.dumps(asdict(build_document(result, images, pictures)), ensure_ascii=False)


def table(document, section, caption):
    blocks = document.summary if section is None else next(s for s in document.sections if s.name == section).blocks
    return next(block for block in blocks if isinstance(block, Table) and block.caption == caption)


def test_every_section_is_there(result, images, pictures):
    assert [section.name for section in build_document(result, images, pictures).sections] == [
        "acquisition", "findings", "registration", "slices", "curves", "dvh", "budget", "limits", "method", "reporting",
        "files",
    ]  # fmt: skip


def test_sections_without_content_are_left_out(result, images):
    bare = result.model_copy(update={"limits": (), "files": (), "regions": (), "images": ()})
    names = [section.name for section in build_document(bare, images, ()).sections]
    assert not {"limits", "files", "registration", "slices", "curves", "dvh", "budget"} & set(names)


def test_the_results_table_names_the_unverified_outlines(result, images, pictures):
    rows = table(build_document(result, images, pictures), None, "Results by region").rows
    names = [row.cells[0].text for row in rows]
    assert names[0] == "lesion-liver-1\u00a0†"
    assert "left-kidney" in names
    assert [row.group for row in rows if row.group] == ["Lesions", "Organs and other regions", "Whole body"]


def test_bed_has_a_column_only_where_there_is_one(result, images):
    columns = [c.label for c in table(build_document(result, images, ()), None, "Results by region").columns]
    assert "BED" not in columns
    region = result.regions[0].model_copy(update={"bed_gy": result.regions[0].dose_gy})
    with_bed = result.model_copy(update={"regions": (region, *result.regions[1:])})
    shown = table(build_document(with_bed, images, ()), None, "Results by region")
    assert [c.label for c in shown.columns][-1] == "BED"
    assert all(len(row.cells) == len(shown.columns) for row in shown.rows)


def test_findings_are_sorted_and_the_critical_ones_open_the_report(result, images):
    document = build_document(many_findings(result, 60), images, ())
    first = next(block for block in document.summary if isinstance(block, Remarks))
    assert {remark.severity for remark in first.items} == {"critical"}
    assert (len(first.items), first.more) == (3, 17)
    listed = next(s for s in document.sections if s.name == "findings").blocks[0]
    assert [remark.severity for remark in listed.items] == ["critical"] * 20 + ["warning"] * 20 + ["info"] * 20


def test_findings_that_differ_only_in_their_place_are_joined(result, images):
    listed = next(s for s in build_document(result, images, ()).sections if s.name == "findings").blocks[0].items
    joined = next(remark for remark in listed if remark.code == "region-not-verified")
    assert joined.where == "lesion-liver-1, lesion-liver-2"
    assert joined.message == "Nobody verified the outline of '…': its dose rests on a drafted region."
    assert len(listed) == len(result.findings) - 1


def test_an_unverified_constant_stands_out(result, images):
    rows = table(build_document(result, images, ()), "method", "Constants").rows
    assert [(row.cells[-1].text, row.cells[-1].tone) for row in rows][-1] == ("unverified", "warning")


def test_equal_lines_of_evidence_are_joined_and_assumptions_come_first(result, images):
    rows = table(build_document(result, images, ()), "acquisition", "What was read and what was assumed").rows
    assert len(rows) == 3
    assert [cell.text for cell in rows[0].cells][-2:] == ["assumed", "tp1, tp2, tp3, tp4"]


@pytest.mark.parametrize("identify", [False, True, None, "true"])
def test_name_and_birth_date_appear_only_where_the_study_asks(result, images, pictures, identify):
    patient = result.study["patient"] | {"name": "Jane Q. Example", "birth_date": "1961-02-03"}
    study = result.study | {"patient": patient, "report": {"identify_patient": identify}}
    text = text_of(result.model_copy(update={"study": study}), images, pictures)
    assert ("Jane Q. Example" in text) is (identify is True)
    assert ("1961-02-03" in text) is (identify is True)


def test_the_reporting_list_is_counted(result, images):
    document = build_document(result, images, ())
    blocks = next(section for section in document.sections if section.name == "reporting").blocks
    missing = sum(item.value == "not stated" for item in result.reporting)
    assert blocks[0].text.startswith(f"{len(result.reporting) - missing} of {len(result.reporting)} items are stated")
