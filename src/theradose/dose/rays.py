"""Electron energy along straight rays in mass thickness, for activity near lung, bone or air.

From every voxel rays go in all directions from places all over it. On a ray an electron kernel of water is read at the
mass thickness that lies behind, so that what a light tissue does not absorb goes on to the next voxels; in layers of
one composition this is exact. Import this module only where it is used: it loads numba.

References
----------
[Ahnesjo1989]_ Superposition along cones with the thickness scaled by density.
[SanchezGarcia2014]_ The same for radionuclides, against Monte Carlo with 90Y.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from theradose.compiled import kernel, thread_count
from theradose.model.arrays import Array

_TABLE_STEPS = 4096
_LOG2_RAYS_PER_OCTANT = 6
_SEED = 1


def superpose_on_rays(
    *,
    source: Array,
    density_g_per_ml: Array,
    spacing_mm: tuple[float, float, float],
    thickness: Array,
    energy_kev: Array,
) -> Array:
    """Return the energy that the electrons of a source deposit in each voxel.

    Parameters
    ----------
    source : ndarray, shape (nz, ny, nx)
        Activity or time-integrated activity per voxel, any unit.
    density_g_per_ml : ndarray, shape (nz, ny, nx)
        Above 0.
    spacing_mm : tuple of float
        Sides of a voxel (z, y, x).
    thickness : ndarray, shape (n,)
        Increasing mass thicknesses from 0, g/cm².
    energy_kev : ndarray, shape (n,)
        Energy deposited within each thickness around a point, keV per decay.

    Returns
    -------
    ndarray, shape (nz, ny, nx)
        keV per decay times the unit of `source`; what leaves the grid is missing.

    References
    ----------
    [Ahnesjo1989]_, [SanchezGarcia2014]_
    """
    voxels = np.argwhere(source > 0)
    amounts = source[source > 0].astype(np.float64)
    step = float(thickness[-1]) / _TABLE_STEPS
    table = np.interp(np.arange(_TABLE_STEPS + 1) * step, thickness, energy_kev)
    starts, directions = rays()
    density = np.ascontiguousarray(density_g_per_ml, np.float32)
    sides = np.array(spacing_mm) / 10.0
    threads = thread_count()
    tallies = [np.zeros(source.shape) for _ in range(threads)]
    edges = np.linspace(0, len(voxels), threads + 1).astype(int)

    def follow(part: int) -> None:
        chosen = slice(edges[part], edges[part + 1])
        _follow(voxels[chosen], amounts[chosen], density, sides, starts, directions, table, step, tallies[part])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(follow, range(threads)))
    return np.asarray(np.sum(tallies, axis=0))


def rays() -> tuple[Array, Array]:
    """Return starting places in a unit voxel and directions, both spread evenly and alike in all octants.

    Returns
    -------
    starts, directions : ndarray, shape (r, 3)
        Along (z, y, x).
    """
    from scipy.stats import qmc

    points = qmc.Sobol(5, scramble=True, rng=_SEED).random_base2(_LOG2_RAYS_PER_OCTANT)
    cosine, azimuth = points[:, 0], 0.5 * np.pi * points[:, 1]
    sine = np.sqrt(1.0 - cosine**2)
    octant = np.stack([cosine, sine * np.sin(azimuth), sine * np.cos(azimuth)], axis=1)
    starts, directions = [], []
    for signs in product((1.0, -1.0), repeat=3):
        directions.append(octant * signs)
        starts.append(np.where(np.array(signs) > 0, points[:, 2:], 1.0 - points[:, 2:]))
    return np.concatenate(starts), np.concatenate(directions)


@kernel
def _follow(
    voxels: Array,
    amounts: Array,
    density: Array,
    sides: Array,
    starts: Array,
    directions: Array,
    table: Array,
    step: float,
    tally: Array,
) -> None:
    last = table.shape[0] - 1
    index, place = np.empty(3, np.int64), np.empty(3)
    for source in range(voxels.shape[0]):
        share = amounts[source] / starts.shape[0]
        for ray in range(starts.shape[0]):
            for axis in range(3):
                index[axis] = voxels[source, axis]
                place[axis] = starts[ray, axis] * sides[axis]
            passed, deposited = 0.0, table[0]
            while passed < last:
                path, crossed = 1e30, 0
                for axis in range(3):
                    direction = directions[ray, axis]
                    if direction != 0.0:
                        length = ((sides[axis] if direction > 0.0 else 0.0) - place[axis]) / direction
                        if length < path:
                            path, crossed = length, axis
                # In steps of the table.
                passed += path * density[index[0], index[1], index[2]] / step
                left = min(int(passed), last)
                until = table[last]
                if left < last:
                    until = table[left] + (passed - left) * (table[left + 1] - table[left])
                tally[index[0], index[1], index[2]] += share * (until - deposited)
                deposited = until
                for axis in range(3):
                    place[axis] += path * directions[ray, axis]
                forward = directions[ray, crossed] > 0.0
                index[crossed] += 1 if forward else -1
                place[crossed] = 0.0 if forward else sides[crossed]
                if index[crossed] < 0 or index[crossed] >= tally.shape[crossed]:
                    break
