import pytest

from theradose.model.protocol import MeasurementKind
from theradose.workflow.protocol_findings import case_findings, image_findings, visit_findings
from theradose.workflow.protocols import load_protocol

IMAGES = frozenset({MeasurementKind.SPECT_CT})
FOUR = load_protocol("lu177-dotatate/spect-4tp")


def outside(times, protocol=FOUR):
    return {finding.where for finding in visit_findings(protocol, dict(times), kinds=IMAGES)}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"a": 4.2, "b": 23, "c": 96, "d": 168}, set()),
        ({"a": 4.2, "b": 30, "c": 96, "d": 168}, {"b"}),
        ({"a": 4.2, "c": 96}, set()),  # fewer time points are another finding
        ({"a": 4.2, "b": 24, "b2": 60, "c": 96, "d": 168}, set()),  # an additional image stands for no visit
        ({"a": 144}, {"a"}),  # a day before the last visit
        ({}, set()),
    ],
)
def test_time_points_stand_for_the_visits_that_they_fit_best(times, expected):
    assert outside(times.items()) == expected


def test_the_sentence_has_both_times():
    (finding,) = visit_findings(FOUR, {"tp2": 30.0}, kinds=IMAGES)
    assert (finding.code, finding.severity, finding.where) == ("visit-outside-tolerance", "warning", "tp2")
    assert "24 ± 4 h" in finding.message and "30 h" in finding.message


def test_planar_visits_are_not_asked_of_images():
    """Of the hybrid protocol the main job sees the SPECT/CT at 24 h alone."""
    hybrid = load_protocol("lu177-dotatate/hybrid-5")
    assert outside({"spect": 25.0}.items(), hybrid) == set()
    assert outside({"spect": 48.0}.items(), hybrid) == {"spect"}


def test_a_protocol_without_visits_says_nothing():
    assert visit_findings(load_protocol("generic/spect"), {"a": 4.0}, kinds=IMAGES) == ()


def test_readings_stand_for_visits_of_their_kind():
    blood = load_protocol("lu177-dotatate/blood-9")
    times = {"blood at 0.6 h": 0.6, "blood at 30 h": 30.0}
    found = visit_findings(blood, times, kinds=frozenset({MeasurementKind.BLOOD}))
    assert [finding.where for finding in found] == ["blood at 30 h"]
    assert visit_findings(blood, times, kinds=frozenset({MeasurementKind.PROBE})) == ()


def test_the_findings_of_images_hold_those_of_their_visits(tiny_case):
    case = tiny_case(protocol="lu177-dotatate/spect-4tp")
    codes = [finding.code for finding in image_findings(case, {"tp1": 4.0, "tp2": 24.0, "tp3": 110.0}, {})]
    assert codes == ["measurement-u-assumed", "visit-outside-tolerance"]
    assert [finding.code for finding in image_findings(case, {"tp1": 4.0, "tp2": 24.0}, {})] == [
        "fewer-timepoints-than-protocol", "measurement-u-assumed",
    ]  # fmt: skip
    assert [finding.code for finding in case_findings(tiny_case(protocol="i131-mibg/probe"))] == ["protocol-nuclide"]
