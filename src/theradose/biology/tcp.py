"""Probability that a tumour responds, and how far it shrinks.

References
----------
[Warfvinge2024]_ Logistic curve of neuroendocrine tumours of grade 2.
[WebbNahum1993]_ Poisson statistics of surviving clonogens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.biology.parameters import ParameterSet
from theradose.data import load_number
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True)
class Probability:
    """A probability with its 95 % interval, both by the logistic scale.

    Attributes
    ----------
    logit, u_logit : float
        Logarithm of the odds and its standard uncertainty.
    """

    logit: float
    u_logit: float

    @property
    def value(self) -> float:
        """The probability."""
        return _logistic(self.logit)

    @property
    def odds(self) -> float:
        """Responders per non-responder."""
        return math.exp(self.logit)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the probability."""
        low, high = self.odds_interval
        return low / (1 + low), high / (1 + high)

    @property
    def odds_interval(self) -> tuple[float, float]:
        """95 % interval of the odds."""
        z = load_number("radiobiology.yaml", "confidence_z")
        return math.exp(self.logit - z * self.u_logit), math.exp(self.logit + z * self.u_logit)


def logistic_tcp(*, dose_gy: Uncertain | float, parameters: ParameterSet) -> Probability:
    """Return the logistic curve of a dose: logit = intercept + slope D.

    Parameters
    ----------
    dose_gy : Uncertain or float
        Absorbed dose over all cycles, Gy; its uncertainty widens the interval.
    parameters : ParameterSet
        With ``intercept``, ``slope_per_gy``, their standard uncertainties ``u_…`` and ``correlation``.

    References
    ----------
    [Warfvinge2024]_, [JCGM100]_
    """
    dose, u_dose = (dose_gy.value, dose_gy.u) if isinstance(dose_gy, Uncertain) else (dose_gy, 0.0)
    p = parameters.values
    u_slope = p["u_slope_per_gy"] * dose
    variance = p["u_intercept"] ** 2 + u_slope**2 + 2 * p["correlation"] * p["u_intercept"] * u_slope
    variance += (p["slope_per_gy"] * u_dose) ** 2
    return Probability(p["intercept"] + p["slope_per_gy"] * dose, math.sqrt(variance))


def dose_for_probability(*, probability: float, parameters: ParameterSet) -> float:
    """Return the dose in Gy at which the logistic curve reaches a probability.

    Raises
    ------
    PhysicsError
        ``probability-invalid``.

    References
    ----------
    [Warfvinge2024]_
    """
    if not 0 < probability < 1:
        raise PhysicsError(f"A probability of {probability:g} is not reached at any dose: state one between 0 and 1.",
                           code="probability-invalid")  # fmt: skip
    p = parameters.values
    return (math.log(probability / (1 - probability)) - p["intercept"]) / p["slope_per_gy"]


def poisson_tcp(*, bed_gy: Array, volume_ml: Array, alpha_per_gy: float, clonogens_per_ml: float) -> float:
    """Return the probability exp(−Σ ρ V_i exp(−α BED_i)) that no clonogen survives.

    Parameters
    ----------
    bed_gy, volume_ml : ndarray, shape (n,)
        Biologically effective doses of the parts of a tumour, and their volumes.
    alpha_per_gy : float
        Linear radiosensitivity, 1/Gy, positive.
    clonogens_per_ml : float
        Density of clonogens, 1/mL, positive.

    Raises
    ------
    PhysicsError
        ``tcp-parameters``.

    References
    ----------
    [WebbNahum1993]_
    """
    if not (alpha_per_gy > 0 and clonogens_per_ml > 0):
        raise PhysicsError(
            f"alpha {alpha_per_gy:g} 1/Gy and {clonogens_per_ml:g} clonogens per mL are no parameters of tumour "
            "control: state positive numbers.",
            code="tcp-parameters",
        )
    surviving = np.asarray(volume_ml, float) @ np.exp(-alpha_per_gy * np.asarray(bed_gy, float))
    return math.exp(-clonogens_per_ml * float(surviving))


def largest_shrinkage(*, dose_gy: float, parameters: ParameterSet) -> float:
    """Return the largest relative loss of volume, amplitude · (1 − exp(−D / slope)).

    Parameters
    ----------
    dose_gy : float
        Absorbed dose over all cycles, Gy.
    parameters : ParameterSet
        With ``amplitude`` and ``slope_gy``.

    References
    ----------
    [Warfvinge2024]_ The form is inferred from the unit of the slope.
    """
    return -parameters.values["amplitude"] * math.expm1(-dose_gy / parameters.values["slope_gy"])


def _logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
