"""A photon in a patient made of voxels.

References
----------
[Woodcock1965]_ Flights with the largest attenuation anywhere; what is too much is a collision that changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from theradose.compiled import device_function
from theradose.radiation.transport.constants import ELECTRON_MASS_KEV
from theradose.radiation.transport.directions import isotropic, turned
from theradose.radiation.transport.electron_physics import electron_range
from theradose.radiation.transport.photon_physics import sample_coherent, sample_incoherent
from theradose.radiation.transport.random import uniform
from theradose.radiation.transport.stack import ELECTRON, PHOTON, push
from theradose.radiation.transport.tables import line_value, locate_energy, photon_value
from theradose.radiation.transport.types import (
    ATTENUATION,
    ESCAPED_PHOTON,
    UP_TO_COHERENT,
    UP_TO_INCOHERENT,
    UP_TO_PHOTOELECTRIC,
    Array,
    Media,
    State,
    Voxels,
)


def photon_tracker(deposit: Callable[..., Any]) -> Callable[..., int]:
    """Return the compiled function that follows a photon and gives its energy to voxels with `deposit`."""

    @device_function
    def release(
        energy: float,
        z: float,
        y: float,
        x: float,
        uz: float,
        uy: float,
        ux: float,
        voxels: Voxels,
        media: Media,
        stack: Array,
        waiting: int,
        tally: Array,
        account: Array,
    ) -> int:
        """Set an electron free: absorbed on the spot if it cannot leave its voxel, else put on the stack."""
        iz, iy, ix = int(z), int(y), int(x)
        if energy > media.electron_cut_kev:
            material = int(voxels.material[iz, iy, ix])
            reach = electron_range(energy, material, media) / voxels.density[iz, iy, ix]
            part_z, part_y, part_x = z - iz, y - iy, x - ix
            nearest = min(
                min(part_z, 1.0 - part_z) * voxels.side_z,
                min(min(part_y, 1.0 - part_y) * voxels.side_y, min(part_x, 1.0 - part_x) * voxels.side_x),
            )
            if reach >= nearest:
                return push(stack, waiting, account, ELECTRON, energy, z, y, x, uz, uy, ux)
        deposit(tally, iz, iy, ix, energy)
        return waiting

    @device_function
    def track_photon(
        energy: float,
        z: float,
        y: float,
        x: float,
        uz: float,
        uy: float,
        ux: float,
        voxels: Voxels,
        media: Media,
        state: State,
        stack: Array,
        waiting: int,
        tally: Array,
        account: Array,
    ) -> int:
        """Follow a photon from a place in voxel units until its end or the edge; return the new size of the stack."""
        nz, ny, nx = voxels.density.shape
        index, part = locate_energy(energy, media)
        flight = 1.0 / line_value(voxels.majorant, index, part)
        while True:
            path = -math.log(1.0 - uniform(state)) * flight
            z, y, x = z + uz * path / voxels.side_z, y + uy * path / voxels.side_y, x + ux * path / voxels.side_x
            if not (0.0 <= z < nz and 0.0 <= y < ny and 0.0 <= x < nx):
                account[ESCAPED_PHOTON] += energy
                return waiting
            iz, iy, ix = int(z), int(y), int(x)
            material = int(voxels.material[iz, iy, ix])
            attenuation = voxels.density[iz, iy, ix] * photon_value(media, material, index, part, ATTENUATION)
            if uniform(state) > attenuation * flight:
                continue
            choice = uniform(state)
            if choice < photon_value(media, material, index, part, UP_TO_PHOTOELECTRIC):
                dz, dy, dx = isotropic(state)
                return release(energy, z, y, x, dz, dy, dx, voxels, media, stack, waiting, tally, account)
            if choice < photon_value(media, material, index, part, UP_TO_INCOHERENT):
                scattered, cosine = sample_incoherent(energy, material, media, state)
                vz, vy, vx = turned(uz, uy, ux, cosine, state)
                dz, dy, dx = energy * uz - scattered * vz, energy * uy - scattered * vy, energy * ux - scattered * vx
                norm = math.sqrt(dz * dz + dy * dy + dx * dx)
                if norm > 0.0:
                    dz, dy, dx, freed = dz / norm, dy / norm, dx / norm, energy - scattered
                    waiting = release(freed, z, y, x, dz, dy, dx, voxels, media, stack, waiting, tally, account)
                uz, uy, ux, energy = vz, vy, vx, scattered
                if energy <= media.photon_cut_kev:
                    deposit(tally, iz, iy, ix, energy)
                    return waiting
                index, part = locate_energy(energy, media)
                flight = 1.0 / line_value(voxels.majorant, index, part)
            elif choice < photon_value(media, material, index, part, UP_TO_COHERENT):
                uz, uy, ux = turned(uz, uy, ux, sample_coherent(energy, material, media, state), state)
            else:
                available = energy - 2.0 * ELECTRON_MASS_KEV
                share = uniform(state)
                waiting = release(share * available, z, y, x, uz, uy, ux, voxels, media, stack, waiting, tally, account)
                rest = (1.0 - share) * available
                waiting = release(rest, z, y, x, uz, uy, ux, voxels, media, stack, waiting, tally, account)
                dz, dy, dx = isotropic(state)
                waiting = push(stack, waiting, account, PHOTON, ELECTRON_MASS_KEV, z, y, x, dz, dy, dx)
                return push(stack, waiting, account, PHOTON, ELECTRON_MASS_KEV, z, y, x, -dz, -dy, -dx)

    return track_photon
