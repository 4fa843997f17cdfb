from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from theradose.errors import CalibrationError
from theradose.model.calibration import (
    CalibrationRecord,
    ConstancyCheck,
    DeadTime,
    Factor,
    Instrument,
    Reconstruction,
    Recovery,
    RecoveryPoint,
    SourceGeometry,
)
from theradose.model.equipment import Equipment
from theradose.quantify.calibration_use import (
    camera_findings,
    counter_calibration,
    differing_instrument,
    planar_findings,
    record_recovery,
    set_findings,
)

MEASURED = datetime(2026, 2, 16, 10, tzinfo=UTC)
USED = MEASURED + timedelta(days=20)
CYLINDER = SourceGeometry(shape="cylinder", diameter_mm=200, height_mm=180)
PARAMETERS = {"method": "OSEM 5i10s", "voxel_mm": "4.42 x 4.42 x 4.42"}
EQUIPMENT = Equipment("GE", "NM670", "123", "CAM1", "MEGP", "parallel holes", ((187.2, 228.8),), PARAMETERS)
STAMP = {"measured_at": MEASURED, "valid_until": date(2027, 2, 16), "made_at": MEASURED, "software": "test"}


def factor(**changes):
    values = {
        "value_cps_per_mbq": 9.3, "u_cps_per_mbq": 0.186, "budget": (), "measurement": "spect", "geometry": CYLINDER,
        "reconstruction": Reconstruction.of(PARAMETERS), **changes,
    }  # fmt: skip
    return Factor(**{**STAMP, **values})


def recovery(**changes):
    values = {
        "name": "nema", "half_volume_ml": 2.0, "exponent": 0.5, "covariance": ((0.04, 0.001), (0.001, 0.0004)),
        "points": tuple(RecoveryPoint(volume_ml=v, recovery=0.5, u_recovery=0.02) for v in (0.5, 26.5)),
        "geometry": SourceGeometry(shape="sphere"), "factor_geometry": CYLINDER,
        "reconstruction": Reconstruction.of(PARAMETERS), **changes,
    }  # fmt: skip
    return Recovery(**STAMP, **values)


def dead_time(**changes):
    values = {"value_us": 4.0, "u_us": 0.1, "model": "paralysable", "method": "decaying-source", "readings": 8,
              "highest_rate_cps": 6e4, "largest_loss": 0.3, **changes}  # fmt: skip
    return DeadTime(**STAMP, **values)


def check(days, *, passed=True, is_reference=False):
    moment = MEASURED + timedelta(days=days)
    return ConstancyCheck(
        measured_at=moment, source="Cs-1", nuclide="Cs-137", reading_cps=5000, u_cps=5, reference=is_reference,
        ratio=1.0 if passed else 0.9, passed=None if is_reference else passed, made_at=moment, software="test",
    )  # fmt: skip


def record(**changes):
    values = {
        "kind": "camera",
        "instrument": Instrument(name="NM670-A", manufacturer="GE", model="NM670", serial="123", station="CAM1"),
        "nuclide": "Lu-177", "collimator": "MEGP", "collimator_type": "parallel holes",
        "energy_windows_kev": ((187.2, 228.8),), "factor": factor(), **changes,
    }  # fmt: skip
    return CalibrationRecord(**values)


def codes(findings):
    return [finding.code for finding in findings]


def used(of=None, equipment=EQUIPMENT, nuclide="Lu-177", at=USED):
    return codes(camera_findings(of or record(), equipment, nuclide=nuclide, acquired_at=at))


def changed(**changes):
    from dataclasses import replace

    return replace(EQUIPMENT, **changes)


def test_the_same_equipment_is_quiet():
    assert used(record(recovery=recovery(), dead_time=dead_time())) == []


