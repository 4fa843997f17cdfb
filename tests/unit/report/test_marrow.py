"""The section on red marrow: one method or both side by side, and why they differ."""

from __future__ import annotations

import json

import pytest

from theradose.report.blocks import Paragraph, Table
from theradose.report.marrow import explanation, marrow_parts, marrow_section
from theradose.report.marrow_plots import draw_marrow_budget
from unit.report.example import example_result


@pytest.fixture(scope="module")
def image(request):
    """The documented example of the image method."""
    path = request.config.rootpath / "docs/formats/examples/marrow_image.json"
    return json.loads(path.read_text(encoding="utf-8"))["image"]


BLOOD = {
    "method": "s-value",
    "model": "bi",
    "specimen": "plasma",
    "haematocrit": 0.41,
    "rmblr": 1.0,
    "rmblr_choice": "1",
    "tia_mbq_h_per_l": {"value": 900.0, "u": 30.0},
    "marrow_tia_mbq_h": {"value": 1000.0, "u": 40.0},
    "self_gy": {"value": 0.05, "u": 0.002},
    "cross_gy": {"value": 0.02, "u": 0.001},
    "dose_gy": {"value": 0.07, "u": 0.0025},
    "dose_per_activity_gy_gbq": {"value": 0.035, "u": 0.00125},
    "effective_half_life_h": {"value": 20.0, "u": 1.0},
    "before_first_fraction": 0.05,
    "extrapolated_fraction": 0.08,
    "budget": [
        {"source": "fit:blood", "relative_u": 0.03, "share": 1.0},
        {"source": "haematocrit", "relative_u": None, "share": None},
    ],
    "constants": [
        {
            "name": "S(red-marrow <- red-marrow) of Lu-177, reference man",
            "value": 4.1e-5,
            "unit": "Gy/(MBq h)",
            "source": "OLINDA 2",
            "status": "unverified",
        }
    ],
}


def result(**methods):
    return example_result().model_copy(update={"marrow": methods or None})


def cells(table):
    return {line.cells[0].text: [cell.text for cell in line.cells[1:]] for line in table.rows}


def test_without_a_marrow_dose_there_is_no_section():
    assert marrow_section(result(), ()) == ()
    assert draw_marrow_budget(result()) is None


def test_images_alone(image):
    blocks = marrow_section(result(image=image), ())
    table = cells(blocks[0])
    assert [column.label for column in blocks[0].columns] == ["", "From images"]
    assert table["Measured in"][0].startswith("46.1 mL of l2 vertebra, l3 vertebra, l4 vertebra")
    assert "recovery 0.900 ± 0.050" in table["Measured in"][0]
    assert table["Dose factor"] == ["local deposition: all electron energy stays in marrow"]
    assert table["Dose from the rest of the body, Gy"] == ["not known"]
    assert "does not count as 0" in blocks[0].notes[0]
    assert "Beyond the part of the blood" not in table


def test_what_was_taken_out_of_the_volume_is_listed(image):
    volume = next(block for block in marrow_section(result(image=image), ()) if getattr(block, "caption", "") == (
        "Marrow volume"))  # fmt: skip
    table = cells(volume)
    assert table["Outlined"][0] == "108"
    assert table["− margin below the surface"] == ["61.4", "57 %"]
    assert table["Spongiosa"] == ["46.1", "43 %"]
    assert "tp1 global (0.0 mm, 0.0°)" in volume.notes[0]


def test_both_methods_stand_side_by_side(image):
    image = {
        **image,
        "specific_tia_mbq_h_per_kg": {"value": 0.6 * image["marrow_tia_mbq_h_per_kg"]["value"], "u": 100.0},
        "non_specific_tia_mbq_h_per_kg": {"value": 0.4 * image["marrow_tia_mbq_h_per_kg"]["value"], "u": 100.0},
    }
    blocks = marrow_section(result(blood=BLOOD, image=image), ())
    table = cells(blocks[0])
    assert [column.label for column in blocks[0].columns] == ["", "From images", "From blood"]
    assert table["Dose factor"][1] == "S value of the reference adult: OLINDA 2 (unverified)"
    assert table["Measured in"][1] == "plasma, haematocrit 0.41"
    assert table["Beyond the part of the blood"][0].startswith("60 % of it")
    assert table["Beyond the part of the blood"][1] == "—"
    assert [type(block) for block in blocks[:3]] == [Table, Paragraph, Paragraph]


def test_the_ratio_of_the_doses_is_parted_into_activity_and_factor(image):
    sentence = explanation(marrow_parts(result(blood=BLOOD, image=image)))[0]
    dose = image["self_gy"]["value"] / 0.05
    activity = image["marrow_tia_mbq_h"]["value"] / 1000.0
    for number in (dose, activity, dose / activity):
        assert f"{number:.3g} times" in sentence


def test_published_ratios_are_those_of_their_sources(image):
    """Paragraph 2 of the project's science notes: 4.23 (Hemmingsson), 4.2, 2.0 and 2.1 (Vallot)."""
    sentence = explanation(marrow_parts(result(image=image)))[0]
    assert "4.23 times" in sentence
    assert "4.2, 2.0 and 2.1 times" in sentence


def test_budgets_are_drawn_for_each_method(image):
    picture = draw_marrow_budget(result(blood=BLOOD, image=image))
    svg = picture.svg.decode()
    assert "red marrow by image" in svg
    assert "red marrow by blood" in svg
    assert "not stated: haematocrit" in svg
