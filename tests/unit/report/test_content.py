import json
from dataclasses import asdict, replace

import pytest

from theradose.model.result import (
    BedDvhResult,
    BedResult,
    Estimate,
    EvidenceLine,
    FindingResult,
    RbeWeightedResult,
    ResponseResult,
)
from theradose.report.blocks import Facts, Paragraph, RemarkLine, Remarks, Table
from theradose.report.content import build_document
from unit.report.example import many_findings


def text_of(result, images, pictures):
    return json.dumps(asdict(build_document(result, images, pictures)), ensure_ascii=False)


def table(document, section, caption):
    blocks = document.summary if section is None else next(s for s in document.sections if s.name == section).blocks
    return next(block for block in blocks if isinstance(block, Table) and block.caption == caption)


def test_every_section_is_there(result, images, pictures):
    assert [section.name for section in build_document(result, images, pictures).sections] == [
        "acquisition", "findings", "registration", "slices", "curves", "dvh", "budget", "limits", "method", "files",
        "reporting",
    ]  # fmt: skip


def test_sections_without_content_are_left_out(result, images):
    bare = result.model_copy(update={"limits": (), "files": (), "regions": (), "images": ()})
    names = [section.name for section in build_document(bare, images, ()).sections]
    assert not {"limits", "files", "registration", "slices", "curves", "dvh", "budget"} & set(names)


def test_the_results_table_names_the_unverified_outlines(result, images, pictures):
    rows = table(build_document(result, images, pictures), None, "Results by region").rows
    names = [row.cells[0].text for row in rows]
    # Nobody verified it, and its budget holds a source of unknown size.
    assert names[0] == "lesion-liver-1\u00a0†‡"
    assert "left-kidney" in names
    assert [row.group for row in rows if row.group] == ["Lesions", "Organs and other regions", "Whole body"]


@pytest.mark.parametrize(("field", "label"), [("bed_gy", "BED"), ("alpha_gy", "Of it by\nalphas")])
def test_bed_and_alphas_have_a_column_only_where_there_is_one(result, images, field, label):
    columns = [c.label for c in table(build_document(result, images, ()), None, "Results by region").columns]
    assert label not in columns
    region = result.regions[0].model_copy(update={field: result.regions[0].dose_gy})
    with_bed = result.model_copy(update={"regions": (region, *result.regions[1:])})
    shown = table(build_document(with_bed, images, ()), None, "Results by region")
    assert [c.label for c in shown.columns][-1] == label
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
    (line,) = next(remark for remark in listed if remark.code == "region-not-verified").lines
    assert line.where == "lesion-liver-1, lesion-liver-2"
    assert line.message == "Nobody verified the outline of '…': its dose rests on a drafted region."
    assert len(listed) == len(result.findings) - 1


def test_findings_that_differ_in_a_number_are_one_line_with_the_number_of_each_place(result, images):
    shares = {"liver": "26 %", "spleen": "19 %", "left-kidney": "8 %"}
    findings = [
        FindingResult(code="extrapolation", severity="warning", where=name, message=f"{share} lies after 168 h.")
        for name, share in shares.items()
    ]
    changed = result.model_copy(update={"findings": tuple(findings)})
    blocks = next(s for s in build_document(changed, images, ()).sections if s.name == "findings").blocks
    (remark,) = blocks[0].items
    assert remark.lines == (RemarkLine("", "… lies after 168 h.", "liver 26 %, spleen 19 %, left-kidney 8 %"),)


def test_a_finding_of_every_region_names_none(result, images):
    findings = [
        FindingResult(code="x", severity="info", where=region.name, message="A sentence.") for region in result.regions
    ]
    changed = result.model_copy(update={"findings": tuple(findings)})
    blocks = next(s for s in build_document(changed, images, ()).sections if s.name == "findings").blocks
    assert [line.where for line in blocks[0].items[0].lines] == ["all regions"]


def test_the_first_page_names_the_kinds_of_warnings(result, images):
    texts = [b.text for b in build_document(result, images, ()).summary if isinstance(b, Paragraph)]
    assert texts[0] == (
        "Warnings: region not verified (2), small region. Notes: 2. All are explained under Assumptions and findings."
    )


