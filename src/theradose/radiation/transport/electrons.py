"""An electron in a patient made of voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theradose.compiled import device_function
from theradose.radiation.transport.directions import isotropic, turned
from theradose.radiation.transport.electron_physics import (
    COLLISION,
    NO_EVENT,
    collision_cosine,
    electron_range,
    photon_cosine,
    photon_while_stopping,
    plan_step,
    sample_collision,
    sample_photon,
)
from theradose.radiation.transport.random import uniform
from theradose.radiation.transport.stack import ELECTRON, PHOTON, push
from theradose.radiation.transport.tables import electron_value, locate_energy
from theradose.radiation.transport.types import ESCAPED_ELECTRON, RANGE, STOPPING, Array, Media, State, Voxels

_FAR = 1e30


def electron_tracker(deposit: Callable[..., Any]) -> Callable[..., int]:
    """Return the compiled function that follows an electron and gives its energy to voxels with `deposit`."""

    @device_function
    def stop(
        energy: float,
        iz: int,
        iy: int,
        ix: int,
        z: float,
        y: float,
        x: float,
        material: int,
        voxels: Voxels,
        media: Media,
        state: State,
        stack: Array,
        waiting: int,
        tally: Array,
        account: Array,
    ) -> int:
        """End an electron in its voxel, with the bremsstrahlung that it would still have emitted there."""
        while energy > media.photon_cut_kev:
            radiating = photon_while_stopping(energy, material, media, state)
            if radiating <= media.photon_cut_kev:
                break
            photon = min(sample_photon(radiating, material, media, state), radiating)
            deposit(tally, iz, iy, ix, energy - radiating)
            energy = radiating - photon
            place_z, place_y, place_x = iz + z / voxels.side_z, iy + y / voxels.side_y, ix + x / voxels.side_x
            uz, uy, ux = isotropic(state)
            waiting = push(stack, waiting, account, PHOTON, photon, place_z, place_y, place_x, uz, uy, ux)
        deposit(tally, iz, iy, ix, energy)
        return waiting

    @device_function
    def track_electron(
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
        """Follow an electron from a place in voxel units until it stops or leaves; return the new size of the stack."""
        nz, ny, nx = voxels.density.shape
        iz, iy, ix = min(int(z), nz - 1), min(int(y), ny - 1), min(int(x), nx - 1)
        side_z, side_y, side_x = voxels.side_z, voxels.side_y, voxels.side_x
        z, y, x = (z - iz) * side_z, (y - iy) * side_y, (x - ix) * side_x
        smallest = media.voxel_fraction * min(side_z, side_y, side_x)
        material, density = int(voxels.material[iz, iy, ix]), voxels.density[iz, iy, ix]
        while True:
            # Asked first, because a step that takes everything may leave less than nothing by rounding.
            if energy <= media.electron_cut_kev:
                deposit(tally, iz, iy, ix, energy)
                return waiting
            index, part = locate_energy(energy, media)
            reach = electron_value(media, material, index, part, RANGE)
            nearest = min(min(z, side_z - z), min(min(y, side_y - y), min(x, side_x - x)))
            if reach < nearest * density:
                return stop(energy, iz, iy, ix, z, y, x, material, voxels, media, state, stack, waiting, tally, account)
            stopping = electron_value(media, material, index, part, STOPPING)
            longest = min(media.step_fraction * reach, smallest * density)
            length, loss, cosine, event = plan_step(energy, stopping, longest, material, media, state)
            rate = loss / length
            before_hinge = length * uniform(state)
            stage, remaining = 0, before_hinge
            if length < nearest * density:
                # The whole step stays in the voxel, however it turns.
                z, y, x = (
                    z + uz * before_hinge / density,
                    y + uy * before_hinge / density,
                    x + ux * before_hinge / density,
                )
                uz, uy, ux = turned(uz, uy, ux, cosine, state)
                after = (length - before_hinge) / density
                z, y, x = z + uz * after, y + uy * after, x + ux * after
                deposit(tally, iz, iy, ix, loss)
                energy -= loss
            else:
                changed = False
                while True:
                    to_z, to_y, to_x = _FAR, _FAR, _FAR
                    if uz > 0.0:
                        to_z = (side_z - z) / uz
                    elif uz < 0.0:
                        to_z = -z / uz
                    if uy > 0.0:
                        to_y = (side_y - y) / uy
                    elif uy < 0.0:
                        to_y = -y / uy
                    if ux > 0.0:
                        to_x = (side_x - x) / ux
                    elif ux < 0.0:
                        to_x = -x / ux
                    to_face = max(min(to_z, min(to_y, to_x)), 0.0)
                    if to_face * density > remaining:
                        path = remaining / density
                        z, y, x = z + uz * path, y + uy * path, x + ux * path
                        deposit(tally, iz, iy, ix, rate * remaining)
                        energy -= rate * remaining
                        if stage == 1:
                            break
                        stage, remaining = 1, length - before_hinge
                        uz, uy, ux = turned(uz, uy, ux, cosine, state)
                        continue
                    crossed = to_face * density
                    deposit(tally, iz, iy, ix, rate * crossed)
                    energy -= rate * crossed
                    remaining -= crossed
                    z, y, x = z + uz * to_face, y + uy * to_face, x + ux * to_face
                    if to_z <= to_y and to_z <= to_x:
                        iz, z = (iz + 1, 0.0) if uz > 0.0 else (iz - 1, side_z)
                    elif to_y <= to_x:
                        iy, y = (iy + 1, 0.0) if uy > 0.0 else (iy - 1, side_y)
                    else:
                        ix, x = (ix + 1, 0.0) if ux > 0.0 else (ix - 1, side_x)
                    if iz < 0 or iy < 0 or ix < 0 or iz >= nz or iy >= ny or ix >= nx:
                        account[ESCAPED_ELECTRON] += energy
                        return waiting
                    density = voxels.density[iz, iy, ix]
                    if int(voxels.material[iz, iy, ix]) != material:
                        # Another material: the rest of the step is planned anew with its data.
                        material, changed = int(voxels.material[iz, iy, ix]), True
                        break
                if changed:
                    continue
            if event == NO_EVENT or energy <= media.electron_cut_kev:
                continue
            if event == COLLISION:
                if energy <= 2.0 * media.collision_cut_kev:
                    continue
                freed = sample_collision(energy, media.collision_cut_kev, state)
                nearest = min(min(z, side_z - z), min(min(y, side_y - y), min(x, side_x - x)))
                if freed <= media.electron_cut_kev or electron_range(freed, material, media) < nearest * density:
                    deposit(tally, iz, iy, ix, freed)
                else:
                    dz, dy, dx = turned(uz, uy, ux, collision_cosine(energy, freed), state)
                    waiting = push(
                        stack,
                        waiting,
                        account,
                        ELECTRON,
                        freed,
                        iz + z / side_z,
                        iy + y / side_y,
                        ix + x / side_x,
                        dz,
                        dy,
                        dx,
                    )
                uz, uy, ux = turned(uz, uy, ux, collision_cosine(energy, energy - freed), state)
                energy -= freed
            else:
                photon = min(sample_photon(energy, material, media, state), energy)
                dz, dy, dx = turned(uz, uy, ux, photon_cosine(energy, state), state)
                waiting = push(
                    stack,
                    waiting,
                    account,
                    PHOTON,
                    photon,
                    iz + z / side_z,
                    iy + y / side_y,
                    ix + x / side_x,
                    dz,
                    dy,
                    dx,
                )
                energy -= photon

    return track_electron
