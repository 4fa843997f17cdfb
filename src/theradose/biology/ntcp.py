"""Probability of a complication in a normal tissue.

References
----------
[Lyman1985]_, [Burman1991]_ The normal distribution of tolerance doses, and its parameters.
[Emami1991]_ The tolerance doses of external beam radiotherapy.
"""

from __future__ import annotations

import math

from theradose.errors import PhysicsError


def lyman_ntcp(*, geud_gy: float, td50_gy: float, m: float) -> float:
    """Return Φ((gEUD − TD50) / (m TD50)), between 0 and 1.

    Parameters
    ----------
    geud_gy : float
        Generalised equivalent uniform dose with the volume effect of the same parameters, Gy.
    td50_gy : float
        Uniform dose to the whole organ with the complication in one half, Gy, positive.
    m : float
        Relative width, positive.

    Raises
    ------
    PhysicsError
        ``ntcp-parameters``.

    References
    ----------
    [Lyman1985]_
    """
    if not (td50_gy > 0 and m > 0):
        raise PhysicsError(
            f"TD50 {td50_gy:g} Gy and m {m:g} are no parameters of a complication probability: state positive numbers.",
            code="ntcp-parameters",
        )
    return 0.5 * math.erfc(-(geud_gy - td50_gy) / (m * td50_gy) / math.sqrt(2))
