"""What happens to an electron, wherever it is: steps, scattering, hard collisions and bremsstrahlung.

Soft collisions, soft bremsstrahlung and elastic scattering act together over a step; collisions and photons above the
cuts are single events at its end. The electron is deflected once, at a random place of the step.

References
----------
[Salvat2019]_ Mixed simulation: random hinge, energy-loss straggling, moments of the angular distribution.
[ICRU37]_ Møller cross section.
"""

from __future__ import annotations

import math

from theradose.compiled import device_function
from theradose.radiation.transport.constants import ELECTRON_MASS_KEV
from theradose.radiation.transport.random import uniform
from theradose.radiation.transport.tables import electron_value, locate_energy
from theradose.radiation.transport.types import (
    FIRST_MOMENT,
    HARD_COLLISION,
    HARD_RADIATIVE,
    PHOTONS_TO_COME,
    RANGE,
    SECOND_MOMENT,
    STOPPING,
    STRAGGLING,
    Media,
    State,
)

NO_EVENT, COLLISION, PHOTON = 0, 1, 2


@device_function
def electron_range(energy_kev: float, material: int, media: Media) -> float:
    """Return the mean path until the electron stops, g/cm²."""
    index, part = locate_energy(energy_kev, media)
    return electron_value(media, material, index, part, RANGE)


@device_function
def plan_step(
    energy_kev: float, stopping: float, longest: float, material: int, media: Media, state: State
) -> tuple[float, float, float, int]:
    """Return a step's length in g/cm², its soft loss in keV, the cosine of its deflection and the event at its end.

    All quantities are those of the energy in the middle of the longest step.
    """
    middle = max(energy_kev - 0.5 * stopping * longest, 0.5 * energy_kev)
    index, part = locate_energy(middle, media)
    collisions = electron_value(media, material, index, part, HARD_COLLISION)
    hard = collisions + electron_value(media, material, index, part, HARD_RADIATIVE)
    length, event = longest, NO_EVENT
    if hard > 0.0:
        flight = -math.log(1.0 - uniform(state)) / hard
        if flight < longest:
            length = flight
            event = COLLISION if uniform(state) * hard < collisions else PHOTON
    mean = electron_value(media, material, index, part, STOPPING) * length
    variance = electron_value(media, material, index, part, STRAGGLING) * length
    loss = min(sample_loss(mean, variance, state), energy_kev)
    first = electron_value(media, material, index, part, FIRST_MOMENT)
    second = electron_value(media, material, index, part, SECOND_MOMENT)
    return length, loss, sample_deflection(length * first, length * second, state), event


@device_function
def sample_loss(mean: float, variance: float, state: State) -> float:
    """Return a loss that is not negative with a given mean and variance.

    Uniform about the mean while that stays positive; otherwise nothing, or uniform from zero.
    """
    squared = mean * mean
    if squared > 3.0 * variance:
        return mean + math.sqrt(3.0 * variance) * (2.0 * uniform(state) - 1.0)
    spread = 3.0 * (variance + squared)
    something = 4.0 * squared / spread
    choice = uniform(state)
    if choice >= something:
        return 0.0
    return choice / something * spread / (2.0 * mean)


@device_function
def sample_deflection(first: float, second: float, state: State) -> float:
    """Return the cosine of a multiple-scattering angle.

    The distribution of (1 − cosine)/2 is flat in two pieces that give the exact first and second moment.

    Parameters
    ----------
    first, second : float
        Step over the first and second transport mean free path.
    """
    mean_cosine = math.exp(-first)
    mean = 0.5 * (1.0 - mean_cosine)
    mean_square = 0.25 * (1.0 - 2.0 * mean_cosine + (1.0 + 2.0 * math.exp(-second)) / 3.0)
    below = 1.0 - 2.0 * mean
    if below < 1e-6:
        return 2.0 * uniform(state) - 1.0
    edge = (2.0 * mean - 3.0 * mean_square) / below
    edge = min(max(edge, 0.0), 1.0)
    inside = below + edge
    choice = uniform(state)
    if choice < inside:
        half = edge * choice / inside
    else:
        half = edge + (1.0 - edge) * (choice - inside) / max(1.0 - inside, 1e-12)
    return 1.0 - 2.0 * min(half, 1.0)


@device_function
def sample_collision(energy_kev: float, cut_kev: float, state: State) -> float:
    """Return the energy that a hard collision gives to another electron (Møller), keV."""
    gamma = 1.0 + energy_kev / ELECTRON_MASS_KEV
    speed = ((gamma - 1.0) / gamma) ** 2
    mixed = (2.0 * gamma - 1.0) / (gamma * gamma)
    lowest = cut_kev / energy_kev
    while True:
        # Density 1/x² between the cut and half of the energy, corrected by rejection.
        share = lowest / (1.0 - uniform(state) * (1.0 - 2.0 * lowest))
        rest = share / (1.0 - share)
        weight = 1.0 + rest * rest + speed * share * share - mixed * rest
        # The weight falls below 1 and rises to its largest value at equal shares.
        if uniform(state) * max(1.0, 2.0 + 0.25 * speed - mixed) <= weight:
            return share * energy_kev


@device_function
def collision_cosine(energy_kev: float, after_kev: float) -> float:
    """Return the cosine between an electron before a collision and one of the two after it, by its energy."""
    numerator = after_kev * (energy_kev + 2.0 * ELECTRON_MASS_KEV)
    return math.sqrt(min(1.0, numerator / (energy_kev * (after_kev + 2.0 * ELECTRON_MASS_KEV))))


@device_function
def sample_photon(energy_kev: float, material: int, media: Media, state: State) -> float:
    """Return the energy of a hard bremsstrahlung photon, keV."""
    index, part = locate_energy(energy_kev, media)
    if uniform(state) < part:
        index += 1
    last = media.bremsstrahlung.shape[2] - 1
    place = uniform(state) * last
    left = int(place)
    low = media.bremsstrahlung[material, index, left]
    log_share = low + (place - left) * (media.bremsstrahlung[material, index, left + 1] - low)
    return energy_kev * math.exp(log_share)


@device_function
def photon_cosine(energy_kev: float, state: State) -> float:
    """Return the cosine between an electron and its bremsstrahlung photon: isotropic as the electron sees it."""
    gamma = 1.0 + energy_kev / ELECTRON_MASS_KEV
    beta = math.sqrt(1.0 - 1.0 / (gamma * gamma))
    emitted = 2.0 * uniform(state) - 1.0
    return (emitted + beta) / (1.0 + emitted * beta)


@device_function
def photon_while_stopping(energy_kev: float, material: int, media: Media, state: State) -> float:
    """Return the energy of an electron when it radiates its next hard photon, or 0 if it stops without one."""
    index, part = locate_energy(energy_kev, media)
    to_come = electron_value(media, material, index, part, PHOTONS_TO_COME)
    if to_come <= 0.0:
        return 0.0
    passed = -math.log(1.0 - uniform(state))
    if passed >= to_come:
        return 0.0
    left = to_come - passed
    low, high = 0, index + 1
    while high - low > 1:
        middle = (low + high) // 2
        if media.electron[material, middle, PHOTONS_TO_COME] <= left:
            low = middle
        else:
            high = middle
    start = media.electron[material, low, PHOTONS_TO_COME]
    width = media.electron[material, high, PHOTONS_TO_COME] - start
    place = low + ((left - start) / width if width > 0.0 else 0.0)
    return min(math.exp(media.log_start + place * media.log_step), energy_kev)
