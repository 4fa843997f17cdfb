"""What headers say about camera, collimator, window, reconstruction and corrections."""

from __future__ import annotations

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_images import assign, write_nm, write_pt
from theradose.formats.dicom.files import list_files
from theradose.formats.dicom.nm import read_nm
from theradose.formats.dicom.pt import read_pt
from theradose.formats.dicom.series import read_series

QUANTITIES = ("imaging system", "collimator", "energy window", "reconstruction", "corrections")


def series_of(path):
    (series,), _ = read_series(list_files(path))
    return series


def stated(facts):
    return {item.quantity: item.value for item in facts.evidence if item.quantity in QUANTITIES}


def windows(low, high):
    limits = Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = low, high
    return Sequence([limits])


def test_a_real_quantitative_spect(shared_data):
    facts = read_pt(series_of(shared_data / "images" / "lu177_spect" / "SCAN_001" / "image"))
    assert stated(facts) == {
        "imaging system": "SIEMENS NM Encore2",
        "collimator": "parallel holes",  # its grid name is a key of a private table
        "energy window": "187.56 to 229.24 keV",
        "reconstruction": "OSCGMM,48i,1s; Gauss,0.00mm",
        "corrections": "uniformity, attenuation (CT-derived mu-map), scatter (TEW), decay",
    }
    assert not any(item.assumed for item in facts.evidence if item.quantity in QUANTITIES)


def test_a_real_pet(shared_data):
    facts = read_pt(series_of(shared_data / "images" / "pet_misc" / "suyash_1.dcm"))
    assert stated(facts)["imaging system"] == "1094"  # the manufacturer is empty
    source = next(item.source for item in facts.evidence if item.quantity == "imaging system")
    assert source == "(0008,1090) ManufacturerModelName"
    assert stated(facts)["reconstruction"] == "OSEM2D 2i8s; XYZ Gauss6.00"
    assert stated(facts)["collimator"] == "none"


def test_an_nm_object_states_them_in_its_sequences(tmp_path):
    window = Dataset()
    window.EnergyWindowRangeSequence = windows("187.2", "228.8")

    def equip(dataset):
        for item in dataset.DetectorInformationSequence:
            item.CollimatorType = "PINH"
        dataset.CollimatorGridName = "MEGP"
        dataset.EnergyWindowInformationSequence = Sequence([window, window])
        dataset.CorrectedImage = ["ATTN", "XYZ", "COR"]

    facts = stated(read_nm(series_of(write_nm(tmp_path / "nm.dcm", equip))))
    assert facts["collimator"] == "pinhole, MEGP"
    assert facts["energy window"] == "187.2 to 228.8 keV"
    assert facts["corrections"] == "attenuation, XYZ, centre of rotation"


def test_what_is_not_stated_is_not_said(tmp_path):
    folder = tmp_path / "pt"
    write_pt(folder)
    for file in list_files(folder):
        dataset = pydicom.dcmread(file)
        for keyword in ("Manufacturer", "ManufacturerModelName", "CorrectedImage", "CollimatorType"):
            if keyword in dataset:
                del dataset[keyword]
        dataset.save_as(file)
    assert stated(read_pt(series_of(folder))) == {}


@pytest.mark.parametrize(
    ("method", "kernel", "words"),
    [
        ("OSEM", "OSEM,4i,8s", "OSEM,4i,8s"),
        ("OSEM", "Gauss", "OSEM; Gauss"),
        ("OSEM", "", "OSEM"),
        ("", "Gauss", "Gauss"),
    ],
)
def test_the_kernel_may_repeat_the_method(tmp_path, method, kernel, words):
    path = write_pt(tmp_path / "pt", assign(ReconstructionMethod=method, ConvolutionKernel=kernel))
    assert stated(read_pt(series_of(path)))["reconstruction"] == words
