"""Regions of every time point: where they come from, how they are named, and who stands behind them."""

import numpy as np
import pytest

from theradose.errors import GeometryError, StudyError
from theradose.formats.nifti import write_nifti
from theradose.model.contour import Contour, ContourRegion, ContourSet
from theradose.model.grid import Grid, Volume
from theradose.model.region import OutlinedOn, Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.transform import Registration, RigidTransform
from theradose.store.steps import StepStore
from theradose.workflow.case import hash_inputs
from theradose.workflow.regions import segment_timepoints
from theradose.workflow.timepoints import load_timepoints
from tiny_study import BLOCKS, GRID, content

NAMES = {"liver": ["1", "Leber"], "lesion-1": ["2"], "spleen": ["3"]}
OTHER = {"spleen": (slice(12, 15), slice(3, 6), slice(3, 6))}
SHIFT_MM = np.array([0.0, 0.0, 4.0])  # one slice


@pytest.fixture
def segment(tiny_case, tmp_path):
    """Return a function that segments the smallest study; `moved` time points lie one slice higher."""

    def run(*, labels, moved=(), **changes):
        timepoints = content()["timepoints"]
        for row in timepoints:
            row.pop("regions", None)
            if row["id"] in labels:
                row["regions"] = f"labels_{row['id']}.nii"
                path = tmp_path / "study" / row["regions"]
                path.parent.mkdir(exist_ok=True)
                _write_labels(path, labels[row["id"]])
        case = tiny_case(timepoints=timepoints, names=NAMES, **changes)
        loaded, _ = load_timepoints(case, StepStore(tmp_path / "steps"), hash_inputs(case.study_file))
        matrix = np.eye(4)
        matrix[:3, 3] = SHIFT_MM
        registrations = {
            item.timepoint.id: Registration(
                RigidTransform(matrix) if item.timepoint.id in moved else RigidTransform.identity(), "given"
            )
            for item in loaded
        }
        outlines, findings = segment_timepoints(case, loaded, registrations)
        run.homes = outlines.emission_home
        return outlines.segmentations, findings

    return run


@pytest.fixture
def outlines(monkeypatch):
    """Return a function that lets the region files hold contours, one list of regions per file."""

    def give(*sets):
        files = iter(sets)
        monkeypatch.setattr(
            "theradose.workflow.regions.load_regions", lambda path, names: (ContourSet(tuple(next(files))), ())
        )

    return give


def _write_labels(path, numbers):
    values = np.zeros(GRID.shape, np.uint8)
    for number, block in numbers.items():
        values[block] = number
    write_nifti(Volume(values, GRID), path)


BOTH = {1: BLOCKS["liver"], 2: BLOCKS["lesion-1"], 3: OTHER["spleen"]}


def occupied(segmentation, name):
    return np.argwhere(segmentation.mask(name) > 0.5)


def codes(findings):
    return [(finding.code, finding.where) for finding in findings]


def test_regions_of_one_time_point_are_carried_to_the_others(segment):
    complete, _ = segment(labels={"tp1": BOTH}, moved={"tp2"})
    for name in ("liver", "lesion-1", "spleen"):
        here, moved, still = (occupied(complete[item], name) for item in ("tp1", "tp2", "tp3"))
        assert np.array_equal(here, still)
        # A point of the reference lies 4 mm higher at tp2, and one slice is 4 mm.
        assert np.array_equal(here + (1, 0, 0), moved)
    assert complete["tp1"].region("liver").method == "labels"
    assert complete["tp2"].region("liver").method == "propagated:tp1"


def test_propagated_regions_are_measured_where_they_were_drawn(segment):
    """The labels are on the grid of tp1's emission image: the others look for their activity there."""
    segment(labels={"tp1": BOTH}, moved={"tp2"})
    names = ("liver", "lesion-1", "spleen")
    assert segment.homes == {(here, name): "tp1" for here in ("tp2", "tp3") for name in names}
    segment(labels={"tp1": BOTH, "tp2": BOTH, "tp3": BOTH})
    assert segment.homes == {}


