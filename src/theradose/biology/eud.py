"""Uniform doses that stand for a distribution of doses.

References
----------
[Niemierko1997]_ The uniform dose with the same surviving fraction.
[ODonoghue1999]_ The same in radionuclide therapy.
[Lyman1985]_ The power mean of a dose-volume histogram.
"""

from __future__ import annotations

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array


def eud_gy(*, dose_gy: Array, volume: Array, alpha_per_gy: float) -> float:
    """Return the uniform dose with the same mean survival, −ln(Σ v_i exp(−α D_i)) / α, in Gy.

    Parameters
    ----------
    dose_gy : ndarray, shape (n,)
        Doses of the parts; biologically effective doses give the uniform effective dose.
    volume : ndarray, shape (n,)
        Their volumes in any unit.
    alpha_per_gy : float
        Linear radiosensitivity, 1/Gy, positive.

    Raises
    ------
    PhysicsError
        ``alpha``, ``dose-volume`` for doses or volumes that are none.

    References
    ----------
    [Niemierko1997]_, [ODonoghue1999]_
    """
    if not alpha_per_gy > 0:
        raise PhysicsError(f"alpha is {alpha_per_gy:g} 1/Gy: state a positive number.", code="alpha")
    doses, shares = _shares(dose_gy, volume)
    # Measured from the lowest dose, so that high doses do not underflow.
    lowest = doses.min()
    return float(lowest - np.log(shares @ np.exp(-alpha_per_gy * (doses - lowest))) / alpha_per_gy)


def geud_gy(*, dose_gy: Array, volume: Array, n: float) -> float:
    """Return the generalised equivalent uniform dose (Σ v_i D_i^(1/n))^n in Gy; n = 1 is the mean.

    Parameters
    ----------
    dose_gy : ndarray, shape (n,)
        Doses of the parts.
    volume : ndarray, shape (n,)
        Their volumes in any unit.
    n : float
        Volume effect, positive: small where the hottest part decides.

    Raises
    ------
    PhysicsError
        ``volume-effect``, ``dose-volume``.

    References
    ----------
    [Lyman1985]_, [Niemierko1997]_
    """
    if not n > 0:
        raise PhysicsError(f"The volume effect n is {n:g}: state a positive number.", code="volume-effect")
    doses, shares = _shares(dose_gy, volume)
    # In units of the highest dose, so that high powers do not overflow.
    highest = doses.max()
    return float(highest * (shares @ (doses / highest) ** (1 / n)) ** n) if highest > 0 else 0.0


def _shares(dose_gy: Array, volume: Array) -> tuple[Array, Array]:
    doses, volumes = np.asarray(dose_gy, float).ravel(), np.asarray(volume, float).ravel()
    valid = doses.shape == volumes.shape and len(doses) and (volumes >= 0).all() and volumes.sum() > 0
    if not (valid and np.isfinite(doses).all() and (doses >= 0).all()):
        raise PhysicsError(
            "A uniform dose needs as many doses as volumes, none of them negative and not all volumes zero.",
            code="dose-volume",
        )
    return doses, volumes / volumes.sum()
