"""The ways to bring a time point into the space of the reference time point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from theradose.errors import GeometryError
from theradose.formats.transforms import read_transform
from theradose.model.finding import Finding
from theradose.model.grid import Grid, Volume
from theradose.model.transform import Registration, RigidTransform
from theradose.registry import Registry
from theradose.spatial.alignment import Agreement, Feature, agreement, ct_feature, edge_correlation, emission_feature
from theradose.spatial.rigid import register_rigid


@dataclass(frozen=True, slots=True, eq=False)
class RegistrationInput:
    """The images of one time point.

    Attributes
    ----------
    timepoint : str
        Id in the study.
    emission : Volume
        Emission image; any unit.
    ct : Volume or None
        CT in HU.
    transform_path : Path or None
        File with a transform from the reference space to this time point's space, given by the user.
    """

    timepoint: str
    emission: Volume
    ct: Volume | None = None
    transform_path: Path | None = None

    @property
    def hybrid(self) -> bool:
        """Whether there is a CT in the same frame of reference, so that its motion is the emission image's."""
        return self.ct is not None and _same_frame(self.ct.grid, self.emission.grid)


RegistrationMethod = Callable[[RegistrationInput, RegistrationInput], tuple[Registration, tuple[Finding, ...]]]
"""Takes reference and moving images; returns reference → moving with its quality."""

registration_methods: Registry[RegistrationMethod] = Registry("registration_methods", error=GeometryError)

_LARGE_ROTATION_DEG = 10.0
_SMALL_OVERLAP = 0.6
# Below this share the header coordinates of the two images say nothing about each other.
_USEFUL_OVERLAP = 0.25
_MORE_OVERLAP = 0.1
# Normalised mutual information of unrelated images is 1 with a few thousandths from chance.
_CHANCE, _UNRELATED = 0.002, 1.02


@registration_methods.register(
    "automatic",
    summary="CT to CT where both time points have one, otherwise emission to emission",
    citation="Mattes2003",
)
def register_automatic(
    reference: RegistrationInput, moving: RegistrationInput
) -> tuple[Registration, tuple[Finding, ...]]:
    """Register the CTs of two hybrid examinations, or else the emission images."""
    if reference.hybrid and moving.hybrid:
        return register_ct(reference, moving)
    registration, findings = register_emission(reference, moving)
    apart = [side.timepoint for side in (reference, moving) if side.ct is not None and not side.hybrid]
    if not apart:
        return registration, findings
    unused = Finding(
        "ct-in-another-frame",
        "info",
        f"The CT of {', '.join(apart)} has another frame of reference than its emission image and was not used "
        "for the alignment.",
        moving.timepoint,
    )
    return registration, (unused, *findings)


@registration_methods.register(
    "ct", summary="Rigid registration of the CTs by mutual information", citation="Mattes2003"
)
def register_ct(reference: RegistrationInput, moving: RegistrationInput) -> tuple[Registration, tuple[Finding, ...]]:
    """Register CT to CT by mutual information.

    Raises
    ------
    GeometryError
        ``registration-no-ct`` if one of them has none.

    References
    ----------
    [Mattes2003]_
    """
    if reference.ct is None or moving.ct is None:
        lacking = reference.timepoint if reference.ct is None else moving.timepoint
        raise GeometryError(
            f"Registration by CT needs a CT at both time points, but {lacking} has none: use 'emission' or "
            "'automatic'.",
            code="registration-no-ct",
        )
    return _register(ct_feature(reference.ct), ct_feature(moving.ct), "ct", moving.timepoint)


@registration_methods.register(
    "emission", summary="Rigid registration of the emission images by mutual information", citation="Mattes2003"
)
def register_emission(
    reference: RegistrationInput, moving: RegistrationInput
) -> tuple[Registration, tuple[Finding, ...]]:
    """Register emission image to emission image by mutual information, which allows for different kinetics.

    References
    ----------
    [Mattes2003]_
    """
    features = (emission_feature(reference.emission), emission_feature(moving.emission))
    return _register(*features, "emission", moving.timepoint)


@registration_methods.register(
    "identity",
    summary="No motion, stated by the user; needs one frame of reference",
    citation="DICOMPS3.3",
)
def register_identity(
    reference: RegistrationInput, moving: RegistrationInput
) -> tuple[Registration, tuple[Finding, ...]]:
    """Take the coordinates of the files as they are.

    Raises
    ------
    GeometryError
        ``frames-of-reference-differ`` if the files say that their coordinates are unrelated.
    """
    frames = (reference.emission.grid.frame_of_reference, moving.emission.grid.frame_of_reference)
    if None not in frames and frames[0] != frames[1]:
        raise GeometryError(
            f"{moving.timepoint} cannot be taken as already aligned: its frame of reference differs from that of "
            f"{reference.timepoint}. Use 'automatic', or give a transform file for the time point.",
            code="frames-of-reference-differ",
        )
    registration, findings = _compare(reference, moving, RigidTransform.identity(), "identity")
    if None in frames:
        stated = Finding(
            "alignment-stated",
            "warning",
            f"{moving.timepoint} counts as aligned because the study says so; the files have no frame of reference "
            "that would confirm it.",
            moving.timepoint,
        )
    else:
        stated = Finding(
            "alignment-stated",
            "info",
            f"{moving.timepoint} counts as aligned because the study says so and the frames of reference agree; "
            "motion of the patient between the scans is not corrected.",
            moving.timepoint,
        )
    return registration, (stated, *findings)


