"""How well an outlined volume is known, and how its error acts on the counts inside.

The region is treated as the sphere of equal volume, imaged with a Gaussian point-spread function. On an emission image
the blur moves the whole edge in or out at once; on a CT each edge is where the observer drew it.

References
----------
[Gear2018]_, equations for the volume and for the counts in an outlined volume.
[Joskowicz2019]_, how far observers differ on a CT.
"""

from __future__ import annotations

import math

from theradose.data import load_yaml
from theradose.errors import GeometryError

FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian over its standard deviation."""


def equivalent_diameter_mm(volume_ml: float) -> float:
    """Return the diameter of the sphere of the same volume.

    References
    ----------
    [Gear2018]_, section on volumes of interest.
    """
    if not volume_ml > 0:
        raise GeometryError(f"A volume of {volume_ml:g} mL has no diameter: it must be positive.",
                            code="volume-not-positive")  # fmt: skip
    return float((6 * volume_ml * 1000 / math.pi) ** (1 / 3))


def volume_relative_u(*, volume_ml: float, spacing_mm: tuple[float, float, float], fwhm_mm: float) -> float:
    """Return the relative standard uncertainty of an outlined volume, u(v)/v = 3 u(d)/d.

    u²(d) = a²/6 + FWHM²/(4 ln 2): both edges of the diameter are uncertain by the voxel size a (rectangular,
    a²/12) and by the width of the point-spread function (σ²). For voxels with unequal sides a² is the mean
    over the three directions.

    Parameters
    ----------
    volume_ml : float
        Outlined volume.
    spacing_mm : tuple of float
        Voxel size (z, y, x) of the image on which it was outlined.
    fwhm_mm : float
        Full width at half maximum of the point-spread function.

    References
    ----------
    [Gear2018]_, equation for the diameter of a volume outlined on an emission image.
    """
    mean_square_mm2 = math.fsum(side**2 for side in spacing_mm) / 3
    variance_mm2 = mean_square_mm2 / 6 + fwhm_mm**2 / (4 * math.log(2))
    return 3 * math.sqrt(variance_mm2) / equivalent_diameter_mm(volume_ml)


def ct_volume_relative_u(*, volume_ml: float, spacing_mm: tuple[float, float, float]) -> float:
    """Return the relative standard uncertainty of a volume that was outlined on a CT.

    u²(v)/v² = Σ_i 2 (a_i²/12 + u_o²)/d² over the three directions: each of the six edges of a diameter is uncertain by
    the voxel size of the CT along it (rectangular) and by the observer, and no edge knows of the others. The blur of
    the camera, which moves all edges of an outline on an emission image together, is not in it.

    Parameters
    ----------
    volume_ml : float
        Outlined volume.
    spacing_mm : tuple of float
        Voxel size (z, y, x) of the CT.

    References
    ----------
    [Joskowicz2019]_ for u_o; the form is this project's own, after [Gear2018]_.
    """
    observer_mm = float(load_yaml("quantify.yaml")["ct_outline"]["observer_edge_u"]["value"])
    variance_mm2 = math.fsum(2 * (side**2 / 12 + observer_mm**2) for side in spacing_mm)
    return math.sqrt(variance_mm2) / equivalent_diameter_mm(volume_ml)


def edge_profile(*, volume_ml: float, fwhm_mm: float) -> float:
    """Return φ: twice the blurred concentration at the edge of a uniform sphere, relative to the true one.

    φ = erf(2r/(σ√2)) − (2σ/(r√(2π)))(1 − exp(−2r²/σ²)). It approaches 1 for large spheres.

    References
    ----------
    [Gear2018]_, equation for the counts in a volume of interest; u(C)/C = (φ/2R) u(v)/v.
    """
    ratio = _radius_in_sigmas(volume_ml, fwhm_mm)
    if math.isinf(ratio):
        return 1.0
    return math.erf(2 * ratio / math.sqrt(2)) - 2 / (ratio * math.sqrt(2 * math.pi)) * -math.expm1(-2 * ratio**2)


def sphere_recovery(*, volume_ml: float, fwhm_mm: float) -> float:
    """Return the fraction of a uniform sphere's counts that a Gaussian blur leaves inside the sphere.

    The mean of the sphere's overlap function 1 − 3s/(4r) + s³/(16r³), s < 2r, over the distances s of the
    point-spread function.

    References
    ----------
    [Gear2018]_ uses the recovery of the same point-spread function beside φ.
    """
    ratio = _radius_in_sigmas(volume_ml, fwhm_mm)
    if math.isinf(ratio):
        return 1.0
    t = 2 * ratio  # largest distance inside the sphere, in standard deviations
    tail = math.exp(-(t**2) / 2)
    root = math.sqrt(2 / math.pi)
    zeroth = math.erf(t / math.sqrt(2)) - root * t * tail
    first = root * (2 - (t**2 + 2) * tail)
    third = root * (8 - (t**4 + 4 * t**2 + 8) * tail)
    return zeroth - 3 / (2 * t) * first + third / (2 * t**3)


def _radius_in_sigmas(volume_ml: float, fwhm_mm: float) -> float:
    if fwhm_mm < 0:
        raise GeometryError(f"A resolution of {fwhm_mm:g} mm is not a width: it must not be negative.",
                            code="resolution-negative")  # fmt: skip
    radius_mm = equivalent_diameter_mm(volume_ml) / 2
    return radius_mm * FWHM_PER_SIGMA / fwhm_mm if fwhm_mm else math.inf
