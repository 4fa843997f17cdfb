"""Elastic scattering against partial waves of the Dirac equation, solved here from the same atomic form factor.

The form factor gives the atom's electrostatic potential as a sum of Yukawa terms (Salvat and others, Physical Review A
36 (1987) 467); phase shifts follow from the radial equations, and the scattering amplitudes are summed over them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import xraylib
from scipy.optimize import least_squares
from scipy.special import spherical_jn, spherical_yn

from theradose.radiation.elastic import elastic_transport
from theradose.radiation.elements import constant
from theradose.radiation.materials import Material, atomic_weight

LIGHT = 1.0 / constant("fine-structure-constant")
BOHR_CM = constant("classical-electron-radius") * LIGHT**2
HARTREE_KEV = constant("electron-rest-energy") / LIGHT**2
YUKAWA = 5
STEP = 0.05


def screened_potential(number):
    """Weights and ranges of the Yukawa terms whose form factor is xraylib's, in atomic units."""
    transfer = np.geomspace(0.02, 30.0, 200)
    momentum = 4.0 * math.pi * transfer * BOHR_CM * 1e8
    form = np.array([xraylib.FF_Rayl(number, value) for value in transfer])
    target = (1.0 - form / number) / momentum**2

    def parts(parameters):
        weights = np.append(parameters[YUKAWA:], 1.0 - parameters[YUKAWA:].sum())
        return weights, np.exp(parameters[:YUKAWA])

    def residual(parameters):
        weights, ranges = parts(parameters)
        return (weights / (momentum[:, None] ** 2 + ranges**2)).sum(axis=1) / target - 1.0

    start = np.concatenate([np.log(number ** (1 / 3) * np.array([0.7, 1.3, 2.5, 5.0, 10.0])), np.full(YUKAWA - 1, 0.2)])
    fit = least_squares(residual, start)
    assert np.abs(fit.fun).max() < 0.02
    return parts(fit.x)


def phase_shifts(number, weights, ranges, kinetic):
    """Phase shifts for j = l + 1/2 and j = l - 1/2 by order l, and the wave number, atomic units."""
    wave = math.sqrt(kinetic * (kinetic + 2.0 * LIGHT**2)) / LIGHT
    edge = math.log(1e6 * number) / ranges.min()
    order = np.arange(int(wave * edge) + 1)
    kappa = np.concatenate([-(order + 1.0), order[1:]])
    coupling = number / LIGHT

    def slope(radius, large, small):
        potential = -number / radius * float(weights @ np.exp(-ranges * radius))
        local = (kinetic - potential) / LIGHT
        turn = kappa / radius
        return -turn * large + (local + 2.0 * LIGHT) * small, turn * small - local * large

    radius = 1e-5
    large = np.ones_like(kappa)
    small = (kappa + np.sqrt(kappa**2 - coupling**2)) / coupling
    while radius < edge:
        step = min(0.02 * radius, STEP / wave, edge - radius)
        l1, s1 = slope(radius, large, small)
        l2, s2 = slope(radius + 0.5 * step, large + 0.5 * step * l1, small + 0.5 * step * s1)
        l3, s3 = slope(radius + 0.5 * step, large + 0.5 * step * l2, small + 0.5 * step * s2)
        l4, s4 = slope(radius + step, large + step * l3, small + step * s3)
        large = large + step / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)
        small = small + step / 6.0 * (s1 + 2.0 * s2 + 2.0 * s3 + s4)
        size = np.abs(large) + np.abs(small)
        large, small, radius = large / size, small / size, radius + step
    l_large = np.where(kappa < 0, -kappa - 1, kappa).astype(int)
    l_small = np.where(kappa < 0, -kappa, kappa - 1).astype(int)
    factor = np.sign(kappa) * LIGHT * wave / (kinetic + 2.0 * LIGHT**2)
    ratio = small / large
    place = wave * edge
    shift = np.arctan(
        (ratio * spherical_jn(l_large, place) - factor * spherical_jn(l_small, place))
        / (ratio * spherical_yn(l_large, place) - factor * spherical_yn(l_small, place))
    )
    return wave, shift[: order.size], np.concatenate([[0.0], shift[order.size :]])


def panels(count, points):
    """Nodes and weights of Gauss and Legendre in equal parts of -1 to 1."""
    node, weight = np.polynomial.legendre.leggauss(points)
    centre = (2.0 * np.arange(count) + 1.0) / count - 1.0
    return (centre[:, None] + node / count).ravel(), np.tile(weight / count, count)


def transport_cross_sections(number, energy_kev):
    """First and second transport cross section in cm2."""
    weights, ranges = screened_potential(number)
    wave, up, down = phase_shifts(number, weights, ranges, energy_kev / HARTREE_KEV)
    node, weight = panels(100, 16)
    smallest = 1e-6
    span = math.log1p(1.0 / smallest)
    half = smallest * np.expm1(0.5 * (node + 1.0) * span)
    measure = 0.5 * weight * span * (half + smallest)
    cosine, sine = 1.0 - 2.0 * half, 2.0 * np.sqrt(half * (1.0 - half))
    direct = np.exp(2j * up[0]) - 1.0 + np.zeros_like(cosine, dtype=complex)
    flip = np.zeros_like(direct)
    before, now = np.ones_like(cosine), cosine
    slope_before, slope = np.zeros_like(cosine), np.ones_like(cosine)
    for order in range(1, up.size):
        plus, minus = np.exp(2j * up[order]), np.exp(2j * down[order])
        direct += ((order + 1) * (plus - 1.0) + order * (minus - 1.0)) * now
        flip += (minus - plus) * sine * slope
        slope_before, slope = slope, slope_before + (2 * order + 1) * now
        before, now = now, ((2 * order + 1) * cosine * now - order * before) / (order + 1)
    differential = (np.abs(direct) ** 2 + np.abs(flip) ** 2) / (4.0 * wave**2)
    area = 4.0 * math.pi * BOHR_CM**2 * differential * measure
    return float((2.0 * half * area).sum()), float((6.0 * half * (1.0 - half) * area).sum())


def atom(number):
    """A material of one element; its density and mean excitation energy do not matter here."""
    return Material("atom", 1.0, {number: 1.0}, 80.0, "test", "choice", "1")


@pytest.mark.parametrize(
    ("number", "energy_kev", "tolerance"),
    # The Born approximation leaves terms of the square of Z/137 over the velocity: 0.09 for oxygen at 10 keV.
    [(8, 10.0, 0.015), (8, 50.0, 0.008), (1, 10.0, 0.008), (6, 30.0, 0.012)],
)
def test_elastic_moments_are_those_of_partial_waves(number, energy_kev, tolerance):
    # Collisions with electrons are cut away: nothing transfers less than a millielectronvolt.
    moments = elastic_transport(material=atom(number), energy_kev=energy_kev, collision_cut_kev=1e-6)
    atoms = constant("avogadro-constant") / atomic_weight(number)
    first, second = transport_cross_sections(number, energy_kev)
    assert float(moments[0]) / atoms == pytest.approx(first, rel=tolerance)
    assert float(moments[1]) / atoms == pytest.approx(second, rel=tolerance)
