"""Electron waves in the field of a nucleus: how dense an electron of given energy is at the nucleus.

The radial Dirac equations are solved exactly for a uniformly charged sphere: by a power series inside, and outside by
the regular and the irregular wave of a point charge, joined at the surface. Lengths are in reduced Compton
wavelengths of the electron, energies in electron masses.

References
----------
[Rose1961]_ Waves of a point charge.
[BehrensJanecke1969]_ Tables of the same functions.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.model.arrays import Array

_SERIES_TERMS = 16
_HYPERGEOMETRIC_TERMS = 30


def coulomb_enhancement(*, order: int, kinetic: Array, coupling: float, radius: float) -> Array:
    """Return the density of electron waves at the nucleus by that of free waves.

    In the notation of beta decay this is :math:`F_{k-1} L_{k-1}`: for `order` 1 the Fermi function with its
    correction for the finite size of the nucleus.

    Parameters
    ----------
    order : int
        Total angular momentum plus 1/2, :math:`k`.
    kinetic : numpy.ndarray
        Kinetic energies in electron masses, above 0, (n,).
    coupling : float
        Atomic number times the fine-structure constant; negative for positrons.
    radius : float
        Radius of the nucleus in reduced Compton wavelengths.

    Returns
    -------
    numpy.ndarray
        (n,); 1 without charge.

    References
    ----------
    [Rose1961]_, [BehrensJanecke1969]_
    """
    energy = 1 + kinetic
    momentum = np.sqrt(kinetic * (kinetic + 2))
    density = sum(_squared_start(kappa, energy, momentum, coupling, radius) for kappa in (-order, order))
    odd = math.prod(range(1, 2 * order, 2))
    return np.asarray(density * odd**2 / (2 * energy * (momentum * radius) ** (2 * order)))


def _squared_start(kappa: int, energy: Array, momentum: Array, coupling: float, radius: float) -> Array:
    """Square of the leading coefficient of a wave inside the nucleus, for unit amplitude far away."""
    large, small = _inside(kappa, energy, coupling, radius)
    gamma = math.sqrt(kappa**2 - coupling**2)
    large_r, small_r, phase_r = _outside(gamma, kappa, energy, momentum, coupling, radius)
    large_i, small_i, phase_i = _outside(-gamma, kappa, energy, momentum, coupling, radius)
    determinant = large_r * small_i - large_i * small_r
    regular = (large * small_i - large_i * small) / determinant
    irregular = (large_r * small - large * small_r) / determinant
    amplitude = regular**2 + irregular**2 + 2 * regular * irregular * np.cos(phase_r - phase_i)
    return np.asarray(1 / amplitude)


def _inside(kappa: int, energy: Array, coupling: float, radius: float) -> tuple[Array, Array]:
    """Large and small component at the surface of a uniformly charged sphere, with leading coefficient 1."""
    order = abs(kappa)
    sign = -math.copysign(1.0, kappa)
    depth = 1.5 * coupling
    above, below = (energy + 1) * radius + depth, (energy - 1) * radius + depth
    # For negative kappa the large component leads and the small one follows it; else the other way round.
    to_leading, to_following = (above, below) if kappa < 0 else (below, above)
    leading = [np.ones_like(energy)]
    following = [-sign * to_following / (2 * order + 1)]
    for term in range(1, _SERIES_TERMS):
        source = to_leading * following[term - 1] - (coupling / 2 * following[term - 2] if term > 1 else 0.0)
        leading.append(sign * source / (2 * term))
        source = to_following * leading[term] - coupling / 2 * leading[term - 1]
        following.append(-sign * source / (2 * order + 1 + 2 * term))
    sums = np.sum(leading, axis=0), np.sum(following, axis=0)
    return sums if kappa < 0 else sums[::-1]


def _outside(
    gamma: float, kappa: int, energy: Array, momentum: Array, coupling: float, radius: float
) -> tuple[Array, Array, Array]:
    """Components at the surface and phase of a wave of a point charge; `gamma` below 0 gives the irregular one."""
    from scipy.special import gamma as gamma_function
    from scipy.special import loggamma

    sommerfeld = coupling * energy / momentum
    argument = gamma + 1j * sommerfeld
    eta = 0.5 * np.angle(-(kappa - 1j * coupling / momentum) / argument)
    variable = 2j * momentum * radius
    term = np.ones_like(variable)
    hypergeometric = term.copy()
    for step in range(_HYPERGEOMETRIC_TERMS):
        term = term * (argument + 1 + step) / (2 * gamma + 1 + step) * variable / (step + 1)
        hypergeometric = hypergeometric + term
    logarithm = loggamma(argument)
    scale = np.exp(math.pi * sommerfeld / 2 + logarithm.real) / gamma_function(2 * gamma + 1)
    wave = scale * (2 * momentum * radius) ** gamma * np.exp(1j * (eta - momentum * radius)) * argument * hypergeometric
    phase = eta - math.pi * gamma / 2 - logarithm.imag
    return np.sqrt(energy + 1) * wave.real, -np.sqrt(energy - 1) * wave.imag, phase
