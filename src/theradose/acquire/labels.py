"""Label images: integers that name regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from theradose.acquire.decide import assumption_findings
from theradose.errors import GeometryError, StudyError
from theradose.formats.facts import NOTHING_DECLARED
from theradose.formats.interfile import is_interfile, read_interfile
from theradose.formats.nifti import is_nifti, read_nifti
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import Region, RegionVoxels, Segmentation
from theradose.model.study import Declaration


def is_label_image(path: Path) -> bool:
    """Return whether `path` is a file in a format that label images come in."""
    return path.is_file() and (is_nifti(path) or is_interfile(path))


def read_label_segmentation(
    path: Path, labels: Mapping[int, str], *, declaration: Declaration = NOTHING_DECLARED
) -> tuple[Segmentation, tuple[Finding, ...]]:
    """Read regions from an Interfile or NIfTI image of labels.

    Parameters
    ----------
    path : Path
        Interfile header or NIfTI file.
    labels : mapping of int to str
        Name of each label that is a region; other values are not regions.
    declaration : Declaration
        Orientation, position and spacing where the file lacks them.

    Returns
    -------
    Segmentation
        One region per label, in the order of `labels`.
    tuple of Finding
        What had to be assumed about the grid.

    Raises
    ------
    StudyError
        ``label-format``, ``label-missing``, ``missing-geometry``.
    DicomError
        If the file cannot be read.
    """
    if not is_label_image(path):
        raise StudyError(f"'{path.name}' is neither NIfTI nor Interfile: give a label image.", code="label-format")
    volume, evidence = read_nifti(path, declaration) if is_nifti(path) else read_interfile(path, declaration)
    absent = [label for label in labels if not np.any(volume.data == label)]
    if absent:
        raise StudyError(
            f"'{path.name}' has no voxel with the label {', '.join(map(str, absent))}: correct the labels.",
            code="label-missing",
        )
    regions = tuple(Region(name, drafted_by=path.name, method="labels") for name in labels.values())
    voxels = tuple(RegionVoxels.from_mask(volume.data == label) for label in labels)
    return Segmentation(volume.grid, regions, voxels), assumption_findings(evidence)


def distribute_activity(segmentation: Segmentation, activity_mbq: Mapping[str, float]) -> Volume:
    """Spread the activity of each region evenly over its voxels.

    Parameters
    ----------
    segmentation : Segmentation
        Regions on one grid.
    activity_mbq : mapping of str to float
        Activity of each region, MBq.

    Returns
    -------
    Volume
        Activity concentration in MBq/mL, float32, on the grid of the segmentation.

    Raises
    ------
    GeometryError
        If a region is unknown or has no voxels.
    """
    data = np.zeros(segmentation.grid.shape, np.float64)
    for name, activity in activity_mbq.items():
        voxels = segmentation.voxels_of(name)
        if voxels.voxel_count == 0:
            raise GeometryError(f"The region '{name}' has no voxels to hold activity.", code="region-empty")
        concentration = activity / (voxels.voxel_count * segmentation.grid.voxel_volume_ml)
        data[voxels.box] += concentration * voxels.fraction
    return Volume(data.astype(np.float32), segmentation.grid)
