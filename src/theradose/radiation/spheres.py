"""Fraction of the emitted energy that a sphere or ellipsoid with uniform activity absorbs.

Two points at the distance r, of which one is anywhere in a sphere of radius R, both lie in it with the probability
1 − 3/4 (r/R) + 1/16 (r/R)³. The absorbed fraction is its mean over the point kernel. An ellipsoid is a sphere whose
axes are stretched: r/R becomes the distance in units of the semi-axes, and the mean is also over directions.

References
----------
[Hammersley1950]_ Distribution of the distance of two points in a sphere.
"""

from __future__ import annotations

import numpy as np

from theradose.model.arrays import Array
from theradose.radiation.directions import octant_directions
from theradose.radiation.nuclide_kernels import NuclideKernel

_MM_PER_CM = 10.0
_DIRECTIONS = 24


def shared_fraction(*, distance: Array) -> Array:
    """Return the probability that a point at a distance from a point of the unit sphere lies in it too.

    Parameters
    ----------
    distance : ndarray
        In units of the radius.

    Returns
    -------
    ndarray
        1 at 0, and 0 from 2 on.

    References
    ----------
    [Hammersley1950]_
    """
    near = np.minimum(distance, 2.0)
    return np.asarray(1 - 3 / 4 * near + near**3 / 16)


def absorbed_energy(
    *, kernel: NuclideKernel, semi_axes_mm: tuple[float, float, float], density_g_per_ml: float
) -> dict[str, float]:
    """Return the energy per decay that an ellipsoid with uniform activity absorbs itself.

    Parameters
    ----------
    kernel : NuclideKernel
        Around a point in water.
    semi_axes_mm : tuple of float
        Equal ones make a sphere.
    density_g_per_ml : float
        Of the ellipsoid and its surroundings.

    Returns
    -------
    dict of str to float
        keV of ``electron``, ``photon`` and ``alpha`` (with recoils, which stay where they are).

    References
    ----------
    [Hammersley1950]_
    """
    edges = kernel.radius_g_per_cm2 / density_g_per_ml * _MM_PER_CM
    middle = (edges[:-1] + edges[1:]) / 2
    if len(set(semi_axes_mm)) == 1:
        shared = shared_fraction(distance=middle / semi_axes_mm[0])
    else:
        directions, weights = octant_directions(_DIRECTIONS)
        stretched = np.linalg.norm(directions / np.array(semi_axes_mm), axis=1)
        shared = shared_fraction(distance=middle[:, None] * stretched) @ weights
    return {
        "electron": float(np.diff(kernel.electron_kev) @ shared),
        "photon": float(np.diff(kernel.photon_kev) @ shared),
        "alpha": kernel.local_kev,
    }