@pytest.mark.parametrize(
    ("equipment", "expected"),
    [
        (changed(serial="124"), ["calibration-camera-differs"]),
        (changed(serial=None, station="CAM2"), ["calibration-camera-differs"]),
        (changed(serial=None, station=None, model="Symbia"), ["calibration-camera-differs"]),
        (changed(collimator="LEHR"), ["calibration-collimator-differs"]),
        (changed(collimator=" megp "), []),
        (changed(collimator=None), ["calibration-not-comparable"]),
        (changed(collimator=None, collimator_type="pinhole"), ["calibration-collimator-differs"]),
        (changed(energy_windows_kev=((103.0, 123.0),)), ["calibration-windows-differ"]),
        (changed(energy_windows_kev=((187.0, 229.0),)), []),
        (changed(energy_windows_kev=((187.2, 228.8), (160, 170))), ["calibration-windows-differ"]),
        (changed(reconstruction={**PARAMETERS, "method": "OSEM 2i10s"}), ["calibration-reconstruction-differs"]),
        (changed(reconstruction={}), []),
        (changed(collimator=None, energy_windows_kev=()), ["calibration-not-comparable"]),
        (None, ["calibration-not-comparable"]),
    ],
)
def test_other_equipment_is_found(equipment, expected):
    assert used(equipment=equipment) == expected


def test_differences_are_named():
    (finding,) = camera_findings(
        record(),
        changed(reconstruction={**PARAMETERS, "method": "OSEM 2i10s"}),
        nuclide="Lu-177",
        acquired_at=USED,
    )
    assert "method OSEM 5i10s against OSEM 2i10s" in finding.message
    assert "voxel" not in finding.message


def test_the_serial_number_decides_where_both_state_it():
    same = changed(station="RENAMED", model="NM670 upgraded")
    assert differing_instrument(record().instrument, same) == ""
    assert differing_instrument(Instrument(name="A"), EQUIPMENT) is None


def test_another_nuclide_is_critical():
    findings = camera_findings(record(), EQUIPMENT, nuclide="I-131", acquired_at=USED)
    assert [(f.code, f.severity) for f in findings] == [("calibration-nuclide-differs", "critical")]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2027, 2, 16, 23), []),
        (datetime(2027, 2, 17, 1), ["calibration-expired"]),
        (datetime(2026, 2, 14, 10), ["calibration-after-use"]),
    ],
)
def test_expiry_at_the_date_of_use(at, expected):
    """Checks every month keep constancy out of it."""
    of = record(constancy=tuple(check(30 * month) for month in range(1, 13)))
    assert used(of, at=at.replace(tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("checks", "days", "expected"),
    [
        ([], 92, []),
        ([], 94, ["calibration-constancy-missing"]),
        ([check(0, is_reference=True), check(60)], 150, []),
        ([check(60)], 160, ["calibration-constancy-missing"]),
        ([check(60, passed=False)], 90, ["calibration-constancy-failed"]),
        ([check(60, passed=False), check(61)], 90, []),
        ([check(60), check(95, passed=False)], 90, ["calibration-constancy-failed"]),
        # A reading from before the factor was measured belongs to the former one.
        ([check(-30, passed=False)], 20, []),
    ],
)
def test_constancy(checks, days, expected):
    assert used(record(constancy=tuple(checks)), at=MEASURED + timedelta(days=days)) == expected


def test_severity_of_failed_constancy_says_what_is_known():
    def severity(of):
        return [f.severity for f in camera_findings(of, EQUIPMENT, nuclide="Lu-177", acquired_at=USED)]

    assert severity(record(constancy=(check(10, passed=False),))) == ["critical"]
    assert severity(record(constancy=(check(30, passed=False),))) == ["warning"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recovery": recovery()}, []),
        ({"recovery": recovery(factor_geometry=SourceGeometry(shape="sphere"))}, ["calibration-geometry-differs"]),
        ({"recovery": recovery(factor_geometry=None)}, ["recovery-factor-not-stated"]),
        (
            {"recovery": recovery(reconstruction=Reconstruction.of({"method": "FBP"}))},
            ["recovery-reconstruction-differs"],
        ),
        ({"dead_time": dead_time()}, ["factor-dead-time-differs"]),
        ({"dead_time": dead_time(), "factor": factor(dead_time_us=4.0, dead_time_model="paralysable")}, []),
    ],
)
def test_parts_of_a_record_belong_together(changes, expected):
    assert codes(set_findings(record(**changes))) == expected


def test_recovery_curve_of_a_record():
    curve = record_recovery(record(recovery=recovery()))
    assert (curve.name, curve.volume_range_ml) == ("nema", (0.5, 26.5))
    assert curve.value(2.0) == pytest.approx(0.5)
    assert record_recovery(record()) is None


def counter(**changes):
    tube = SourceGeometry(shape="tube", volume_ml=1)
    own = factor(value_cps_per_mbq=5e5, u_cps_per_mbq=1e4, geometry=tube, reconstruction=None, measurement="counts")
    return record(**{"kind": "counter", "factor": own, "collimator": None, **changes})


