"""Energy around a point in an endless uniform medium: the histories behind the point kernels."""

from __future__ import annotations

import math

import numpy as np

from theradose.compiled import device_function, kernel
from theradose.radiation.transport.constants import ELECTRON_MASS_KEV
from theradose.radiation.transport.directions import isotropic, turned
from theradose.radiation.transport.electron_physics import (
    COLLISION,
    NO_EVENT,
    collision_cosine,
    photon_cosine,
    plan_step,
    sample_collision,
    sample_photon,
)
from theradose.radiation.transport.photon_physics import sample_coherent, sample_incoherent
from theradose.radiation.transport.random import start_history, uniform
from theradose.radiation.transport.stack import ELECTRON, PHOTON, STACK_FIELDS, STACK_SIZE, push
from theradose.radiation.transport.tables import electron_value, locate_energy, photon_value
from theradose.radiation.transport.types import (
    ATTENUATION,
    EMITTED,
    RANGE,
    STOPPING,
    UP_TO_COHERENT,
    UP_TO_INCOHERENT,
    UP_TO_PHOTOELECTRIC,
    Array,
    Media,
    State,
)


@device_function
def deposit(energy: float, z: float, y: float, x: float, radii: Array, tally: Array) -> None:
    """Add energy to the shell of a place; the last entry of `tally` is beyond all shells."""
    radius = math.sqrt(z * z + y * y + x * x)
    low, high = 0, radii.shape[0]
    while low < high:
        middle = (low + high) // 2
        if radii[middle] < radius:
            low = middle + 1
        else:
            high = middle
    tally[low] += energy


@device_function
def follow_electron(
    energy: float,
    z: float,
    y: float,
    x: float,
    uz: float,
    uy: float,
    ux: float,
    material: int,
    media: Media,
    state: State,
    stack: Array,
    waiting: int,
    radii: Array,
    tally: Array,
    account: Array,
) -> int:
    """Follow an electron until it stops, places in g/cm²; return the new size of the stack."""
    while energy > media.electron_cut_kev:
        index, part = locate_energy(energy, media)
        reach = electron_value(media, material, index, part, RANGE)
        stopping = electron_value(media, material, index, part, STOPPING)
        longest = media.step_fraction * reach
        length, loss, cosine, event = plan_step(energy, stopping, longest, material, media, state)
        hinge = length * uniform(state)
        vz, vy, vx = turned(uz, uy, ux, cosine, state)
        # The loss of the step is put at one of its points, each equally probable.
        point = length * uniform(state)
        before, after = min(point, hinge), max(point - hinge, 0.0)
        deposit(
            loss, z + uz * before + vz * after, y + uy * before + vy * after, x + ux * before + vx * after, radii, tally
        )
        after = length - hinge
        z, y, x = z + uz * hinge + vz * after, y + uy * hinge + vy * after, x + ux * hinge + vx * after
        uz, uy, ux = vz, vy, vx
        energy -= loss
        if event == NO_EVENT or energy <= media.electron_cut_kev:
            continue
        if event == COLLISION:
            if energy > 2.0 * media.collision_cut_kev:
                freed = sample_collision(energy, media.collision_cut_kev, state)
                dz, dy, dx = turned(uz, uy, ux, collision_cosine(energy, freed), state)
                waiting = push(stack, waiting, account, ELECTRON, freed, z, y, x, dz, dy, dx)
                uz, uy, ux = turned(uz, uy, ux, collision_cosine(energy, energy - freed), state)
                energy -= freed
        else:
            photon = min(sample_photon(energy, material, media, state), energy)
            dz, dy, dx = turned(uz, uy, ux, photon_cosine(energy, state), state)
            waiting = push(stack, waiting, account, PHOTON, photon, z, y, x, dz, dy, dx)
            energy -= photon
    deposit(energy, z, y, x, radii, tally)
    return waiting


