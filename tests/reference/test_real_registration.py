"""Registration of a real patient, judged by outlines that are independent of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from theradose.model.grid import Grid, Volume
from theradose.spatial.register import RegistrationInput, register


def read_image(folder: Path) -> Volume:
    """Read an axial series with pydicom alone."""
    slices = sorted(
        (pydicom.dcmread(path) for path in folder.glob("*.dcm")), key=lambda d: float(d.ImagePositionPatient[2])
    )
    data = np.stack([d.pixel_array * np.float32(d.RescaleSlope) for d in slices])
    first, last = (np.array(d.ImagePositionPatient, float) for d in (slices[0], slices[-1]))
    rows, columns = slices[0].PixelSpacing
    step = (last - first)[2] / (len(slices) - 1)
    grid = Grid.axis_aligned(
        data.shape, (step, float(rows), float(columns)), tuple(first), slices[0].FrameOfReferenceUID
    )
    return Volume(data, grid)


def read_centroids(folder: Path) -> dict[str, np.ndarray]:
    """Area-weighted centroids of the outlined lesions in LPS mm."""
    dataset = pydicom.dcmread(next(folder.glob("*.dcm")))
    names = {item.ROINumber: item.ROIName for item in dataset.StructureSetROISequence}
    centroids = {}
    for outlines in dataset.ROIContourSequence:
        centres, areas = [], []
        for contour in outlines.ContourSequence:
            x, y, z = np.array(contour.ContourData, float).reshape(-1, 3).T
            cross = x * np.roll(y, -1) - np.roll(x, -1) * y
            area = cross.sum() / 2
            centres.append(
                [
                    ((x + np.roll(x, -1)) * cross).sum() / (6 * area),
                    ((y + np.roll(y, -1)) * cross).sum() / (6 * area),
                    z[0],
                ]
            )
            areas.append(abs(area))
        centroids[names[outlines.ReferencedROINumber]] = np.average(centres, axis=0, weights=areas)
    return centroids


@pytest.mark.slow
def test_lesions_outlined_on_both_scans_meet(shared_data: Path) -> None:
    """Two scans one day apart, feet first, in differing frames of reference with differing origins and no CT."""
    scans = [shared_data / "images/lu177_spect" / name for name in ("SCAN_001", "SCAN_002")]
    images = [RegistrationInput(scan.name, read_image(scan / "image")) for scan in scans]
    registration, findings = register(*images)
    first, second = (read_centroids(scan / "mask") for scan in scans)
    for name, centre in first.items():
        assert np.linalg.norm(centre - second[name]) > 30.0
        # Both lesions are in the moving liver: two fifths of the resolution (12 mm) for breathing and outlining.
        assert np.linalg.norm(registration.transform.apply(centre) - second[name]) < 5.0
    assert registration.method == "emission"
    assert [finding.code for finding in findings] == ["frames-of-reference-differ"]
    assert registration.quality["mutual_information_after"] > 2 * registration.quality["mutual_information_before"]
