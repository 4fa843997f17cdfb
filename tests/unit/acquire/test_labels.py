"""Label images to regions."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from theradose.acquire.labels import distribute_activity, is_label_image, read_label_segmentation
from theradose.errors import StudyError, TheradoseError
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume

# The phantom's labels and activities in MBq (../shared/data/README.md).
PATIENT15 = {
    15000: ("liver", 104.0),
    16000: ("spleen", 34.2),
    17000: ("right-kidney", 31.2),
    18000: ("left-kidney", 37.2),
    19000: ("lesion-1", 15.4),
    20000: ("lesion-2", 8.2),
    21000: ("lesion-3", 4.8),
}


def test_phantom_labels_become_regions_with_its_activity(shared_data):
    """The activities sum to 235.0 MBq; float32 voxels must keep it within 0.01 %."""
    path = shared_data / "images" / "lu177_phantom_patient15" / "patient15_LuDOTATATE_src.h33"
    segmentation, findings = read_label_segmentation(path, {label: name for label, (name, _) in PATIENT15.items()})
    assert segmentation.names == tuple(name for name, _ in PATIENT15.values())
    # 15381 voxels of label 15000 in the file, of 3.9063 × 3.9063 × 4.4196 mm.
    assert segmentation.voxels_of("liver").voxel_count == 15381
    assert segmentation.volume_ml("liver") == pytest.approx(15381 * 3.9063**2 * 4.4196 / 1000)
    assert [finding.code for finding in findings] == ["assumption"] * 3
    activity = distribute_activity(segmentation, dict(PATIENT15.values()))
    total = activity.data.sum(dtype=float) * activity.grid.voxel_volume_ml
    assert total == pytest.approx(235.0, rel=1e-4)
    for name, expected in PATIENT15.values():
        voxels = segmentation.voxels_of(name)
        inside = (activity.data[voxels.box] * voxels.fraction).sum(dtype=float) * activity.grid.voxel_volume_ml
        assert inside == pytest.approx(expected, rel=1e-4)


def test_public_segmentation_is_read(shared_data):
    """The volume of a label follows from its voxel count, read by another library, and 3 mm voxels."""
    path = shared_data / "images" / "totalseg_ct" / "example_seg.nii.gz"
    segmentation, _ = read_label_segmentation(path, {5: "liver"})
    count = int((np.asarray(nibabel.load(path).dataobj) == 5).sum())
    assert segmentation.volume_ml("liver") == pytest.approx(count * 0.027, rel=1e-5)


def test_absent_label_is_refused(tmp_path):
    write_nifti(Volume(np.ones((2, 2, 2), np.uint8), Grid.axis_aligned((2, 2, 2), (1, 1, 1))), tmp_path / "l.nii.gz")
    with pytest.raises(StudyError) as caught:
        read_label_segmentation(tmp_path / "l.nii.gz", {1: "liver", 7: "spleen"})
    assert caught.value.code == "label-missing"
    assert "7" in str(caught.value)


def test_other_formats_are_refused(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"")
    assert not is_label_image(tmp_path / "a.dcm")
    with pytest.raises(StudyError) as caught:
        read_label_segmentation(tmp_path / "a.dcm", {1: "liver"})
    assert caught.value.code == "label-format"


def test_region_without_voxels_holds_no_activity(tmp_path):
    write_nifti(Volume(np.ones((2, 2, 2), np.uint8), Grid.axis_aligned((2, 2, 2), (1, 1, 1))), tmp_path / "l.nii.gz")
    segmentation, _ = read_label_segmentation(tmp_path / "l.nii.gz", {1: "liver"})
    with pytest.raises(TheradoseError):
        distribute_activity(segmentation, {"spleen": 1.0})