@device_function
def follow_photon(
    energy: float,
    z: float,
    y: float,
    x: float,
    uz: float,
    uy: float,
    ux: float,
    material: int,
    media: Media,
    state: State,
    stack: Array,
    waiting: int,
    radii: Array,
    tally: Array,
    account: Array,
) -> int:
    """Follow a photon until it is absorbed, places in g/cm²; return the new size of the stack."""
    while energy > media.photon_cut_kev:
        index, part = locate_energy(energy, media)
        path = -math.log(1.0 - uniform(state)) / photon_value(media, material, index, part, ATTENUATION)
        z, y, x = z + uz * path, y + uy * path, x + ux * path
        choice = uniform(state)
        if choice < photon_value(media, material, index, part, UP_TO_PHOTOELECTRIC):
            dz, dy, dx = isotropic(state)
            return push(stack, waiting, account, ELECTRON, energy, z, y, x, dz, dy, dx)
        if choice < photon_value(media, material, index, part, UP_TO_INCOHERENT):
            scattered, cosine = sample_incoherent(energy, material, media, state)
            vz, vy, vx = turned(uz, uy, ux, cosine, state)
            dz, dy, dx = energy * uz - scattered * vz, energy * uy - scattered * vy, energy * ux - scattered * vx
            norm = math.sqrt(dz * dz + dy * dy + dx * dx)
            if norm > 0.0:
                waiting = push(
                    stack, waiting, account, ELECTRON, energy - scattered, z, y, x, dz / norm, dy / norm, dx / norm
                )
            uz, uy, ux, energy = vz, vy, vx, scattered
        elif choice < photon_value(media, material, index, part, UP_TO_COHERENT):
            uz, uy, ux = turned(uz, uy, ux, sample_coherent(energy, material, media, state), state)
        else:
            available = energy - 2.0 * ELECTRON_MASS_KEV
            share = uniform(state)
            waiting = push(stack, waiting, account, ELECTRON, share * available, z, y, x, uz, uy, ux)
            waiting = push(stack, waiting, account, ELECTRON, (1.0 - share) * available, z, y, x, uz, uy, ux)
            dz, dy, dx = isotropic(state)
            waiting = push(stack, waiting, account, PHOTON, ELECTRON_MASS_KEV, z, y, x, dz, dy, dx)
            return push(stack, waiting, account, PHOTON, ELECTRON_MASS_KEV, z, y, x, -dz, -dy, -dx)
    deposit(energy, z, y, x, radii, tally)
    return waiting


@kernel
def follow_from_point(
    histories: int,
    first: int,
    kind: float,
    energy_kev: float,
    material: int,
    media: Media,
    seed: int,
    radii: Array,
    tally: Array,
    account: Array,
) -> None:
    """Add the energy of histories that start at a point to the shells around it.

    Parameters
    ----------
    histories, first : int
        How many, and the number of the first.
    kind : float
        ``stack.ELECTRON`` or ``stack.PHOTON``.
    energy_kev : float
        Of every particle.
    material : int
        Index of the medium.
    media : Media
        Interaction data.
    seed : int
        Of the random numbers.
    radii : ndarray, shape (r,)
        Increasing outer radii, g/cm².
    tally : ndarray, shape (r + 1,)
        Energies, keV; the last is beyond all shells.
    account : ndarray, shape (4,)
        See :mod:`theradose.radiation.transport.types`.
    """
    state = np.empty(1, np.uint64)
    stack = np.empty((STACK_SIZE, STACK_FIELDS), np.float64)
    for history in range(first, first + histories):
        start_history(state, seed, history)
        uz, uy, ux = isotropic(state)
        account[EMITTED] += energy_kev
        waiting = push(stack, 0, account, kind, energy_kev, 0.0, 0.0, 0.0, uz, uy, ux)
        while waiting > 0:
            waiting -= 1
            energy = stack[waiting, 1]
            z, y, x = stack[waiting, 2], stack[waiting, 3], stack[waiting, 4]
            uz, uy, ux = stack[waiting, 5], stack[waiting, 6], stack[waiting, 7]
            if stack[waiting, 0] == PHOTON:
                waiting = follow_photon(
                    energy, z, y, x, uz, uy, ux, material, media, state, stack, waiting, radii, tally, account
                )
            else:
                waiting = follow_electron(
                    energy, z, y, x, uz, uy, ux, material, media, state, stack, waiting, radii, tally, account
                )
