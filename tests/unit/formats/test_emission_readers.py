"""Unit, scale, decay reference and times of NM and PET objects."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pydicom
import pytest

from dicom_images import (
    LU177_HALF_LIFE_S,
    SHAPE,
    add_real_world_value,
    assign,
    code,
    per_slice,
    pharmaceutical,
    real_world_value,
    remove,
    stored_values,
    write_nm,
    write_pt,
)
from theradose.errors import DicomError
from theradose.formats.dicom.files import list_files
from theradose.formats.dicom.nm import NmKind, classify_nm, read_nm
from theradose.formats.dicom.pt import read_pt
from theradose.formats.dicom.series import read_series
from theradose.formats.facts import Effect
from theradose.model.activity import DecayKind, ImageUnit

ACQUIRED = datetime(2026, 3, 3, 10)
ADMINISTERED = datetime(2026, 3, 2, 10)


def series_of(path):
    (series,), _ = read_series(list_files(path))
    return series


def nm(tmp_path, *changes):
    return read_nm(series_of(write_nm(tmp_path / "nm.dcm", *changes)))


def pt(tmp_path, *changes):
    return read_pt(series_of(write_pt(tmp_path / "pt", *changes)))


def codes(facts):
    return [problem.code for problem in facts.problems]


def evidence(facts, quantity):
    return next(item for item in facts.evidence if item.quantity == quantity)


def test_nm_is_read_with_its_times(tmp_path):
    facts = nm(tmp_path)
    assert facts.unit is ImageUnit.BQ_PER_ML
    assert facts.acquired_at == ACQUIRED
    assert facts.frame_duration_s == 1200  # 60 projections of 20 s
    assert facts.decay_kind is DecayKind.ACQUISITION
    assert evidence(facts, "decay reference").assumed
    assert facts.problems == ()
    assert np.array_equal(facts.values(), stored_values())


def test_real_world_value_wins_over_rescale_slope(tmp_path):
    """A rescale slope may serve display only; ignoring the mapping makes activity too low by its slope."""
    facts = nm(tmp_path, assign(RescaleSlope=3, RescaleIntercept=0), real_world_value(12.5))
    assert facts.unit is ImageUnit.BQ_PER_ML
    assert facts.values() == pytest.approx(stored_values() * 12.5)
    assert evidence(facts, "scale").source == "(0040,9096) RealWorldValueMappingSequence"


def test_mapping_in_kilobecquerel_is_converted(tmp_path):
    facts = nm(tmp_path, real_world_value(2.0, "kBq/ml", intercept=1.0))
    assert facts.values() == pytest.approx(stored_values() * 2000.0 + 1000.0)


def test_mapping_to_another_unit_is_not_activity(tmp_path):
    facts = nm(tmp_path, real_world_value(0.5, "g/ml"), assign(RescaleSlope=3))
    assert facts.values() == pytest.approx(stored_values() * 3.0)


@pytest.mark.parametrize("slopes", [(10, 20, 30, 40), (40, 10, 30, 20)])
def test_each_slice_has_its_own_mapping(tmp_path, slopes):
    """PET scanners scale each slice to the full range of its integers."""
    facts = pt(tmp_path, assign(RescaleSlope=3), per_slice(*[real_world_value(s, intercept=s / 2) for s in slopes]))
    expected = stored_values() * np.array(slopes)[:, None, None] + np.array(slopes)[:, None, None] / 2
    assert np.array_equal(facts.values(), expected)
    assert evidence(facts, "scale").value == "4 different slopes from 10 to 40, one per slice"


def test_slices_without_mapping_refuse_the_series(tmp_path):
    """Their rescale slope may be of another unit, so that it cannot stand in."""
    change = per_slice(*[real_world_value(10)] * 3, assign())
    with pytest.raises(DicomError, match="3 of 4 files") as caught:
        pt(tmp_path, change)
    assert caught.value.code == "rwvm-incomplete"


def test_mapping_to_a_concentration_wins_over_counts(tmp_path):
    facts = nm(tmp_path, remove("Units"), real_world_value(12.5), add_real_world_value(2, "{counts}"))
    assert facts.unit is ImageUnit.BQ_PER_ML
    assert facts.values() == pytest.approx(stored_values() * 12.5)


def test_stated_unit_wins_over_a_mapping_to_counts(tmp_path):
    facts = nm(tmp_path, assign(RescaleSlope=3), real_world_value(2, "{counts}"))
    assert facts.unit is ImageUnit.BQ_PER_ML
    assert facts.values() == pytest.approx(stored_values() * 3.0)
    counts = nm(tmp_path / "b", remove("Units"), real_world_value(2, "{counts}"))
    assert counts.unit is ImageUnit.COUNTS
    assert counts.values() == pytest.approx(stored_values() * 2.0)


@pytest.mark.parametrize(("code", "factor"), [("MBq/ml", 1e6), ("kBq/mL", 1e3), ("Bq/cm3", 1.0), ("mBq/ml", None)])
def test_codes_of_units_are_case_sensitive(tmp_path, code, factor):
    """In UCUM m is a thousandth and M a million; a unit that is not known says nothing."""
    facts = nm(tmp_path, remove("Units"), real_world_value(2, code))
    assert facts.unit is (None if factor is None else ImageUnit.BQ_PER_ML)
    assert facts.values() == pytest.approx(stored_values() * (1.0 if factor is None else 2 * factor))


def test_mappings_that_contradict_each_other_are_refused(tmp_path):
    agreeing = nm(tmp_path, real_world_value(2000), add_real_world_value(2, "kBq/ml"))
    assert agreeing.values() == pytest.approx(stored_values() * 2000.0)
    with pytest.raises(DicomError) as caught:
        nm(tmp_path / "b", real_world_value(2000), add_real_world_value(3, "kBq/ml"))
    assert caught.value.code == "rwvm-ambiguous"


def test_nm_without_unit_stays_undecided(tmp_path):
    facts = nm(tmp_path, remove("Units"))
    assert facts.unit is None
    assert facts.unit_stated == ""
    assert facts.count_duration_s == 1200


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("BQML", ImageUnit.BQ_PER_ML),
        ("CNTS", ImageUnit.COUNTS),
        ("CPS", ImageUnit.COUNTS_PER_SECOND),
        ("GML", None),
        ("PROPCPS", None),
    ],
)
def test_units_of_pet_objects(tmp_path, units, expected):
    facts = pt(tmp_path, assign(Units=units))
    assert facts.unit is expected
    assert facts.unit_stated == units


def test_each_slice_has_its_own_slope(tmp_path):
    facts = pt(tmp_path)
    slopes = np.array([10, 20, 30, 40])[:, None, None]
    assert np.array_equal(facts.values(), stored_values() * slopes)


@pytest.mark.parametrize(
    ("stated", "kind", "moment"),
    [
        ("NONE", DecayKind.ACQUISITION, None),
        ("START", DecayKind.SERIES_START, ACQUIRED),
        ("ADMIN", DecayKind.ADMINISTRATION, ADMINISTERED),
        ("UNKNOWN", None, None),
    ],
)
def test_decay_correction(tmp_path, stated, kind, moment):
    facts = pt(tmp_path, assign(DecayCorrection=stated))
    assert facts.decay_kind is kind
    assert facts.decay_moment == moment


def test_series_time_after_the_acquisition_is_not_the_start(tmp_path):
    """A series time stamped at reconstruction must not become the decay reference."""
    facts = pt(tmp_path, assign(DecayCorrection="START", SeriesTime="173000"))
    assert facts.decay_moment == ACQUIRED
    assert evidence(facts, "decay reference moment").assumed


def test_nm_corrected_for_decay_without_saying_to_when_is_undecided(tmp_path):
    assert nm(tmp_path, assign(CorrectedImage=["ATTN", "DECY"])).decay_kind is None


def test_decay_factor_that_contradicts_the_reference_is_noted(tmp_path):
    """24 h of Lu-177 are a factor of 1.11; a factor of 1 says that nothing was corrected."""
    facts = pt(tmp_path, assign(DecayFactor=1.0))
    assert codes(facts) == ["decay-factor-differs"]
    assert facts.problems[0].effect is Effect.NOTE


def test_decay_factor_that_fits_is_silent(tmp_path):
    rate = np.log(2) / LU177_HALF_LIFE_S
    factor = np.exp(rate * 86400) * rate * 1200 / (1 - np.exp(-rate * 1200))
    assert codes(pt(tmp_path, assign(DecayFactor=float(f"{factor:.6g}")))) == []


def test_decay_factors_of_real_beds_fit_their_frame_times(shared_data):
    """The GE whole-body series states six factors, 1.01268 to 1.15077, and the frame times they come from."""
    facts = read_pt(series_of(shared_data / "images" / "sts_raw_pet" / "image"))
    assert codes(facts) == ["slices-resampled"]
    assert sorted(set(facts.slice_delay_s)) == [0, 243, 486, 729, 972, 1215]
    assert facts.frame_duration_s == 240


def test_beds_with_their_own_acquisition_times(tmp_path):
    def two_beds(dataset):
        dataset.AcquisitionTime = "100000" if dataset.InstanceNumber > 2 else "100400"

    facts = pt(tmp_path, two_beds)
    assert facts.acquired_at == ACQUIRED
    assert facts.slice_delay_s.tolist() == [240, 240, 0, 0]


@pytest.mark.parametrize(
    ("change", "stored_as", "assumed"),
    [
        (pharmaceutical(RadionuclideTotalDose=7400), "MBq", False),
        (pharmaceutical(RadionuclideTotalDose=7.4e9), "Bq", True),
    ],
)
def test_total_dose_of_nm_in_either_unit(tmp_path, change, stored_as, assumed):
    facts = nm(tmp_path, change)
    assert facts.administration.activity_mbq == pytest.approx(7400)
    item = evidence(facts, "administered activity")
    assert f"taken as {stored_as})" in item.value
    assert item.assumed is assumed


def test_total_dose_of_pet_objects(tmp_path):
    assert pt(tmp_path).administration.activity_mbq == pytest.approx(7400)
    small = pt(tmp_path / "b", pharmaceutical(RadionuclideTotalDose=250))
    assert small.administration.activity_mbq == 250
    assert evidence(small, "administered activity").assumed


def test_time_is_aware_only_if_the_header_says_so(tmp_path):
    assert nm(tmp_path).acquired_at.tzinfo is None
    aware = nm(tmp_path, assign(TimezoneOffsetFromUTC="+0100"))
    assert aware.acquired_at == ACQUIRED.replace(tzinfo=timezone(timedelta(hours=1)))
    assert aware.administration.start.utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize("keyword", ["AcquisitionDate", "AcquisitionTime"])
def test_missing_acquisition_time_is_not_replaced_by_another(tmp_path, keyword):
    assert nm(tmp_path, remove(keyword)).acquired_at is None
    assert pt(tmp_path, remove(keyword)).acquired_at is None


def test_half_life_of_another_nuclide_is_noted(tmp_path):
    facts = nm(tmp_path, pharmaceutical(RadionuclideHalfLife=21624))
    assert codes(facts) == ["half-life-differs"]


def test_nuclide_from_the_half_life_is_an_assumption(tmp_path):
    facts = nm(tmp_path, pharmaceutical(RadionuclideCodeSequence=None))
    assert facts.administration.nuclide == "Lu-177"
    assert evidence(facts, "nuclide").assumed


def test_time_of_day_dates_only_short_lived_nuclides(tmp_path):
    undated = {"RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": "093000"}
    lutetium = nm(tmp_path, pharmaceutical(**undated))
    assert lutetium.administration.start is None
    assert codes(lutetium) == ["administration-undated"]
    fluorine = nm(
        tmp_path,
        pharmaceutical(
            **undated,
            RadionuclideHalfLife=6588,
            RadionuclideCodeSequence=[code("C-111A1", "SRT", "^18^Fluorine")],
        ),
    )
    assert fluorine.administration.start == datetime(2026, 3, 3, 9, 30)
    assert evidence(fluorine, "administration start").assumed


def test_missing_slices_of_pet_are_refused(tmp_path):
    facts = pt(tmp_path, assign(NumberOfSlices=SHAPE[0] + 1))
    assert codes(facts) == ["missing-slices"]
    assert facts.problems[0].effect is Effect.REFUSED


@pytest.mark.parametrize("kind", ["DYNAMIC", "GATED"])
def test_several_pet_volumes_are_refused(tmp_path, kind):
    assert "several-volumes" in codes(pt(tmp_path, assign(SeriesType=[kind, "IMAGE"])))


@pytest.mark.parametrize(
    "change",
    [
        assign(EnergyWindowVector=[1, 1, 2, 2]),
        assign(TimeSlotVector=[1, 2, 3, 4]),
        assign(SliceVector=[1, 2, 1, 2]),
        assign(ImageType=["DERIVED", "PRIMARY", "RECON GATED TOMO", "EMISSION"]),
    ],
)
def test_several_nm_volumes_are_refused(tmp_path, change):
    assert codes(nm(tmp_path, change)) == ["several-volumes"]


@pytest.mark.parametrize(
    ("image_type", "kind"),
    [
        ("RECON TOMO", NmKind.VOLUME),
        ("RECON GATED TOMO", NmKind.VOLUME),
        ("TOMO", NmKind.PROJECTIONS),
        ("GATED TOMO", NmKind.PROJECTIONS),
        ("STATIC", NmKind.PLANAR),
        ("WHOLE BODY", NmKind.PLANAR),
        ("DYNAMIC", NmKind.PLANAR),
        ("", NmKind.UNKNOWN),
    ],
)
def test_nm_image_types(tmp_path, image_type, kind):
    path = write_nm(tmp_path / "nm.dcm", assign(ImageType=["ORIGINAL", "PRIMARY", image_type, "EMISSION"]))
    assert classify_nm(series_of(path)) is kind


def test_duration_needs_the_rotation(tmp_path):
    """The frame duration of an object without rotations may be one projection: too vague to count by."""
    facts = nm(tmp_path, remove("RotationInformationSequence"), assign(ActualFrameDuration=20000))
    assert facts.frame_duration_s == 20
    assert facts.count_duration_s is None


def test_spect_in_a_pet_object_is_recognised(shared_data):
    facts = read_pt(series_of(shared_data / "images" / "lu177_spect" / "SCAN_001" / "image"))
    assert "187.56 to 229.24 keV" in evidence(facts, "acquisition").value
    assert facts.administration.start == datetime(2018, 11, 15, 9, 22)
    assert facts.administration.activity_mbq == pytest.approx(7210.4256, rel=1e-7)
    assert facts.administration.half_life_h == pytest.approx(574300 / 3600)


def test_values_of_a_real_series_equal_those_of_the_parser(shared_data):
    folder = shared_data / "images" / "lu177_spect" / "SCAN_002" / "image"
    facts = read_pt(series_of(folder))
    values, grid = facts.values(), facts.geometry.grid
    for file in sorted(folder.iterdir())[::20]:
        dataset = pydicom.dcmread(file)
        index = grid.to_index(np.array(dataset.ImagePositionPatient, float))
        assert index == pytest.approx((round(index[0]), 0, 0), abs=1e-6)
        assert np.array_equal(values[round(index[0])], dataset.pixel_array * float(dataset.RescaleSlope))