@registration_methods.register(
    "file", summary="The rigid transform of a file (ITK text or 4 × 4 matrix), given by the user", citation="DICOMPS3.3"
)
def register_file(reference: RegistrationInput, moving: RegistrationInput) -> tuple[Registration, tuple[Finding, ...]]:
    """Take the transform of a file.

    Raises
    ------
    GeometryError
        ``transform-missing`` if no file is given for the time point; those of `read_transform`.
    """
    if moving.transform_path is None:
        raise GeometryError(
            f"Registration by file needs a transform for {moving.timepoint}: add 'transform: FILE' to the time point.",
            code="transform-missing",
        )
    registration, findings = _compare(reference, moving, read_transform(moving.transform_path), "file")
    stated = Finding(
        "transform-given",
        "info",
        f"{moving.timepoint} is aligned by the transform in {moving.transform_path.name}.",
        moving.timepoint,
    )
    return registration, (stated, *findings)


def _register(
    reference: Feature, moving: Feature, method: str, timepoint: str
) -> tuple[Registration, tuple[Finding, ...]]:
    if not (_shows_something(reference) and _shows_something(moving)):
        raise GeometryError(
            f"{timepoint} cannot be aligned: its image or that of the reference time point shows nothing. Check the "
            "images, or give a transform for the time point.",
            code="registration-blank",
        )
    starts = _starts(reference, moving)
    fit = register_rigid(reference.volume, moving.volume, mask=reference.mask, starts=starts)
    return _judged(reference, moving, fit.transform, method, timepoint, converged=fit.converged)


def _compare(
    reference: RegistrationInput, moving: RegistrationInput, transform: RigidTransform, method: str
) -> tuple[Registration, tuple[Finding, ...]]:
    """Describe a transform that nobody optimised, by the emission images."""
    first, second = emission_feature(reference.emission), emission_feature(moving.emission)
    return _judged(first, second, transform, method, moving.timepoint, converged=True)


def _starts(reference: Feature, moving: Feature) -> tuple[RigidTransform, ...]:
    """Header coordinates where they overlap, centres of the images, centres of what they show."""
    shifts = [
        moving.volume.grid.centre_mm - reference.volume.grid.centre_mm,
        _middle(moving) - _middle(reference),
    ]
    if agreement(reference, moving, RigidTransform.identity()).overlap_fraction >= _USEFUL_OVERLAP:
        shifts.insert(0, np.zeros(3))
    distinct: list[RigidTransform] = []
    for shift in shifts:
        matrix = np.eye(4)
        matrix[:3, 3] = shift
        tolerance = max(reference.volume.grid.spacing_mm)
        if all(np.linalg.norm(shift - other.matrix[:3, 3]) > tolerance for other in distinct):
            distinct.append(RigidTransform(matrix))
    return tuple(distinct)


def _middle(feature: Feature) -> np.ndarray:
    """Middle of what the image shows, or of the image if it shows nothing."""
    from scipy.ndimage import center_of_mass

    if not _shows_something(feature):
        return feature.volume.grid.centre_mm
    return feature.volume.grid.to_lps(np.array(center_of_mass(feature.volume.data * feature.mask)))


def _shows_something(feature: Feature) -> bool:
    return bool(np.any(feature.volume.data[feature.mask] > 0))


def _judged(
    reference: Feature, moving: Feature, transform: RigidTransform, method: str, timepoint: str, *, converged: bool
) -> tuple[Registration, tuple[Finding, ...]]:
    before = agreement(reference, moving, RigidTransform.identity())
    after = agreement(reference, moving, transform)
    quality = {
        "mutual_information_before": before.mutual_information,
        "mutual_information_after": after.mutual_information,
        "normalised_mutual_information": after.normalised_mutual_information,
        "edge_correlation": edge_correlation(reference, moving, transform),
        "overlap_fraction": after.overlap_fraction,
        "displacement_mm": transform.displacement_mm(_middle(reference)),
        "rotation_deg": transform.rotation_deg,
    }
    doubts = []
    # Below a voxel the two cannot be told apart: interpolation alone lowers the agreement.
    moved = quality["displacement_mm"] > max(reference.volume.grid.spacing_mm)
    if method in ("ct", "emission") and moved and _worse(before, after):
        doubts.append("the images agree less after it than before")
    if not converged:
        doubts.append("the search ended at its limit of steps")
    if transform.rotation_deg > _LARGE_ROTATION_DEG:
        doubts.append(f"the rotation of {transform.rotation_deg:.0f}° is larger than patients turn")
    if after.overlap_fraction < _SMALL_OVERLAP:
        doubts.append(f"only {after.overlap_fraction:.0%} of the reference image are covered")
    if after.normalised_mutual_information < _UNRELATED:
        doubts.append("the images hardly agree")
    findings = [*_frame_findings(reference, moving, timepoint)]
    if doubts:
        findings.append(
            Finding(
                "registration-poor",
                "warning",
                f"The alignment of {timepoint} is doubtful: {'; '.join(doubts)}. Check the overlay.",
                timepoint,
            )
        )
    return Registration(transform, method, quality), tuple(findings)


def _worse(before: Agreement, after: Agreement) -> bool:
    """Whether agreement fell over about the same voxels; little overlap can agree by chance."""
    if before.overlap_fraction < _USEFUL_OVERLAP or after.overlap_fraction > before.overlap_fraction + _MORE_OVERLAP:
        return False
    return after.normalised_mutual_information < before.normalised_mutual_information - _CHANCE


def _frame_findings(reference: Feature, moving: Feature, timepoint: str) -> tuple[Finding, ...]:
    if _same_frame(reference.volume.grid, moving.volume.grid):
        return ()
    return (
        Finding(
            "frames-of-reference-differ",
            "info",
            f"{timepoint} and the reference time point do not share a frame of reference: their alignment rests on "
            "the registration alone.",
            timepoint,
        ),
    )


def _same_frame(first: Grid, second: Grid) -> bool:
    frames = (first.frame_of_reference, second.frame_of_reference)
    return None in frames or frames[0] == frames[1]
