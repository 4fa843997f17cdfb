import pytest

from theradose.report import reporting
from theradose.report.reporting import count_stated, load_reporting_list, reporting_items


def by_name(result):
    return dict(zip(load_reporting_list().items, (item.value for item in reporting_items(result)), strict=True))


def test_every_item_of_the_list_has_its_place_in_the_result():
    assert set(load_reporting_list().items) == set(reporting._VALUES)


def test_values_come_from_the_result(result):
    values = by_name(result)
    assert values["administered-activity"] == "7340 MBq"
    assert values["residual-activity"] == "60 MBq"
    # The images of the example are in Bq/mL: the stated sensitivity was not used.
    assert values["calibration-factor"] == "by the scanner (Bq/mL), u 3.0 %"
    assert values["imaging-times"] == "4.1 h, 24.2 h, 96.5 h, 167.9 h"
    assert values["region-responsible"] == "4 of 7 regions verified by Dr. B. Example"
    assert values["absorbed-dose"].startswith("lesion-liver-1 ")
    assert values["absorbed-dose"].endswith("and 3 more")
    assert "not stated: density" in values["uncertainty-budget"]
    assert values["deviations"] == "liver: biliary phase"


def test_the_sensitivity_is_that_of_count_images(result):
    counted = [image.model_copy(update={"unit_found": "counts"}) for image in result.images]
    values = by_name(result.model_copy(update={"images": tuple(counted)}))
    assert values["calibration-factor"] == "9.3 cps/MBq, u 3.0 %"


@pytest.mark.parametrize("name", ["dose-calibrator", "collimator", "reconstruction", "bed", "marrow"])
def test_what_the_result_does_not_hold_is_not_stated(result, name):
    assert by_name(result)[name] == "not stated"


def test_an_empty_study_states_nothing_about_the_patient(result):
    empty = result.model_copy(update={"study": {}, "regions": (), "images": (), "tumour_burden": None})
    values = by_name(empty)
    for name in ("patient", "therapy", "administered-activity", "residual-activity", "imaging-times", "tumour-volume"):
        assert values[name] == "not stated"
    assert count_stated(reporting_items(empty)) < count_stated(reporting_items(result))


def test_a_scanner_in_becquerel_without_u_says_so(result):
    study = {key: value for key, value in result.study.items() if key != "calibration"}
    assert by_name(result.model_copy(update={"study": study}))["calibration-factor"] == (
        "by the scanner (Bq/mL), u not stated"
    )


def test_the_count_counts_what_is_stated(result):
    items = reporting_items(result)
    assert count_stated(items) == len(items) - sum(item.value == "not stated" for item in items)
    assert 0 < count_stated(items) < len(items)
