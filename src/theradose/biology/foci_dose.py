"""Foci against dose in the first hours: a line for all patients, each with a background of its own.

References
----------
[Eberlein2015]_ Foci rise linearly with the dose to blood for about five hours.
[McCullaghNelder1989]_ Poisson regression with identity link and over-dispersion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.errors import FitError
from theradose.model.arrays import Array, frozen
from theradose.statistics.intervals import Interval

_ITERATIONS = 100
_CONVERGED = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class FociLine:
    """Foci per cell by dose to blood.

    Attributes
    ----------
    slope_per_mgy : Interval
        Foci per cell and mGy.
    p : float
        Probability of a slope so far from zero by chance.
    background : dict of str to float
        Foci per cell without dose, by patient.
    dispersion : float
        Pearson's chi-squared per degree of freedom; where it exceeds one the interval is wider by its root.
    degrees_of_freedom : int
        Samples less patients and slope.
    excess : ndarray, shape (n,)
        Foci per cell above the background of the patient.
    u_excess : ndarray, shape (n,)
        Poisson standard uncertainty of the foci per cell.
    """

    slope_per_mgy: Interval
    p: float
    background: dict[str, float]
    dispersion: float
    degrees_of_freedom: int
    excess: Array
    u_excess: Array

    def __post_init__(self) -> None:
        for name in ("excess", "u_excess"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))


def foci_by_dose(
    *,
    dose_mgy: Sequence[float] | Array,
    cells: Sequence[float] | Array,
    foci: Sequence[float] | Array,
    patients: Sequence[str],
    level: float = 0.95,
) -> FociLine:
    """Return the line of foci per cell by dose, by Fisher scoring of the Poisson model with identity link.

    Parameters
    ----------
    dose_mgy : array_like, shape (n,)
        Dose to blood at each sample.
    cells, foci : array_like, shape (n,)
        Cells looked at and foci counted in them.
    patients : sequence of str, length n
        Whose sample it is.
    level : float
        Of the interval.

    Raises
    ------
    FitError
        ``foci-samples`` if the samples do not determine a slope and its uncertainty, ``foci-counts``.

    References
    ----------
    [McCullaghNelder1989]_
    """
    from scipy.stats import t as student

    dose, looked, counted = (np.asarray(item, float) for item in (dose_mgy, cells, foci))
    if not (len(dose) == len(looked) == len(counted) == len(patients)) or not (looked > 0).all() or (counted < 0).any():
        raise FitError("Foci need one dose, a positive number of cells and a count of foci for each sample.",
                       code="foci-counts")  # fmt: skip
    names = list(dict.fromkeys(patients))
    own = np.array([[patient == name for name in names] for patient in patients], float)
    design = np.column_stack([own, dose])
    dof = len(dose) - design.shape[1]
    if dof < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise FitError(
            f"{len(dose)} samples of {len(names)} patients do not determine a line and its uncertainty: each patient "
            "needs samples at different doses.",
            code="foci-samples",
        )
    per_cell = counted / looked
    floor = 1 / looked.sum()
    mean = np.maximum(per_cell, floor)
    parameters = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        weights = looked / mean
        information = (design * weights[:, None]).T @ design
        previous, parameters = parameters, np.linalg.solve(information, design.T @ (weights * per_cell))
        mean = np.maximum(design @ parameters, floor)
        if np.abs(parameters - previous).max() <= _CONVERGED * np.abs(parameters).max(initial=_CONVERGED):
            break
    dispersion = float(np.sum(looked * (per_cell - mean) ** 2 / mean)) / dof
    error = math.sqrt(max(dispersion, 1.0) * np.linalg.inv(information)[-1, -1])
    slope = float(parameters[-1])
    reach = float(student.ppf((1 + level) / 2, dof)) * error
    return FociLine(
        slope_per_mgy=Interval(slope, slope - reach, slope + reach),
        p=float(2 * student.sf(abs(slope) / error, dof)),
        background={name: float(value) for name, value in zip(names, parameters, strict=False)},
        dispersion=dispersion,
        degrees_of_freedom=dof,
        excess=per_cell - own @ parameters[:-1],
        u_excess=np.sqrt(np.maximum(counted, 1.0)) / looked,
    )
