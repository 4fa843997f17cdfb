"""What happens to a photon where it interacts.

References
----------
[ButcherMessel1960]_ Sampling of the Klein-Nishina distribution.
[Hubbell1975]_ Form factors and incoherent scattering functions.
"""

from __future__ import annotations

import math

from theradose.compiled import device_function
from theradose.radiation.transport.constants import ELECTRON_MASS_KEV, HC_KEV_ANGSTROM
from theradose.radiation.transport.random import uniform
from theradose.radiation.transport.tables import line_value, locate
from theradose.radiation.transport.types import Array, Media, State


@device_function
def momentum(energy_kev: float, cosine: float) -> float:
    """Return the momentum transfer sin(θ/2)/λ in 1/Å."""
    return energy_kev / HC_KEV_ANGSTROM * math.sqrt(max(0.0, 0.5 * (1.0 - cosine)))


@device_function
def scattering_value(values: Array, transfer: float, media: Media) -> float:
    """Return a function of the momentum transfer."""
    if transfer <= 0.0:
        return values[0]
    index, part = locate(math.log(transfer), media.momentum_log_start, media.momentum_log_step, values.shape[0])
    return line_value(values, index, part)


@device_function
def sample_incoherent(energy_kev: float, material: int, media: Media, state: State) -> tuple[float, float]:
    """Return energy and cosine of a photon after incoherent scattering on bound electrons at rest.

    Klein–Nishina by composition and rejection, then rejection by the incoherent scattering function.
    """
    ratio = energy_kev / ELECTRON_MASS_KEV
    lowest = 1.0 / (1.0 + 2.0 * ratio)
    logarithm = -math.log(lowest)
    flat = 0.5 * (1.0 - lowest * lowest)
    while True:
        if uniform(state) * (logarithm + flat) < logarithm:
            kept = math.exp(-logarithm * uniform(state))
        else:
            kept = math.sqrt(lowest * lowest + (1.0 - lowest * lowest) * uniform(state))
        part = (1.0 - kept) / (ratio * kept)
        sine_squared = part * (2.0 - part)
        if uniform(state) > 1.0 - kept * sine_squared / (1.0 + kept * kept):
            continue
        cosine = 1.0 - part
        bound = scattering_value(media.incoherent[material], momentum(energy_kev, cosine), media)
        if uniform(state) <= bound:
            return energy_kev * kept, min(max(cosine, -1.0), 1.0)


@device_function
def sample_coherent(energy_kev: float, material: int, media: Media, state: State) -> float:
    """Return the cosine of a photon after coherent scattering."""
    values = media.coherent[material]
    largest = energy_kev / HC_KEV_ANGSTROM
    top = scattering_value(values, largest, media)
    while True:
        target = top * uniform(state)
        low, high = 0, values.shape[0] - 1
        while high - low > 1:
            middle = (low + high) // 2
            if values[middle] <= target:
                low = middle
            else:
                high = middle
        width = values[high] - values[low]
        place = min(max((target - values[low]) / width, 0.0), 1.0) if width > 0.0 else 0.0
        # Below the first momentum of the grid the integral of the squared form factor is a straight line.
        start = math.exp(2.0 * (media.momentum_log_start + low * media.momentum_log_step))
        end = math.exp(2.0 * (media.momentum_log_start + high * media.momentum_log_step))
        squared = target / values[0] * start if target < values[0] else start + place * (end - start)
        cosine = 1.0 - 2.0 * squared / (largest * largest)
        if cosine < -1.0:
            continue
        if 2.0 * uniform(state) <= 1.0 + cosine * cosine:
            return cosine
