"""What a result says about the study: units used inside, no identity, no place on the machine."""

import pytest

from theradose.model.study import Study
from theradose.uncertainty import Uncertain
from theradose.workflow.assemble import describe_study, estimate
from tiny_study import content

PATIENT = {"id": "P001", "name": "Doe^John", "birth_date": "1960-01-01", "sex": "M"}


def described(**changes):
    return describe_study(Study.model_validate({**content(), "patient": PATIENT, **changes}))


def test_identity_stays_out():
    patient = described()["patient"]
    assert patient["id"] == "P001" and patient["sex"] == "M"
    assert "name" not in patient and "birth_date" not in patient


def test_identity_comes_along_when_the_study_asks():
    patient = described(report={"identify_patient": True})["patient"]
    assert (patient["name"], patient["birth_date"]) == ("Doe^John", "1960-01-01")


def test_absolute_paths_lose_their_folders_at_any_depth():
    timepoints = content()["timepoints"]
    timepoints[0] |= {"activity": "/home/someone/patient/tp1.nii", "ct": "../ct"}
    study = described(timepoints=timepoints, calibration={"camera": "A", "recovery": "/srv/phantoms/recovery.csv"})
    assert study["timepoints"][0]["activity"] == "tp1.nii"
    assert study["timepoints"][0]["ct"] == "../ct"
    assert study["calibration"]["recovery"] == "recovery.csv"


def test_numbers_are_in_the_units_used_inside():
    study = described(administrations=[{"nuclide": "Lu-177", "activity": "7.4 GBq", "duration": "30 min"}])
    assert study["administrations"][0]["activity"] == pytest.approx(7400)
    assert study["administrations"][0]["duration"] == pytest.approx(0.5)


def test_an_uncertainty_that_nobody_stated_is_null():
    assert estimate(Uncertain.relative(5.0, {"volume:x": None})).u is None
    assert estimate(Uncertain.relative(5.0, {"volume:x": None, "fit": 0.1})).u == pytest.approx(0.5)
    assert estimate(Uncertain(5.0)).u is None