def test_carried_from_a_time_point_that_is_not_the_reference(segment):
    complete, _ = segment(labels={"tp2": BOTH}, moved={"tp2"}, reference_timepoint="tp1")
    assert np.array_equal(occupied(complete["tp2"], "liver") - (1, 0, 0), occupied(complete["tp1"], "liver"))
    assert complete["tp1"].region("liver").method == complete["tp3"].region("liver").method == "propagated:tp2"


def test_regions_given_on_each_time_point_are_used_there(segment):
    smaller = tuple(slice(part.start, part.stop - 1) for part in BLOCKS["liver"])
    complete, _ = segment(labels={"tp1": BOTH, "tp2": {**BOTH, 1: smaller}, "tp3": BOTH})
    voxels = {item: len(occupied(complete[item], "liver")) for item in complete}
    assert voxels == {"tp1": 9 * 9 * 5, "tp2": 8 * 8 * 4, "tp3": 9 * 9 * 5}
    assert {complete[item].region("liver").method for item in complete} == {"labels"}


def test_regions_given_here_and_there_complete_each_other(segment, outlines):
    """The lesion is outlined at tp2 only, where the liver is outlined too: each keeps its own and gets the rest."""
    outlines([_cube("liver", 3, 8)], [_cube("liver", 3, 6), _cube("lesion-1", 9, 12)])
    complete, findings = segment(labels={"tp1": BOTH, "tp2": BOTH})
    assert all(item.names == ("liver", "lesion-1") for item in complete.values())
    assert {item: len(occupied(complete[item], "liver")) for item in complete} == {"tp1": 125, "tp2": 27, "tp3": 125}
    assert {item: len(occupied(complete[item], "lesion-1")) for item in complete} == dict.fromkeys(complete, 27)
    assert complete["tp1"].region("lesion-1").method == "propagated:tp2"
    assert complete["tp3"].region("liver").method == "propagated:tp1"
    assert ("region-not-matched", "lesion-1") in codes(findings)


def test_all_time_points_have_the_same_regions_in_the_same_order(segment):
    drafts = [{"name": "hot", "timepoint": "tp2", "method": "sphere", "seed_mm": [0, 0, 0], "radius": "8 mm"}]
    complete, _ = segment(labels={"tp1": BOTH}, drafts=drafts)
    assert {item.names for item in complete.values()} == {("liver", "lesion-1", "spleen", "hot")}
    assert complete["tp2"].region("hot").drafted_by.startswith("theradose ")
    assert complete["tp1"].region("hot").method == "propagated:tp2"


def test_names_join_different_spellings(segment, outlines):
    """One time point calls it Leber, the other liver: one region, each with its own outline."""
    outlines([_cube("Leber", 3, 8)], [_cube("liver", 3, 6)])
    complete, _ = segment(labels={"tp1": BOTH, "tp2": BOTH})
    assert complete["tp1"].names == ("liver",)
    assert complete["tp1"].region("liver").kind is RegionKind.ORGAN
    assert len(occupied(complete["tp1"], "liver")) == 5**3
    assert len(occupied(complete["tp2"], "liver")) == 3**3


def test_two_contours_on_a_slice_leave_a_hole(segment, outlines):
    outer, inner = _cube("liver", 3, 10), _cube("liver", 5, 8)
    outlines([ContourRegion("liver", 1, (*outer.contours, *inner.contours))])
    complete, _ = segment(labels={"tp1": BOTH})
    assert len(occupied(complete["tp1"], "liver")) == 7**3 - 3**3


def test_drafts_are_built_on_what_is_outlined(segment):
    drafts = [{"name": "rest", "method": "difference", "regions": ["liver", "hot"]}]
    first = [{"name": "hot", "method": "sphere", "seed_mm": [-14, 0, 0], "radius": "8 mm"}]
    complete, findings = segment(labels={"tp1": BOTH}, drafts=first + drafts)
    liver, hot, rest = (complete["tp1"].mask(name) for name in ("liver", "hot", "rest"))
    assert hot.sum() > 0
    assert np.allclose(rest, np.maximum(0, liver - np.minimum(liver, hot)))
    assert ("region-drafted", "hot") in codes(findings) and ("region-drafted", "rest") in codes(findings)


