"""Reading RT Structure Sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import Dataset

from theradose.errors import DicomError
from theradose.formats.dicom.context import ImageReference
from theradose.formats.dicom.files import guarded
from theradose.formats.dicom.objects import read_object, snomed_ct
from theradose.formats.dicom.uids import RT_STRUCTURE_SET
from theradose.formats.dicom.values import read_integer, read_items, read_text
from theradose.model.arrays import Array
from theradose.model.contour import CLOSED_TYPES, Contour, ContourRegion, ContourSet
from theradose.model.finding import Finding, Severity

_CONTOUR_DATA = 0x30060050
_COINCIDENT_MM = 1e-6
_APPROVED = "APPROVED"


def read_rtstruct(path: Path) -> tuple[ContourSet, tuple[Finding, ...]]:
    """Read the contours of an RT Structure Set.

    Regions without any usable contour are left out; each omission and each doubt is a finding.

    Parameters
    ----------
    path : Path
        DICOM file.

    Returns
    -------
    ContourSet
        Contours in LPS mm, in the order of the file.
    tuple of Finding
        Empty regions, open contours, dangling references, several frames of reference.

    Raises
    ------
    DicomError
        If the file cannot be read, is no RT Structure Set or holds no contour at all.
    """
    with guarded(f"{path.name} is damaged", code="unreadable"):
        _, dataset = read_object(path, sop_class=RT_STRUCTURE_SET, kind="RT Structure Set")
        return _read_contours(dataset, path.name)


def _read_contours(dataset: Dataset, where: str) -> tuple[ContourSet, tuple[Finding, ...]]:
    reader = _Reader(where=where, findings=[])
    listed = reader.referenced_images(dataset)
    contours_of = _by_number(dataset, "ROIContourSequence")
    observations = _by_number(dataset, "RTROIObservationsSequence")
    regions: list[ContourRegion] = []
    instances: dict[str, None] = {}
    for roi in read_items(dataset, "StructureSetROISequence"):
        number = read_integer(roi, "ROINumber", default=-1)
        contour_item = contours_of.pop(number, None) or Dataset()
        observation = observations.get(number) or Dataset()
        region = reader.region(roi, contour_item, observation, default_frame=listed.frame)
        if region is not None:
            regions.append(reader.renamed_if_known(region, regions))
            instances |= dict.fromkeys(_image_uids(contour_item))
    for number in sorted(contours_of):
        reader.note("roi-dangling", "warning", f"Contours refer to region number {number}, which the "
                    "structure set does not define: they are left out.")  # fmt: skip
    if not regions:
        raise DicomError(
            f"The structure set {where} holds no usable contour: draw regions and export it again.",
            code="rtstruct-empty",
        )
    contours = ContourSet(
        regions=tuple(regions),
        frame_of_reference=Counter(region.frame_of_reference for region in regions).most_common(1)[0][0],
        referenced_series_uid=listed.series_uid,
        referenced_instance_uids=tuple(instances),
        approval=read_text(dataset, "ApprovalStatus"),
        reviewer=read_text(dataset, "ReviewerName"),
        source=_joined(dataset, "Manufacturer", "StructureSetLabel"),
    )
    reader.check(contours, listed)
    author = _author(dataset)
    signed = tuple(replace(r, drafted_by=r.drafted_by or author) for r in contours.regions)
    return replace(contours, regions=signed), tuple(reader.findings)


def check_references(contours: ContourSet, image: ImageReference) -> tuple[Finding, ...]:
    """Compare what a structure set refers to with the image it is used with.

    Returns
    -------
    tuple of Finding
        Another series, images that are not there, another frame of reference.
    """
    findings = []
    if contours.referenced_series_uid not in (None, image.series_uid):
        findings.append(Finding(
            "contours-other-series", "warning",
            "The contours were drawn on another series than the image they are used with; they are placed by "
            "their coordinates.", contours.source))  # fmt: skip
    missing = set(contours.referenced_instance_uids) - set(image.instance_uids)
    if missing and contours.referenced_series_uid == image.series_uid:
        findings.append(Finding(
            "contours-dangling-images", "warning",
            f"The contours refer to {len(missing)} images that the series does not hold: check that the series "
            "is complete.", contours.source))  # fmt: skip
    if None not in (contours.frame_of_reference, image.frame_of_reference) and (
        contours.frame_of_reference != image.frame_of_reference
    ):
        findings.append(Finding(
            "contours-other-frame", "critical",
            "The contours are in another frame of reference than the image: without a registration their "
            "place is not known.", contours.source))  # fmt: skip
    return tuple(findings)


@dataclass(frozen=True, slots=True)
class _Referenced:
    """What the structure set says about the images it was drawn on."""

    series_uid: str | None
    frame: str | None
    instance_uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Collects findings while the parts of one file are read."""

    where: str
    findings: list[Finding]

    def note(self, code: str, severity: Severity, message: str) -> None:
        self.findings.append(Finding(code, severity, message, self.where))

    def referenced_images(self, dataset: Dataset) -> _Referenced:
        frames = read_items(dataset, "ReferencedFrameOfReferenceSequence")
        series = [
            item
            for frame in frames
            for study in read_items(frame, "RTReferencedStudySequence")
            for item in read_items(study, "RTReferencedSeriesSequence")
        ]
        uids = list(dict.fromkeys(read_text(item, "SeriesInstanceUID") for item in series))
        if not uids:
            self.note("rtstruct-no-series", "info",
                      "The structure set does not name the image series on which it was drawn.")  # fmt: skip
        elif len(uids) > 1:
            self.note("rtstruct-several-series", "warning", f"The structure set names {len(uids)} image series; "
                      "the first is taken as the one it was drawn on.")  # fmt: skip
        return _Referenced(
            series_uid=uids[0] if uids else None,
            frame=read_text(frames[0], "FrameOfReferenceUID") or None if frames else None,
            instance_uids=frozenset(uid for item in series for uid in _instance_uids(item)),
        )

    def region(
        self, roi: Dataset, contour_item: Dataset, observation: Dataset, *, default_frame: str | None
    ) -> ContourRegion | None:
        number = read_integer(roi, "ROINumber", default=-1)
        name = read_text(roi, "ROIName") or f"region {number}"
        items = read_items(contour_item, "ContourSequence")
        contours = tuple(contour for item in items if (contour := self.contour(item, name)) is not None)
        opened = sum(contour.geometric_type not in CLOSED_TYPES for contour in contours)
        if opened:
            self.note("contour-not-closed", "warning", f"Region '{name}' has {opened} open contours or points, "
                      "which enclose no volume.")  # fmt: skip
        degenerate = sum(not contour.encloses for contour in contours) - opened
        if degenerate:
            self.note("contour-degenerate", "info", f"Region '{name}' has {degenerate} closed contours of fewer "
                      "than three points, which enclose no volume.")  # fmt: skip
        if not contours:
            self.note("region-empty", "warning", f"Region '{name}' has no contours and is left out.")
            return None
        return ContourRegion(
            name=name,
            number=number,
            contours=contours,
            frame_of_reference=read_text(roi, "ReferencedFrameOfReferenceUID") or default_frame,
            algorithm=read_text(roi, "ROIGenerationAlgorithm"),
            interpreted_type=read_text(observation, "RTROIInterpretedType"),
            code=_snomed_code(observation),
            drafted_by=read_text(observation, "ROIInterpreter"),
        )

    def contour(self, item: Dataset, name: str) -> Contour | None:
        points = _points(item)
        if points is None:
            self.note("contour-unreadable", "warning", f"A contour of region '{name}' has no readable points and "
                      "is left out.")  # fmt: skip
            return None
        declared = item.get("NumberOfContourPoints", None)
        if declared is not None and int(declared) != len(points):
            self.note("contour-count", "warning", f"A contour of region '{name}' states {declared} points but "
                      f"holds {len(points)}; what it holds is used.")  # fmt: skip
        geometric_type = read_text(item, "ContourGeometricType") or "CLOSED_PLANAR"
        repeats_first = len(points) > 1 and np.allclose(points[0], points[-1], rtol=0, atol=_COINCIDENT_MM)
        if geometric_type in CLOSED_TYPES and repeats_first:
            points = points[:-1]
        return Contour(points, geometric_type)

    def renamed_if_known(self, region: ContourRegion, regions: list[ContourRegion]) -> ContourRegion:
        known = {other.name for other in regions}
        if region.name not in known:
            return region
        name = next(n for i in range(2, len(known) + 3) if (n := f"{region.name} ({i})") not in known)
        self.note("region-renamed", "warning",
                  f"The name '{region.name}' occurs more than once; one of them is now '{name}'.")  # fmt: skip
        return replace(region, name=name)

    def check(self, contours: ContourSet, listed: _Referenced) -> None:
        dangling = set(contours.referenced_instance_uids) - listed.instance_uids
        if dangling:
            self.note("contour-dangling-reference", "warning", f"The contours refer to {len(dangling)} images that "
                      "the structure set does not list for its series; they are placed by their "
                      "coordinates.")  # fmt: skip
        for region in contours.regions:
            if region.frame_of_reference != contours.frame_of_reference:
                self.note("region-other-frame", "critical", f"Region '{region.name}' is drawn in another frame of "
                          "reference than the other regions: without a registration its place is not "
                          "known.")  # fmt: skip
        if contours.frame_of_reference is None:
            self.note("rtstruct-no-frame", "warning", "The structure set does not state its frame of reference; "
                      "it is assumed to be that of the image it is used with.")  # fmt: skip
        if contours.approval == _APPROVED and not contours.reviewer:
            self.note("approval-unsigned", "warning", "The structure set is marked as approved, but nobody is "
                      "named: its regions count as unverified.")  # fmt: skip


