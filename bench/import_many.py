"""Time and memory of `inspect` and `import` on a folder of 10,000 DICOM files, beside reading the headers alone.

What a user would write instead is a loop over the files with pydicom: the ratio says what grouping, checking and the
totals cost beyond that.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from page import table, write_section
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from main_job import run_command

EMISSION_SERIES, CT_SERIES, SLICES = 20, 80, 100
CT_CLASS, PET_CLASS = UID("1.2.840.10008.5.1.4.1.1.2"), UID("1.2.840.10008.5.1.4.1.1.128")
PIXELS = np.arange(256, dtype=np.int16).reshape(16, 16)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write_files(folder / "dicom")
        started = time.perf_counter()
        for path in (folder / "dicom").rglob("*.dcm"):
            pydicom.dcmread(path, stop_before_pixels=True)
        loop_s = time.perf_counter() - started
        inspected = run_command(folder, "inspect", "dicom", "--json")
        imported = run_command(folder, "import", "dicom", "--out", "study.yaml")
    rows = [
        ["loop of pydicom over the headers", f"{loop_s:.1f} s", "", "1"],
        *(
            [f"`theradose {command}`", f"{wall:.1f} s", f"{peak:.0f} MiB", f"{wall / loop_s:.2f}"]
            for command, (wall, _, peak) in (("inspect", inspected), ("import", imported))
        ),
    ]
    text = f"{count:,} files in {EMISSION_SERIES + CT_SERIES} series, one folder each, 16 × 16 pixels."
    write_section("Large folders", [text, "", *table(["what", "wall time", "peak memory", "ratio"], rows)])
    print(*[" ".join(row) for row in rows], sep="\n")


def write_files(folder: Path) -> int:
    """Write the series of one patient, one folder each; return the number of files."""
    kinds = [(PET_CLASS, "PT")] * EMISSION_SERIES + [(CT_CLASS, "CT")] * CT_SERIES
    study, frame = generate_uid(), generate_uid()
    for number, (sop_class, modality) in enumerate(kinds):
        place = folder / f"{modality}_{number:03d}"
        place.mkdir(parents=True)
        dataset = new_slice(sop_class, modality, study, frame, day=number % 28 + 1)
        for index in range(SLICES):
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            dataset.InstanceNumber = index + 1
            dataset.ImagePositionPatient = [0, 0, 4 * index]
            dataset.save_as(place / f"{index:03d}.dcm")
    return len(kinds) * SLICES


def new_slice(sop_class: UID, modality: str, study: str, frame: str, *, day: int) -> FileDataset:
    """Return a slice that needs only its own UID, number and position."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = sop_class, ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.Modality = sop_class, modality
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study, generate_uid(), frame
    dataset.PatientID, dataset.PatientName = "BENCH", ""
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = f"202603{day:02d}"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = "120000"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [4, 4], 4
    dataset.Rows, dataset.Columns = PIXELS.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = PIXELS.tobytes()
    if modality == "PT":
        dataset.Units, dataset.DecayCorrection, dataset.NumberOfSlices = "BQML", "START", SLICES
        dataset.ActualFrameDuration = 1200000
        pharmaceutical = pydicom.Dataset()
        pharmaceutical.RadionuclideTotalDose, pharmaceutical.RadionuclideHalfLife = 7.4e9, 574300
        pharmaceutical.RadiopharmaceuticalStartDateTime = "20260301100000"
        dataset.RadiopharmaceuticalInformationSequence = [pharmaceutical]
    return dataset


if __name__ == "__main__":
    sys.exit(main())
