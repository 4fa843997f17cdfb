"""Reading RT Dose objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset

from theradose.errors import DicomError
from theradose.formats.dicom.files import guarded
from theradose.formats.dicom.objects import read_object
from theradose.formats.dicom.pixels import read_frames
from theradose.formats.dicom.uids import RT_DOSE
from theradose.formats.dicom.values import read_integer, read_number, read_numbers, read_text
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import Grid

_UNEVEN_MM = 0.01


def read_rtdose(path: Path) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Read a dose grid in Gy.

    Parameters
    ----------
    path : Path
        DICOM file.

    Returns
    -------
    DoseMap
        Dose in Gy as float32 on the grid of the file; ``engine`` is ``rtdose``, ``parameters`` hold what the file
        says about its dose.
    tuple of Finding
        An effective dose, a dose that is not the whole of a treatment.

    Raises
    ------
    DicomError
        If the file cannot be read or decoded, if the dose is relative, or if the frames are not evenly spaced.
    """
    with guarded(f"{path.name} is damaged", code="unreadable"):
        header, dataset = read_object(path, sop_class=RT_DOSE, kind="RT Dose")
        units = read_text(dataset, "DoseUnits")
        if units != "GY":
            raise DicomError(
                f"The dose is given in units of '{units or 'nothing stated'}', not Gy: export it as absolute dose.",
                code="dose-unit",
            )
        scaling = read_number(dataset, "DoseGridScaling")
        if not scaling:
            raise DicomError("The dose has no grid scaling: export it again.", code="dose-scaling")
        grid = _grid(dataset)
        stored = read_frames(header)
        dose_gy = (stored * scaling).astype(np.float32)
        return DoseMap(dose_gy, grid, engine="rtdose", parameters=_parameters(dataset)), _findings(dataset, path)


def _grid(dataset: Dataset) -> Grid:
    orientation = np.array(read_numbers(dataset, "ImageOrientationPatient"))
    position = np.array(read_numbers(dataset, "ImagePositionPatient"))
    spacing = read_numbers(dataset, "PixelSpacing")
    if (len(orientation), len(position), len(spacing)) != (6, 3, 2):
        raise DicomError(
            "The dose has no position, orientation or pixel spacing: export it with its geometry.",
            code="dose-geometry",
        )
    along_row, along_column = orientation.reshape(2, 3)
    normal = np.cross(along_row, along_column)
    count = read_integer(dataset, "NumberOfFrames", default=1)
    step, first = _frame_step(dataset, count, position, normal)
    affine = np.eye(4)
    affine[:3, 0] = normal * step
    affine[:3, 1] = along_column * spacing[0]
    affine[:3, 2] = along_row * spacing[1]
    affine[:3, 3] = position + normal * first
    shape = (count, read_integer(dataset, "Rows"), read_integer(dataset, "Columns"))
    return Grid(shape, affine, read_text(dataset, "FrameOfReferenceUID") or None)


def _frame_step(dataset: Dataset, count: int, position: Array, normal: Array) -> tuple[float, float]:
    """Return the signed distance between frames along the normal, and that of the first from the position.

    Offsets that start at zero are relative to the position; otherwise they are patient coordinates along z,
    which only makes sense for transverse frames (DICOM PS3.3, C.8.8.3.2).
    """
    offsets = np.array(read_numbers(dataset, "GridFrameOffsetVector"))
    if count == 1 and len(offsets) <= 1:
        return read_number(dataset, "SliceThickness") or _no_step(), 0.0
    if len(offsets) != count:
        raise DicomError(
            f"The dose has {count} frames but {len(offsets)} frame offsets: export it again.", code="dose-offsets"
        )
    if offsets[0] != 0:
        if abs(normal[2]) < 1 - 1e-4:
            raise DicomError(
                "The frame offsets are z coordinates, but the frames are not transverse: export relative offsets.",
                code="dose-offsets",
            )
        offsets = (offsets - position[2]) * np.sign(normal[2])
    steps = np.diff(offsets)
    if np.ptp(steps) > _UNEVEN_MM or abs(steps[0]) < _UNEVEN_MM:
        raise DicomError("The frames of the dose are not evenly spaced: export it on an even grid.", code="dose-uneven")
    return float((offsets[-1] - offsets[0]) / (count - 1)), float(offsets[0])


def _no_step() -> float:
    raise DicomError(
        "The dose has one frame and no slice thickness: export it with its geometry.", code="dose-geometry"
    )


def _parameters(dataset: Dataset) -> dict[str, object]:
    keywords = {
        "dose_type": "DoseType",
        "summation": "DoseSummationType",
        "heterogeneity": "TissueHeterogeneityCorrection",
        "comment": "DoseComment",
        "manufacturer": "Manufacturer",
    }
    return {name: text for name, keyword in keywords.items() if (text := read_text(dataset, keyword))}


def _findings(dataset: Dataset, path: Path) -> tuple[Finding, ...]:
    findings = []
    dose_type = read_text(dataset, "DoseType")
    if dose_type != "PHYSICAL":
        findings.append(Finding(
            "dose-not-physical", "warning",
            f"The dose is of type {dose_type or 'not stated'}: it is no absorbed dose but weighted by a model.",
            path.name))  # fmt: skip
    summation = read_text(dataset, "DoseSummationType")
    if summation not in ("PLAN", "PLAN_OVERVIEW", "MULTI_PLAN"):
        findings.append(
            Finding(
                "dose-partial", "info", f"The dose is summed over {summation or 'something not stated'}.", path.name
            )
        )
    return tuple(findings)
