"""The header attributes that dosimetry reads; everything else is skipped while parsing."""

from __future__ import annotations

_IDENTITY = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "Manufacturer",
    "ManufacturerModelName",
    "SeriesDescription",
    "PatientID",
    "PatientSex",
    "PatientWeight",
    "PatientSize",
)
_TIME = (
    "TimezoneOffsetFromUTC",
    "StudyDate",
    "StudyTime",
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "FrameReferenceTime",
    "ActualFrameDuration",
    "DecayCorrection",
    "DecayFactor",
)
_PIXELS = (
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "LossyImageCompression",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "Units",
    "CorrectedImage",
    "RealWorldValueMappingSequence",
    "CountsAccumulated",
    "PrimaryPromptsCountsAccumulated",
)
_GEOMETRY = (
    "PatientPosition",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
    "NumberOfSlices",
    "ImageIndex",
    "DetectorInformationSequence",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
_NUCLEAR_MEDICINE = (
    "SeriesType",
    "CollimatorType",
    "CollimatorGridName",
    "ReconstructionMethod",
    "ConvolutionKernel",
    "AttenuationCorrectionMethod",
    "ScatterCorrectionMethod",
    "RandomsCorrectionMethod",
    "EnergyWindowInformationSequence",
    "EnergyWindowRangeSequence",
    "EnergyWindowVector",
    "DetectorVector",
    "PhaseVector",
    "RotationVector",
    "RRIntervalVector",
    "TimeSlotVector",
    "AngularViewVector",
    "SliceVector",
    "TimeSliceVector",
    "RotationInformationSequence",
    "RadiopharmaceuticalInformationSequence",
)
_REFERENCES = ("ReferencedFrameOfReferenceSequence", "ReferencedSeriesSequence")

HEADER_KEYWORDS = [*_IDENTITY, *_TIME, *_PIXELS, *_GEOMETRY, *_NUCLEAR_MEDICINE, *_REFERENCES]
"""Keywords given to the parser."""