def test_the_registration_is_measured_in_columns(result, images):
    quality = {
        "mutual_information_before": 0.612, "mutual_information_after": 0.944, "normalised_mutual_information": 1.31,
        "edge_correlation": 0.687, "overlap_fraction": 0.987, "displacement_mm": 7.53,
    }  # fmt: skip
    moved = result.images[0].registration.model_copy(update={"quality": quality})
    images_changed = (result.images[0].model_copy(update={"registration": moved}), *result.images[1:])
    shown = table(
        build_document(result.model_copy(update={"images": images_changed}), images, ()), "registration", "Registration"
    )
    cells = [cell.text for cell in shown.rows[0].cells]
    assert cells == ["tp1", "ct-rigid", "2.1, −0.8, 3.4", "0.7", "7.5", "0.61 → 0.94", "1.31", "0.69", "99 %"]
    assert [cell.text for cell in shown.rows[1].cells][-3:] == ["—", "—", "—"]


@pytest.mark.parametrize(
    ("corrected", "words"),
    [
        ("none", "No activity and no dose is corrected"),
        ("some", "Not corrected: left-kidney"),
        ("all", "dose map is not"),
    ],
)
def test_the_results_say_whether_they_are_corrected_for_recovery(result, images, corrected, words):
    recovery = Estimate(value=0.8, u=0.05)
    regions = {
        "none": [region.model_copy(update={"recovery": None}) for region in result.regions],
        "some": result.regions,
        "all": [region.model_copy(update={"recovery": recovery}) for region in result.regions],
    }[corrected]
    changed = result.model_copy(update={"regions": tuple(regions)})
    notes = " ".join(table(build_document(changed, images, ()), None, "Results by region").notes)
    assert words in notes
    assert ("Not corrected:" in notes) is (corrected == "some")


def test_parameters_are_written_for_reading(result, images):
    dose = replace(images.dose, parameters={"dose_constant_gy_g_per_mbq_h": 0.085058, "number_of_histories": 5})
    section = next(
        s for s in build_document(result, replace(images, dose=dose), ()).sections if s.name == "method"
    )  # fmt: skip
    facts = {fact.label: fact.value for block in section.blocks if isinstance(block, Facts) for fact in block.items}
    assert facts["Dose constant"] == "0.085058 Gy·g/(MBq·h)"
    assert facts["Number of histories"] == "5"
    assert facts["source sha256"] == "9f" * 8 + "…"


@pytest.mark.parametrize(("duration", "words"), [(0.0, ", bolus"), (0.5, ", over 30 min"), (None, "")])
def test_the_duration_of_the_administration(result, images, duration, words):
    given = result.study["administrations"][0] | {"duration": duration}
    changed = result.model_copy(update={"study": result.study | {"administrations": [given]}})
    facts = next(block for block in build_document(changed, images, ()).summary if isinstance(block, Facts)).items
    assert next(fact.value for fact in facts if fact.label == "Start") == f"2026-03-02 10:00 +01:00{words}"


def test_volumes_at_dose_have_columns_where_they_tell_regions_apart(result, images):
    volumes = ({"1": 1.0, "10": 0.5, "50": 0.0}, {"1": 1.0, "10": 0.9})
    regions = [
        region.model_copy(update={"dvh": region.dvh.model_copy(update={"volume_fraction_at_gy": volumes[index % 2]})})
        for index, region in enumerate(result.regions)
    ]
    changed = result.model_copy(update={"regions": tuple(regions)})
    shown = table(build_document(changed, images, ()), "dvh", "Dose-volume figures of the dose map")
    assert [column.label for column in shown.columns][5:] == ["±", "V10"]
    assert {row.cells[-1].text for row in shown.rows} == {"50", "90"}


def test_an_unverified_constant_stands_out(result, images):
    rows = table(build_document(result, images, ()), "method", "Constants").rows
    assert [(row.cells[-1].text, row.cells[-1].tone) for row in rows][-1] == ("unverified", "warning")


def test_equal_lines_of_evidence_are_joined_and_assumptions_come_first(result, images):
    rows = table(build_document(result, images, ()), "acquisition", "What was read and what was assumed").rows
    assert len(rows) == 3
    assert [cell.text for cell in rows[0].cells][-2:] == ["assumed", "all"]