def _points(item: Dataset) -> Array | None:
    """Parse contour data from its text: pydicom's decimal strings would take most of the reading time."""
    element = item.get_item(_CONTOUR_DATA) if _CONTOUR_DATA in item else None
    if element is None or element.value is None:
        return None
    value = element.value
    try:
        values = np.array(value.split(b"\\") if isinstance(value, bytes) else value, dtype=float).ravel()
    except (ValueError, TypeError):
        return None
    if not values.size or values.size % 3 or not np.all(np.isfinite(values)):
        return None
    return values.reshape(-1, 3)


def _by_number(dataset: Dataset, keyword: str) -> dict[int, Dataset]:
    """Return the items of a sequence by the number of the region to which they refer."""
    return {read_integer(item, "ReferencedROINumber", default=-1): item for item in read_items(dataset, keyword)}


def _image_uids(contour_item: Dataset) -> list[str]:
    """List the images to which the contours of a region refer."""
    return [
        read_text(image, "ReferencedSOPInstanceUID")
        for contour in read_items(contour_item, "ContourSequence")
        for image in read_items(contour, "ContourImageSequence")
    ]


def _instance_uids(series: Dataset) -> list[str]:
    return [read_text(image, "ReferencedSOPInstanceUID") for image in read_items(series, "ContourImageSequence")]


def _author(dataset: Dataset) -> str:
    """Name who drew the regions: the operator, otherwise the program."""
    program = _joined(dataset, "Manufacturer", "ManufacturerModelName")
    return read_text(dataset, "OperatorsName") or program or "not stated"


def _joined(dataset: Dataset, *keywords: str) -> str:
    return " ".join(dict.fromkeys(filter(None, (read_text(dataset, keyword) for keyword in keywords))))


def _snomed_code(observation: Dataset) -> str | None:
    code = (*read_items(observation, "RTROIIdentificationCodeSequence"), Dataset())[0]
    return snomed_ct(read_text(code, "CodeValue"), read_text(code, "CodingSchemeDesignator"))
