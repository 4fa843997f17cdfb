"""A voxel phantom in Interfile: labels become regions, stated activities a map, two images a dose by hand."""

import numpy as np
import pytest
import yaml

from main_job import finish
from theradose.acquire.labels import distribute_activity, read_label_segmentation
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Volume

# Label, name, activity in MBq (../shared/data/README.md: 104.0 … 4.8 in label order, 235.0 in total). The left
# kidney is the one below the spleen.
PHANTOM = {
    "liver": (15000, 104.0),
    "spleen": (16000, 34.2),
    "left-kidney": (17000, 31.2),
    "right-kidney": (18000, 37.2),
    "lesion-1": (19000, 15.4),
    "lesion-2": (20000, 8.2),
    "lesion-3": (21000, 4.8),
}
TOTAL_MBQ = 235.0
T_H = (24.0, 96.0)
# Organs clear faster than lesions; both slower than uptake would show and faster than physical decay.
HALF_LIFE_H = {name: 90.0 if name.startswith("lesion") else 55.0 for name in PHANTOM}
# 1 MBq·h is 3.6e9 decays; 147.47 keV of electrons per decay of 177Lu (DDEP, see the nuclide's record), e = 1.602e-19 C.
GY_G_PER_MBQ_H = 3.6e9 * 147.47e3 * 1.602176634e-19 * 1e3
DENSITY_OF_NAMED_ORGAN = 1.06  # stated in the study for the spleen, g/mL
VOXEL_ML = 3.9063 * 3.9063 * 4.4196 / 1000


@pytest.fixture(scope="module")
def labels(shared_data):
    path = shared_data / "images" / "lu177_phantom_patient15" / "patient15_LuDOTATATE_src.h33"
    return np.fromfile(path.with_suffix(".i33"), "<u2").reshape(90, 70, 108)


