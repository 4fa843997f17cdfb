import pytest

from theradose.errors import StudyError
from theradose.workflow.protocols import load_protocol, protocol_names
from theradose.workflow.study_file import missing_values, read_study, require_complete

COMPLETE = """
schema_version: 1
administrations: [{nuclide: Lu-177, activity: 7.4 GBq, residual: 60 MBq, start: 2026-03-02T10:00:00+01:00}]
timepoints: [{id: tp1, activity: nm, regions: rt.dcm}]
"""


def _study(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return path


def test_the_documented_example_is_read(request):
    study = read_study(request.config.rootpath / "docs/formats/examples/study.yaml").study
    assert study.administrations[0].net_activity_mbq == pytest.approx(7340.0)
    assert study.administrations[0].duration == pytest.approx(0.5)
    assert study.calibration.sensitivity == pytest.approx(9.3)
    assert study.calibration.u == pytest.approx(0.03)
    assert study.calibration.dead_time == pytest.approx(4.0)
    assert study.patient.height == pytest.approx(168.0)
    assert study.drafts[0].box_mm == ((-80, -60, 900), (-30, -10, 960))
    lesion = study.biology.regions["lesion-1"]
    assert (lesion.alpha_beta, lesion.alpha_beta_u, lesion.repair_half_life) == (10.0, 0.2, 1.5)
    load_protocol(study.protocol)


def test_a_complete_study_passes(tmp_path):
    require_complete(read_study(_study(tmp_path, COMPLETE)))


@pytest.mark.parametrize(
    ("old", "new", "key", "code"),
    [
        ("nuclide: Lu-177, ", "", "administrations[0].nuclide", "missing-nuclide"),
        ("activity: 7.4 GBq", "activity: null", "administrations[0].activity", "missing-administration"),
        ("start: 2026-03-02T10:00:00+01:00", "start: null", "administrations[0].start", "missing-administration"),
        ("activity: nm, ", "", "timepoints[0].activity", "missing-image"),
        (", regions: rt.dcm", "", "timepoints[].regions", "missing-regions"),
    ],
)
def test_each_missing_value_is_asked_for_by_name(tmp_path, old, new, key, code):
    study_file = read_study(_study(tmp_path, COMPLETE.replace(old, new)))
    assert [(item.key, item.code) for item in missing_values(study_file.study)] == [(key, code)]
    with pytest.raises(StudyError) as refusal:
        require_complete(study_file)
    assert key in str(refusal.value) and refusal.value.code == code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COMPLETE.replace("7.4 GBq", "7,4 GBq"), "decimal point"),
        (COMPLETE.replace("7.4 GBq", "7400"), "has no unit"),
        (COMPLETE.replace("7.4 GBq", "7.4 GSv"), "not a unit known here"),
        (COMPLETE.replace("7.4 GBq", "-7.4 GBq"), "greater than 0"),
        (COMPLETE + "colour: red\n", "colour: this key is not known"),
        (COMPLETE.replace("schema_version: 1", "schema_version: 2"), "schema_version"),
        (COMPLETE + "reference_timepoint: tp9\n", "no time point 'tp9'"),
        (COMPLETE.replace("[{id: tp1", "[{id: tp1}, {id: tp1"), "must be unique"),
        ("- 1\n", "holds no study"),
        ("a: [", "not valid YAML at line"),
        (COMPLETE + "patient: {id: P2}\npatient: {id: P3}\n", "the key 'patient' is given twice"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(tmp_path, text, message):
    with pytest.raises(StudyError, match=message) as refusal:
        read_study(_study(tmp_path, text))
    assert "\n" not in str(refusal.value)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(StudyError, match="theradose import"):
        read_study(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", protocol_names())
def test_packaged_protocols_are_complete(name):
    protocol = load_protocol(name)
    assert protocol.title and protocol.measurement_relative_u.source


def test_an_unknown_protocol_lists_the_valid_ones():
    with pytest.raises(StudyError, match="generic/spect"):
        load_protocol("lu177/none")
