"""Writing RT Dose objects."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian

from theradose.errors import DicomError
from theradose.formats.dicom.context import RESEARCH_USE, DicomContext, StructureSetReference
from theradose.formats.dicom.objects import (
    date_and_time,
    decimal,
    invented_frame,
    new_object,
    own_frame_of_reference,
    plane_orientation,
    reference,
    right_handed,
    save_object,
)
from theradose.formats.dicom.uids import RT_DOSE, RT_STRUCTURE_SET
from theradose.model.arrays import Array
from theradose.model.dose import DoseMap, DoseVolumeHistogram
from theradose.model.finding import Finding
from theradose.model.grid import Grid

Heterogeneity = Literal["IMAGE", "ROI_OVERRIDE", "WATER"]

_LONG_STRING = 64
_RESEARCH_USE_SHORT = "RESEARCH USE ONLY"


def write_rtdose(
    path: Path,
    dose: DoseMap,
    *,
    context: DicomContext,
    bits: Literal[16, 32] = 32,
    dvhs: Mapping[str, DoseVolumeHistogram] | None = None,
    structure_set: StructureSetReference | None = None,
    heterogeneity: Heterogeneity | None = None,
    effective: bool = False,
) -> tuple[Finding, ...]:
    """Write a dose map as RT Dose.

    Parameters
    ----------
    path : Path
        File to write.
    dose : DoseMap
        Dose in Gy on any rectangular grid; slices are written along the normal of the slice plane.
    context : DicomContext
        Patient and study.
    bits : {16, 32}
        Bits per voxel. 32 bits keep the dose within 1e-9 of its maximum, 16 bits within 1e-5.
    dvhs : mapping of str to DoseVolumeHistogram, optional
        Histograms by region; needs `structure_set`.
    structure_set : StructureSetReference, optional
        Structure set with the regions of the histograms.
    heterogeneity : {"IMAGE", "ROI_OVERRIDE", "WATER"}, optional
        Where densities came from: images, values assigned to regions, or water throughout.
    effective : bool
        The map holds biologically effective dose, not absorbed dose.

    Returns
    -------
    tuple of Finding
        Negative doses set to zero, an invented frame of reference.

    Raises
    ------
    DicomError
        If the dose is not finite, the grid is not rectangular, or histograms have no structure set.
    """
    if dvhs and (structure_set is None or not set(dvhs) <= set(structure_set.roi_numbers)):
        raise DicomError(
            "Dose-volume histograms in an RT Dose refer to regions of a structure set: write that first.",
            code="dvh-without-structures",
        )
    grid = right_handed(dose.grid)
    dose_gy = np.asarray(dose.data, np.float64)
    if grid is not dose.grid:
        dose_gy = dose_gy[::-1]
    dose_gy, findings = _checked(dose_gy)
    scaling, stored = _scaled(dose_gy, bits)
    dataset = new_object(
        sop_class=RT_DOSE,
        modality="RTDOSE",
        content_uid=_digest(stored, scaling, grid, dose),
        series_description=f"{'Effective' if effective else 'Absorbed'} dose ({dose.engine})"[:_LONG_STRING],
        context=context,
        transfer_syntax=ImplicitVRLittleEndian,
    )
    dataset.ContentDate, dataset.ContentTime = date_and_time(context.content_at)
    _describe_geometry(dataset, grid)
    if grid.frame_of_reference is None:
        dataset.FrameOfReferenceUID = own_frame_of_reference(context)
        findings = (*findings, invented_frame(path))
    _describe_pixels(dataset, stored, scaling, bits)
    dataset.DoseUnits = "GY"
    dataset.DoseType = "EFFECTIVE" if effective else "PHYSICAL"
    dataset.DoseComment = f"{_RESEARCH_USE_SHORT}; method {dose.engine}"[:_LONG_STRING]
    dataset.ImageComments = f"{RESEARCH_USE}. {_method(dose)}"
    dataset.DoseSummationType = "PLAN_OVERVIEW"
    dataset.PlanOverviewSequence = [_overview()]
    if heterogeneity is not None:
        dataset.TissueHeterogeneityCorrection = heterogeneity
    if structure_set is not None:
        dataset.ReferencedStructureSetSequence = [reference(RT_STRUCTURE_SET, structure_set.instance_uid)]
    if dvhs and structure_set is not None:
        dataset.DVHSequence = [
            _histogram(dvh, structure_set.roi_numbers[name], dataset.DoseType) for name, dvh in dvhs.items()
        ]
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    save_object(dataset, path)
    return findings


def _checked(dose_gy: Array) -> tuple[Array, tuple[Finding, ...]]:
    """Refuse doses that are no numbers; set negative ones to zero, since a written dose is unsigned."""
    if not np.all(np.isfinite(dose_gy)):
        raise DicomError("The dose map holds values that are no numbers: compute it again.", code="dose-not-finite")
    negative = int(np.count_nonzero(dose_gy < 0))
    if not negative:
        return dose_gy, ()
    finding = Finding(
        "dose-negative", "warning",
        f"{negative} voxels with negative dose, the lowest {dose_gy.min():.3g} Gy, are written as 0.")  # fmt: skip
    return np.maximum(dose_gy, 0), (finding,)


def _scaled(dose_gy: Array, bits: int) -> tuple[str, Array]:
    """Return the grid scaling as it is written, and the stored integers that belong to exactly that number."""
    largest = 2**bits - 1
    maximum = float(dose_gy.max())
    if maximum == 0:
        return "1.0", np.zeros(dose_gy.shape, f"<u{bits // 8}")
    # The written decimal string may be rounded down, then the maximum would not fit.
    scaling = decimal(maximum / largest)
    while maximum / float(scaling) > largest + 0.5:
        scaling = decimal(math.nextafter(float(scaling), math.inf) * (1 + 1e-9))
    return scaling, np.minimum(np.round(dose_gy / float(scaling)), largest).astype(f"<u{bits // 8}")


def _digest(stored: Array, scaling: str, grid: Grid, dose: DoseMap) -> str:
    """Hash everything that is written, so that the UID changes with it."""
    digest = hashlib.sha256(grid.affine_mm.tobytes())
    digest.update(f"{scaling}\0{stored.dtype}\0{_method(dose)}".encode())
    digest.update(stored.tobytes())
    return digest.hexdigest()


def _describe_geometry(dataset: Dataset, grid: Grid) -> None:
    slice_mm, row_mm, column_mm = grid.spacing_mm
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = [decimal(value) for value in grid.to_lps((0, 0, 0))]
    dataset.ImageOrientationPatient = plane_orientation(grid)
    dataset.PixelSpacing = [decimal(row_mm), decimal(column_mm)]
    dataset.SliceThickness = decimal(slice_mm)
    dataset.GridFrameOffsetVector = [decimal(index * slice_mm) for index in range(grid.shape[0])]
    dataset.NumberOfFrames = grid.shape[0]
    dataset.FrameIncrementPointer = Tag("GridFrameOffsetVector")
    dataset.Rows, dataset.Columns = grid.shape[1:]


def _describe_pixels(dataset: Dataset, stored: Array, scaling: str, bits: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = bits
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    dataset.DoseGridScaling = scaling


def _method(dose: DoseMap) -> str:
    """Describe in words how the dose was computed."""
    details = ", ".join(f"{name}: {value}" for name, value in dose.parameters.items())
    return f"Dose by method '{dose.engine}'" + (f" ({details})." if details else ".")


def _overview() -> Dataset:
    """Describe the treatment in the absence of a radiotherapy plan."""
    item = Dataset()
    item.PlanOverviewIndex = 1
    item.RTPlanLabel = ""
    item.PrescriptionOverviewSequence = []
    return item


def _histogram(dvh: DoseVolumeHistogram, roi_number: int, dose_type: str) -> Dataset:
    """Write a cumulative histogram as pairs of bin width and volume that receives at least the bin's lower edge."""
    widths = np.diff(dvh.dose_gy)
    volume_ml = float(dvh.differential_ml_per_gy @ widths)
    roi = Dataset()
    roi.ReferencedROINumber = roi_number
    roi.DVHROIContributionType = "INCLUDED"
    item = Dataset()
    item.DVHType = "CUMULATIVE"
    item.DoseUnits = "GY"
    item.DoseType = dose_type
    item.DVHDoseScaling = "1.0"
    item.DVHVolumeUnits = "CM3"
    item.DVHNumberOfBins = len(widths)
    pairs = np.column_stack([widths, dvh.cumulative_fraction[:-1] * volume_ml])
    item.DVHData = [decimal(value) for value in pairs.ravel()]
    item.DVHReferencedROISequence = [roi]
    return item