def test_an_outline_remembers_the_image_on_which_it_was_drawn(segment, outlines):
    """Labels and contours lie on the emission grid; a draft made of regions is drawn where they are."""
    drafts = [
        {"name": "hot", "method": "sphere", "seed_mm": [-14, 0, 0], "radius": "8 mm"},
        {"name": "rest", "method": "difference", "regions": ["liver", "hot"]},
    ]
    complete, _ = segment(labels={"tp1": BOTH}, moved={"tp2"}, drafts=drafts)
    for item in complete.values():
        for name in ("liver", "hot", "rest"):
            assert item.region(name).outlined_on is OutlinedOn.EMISSION
            assert item.region(name).outline_spacing_mm == GRID.spacing_mm
    outlines([_cube("liver", 3, 8)])
    complete, _ = segment(labels={"tp1": BOTH})
    assert complete["tp3"].region("liver").outlined_on is OutlinedOn.EMISSION


def test_a_mask_on_the_grid_of_neither_image_has_no_known_home(segment, monkeypatch):
    fine = Grid.axis_aligned((4, 4, 4), (2.0, 2.0, 2.0))
    mask = Segmentation(fine, (Region("liver"),), (RegionVoxels.from_mask(np.ones(fine.shape)),))
    monkeypatch.setattr("theradose.workflow.regions.load_regions", lambda path, names: (mask, ()))
    complete, _ = segment(labels={"tp1": BOTH})
    assert complete["tp1"].region("liver").outlined_on is OutlinedOn.NOT_STATED


def test_who_verified_is_kept_where_the_outline_was_seen(segment):
    complete, findings = segment(labels={"tp1": BOTH}, verified=[{"region": "liver", "by": "Dr. A"}])
    assert complete["tp1"].region("liver").verified_by == "Dr. A"
    assert complete["tp2"].region("liver").verified_by is None
    unverified = [where for code, where in codes(findings) if code == "region-unverified"]
    assert unverified == ["lesion-1", "spleen"]


def test_a_stated_mass_belongs_to_the_region(segment):
    complete, _ = segment(labels={"tp1": BOTH}, overrides=[{"region": "liver", "mass": "1.6 kg", "reason": "CT"}])
    assert complete["tp1"].region("liver").mass_g == 1600
    assert complete["tp1"].region("spleen").mass_g is None


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": [{"region": "pancreas", "model": "mono", "reason": "test"}]},
        {"verified": [{"region": "pancreas", "by": "Dr. A"}]},
    ],
)
def test_a_region_that_does_not_exist_is_refused_with_those_that_do(segment, changes):
    with pytest.raises(StudyError, match="'pancreas'.*liver, lesion-1, spleen") as refusal:
        segment(labels={"tp1": BOTH}, **changes)
    assert refusal.value.code == "region-unknown"


def test_a_region_carried_out_of_the_image_is_noticed(segment):
    """The spleen fills slices 12 to 14 of 16; four slices higher it is gone."""
    edge = {**BOTH, 3: (slice(14, 16), slice(3, 6), slice(3, 6))}
    _, findings = segment(labels={"tp1": edge}, moved={"tp2"})
    assert ("region-truncated", "spleen") in codes(findings)


def test_regions_that_cannot_be_read_name_their_time_point(segment, monkeypatch):
    def refuse(path, names):
        raise GeometryError("It is broken.", code="broken")

    monkeypatch.setattr("theradose.workflow.regions.load_regions", refuse)
    with pytest.raises(GeometryError, match=r"^Regions of time point 'tp1': It is broken\.$") as refusal:
        segment(labels={"tp1": BOTH})
    assert refusal.value.code == "broken"


def _cube(name, low, high):
    """Squares around the centres low … high − 1 in rows and columns on the slices low … high − 1."""
    a, b = low - 0.5, high - 0.5
    contours = tuple(
        Contour(GRID.to_lps(np.array([(k, a, a), (k, a, b), (k, b, b), (k, b, a)]))) for k in range(low, high)
    )
    return ContourRegion(name, 1, contours)
