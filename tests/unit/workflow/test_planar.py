"""Which regions planar images may complete, and what a study may state about them."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from planar_images import pair_of_views
from theradose.errors import StudyError
from theradose.model.curve import TimeActivityCurve
from theradose.model.planar import PlanarRegion, PlanarTimepoint
from theradose.uncertainty import Uncertain
from theradose.workflow.planar import PlanarStudy
from theradose.workflow.study_file import read_study, require_complete

RATE = np.log(2) / 50
SPECT = TimeActivityCurve(
    "lesion-1", np.array([24.0]), np.array([100.0]), np.array([5.0]), {"calibration:A": 0.03}, "i"
)


def region(t_h, *, background=0.5, overlap=0.0, area=1.0, covered=0.0, u=0.02):
    """A region with a net rate that falls with 50 h, on a background of a share of it that falls with 20 h."""
    net = 10 * np.exp(-RATE * (t_h - 24))
    beside = background * 10 * np.exp(-np.log(2) / 20 * (t_h - 24))
    mask = np.zeros((16, 24), bool)
    mask[5:8, 5:8] = True
    return PlanarRegion(
        "lesion-1",
        Uncertain.relative(net, {"planar": u}),
        net + beside,
        beside,
        overlap,
        area,
        covered,
        mask,
        mask,
        "spect",
    )


def study(times=(1.0, 24.5, 96.0, 168.0), excluded=(), **kinds):
    points = []
    for t_h in times:
        own = {key: value(t_h) if callable(value) else value for key, value in kinds.items()}
        points.append(
            PlanarTimepoint(
                f"p{t_h:g}", t_h, pair_of_views(), np.ones((16, 24)), None, "none", None,
                {"lesion-1": region(t_h, **own)},
            )
        )  # fmt: skip
    return PlanarStudy(tuple(points), 24.0, 0.05, {"lesion-1": tuple(excluded)})


def codes(findings):
    return [(finding.code, finding.severity) for finding in findings]


def test_a_clear_region_gets_all_planar_points():
    curve, findings = study().extend(SPECT)
    assert findings == () and curve.t_h.tolist() == [1.0, 24.0, 96.0, 168.0]
    assert curve.activity_mbq == pytest.approx(100 * np.exp(-RATE * (curve.t_h - 24)), rel=1e-9)
    # Counting of 2 % and the repeatability of 5 %.
    assert curve.u_independent_mbq[2] / curve.activity_mbq[2] == pytest.approx(np.hypot(0.02, 0.05))


def test_a_study_without_planar_images_leaves_the_curve():
    assert PlanarStudy((), 24.0, 0.05, {}).extend(SPECT) == (SPECT, ())


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"background": 5.0}, "not visible"),
        ({"overlap": 0.6, "covered": 0.9}, "other regions lie over 90% of its projection and give 60%"),
    ],
)
def test_an_ineligible_region_keeps_its_spect_points_with_the_reason(kinds, said):
    curve, findings = study(**kinds).extend(SPECT)
    assert curve is SPECT and codes(findings) == [("planar-not-eligible", "critical")]
    assert said in findings[0].message


def test_an_overlap_warns_and_widens_the_points():
    curve, findings = study(overlap=0.2, covered=0.5).extend(SPECT)
    assert codes(findings) == [("planar-overlap", "warning")]
    clear, _ = study().extend(SPECT)
    # The background has fallen to a fraction r of the region's own course: the bend is 0.2·|r − 1|.
    relative = np.exp(-(np.log(2) / 20 - RATE) * (96 - 24.5))
    expected = np.hypot(clear.u_independent_mbq[2] / clear.activity_mbq[2], 0.2 * abs(relative - 1))
    assert curve.u_independent_mbq[2] / curve.activity_mbq[2] == pytest.approx(expected, rel=1e-6)


def test_part_of_a_region_is_mentioned():
    assert codes(study(area=0.5, covered=0.5).extend(SPECT)[1]) == [("planar-part-measured", "info")]


def test_a_point_in_the_noise_is_left_out():
    curve, findings = study(u=lambda t_h: 0.4 if t_h > 100 else 0.02).extend(SPECT)
    assert codes(findings) == [("planar-point-excluded", "warning")]
    assert curve.t_h.tolist() == [1.0, 24.0, 96.0]


def test_overrides_leave_planar_points_out():
    curve, _ = study(excluded=("p1",)).extend(SPECT)
    assert curve.t_h.tolist() == [24.0, 96.0, 168.0]


def test_too_few_points_are_no_curve():
    curve, findings = study(times=(96.0,)).extend(SPECT)
    assert curve is SPECT and codes(findings) == [("planar-not-used", "critical")]


BASE = {
    "schema_version": 1,
    "administrations": [{"nuclide": "Lu-177", "activity": "7.4 GBq", "start": "2026-03-02T10:00:00+01:00"}],
    "timepoints": [{"id": "tp1", "activity": "a", "regions": "r"}, {"id": "p1", "planar": "p"}],
}
ROI = {"region": "spleen", "timepoint": "p1", "rectangle": [1, 1, 5, 5]}


def written(tmp_path, **changes):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({**BASE, **changes}))
    return path


def test_a_hybrid_study_is_complete(tmp_path):
    file = read_study(
        written(tmp_path, rois=[ROI], planar={"sensitivity": "6.1 cps/MBq", "effective_attenuation": "0.12 1/cm"})
    )
    require_complete(file)
    assert [timepoint.id for timepoint in file.study.emission_timepoints] == ["tp1"]
    assert file.study.planar.effective_attenuation == 0.12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timepoints": [{"id": "tp1", "activity": "a", "planar": "p"}]}, "make it two"),
        ({"reference_timepoint": "p1"}, "'p1' is planar"),
        ({"drafts": [{"name": "x", "timepoint": "p1", "method": "otsu"}]}, "'p1' is planar"),
        ({"rois": [{**ROI, "timepoint": "tp1"}]}, "is not planar"),
        ({"rois": [{**ROI, "timepoint": "p9"}]}, "no time point 'p9'"),
        ({"rois": [{**ROI, "polygon": [[1, 1], [2, 2], [3, 1]]}]}, "exactly one of polygon, rectangle and image"),
        ({"rois": [{"region": "s", "timepoint": "p1", "polygon": [[1, 1], [2, 2]]}]}, "at least three corners"),
        ({"rois": [{"region": "s", "timepoint": "p1", "image": "l.nii"}]}, "image and label belong together"),
        ({"rois": [{**ROI, "transmission": 0.0}]}, "transmission"),
        ({"planar": {"background": "nearby"}}, "background"),
        ({"planar": {"sensitivity": "6.1"}}, "has no unit"),
    ],
)
def test_contradictions_are_one_sentence(tmp_path, changes, words):
    with pytest.raises(StudyError) as refusal:
        require_complete(read_study(written(tmp_path, **changes)))
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_documented_hybrid_study_can_be_read(request):
    study = read_study(request.config.rootpath / "docs/formats/examples/study-hybrid.yaml").study
    assert [timepoint.id for timepoint in study.planar_timepoints] == ["planar1", "planar24", "planar96", "planar168"]
    assert study.planar.sensitivity == 4.65 and study.rois[1].body_thickness == 160.0
    assert study.timepoints[2].declare.posterior == "from-behind"


def test_planar_images_need_a_spect(tmp_path):
    with pytest.raises(StudyError) as refusal:
        require_complete(read_study(written(tmp_path, timepoints=[{"id": "p1", "planar": "p"}])))
    assert refusal.value.code in ("missing-spect", "missing-regions") and "SPECT/CT" in str(refusal.value)