def test_counter_calibration():
    calibration, findings = counter_calibration(counter(), "Lu-177", USED)
    assert (calibration.efficiency_cps_per_mbq, calibration.relative_u) == (5e5, pytest.approx(0.02))
    assert calibration.dead_time_us is None and findings == ()


def test_counter_calibration_with_dead_time():
    calibration, findings = counter_calibration(
        counter(dead_time=dead_time(value_us=1.0, model="non-paralysable")), "Lu-177", None
    )
    assert (calibration.dead_time_us, calibration.dead_time_model) == (1.0, "non-paralysable")
    assert codes(findings) == ["factor-dead-time-differs"]


def test_counter_that_no_longer_holds_is_a_finding():
    _, findings = counter_calibration(counter(), "Lu-177", MEASURED + timedelta(days=400))
    assert codes(findings) == ["calibration-expired", "calibration-constancy-missing"]


@pytest.mark.parametrize(
    ("of", "nuclide", "code"),
    [
        (record(), "Lu-177", "record-kind"),
        (counter(factor=None), "Lu-177", "record-factor-missing"),
        (counter(), "I-131", "record-nuclide"),
    ],
)
def test_counter_record_that_cannot_be_used(of, nuclide, code):
    with pytest.raises(CalibrationError) as caught:
        counter_calibration(of, nuclide, USED)
    assert caught.value.code == code


PLANAR_WINDOWS = ((175.0, 187.6), (187.6, 229.2), (229.2, 241.8))
TEW = "triple energy window (175 to 187.6 keV, 229.2 to 241.8 keV)"


def used_on_planar(equipment=None, *, at=USED, scatter=TEW, **changes):
    """Findings of a planar image by a record whose planar factor has windows of its own."""
    values = {"measurement": "planar", "energy_windows_kev": PLANAR_WINDOWS, "scatter": TEW, "reconstruction": None,
              **changes}  # fmt: skip
    equipment = equipment or changed(energy_windows_kev=PLANAR_WINDOWS, reconstruction={})
    of = record(planar_factor=factor(**values), recovery=recovery())
    return planar_findings(of, equipment, nuclide="Lu-177", acquired_at=at, scatter=scatter)


def test_planar_images_are_compared_with_the_planar_factor():
    """Its windows, not those of the SPECT; recovery and reconstruction are the SPECT's."""
    assert codes(used_on_planar()) == []
    spect_windows = changed(reconstruction={})
    assert codes(used_on_planar(spect_windows)) == ["calibration-windows-differ"]
    other = changed(serial="124", energy_windows_kev=PLANAR_WINDOWS, reconstruction={})
    assert codes(used_on_planar(other)) == ["calibration-camera-differs"]
    assert planar_findings(record(), EQUIPMENT, nuclide="Lu-177", acquired_at=USED, scatter="none") == ()


def test_another_scatter_correction_is_a_warning():
    (finding,) = used_on_planar(scatter="none")
    assert (finding.code, finding.severity) == ("calibration-scatter-differs", "warning")
    # A record made from a table does not say it.
    assert codes(used_on_planar(scatter="none", **{"energy_windows_kev": PLANAR_WINDOWS})) == [finding.code]


def test_an_expired_planar_factor_is_named():
    found = used_on_planar(at=MEASURED + timedelta(days=400))
    messages = [finding.message for finding in found if finding.code == "calibration-expired"]
    assert len(messages) == 1 and messages[0].startswith("The planar factor of 'NM670-A'")


def test_dead_time_of_the_planar_factor_belongs_to_the_record():
    planar = factor(measurement="planar", reconstruction=None, dead_time_us=None, dead_time_model=None)
    found = set_findings(record(planar_factor=planar, dead_time=dead_time()))
    differing = [finding.message for finding in found if finding.code == "factor-dead-time-differs"]
    # That of the SPECT was measured without dead time as well.
    assert [message.partition(" of ")[0] for message in differing] == ["The factor", "The planar factor"]


def test_factors_stand_in_their_places():
    """The model refuses what would double or halve every activity."""
    for place, measurement in (("factor", "planar"), ("planar_factor", "spect")):
        with pytest.raises(ValueError, match="planar_factor"):
            record(**{place: factor(measurement=measurement)})
