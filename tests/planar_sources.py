"""Simulated planar views of calibration sources of known activity, as DICOM."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pydicom
from scipy.ndimage import gaussian_filter

from planar_images import ACQUISITION, HEAD_FIRST
from theradose.formats.dicom.planar_write import write_nm_planar
from theradose.model.planar import EnergyWindow, PlanarPair
from theradose.nuclides import load_nuclide

AT = datetime(2026, 2, 16, 10, 0, tzinfo=timezone(timedelta(hours=1)))
READ_AT = AT - timedelta(hours=3)
WINDOWS = (EnergyWindow(175.0, 187.6), EnergyWindow(187.6, 229.2), EnergyWindow(229.2, 241.8))
# Of one view of the simulated camera, cps/MBq; what the activity meter read; time, pixel and width of the image.
SENSITIVITY, ACTIVITY_MBQ, EXPOSURE_S, PIXEL_MM, FWHM_MM = 4.65, 60.0, 600.0, 4.42, 9.0
ROOM_CPS_PER_PIXEL, SCATTER_SHARE = 2e-3, 0.08
LAMBDA_PER_H = load_nuclide("Lu-177").decay_constant_per_h


def shape_of(kind, size=128):
    """A point that lies off the middle, or a disc of 100 mm, blurred; of unit sum."""
    rows, columns = np.mgrid[:size, :size]
    if kind == "point":
        image = np.zeros((size, size))
        image[70, 41] = 1.0
    else:
        image = (np.hypot(rows - 66, columns - 60) * PIXEL_MM <= 50.0).astype(float)
    blurred = gaussian_filter(image, FWHM_MM / 2.3548 / PIXEL_MM)
    return blurred / blurred.sum()


def simulated(
    kind, *, windows=WINDOWS, transmission=1.0, activity_mbq=ACTIVITY_MBQ, dead_time_us=0.0, seed=1, empty=False
):
    """Two views with Poisson noise: the second detector is 4 % less sensitive, the first 4 % more."""
    rng = np.random.default_rng(seed)
    decayed_s = -math.expm1(-LAMBDA_PER_H * EXPOSURE_S / 3600) / LAMBDA_PER_H * 3600
    at_start = activity_mbq * math.exp(-LAMBDA_PER_H * 3)
    stacks = []
    for detector in (1.04, 1 / 1.04):
        primary = shape_of(kind) * (0.0 if empty else at_start * SENSITIVITY * detector * transmission * decayed_s)
        room = ROOM_CPS_PER_PIXEL * EXPOSURE_S
        # A flat energy spectrum of scattered photons, in proportion to the widths of the windows.
        widths = [window.width_kev / windows[1].width_kev for window in windows]
        scatter = [SCATTER_SHARE * width * gaussian_filter(primary, 6.0) + room * width for width in widths]
        stacks.append(np.stack([scatter[0], primary + scatter[1], scatter[2]]))
    rate = sum(stack[1].sum() for stack in stacks) / EXPOSURE_S
    live = math.exp(-rate * dead_time_us * 1e-6)
    counts = [rng.poisson(stack * live).astype(float) for stack in stacks]
    return PlanarPair(windows, counts[0], counts[1], (PIXEL_MM, PIXEL_MM), AT, EXPOSURE_S, EXPOSURE_S, "static",
                      "Lu-177")  # fmt: skip


def written(path, pair, *changes, encoding=None):
    acquisition = replace(ACQUISITION, acquired_at=AT, seconds_per_view=EXPOSURE_S, camera="SIM-SPECT-1")
    write_nm_planar(path, pair, acquisition=acquisition, context=HEAD_FIRST, description="Source", encoding=encoding)
    if changes:
        dataset = pydicom.dcmread(path)
        for change in changes:
            change(dataset)
        dataset.save_as(path)
    return path


def one_view(dataset):
    """Leave the first detector with its three windows."""
    pixels = dataset.pixel_array[:3]
    dataset.NumberOfFrames, dataset.PixelData = 3, pixels.tobytes()
    dataset.EnergyWindowVector, dataset.DetectorVector = [1, 2, 3], [1, 1, 1]
