"""Blood and probe of the digital patient: the readings give back what they were made from."""

from datetime import datetime

import numpy as np
import pytest

from theradose.acquire.blood import read_blood
from theradose.acquire.probe import read_probe
from theradose.model.samples import CounterCalibration
from theradose.quantify.samples import SampleOptions, sample_curve
from theradose.quantify.whole_body import ProbeOptions, probe_curve
from theradose.simulate.camera import load_camera
from theradose.simulate.patient import make_patient
from theradose.simulate.readings import BLOOD_FILE, PROBE_FILE, draw_blood, write_readings

START = datetime.fromisoformat("2026-03-02T10:00:00+01:00")


@pytest.fixture(scope="module")
def patient():
    return make_patient(seed=3, camera=load_camera())


@pytest.fixture(scope="module")
def folder(patient, tmp_path_factory):
    path = tmp_path_factory.mktemp("readings")
    write_readings(path, patient, draw_blood(patient), administered_at=START)
    return path


def test_counts_give_back_the_concentration_in_plasma(patient, folder):
    blood = draw_blood(patient)
    counter = CounterCalibration("SIM-COUNTER", 150_000.0, 0.02, 4.0)
    options = SampleOptions(start=START, calibration=counter, repeatability_u=0.03)
    (series,) = read_blood(folder / BLOOD_FILE)
    curve, _ = sample_curve(series, nuclide=patient.nuclide, options=options)
    true = blood.curve.activity_mbq(curve.curve.t_h) / (1 - blood.haematocrit)
    # Seven samples with their own uncertainties; the haematocrit in the table has three digits.
    deviations = (curve.curve.activity_mbq - true) / curve.curve.u_independent_mbq
    assert np.sum(deviations**2) < 18.5  # 1 % of chi-squared with 7 degrees of freedom


def test_the_probe_gives_back_the_whole_body(patient, folder):
    options = ProbeOptions(patient.administered_mbq, start=START, repeatability_u=0.02)
    probe, _ = probe_curve(read_probe(folder / PROBE_FILE), nuclide=patient.nuclide, options=options)
    true = patient.body_curve().activity_mbq(probe.curve.t_h)
    # Position (2 %) of each reading and of the one that calibrates the others.
    assert probe.curve.activity_mbq == pytest.approx(true, rel=4 * 0.02 * 2**0.5)


def test_the_same_patient_has_the_same_readings(patient, folder, tmp_path):
    write_readings(tmp_path, patient, draw_blood(patient), administered_at=START)
    for name in (BLOOD_FILE, PROBE_FILE):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_patient_with_one_kidney_has_a_marrow_dose_too():
    patient = make_patient(seed=3, camera=load_camera(), without=("right-kidney",))
    assert draw_blood(patient).marrow_dose_gy > 0
