"""Rigid registration of two volumes by mutual information.

References
----------
[Mattes2003]_ PET-CT image registration in the chest using free-form deformations: the form of mutual
information that is maximised here, with rigid motion only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.errors import GeometryError
from theradose.model.arrays import Array
from theradose.model.grid import Grid, Volume
from theradose.model.transform import RigidTransform
from theradose.spatial.resample import resample_volume

_SEED = 20260301
_BINS = 48
# More samples do not move the optimum by a tenth of a voxel, but cost time in proportion.
_SAMPLES = 60_000
_COARSE_STEPS = 100
_FINE_STEPS = 400
# Steps shorten at every turn. Shortened faster or ended earlier, the search comes to rest on the side of a ridge:
# the turn of a smooth body about its long axis.
_RELAXATION = 0.8
_SHORTEST_STEP = 2e-4
_ORTHOGONAL = 1e-3


@dataclass(frozen=True, slots=True)
class RigidFit:
    """What the optimiser found.

    Attributes
    ----------
    transform : RigidTransform
        Reference to moving.
    converged : bool
        False if the last level ended at its limit of steps.
    """

    transform: RigidTransform
    converged: bool


def register_rigid(
    reference: Volume, moving: Volume, *, mask: Array, starts: Sequence[RigidTransform], coarse: bool = True
) -> RigidFit:
    """Maximise mutual information over the rigid motions, from coarse to fine.

    The coarse level is run from every start, the fine levels from the best outcome. Sampling is seeded and
    sums run in one thread: the same images give the same transform on every run.

    Parameters
    ----------
    reference, moving : Volume
        Images whose values are related, not necessarily equal.
    mask : ndarray of bool
        Voxels of `reference` that take part, shape of its grid.
    starts : sequence of RigidTransform
        Where to begin.
    coarse : bool
        Whether the coarse level is run; small images that begin near their place have none.

    Returns
    -------
    RigidFit
        The best transform.

    Raises
    ------
    GeometryError
        ``registration-no-overlap`` if no start makes the images overlap.

    References
    ----------
    [Mattes2003]_
    """
    fixed, floating = _to_image(reference), _to_image(moving)
    fixed_mask = _to_image(Volume(np.asarray(mask, np.uint8), reference.grid))
    centre = _centre_of(mask, reference.grid)
    fraction = min(1.0, _SAMPLES / max(1, int(np.count_nonzero(mask))))
    step_mm = max(reference.grid.spacing_mm)
    inputs = (fixed, floating, fixed_mask)
    begun = [_euler(start, centre) for start in starts]
    if coarse:
        outcomes = [_run(*inputs, start, fraction, step_mm, coarse=True) for start in begun]
        # The best first; the last resort is the best that the fine levels can start from at all.
        begun = [one.transform for one in sorted((one for one in outcomes if one is not None), key=_metric_of)]
    for start in begun:
        fine = _run(*inputs, start, fraction, step_mm, coarse=False)
        if fine is not None:
            return RigidFit(_to_rigid(fine.transform), fine.converged)
    raise GeometryError(
        "The two images do not overlap from any starting position: check their geometry, or give a transform for the "
        "time point.",
        code="registration-no-overlap",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """One run of the optimiser: SimpleITK transform, negative mutual information, whether it converged."""

    transform: Any
    metric: float
    converged: bool


def _run(
    fixed: Any, floating: Any, mask: Any, start: Any, fraction: float, step_mm: float, *, coarse: bool
) -> _Outcome | None:
    """Optimise over one or two levels; ``None`` if no sample of the reference falls into the moving image."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetNumberOfWorkUnits(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    shrink = [4] if coarse else [2, 1]
    # Fractions refer to the voxels of each level, so that the number of samples stays about the same.
    fractions = [min(1.0, fraction * factor**3) for factor in shrink]
    method.SetMetricSamplingPercentagePerLevel(fractions, _SEED)
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel([0.5 * step_mm * factor for factor in shrink])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    limit = _COARSE_STEPS if coarse else _FINE_STEPS
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step_mm if coarse else 0.5 * step_mm,
        minStep=(0.02 if coarse else _SHORTEST_STEP) * step_mm,
        numberOfIterations=limit,
        relaxationFactor=_RELAXATION,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=False)
    try:
        composite = method.Execute(fixed, floating)
    except RuntimeError:
        # The only way in which SimpleITK says so.
        return None
    found = sitk.Euler3DTransform(sitk.CompositeTransform(composite).GetBackTransform())
    return _Outcome(found, float(method.GetMetricValue()), method.GetOptimizerIteration() < limit)


def _metric_of(outcome: _Outcome) -> float:
    return outcome.metric


def _euler(start: RigidTransform, centre: Array) -> Any:
    import SimpleITK as sitk

    transform = sitk.Euler3DTransform()
    transform.SetCenter([float(c) for c in centre])
    # Written with as many digits as a stored transform has: a rotation is orthogonal to those only.
    transform.SetMatrix([float(m) for m in start.matrix[:3, :3].ravel()], _ORTHOGONAL)
    transform.SetTranslation([float(t) for t in start.apply(centre) - centre])
    return transform


def _to_rigid(transform: Any) -> RigidTransform:
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    centre, translation = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre + translation - rotation @ centre
    return RigidTransform(matrix)


def _to_image(volume: Volume) -> Any:
    """Return a SimpleITK image; grids with oblique steps (gantry tilt) are first made rectangular."""
    import SimpleITK as sitk

    steps = volume.grid.affine_mm[:3, :3] / np.array(volume.grid.spacing_mm)
    if not np.allclose(steps.T @ steps, np.eye(3), atol=1e-4):
        volume = resample_volume(volume, _bounding_grid(volume.grid), order=0 if volume.data.dtype == np.uint8 else 1)
        steps = volume.grid.affine_mm[:3, :3] / np.array(volume.grid.spacing_mm)
    image = sitk.GetImageFromArray(volume.data)
    image.SetSpacing(volume.grid.spacing_mm[::-1])
    image.SetOrigin([float(c) for c in volume.grid.affine_mm[:3, 3]])
    image.SetDirection([float(c) for c in steps[:, ::-1].ravel()])
    return image


def _bounding_grid(grid: Grid) -> Grid:
    corners = grid.corners_mm()
    lowest, highest = corners.min(axis=0), corners.max(axis=0)
    spacing = grid.spacing_mm
    nz, ny, nx = (
        math.ceil((high - low) / step) for low, high, step in zip(lowest[::-1], highest[::-1], spacing, strict=True)
    )
    x, y, z = (float(low + step / 2) for low, step in zip(lowest, spacing[::-1], strict=True))
    return Grid.axis_aligned((nz, ny, nx), spacing, (x, y, z), grid.frame_of_reference)


def _centre_of(mask: Array, grid: Grid) -> Array:
    from scipy.ndimage import center_of_mass

    return grid.to_lps(np.array(center_of_mass(mask)))
