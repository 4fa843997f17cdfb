"""Plan a radioembolisation voxel by voxel from a scout image.

The first part writes a small image, its density and its regions, so that the example runs alone; name your own SPECT
(DICOM or NIfTI), CT and RTSTRUCT, SEG or label image instead.
"""

from pathlib import Path

import numpy as np

from theradose.formats.nifti import write_nifti
from theradose.model.grid import Grid, Volume
from theradose.workflow.plan import run_plan

INPUT = """
product: QuiremSpheres
intent: lobar
liver_function: good
pretreated: false
target: {compartment: tumour, dose: 150 Gy}
perfused_volumes:
  - {name: right lobe, catheter: right hepatic artery, volume_from: cone-beam-ct, regions: [right, tumour]}
scout:
  agent: 166Ho-scout
  image: scout.nii.gz
  density: density.nii.gz            # or ct: …
  regions: labels.nii.gz
  labels: {right: 1, left: 2, tumour: 3, lungs: 4}
  liver: [right, left]
  lungs: lungs
  tumours: [tumour]
  u_mass: 5 %
  u_activity: 10 %
"""

labels = np.zeros((30, 30, 40), np.uint8)  # slices, rows, columns
labels[4:16, 6:24, 4:36] = 1
labels[4:16, 6:24, 26:36] = 2
labels[8:12, 12:18, 10:16] = 3
labels[18:28, 8:22, 6:34] = 4
grid = Grid.axis_aligned(labels.shape, (4.8, 4.8, 4.8))
mean_counts = np.array([0.0, 20.0, 1.0, 60.0, 0.5])[labels]
density = np.array([0.0012, 1.06, 1.06, 1.05, 0.28])[labels]
write_nifti(Volume(np.random.default_rng(1).poisson(mean_counts).astype(np.float32), grid), Path("scout.nii.gz"))
write_nifti(Volume(density.astype(np.float32), grid), Path("density.nii.gz"))
write_nifti(Volume(labels, grid), Path("labels.nii.gz"))
Path("tare.yaml").write_text(INPUT, encoding="utf-8")

plan = run_plan("tare", Path("tare.yaml"))
print(plan.summary)
for item in plan.details["dvh"]:
    print(f"{item['compartment']:14s} mean {item['mean_gy']:6.1f} Gy, D70 {item['d70_gy']:6.1f} Gy")
