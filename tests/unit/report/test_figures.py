import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from theradose.errors import GeometryError
from theradose.model.grid import Grid, Volume
from theradose.model.region import Segmentation
from theradose.report.figures import draw_pictures
from theradose.report.inputs import ReportCurves
from theradose.report.plots import draw_budgets, draw_curves, draw_histograms
from theradose.report.scene import Scene, hottest, isodose_levels, targets_of
from theradose.report.slices import draw_overlays, draw_targets
from theradose.report.style import shortened
from unit.report.example import example_curves, example_images, example_result, many_regions, renamed, single_region


def names_of(pictures):
    return [picture.name for picture in pictures]


def texts_of(picture):
    root = ElementTree.fromstring(picture.svg)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_figure_is_drawn(pictures):
    assert names_of(pictures) == [
        "overview", "overview-axial", "slices-1", "slices-2", "slices-3", "slices-4", "dose-rates", "registration",
        "curves-1", "curves-2", "curves-3", "histograms", "budget-1",
    ]  # fmt: skip
    assert all(picture.alternative for picture in pictures)
    # Rows of one figure share the caption of the last.
    without = [picture.name for picture in pictures if not picture.caption]
    assert without == ["slices-1", "slices-2", "slices-3", "curves-1", "curves-2"]


def test_the_maps_say_that_they_are_not_corrected_for_recovery(pictures):
    captions = {picture.name: picture.caption for picture in pictures}
    for name in ("overview", "slices-4", "dose-rates", "histograms"):
        assert "not corrected for recovery" in captions[name]


def test_figures_are_reproducible_and_leave_the_settings_alone(result, images, curves, pictures):
    before = dict(mpl.rcParams)
    again = draw_pictures(result, images, curves)
    assert dict(mpl.rcParams) == before
    assert [picture.svg for picture in again] == [picture.svg for picture in pictures]


def test_figures_load_nothing_and_carry_no_date(pictures):
    for picture in pictures:
        root = ElementTree.fromstring(picture.svg)
        links = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
        assert all(link.startswith(("data:", "#")) for link in links)
        assert b"<dc:date>" not in picture.svg


@pytest.mark.parametrize("name", ["_nolegend_", "$\\frac{1}{0}$", "a & b < c", "肾脏 ☢", "x" * 200])
def test_names_are_drawn_as_they_are(result, images, name):
    changed, _ = renamed(result, images, name)
    drawn = (draw_curves(changed, ReportCurves()), [draw_histograms(changed)], draw_budgets(changed))
    for pictures, length in zip(drawn, (27, 23, 27), strict=True):
        assert shortened(name, length) in [text for picture in pictures for text in texts_of(picture)]


def test_names_in_titles_of_slices_are_drawn_as_they_are(result, images):
    changed, shown = renamed(result, images, "$x$ _y")
    titles = [text for picture in draw_targets(changed, shown, Scene.of(shown)) for text in texts_of(picture)]
    assert any(title.startswith("$x$ _y, ") for title in titles)


def test_all_regions_up_to_a_limit_are_drawn(result, images, monkeypatch):
    rows = [texts_of(picture) for picture in draw_targets(result, images, Scene.of(images))]
    drawn = [text for row in rows for text in row if text.endswith(" Gy") and "±" in text]
    assert len(drawn) == len(result.regions) == 7
    monkeypatch.setattr("theradose.report.slices._OTHERS_DRAWN", 1)
    fewer = draw_targets(result, images, Scene.of(images))
    assert fewer[-1].caption.endswith("Regions not drawn: 3.")


def test_the_field_of_view_has_a_curve(result, curves):
    last = draw_curves(result, curves)[-1]
    assert "field of view" in texts_of(last)
    assert "8.8 % after last point" not in texts_of(last)
    fitted = draw_curves(result, replace(curves, field_of_view=curves.regions["liver"]))[-1]
    assert "8.8 % after last point" in texts_of(fitted)


def test_a_study_without_ct_with_one_region(result):
    images = single_region(example_images(with_ct=False))
    pictures = draw_pictures(example_result(images), images, example_curves(images))
    assert names_of(pictures) == ["overview", "overview-axial", "slices-1", "curves-1", "histograms", "budget-1"]
    assert "Activity, coronal" in texts_of(pictures[0])
    assert texts_of(pictures[1]) == ["lesion-liver-1, axial", "lesion-liver-1, sagittal"]


def test_a_study_without_regions(result, images):
    empty = replace(images, segmentation=Segmentation(images.activity.grid, (), ()), overlays=())
    pictures = draw_pictures(
        result.model_copy(update={"regions": (), "whole_body": None, "field_of_view": None}), empty, ReportCurves()
    )
    assert names_of(pictures) == ["overview", "dose-rates"]


def test_many_regions_are_spread_over_sheets(result, curves):
    crowd = many_regions(result, 50)
    pictures = (*draw_curves(crowd, curves), draw_histograms(crowd), *draw_budgets(crowd))
    assert [name for name in names_of(pictures) if name != "histograms"] == [
        *(f"curves-{number}" for number in range(1, 18)), "budget-1", "budget-2",  # 50 regions and the whole body
    ]  # fmt: skip
    assert max(picture.height_in for picture in pictures) < 9.7  # the text block of an A4 sheet below a heading


def test_colour_bars_carry_their_unit(pictures):
    texts = texts_of(pictures[0])
    assert texts.count("MBq/mL") == 2
    assert "Gy" in texts


@pytest.mark.parametrize(
    ("top", "levels"),
    [
        (26.0, (1, 2, 5, 10, 20)),
        (5.1, (0.1, 0.2, 0.5, 1, 2)),
        (5.4, (0.2, 0.5, 1, 2, 5)),
        (0.04, (0.001, 0.002, 0.005, 0.01, 0.02)),
        (0.0, ()),
    ],
)
def test_isodoses_are_round_numbers_below_the_maximum(top, levels):
    assert isodose_levels(top) == pytest.approx(levels)
    assert len(isodose_levels(top)) == len(levels)


def test_lesions_come_first_and_slices_go_through_their_hottest_voxel(result, images):
    names = [region.name for region in targets_of(result, images)]
    assert names[:3] == ["lesion-liver-1", "lesion-liver-2", "lesion-node-para-aortic"]
    scene = Scene.of(images)
    z, y, x = (round(place) for place in hottest(scene, images, "left-kidney"))
    inside = images.segmentation.mask("left-kidney") >= 0.5
    assert inside[z, y, x]
    assert images.dose.data[z, y, x] == images.dose.data[inside].max()


def test_images_on_another_grid_are_refused(images):
    grid = Grid.axis_aligned(images.activity.grid.shape, (5.0, 9.0, 9.0))
    with pytest.raises(GeometryError, match="CT") as refusal:
        replace(images, ct=Volume(np.zeros(grid.shape, np.float32), grid))
    assert refusal.value.code == "report-grid"


def test_a_name_is_shortened_in_the_middle():
    assert shortened("left-kidney", 20) == "left-kidney"
    short = shortened("Metastasis_segment_4_after_second_cycle", 20)
    assert len(short) == 20
    assert short.startswith("Metastasis")
    assert short.endswith("_cycle")


def test_a_single_registered_image_is_shown_side_by_side(images):
    scene = Scene.of(images)
    three = draw_overlays(images, scene)
    one = draw_overlays(replace(images, overlays=images.overlays[:1]), scene)
    assert texts_of(one) == ["tp1, CT"]
    assert one.height_in < three.height_in
