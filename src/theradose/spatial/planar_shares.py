"""What projected SPECT/CT regions say about counts on planar images: background, captured counts, overlap, body.

References
----------
[Siegel1999]_ Background in front of and behind an organ.
"""

from __future__ import annotations

import math

import numpy as np

from theradose.errors import CalibrationError
from theradose.model.arrays import Array
from theradose.model.study import BackgroundMethod
from theradose.quantify.conjugate_view import background_fraction
from theradose.spatial.projection import ProjectedRegions


def background_fractions(
    name: str, mask: Array, ring: Array, projected: ProjectedRegions, method: BackgroundMethod
) -> tuple[float, float]:
    """Return the part of the ring's counts that also lies in front of and behind the region, for each view.

    By ``spect`` it is that of the projected activity of everything but the region itself, whose blur reaches the ring.

    Parameters
    ----------
    name : str
        Region of the SPECT/CT.
    mask, ring : ndarray of bool, shape (rows, columns)
        Region of interest and background.
    projected : ProjectedRegions
        SPECT/CT on the same pixels.
    method : str
        Background.

    References
    ----------
    [Siegel1999]_, 1 − t/T of ``whole-organ``.
    """
    if method in ("none", "adjacent"):
        return (1.0, 1.0) if method == "adjacent" else (0.0, 0.0)
    position = projected.position(name)
    if method == "whole-organ":
        thickness = float(projected.thickness_cm[position][mask].mean())
        body = max(float(projected.body_cm[mask].mean()), thickness)
        fraction = background_fraction(thickness_cm=thickness, body_thickness_cm=body) if body > 0 else 1.0
        return fraction, fraction
    fractions = []
    for view in (projected.anterior, projected.posterior):
        foreign = view.sum(axis=0) - view[position]
        beside = float(foreign[ring].mean())
        fractions.append(float(foreign[mask].mean()) / beside if beside > 0 else 0.0)
    return fractions[0], fractions[1]


def captured_share(
    name: str, mask: Array, ring: Array, projected: ProjectedRegions, fractions: tuple[float, float]
) -> float:
    """Return the geometric mean of the net counts of the projected region over those of its activity in air.

    Attenuation in the body and in the region itself, blur out of the region of interest, the part of the region that it
    leaves out and the region's own counts in the background ring are all in it.

    Raises
    ------
    CalibrationError
        ``planar-not-captured`` if the region of interest catches nothing of the region.
    """
    position = projected.position(name)
    shares = []
    for view, fraction in zip((projected.anterior[position], projected.posterior[position]), fractions, strict=True):
        own = float(view[mask].sum(dtype=np.float64))
        if ring.any():
            own -= fraction * int(mask.sum()) * float(view[ring].mean(dtype=np.float64))
        shares.append(own / float(projected.activity_mbq[position]))
    if not min(shares) > 0:
        raise CalibrationError(
            f"The region of interest of '{name}' catches nothing of it by the projected SPECT: correct it.",
            code="planar-not-captured",
        )
    return math.sqrt(shares[0] * shares[1])


def overlap_share(
    name: str, mask: Array, ring: Array, projected: ProjectedRegions, fractions: tuple[float, float]
) -> float:
    """Return what other regions add to the net counts, relative to the region's own, by the projected SPECT."""
    position = projected.position(name)
    pixels = int(mask.sum())
    shares = []
    for view, fraction in zip((projected.anterior, projected.posterior), fractions, strict=True):
        others = [number for number in range(len(projected.names) - 1) if number != position]
        own = float(view[position][mask].sum())
        foreign = float(view[others][:, mask].sum())
        if ring.any():
            # What the background takes off, of the region's own blurred counts too.
            scale = fraction * pixels / int(ring.sum())
            own -= scale * float(view[position][ring].sum())
            foreign -= scale * float(view[others][:, ring].sum())
        shares.append(abs(foreign) / own if own > 0 else math.inf)
    return sum(shares) / 2


def field_share(name: str, mask: Array, projected: ProjectedRegions) -> float:
    """Return the geometric mean of the counts in a mask over those of the activity in air, of one part or of all."""
    names = [name] if name in projected.names else list(projected.names)
    places = [projected.position(found) for found in names]
    reached = [float(view[places][:, mask].sum(dtype=np.float64)) for view in (projected.anterior, projected.posterior)]
    return math.sqrt(reached[0] * reached[1]) / float(projected.activity_mbq[places].sum())


def transmission_under(mask: Array, projected: ProjectedRegions) -> float | None:
    """Return e^(−μT) of the body under a mask by CT, μT averaged; ``None`` where the mask reaches beyond the CT."""
    if not float(projected.attenuation[mask].min()) > 0:
        return None
    return math.exp(-float(projected.attenuation[mask].mean()))
