"""From planar counts to images of unscattered photons, and the counts of regions in them.

References
----------
[Siegel1999]_ Steps of planar quantification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.errors import CalibrationError
from theradose.formats.decay import frame_start_factor
from theradose.model.arrays import Array, frozen
from theradose.model.calibration import DeadTimeModel
from theradose.model.finding import Finding
from theradose.model.planar import EnergyWindow, PlanarPair
from theradose.nuclides import Nuclide
from theradose.quantify.attenuation import imaged_energy_kev
from theradose.quantify.conjugate_view import RegionCounts
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.scatter_windows import (
    PrimaryCounts,
    dual_energy_window,
    triple_energy_window,
    without_scatter,
)

ScatterMethod = Literal["automatic", "tew", "dew", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class PrimaryImages:
    """Both views after scatter correction, counts as recorded, with the factors that rates are multiplied by.

    Attributes
    ----------
    anterior, posterior, anterior_variance, posterior_variance : ndarray, shape (rows, columns)
        Unscattered counts and their variance.
    factor : float
        Dead time and decay to the moment to which the images refer.
    dead_time_factor : float or None
        Of that, dead time; ``None`` if none was applied.
    delay_h : float
        How long after the start of the acquisition that moment is.
    exposure_s : float
        Time over which a pixel collected counts.
    energy_kev : float
        Photons that were imaged.
    scatter : str
        How scattered photons were removed.
    """

    anterior: Array
    posterior: Array
    anterior_variance: Array
    posterior_variance: Array
    factor: float
    dead_time_factor: float | None
    delay_h: float
    exposure_s: float
    energy_kev: float
    scatter: str

    def __post_init__(self) -> None:
        for name in ("anterior", "posterior", "anterior_variance", "posterior_variance"):
            object.__setattr__(self, name, frozen(getattr(self, name), float))

    @property
    def geometric_mean_cps(self) -> Array:
        """Geometric mean of both views, cps."""
        front, back = np.maximum(self.anterior, 0), np.maximum(self.posterior, 0)
        mean: Array = np.sqrt(front * back) * self.factor / self.exposure_s
        return mean

    def region(self, mask: Array) -> tuple[RegionCounts, RegionCounts]:
        """Return the counts of a region in the anterior and in the posterior view."""
        inside = np.asarray(mask, bool)
        pixels = float(inside.sum())
        front, back = (
            RegionCounts(float(counts[inside].sum()), float(variance[inside].sum()), pixels)
            for counts, variance in (
                (self.anterior, self.anterior_variance),
                (self.posterior, self.posterior_variance),
            )
        )
        return front, back


def primary_images(
    pair: PlanarPair,
    *,
    nuclide: Nuclide,
    method: ScatterMethod,
    dew_factor: float | None,
    dead_time_us: float | None,
    dead_time_model: DeadTimeModel = "paralysable",
) -> tuple[PrimaryImages, tuple[Finding, ...]]:
    """Correct a pair of views for dead time, decay during the frame and scatter.

    A static image is brought to the start of its frame. A whole-body scan passes a region at some moment that the file
    does not tell: its images refer to the middle of the scan.

    Parameters
    ----------
    pair : PlanarPair
        Counts in one or more energy windows.
    nuclide : Nuclide
        Gives the photon line and the decay.
    method : {"automatic", "tew", "dew", "none"}
        ``automatic`` takes the triple energy window where there are windows on both sides of the photopeak.
    dew_factor : float or None
        For the dual energy window.
    dead_time_us : float or None
        Acting on the photopeak rate of both detectors together.
    dead_time_model : {"paralysable", "non-paralysable"}
        How the camera loses counts.

    Returns
    -------
    PrimaryImages
        Both views.
    tuple of Finding
        ``planar-scatter-not-corrected``, ``whole-body-time-assumed``, ``planar-window-assumed``.

    Raises
    ------
    CalibrationError
        ``planar-photopeak`` if no window holds a gamma line of the nuclide, ``scatter-windows`` if the method needs
        windows that are not there, ``scatter-factor`` without a factor, and the limits of dead time.

    References
    ----------
    [Siegel1999]_, [Ogawa1991]_
    """
    choice, findings = choose_windows(pair.windows, nuclide=nuclide, method=method)
    views = [choice.primary(stack, dew_factor=dew_factor) for stack in (pair.anterior, pair.posterior)]
    live, dead_findings = _dead_time_factor(pair, choice, dead_time_us, dead_time_model)
    factor, delay_h, time_findings = _decay(pair, nuclide)
    images = PrimaryImages(
        anterior=views[0].primary,
        posterior=views[1].primary,
        anterior_variance=views[0].variance,
        posterior_variance=views[1].variance,
        factor=factor * (live or 1.0),
        dead_time_factor=live,
        delay_h=delay_h,
        exposure_s=pair.exposure_s,
        energy_kev=choice.energy_kev,
        scatter=choice.words,
    )
    return images, (*findings, *dead_findings, *time_findings)


@dataclass(frozen=True, slots=True)
class WindowChoice:
    """Which energy windows of planar images are used, and for what.

    Attributes
    ----------
    windows : tuple of EnergyWindow
        All, in the order of the images.
    method : {"tew", "dew", "none"}
        How scattered photons are taken off.
    peak : EnergyWindow
        Photopeak.
    below, above : EnergyWindow or None
        Beside it.
    energy_kev : float
        Photons that are imaged.
    """

    windows: tuple[EnergyWindow, ...]
    method: Literal["tew", "dew", "none"]
    peak: EnergyWindow
    below: EnergyWindow | None
    above: EnergyWindow | None
    energy_kev: float

    @property
    def words(self) -> str:
        """How scattered photons are taken off, as text that begins with the method."""
        return {
            "tew": f"triple energy window ({self.below}, {self.above})",
            "dew": f"dual energy window ({self.below})",
            "none": "none",
        }[self.method]

    def peak_counts(self, stack: Array) -> float:
        """Return the counts of a view in the photopeak window."""
        return float(stack[self.windows.index(self.peak)].sum())

    def primary(self, stack: Array, *, dew_factor: float | None) -> PrimaryCounts:
        """Return the unscattered counts of a view, shape (windows, rows, columns).

        Raises
        ------
        CalibrationError
            ``scatter-factor``.
        """
        images = dict(zip(self.windows, stack, strict=True))
        peak, below, above = self.peak, self.below, self.above
        if self.method == "tew" and below is not None and above is not None:
            return triple_energy_window(
                peak_counts=images[peak], lower_counts=images[below], upper_counts=images[above],
                peak=peak, lower=below, upper=above,
            )  # fmt: skip
        if self.method == "dew" and below is not None:
            if dew_factor is None:
                raise CalibrationError(
                    "The dual energy window needs the factor of this camera: add 'planar: {dew_factor: …}' to the "
                    "study, or --dew-factor to the calibration.",
                    code="scatter-factor",
                )
            return dual_energy_window(peak_counts=images[peak], lower_counts=images[below], factor=dew_factor)
        return without_scatter(peak_counts=images[peak])


def choose_windows(
    windows: Sequence[EnergyWindow], *, nuclide: Nuclide, method: ScatterMethod
) -> tuple[WindowChoice, tuple[Finding, ...]]:
    """Return the photopeak window and those beside it, and how scattered photons are taken off.

    Raises
    ------
    CalibrationError
        ``planar-photopeak`` if no window holds a gamma line of the nuclide, ``scatter-windows`` if the method needs
        windows that are not there.
    """
    peak, energy_kev, findings = _photopeak(windows, nuclide)
    below, above = _neighbours(windows, peak)
    chosen, scatter_findings = _method(method, below, above)
    return WindowChoice(tuple(windows), chosen, peak, below, above, energy_kev), (*findings, *scatter_findings)


def _photopeak(windows: Sequence[EnergyWindow], nuclide: Nuclide) -> tuple[EnergyWindow, float, tuple[Finding, ...]]:
    found = [(window, imaged_energy_kev(nuclide, low_kev=window.low_kev, high_kev=window.high_kev))
             for window in windows]  # fmt: skip
    lines = {line.energy_kev: line.intensity for line in nuclide.photon_lines}
    peaks = [(lines[energy], window, energy) for window, energy in found if energy is not None]
    if not peaks:
        listed = ", ".join(map(str, windows))
        raise CalibrationError(
            f"No energy window of the planar image ({listed}) holds a gamma line of {nuclide.name}.",
            code="planar-photopeak",
        )
    _, window, energy = max(peaks, key=lambda entry: entry[0])
    if window.high_kev < float("inf"):
        return window, energy, ()
    message = f"The planar image states no energy window: it is taken as that of {energy:.0f} keV of {nuclide.name}."
    return window, energy, (Finding("planar-window-assumed", "warning", message),)


def _neighbours(windows: Sequence[EnergyWindow], peak: EnergyWindow) -> tuple[EnergyWindow | None, EnergyWindow | None]:
    below = [window for window in windows if window.centre_kev < peak.low_kev]
    above = [window for window in windows if window.centre_kev > peak.high_kev]
    return max(below, default=None), min(above, default=None)


def _method(
    method: ScatterMethod, below: EnergyWindow | None, above: EnergyWindow | None
) -> tuple[Literal["tew", "dew", "none"], tuple[Finding, ...]]:
    if method == "automatic":
        if below is not None and above is not None:
            return "tew", ()
        message = (
            "The planar image has no energy windows on both sides of the photopeak: scattered photons were not taken "
            "off, which raises counts and blurs regions into each other."
        )
        return "none", (Finding("planar-scatter-not-corrected", "warning", message),)
    if (method in ("tew", "dew") and below is None) or (method == "tew" and above is None):
        raise CalibrationError(
            f"The scatter method '{method}' needs energy windows beside the photopeak that the planar image does not "
            "have: choose 'automatic' or 'none'.",
            code="scatter-windows",
        )
    if method == "none":
        message = "Scattered photons in the planar image were not taken off, as was asked."
        return "none", (Finding("planar-scatter-not-corrected", "info", message),)
    return method, ()


def _dead_time_factor(
    pair: PlanarPair, choice: WindowChoice, dead_time_us: float | None, model: DeadTimeModel
) -> tuple[float | None, tuple[Finding, ...]]:
    if not dead_time_us:
        return None, ()
    if pair.technique == "whole-body":
        message = (
            f"A dead time of {dead_time_us:g} us is stated, but the count rate of a whole-body scan changes along the "
            "patient: no correction was made."
        )
        return None, (Finding("dead-time-not-applied", "warning", message),)
    observed = (choice.peak_counts(pair.anterior) + choice.peak_counts(pair.posterior)) / pair.exposure_s
    if observed == 0:
        return 1.0, ()
    return true_count_rate(observed_cps=observed, dead_time_us=dead_time_us, model=model) / observed, ()


def _decay(pair: PlanarPair, nuclide: Nuclide) -> tuple[float, float, tuple[Finding, ...]]:
    if pair.technique == "static":
        rate = nuclide.decay_constant_per_h
        return float(frame_start_factor(decay_constant_per_h=rate, duration_h=pair.exposure_s / 3600)), 0.0, ()
    middle_h = pair.elapsed_s / 7200
    message = (
        f"The whole-body scan took {pair.elapsed_s / 60:.0f} min; all regions count as measured in its middle, so that "
        f"their times are wrong by up to {60 * middle_h:.0f} min."
    )
    return 1.0, middle_h, (Finding("whole-body-time-assumed", "info", message),)
