"""Recovery of activity in small objects: R(v) = 1 − 1/(1 + (v/b₁)^b₂).

References
----------
[Gear2018]_, recovery-coefficient curve and its uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theradose.data import load_yaml
from theradose.errors import CalibrationError
from theradose.model.arrays import Array, frozen
from theradose.model.finding import Finding
from theradose.model.recovery import RecoveryPoints
from theradose.quantify.volume import equivalent_diameter_mm, sphere_recovery
from theradose.uncertainty import Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class RecoveryCurve:
    """A recovery curve with the covariance of its parameters.

    Attributes
    ----------
    name : str
        Name of the set; uncertain recoveries carry ``recovery:<name>:1``, ``:2`` and ``:form``.
    half_volume_ml : float
        b₁, the volume whose recovery is one half.
    exponent : float
        b₂.
    covariance : ndarray, shape (2, 2)
        Of (b₁, b₂).
    volume_range_ml : tuple of float
        Smallest and largest volume of the phantom.
    blur_fwhm_mm : float
        Width of the Gaussian blur that describes the same points.
    blur_weight : float
        How far the points support that blur rather than this curve, 0 to 1; 0 if it was not asked. Both pass the
        phantom's objects, and they differ by up to two per cent between and beyond them.
    """

    name: str
    half_volume_ml: float
    exponent: float
    covariance: Array
    volume_range_ml: tuple[float, float]
    blur_fwhm_mm: float = 0.0
    blur_weight: float = 0.0

    def __post_init__(self) -> None:
        covariance = frozen(self.covariance, float)
        if covariance.shape != (2, 2) or not np.isfinite(covariance).all() or min(np.diag(covariance)) < 0:
            raise CalibrationError(
                f"The recovery curve '{self.name}' needs a finite 2 × 2 covariance.", code="recovery-covariance"
            )
        if not (self.half_volume_ml > 0 and self.exponent > 0):
            raise CalibrationError(
                f"The recovery curve '{self.name}' needs positive parameters: recovery rises with volume.",
                code="recovery-not-positive",
            )
        object.__setattr__(self, "covariance", covariance)

    def value(self, volume_ml: float) -> float:
        """Return R(v)."""
        return float(_recovery(np.array([self.half_volume_ml, self.exponent]), np.array(volume_ml)))

    def derivative_per_ml(self, volume_ml: float) -> float:
        """Return ∂R/∂v, with which an error of the volume acts on the recovery."""
        recovery = self.value(volume_ml)
        return self.exponent * recovery * (1 - recovery) / volume_ml

    def uncertain(self, volume_ml: float) -> Uncertain:
        """Return R(v) with its uncertainty as uncorrelated named sources.

        The first two are the principal axes of the covariance, so that regions of different volume that use the
        same set are correlated as they should be. The third, ``form``, is the difference to the recovery of a Gaussian
        blur that fits the same points, by its support. The volume's own uncertainty is not included.
        """
        recovery = self.value(volume_ml)
        slope = recovery * (1 - recovery)
        gradient = np.array(
            [
                -slope * self.exponent / self.half_volume_ml,
                slope * np.log(volume_ml / self.half_volume_ml),
            ]
        )
        variances, axes = np.linalg.eigh(self.covariance)
        axes = axes * np.sign(axes[np.argmax(np.abs(axes), axis=0), (0, 1)])
        contributions = gradient @ axes * np.sqrt(np.clip(variances, 0, None))
        form = 0.0
        if self.blur_weight > 0:
            blurred = sphere_recovery(volume_ml=volume_ml, fwhm_mm=self.blur_fwhm_mm)
            form = math.sqrt(self.blur_weight) * (blurred - recovery)
        parts = {"1": contributions[0], "2": contributions[1], "form": form}
        return Uncertain(recovery, {f"recovery:{self.name}:{part}": float(u) for part, u in parts.items()})


def fit_recovery(points: RecoveryPoints) -> tuple[RecoveryCurve, tuple[Finding, ...]]:
    """Fit the recovery curve to measured points, weighted by their uncertainties.

    Parameters
    ----------
    points : RecoveryPoints
        At least two, of different volumes.

    Returns
    -------
    curve : RecoveryCurve
        Covariance (JᵀWJ)⁻¹, enlarged by the reduced chi-squared where the points scatter more than stated; beside
        it the Gaussian blur that describes the same points, for the uncertainty of the form.
    findings : tuple of Finding
        ``recovery-fit-poor`` if the curve does not describe the points, ``recovery-fit-exact`` if two points
        leave nothing to judge it by.

    Raises
    ------
    CalibrationError
        If there are fewer than two volumes or the fit fails.

    References
    ----------
    [Gear2018]_, [BurnhamAnderson2002]_
    """
    from scipy.optimize import least_squares

    if len(np.unique(points.volume_ml)) < 2:
        raise CalibrationError(
            f"The recovery set '{points.name}' has fewer than two different volumes: a curve needs at least two, "
            "better six.",
            code="recovery-too-few",
        )
    start = [np.log(np.median(points.volume_ml)), 0.0]
    fit = least_squares(_weighted_residuals, start, args=(points,), method="lm", x_scale="jac")
    half_volume, exponent = np.exp(fit.x)
    information = fit.jac.T @ fit.jac
    if not fit.success or not np.isfinite(fit.x).all() or np.linalg.cond(information) > 1e12:
        raise CalibrationError(
            f"No recovery curve fits the points of '{points.name}': recovery must rise with volume and stay below 1.",
            code="recovery-fit-failed",
        )
    # The fit is in logarithms to keep both parameters positive: d b = b d ln b.
    covariance = np.linalg.inv(information) * np.outer([half_volume, exponent], [half_volume, exponent])
    chi_squared, degrees = 2 * float(fit.cost), len(points.volume_ml) - 2
    covariance *= max(1.0, chi_squared / degrees) if degrees else 1.0
    limits = float(points.volume_ml.min()), float(points.volume_ml.max())
    fwhm_mm, weight = _blur(points, chi_squared) if degrees else (0.0, 0.0)
    curve = RecoveryCurve(points.name, float(half_volume), float(exponent), covariance, limits, fwhm_mm, weight)
    return curve, _fit_findings(points.name, chi_squared, degrees)


def recovery_at(curve: RecoveryCurve, volume_ml: float, *, region: str) -> tuple[Uncertain, tuple[Finding, ...]]:
    """Return the recovery of a region of `volume_ml`, with a finding outside the phantom's volumes.

    Raises
    ------
    CalibrationError
        If the volume is not positive.

    References
    ----------
    [Gear2018]_
    """
    if not volume_ml > 0:
        raise CalibrationError(f"A recovery needs a positive volume, not {volume_ml:g} mL.",
                               code="recovery-volume")  # fmt: skip
    recovery = curve.uncertain(volume_ml)
    smallest, largest = curve.volume_range_ml
    if volume_ml < smallest:
        finding = Finding(
            "recovery-below-range",
            "warning",
            f"{volume_ml:.3g} mL is smaller than every object of the recovery set '{curve.name}' ({smallest:g} mL "
            f"and more): its recovery of {recovery.value:.3f} is extrapolated.",
            region,
        )
        return recovery, (finding,)
    if volume_ml > largest:
        finding = Finding(
            "recovery-above-range",
            "info",
            f"{volume_ml:.4g} mL is larger than every object of the recovery set '{curve.name}' (up to "
            f"{largest:g} mL): its recovery of {recovery.value:.3f} follows the curve towards 1.",
            region,
        )
        return recovery, (finding,)
    return recovery, ()


def _blur(points: RecoveryPoints, chi_squared: float) -> tuple[float, float]:
    """Return the width of the Gaussian blur that describes the points, and its Akaike weight beside the curve."""
    from scipy.optimize import least_squares

    def residuals(log_fwhm: Array) -> Array:
        fwhm_mm = float(np.exp(log_fwhm[0]))
        blurred = [sphere_recovery(volume_ml=float(v), fwhm_mm=fwhm_mm) for v in points.volume_ml]
        return np.asarray((np.array(blurred) - points.recovery) / points.u_recovery)

    start = equivalent_diameter_mm(float(np.median(points.volume_ml))) / 3
    fit = least_squares(residuals, [math.log(start)], x_scale="jac")
    # The blur has one parameter less. A curve that does not describe its points either lends them no certainty.
    scale = max(1.0, chi_squared / (len(points.volume_ml) - 2))
    difference = (2 * float(fit.cost) - chi_squared) / scale - 2.0
    return float(np.exp(fit.x[0])), 1 / (1 + math.exp(min(difference, 700.0) / 2))


def _recovery(parameters: Array, volume_ml: Array) -> Array:
    half_volume, exponent = parameters
    power = (volume_ml / half_volume) ** exponent
    return np.asarray(power / (1 + power))


def _weighted_residuals(log_parameters: Array, points: RecoveryPoints) -> Array:
    # Far-off trial steps may overflow; they are only steps of the search.
    with np.errstate(all="ignore"):
        fitted = np.nan_to_num(_recovery(np.exp(log_parameters), points.volume_ml), nan=1.0)
    return (fitted - points.recovery) / points.u_recovery


def _fit_findings(name: str, chi_squared: float, degrees: int) -> tuple[Finding, ...]:
    from scipy.stats import chi2

    if degrees == 0:
        message = f"The recovery set '{name}' has two points, which any curve meets: measure more volumes."
        return (Finding("recovery-fit-exact", "warning", message),)
    probability = float(chi2.sf(chi_squared, degrees))
    if probability < load_yaml("quantify.yaml")["recovery_fit"]["least_probability"]["value"]:
        message = (
            f"The curve does not describe the recovery set '{name}' within the stated uncertainties (chi-squared "
            f"{chi_squared:.3g} for {degrees} degrees of freedom): its uncertainty was enlarged to match."
        )
        return (Finding("recovery-fit-poor", "warning", message),)
    return ()
