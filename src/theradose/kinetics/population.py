"""A population ready for use: the form of its curves, their mean, and how a further patient varies about it.

References
----------
[Hou2021]_ Log-normal distribution between patients.
[Gelman2013]_ A further draw from an estimated normal distribution.
[Puszkiel2019]_ Populations of blood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theradose.data import load_number
from theradose.errors import FitError
from theradose.kinetics.compartments import FORMS, CompartmentForm
from theradose.kinetics.population_forms import PopulationForm, phase_form
from theradose.model.arrays import Array, frozen
from theradose.model.population import RegionPopulation
from theradose.nuclides import Nuclide
from theradose.statistics.nonlinear_mixed.population import predictive_inflation

SETTINGS = "kinetics/population.yaml"
_DRAWS = 1024


def population_setting(name: str) -> float:
    """Return a level of ``data/kinetics/population.yaml``."""
    return load_number(SETTINGS, name)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The distribution of a region's curve, ready for use.

    Attributes
    ----------
    form : PopulationForm
        Curve per administered activity.
    mean : ndarray, shape (K,)
        Mean of the logarithmic parameters.
    root : ndarray, shape (K, K)
        L with L Lᵀ the covariance that a new patient has about the mean.
    mean_covariance : ndarray, shape (K, K)
        How well the mean is known.
    error_scale, error_u : float
        Factor of the stated relative uncertainties, and what comes in quadrature beside them.
    infusion_h : float
        Length of the infusion after which the points of a sum of exponentials lie.
    """

    form: PopulationForm
    mean: Array
    root: Array
    mean_covariance: Array
    error_scale: float
    error_u: float
    infusion_h: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mean", "root", "mean_covariance"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    def drawn(self, z: Array) -> Array:
        """Return the parameters φ of standard normal z, shape (m, K)."""
        return np.asarray(self.mean + z @ self.root.T)

    def quantiles(self, probabilities: Sequence[float]) -> tuple[Array, Array]:
        """Return quantiles of the half-life (h) and of the integral per administered activity (h) between patients."""
        phi = self.drawn(normal_points(len(self.mean)))
        integral = self.form.integral_h(phi, infusion_h=self.infusion_h)
        return np.quantile(self.form.half_life_h(phi), probabilities), np.quantile(integral, probabilities)


def population_of(
    stated: RegionPopulation,
    *,
    measured_with: Nuclide,
    nuclide: Nuclide,
    infusion_h: float | None = None,
    amino_acids_until_h: float | None = None,
) -> Population:
    """Return a stored population ready for use with a nuclide.

    Biology is that of the record: biological rates and amplitudes stay, and the physical decay of `nuclide` is added.
    The covariance of a new patient is that of :func:`predictive_covariance`.

    Parameters
    ----------
    stated : RegionPopulation
        From a record.
    measured_with, nuclide : Nuclide
        Of the record, and of the new patient.
    infusion_h, amino_acids_until_h : float, optional
        Of the new patient; those of the record by default.

    Raises
    ------
    FitError
        ``population-form`` for a form that this version does not have, or parameters that are not those of the form;
        ``population-few-patients``.

    References
    ----------
    [Hou2021]_
    """
    infusion = stated.infusion_h if infusion_h is None else infusion_h
    form = form_named(
        stated.form,
        nuclide=nuclide,
        measured_with=measured_with,
        infusion_h=infusion,
        amino_acids_until_h=stated.amino_acids_until_h if amino_acids_until_h is None else amino_acids_until_h,
        elimination_ratio=stated.elimination_ratio,
    )
    if form.parameters != stated.parameters:
        raise FitError(
            f"The population of '{', '.join(stated.regions)}' has parameters that are not those of the form "
            f"'{stated.form}' ({', '.join(form.parameters)}): write the record with 'theradose cohort population'.",
            code="population-form",
        )
    return Population(
        form=form,
        mean=np.array(stated.mean),
        root=_root(predictive_covariance(stated)),
        mean_covariance=np.array(stated.covariance_of_mean),
        error_scale=stated.error_scale,
        error_u=stated.error_u,
        infusion_h=infusion,
    )


def predictive_covariance(stated: RegionPopulation) -> Array:
    """Return the covariance of a new patient about the estimated mean, shape (K, K).

    That of the sample by maximum likelihood times :func:`predictive_inflation`, plus that of the mean. Parameters vary
    together, or each by itself.

    Raises
    ------
    FitError
        ``population-few-patients`` where n is too small for that.

    References
    ----------
    [Gelman2013]_, section 3.6.
    """
    omega = np.array(stated.omega)
    together = int(np.count_nonzero(np.diag(omega))) if stated.fit.omega == "full" else 1
    inflation = predictive_inflation(stated.patients, together)
    if not math.isfinite(inflation):
        raise FitError(
            f"The population of '{', '.join(stated.regions)}' has {stated.patients} patients, too few to say how a "
            f"further one varies in {together} parameters: add patients, or fit it with '--omega diagonal'.",
            code="population-few-patients",
        )
    return np.asarray(inflation * omega + np.array(stated.covariance_of_mean))


def form_named(
    name: str,
    *,
    nuclide: Nuclide,
    measured_with: Nuclide,
    infusion_h: float = 0.0,
    amino_acids_until_h: float = 0.0,
    elimination_ratio: float | None = 1.0,
) -> PopulationForm:
    """Return the form of a record by name: compartments, or phases.

    References
    ----------
    [Puszkiel2019]_, [Hardiansyah2021]_
    """
    if name in FORMS:
        return CompartmentForm(
            FORMS[name], nuclide.decay_constant_per_h, infusion_h, amino_acids_until_h, elimination_ratio
        )
    return phase_form(
        name,
        decay_constant_per_h=nuclide.decay_constant_per_h,
        reference_decay_per_h=measured_with.decay_constant_per_h,
    )


def normal_points(dimension: int) -> Array:
    """Return quasi-random points of a standard normal distribution, shape (_DRAWS, K)."""
    from scipy.stats import norm, qmc

    unit = qmc.Sobol(dimension, scramble=True, rng=0).random(_DRAWS)
    return np.asarray(norm.ppf(unit))


def _root(covariance: Array) -> Array:
    """Return L with L Lᵀ the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
