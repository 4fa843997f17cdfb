"""Structure sets of public images on the grid that the program itself makes of those images.

Volumes on grids read by another library are tested with the rasteriser; here the whole path is: the folder to its
series, the series to a grid, the structure set to voxels on it.
"""

import numpy as np
import pydicom
import pytest

from theradose.acquire.load import image_reference, load_ct, load_emission
from theradose.acquire.regions import load_regions
from theradose.acquire.sources import Content
from theradose.errors import StudyError
from theradose.formats.dicom.rtstruct import check_references
from theradose.spatial.contouring import contour_segmentation
from theradose.spatial.rasterise import rasterise

# Folder, structure set, what the folder holds, region.
IMAGES = [
    ("ibsi_petct/STS_001/PET", "mask/RS.dcm", Content.EMISSION, "GTV_Mass_PET"),
    ("ibsi_petct/STS_001/CT", "mask/RS.dcm", Content.CT, "GTV_Mass_CT"),
    ("ibsi_petct/STS_005/PET", "mask/RS.dcm", Content.EMISSION, "GTV_Mass_PET"),
    ("ibsi_petct/STS_005/CT", "mask/RS.dcm", Content.CT, "GTV_Mass_CT"),
    ("sts_raw_pet", "mask/1-1.dcm", Content.EMISSION, "GTV_Mass"),
]
every_image = pytest.mark.parametrize(("folder", "file", "content", "name"), IMAGES, ids=[row[0] for row in IMAGES])


def dangling_images(folder, file):
    """How many images the contours name that are not in the folder: the IBSI series were written anew."""
    contoured = pydicom.dcmread(folder / file).ROIContourSequence
    named = {
        image.ReferencedSOPInstanceUID
        for region in contoured
        for contour in region.ContourSequence
        for image in contour.ContourImageSequence
    }
    images = (folder / "image").iterdir()
    return len(named - {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in images})


def polygons(path, name):
    """Contours of one region, shape (n, 3) each, read with pydicom alone."""
    dataset = pydicom.dcmread(path)
    number = next(roi.ROINumber for roi in dataset.StructureSetROISequence if roi.ROIName == name)
    outlines = next(item for item in dataset.ROIContourSequence if item.ReferencedROINumber == number)
    return [np.array(contour.ContourData, float).reshape(-1, 3) for contour in outlines.ContourSequence]


def centroid_mm(contours):
    """Area-weighted centroid of axial polygons, by the shoelace formula."""
    centres, areas = [], []
    for points in contours:
        x, y, z = points.T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        signed = cross.sum() / 2
        centre = [((x + np.roll(x, -1)) * cross).sum(), ((y + np.roll(y, -1)) * cross).sum()]
        centres.append([*(np.array(centre) / (6 * signed)), z[0]])
        areas.append(abs(signed))
    return np.average(centres, axis=0, weights=areas)


@every_image
def test_regions_lie_where_they_were_drawn(shared_data, folder, file, content, name):
    """The centre of the voxels is that of the polygons: a tenth of a voxel for boundary pixels counted or not."""
    place = shared_data / "images" / folder
    grid = image_reference(place, wanted=content).grid
    contours, findings = load_regions(place / file, names={})
    assert findings == ()
    segmentation, findings = rasterise(contours, grid)
    assert findings == ()
    voxels = segmentation.voxels_of(name)
    centre = grid.to_lps((np.argwhere(voxels.fraction > 0) + voxels.origin).mean(axis=0))
    difference = np.abs(centre - centroid_mm(polygons(place / file, name)))
    assert (difference < 0.1 * np.array(grid.spacing_mm[::-1])).all()


@every_image
def test_references_to_images_that_are_not_there_are_counted(shared_data, folder, file, content, name):
    place = shared_data / "images" / folder
    contours, _ = load_regions(place / file, names={})
    findings = check_references(contours, image_reference(place, wanted=content))
    missing = dangling_images(place, file)
    assert [finding.code for finding in findings] == (["contours-dangling-images"] if missing else [])
    assert all(f" {missing} images " in finding.message for finding in findings)


@every_image
def test_regions_survive_contouring(shared_data, folder, file, content, name):
    """Voxels → contours → voxels on the same grid is the identity: what is exported can be read again."""
    place = shared_data / "images" / folder
    image = image_reference(place, wanted=content)
    segmentation, _ = rasterise(load_regions(place / file, names={})[0], image.grid)
    contours, _ = contour_segmentation(segmentation, series_uid=image.series_uid)
    again, _ = rasterise(contours, image.grid, plane_spacing_mm=image.grid.spacing_mm[0])
    assert np.array_equal(again.mask(name), segmentation.mask(name))


def test_every_slice_of_a_whole_body_pet_finds_its_place(shared_data):
    """Slices 3.19 to 3.29 mm apart: each stays within a voxel's tenth of the uniform grid."""
    folder = shared_data / "images" / "sts_raw_pet"
    image = image_reference(folder)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in (folder / "image").iterdir()]
    slices = sorted(float(header.ImagePositionPatient[2]) for header in headers)
    assert image.grid.shape[0] == len(slices) == 267
    levels = image.grid.to_index(np.array([(0.0, 0.0, z) for z in slices]))[:, 0]
    assert np.abs(np.sort(levels) - np.arange(267)).max() < 0.1


def test_ct_numbers_and_values_that_are_no_activity(shared_data):
    """The CT is in HU with air around the body; the PET is in g/mL of SUV, which is no activity."""
    ct, _ = load_ct(shared_data / "images" / "ibsi_petct" / "STS_001" / "CT")
    assert ct.data.min() <= -1000 < 0 < ct.data.max()
    with pytest.raises(StudyError) as refusal:
        load_emission(shared_data / "images" / "ibsi_petct" / "STS_001" / "PET", nuclide="F-18")
    assert refusal.value.code == "unit-not-activity"
    assert "GML" in str(refusal.value)
