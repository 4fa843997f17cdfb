"""One history: a particle of the source and everything that it sets free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theradose.compiled import device_function
from theradose.radiation.transport.directions import isotropic
from theradose.radiation.transport.electrons import electron_tracker
from theradose.radiation.transport.photons import photon_tracker
from theradose.radiation.transport.random import spread, start_history, uniform
from theradose.radiation.transport.stack import PHOTON, push
from theradose.radiation.transport.types import EMITTED, Array, Media, Source, State, Voxels


@device_function
def sample_energy(source: Source, probability: float) -> float:
    """Return the energy of the spectrum at a cumulative probability, keV."""
    number = source.energy_cumulative.shape[0]
    index = source.energy_guide[min(int(probability * source.energy_guide.shape[0]), source.energy_guide.shape[0] - 1)]
    while index < number - 1 and source.energy_cumulative[index] < probability:
        index += 1
    low, high = source.energy_low_kev[index], source.energy_high_kev[index]
    if high <= low:
        return low
    before = source.energy_cumulative[index - 1] if index > 0 else 0.0
    width = source.energy_cumulative[index] - before
    place = (probability - before) / width if width > 0.0 else 0.5
    return low + (high - low) * min(max(place, 0.0), 1.0)


@device_function
def find_voxel(source: Source, share: float) -> int:
    """Return the flat index of the voxel at a cumulative share of the activity."""
    low, high = 0, source.cumulative.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if source.cumulative[middle] < share:
            low = middle + 1
        else:
            high = middle
    return source.voxel[low]


def history_follower(deposit: Callable[..., Any]) -> Callable[..., None]:
    """Return the compiled function that follows a history and gives its energy to voxels with `deposit`."""
    track_electron = electron_tracker(deposit)
    track_photon = photon_tracker(deposit)

    @device_function
    def follow_history(
        number: int,
        batch: int,
        per_batch: int,
        kind: float,
        seed: int,
        shift: float,
        source: Source,
        voxels: Voxels,
        media: Media,
        state: State,
        stack: Array,
        tally: Array,
        account: Array,
    ) -> None:
        """Follow history `number` of a batch.

        Within a batch the histories are spread evenly over the activity and the spectrum: each has its own share of
        the activity, in order, and the energies follow a golden-ratio sequence that starts at `shift`.
        """
        start_history(state, seed, batch * per_batch + number)
        voxel = find_voxel(source, (number + uniform(state)) / per_batch)
        _, ny, nx = voxels.density.shape
        z = voxel // (ny * nx) + uniform(state)
        y = (voxel // nx) % ny + uniform(state)
        x = voxel % nx + uniform(state)
        energy = sample_energy(source, spread(shift, number))
        uz, uy, ux = isotropic(state)
        account[EMITTED] += energy
        waiting = push(stack, 0, account, kind, energy, z, y, x, uz, uy, ux)
        while waiting > 0:
            waiting -= 1
            energy = stack[waiting, 1]
            z, y, x = stack[waiting, 2], stack[waiting, 3], stack[waiting, 4]
            uz, uy, ux = stack[waiting, 5], stack[waiting, 6], stack[waiting, 7]
            if stack[waiting, 0] == PHOTON:
                waiting = track_photon(
                    energy, z, y, x, uz, uy, ux, voxels, media, state, stack, waiting, tally, account
                )
            else:
                waiting = track_electron(
                    energy, z, y, x, uz, uy, ux, voxels, media, state, stack, waiting, tally, account
                )

    return follow_history
