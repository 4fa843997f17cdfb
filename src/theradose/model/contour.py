"""Contours: regions drawn as polygons on the planes of an image."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.errors import GeometryError
from theradose.model.arrays import Array, frozen

CLOSED_TYPES = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One drawn line.

    Attributes
    ----------
    points_mm : ndarray, shape (n, 3)
        LPS coordinates (x, y, z) of the vertices; the last is not a repetition of the first.
    geometric_type : str
        DICOM Contour Geometric Type; only closed planar contours enclose voxels.
    """

    points_mm: Array
    geometric_type: str = "CLOSED_PLANAR"

    def __post_init__(self) -> None:
        points = frozen(self.points_mm, float)
        if points.ndim != 2 or points.shape[1] != 3:
            raise GeometryError(f"Contour points have the shape (n, 3), not {points.shape}.",
                                code="contour-shape")  # fmt: skip
        object.__setattr__(self, "points_mm", points)

    @property
    def encloses(self) -> bool:
        """Whether the contour bounds an area."""
        return self.geometric_type in CLOSED_TYPES and len(self.points_mm) >= 3


@dataclass(frozen=True, slots=True, eq=False)
class ContourRegion:
    """A named region as contours; several contours on one plane combine by exclusive or (holes).

    Attributes
    ----------
    name : str
        Name as given by the file.
    number : int
        Number in the structure set.
    contours : tuple of Contour
        In the order of the file.
    frame_of_reference : str or None
        DICOM Frame of Reference UID in which the points are given.
    algorithm : str
        How it was drawn (``MANUAL``, ``SEMIAUTOMATIC``, ``AUTOMATIC``), empty if not stated.
    interpreted_type : str
        DICOM RT ROI Interpreted Type (``ORGAN``, ``GTV`` …), empty if not stated.
    code : str or None
        SNOMED CT code.
    drafted_by : str
        Person or program that drew it; empty if not stated.
    """

    name: str
    number: int
    contours: tuple[Contour, ...]
    frame_of_reference: str | None = None
    algorithm: str = ""
    interpreted_type: str = ""
    code: str | None = None
    drafted_by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ContourSet:
    """The contours of one structure set.

    Attributes
    ----------
    regions : tuple of ContourRegion
        Regions with at least one contour.
    frame_of_reference : str or None
        DICOM Frame of Reference UID of the set.
    referenced_series_uid : str or None
        Series on which the contours were drawn.
    referenced_instance_uids : tuple of str
        Images to which the contours refer.
    approval : str
        DICOM Approval Status; empty if not stated.
    reviewer : str
        Who approved or rejected; empty if not stated.
    source : str
        Where the set comes from, for messages (label and program).
    """

    regions: tuple[ContourRegion, ...]
    frame_of_reference: str | None = None
    referenced_series_uid: str | None = None
    referenced_instance_uids: tuple[str, ...] = ()
    approval: str = ""
    reviewer: str = ""
    source: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(region.name for region in self.regions)

    def region(self, name: str) -> ContourRegion:
        """Return the region called `name`."""
        for region in self.regions:
            if region.name == name:
                return region
        raise GeometryError(
            f"There is no region '{name}': the regions are {', '.join(self.names) or 'none'}.",
            code="region-unknown",
        )


def drawing_algorithm(method: str) -> str:
    """Return how a region was drawn in the words of DICOM, from the method of a region.

    By hand is ``MANUAL``, from the image alone ``AUTOMATIC``; everything else had help of both.
    """
    parts = method.split(":")
    if "manual" in parts:
        return "MANUAL"
    return "AUTOMATIC" if "automatic" in parts or parts[0] == "threshold" else "SEMIAUTOMATIC"
