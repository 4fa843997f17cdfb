"""Make an activity map in Bq/mL from a label image and the activity of each region.

The first part writes a small label image, so that the example runs alone; use your own NIfTI or Interfile instead.
"""

from pathlib import Path

import numpy as np

from theradose.acquire.labels import distribute_activity, read_label_segmentation
from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume

LABELS = {5: "liver", 2: "spleen"}
ACTIVITY_MBQ = {"liver": 104.0, "spleen": 34.2}

labels = np.zeros((20, 30, 40), np.int16)  # slices, rows, columns
labels[5:15, 5:20, 5:20] = 5
labels[8:14, 18:26, 28:34] = 2
write_nifti(Volume(labels, Grid.axis_aligned(labels.shape, (4.0, 4.0, 4.0))), Path("labels.nii.gz"))

regions, _ = read_label_segmentation(Path("labels.nii.gz"), LABELS)
activity = distribute_activity(regions, ACTIVITY_MBQ)  # MBq/mL
in_bq_per_ml = Volume(activity.data * np.float32(1e6), activity.grid)
write_nifti(in_bq_per_ml, Path("activity.nii.gz"))

for region, voxels in zip(regions.regions, regions.voxels, strict=True):
    concentration = in_bq_per_ml.data[voxels.box][voxels.fraction > 0].mean()
    print(f"{region.name:8s} {ACTIVITY_MBQ[region.name]:6.1f} MBq as {concentration:.4g} Bq/mL")
total_mbq = in_bq_per_ml.data.sum(dtype=float) * in_bq_per_ml.grid.voxel_volume_ml / 1e6
print(f"total    {total_mbq:6.1f} MBq")