def test_evidence_that_differs_between_time_points_is_one_row(result, images):
    values = {
        "frame duration": ("1506 s", "1507 s"),
        "dead time": ("paralysable, 4 us at 4505.7 cps: factor 1.02", "paralysable, 4 us at 2826.1 cps: factor 1.01"),
        "unit": ("Bq/mL", "counts"),
    }
    changed = [
        image.model_copy(update={"assumptions": tuple(
            EvidenceLine(quantity=quantity, value=pair[index], source="header", assumed=False)
            for quantity, pair in values.items()
        )})
        for index, image in enumerate(result.images[:2])
    ]  # fmt: skip
    document = build_document(result.model_copy(update={"images": tuple(changed)}), images, ())
    rows = table(document, "acquisition", "What was read and what was assumed").rows
    assert {row.cells[0].text: row.cells[1].text for row in rows} == {
        "frame duration": "tp1 1506 s, tp2 1507 s",
        "dead time": "paralysable, 4 us at … cps: factor …: tp1 4505.7, 1.02; tp2 2826.1, 1.01",
        "unit": "tp1: Bq/mL; tp2: counts",
    }


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


def with_radiobiology(result):
    """The result with a biologically effective dose, a weighted dose and two responses in its first region."""
    region, histogram = result.regions[0], result.regions[0].dvh
    effective = BedResult(
        tissue="kidney", alpha_beta_gy=Estimate(value=2.6, u=None), repair_half_life_h=Estimate(value=2.8, u=None),
        lea_catcheside=Estimate(value=0.05, u=0.002), source="a pamphlet", status="unverified", origin="EBRT",
        kinetics="region", not_stated=("alpha-beta:kidney",), budget=(),
        dvh=BedDvhResult(mean_gy=6.0, d95_gy=4.0, d50_gy=5.9, d2_gy=8.0, curve=histogram.curve),
    )  # fmt: skip
    answer = ResponseResult(
        model="tcp-logistic", quantity="response probability", unit="1", value=0.65, interval=(0.41, 0.83), reason=None,
        parameters={}, source="a trial", status="verified", origin=None,
    )  # fmt: skip
    silent = answer.model_copy(update={"model": "ntcp-lyman", "value": None, "interval": None, "reason": "because"})
    weighted = RbeWeightedResult(weighted=Estimate(value=9.0, u=1.0), unit="Gy(RBE=5)", rbe=5.0)
    changed = region.model_copy(
        update={
            "bed_gy": Estimate(value=5.5, u=0.4), "eqd2_gy": Estimate(value=3.1, u=0.2), "bed": effective,
            "rbe_weighted": weighted, "responses": (answer, silent),
        }
    )  # fmt: skip
    return result.model_copy(update={"regions": (changed, *result.regions[1:])})


def test_radiobiology_has_a_section_only_where_something_is_known(result, images):
    plain = build_document(result, images, ())
    assert "biology" not in [section.name for section in plain.sections]
    document = build_document(with_radiobiology(result), images, ())
    section = next(section for section in document.sections if section.name == "biology")
    tables = {block.caption: block for block in section.blocks if isinstance(block, Table)}
    assert list(tables) == [
        "Biologically effective dose", "Dose-volume figures of the biologically effective dose",
        "Doses with alpha particles weighted", "Response models",
    ]  # fmt: skip
    # What has no BED is named with the reason, and the figures of the map are told from the BED of the region.
    (why,) = [block.text for block in section.blocks if getattr(block, "text", "").startswith("No BED of")]
    assert all(region.name in why for region in result.regions[1:])
    assert "not corrected for recovery" in tables["Dose-volume figures of the biologically effective dose"].notes[0]
    (effective,) = tables["Biologically effective dose"].rows
    texts = [cell.text for cell in effective.cells]
    assert texts[1:3] == ["5.50 ± 0.40", "3.10 ± 0.20"] and texts[6] == "a pamphlet (EBRT)"
    assert effective.cells[-1].tone == "warning"
    (weighted,) = tables["Doses with alpha particles weighted"].rows
    assert [cell.text for cell in weighted.cells][-1] == "Gy(RBE=5)"
    answer, silent = tables["Response models"].rows
    assert [cell.text for cell in answer.cells][3:6] == ["65 %", "41 % to 83 %", "a trial"]
    assert [cell.text for cell in silent.cells][3:6] == ["—", "—", "because"]
