"""The linear-quadratic model for a dose that is given over time.

The biologically effective dose is D (1 + G D / (α/β)). The Lea-Catcheside factor G, between 0 and 1, weighs the
quadratic term by how much of the damage meets other damage before it is repaired; it follows from the time course of
the dose rate alone. Nothing here depends on a nuclide.

References
----------
[Dale1985]_ The form for protracted irradiation with exponential repair.
[Dale1996]_ Targeted radionuclides, and the term of repopulation.
[Wessels2008]_ Its use for kidneys.
"""

from __future__ import annotations

import math
from typing import TypeVar

from theradose.errors import PhysicsError
from theradose.kinetics.course import TimeCourse
from theradose.model.arrays import Array
from theradose.uncertainty import Uncertain, combine

Quantity = TypeVar("Quantity", float, Array, Uncertain)
"""Formulas hold for numbers, arrays and uncertain numbers alike; the latter propagate themselves."""

_REFERENCE_FRACTION_GY = 2.0
_LOG_STEP = 1e-4


def bed(*, dose_gy: Quantity, alpha_beta_gy: Quantity | float, g: Quantity | float) -> Quantity:
    """Return the biologically effective dose in Gy, shape of `dose_gy`.

    Parameters
    ----------
    dose_gy : float, ndarray or Uncertain
        Absorbed dose.
    alpha_beta_gy : float, ndarray or Uncertain
        Ratio α/β of the tissue, positive.
    g : float, ndarray or Uncertain
        Lea-Catcheside factor, see :func:`lea_catcheside`; 1 for a single short exposure.

    References
    ----------
    [Dale1985]_
    """
    return dose_gy * (1.0 + dose_gy * g / alpha_beta_gy)


def eqd2(*, bed_gy: Quantity, alpha_beta_gy: Quantity | float) -> Quantity:
    """Return the dose in fractions of 2 Gy with the same biologically effective dose, in Gy.

    References
    ----------
    [Dale1985]_
    """
    return bed_gy / (1.0 + _REFERENCE_FRACTION_GY / alpha_beta_gy)


def dose_for_bed(*, bed_gy: Quantity, alpha_beta_gy: Quantity | float, g: Quantity | float) -> Quantity:
    """Return the dose in Gy that has a biologically effective dose, the inverse of :func:`bed`.

    References
    ----------
    [Dale1985]_
    """
    root: Quantity = (1.0 + 4.0 * bed_gy * g / alpha_beta_gy) ** 0.5
    return 2.0 * bed_gy / (1.0 + root)


def lea_catcheside(*, course: TimeCourse, repair_half_life_h: float) -> float:
    """Return the Lea-Catcheside factor of a time course of dose rate, 1.

    Parameters
    ----------
    course : TimeCourse
        One curve in any unit: activity of a region whose dose rate is proportional to it.
    repair_half_life_h : float
        Half-life of sublethal damage, h, positive.

    Raises
    ------
    PhysicsError
        ``repair-half-life``, ``no-dose`` for a curve whose integral is not positive.

    References
    ----------
    [Dale1985]_ G = (2/D²) ∫ Ḋ(t) ∫_{w<t} Ḋ(w) exp(−μ(t−w)) dw dt, for Σ a_i exp(−l_i t) equal to
    (2/D²) ΣΣ a_i a_j / [(μ+l_i)(l_i+l_j)].
    """
    _require_positive(repair_half_life_h, "the repair half-life", "h", code="repair-half-life")
    total = float(course.integral()[0])
    if not total > 0:
        raise PhysicsError("A curve without positive integral has no dose and no Lea-Catcheside factor.",
                           code="no-dose")  # fmt: skip
    return 2 * float(course.overlap(rate_per_h=math.log(2) / repair_half_life_h)[0, 0]) / total**2


def uncertain_lea_catcheside(
    *, course: TimeCourse, effective_half_life_h: Uncertain, repair_half_life_h: Uncertain
) -> Uncertain:
    """Return the factor with the uncertainties of kinetics and repair.

    A factor depends on the ratio of the times of kinetics and repair alone. The uncertainty of the effective half-life
    is taken as that of the whole time scale of the curve, which is exact for one phase.

    References
    ----------
    [JCGM100]_, [Dale1985]_
    """
    value = repair_half_life_h.value
    g = lea_catcheside(course=course, repair_half_life_h=value)
    above, below = (lea_catcheside(course=course, repair_half_life_h=value * math.exp(step))
                    for step in (_LOG_STEP, -_LOG_STEP))  # fmt: skip
    slope = (above - below) / (2 * _LOG_STEP)
    return combine(
        g,
        [(slope / value, repair_half_life_h), (-slope / effective_half_life_h.value, effective_half_life_h)],
    )


def repopulation_loss(*, duration_d: float, delay_d: float, doubling_d: float, alpha_per_gy: float) -> float:
    """Return the biologically effective dose in Gy that regrowth takes back: ln 2 (T − T_k) / (α T_pot), or 0.

    Parameters
    ----------
    duration_d : float
        Effective time of treatment T, d.
    delay_d : float
        Time T_k after which cells regrow, d.
    doubling_d : float
        Potential doubling time T_pot, d, positive.
    alpha_per_gy : float
        Linear radiosensitivity, 1/Gy, positive.

    Raises
    ------
    PhysicsError
        ``doubling-time``, ``alpha``.

    References
    ----------
    [Dale1996]_ Textbook form; the text was not read.
    """
    _require_positive(doubling_d, "the potential doubling time", "d", code="doubling-time")
    _require_positive(alpha_per_gy, "alpha", "1/Gy", code="alpha")
    return math.log(2) * max(duration_d - delay_d, 0.0) / (alpha_per_gy * doubling_d)


def _require_positive(value: float, what: str, unit: str, *, code: str) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise PhysicsError(f"{what[0].upper()}{what[1:]} is {value:g} {unit}: state a positive number.", code=code)
