"""The doses of a run beside what is published for its therapy."""

import pytest

from main_job import run_without_report
from theradose.model.result import Estimate
from theradose.report.published import published_table
from theradose.workflow.published import published_findings, published_results
from tiny_study import write_tiny_study


class Region:
    """What of a region is compared."""

    def __init__(self, name, value, kind="organ"):
        self.name, self.kind, self.dose_per_activity_gy_gbq = name, kind, Estimate(value=value, u=None)


def compared(*regions, therapy="lu177-dotatate", marrow=None):
    return published_results(therapy, regions, marrow), published_findings(therapy, regions, marrow)


def test_each_region_of_the_table_has_its_position():
    results, findings = compared(
        Region("left-kidney", 0.5), Region("spleen", 2.0), Region("liver", 0.1), Region("heart", 9.0)
    )
    assert [(item.region, item.position) for item in results] == [
        ("left-kidney", "within"), ("spleen", "above"), ("liver", "below"),
    ]  # fmt: skip
    assert findings == ()


def test_an_average_is_no_range():
    (result,), findings = compared(Region("spleen", 0.07), therapy="lu177-psma")
    assert result.position is None and result.low_gy_gbq == result.high_gy_gbq == 0.06
    assert findings == ()


def test_a_lesion_is_compared_with_lesions_whatever_its_name():
    (result,), findings = compared(Region("liver", 300.0, kind="lesion"))
    assert result.high_gy_gbq > 5
    assert [finding.code for finding in findings] == ["dose-outside-reference"]
    assert findings[0].where == "liver"


def test_red_marrow_is_compared_by_its_method():
    marrow = {way: {"dose_per_activity_gy_gbq": {"value": 0.25, "u": None}} for way in ("blood", "image")}
    results, findings = compared(marrow=marrow)
    assert [(item.region, item.position) for item in results] == [
        ("red-marrow-by-blood", "above"), ("red-marrow-by-image", "within"),
    ]  # fmt: skip
    assert findings == ()


def test_without_a_therapy_or_a_dose_nothing_is_said():
    assert compared(Region("kidneys", 0.5), therapy=None) == ((), ())
    assert compared(Region("kidneys", None)) == ((), ())


@pytest.fixture(scope="module")
def lutetium_run(tmp_path_factory):
    """The smallest study under the name of a therapy: its dose is far from that of any patient."""
    return run_without_report(write_tiny_study(tmp_path_factory.mktemp("tiny"), {"therapy": "lu177-dotatate"})).result


def test_the_main_job_checks_every_region(lutetium_run):
    regions = {region.name: region for region in lutetium_run.regions}
    published = {item.region: item for item in lutetium_run.published}
    assert published and set(published) <= set(regions)
    for name, item in published.items():
        value = regions[name].dose_per_activity_gy_gbq.value
        assert item.dose_per_activity_gy_gbq.value == value
        flagged = any(
            finding.where == name and finding.code in ("dose-implausible", "dose-outside-reference")
            for finding in lutetium_run.findings
        )
        assert flagged == (not item.low_gy_gbq / 3 <= value <= item.high_gy_gbq * 3)
    assert len(published_table(lutetium_run).rows) == len(published)


def test_the_published_mean_and_the_sources_stand_in_the_report():
    (result,), _ = compared(Region("left-kidney", 0.5))
    assert result.low_gy_gbq < result.mean_gy_gbq < result.high_gy_gbq

    class Stored:
        published = (result,)

    table = published_table(Stored())
    assert any(result.sources[0] in note for note in table.notes)
