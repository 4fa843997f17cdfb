"""Convolution of a map with kernels that are even along every axis, by Fourier transforms with room for the margins.

References
----------
[Martucci1994]_ The Fourier transform of an even sequence is a cosine transform of half of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import fft

from theradose.compiled import thread_count
from theradose.model.arrays import Array

_COLUMNS_AT_ONCE = 8


def convolve_even(*, source: Array, octants: Sequence[Array]) -> tuple[Array, ...]:
    """Return Σ_s source[s] · kernel[|t − s|] at every voxel t, for each kernel.

    Nothing wraps around: the transforms are so long that no two voxels with activity and of the result are nearer
    across the border than inside. They are taken in double precision, since far from a hot lesion the dose is a
    millionth of the highest.

    Parameters
    ----------
    source : ndarray, shape (nz, ny, nx)
        For example decays per voxel.
    octants : sequence of ndarray
        Each kernel at the offsets 0, 1, … along each axis, all of one shape. Offsets beyond it count as zero.

    Returns
    -------
    tuple of ndarray, each of shape (nz, ny, nx)

    References
    ----------
    [Martucci1994]_
    """
    shape = source.shape
    # Half of the period: it holds all offsets of the kernel, and the period holds the map.
    reach = [min(n, m) - 1 for n, m in zip(shape, octants[0].shape, strict=True)]
    half = [fft.next_fast_len(max(n - 1, 1), real=True) for n in shape]
    factors = [_even_transform(octant[tuple(slice(r + 1) for r in reach)], half) for octant in octants]
    periods = [2 * length for length in half]
    threads = thread_count()
    rows = fft.rfft(source, periods[2], axis=2, workers=threads)
    results = [np.empty_like(rows) for _ in octants]

    mirrored = np.ix_(_mirrored(half[0]), _mirrored(half[1]))

    def transform(first: int) -> None:
        columns = slice(first, first + _COLUMNS_AT_ONCE)
        block = fft.fft(fft.fft(rows[:, :, columns], periods[1], axis=1), periods[0], axis=0)
        for factor, result in zip(factors, results, strict=True):
            inner = fft.ifft(block * factor[:, :, columns][mirrored], axis=0, overwrite_x=True)[: shape[0]]
            result[:, :, columns] = fft.ifft(inner, axis=1)[:, : shape[1]]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(transform, range(0, rows.shape[2], _COLUMNS_AT_ONCE)))
    return tuple(fft.irfft(result, periods[2], axis=2, workers=threads)[:, :, : shape[2]] for result in results)


def _even_transform(octant: Array, half: Sequence[int]) -> Array:
    """Fourier transform of an even kernel with the period 2 `half`, at frequencies 0 … `half`; it is real."""
    padded = np.zeros([length + 1 for length in half])
    padded[tuple(slice(n) for n in octant.shape)] = octant
    return np.asarray(fft.dctn(padded, type=1, overwrite_x=True))


def _mirrored(half: int) -> Array:
    """Index of each frequency of a period among those from 0 to its half."""
    return np.concatenate([np.arange(half + 1), np.arange(half - 1, 0, -1)])