@pytest.fixture(scope="module")
def phantom(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    source = shared_data / "images" / "lu177_phantom_patient15"
    for file in source.glob("*.?33"):
        (folder / file.name).write_bytes(file.read_bytes())
    numbers = {label: name for name, (label, _) in PHANTOM.items()}
    segmentation, _ = read_label_segmentation(folder / "patient15_LuDOTATATE_src.h33", numbers)
    for t_h in T_H:
        left = {name: mbq * 0.5 ** ((t_h - T_H[0]) / HALF_LIFE_H[name]) for name, (_, mbq) in PHANTOM.items()}
        activity = distribute_activity(segmentation, left)
        write_nifti(Volume(activity.data * np.float32(1e6), activity.grid), folder / f"at_{t_h:g}h.nii.gz")
    (folder / "study.yaml").write_text(yaml.safe_dump(study(), sort_keys=False))
    return finish(folder)


def study():
    """Two images in Bq/mL of the moments to which their values refer, with the phantom's CT and label image."""
    times = {24.0: "2026-03-03T10:00:00+01:00", 96.0: "2026-03-06T10:00:00+01:00"}
    return {
        "schema_version": 1,
        "administrations": [{"nuclide": "Lu-177", "activity": "7.4 GBq", "start": "2026-03-02T10:00:00+01:00"}],
        "timepoints": [
            {
                "id": f"h{t_h:g}",
                "activity": f"at_{t_h:g}h.nii.gz",
                "ct": "patient15_LuDOTATATE_attn.h33",
                "regions": "patient15_LuDOTATATE_src.h33",
                "declare": {
                    "unit": "Bq/mL", "decay_reference": times[t_h], "acquired_at": times[t_h], "nuclide": "Lu-177",
                    "frame_duration": "0 min",
                },
            }
            for t_h in T_H
        ],
        "names": {name: [str(label)] for name, (label, _) in PHANTOM.items()},
        "overrides": [
            {"region": "spleen", "density": f"{DENSITY_OF_NAMED_ORGAN} g/mL", "reason": "reference value"}
        ],
        "registration": {"method": "identity"},
    }  # fmt: skip


def test_the_total_is_that_of_the_phantom(phantom):
    """float32 voxels hold 235.0 MBq to 1e-7; 0.01 % is the limit of the specification."""
    first, second = phantom.result["images"]
    assert first["total_activity_mbq"] == pytest.approx(TOTAL_MBQ, rel=1e-4)
    later = sum(mbq * 0.5 ** ((T_H[1] - T_H[0]) / HALF_LIFE_H[name]) for name, (_, mbq) in PHANTOM.items())
    assert second["total_activity_mbq"] == pytest.approx(later, rel=1e-4)
    assert [image["t_h"] for image in (first, second)] == pytest.approx(list(T_H))


def test_labels_are_the_regions(phantom, labels):
    """Volumes against a count of the labels in the raw file."""
    assert list(phantom.regions) == list(PHANTOM)
    for name, (label, activity_mbq) in PHANTOM.items():
        region = phantom.regions[name]
        assert region["method"] == "labels"
        assert region["kind"] == ("lesion" if name.startswith("lesion") else "organ")
        assert region["volume_ml"]["value"] == pytest.approx(np.count_nonzero(labels == label) * VOXEL_ML, rel=1e-5)
        assert region["curve"]["activity_mbq"][0] == pytest.approx(activity_mbq, rel=1e-4)


def test_doses_are_those_computed_by_hand(phantom):
    """Two points fix the exponential, so the integral is A / λ from time 0, and the dose that times Δ over the mass.

    Tolerance 1e-4: float32 maps (1e-7 per voxel) and the rounding of the fit's own minimisation.
    """
    for name, (_, at_24_h) in PHANTOM.items():
        region = phantom.regions[name]
        at_0_h = at_24_h * 2 ** (T_H[0] / HALF_LIFE_H[name])
        tia = at_0_h * HALF_LIFE_H[name] / np.log(2)
        assert region["effective_half_life_h"]["value"] == pytest.approx(HALF_LIFE_H[name], rel=1e-4)
        assert region["tia_mbq_h"]["value"] == pytest.approx(tia, rel=1e-4)
        dose = tia * GY_G_PER_MBQ_H / region["mass_g"]["value"]
        assert region["dose_gy"]["value"] == pytest.approx(dose, rel=1e-4)
        assert region["extrapolated_fraction"] == pytest.approx(0.5 ** (T_H[1] / HALF_LIFE_H[name]), rel=1e-3)


def test_masses_follow_from_the_ct_or_the_stated_density(phantom, labels, shared_data):
    """Soft tissue: a density of 1 + HU/1000 g/mL within 5 %, which is what tables for tissue differ by at most."""
    ct = np.fromfile(
        shared_data / "images" / "lu177_phantom_patient15" / "patient15_LuDOTATATE_attn.i33", "<u2"
    ).reshape(labels.shape)
    for name, (label, _) in PHANTOM.items():
        mass, volume = (phantom.regions[name][key]["value"] for key in ("mass_g", "volume_ml"))
        if name == "spleen":
            assert mass == pytest.approx(volume * DENSITY_OF_NAMED_ORGAN, rel=1e-6)
        else:
            assert mass / volume == pytest.approx(ct[labels == label].mean() / 1000, rel=0.05)


def test_the_map_holds_the_same_dose(phantom):
    """Voxels of one activity and their own density: the map's mean is TIA·Δ times the mean of 1/density.

    Where a region is homogeneous that is the region's dose; 2 % is the spread of density inside an organ.
    """
    for name in ("liver", "right-kidney", "left-kidney"):
        region = phantom.regions[name]
        assert region["dvh"]["mean_gy"] == pytest.approx(region["dose_gy"]["value"], rel=0.02)


def test_every_assumption_about_the_files_is_a_finding(phantom):
    assumed = [row["message"] for row in phantom.result["findings"] if row["code"] == "assumption"]
    for words in ("orientation", "position", "slice spacing", "HU"):
        assert any(words in message for message in assumed), words
    assert "alignment-stated" in phantom.codes()
    assert "region-unverified" in phantom.codes("warning")
